"""The cache of known files says what may be passed over. It decides nothing: an audited row or the content does."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from db_tamper import does
from PIL import Image
from sqlalchemy import Engine

from db.audit.verify import verify
from tasks.ingest_files import catalogue_files
from tasks.original_files import read_again
from tests import dicom_files
from tests.ingest_settings import settings
from wrist_model.recipe import SplitRecipe
from wrist_model.records import IngestCounts, Provenance


def ingested(engine: Engine, folder: Path) -> IngestCounts:
    home = Path(engine.get_execution_options()["wrist_home"])
    given = settings(jobs=1)
    by = Provenance("tester")
    return catalogue_files([folder], home=home, engine=engine, rule=SplitRecipe(), provenance=by, **given).counts


def picture(path: Path, first: int) -> None:
    pixels = dicom_files.ramp(48, 40, bits=8).astype(np.uint8)
    pixels[0, 0] = first
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def told_known(engine: Engine, folder: Path, name: str, sha256: str, reason: str) -> None:
    facts = (folder / name).stat()
    row = f"('{folder}', '{name}', {facts.st_size}, {facts.st_mtime_ns}, {sha256}, {reason})"
    does(engine, [f"INSERT INTO file (root, path, size, mtime_ns, file_sha256, reason_code) VALUES {row}"])


def silent(_stage: str, _done: int, _total: int, _note: str) -> None:
    """No progress is shown."""


def test_a_new_file_that_only_the_cache_knows_is_ingested(catalogue: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    picture(folder / "a.png", 1)
    assert ingested(catalogue, folder).new == 1
    for number, name in enumerate(("b.png", "c.png", "d.png")):
        picture(folder / name, 10 + number)
    told_known(catalogue, folder, "b.png", "NULL", "NULL")
    told_known(catalogue, folder, "c.png", "'ff'", "NULL")
    told_known(catalogue, folder, "d.png", "'ff'", "'not_a_radiograph'")
    assert not verify(catalogue, files=False).ok
    counts = ingested(catalogue, folder)
    assert (counts.new, counts.unchanged, counts.quarantined) == (3, 1, 0)
    assert verify(catalogue, files=False).findings == ()


def test_content_that_was_swapped_under_its_size_and_time_is_found_by_reading_it_again(
    catalogue: Engine, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    for number in range(3):
        picture(folder / f"{number}.png", number)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert ingested(catalogue, folder).new == 3
    assert read_again(catalogue, silent) == ([], [], 4)
    for name in ("1.png", "broken.png"):
        before = (folder / name).stat()
        content = bytearray((folder / name).read_bytes())
        content[-1] ^= 1
        (folder / name).write_bytes(content)
        os.utime(folder / name, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert ingested(catalogue, folder).new == 0 and verify(catalogue, files=False).ok
    found, look_at, read = read_again(catalogue, silent)
    assert sorted(one.where for one in found) == ["1.png", "broken.png"] and look_at == [] and read == 4
    (folder / "2.png").unlink()
    assert [one.kind for one in read_again(catalogue, silent)[1]] == ["original"]


def test_a_dicom_file_that_was_given_alone_is_said_to_have_no_stored_folder(catalogue: Engine, tmp_path: Path) -> None:
    file = dicom_files.write(tmp_path / "MUELLER_ANNA", "1.dcm", dicom_files.dataset())
    assert ingested(catalogue, file).new == 1
    found, [look_at], read = read_again(catalogue, silent)
    assert (found, read) == ([], 0)
    assert "given one by one" in look_at.message and "MUELLER" not in look_at.where + look_at.message
