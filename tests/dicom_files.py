"""Small DICOM files for tests: one radiograph in any encoding, with any look-up table, window and identity."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MediaStorageDirectoryStorage,
    RLELossless,
    generate_uid,
)

PLAIN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
PACKED = (RLELossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless)

DX = "1.2.840.10008.5.1.4.1.1.1.1"


def ramp(rows: int = 40, columns: int = 50, bits: int = 12) -> np.ndarray:
    """uint16 (rows, columns) that uses the whole range of its bits, with some structure."""
    y, x = np.mgrid[:rows, :columns]
    wave = (x + 0.5 * y) / (columns - 1 + 0.5 * (rows - 1)) + 0.05 * np.sin(x / 3) * np.sin(y / 4)
    scaled = (wave - wave.min()) / (wave.max() - wave.min())
    return np.rint(scaled * ((1 << bits) - 1)).astype(np.uint16)


def dataset(pixels: np.ndarray | None = None, bits: int = 12, **elements: Any) -> Dataset:
    """A DX object; `elements` replace or (None) remove elements by keyword."""
    pixels = ramp(bits=bits) if pixels is None else pixels
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = DX
    ds.SOPClassUID = DX
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.PatientID, ds.PatientName, ds.Modality, ds.BodyPartExamined = "P1", "Doe^Jane", "DX", "WRIST"
    ds.Rows, ds.Columns = pixels.shape[-2:] if pixels.ndim < 4 else pixels.shape[-3:-1]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsStored, ds.HighBit, ds.BitsAllocated = bits, bits - 1, 8 if pixels.dtype.itemsize == 1 else 16
    ds.PixelRepresentation = 1 if pixels.dtype.kind == "i" else 0
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    for keyword, value in elements.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def lut(entries: np.ndarray, first: int, bits: int, signed: bool = False) -> Dataset:
    """An item of a Modality or VOI LUT Sequence."""
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if signed else "US", [len(entries) % 65536, first, bits])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    item.ModalityLUTType = "US"
    return item


def data(ds: Dataset) -> bytes:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def write(folder: Path, name: str, ds: Dataset) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data(ds))
    return path


def encoded(ds: Dataset, syntax: UID) -> Dataset:
    """The same object in another transfer syntax; its header then still to be spoilt."""
    ds.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian and ds.BitsAllocated == 16:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").byteswap().tobytes()
    if syntax in PLAIN:
        return ds
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax == JPEGBaseline8Bit:
        buffer = io.BytesIO()
        Image.fromarray(ds.pixel_array).save(buffer, "JPEG", quality=95)
        ds.file_meta.TransferSyntaxUID = syntax
        ds.PixelData = encapsulate([buffer.getvalue()])
        ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
        return ds
    if syntax != JPEGLosslessSV1:
        ds.compress(syntax, generate_instance_uid=False)
        return ds
    import gdcm

    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "a.dcm", Path(folder) / "b.dcm"
        before.write_bytes(data(ds))
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(before))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(after))
        assert writer.Write()
        return pydicom.dcmread(after)


def stream(ds: Dataset) -> bytes:
    """The codestream of a single-frame object, without padding."""
    return next(generate_frames(ds.PixelData, number_of_frames=1)).rstrip(b"\0")


def with_stream(ds: Dataset, coded: bytes, **how: Any) -> Dataset:
    ds.PixelData = encapsulate([coded], **how)
    return ds


def spoilt(ds: Dataset, keyword: str, value: bytes, vr: str = "DS") -> Dataset:
    """With an element whose bytes are these, whatever its VR allows."""
    value += b" " * (len(value) % 2)
    ds[keyword] = RawDataElement(Tag(keyword), vr, len(value), value, 0, False, True)
    return ds


def dicomdir(folder: Path, *references: str | list[str], name: str = "DICOMDIR", in_use: int = 0xFFFF) -> Path:
    """A Media Storage Directory as makers write it: its data set has no SOP Class UID (PS3.3 F.3)."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.FileSetID = "DISC"
    ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    ds.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    ds.FileSetConsistencyFlag = 0
    records = []
    for kind, parts in [("PATIENT", None), ("STUDY", None), ("SERIES", None), *(("IMAGE", one) for one in references)]:
        record = Dataset()
        record.OffsetOfTheNextDirectoryRecord = record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
        record.RecordInUseFlag, record.DirectoryRecordType = in_use, kind
        if parts is not None:
            said = parts if isinstance(parts, str) else "\\".join(parts)
            spoilt(record, "ReferencedFileID", said.encode(), "CS")
        records.append(record)
    ds.DirectoryRecordSequence = records
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=False, implicit_vr=False, little_endian=True)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        buffer.getvalue() if buffer.getvalue()[128:132] == b"DICM" else bytes(128) + b"DICM" + buffer.getvalue()
    )
    return path
