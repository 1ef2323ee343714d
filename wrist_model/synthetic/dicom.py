"""Write a drawn picture as a DICOM instance (DX or CR), with what makes real ones hard to read.

Stored values, windows, MONOCHROME1 and rescale follow DICOM PS3.3 C.7.6.3, C.11.1 and C.11.2. Names are made up.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless, generate_uid

from wrist_model.errors import DataError
from wrist_model.synthetic.cohort_plan import PlannedImage, PlannedStudy

STORAGE = {"DX": "1.2.840.10008.5.1.4.1.1.1.1", "CR": "1.2.840.10008.5.1.4.1.1.1"}


def uid(*parts: object) -> str:
    """A UID that is the same for the same parts."""
    return str(generate_uid(entropy_srcs=[str(part) for part in ("wrist synthetic", *parts)]))


def study_uid(seed: int, study: PlannedStudy) -> str:
    return uid(seed, study.patient, study.study)


def instance(seed: int, study: PlannedStudy, number: int, image: PlannedImage, pixels: np.ndarray | None) -> Dataset:
    """The instance of one picture, uncompressed. pixels: float32 (rows, columns) in [0, 1], bone bright, or None."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UID(STORAGE[study.modality])
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(uid(seed, study.patient, study.study, number))
    ds.StudyInstanceUID = study_uid(seed, study)
    ds.SeriesInstanceUID = uid(seed, study.patient, study.study, "series")
    ds.PatientID, ds.PatientName = f"SYN-{study.patient:05d}", f"Synthetic^Wrist{study.patient:05d}"
    ds.PatientSex, ds.PatientAge, ds.PatientBirthDate = study.sex, f"{study.age:03d}Y", ""
    ds.AccessionNumber, ds.StudyID = f"ACC{study.patient:05d}{study.study}", str(study.study)
    ds.StudyDate, ds.StudyTime, ds.ReferringPhysicianName = "20250107", "081500", ""
    ds.Modality, ds.BodyPartExamined = study.modality, "WRIST"
    ds.Manufacturer, ds.ManufacturerModelName = "Synthetic", f"Model {study.seed % 3}"
    ds.SeriesNumber, ds.InstanceNumber = "1", str(number)
    ds.ViewPosition = {"PA": "PA", "LAT": "LL", "OBL": "RLO"}[image.scene.view]
    ds.ImageLaterality = "L" if image.scene.mirror else "R"
    ds.BurnedInAnnotation = "YES"
    if pixels is not None:
        _put_pixels(ds, study, pixels)
    return ds


def _put_pixels(ds: Dataset, study: PlannedStudy, pixels: np.ndarray) -> None:
    top = 2**study.bits - 1
    low, high = 0.08 * top, 0.86 * top  # the window; the detector sees beyond it
    stored = low + pixels * (high - low)
    if study.monochrome1:
        stored, low, high = top - stored, top - high, top - low
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME1" if study.monochrome1 else "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, study.bits, study.bits - 1, 0
    slope, intercept = (0.5, 100.0) if study.rescale else (1.0, 0.0)
    if study.rescale:
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = "0.5", "100", "US"
    low, high = slope * low + intercept, slope * high + intercept
    ds.WindowCenter, ds.WindowWidth = f"{(low + high) / 2:.1f}", f"{high - low:.1f}"
    ds.PixelData = np.clip(np.round(stored), 0, top).astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"


def save(ds: Dataset, path: Path, syntax: str) -> None:
    """Write an instance in that transfer syntax (a name of `plan.SYNTAXES`)."""
    if syntax == "rle":
        ds.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    elif syntax == "jpeg2000":
        ds.compress(JPEG2000Lossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True)
    if syntax in ("jpeg_lossless", "jpeg_ls"):
        _recompress(path, syntax)


def _recompress(path: Path, syntax: str) -> None:
    import gdcm  # compiled; not wanted where no DICOM is written

    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(path))
    kinds = {
        "jpeg_lossless": gdcm.TransferSyntax.JPEGLosslessProcess14_1,
        "jpeg_ls": gdcm.TransferSyntax.JPEGLSLossless,
    }
    change.SetTransferSyntax(gdcm.TransferSyntax(kinds[syntax]))
    done = reader.Read()
    if done:
        change.SetInput(reader.GetImage())
        done = change.Change()
    if done:
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        done = writer.Write()
    if not done:
        raise DataError(f"{path}: gdcm could not write {syntax}; reinstall the pinned python-gdcm.")
