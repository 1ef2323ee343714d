"""The walk of the audit chain: every link, and every row against the link that it was written with.

It begins at the first link, or after one that was verified before. The chain is walked in the order in which it was
written, so the first finding names the first broken row.
"""

from __future__ import annotations

import base64
import json
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, text

from db.audit.canonical_json import Columns, batch_sha256, summed
from db.audit.chain import GENESIS, columns_of, link_sha256
from db.audit.verified_link import VerifiedLink
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


def walk(
    connection: Connection,
    after: VerifiedLink | None,
    findings: list[Finding],
    checked: dict[str, int],
    tell: Progress,
) -> dict[str, int]:
    """Check every link (after that one) and every row against it; returns table → last row."""
    begin = after.seq if after else 0
    sql = text("SELECT coalesce(sum(n_rows), 0) FROM audit_entry WHERE seq > :begin")
    total = int(connection.execute(sql, {"begin": begin}).scalar() or 0)
    tables = set(AUDITED)
    known = dict(after.ends) if after else {}
    streams = {table: _Rows(connection, table, known.get(table)) for table in tables}
    previous, ends, done, last_at = GENESIS, dict.fromkeys(tables, 0) | known, 0, ""
    broken_chain = False
    number = begin
    if after:
        stood = connection.execute(
            text("SELECT chain_sha256 AS sha, at FROM audit_entry WHERE seq = :seq"), {"seq": begin}
        )
        row = stood.first()
        if row is None or row.sha != after.chain_sha256:
            said = "is gone" if row is None else "was written anew, or one before it"
            message = f"It was verified on {after.at}, and {said} since then: `wrist verify` reads all of it."
            findings.append(Finding("chain", f"audit_entry row {begin}", message))
            return ends
        previous, last_at = row.sha, row.at
    for number, entry in enumerate(_links(connection, begin if after else None), begin + 1):
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
        stream = streams[table]
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
            stream = streams[table]
            extra = stream.take(None)
            if extra:
                findings.append(
                    Finding(
                        "row", f"{table} row {extra[0][0]}", "No link of the chain covers it: it was added outside."
                    )
                )
    checked.update(links=number - begin, rows=done)
    return ends


def _links(connection: Connection, begin: int | None) -> Iterator[Any]:
    after = -(2**62) if begin is None else begin
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
    """A table's rows in order of id, those after one or all, read in steps."""

    def __init__(self, connection: Connection, table: str, after: int | None) -> None:
        known = columns_of(table)
        self.columns = ("id", *sorted(name for name in known if name != "id"))
        listed = ", ".join(f'"{name}"' for name in (*self.columns, "entry"))
        self._connection, self._after = connection, after
        self._held: list[tuple[Any, ...]] = []
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
