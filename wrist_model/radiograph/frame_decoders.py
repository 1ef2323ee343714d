"""One coded frame → its samples as coded, by the decoders at hand; a frame that isn't whole is never taken."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSTransferSyntaxes,
    RLELossless,
)

from wrist_model.errors import Refused
from wrist_model.radiograph import codestream
from wrist_model.radiograph.codestream import Codestream
from wrist_model.radiograph.dicom_pixel_module import PixelModule

_KINDS: dict[str, tuple[UID, ...]] = {
    "jpeg": (JPEGBaseline8Bit, JPEGExtended12Bit),
    "lossless jpeg": (JPEGLossless, JPEGLosslessSV1),
    "jpeg-ls": tuple(reversed(JPEGLSTransferSyntaxes)),
    "jpeg 2000": tuple(reversed(JPEG2000TransferSyntaxes[:2])),
    "htj2k": tuple(UID(f"1.2.840.10008.1.2.4.20{n}") for n in (3, 2, 1)),
}
_CUT_SHORT = "A coded frame ends before its picture does: the file was cut short. Copy it again."
_STRICT = ("pylibjpeg", "pydicom")  # for RLE; gdcm fills up a frame that ends early


def syntax_of(stated: UID, stream: Codestream | None) -> UID:
    """The transfer syntax that a frame is really in. Raises Refused (`damaged`) where it is in none that is known."""
    if stream is None:
        if stated == RLELossless or not any(stated in syntaxes for syntaxes in _KINDS.values()):
            return stated
        raise Refused("damaged", f"A frame doesn't begin as {stated.name} does.")
    known = _KINDS[stream.kind]
    if stated in known:
        return stated
    return JPEGExtended12Bit if stream.kind == "jpeg" and stream.bits > 8 else known[0]


def decode(stream: bytes, syntax: UID, module: PixelModule, header: Codestream | None) -> tuple[np.ndarray, str]:
    """Samples (rows, columns) or (rows, columns, 3) of one frame as they are coded, and the decoder's name.

    Raises Refused (`truncated`, `damaged`, `unsupported`). Each decoder's result is taken only if the frame was whole
    for it: bytes put in before the end marker may not change it.
    """
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise Refused("unsupported", "No decoder is known for the object's transfer syntax.") from None
    plugins = list(decoder.available_plugins)
    if header is None:
        _check_rle(stream, module)
        plugins = [name for name in _STRICT if name in plugins]
    elif header.kind in ("jpeg", "lossless jpeg"):
        plugins.sort(key=lambda name: name != "pylibjpeg")  # gdcm and Pillow print what libjpeg finds odd
    if not plugins:
        raise Refused("unsupported", f"No decoder is installed for {syntax.name}.")
    failures = []
    for plugin in plugins:

        def run(coded: bytes, plugin: str = plugin) -> np.ndarray:
            described = _described(coded, syntax, module, header)
            return decoder.as_array(described, index=0, decoding_plugin=plugin)[0]

        try:
            samples = run(stream)
        except (MemoryError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # Rust's panics are no Exceptions
            failures.append(str(error).lower())
            continue
        _check_whole(samples, stream, header, plugin, run)
        return samples, f"{syntax.name} by {plugin}"
    if header is not None and header.kind == "jpeg" and module.samples == 1 and not header.progressive:
        values = _mended(stream)
        if values is not None:
            _check_whole(values, stream, header, "mended", lambda coded: np.asarray(_mended(coded)))
            return values, f"{syntax.name} by pylibjpeg, its scan header mended"
    words = (
        "less than expected",
        "fewer",
        "truncat",
        "unexpected end",
        "end of the data",
        "general structural problem",
    )
    if any(word in text for text in failures for word in words):
        raise Refused("truncated", _CUT_SHORT)
    raise Refused("damaged", f"The pixel data can't be decoded as {syntax.name} by any decoder at hand.")


def _described(stream: bytes, syntax: UID, module: PixelModule, header: Codestream | None) -> Dataset:
    """The frame as an object that says of it what the codestream says: decoders go by both."""
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = syntax
    one.Rows, one.Columns, one.NumberOfFrames = module.rows, module.columns, 1
    one.SamplesPerPixel, one.PhotometricInterpretation = module.samples, module.photometric
    bits = module.allocated if header is None else header.bits
    one.BitsAllocated = (bits if header is None else 8 if bits <= 8 else 16 if bits <= 16 else 32) or 16
    one.BitsStored, one.HighBit = bits, bits - 1
    one.PixelRepresentation = int(header is not None and header.signed)
    if module.samples > 1:
        one.PlanarConfiguration = 0
    one.PixelData = encapsulate([stream])
    one["PixelData"].VR = "OB"
    return one


def _check_whole(
    samples: np.ndarray, stream: bytes, header: Codestream | None, plugin: str, run: Callable[[bytes], np.ndarray]
) -> None:
    lenient = header is not None and (
        header.kind in ("jpeg", "lossless jpeg")
        or header.open_ended
        or (header.kind == "jpeg-ls" and plugin == "pylibjpeg")
    )
    if header is None or not lenient:
        return
    try:
        again = run(codestream.with_junk(stream, header.end))
    except (MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        again = np.empty(0)
    if not np.array_equal(samples, again):
        raise Refused("truncated", _CUT_SHORT)


def _check_rle(stream: bytes, module: PixelModule) -> None:
    """PS3.5 G.5: as many segments as a pixel has bytes, each of them within the frame."""
    if len(stream) < 64:
        raise Refused("truncated", _CUT_SHORT)
    count, *offsets = np.frombuffer(stream[:64], "<u4").tolist()
    if not 1 <= count <= 15 or offsets[0] != 64 or any(a >= b for a, b in pairwise(offsets[:count])):
        raise Refused("damaged", "A frame's RLE header is damaged.")
    if offsets[count - 1] >= len(stream):
        raise Refused("truncated", _CUT_SHORT)
    wanted = module.samples * (module.allocated or 16) // 8
    if count != wanted:
        raise Refused("damaged", f"A frame has {count} RLE segments; the header says {wanted} bytes a pixel.")


def _mended(stream: bytes) -> np.ndarray | None:
    """A sequential JPEG whose scan header has impossible spectral selection (ITU T.81 B.2.3), decoded with 0 to 63.

    Some modalities write such 12-bit files; decoders refuse them though the data are whole.
    """
    import libjpeg

    mended = bytearray(stream)
    scan = mended.find(b"\xff\xda")
    if scan < 0 or scan + 5 >= len(mended):
        return None
    selection = scan + 5 + 2 * mended[scan + 4]
    mended[selection : selection + 3] = b"\x00\x3f\x00"
    try:
        return np.asarray(libjpeg.decode(bytes(mended)))
    except RuntimeError:
        return None
