"""The audit trail at scale: chained inserts, the walk of the chain, and look-ups among ten million predictions."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from benchmarks import scale
from benchmarks.result import Result, spread
from db import evaluations
from db.sql import query
from db.verify import verify as walk


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
            rows = evaluations.add_predictions(engine, evaluation, made, studies, scale.BY)
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


def sql_lookup(quick: bool = False) -> list[Result]:
    """Look-ups by study and patient, and a month's aggregate, as `wrist sql` runs them."""
    images, rows = (20_000, 200_000) if quick else (1_000_000, 10_000_000)
    with tempfile.TemporaryDirectory() as folder:
        scale.pour(Path(folder), images, rows)
        return list(measure(Path(folder), images, rows, quick))


def measure(home: Path, images: int, rows: int, quick: bool) -> Iterator[Result]:
    """Time the queries on a filled catalogue; their plans are printed."""
    subjects = scale.records(images // 2, 1)[0], scale.records(images // 3, 1)[0]
    lookups = {
        f"SELECT * FROM {view} WHERE {column} = '{getattr(one, field)}'"
        for one in subjects
        for view in ("studies", "images", "dataset_members", "image_predictions", "study_predictions")
        for column, field in (("study_uid", "study_uid"), ("patient_key", "patient_key"))
    }
    setup = f"SQLite, {images} images, {rows} image predictions"
    slowest, name = 0.0, ""
    all_times = []
    for sql in sorted(lookups):
        times = _timed(lambda sql=sql: query(sql, home=home), 3 if quick else 5)  # type: ignore[misc]
        all_times.append(1000 * statistics.median(times))
        if all_times[-1] > slowest:
            slowest, name = all_times[-1], sql
    print(f"slowest look-up: {name}\n" + _plan(name, home))
    yield Result("sql_lookup", slowest, 50.0, 50.0 / slowest, spread(all_times), "ms, slowest look-up (limit)", setup)
    month = (
        "SELECT count(*) AS n_studies, avg(CASE WHEN label = 1 THEN 1.0 * predicted_label END) AS sensitivity, "
        "avg(CASE WHEN label = 0 THEN 1.0 - predicted_label END) AS specificity FROM study_predictions "
        "WHERE created_at >= (SELECT substr(max(at), 1, 7) FROM audit_trail)"
    )
    print(f"of the month: {query(month, home=home, limit_seconds=600).rows[0][0]} study predictions")
    times = _timed(lambda: query(month, home=home, limit_seconds=600), 3)
    middle = statistics.median(times)
    print(f"month's aggregate: {month}\n" + _plan(month, home))
    yield Result("sql_lookup", middle, 2.0, 2.0 / middle, spread(times), "s, the month's aggregate (limit)", setup)


def _timed(work: Callable[[], object], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return taken


def _plan(sql: str, home: Path) -> str:
    return "\n".join(f"  {row[-1]}" for row in query(f"EXPLAIN QUERY PLAN {sql}", home=home).rows)
