"""Somebody with every right on the home plants, swaps and links files, and tells the cache of files what to skip."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from db_tamper import does, home_of
from sqlalchemy import Engine

from db.audit.verify import verify


def model(home: Path) -> Path:
    return min((home / "models").iterdir())


def instead(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def elsewhere(path: Path) -> None:
    """A file moved out of its folder, with a link in its place."""
    moved = path.parent.parent / "moved"
    shutil.move(path, moved)
    path.symlink_to(moved)


def plant(path: Path, content: bytes = b"planted") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


FILES: dict[str, Callable[[Path], object]] = {
    "a model of another name": lambda home: plant(home / "models" / "better.keras"),
    "a model under a false hash": lambda home: plant(home / "models" / f"{'0' * 64}.keras"),
    "a hidden file among the models": lambda home: plant(home / "models" / ".hook.py"),
    "a model without its ending": lambda home: plant(home / "models" / hashlib.sha256(b"planted").hexdigest()),
    "a folder among the models": lambda home: plant(home / "models" / "more" / "model.keras"),
    "a model that is a link": lambda home: elsewhere(model(home)),
    "a model that is a folder": lambda home: instead(model(home), Path.mkdir),
    "a model that is a pipe": lambda home: instead(model(home), os.mkfifo),
    "a model without end": lambda home: instead(model(home), lambda path: path.symlink_to("/dev/zero")),
    "a model with a byte more": lambda home: model(home).write_bytes(model(home).read_bytes() + b"\0"),
    "a map that is a link": lambda home: elsewhere(home / "explanations" / "one"),
    "a map that nobody recorded": lambda home: plant(home / "explanations" / "two.png"),
    "a report that is a link": lambda home: elsewhere(home / "reports" / "one"),
    "a report that nobody recorded": lambda home: plant(home / "reports" / "ds-1-ev-1-0123456789ab.html"),
    "a folder of reports": lambda home: plant(home / "reports" / "2026" / "report.html"),
    "a newest report that is another page": lambda home: plant(home / "reports" / "latest.html"),
    "a newest report that leads away": lambda home: (home / "reports" / "latest.html").symlink_to("/etc/hostname"),
    "a state of no training": lambda home: plant(home / "runs" / "tr-nobody" / "state-1.npz"),
    "a file among the trainings": lambda home: plant(home / "runs" / "state-1.npz"),
}
CACHE = {
    "a new file counts as catalogued": "INSERT INTO file VALUES ('/data', 'new.png', 9, 9, NULL, NULL)",
    "a new file counts as catalogued with a hash": "INSERT INTO file VALUES ('/data', 'new.png', 9, 9, 'ff', NULL)",
    "a new file counts as refused": "INSERT INTO file VALUES ('/data', 'new.png', 9, 9, 'ff', 'truncated')",
    "a refused file counts as catalogued": "UPDATE file SET reason_code = NULL WHERE path = 'broken.png'",
    "a refused file counts as refused for good": (
        "UPDATE file SET reason_code = 'not_a_radiograph' WHERE path = 'broken.png'"
    ),
    "another content counts as refused": "UPDATE file SET file_sha256 = 'ff' WHERE path = 'broken.png'",
    "a catalogued file counts as refused": (
        "UPDATE file SET reason_code = 'truncated' WHERE path = 'patient00003/study1_x/image1.png'"
    ),
    "another content counts as catalogued": (
        "UPDATE file SET file_sha256 = 'ff' WHERE path = 'patient00003/study1_x/image1.png'"
    ),
    "a size that was never read": "UPDATE file SET size = 7 WHERE path = 'patient00003/study1_x/image1.png'",
    "an image is looked for elsewhere": "UPDATE image_location SET path = 'new.png' WHERE image_id = 3",
    "an image is looked for in another's file": (
        "UPDATE image_location SET path = 'patient00005/study1_x/image1.png' WHERE image_id = 3"
    ),
}


@pytest.mark.parametrize("what", FILES)
def test_planted_linked_and_replaced_files_are_found(copied: Engine, what: str) -> None:
    FILES[what](home_of(copied))
    found = verify(copied).findings
    assert found and {one.kind for one in found} == {"file"}


@pytest.mark.parametrize("what", CACHE)
def test_what_the_cache_of_known_files_says_is_backed_by_an_audited_row(copied: Engine, what: str) -> None:
    does(copied, [CACHE[what]])
    assert {one.kind for one in verify(copied).findings} == {"known_file"}


def test_what_a_killed_run_leaves_is_named_and_breaks_nothing(copied: Engine) -> None:
    home, content = home_of(copied), b"a network that nobody recorded"
    sha256 = hashlib.sha256(content).hexdigest()
    plant(home / "models" / f"{sha256}.keras", content)
    plant(home / "models" / ".part-abc" / "raw.keras")
    plant(home / "explanations" / f"{sha256}.png", content)
    plant(home / "reports" / f"ds-1-ev-1-{sha256[:12]}.html", content)
    plant(home / "reports" / "ds-1-ev-1.html.0123.part")
    with copied.connect() as connection:
        run = connection.exec_driver_sql("SELECT training_run_id FROM training_run WHERE id = 1").scalar()
    plant(home / "runs" / str(run) / "best-2.npz")
    (home / "reports" / "latest.html").symlink_to("one")
    verdict = verify(copied)
    assert verdict.findings == () and {one.kind for one in verdict.warnings} == {"left_over"}
    assert len(verdict.warnings) == 6
