"""Walk the audit trail and everything it points to: `wrist verify`.

In order: the schema (tables, triggers, views), the chain and its rows, the anchor, foreign keys, the split guard, what
content hashes say (recipes, environments, manifests), what frozen versions and ingests say against the rows that they
were made of, stored files, and runs that were never ended. The chain is
walked in the order in which it was written, so the first finding names the first broken row.
"""

from __future__ import annotations

import base64
import json
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from db.audit import anchor_file as anchors
from db.audit import home_files, integrity_checks, record_checks, superseded_checks
from db.audit.canonical_json import Columns, batch_sha256, summed
from db.audit.chain import GENESIS, columns_of, link_sha256
from db.engine import reading
from db.home import last_backup_file
from db.schema.all_tables import AUDITED
from wrist_model.records import Progress

STEP = 50_000
KEPT = 100


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written. where: `table row 17`, a file, an id. message: one sentence."""

    kind: str
    where: str
    message: str


@dataclass(frozen=True)
class Verdict:
    """ok: nothing found. warnings (unended runs, what was learnt later, what an earlier Wrist wrote over) don't make a
    catalogue wrong. checked: what was looked at, counted."""

    ok: bool
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    checked: dict[str, int] = field(default_factory=dict)


def verify(
    engine: Engine,
    *,
    anchor: Path | None = None,
    files: bool = True,
    progress: Progress | None = None,
) -> Verdict:
    """Check the whole catalogue in one consistent view of it; nothing is written but the anchor file.

    anchor: compared when the file exists, then carried forward when all is well; written when it does not.
    """
    tell = progress or _silent
    home = Path(engine.get_execution_options()["wrist_home"])
    findings: list[Finding] = []
    warnings: list[Finding] = []
    checked: dict[str, int] = {}
    with reading(engine) as connection:
        findings += [Finding(*one) for one in integrity_checks.guards(connection)]
        if not any(one.kind in ("missing_table", "missing_column") for one in findings):
            ends = _walk(connection, findings, checked, tell)
            if anchor is not None:
                findings += [Finding(*one) for one in anchors.compare(connection, anchor)]
            for title, check in (*integrity_checks.CONTENT, *record_checks.RECORDS):
                tell(f"verify: {title}", 0, 0, "")
                findings += [Finding(*one) for one in check(connection)]
            if files:
                for n, (path, sha256, where) in enumerate(
                    stored := list(integrity_checks.stored_files(connection, home)), 1
                ):
                    tell("verify: files", n, len(stored), "")
                    findings += [Finding(*one) for one in home_files.file_hash(path, sha256, where)]
                checked["files"] = len(stored)
                for broken, found in home_files.strangers(connection, home):
                    (findings if broken else warnings).append(Finding(*found))
                warnings += [Finding(*one) for one in superseded_checks.overwritten_reports(connection, home)]
            warnings += [Finding(*one) for check in record_checks.LOOK_AT for one in check(connection)]
            warnings += [Finding(*one) for one in superseded_checks.scored_twice(connection)]
            warnings += [Finding(*one) for one in anchors.behind_backup(connection, last_backup_file(home))]
            if anchor is not None and not findings:
                anchors.write(connection, anchor, ends)
    warnings += [Finding(*one) for one in integrity_checks.orphans(engine)]
    return Verdict(not findings, tuple(findings[:KEPT]), tuple(warnings), checked)


def _walk(connection: Connection, findings: list[Finding], checked: dict[str, int], tell: Progress) -> dict[str, int]:
    """Check every link and every row against it; returns table → last row."""
    total = int(connection.execute(text("SELECT coalesce(sum(n_rows), 0) FROM audit_entry")).scalar() or 0)
    tables = set(AUDITED)
    streams: dict[str, _Rows] = {}
    previous, ends, done, last_at = GENESIS, dict.fromkeys(tables, 0), 0, ""
    broken_chain = False
    number = 0
    for number, entry in enumerate(_links(connection), 1):
        where = f"audit_entry row {entry['seq']}"
        table, first, last = entry["table_name"], entry["first_row"], entry["last_row"]
        link = {name: value for name, value in entry.items() if name != "chain_sha256"}
        if entry["seq"] != number and not broken_chain:
            findings.append(Finding("chain", f"audit_entry row {number}", "This link is missing: it was deleted."))
            broken_chain = True
        if link_sha256(previous, link) != entry["chain_sha256"] and not broken_chain:
            findings.append(
                Finding("chain", where, f"This link (to {table} rows {first}–{last}) was changed, or one before it.")
            )
        if entry["at"] < last_at:
            findings.append(Finding("chain", where, f"Its time {entry['at']} lies before the link before it."))
        previous, last_at = entry["chain_sha256"], entry["at"]
        if table not in tables:
            findings.append(Finding("chain", where, f"It is about {table!r}, which is no audited table."))
            continue
        if first != ends[table] + 1 or last - first + 1 != entry["n_rows"]:
            findings.append(Finding("chain", where, f"{table} rows {first}–{last} don't follow row {ends[table]}."))
        stream = streams.setdefault(table, _Rows(connection, table))
        rows = stream.take(last)
        ends[table] = last
        if findings_of := list(_batch(entry, stream.columns, rows)):
            findings += findings_of
        done += int(entry["n_rows"])
        tell("verify: audit trail", done, total, table)
        if len(findings) > KEPT:
            break
    else:
        for table in sorted(tables):
            stream = streams.setdefault(table, _Rows(connection, table))
            extra = stream.take(None)
            if extra:
                findings.append(
                    Finding(
                        "row", f"{table} row {extra[0][0]}", "No link of the chain covers it: it was added outside."
                    )
                )
    checked.update(links=number, rows=done)
    return ends


def _links(connection: Connection) -> Iterator[Any]:
    after = -(2**62)
    while True:
        sql = text("SELECT * FROM audit_entry WHERE seq > :after ORDER BY seq LIMIT 2000")
        entries = connection.execute(sql, {"after": after}).mappings().all()
        yield from entries
        if len(entries) < 2000:
            return
        after = entries[-1]["seq"]


def _batch(entry: Any, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Iterator[Finding]:
    """What is wrong with the rows of one link. rows: each ends with its `entry`."""
    table, seq = entry["table_name"], entry["seq"]
    expected = range(entry["first_row"], entry["last_row"] + 1)
    held: Columns = dict(zip((*columns, "entry"), zip(*rows, strict=True), strict=True)) if rows else {"id": ()}
    if tuple(held["id"]) != tuple(expected):
        there = set(held["id"])
        missing = next((number for number in expected if number not in there), None)
        strange = next((number for number in held["id"] if number not in expected), None)
        if missing is not None:
            yield Finding("row", f"{table} row {missing}", f"It is gone; link {seq} says that it was written.")
        if strange is not None:
            yield Finding("row", f"{table} row {strange}", "No link of the chain covers it: it was added outside.")
        if missing is None and strange is None:
            yield Finding("row", f"{table} row {expected[0]}", f"Its rows are not those that link {seq} says.")
        return
    for number, named in zip(held["id"], held["entry"], strict=True):
        if named != seq:
            yield Finding("row", f"{table} row {number}", f"It names link {named}; it was written with link {seq}.")
            return
    bare = {name: held[name] for name in columns}
    try:
        same = batch_sha256(table, bare) == entry["batch_sha256"]
    except (TypeError, ValueError):
        same = False
    if not same:
        number, what = _what_changed(entry, bare)
        yield Finding(
            "row",
            f"{table} row {number}",
            f"Written {entry['at']} by {entry['actor']} (link {seq}) and changed since: {what}.",
        )


def _what_changed(entry: Any, columns: Columns) -> tuple[int, str]:
    """The first changed row of a batch, and which columns changed, by the link's check sums."""
    first, place, what = int(entry["first_row"]), 0, f"one of its {entry['n_rows']} row(s); the first"
    try:
        marks, now = json.loads(entry["marks"]), summed(entry["table_name"], columns)
        crcs = array("I", base64.b64decode(marks["rows"]))
        place = next(n for n, crc in enumerate(now.rows) if n >= len(crcs) or crc != crcs[n])
        known = marks["columns"]
        differing = sorted(name for name in {*now.columns, *known} if now.columns.get(name) != known.get(name))
        what = f"column {', '.join(differing)}; it now"
    except (ValueError, KeyError, TypeError, StopIteration):
        place = 0
    return first + place, f"{what} reads {_show(tuple(columns), tuple(values[place] for values in columns.values()))}"


