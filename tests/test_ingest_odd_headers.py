"""DICOM headers and pixels that disagree, made after public reports: the right greys, or a sign."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from tests import dicom_files
from wrist_model.errors import Refused
from wrist_model.radiograph import dicom_dataset, dicom_frames, dicom_header

RAMP = dicom_files.ramp(40, 50)
EIGHT = dicom_files.ramp(40, 50, bits=8).astype(np.uint8)
CURVE = np.rint(255 * (np.arange(256) / 255) ** 0.5).astype(np.uint16)  # a palette's entries, a VOI LUT's


def made(pixels=RAMP, bits=12, **elements):
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    return dicom_files.dataset(pixels, bits=bits, **(window | elements))


def read(content):
    content = dicom_files.data(content) if isinstance(content, Dataset) else content
    return next(iter(dicom_frames.decode(dicom_dataset.read(content), 10**7)))


def refused(content):
    with pytest.raises(Refused) as caught:
        read(content)
    return caught.value.reason_code


PLAIN = read(made()).pixels


def as_un(content, keyword):
    """A file, explicit little endian, with a short element's VR written as UN."""
    tag = Tag(keyword)
    at = content.index(struct.pack("<HH", tag.group, tag.element))
    (length,) = struct.unpack_from("<H", content, at + 6)
    value = content[at + 8 : at + 8 + length]
    return content[: at + 4] + b"UN\0\0" + struct.pack("<I", length) + value + content[at + 8 + length :]


@pytest.mark.parametrize(
    "keyword", ["Rows", "Columns", "BitsStored", "HighBit", "SamplesPerPixel", "PhotometricInterpretation"]
)
def test_a_public_element_written_as_un_has_the_standards_vr(keyword):
    decoded = read(as_un(dicom_files.data(made()), keyword))
    assert np.array_equal(decoded.pixels, PLAIN)
    assert not any("pass over" in step for step in decoded.steps)


def test_a_sign_written_as_un_is_no_less_a_sign():
    signed = made(RAMP.astype(np.int16) - 2048, WindowCenter=0)
    content = as_un(dicom_files.data(signed), "PixelRepresentation")
    assert np.array_equal(read(content).pixels, read(signed).pixels)


def test_a_jpeg_2000_of_negative_values_is_signed_whatever_the_header_says():
    """pydicom 1149, the other way round."""
    ds = dicom_files.encoded(made(RAMP.astype(np.int16) - 2048, WindowCenter=0), JPEG2000Lossless)
    right = read(ds).pixels
    ds.PixelRepresentation = 0
    decoded = read(ds)
    assert np.array_equal(decoded.pixels, right)
    assert any("pass over PixelRepresentation" in step for step in decoded.steps)
    assert decoded.doubt == "header_disagrees"


@pytest.mark.parametrize("high", [12, 15])
def test_bits_below_the_stored_ones_look_suspicious(high):
    """HighBit too high by a few: the picture comes out dark, its low bits lost."""
    decoded = read(made(HighBit=high))
    assert decoded.doubt == "header_disagrees" and "mask bits outside BitsStored" in decoded.steps


@pytest.mark.parametrize("keyword", ["WindowCenter", "WindowWidth"])
def test_half_a_window_is_passed_over_with_a_note(keyword):
    ds = made()
    del ds[keyword]
    assert any(step.startswith("pass over a window without a") for step in read(ds).steps)


@pytest.mark.parametrize(("said", "shape"), [("MONOCHROME1", "IDENTITY"), ("MONOCHROME2", "INVERSE")])
def test_a_shape_that_contradicts_the_photometric_interpretation_is_noted(said, shape):
    decoded = read(made(PhotometricInterpretation=said, PresentationLUTShape=shape))
    assert decoded.inverted == (shape == "INVERSE")
    assert f"pass over {said}: PresentationLUTShape is {shape}" in decoded.steps


@pytest.mark.parametrize("keyword", ["SamplesPerPixel", "BitsAllocated"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLSLossless])
def test_a_zero_that_makes_no_sense_is_passed_over(keyword, syntax):
    ds = dicom_files.encoded(made(), syntax)
    setattr(ds, keyword, 0)
    decoded = read(ds)
    assert np.array_equal(decoded.pixels, PLAIN)
    assert f"pass over {keyword} 0" in decoded.steps


def test_the_missing_bits_stored_is_noted_of_plain_pixels_too():
    ds = made()
    del ds.BitsStored
    assert any("missing BitsStored" in step for step in read(ds).steps)


