"""Mutated PNG, JPEG and DICOM files: each is catalogued or refused by reason; none raises or tells names."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from tasks.compute import decode_pool
from tests import dicom_files
from tests.bomb import Bomb, Loop
from wrist_model.intake.examine_file import Context, Task, examine
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.recipe import SplitRecipe
from wrist_model.sources.source_item import Item

CODES = {
    "truncated",
    "damaged",
    "not_an_image",
    "empty",
    "decompression_bomb",
    "no_pixel_data",
    "not_a_radiograph",
    "missing_identity",
    "unsupported",
}
ENDS = CODES | {"images", "filtered", "ignored", "decoder_crashed"}
NAME = b"Zanaryxq"


def seeds() -> dict[str, bytes]:
    """Small valid files of each kind."""
    grey = (dicom_files.ramp(48, 40) >> 4).astype(np.uint8)
    files = {}
    for name, image, kind in (
        ("png", Image.fromarray(grey), "PNG"),
        ("palette", Image.fromarray(grey).convert("P"), "PNG"),
        ("png16", Image.fromarray(grey.astype(np.uint16) * 257), "PNG"),
        ("jpeg", Image.fromarray(grey), "JPEG"),
        ("colour", Image.fromarray(grey).convert("RGB"), "JPEG"),
    ):
        buffer = io.BytesIO()
        image.save(buffer, kind)
        files[name] = buffer.getvalue()
    looks = {"WindowCenter": 2048, "WindowWidth": 4096, "PatientName": NAME.decode(), "PatientID": NAME.decode()}
    for name, syntax in (("dicom", None), ("rle", RLELossless), ("jls", JPEGLSLossless), ("j2k", JPEG2000Lossless)):
        ds = dicom_files.dataset(dicom_files.ramp(48, 40), **looks)
        if syntax:
            ds.compress(syntax)
        files[name] = dicom_files.data(ds)
    lut = {"VOILUTSequence": [dicom_files.lut(np.arange(4096, dtype=np.uint16) * 16, 0, 16)]}
    files["lut"] = dicom_files.data(dicom_files.dataset(dicom_files.ramp(48, 40), **looks, **lut))
    return files


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes flipped, cut out, put in, repeated or set to extremes; or the end gone."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        at, size = int(rng.integers(len(data))), int(rng.integers(1, 9))
        how = int(rng.integers(6))
        if how == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif how == 1:
            data[at : at + size] = rng.bytes(size)
        elif how == 2:
            del data[at : at + size]
        elif how == 3:
            data[at:at] = rng.bytes(size)
        elif how == 4:
            data[at : at + size] = bytes([int(rng.choice([0, 0x7F, 0xFF]))]) * size
        else:
            data = data[: max(1, at)]
        if len(data) < 2:
            break
    return bytes(data)


def context(home) -> Context:
    return Context(
        IdentityKey(b"k" * 32), SplitRecipe(), str(home), str(home), "fuzz", private=True, max_pixels=1_000_000
    )


def campaign(home, cases: int, seed: int) -> dict[str, int]:
    """Run the cases through the real worker pool; a decoder that takes its process down costs that process only."""
    folder = home / "files"
    folder.mkdir(parents=True)
    rng, kinds, shared = np.random.default_rng(seed), seeds(), context(home)
    outcomes: dict[str, int] = {}
    at_work = {}

    def tasks():
        for number in range(cases):
            name = sorted(kinds)[number % len(kinds)]
            path = folder / f"{number}"
            path.write_bytes(mutated(kinds[name], rng))
            at_work[shared.key.path(path.name)] = path
            yield Task(Item(str(path), f"{number}"))

    for results in decode_pool.examined(tasks(), shared, 2):
        for result in results:
            refused = result.quarantined
            code = refused.reason_code if refused else result.outcome
            outcomes[code] = outcomes.get(code, 0) + 1
            assert NAME.decode() not in repr(result)
            if refused:
                assert re.fullmatch(r"[^\n]{10,200}", refused.reason)
            assert code in ENDS, at_work[result.path]
            at_work.pop(result.path).unlink()
    assert not at_work
    return outcomes


def test_hundreds_of_mutated_files_each_end_catalogued_or_refused(tmp_path):
    outcomes = campaign(tmp_path, 800, seed=1)
    assert sum(outcomes.values()) == 800
    assert outcomes["images"] > 20
    assert outcomes["damaged"] + outcomes["truncated"] > 100


@pytest.mark.soak
def test_a_hundred_thousand_mutated_files(tmp_path):
    outcomes = campaign(tmp_path, 100_000, seed=2)
    assert sum(outcomes.values()) == 100_000


def test_random_bytes_under_every_signature_are_refused(tmp_path):
    rng = np.random.default_rng(3)
    heads = (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"\0" * 128 + b"DICM", b"\x08\0\x05\0CS")
    for number in range(100):
        path = tmp_path / f"{number}"
        path.write_bytes(heads[number % len(heads)] + rng.bytes(int(rng.integers(0, 3000))))
        result = examine(Task(Item(str(path), path.name)), context(tmp_path))
        assert result.quarantined is not None
        assert result.quarantined.reason_code in CODES


@pytest.mark.parametrize("kind", [Bomb, Loop])
def test_a_decoder_that_dies_or_never_ends_costs_one_file(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(decode_pool, "CPU_SECONDS", 1.0)
    paths = []
    for number in range(6):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.full((40, 40), number, np.uint8)).save(path)
        paths.append(path)
    tasks = [Task(Item(str(path), path.name)) for path in paths]
    tasks[3] = Task(kind(str(paths[3]), paths[3].name))
    results = [result for part in decode_pool.examined(iter(tasks), context(tmp_path), 2) for result in part]
    assert [one.quarantined.reason_code for one in results if one.quarantined] == ["decoder_crashed"]
    assert len({one.path for one in results}) == len(results) == 6
