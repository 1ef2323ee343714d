"""What lies in the home beside the files that the catalogue recorded, and whether those are files at all.

Nothing here is opened by its name alone: models and maps by their recorded hash. But people read reports, and a link
can be turned to something else after each check.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text

from db.audit.anchor_file import Found
from db.home import explanation_folder, latest_report_file, model_file, work_folders

BLOCK = 1 << 20
LEFT_OVER = re.compile(r"\.part-|.*\.part$|\.[0-9a-f]+\.part$")
"""What a writer that was killed leaves beside: half a file, or a folder with one."""


def sha256_of(path: Path) -> str | None:
    """The SHA-256 of a regular file, None where something else stands, which is not opened. Raises OSError."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return None
        digest = hashlib.sha256()
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def file_hash(path: Path, sha256: str, where: str) -> Iterator[Found]:
    """A recorded file that is gone, has other content, or is a link or something else than a file."""
    try:
        found = "" if path.is_symlink() else sha256_of(path)
    except OSError as error:
        yield "file", where, f"{path}: can't be read ({error.strerror}); its hash was {sha256[:12]}…."
        return
    if not found:
        yield "file", where, f"{path}: a link or no file stands in its place: what is behind it can be changed unseen."
    elif found != sha256:
        yield "file", where, f"{path}: its content is not what was stored (hash {sha256[:12]}…)."


def strangers(connection: Connection, home: Path) -> Iterator[tuple[bool, Found]]:
    """(whether it is broken, what was found): what lies among models, maps, reports and trainings, and isn't recorded.
    What a killed run leaves isn't broken."""
    models = {
        model_file(home, sha256).name
        for (sha256,) in connection.execute(
            text("SELECT artifact_sha256 FROM model_version WHERE training_run_id IS NOT NULL")
        )
    }
    maps = {Path(path).name for (path,) in connection.execute(text("SELECT path FROM explanation"))}
    reports = {Path(path).name for (path,) in connection.execute(text("SELECT path FROM report"))}
    latest = latest_report_file(home)
    for folder, known in (
        (work_folders(home).models, models),
        (explanation_folder(home), maps),
        (latest.parent, reports | {latest.name}),
    ):
        for path in _entries(folder):
            if path.name not in known:
                yield _stranger(path)
    if latest.is_symlink() or latest.exists():
        yield from ((True, found) for found in _newest(latest, reports))
    yield from _states(connection, work_folders(home).runs)


def _stranger(path: Path) -> tuple[bool, Found]:
    where = f"{path.parent.name}/{path.name}"
    if LEFT_OVER.match(path.name):
        return False, ("left_over", where, "A writer that was killed left it half done: it may be deleted.")
    try:
        sha256 = sha256_of(path) or ""
    except OSError:
        sha256 = ""
    named = path.suffix and (path.stem == sha256 or f"-{sha256[:12]}-" in f"{path.stem}-")
    if sha256 and named:
        said = (
            "It is named by its content, but no row names it: a run was ended before it was recorded, or a backup from "
            "before it was restored. The catalogue as it is doesn't need it."
        )
        return False, ("left_over", where, said)
    return True, ("file", where, "Nothing in the catalogue names it: it was put there. Move it out of the home.")


def _newest(latest: Path, reports: set[str]) -> Iterator[Found]:
    """reports/latest.html leads to a recorded report beside it, by its bare name."""
    leads_to = str(latest.readlink()) if latest.is_symlink() else None
    if leads_to not in reports:
        said = "It should be a link to the newest recorded report; it is another page. Delete it and write a report."
        yield "file", f"reports/{latest.name}", said


def _states(connection: Connection, runs: Path) -> Iterator[tuple[bool, Found]]:
    """Folders of trainings: of none that was begun, or of one that has finished and needs none."""
    last = "(SELECT e.status FROM training_event e WHERE e.training_run_id = t.id ORDER BY e.id DESC LIMIT 1)"
    rows = connection.execute(text(f"SELECT t.training_run_id, {last} AS status FROM training_run t"))
    finished = {row.training_run_id: row.status for row in rows}
    for path in _entries(runs):
        where = f"runs/{path.name}"
        if path.name not in finished or path.is_symlink() or not path.is_dir():
            said = "No training that was begun keeps its state there: it was put there, or a backup was restored since."
            yield True, ("file", where, said)
        elif finished[path.name] == "finished":
            yield False, ("left_over", where, "Its training is finished and needs no state: it may be deleted.")


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