@pytest.mark.parametrize("syntax", ["1.2.840.113619.5.2", "1.2.840.10008.1.2.4.110", "1.2.3"])
def test_a_transfer_syntax_that_nobody_knows_is_unsupported(syntax):
    """GE's own, JPEG XL, and nonsense; what the element says isn't told, since it may be anything."""
    content = dicom_files.data(made())
    at = content.index(b"\x02\0\x10\0UI")
    value = syntax.encode() + b"\0" * (len(syntax) % 2)
    content = content[: at + 6] + struct.pack("<H", len(value)) + value + content[at + 28 :]
    content = content[:140] + struct.pack("<I", content.index(b"\x08\0\x16\0") - 144) + content[144:]
    with pytest.raises(Refused) as caught:
        read(content)
    assert caught.value.reason_code == "unsupported" and syntax not in caught.value.reason


def test_a_deflated_data_set_with_zlibs_header_is_read():
    """dcm4che tells it by the same two bytes."""
    ds = made()
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content = dicom_files.data(ds)
    begun = 144 + struct.unpack_from("<I", content, 140)[0]
    content = content[:begun] + zlib.compress(zlib.decompress(content[begun:], -15))
    assert np.array_equal(read(content).pixels, PLAIN)
    assert refused(content[: len(content) // 2]) == "truncated"


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, JPEGLSLossless, RLELossless])
def test_a_file_cut_at_any_byte_is_truncated(syntax):
    """Also within the tag, VR and length of an element. Between two elements it may be a bare header as well."""
    whole = dicom_files.data(dicom_files.encoded(made(RAMP[:8, :8].copy()), syntax))
    ends = {"truncated": 0, "no_pixel_data": 0}
    begun = whole.index(b"\x7f\xe0\0\x10OW" if syntax == ExplicitVRBigEndian else b"\xe0\x7f\x10\0O")
    for end in range(200, len(whole) - 8):
        code = refused(whole[:end])
        ends[code] += 1
        assert code == "truncated" or end <= begun
    assert ends["no_pixel_data"] < 40


def test_a_jpeg_2000_without_a_tile_length_is_whole_or_truncated():
    """Psot 0 (T.800 A.4.2): cut between two packets and closed, decoders take it for a whole one of less detail."""
    ds = dicom_files.encoded(made(RAMP[:32, :32].copy()), JPEG2000Lossless)
    right = read(ds).pixels
    stream = dicom_files.stream(ds)
    at = stream.index(b"\xff\x90")
    stream = stream[: at + 6] + bytes(4) + stream[at + 10 :]
    assert np.array_equal(read(dicom_files.with_stream(ds, stream)).pixels, right)
    for end in range(begun := stream.index(b"\xff\x93") + 2, begun + 130):
        try:
            got = read(dicom_files.with_stream(ds, stream[:end] + b"\xff\xd9")).pixels
        except Refused:
            continue
        assert np.array_equal(got, right), end


def lut(entries, bits, data, vr="OW"):
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [entries, 0, bits])
    item["LUTData"] = RawDataElement(Tag("LUTData"), vr, len(data), data, 0, False, True)
    return item


BYTES, WORDS = CURVE.astype(np.uint8).tobytes(), CURVE.astype("<u2").tobytes()
LOOKED_UP = CURVE[EIGHT].astype(np.uint8)


@pytest.mark.parametrize(("bits", "data"), [(8, BYTES), (8, WORDS), (16, WORDS), (16, BYTES)])
def test_a_lut_of_256_bytes_or_words_is_read_by_its_length(bits, data):
    ds = made(EIGHT, bits=8, VOILUTSequence=[lut(256, bits, data)])
    decoded = read(ds)
    assert np.array_equal(decoded.pixels, LOOKED_UP)
    assert any("bits an entry" in step for step in decoded.steps) == (bits == 16 and data is BYTES)


def test_a_lut_that_no_value_meets_is_passed_over():
    item = lut(256, 8, WORDS)
    item.LUTDescriptor = [256, 60000, 8]
    decoded = read(made(VOILUTSequence=[item]))
    assert np.array_equal(decoded.pixels, PLAIN)
    assert "pass over an item of the VOI LUT Sequence: no table" in decoded.steps


