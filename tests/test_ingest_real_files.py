"""DICOM as it is out there: what is whole is read, what is cut is `truncated`, nonsense is passed over with a note."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests import dicom_files
from wrist_model.errors import Refused
from wrist_model.radiograph import decode, dicom_dataset, dicom_frames, dicom_header, suspicious

WINDOW = {"WindowCenter": 2048, "WindowWidth": 4096}
CODED = (JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, RLELossless)
EIGHT = (dicom_files.ramp(80, 60, bits=8)).astype(np.uint8)
RAMP = dicom_files.ramp(80, 60)


def made(**elements):
    return dicom_files.dataset(RAMP, **(WINDOW | elements))


def read(content):
    content = dicom_files.data(content) if isinstance(content, Dataset) else content
    return tuple(dicom_frames.decode(dicom_dataset.read(content), 10**7))


def one(content):
    (frame,) = read(content)
    assert frame.pixels.ndim == 2
    return frame


def refused(content):
    with pytest.raises(Refused) as caught:
        read(content)
    return caught.value.reason_code


PLAIN = one(made()).pixels


def coded(syntax, **elements):
    if syntax == JPEGBaseline8Bit:
        return dicom_files.encoded(dicom_files.dataset(EIGHT, bits=8), syntax)
    return dicom_files.encoded(made(**elements), syntax)


@pytest.mark.parametrize("closed", [False, True], ids=["cut", "cut and closed"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("syntax", [*CODED, JPEGBaseline8Bit], ids=lambda syntax: syntax.keyword)
def test_a_cut_codestream_is_truncated_whoever_decodes(syntax, share, closed):
    ds = coded(syntax)
    stream = dicom_files.stream(ds)
    cut = stream[: int(len(stream) * share)] + (b"\xff\xd9" if closed and syntax != RLELossless else b"")
    assert refused(dicom_files.with_stream(ds, cut)) in ("truncated", "damaged")


@pytest.mark.parametrize("syntax", [*CODED, JPEGBaseline8Bit], ids=lambda syntax: syntax.keyword)
def test_a_whole_codestream_is_read(syntax):
    assert one(coded(syntax)).pixels.shape == (80, 60)


@pytest.mark.parametrize("syntax", [*dicom_files.PLAIN, *CODED], ids=lambda syntax: syntax.keyword)
def test_a_file_cut_anywhere_is_truncated(syntax):
    whole = dicom_files.data(dicom_files.encoded(made(), syntax))
    for share in (0.02, 0.1, 0.3, 0.6, 0.9, 0.99):
        content = whole[: max(140, int(len(whole) * share))]
        assert refused(content) in ("truncated", "no_pixel_data"), share


def test_what_is_left_of_a_signature_is_truncated(tmp_path):
    for content in (b"\x89PNG", b"\xff\xd8", bytes(128) + b"DIC"):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(Refused) as caught:
            decode.decode(tmp_path / "x")
        assert caught.value.reason_code == "truncated"


@pytest.mark.parametrize("end", [b"", bytes(8), b"\xfe\xff\xdd\xe0"], ids=["nothing", "zeros", "half a delimiter"])
def test_whole_fragments_without_their_delimiter_are_read(end):
    whole = dicom_files.data(coded(JPEGLosslessSV1))
    at = whole.rindex(b"\xfe\xff\xdd\xe0")
    frame = one(whole[:at] + end)
    assert np.array_equal(frame.pixels, PLAIN)
    assert "pass over the missing sequence delimiter" in frame.steps


def items(*parts):
    return b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(part)) + part for part in parts)


def fragmented(ds, table, *parts):
    ds.PixelData = items(table, *parts)
    return ds


def test_a_single_frame_needs_no_offset_table():
    ds = coded(JPEGLosslessSV1)
    stream = dicom_files.stream(ds) + b"\0" * (len(dicom_files.stream(ds)) % 2)
    third = len(stream) // 6 * 2
    for table in (struct.pack("<I", 77), struct.pack("<II", 0, 9999), struct.pack("<I", 0xFFFFFFFF), b""):
        for parts in ((stream,), (stream[:third], stream[third : 2 * third], stream[2 * third :])):
            assert np.array_equal(one(fragmented(ds, table, *parts)).pixels, PLAIN)


def test_frames_are_found_without_or_against_their_offset_table():
    ds = coded(JPEGLosslessSV1)
    stream = dicom_files.stream(ds) + b"\0" * (len(dicom_files.stream(ds)) % 2)
    half = len(stream) // 4 * 2
    ds.NumberOfFrames = 2
    parts = (stream[:half], stream[half:], stream[:half], stream[half:])
    right = struct.pack("<II", 0, len(stream) + 16)
    for table in (right, b"", struct.pack("<II", 4, 8)):
        frames = read(fragmented(ds, table, *parts))
        assert [np.array_equal(frame.pixels, PLAIN) for frame in frames] == [True, True]
    ds.NumberOfFrames = 3
    assert refused(fragmented(ds, right, *parts)) == "truncated"
    ds.NumberOfFrames = 1
    assert refused(fragmented(ds, right, *parts)) == "damaged"


@pytest.mark.parametrize("said", [1, 3])
def test_a_coded_colour_picture_said_to_be_grey_is_damaged(said):
    values = np.repeat(EIGHT[..., None], 3, axis=2)
    ds = dicom_files.dataset(values[None], bits=8, SamplesPerPixel=3, PhotometricInterpretation="RGB")
    ds.PlanarConfiguration = 0
    ds = dicom_files.encoded(ds, JPEGBaseline8Bit)
    ds.PhotometricInterpretation, ds.SamplesPerPixel = "MONOCHROME2", said
    assert refused(ds) == "damaged"


def test_an_uncompressed_picture_of_other_length_than_its_header_says_is_never_read_silently():
    assert refused(made(PixelData=RAMP.tobytes()[:-2])) == "truncated"
    assert refused(made(PixelData=RAMP.tobytes() * 2)) == "damaged"
    assert refused(dicom_files.dataset(RAMP, BitsAllocated=8, BitsStored=8, HighBit=7)) == "damaged"
    frame = one(made(PixelData=RAMP.tobytes() + bytes(20)))
    assert np.array_equal(frame.pixels, PLAIN)
    assert "pass over 20 bytes behind the pixels" in frame.steps


OVERLAID = RAMP | np.where(np.add.outer(np.arange(80), np.arange(60)) % 19 == 0, 0x8000, 0).astype(np.uint16)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, *CODED], ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize(
    ("cells", "high", "masked"), [(OVERLAID, 11, True), (RAMP << 4, 15, False), (RAMP << 2, 13, False)]
)
def test_values_are_the_stored_bits_below_the_high_bit(syntax, cells, high, masked):
    ds = dicom_files.encoded(dicom_files.dataset(cells, bits=16, **WINDOW), syntax)
    ds.BitsStored, ds.HighBit = 12, high
    frame = one(ds)
    assert np.array_equal(frame.pixels, PLAIN)
    assert ("mask bits outside BitsStored" in frame.steps) == masked
    assert frame.doubt is None


def test_many_pixels_with_bits_beside_the_stored_ones_look_suspicious():
    ds = dicom_files.dataset(RAMP, bits=16, **WINDOW)
    ds.BitsStored, ds.HighBit = 9, 8
    assert one(ds).doubt == suspicious.HEADER


def test_a_signed_picture_is_the_same_in_every_encoding():
    values = (RAMP.astype(np.int32) - 2048).astype(np.int16)
    frames = [
        one(dicom_files.encoded(dicom_files.dataset(values, WindowCenter=0, WindowWidth=4096), syntax))
        for syntax in (ExplicitVRLittleEndian, *CODED)
    ]
    assert all(np.array_equal(frame.pixels, PLAIN) for frame in frames)


EMPTY = Dataset()
NO_TABLE = Dataset()
NO_TABLE.LUTExplanation = "nothing"
FLAT = dicom_files.lut(np.full(4096, 7, np.uint16), 0, 16)
NONSENSE = {
    "empty VOI item": lambda ds: setattr(ds, "VOILUTSequence", [EMPTY]),
    "VOI item without LUT": lambda ds: setattr(ds, "VOILUTSequence", [NO_TABLE]),
    "flat VOI LUT": lambda ds: setattr(ds, "VOILUTSequence", [FLAT]),
    "no VOI item": lambda ds: setattr(ds, "VOILUTSequence", []),
    "empty Modality LUT item": lambda ds: setattr(ds, "ModalityLUTSequence", [EMPTY]),
    "slope 0": lambda ds: (setattr(ds, "RescaleSlope", 0), setattr(ds, "RescaleIntercept", 0)),
    "slope is text": lambda ds: dicom_files.spoilt(ds, "RescaleSlope", b"none"),
    "slope is not finite": lambda ds: dicom_files.spoilt(ds, "RescaleSlope", b"1.#IND"),
    "NumberOfFrames 0": lambda ds: setattr(ds, "NumberOfFrames", 0),
    "NumberOfFrames -1": lambda ds: setattr(ds, "NumberOfFrames", -1),
    "NumberOfFrames is text": lambda ds: dicom_files.spoilt(ds, "NumberOfFrames", b"one", "IS"),
    "NumberOfFrames 1.0": lambda ds: dicom_files.spoilt(ds, "NumberOfFrames", b"1.0", "IS"),
    "unknown function": lambda ds: setattr(ds, "VOILUTFunction", "BEST"),
    "decimal comma": lambda ds: dicom_files.spoilt(ds, "WindowCenter", b"2048,0"),
    "first window 0": lambda ds: (setattr(ds, "WindowCenter", [0, 2048]), setattr(ds, "WindowWidth", [0, 4096])),
    "no SamplesPerPixel": lambda ds: delattr(ds, "SamplesPerPixel"),
    "no HighBit": lambda ds: delattr(ds, "HighBit"),
    "HighBit 0": lambda ds: setattr(ds, "HighBit", 0),
    "BitsStored 0": lambda ds: setattr(ds, "BitsStored", 0),
    "BitsStored above BitsAllocated": lambda ds: setattr(ds, "BitsStored", 20),
}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, *CODED], ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize("kind", NONSENSE)
def test_an_element_that_makes_no_sense_is_passed_over_with_a_note(kind, syntax):
    ds = coded(syntax) if syntax in CODED else made()
    NONSENSE[kind](ds)
    frame = one(ds)
    assert np.array_equal(frame.pixels, PLAIN)
    silent = ("no VOI item", "decimal comma", "NumberOfFrames 1.0", "no HighBit")  # nothing said, or read after all
    assert any(step.startswith("pass over") for step in frame.steps) == (kind not in silent)


@pytest.mark.parametrize("width", [0, -4096])
def test_without_a_sound_window_the_automatic_one_shows_the_picture(width):
    frame = one(made(WindowWidth=width))
    assert any(step.startswith("window percentile") for step in frame.steps)
    assert len(np.unique(frame.pixels)) > 100


def test_the_first_value_mapped_is_signed_where_values_can_be_negative():
    curve = np.arange(4096, dtype=np.uint16)
    right = one(made(VOILUTSequence=[dicom_files.lut(curve, 0, 12)])).pixels
    for first, signed in ((64512, False), (-1024, True)):
        item = dicom_files.lut(curve, first, 12, signed)
        frame = one(made(RescaleIntercept=-1024, RescaleSlope=1, VOILUTSequence=[item]))
        assert np.array_equal(frame.pixels, right)
    values = (RAMP.astype(np.int32) - 2048).astype(np.int16)
    item = dicom_files.lut(curve, -2048 % 65536, 12)
    assert np.array_equal(one(dicom_files.dataset(values, VOILUTSequence=[item])).pixels, right)


def test_a_high_first_value_stays_unsigned_where_values_reach_it():
    cells = RAMP + np.uint16(40000)
    item = dicom_files.lut(np.arange(4096, dtype=np.uint16), 40000, 12)
    assert np.array_equal(one(dicom_files.dataset(cells, bits=16, VOILUTSequence=[item])).pixels, PLAIN)


@pytest.mark.parametrize("declared", [8, 10, 12, 16, 0, 200])
def test_a_look_up_table_has_the_range_of_its_own_entries(declared):
    item = dicom_files.lut(np.arange(4096, dtype=np.uint16), 0, declared)
    frame = one(made(VOILUTSequence=[item]))
    assert np.abs(frame.pixels.astype(int) - PLAIN).max() <= 1


@pytest.mark.parametrize("stated", [0, 256, 65535])
def test_a_look_up_table_has_the_entries_that_it_holds(stated):
    item = dicom_files.lut(np.arange(4096, dtype=np.uint16), 0, 12)
    item.LUTDescriptor = [stated, 0, 12]
    frame = one(made(VOILUTSequence=[item]))
    assert np.abs(frame.pixels.astype(int) - PLAIN).max() <= 1


def padded(value, limit=None, stored=16, signed=False):
    wide = np.full((80, 160), value % 65536, np.uint16)
    wide[:, 50:110] = RAMP
    ds = dicom_files.dataset(wide.view(np.int16) if signed else wide, bits=stored)
    dicom_files.spoilt(ds, "PixelPaddingValue", struct.pack("<H", value % 65536), "US")
    if limit is not None:
        dicom_files.spoilt(ds, "PixelPaddingRangeLimit", struct.pack("<H", limit % 65536), "US")
    return one(ds)


def test_padding_stays_out_of_the_automatic_window():
    alone = one(dicom_files.dataset(RAMP, bits=16)).pixels
    for frame in (padded(63536), padded(65535, 60000), padded(60000, 65535), padded(-2000, signed=True)):
        assert np.array_equal(frame.pixels[:, 50:110], alone)
        assert frame.steps[-1].endswith("without padding")
    assert len(np.unique(padded(63536, stored=12).pixels[:, 50:110])) > 100


def test_a_picture_of_nothing_but_padding_is_still_a_picture():
    ds = dicom_files.dataset(np.full((40, 40), 7, np.uint16))
    dicom_files.spoilt(ds, "PixelPaddingValue", b"\7\0", "US")
    assert one(ds).pixels.shape == (40, 40)


def test_a_wrong_transfer_syntax_is_seen_by_the_codestream():
    for real, said in ((JPEGLosslessSV1, JPEG2000Lossless), (JPEG2000Lossless, JPEGBaseline8Bit)):
        ds = coded(real)
        content = dicom_files.data(ds).replace(real.encode(), said.encode().ljust(len(real), b"\0"), 1)
        frame = one(content)
        assert np.array_equal(frame.pixels, PLAIN)
        assert any("pass over the transfer syntax" in step for step in frame.steps)


@pytest.mark.parametrize(
    "said",
    ["EXTREMITY", "UNKNOWN", "NA", "N/A", "DEFAULT", "UPPER EXTREMITY", "Up_Extremity", "NONE", "OTHER", "R EXT"],
)
def test_a_body_part_that_says_nothing_falls_through_to_the_descriptions(said):
    assert dicom_header.body_part(made(BodyPartExamined=said, StudyDescription="XR WRIST LEFT")) == "WRIST"
    assert dicom_header.body_part(made(BodyPartExamined=said, SeriesDescription="Hand pa")) == "HAND"
    assert dicom_header.body_part(made(BodyPartExamined=said)) == "UNKNOWN"


def test_a_lower_extremity_is_another_part():
    assert dicom_header.body_part(made(BodyPartExamined="LOWER EXTREMITY", StudyDescription="WRIST")) == "OTHER"


def test_an_error_tells_no_identity():
    for ds in (made(PatientName="Zanaryxq^Jo", Rows=81), made(PatientName="Zanaryxq^Jo", BitsAllocated=12)):
        with pytest.raises(Refused) as caught:
            read(ds)
        assert "Zanaryxq" not in str(caught.value)


def test_encapsulate_of_the_tests_is_what_makers_write():
    ds = coded(JPEGLosslessSV1)
    assert dicom_files.data(ds).count(b"\xfe\xff\xdd\xe0") == 1
    assert encapsulate([b"ab"]).startswith(b"\xfe\xff\x00\xe0")
