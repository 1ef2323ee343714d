"""Small files that ask for much memory, many rows or many files: refused by reason, before they get it."""

from __future__ import annotations

import os
import resource
import struct
import zlib

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless

from tasks.compute import decode_pool
from tests import dicom_files
from tests.dicom_files import data, dataset, encoded, ramp, stream, with_stream
from wrist_model.errors import Refused
from wrist_model.intake.examine_file import Context, Task
from wrist_model.radiograph import decode, dicom_dataset, dicom_frames
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.recipe import SplitRecipe
from wrist_model.sources.source_item import Item

CLAIMED = 60_000


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def boxed(hidden: bytes, claimed: int = CLAIMED) -> bytes:
    """JP2's boxes (T.800 Annex I) with a whole codestream of 64 × 64 in one that decoders pass over, before the one
    that they read: its header box and its codestream claim more."""
    header = box(b"ihdr", struct.pack(">IIHBBBB", claimed, claimed, 1, 11, 7, 0, 0))
    header += box(b"colr", b"\x01\0\0" + struct.pack(">I", 17))
    shown = stream(encoded(dataset(ramp(64, 64)), JPEG2000Lossless))
    return (
        box(b"jP  ", b"\r\n\x87\n")
        + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
        + box(b"jp2h", header)
        + box(b"free", shown)
        + box(b"jp2c", hidden)
    )


def claiming(size: int = CLAIMED, components: int = 1) -> bytes:
    """A JPEG 2000 codestream whose SIZ (T.800 A.5.1) claims more than is there."""
    coded = stream(encoded(dataset(ramp(64, 64)), JPEG2000Lossless))
    place = struct.pack(">IIIIIIII", size, size, 0, 0, size, size, 0, 0)
    each = coded[42:45] * components
    siz = coded[6:8] + place + struct.pack(">H", components) + each
    return coded[:4] + struct.pack(">H", 2 + len(siz)) + siz + coded[45:]


def wrapped(coded: bytes) -> bytes:
    ds = dataset(ramp(64, 64))
    ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
    return data(with_stream(ds, coded))


def deflated(mebibytes: int) -> bytes:
    """A deflated object with one private element of so many zeros: a thousandth of them on disk."""
    ds = dataset(ramp(64, 64))
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    whole = data(ds)
    start = 144 + int.from_bytes(whole[140:144], "little")
    plain = zlib.decompress(whole[start:], -15)
    pixels = plain.index(b"\xe0\x7f\x10\0OW")
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    parts = [deflate.compress(plain[:pixels] + struct.pack("<HH2sHI", 0x0029, 0x1001, b"UN", 0, mebibytes << 20))]
    parts += [deflate.compress(bytes(1 << 20)) for _ in range(mebibytes)]
    parts += [deflate.compress(plain[pixels:]), deflate.flush()]
    return whole[:start] + b"".join(parts)


def grown(action):
    """The most memory that an action took, in bytes, measured in a child of its own; and what it gave."""
    receive, send = os.pipe()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = os.fork()
    if child == 0:
        try:
            os.write(send, repr(action()).encode())
        except BaseException as error:
            os.write(send, repr(error).encode())
        os._exit(0)
    os.close(send)
    _, _, usage = os.wait4(child, 0)
    with os.fdopen(receive) as said:
        return (usage.ru_maxrss - before) << 10, said.read()


def decoded(raw: bytes):
    try:
        frames = list(dicom_frames.decode(dicom_dataset.read(raw), decode.DEFAULT_MAX_PIXELS))
    except Refused as refused:
        return refused.reason_code
    return [frame.pixels.shape for frame in frames]


def test_only_the_codestream_that_was_looked_at_is_decoded():
    taken, said = grown(lambda: decoded(wrapped(boxed(claiming()))))
    assert said == "[(64, 64)]"
    assert taken < 400 << 20
    assert decoded(wrapped(boxed(b"", 64))) == [(64, 64)]


@pytest.mark.parametrize(
    ("coded", "code"), [(claiming(), "damaged"), (claiming(64, 16_384), "damaged"), (claiming(64, 3), "damaged")]
)
def test_a_codestream_that_claims_more_than_the_header_is_refused_undecoded(coded, code):
    taken, said = grown(lambda: decoded(wrapped(coded)))
    assert said == repr(code)
    assert taken < 400 << 20


def test_a_deflated_object_is_inflated_up_to_a_bound():
    bomb = deflated(400)
    assert len(bomb) < 4 << 20
    taken, said = grown(lambda: decoded(bomb))
    assert said == "'decompression_bomb'"
    assert taken < 1200 << 20
    assert decoded(deflated(1)) == [(64, 64)]


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_frames_are_counted_before_they_are_decoded(stated, packed):
    frames = np.broadcast_to(ramp(8, 8, 8).astype(np.uint8), (300, 8, 8)).copy()
    ds = dataset(frames, bits=8, NumberOfFrames=300)
    if packed:
        one = stream(encoded(dataset(np.tile(frames[0], (8, 8)), bits=8), JPEG2000Lossless))
        ds.Rows = ds.Columns = 64
        ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
        ds.PixelData = encapsulate([one] * 300)
    if not stated:
        ds.NumberOfFrames = 0
    raw = dicom_dataset.read(data(ds))
    with pytest.raises(Refused, match="--max-frames") as refused:
        next(dicom_frames.decode(raw, decode.DEFAULT_MAX_PIXELS))
    assert refused.value.reason_code == "decompression_bomb"
    if not packed:
        assert sum(1 for _ in dicom_frames.decode(raw, decode.DEFAULT_MAX_PIXELS, 300)) == 300


def test_colours_of_a_large_picture_take_little_more_than_the_picture():
    pixels = np.random.default_rng(1).integers(0, 256, (3000, 3000, 3), np.uint8)
    ds = dataset(pixels, bits=8, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    ds.Rows = ds.Columns = 3000
    raw = data(ds)
    taken, said = grown(lambda: decoded(raw))
    assert said == "[(3000, 3000)]"
    assert taken < 200 << 20


class Hungry(Item):
    """An item for which a worker asks for more memory than there is for a file."""

    def __getattribute__(self, name):
        if name == "path" and "greedy" in super().__getattribute__("relative"):
            return bytes(6 << 30) and ""
        return super().__getattribute__(name)


def test_a_file_that_takes_more_memory_than_a_worker_has_costs_itself_alone(tmp_path):
    for number in range(3):
        dicom_files.write(tmp_path, f"{number}", dataset(PatientID=f"P{number}"))
    names = ["0", "greedy", "1", "2"]
    context = Context(IdentityKey(b"k" * 32), SplitRecipe(), str(tmp_path / "pixels"), str(tmp_path), "x", private=True)
    tasks = [Task(Hungry(str(tmp_path / name), name)) for name in names]
    results = [one for part in decode_pool.examined(tasks, context, 1) for one in part]
    assert [len(one.images) for one in results] == [1, 0, 1, 1]
    assert [one.quarantined.reason_code for one in results if one.quarantined] == ["decompression_bomb"]