def _show(columns: tuple[str, ...], row: tuple[Any, ...]) -> str:
    content = {name: value for name, value in zip(columns, row, strict=False) if value is not None}
    shown = json.dumps(content, default=str, ensure_ascii=False)
    return shown if len(shown) <= 300 else shown[:299] + "…"


class _Rows:
    """A table's rows in order of id, read in steps."""

    def __init__(self, connection: Connection, table: str) -> None:
        known = columns_of(table)
        self.columns = ("id", *sorted(name for name in known if name != "id"))
        listed = ", ".join(f'"{name}"' for name in (*self.columns, "entry"))
        self._connection, self._after, self._held = connection, None, []  # type: ignore[var-annotated]
        self._sql = f"SELECT {listed} FROM {table}"
        self._done = False
        self._position = 0

    def take(self, last: int | None) -> list[tuple[Any, ...]]:
        """The rows not yet taken with an id up to `last`; None: the next one, if any."""
        taken: list[tuple[Any, ...]] = []
        while True:
            begin = self._position
            end = begin + 1 if last is None else bisect_right(self._held, last, begin, key=itemgetter(0))
            taken += self._held[begin:end]
            self._position = min(end, len(self._held))
            if self._done or self._position < len(self._held) or (last is None and taken):
                return taken
            self._load()

    def _load(self) -> None:
        mark = "?" if self._connection.dialect.name == "sqlite" else "%s"
        after = "" if self._after is None else f" WHERE id > {mark}"
        sql = f"{self._sql}{after} ORDER BY id LIMIT {STEP}"
        cursor = self._connection.exec_driver_sql(sql, () if self._after is None else (self._after,)).cursor
        self._held = [] if cursor is None else list(cursor.fetchall())
        self._position = 0
        self._done = len(self._held) < STEP
        if self._held:
            self._after = self._held[-1][0]


def _silent(_stage: str, _done: int, _total: int, _note: str) -> None:
    """No progress is shown."""
