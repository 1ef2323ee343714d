"""DICOM → pixels: pixel for pixel across encodings, within one level of highdicom's transforms, refused by reason."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from tests import dicom_files
from wrist_model.errors import Refused
from wrist_model.radiograph import codestream, decode, dicom_dataset, dicom_frames, dicom_header, dicom_pixel_module


def pixels(ds, max_pixels=10**7):
    (frame,) = dicom_frames.decode(dicom_dataset.read(dicom_files.data(ds)), max_pixels)
    return frame


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless, JPEGLosslessSV1])
@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (16, False), (12, True)])
def test_one_radiograph_has_the_same_pixels_in_every_lossless_encoding(syntax, bits, signed):
    values = dicom_files.ramp(bits=bits)
    if bits == 8:
        values = values.astype(np.uint8)
    if signed:
        values = (values.astype(np.int32) - (1 << (bits - 1))).astype(np.int16)
    plain = pixels(dicom_files.dataset(values, bits=bits))
    packed = pixels(dicom_files.encoded(dicom_files.dataset(values, bits=bits), syntax))
    assert np.array_equal(plain.pixels, packed.pixels)
    assert plain.pixel_sha256 == packed.pixel_sha256


def window(centre, width, function=None):
    elements = {"WindowCenter": centre, "WindowWidth": width}
    return elements | ({"VOILUTFunction": function} if function else {})


FULL = np.linspace(0, 65535, 4096).astype(np.uint16)
GAMMA = np.rint(65535 * (np.arange(4096) / 4095) ** 0.6).astype(np.uint16)
CURVE = np.rint(65534 * (np.arange(4096) / 4095) ** 1.3).astype(np.uint16)
WIDE_GAMMA = np.rint(65535 * (np.arange(65535) / 65534) ** 0.6).astype(np.uint16)
LOOKS = {
    "window": window(2000, 1500),
    "window exact": window(2000, 1500, "LINEAR_EXACT"),
    "window sigmoid": window(2000, 1500, "SIGMOID"),
    "narrow window": window(2000, 1),
    "two windows": window([1800, 900], [1000, 300]),
    "rescale and window": window(900, 3000) | {"RescaleSlope": 1.5, "RescaleIntercept": -1024},
    "rescale and sigmoid": window(900, 3000, "SIGMOID") | {"RescaleSlope": 0.5, "RescaleIntercept": 10},
    "VOI LUT": {"VOILUTSequence": [dicom_files.lut(GAMMA, 0, 16)]},
    "VOI LUT with an offset": {"VOILUTSequence": [dicom_files.lut(FULL[::2], 1000, 16)]},
    "VOI LUT before window": window(500, 200) | {"VOILUTSequence": [dicom_files.lut(GAMMA, 0, 16)]},
    "modality LUT and window": window(30000, 25000) | {"ModalityLUTSequence": [dicom_files.lut(CURVE, 0, 16)]},
    "modality LUT and VOI LUT": {
        "ModalityLUTSequence": [dicom_files.lut(CURVE, 0, 16)],
        "VOILUTSequence": [dicom_files.lut(WIDE_GAMMA, 0, 16)],
    },
}
GREYS = {
    "MONOCHROME2": {},
    "MONOCHROME1": {"PhotometricInterpretation": "MONOCHROME1"},
    "MONOCHROME1 INVERSE": {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
    "MONOCHROME2 IDENTITY": {"PresentationLUTShape": "IDENTITY"},
}


@pytest.mark.parametrize("grey", GREYS)
@pytest.mark.parametrize("look", LOOKS)
def test_greys_agree_with_highdicom_within_one_level(look, grey):
    ds = dicom_files.dataset(**(LOOKS[look] | GREYS[grey]))
    if look == "modality LUT and VOI LUT":  # highdicom composes these two without scaling: scale and invert here
        peer = highdicom.Image.from_dataset(ds, copy=True).get_frame(
            1, apply_voi_transform=True, apply_presentation_lut=False, dtype=np.float64
        )
        peer = peer * (255 / 65535)
        peer = 255 - peer if grey.startswith("MONOCHROME1") else peer
    else:
        peer = highdicom.Image.from_dataset(ds, copy=True).get_frame(
            1, apply_voi_transform=True, voi_output_range=(0.0, 255.0), dtype=np.float64
        )
    ours = pixels(ds)
    assert np.abs(ours.pixels.astype(float) - peer).max() <= 1
    assert ours.inverted == grey.startswith("MONOCHROME1")


def test_a_signed_image_agrees_with_highdicom():
    values = (dicom_files.ramp().astype(np.int32) - 2048).astype(np.int16)
    ds = dicom_files.dataset(values, **window(-200, 1200))
    peer = highdicom.Image.from_dataset(ds, copy=True).get_frame(
        1, apply_voi_transform=True, voi_output_range=(0.0, 255.0), dtype=np.float64
    )
    assert np.abs(pixels(ds).pixels.astype(float) - peer).max() <= 1


def test_without_a_window_the_percentile_window_is_stated():
    frame = pixels(dicom_files.dataset())
    assert any(step.startswith("window percentile 0.5–99.5") for step in frame.steps)
    assert frame.pixels.min() == 0
    assert frame.pixels.max() == 255


def test_inversion_happens_exactly_once():
    plain = pixels(dicom_files.dataset(**window(2000, 3000)))
    both = pixels(dicom_files.dataset(**(window(2000, 3000) | GREYS["MONOCHROME1 INVERSE"])))
    assert np.array_equal(both.pixels, 255 - plain.pixels) or (
        np.abs(both.pixels.astype(int) + plain.pixels - 255).max() <= 1
    )
    assert sum(step.startswith("invert") for step in both.steps) == 1


def test_each_frame_is_an_image():
    frames = np.stack([dicom_files.ramp(), dicom_files.ramp()[::-1], dicom_files.ramp()[:, ::-1]])
    ds = dicom_files.dataset(frames, NumberOfFrames=3, **window(2048, 4096))
    decoded = tuple(dicom_frames.decode(dicom_dataset.read(dicom_files.data(ds)), 10**7))
    assert [frame.frame for frame in decoded] == [0, 1, 2]
    assert np.array_equal(decoded[1].pixels, decoded[0].pixels[::-1])


def test_dicom_is_told_by_content_without_preamble_or_extension(tmp_path):
    ds = dicom_files.dataset(**window(2048, 4096))
    whole = dicom_files.data(ds)
    for name, content in {"noextension": whole, "wrong.png": whole, "nopreamble": whole[132:]}.items():
        (tmp_path / name).write_bytes(content)
        (frame,) = decode.decode(tmp_path / name)
        assert np.array_equal(frame.pixels, pixels(ds).pixels)
    bare = io.BytesIO()
    del ds.file_meta
    ds.save_as(bare, implicit_vr=True, little_endian=True)
    (tmp_path / "implicit").write_bytes(bare.getvalue())
    assert decode.decode(tmp_path / "implicit")[0].pixels.shape == (40, 50)


def test_colour_objects_turn_grey():
    values = np.repeat((dicom_files.ramp(bits=8).astype(np.uint8))[..., None], 3, axis=2)
    ds = dicom_files.dataset(
        values[None], bits=8, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0
    )
    assert np.array_equal(pixels(ds).pixels, values[..., 0])


REFUSALS = {
    "no_pixel_data": {"PixelData": None},
    "decompression_bomb": {"Rows": 60000, "Columns": 60000},
    "truncated": {"PixelData": b"\0" * 100},
    "damaged": {"Rows": 0},
    "unsupported": {"PhotometricInterpretation": "CMYK"},
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_bad_object_is_refused_by_reason(code):
    with pytest.raises(Refused) as caught:
        pixels(dicom_files.dataset(**REFUSALS[code]), max_pixels=64_000_000)
    assert caught.value.reason_code == code


def test_jpeg_extended_12_bit_is_decoded_by_a_fallback():
    """pydicom's own sample has scan parameters that every decoder plugin refuses; gdcm's reader manages it."""
    import gdcm
    from pydicom.data import get_testdata_file

    path = str(get_testdata_file("JPEG-lossy.dcm", download=False))
    (frame,) = dicom_frames.decode(dicom_dataset.read(Path(path).read_bytes()), 10**7)
    assert any("mended" in step for step in frame.steps)
    reader = gdcm.ImageReader()
    reader.SetFileName(path)
    assert reader.Read()
    peer = np.frombuffer(reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape"), "<u2").reshape(1024, 256)
    ds = dicom_dataset.read(Path(path).read_bytes())
    (decoded,) = dicom_frames.frames(ds, dicom_pixel_module.read(ds))
    assert np.abs(decoded.cells.astype(int) - peer).max() <= 1


def test_an_empty_encapsulated_frame_is_refused():
    ds = dicom_files.dataset()
    ds.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
    ds.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    with pytest.raises(Refused):
        pixels(ds)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless, JPEGLosslessSV1])
def test_a_codestream_that_claims_a_huge_picture_is_refused_before_it_is_decoded(syntax):
    ds = dicom_files.encoded(dicom_files.dataset(), syntax)
    stream = next(generate_frames(ds.PixelData, number_of_frames=1))
    assert (codestream.parse(stream).rows, codestream.parse(stream).columns) == (40, 50)
    small, huge = (struct.pack(">II", 50, 40), struct.pack(">II", 60000, 60000))
    if syntax != JPEG2000Lossless:
        small, huge = struct.pack(">HH", 40, 50), struct.pack(">HH", 60000, 60000)
    ds.PixelData = encapsulate([stream.replace(small, huge, 1)])
    with pytest.raises(Refused, match="another size"):
        pixels(ds)


@pytest.mark.parametrize(
    ("elements", "part"),
    [
        ({"BodyPartExamined": "WRIST"}, "WRIST"),
        ({"BodyPartExamined": "LWRIST"}, "WRIST"),
        ({"BodyPartExamined": "HAND"}, "HAND"),
        ({"BodyPartExamined": None, "StudyDescription": "XR wrist 2 views left"}, "WRIST"),
        ({"BodyPartExamined": None, "SeriesDescription": "Handgelenk seitlich"}, "WRIST"),
        ({"BodyPartExamined": None, "SeriesDescription": "Warm contrast"}, "UNKNOWN"),
        ({"BodyPartExamined": None}, "UNKNOWN"),
    ],
)
def test_the_body_part_comes_from_the_header_in_order(elements, part):
    assert dicom_header.read(dicom_files.dataset(**elements)).body_part == part


@pytest.mark.parametrize("keyword", ["PatientID", "StudyInstanceUID"])
def test_an_object_without_identity_is_refused(keyword):
    for value in (None, ""):
        with pytest.raises(Refused) as caught:
            dicom_header.read(dicom_files.dataset(**{keyword: value}))
        assert caught.value.reason_code == "missing_identity"


def test_only_radiographs_are_taken():
    with pytest.raises(Refused) as caught:
        dicom_header.read(dicom_files.dataset(Modality="CT"))
    assert caught.value.reason_code == "not_a_radiograph"


def test_ages_are_whole_years_capped_at_ninety():
    ages = {"034Y": 34, "101Y": 90, "018M": 1, "": None}
    assert [dicom_header.read(dicom_files.dataset(PatientAge=age)).age for age in ages] == list(ages.values())
    born = dicom_files.dataset(PatientBirthDate="19500620", StudyDate="20200619")
    assert dicom_header.read(born).age == 69