def test_a_voi_lut_may_begin_where_a_modality_lut_has_its_middle():
    """The Modality LUT rises and falls: neither end of its range comes near what the VOI LUT is for."""
    hill = np.minimum(np.arange(4096), 4095 - np.arange(4096)) * 32
    ds = made(
        ModalityLUTSequence=[lut(4096, 16, hill.astype("<u2").tobytes())],
        VOILUTSequence=[lut(16384, 14, np.arange(16384).astype("<u2").tobytes())],
    )
    ds.VOILUTSequence[0].LUTDescriptor = [16384, 49152, 14]
    right = np.rint(np.clip(hill[RAMP].astype(int) - 49152, 0, 16383) / 16383 * 255)
    assert np.abs(read(ds).pixels - right).max() <= 1


@pytest.mark.parametrize(("declared", "white"), [(16, 4095), (12, 4095), (13, 8191)])
def test_an_entry_of_4096_is_one_beyond_12_bits(declared, white):
    entries = np.minimum(np.arange(4096) * 4096 // 4000, 4096)
    decoded = read(made(VOILUTSequence=[lut(4096, declared, entries.astype("<u2").tobytes())]))
    right = np.rint(np.minimum(entries[RAMP] / white, 1) * 255)
    assert np.abs(decoded.pixels - right).max() <= 1


def test_bytes_in_big_endian_words_are_in_order():
    swapped = np.frombuffer(BYTES, "<u2").byteswap().tobytes()
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [256, 0, 8])
    item.add_new("LUTData", "OW", swapped)
    ds = dicom_files.encoded(made(EIGHT, bits=8, VOILUTSequence=[item]), ExplicitVRBigEndian)
    assert np.array_equal(read(ds).pixels, LOOKED_UP)


def coloured(bits, data, pixels=EIGHT, stored=8, entries=256, first=0):
    ds = dicom_files.dataset(pixels, bits=stored, PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [entries, first, bits])
        setattr(ds, f"{colour}PaletteColorLookupTableData", data)
    return ds


FULL = (CURVE * 257).astype("<u2").tobytes()


@pytest.mark.parametrize(("bits", "data"), [(16, FULL), (8, FULL), (8, BYTES), (8, WORDS), (16, WORDS)])
def test_a_palette_has_the_entries_that_it_holds(bits, data):
    """PS3.3 C.7.6.3.1.5's note; OHIF 5823, cornerstoneWADOImageLoader 138, slim 173."""
    assert np.abs(read(coloured(bits, data)).pixels.astype(int) - LOOKED_UP).max() <= 1


def test_a_palette_is_looked_up_by_the_stored_bits_alone():
    cells = EIGHT.astype(np.uint16)
    cells[::3, ::7] |= 0x8000
    decoded = read(coloured(16, FULL, cells, stored=8))
    assert np.abs(decoded.pixels.astype(int) - LOOKED_UP).max() <= 1
    assert "mask bits outside BitsStored" in decoded.steps


def test_a_palette_that_begins_later_or_lacks_entries():
    decoded = read(coloured(16, (CURVE[5:] * 257).astype("<u2").tobytes(), entries=251, first=5))
    assert np.abs(decoded.pixels.astype(int) - np.maximum(LOOKED_UP, CURVE[5])).max() <= 1
    short = read(coloured(16, (CURVE[:200] * 257).astype("<u2").tobytes()))
    assert any("number of entries" in step for step in short.steps)
    ds = coloured(16, FULL)
    del ds.BluePaletteColorLookupTableData
    assert refused(ds) == "damaged"


def test_padding_written_as_text_is_found():
    cells = RAMP.copy()
    cells[:20] = 4000
    ds = dicom_files.dataset(cells)
    words = read(dicom_files.spoilt(ds, "PixelPaddingValue", struct.pack("<H", 4000), "US")).pixels
    assert np.array_equal(read(dicom_files.spoilt(ds, "PixelPaddingValue", b"4000", "DS")).pixels, words)


@pytest.mark.parametrize(
    ("said", "part"),
    [
        *((said, "WRIST") for said in ("LWRIST", "PUNHO", "HÅNDLED", "Pols li", "NADGARSTEK", "Radiocarpal joint")),
        *((said, "HAND") for said in ("METACARPAL", "Metacarpals", "MC METACARPUS")),
        *((said, "WRIST") for said in ("SKELETON", "BONE", "MEMBRE SUPERIEUR", "KEINE ANGABE", "HAND/WRIST")),
        *((said, "OTHER") for said in ("LOWER EXTREMITY", "GESICHT")),
    ],
)
def test_body_parts_in_other_words(said, part):
    ds = Dataset()
    ds.BodyPartExamined, ds.StudyDescription = said, "XR WRIST LEFT"
    assert dicom_header.body_part(ds) == part
