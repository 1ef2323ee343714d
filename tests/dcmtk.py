"""Renderings by DCMTK, a second reader of DICOM, where Debian's package `dcmtk` is installed."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless

from tests import dicom_files
from wrist_model.radiograph import codestream

TOOLS = ("dcmj2pnm", "dcml2pnm")
IS_THERE = all(map(shutil.which, TOOLS))


def rendered(content: bytes, window: tuple[float, float]) -> np.ndarray | None:
    """uint8 (rows, columns) of the first frame through this window; None where DCMTK refuses the file.

    DCMTK reads no JPEG 2000: such a file's samples are decoded by GDCM, and rendered with the file's own header.
    """
    ds = pydicom.dcmread(io.BytesIO(content), force=True)
    syntax = ds.file_meta.TransferSyntaxUID
    if syntax == JPEG2000Lossless:
        content = _decoded_by_gdcm(ds)
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "a.dcm", Path(folder) / "a.pgm"
        before.write_bytes(content)
        tool = TOOLS[1] if syntax == JPEGLSLossless else TOOLS[0]
        command = [tool, "--quiet", "-O", "+Ww", str(window[0]), str(window[1]), str(before), str(after)]
        subprocess.run(command, capture_output=True, check=False, timeout=60)
        if not after.exists() or not after.stat().st_size:
            return None
        with Image.open(after) as image:
            return np.asarray(image.convert("L"))


def _decoded_by_gdcm(ds: Dataset) -> bytes:
    one = Dataset()
    one.file_meta = ds.file_meta
    one.Columns, one.SamplesPerPixel, one.PhotometricInterpretation = ds.Columns, 1, "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
    one.PixelData = ds.PixelData
    header = codestream.parse(dicom_files.stream(ds))
    assert header is not None
    one.Rows = header.rows
    cells, _ = get_decoder(JPEG2000Lossless).as_array(one, index=0, decoding_plugin="gdcm")
    ds.PixelData = cells.astype("<u2").tobytes()
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OW", False
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dicom_files.data(ds)
