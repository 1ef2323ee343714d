"""Small DICOM files for tests: one radiograph in any encoding, with any look-up table, window and identity."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

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
