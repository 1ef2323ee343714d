"""Walk the audit trail and everything it points to: `wrist verify`.

In order: the schema (tables, triggers, views), the chain and its rows, the anchor, foreign keys, the split guard, what
content hashes say (recipes, environments, manifests), what frozen versions and ingests say against the rows that they
were made of, stored files, and runs that were never ended. The chain is
walked in the order in which it was written, so the first finding names the first broken row.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine

from db import pruned_files
from db.audit import anchor_file as anchors
from db.audit import home_files, integrity_checks, record_checks, superseded_checks, verified_link
from db.audit.verified_link import VerifiedLink
from db.audit.walk import KEPT, Finding, walk
from db.engine import reading
from db.home import last_backup_file
from wrist_model.records import Progress


@dataclass(frozen=True)
class Verdict:
    """ok: nothing found. warnings (unended runs, what was learnt later, what an earlier Wrist wrote over) don't make a
    catalogue wrong. checked: what was looked at, counted. not_read: what was not, in a sentence; empty for the whole.
    reached: the last link that holds, None where something was found."""

    ok: bool
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    checked: dict[str, int] = field(default_factory=dict)
    not_read: str = ""
    reached: VerifiedLink | None = None


def verify(
    engine: Engine,
    *,
    anchor: Path | None = None,
    files: bool = True,
    progress: Progress | None = None,
    after: VerifiedLink | None = None,
) -> Verdict:
    """Check the whole catalogue in one consistent view of it; nothing is written but the anchor file.

    anchor: compared when the file exists, then carried forward when all is well; written when it does not.
    after: only what was written since that link was verified; the verdict says what was not read.
    """
    tell = progress or _silent
    home = Path(engine.get_execution_options()["wrist_home"])
    findings: list[Finding] = []
    warnings: list[Finding] = []
    checked: dict[str, int] = {}
    reached = None
    with reading(engine) as connection:
        findings += [Finding(*one) for one in integrity_checks.guards(connection, pages=after is None)]
        if not any(one.kind in ("missing_table", "missing_column") for one in findings):
            ends = walk(connection, after, findings, checked, tell)
            if anchor is not None:
                findings += [Finding(*one) for one in anchors.compare(connection, anchor)]
            if after is None:
                _the_rest(connection, home if files else None, findings, warnings, tell)
            else:
                findings += [Finding(*one) for check in integrity_checks.NEW for one in check(connection, after.ends)]
            if files:
                findings += _stored(connection, home, after, checked, tell)
            warnings += [Finding(*one) for one in anchors.behind_backup(connection, last_backup_file(home))]
            if not findings:
                reached = verified_link.end_of(connection, ends, after)
            if anchor is not None and reached is not None:
                anchors.write(connection, anchor, reached)
    warnings += [Finding(*one) for one in integrity_checks.orphans(engine)]
    not_read = "" if after is None else _not_read(after)
    return Verdict(not findings, tuple(findings[:KEPT]), tuple(warnings), checked, not_read, reached)


def _the_rest(
    connection: Connection, home: Path | None, findings: list[Finding], warnings: list[Finding], tell: Progress
) -> None:
    """What rows say of each other, and what lies in the home beside the files that they name."""
    for title, check in (*integrity_checks.CONTENT, *record_checks.RECORDS):
        tell(f"verify: {title}", 0, 0, "")
        findings += [Finding(*one) for one in check(connection)]
    if home is not None:
        for broken, found in home_files.strangers(connection, home):
            (findings if broken else warnings).append(Finding(*found))
        warnings += [Finding(*one) for one in superseded_checks.overwritten_reports(connection, home)]
    warnings += [Finding(*one) for check in record_checks.LOOK_AT for one in check(connection)]
    warnings += [Finding(*one) for one in superseded_checks.scored_twice(connection)]


def _stored(
    connection: Connection, home: Path, after: VerifiedLink | None, checked: dict[str, int], tell: Progress
) -> list[Finding]:
    """Models, maps and reports (those of rows after that link) that are not as they were stored. A map that the trail
    calls pruned may be gone; one that is there is checked like any other."""
    stored = list(integrity_checks.stored_files(connection, home, after.ends if after else {}))
    gone = {(home / path, sha256) for path, sha256 in pruned_files.pruned(connection).items()}
    found: list[Finding] = []
    read = 0
    for n, (path, sha256, where) in enumerate(stored, 1):
        tell("verify: files", n, len(stored), "")
        if (path, sha256) in gone and not os.path.lexists(path):
            continue
        found += [Finding(*one) for one in home_files.file_hash(path, sha256, where)]
        read += 1
    checked["files"] = read
    if read < len(stored):
        checked["pruned"] = len(stored) - read
    return found


def _not_read(after: VerifiedLink) -> str:
    return (
        f"links 1 to {after.seq} and their {sum(after.ends.values())} rows, verified by {after.at} (all of them last "
        f"on {after.walked_at}), the files that they name, the database's pages, and what new rows say of older ones "
        "beyond keys and splits: `wrist verify` reads all of it"
    )


def _silent(_stage: str, _done: int, _total: int, _note: str) -> None:
    """No progress is shown."""
