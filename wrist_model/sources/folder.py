"""A folder or file of DICOM, PNG or JPEG, or a DICOMDIR: whatever lies there, told by its content."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from pathlib import Path

from wrist_model.errors import DataError, Refused
from wrist_model.radiograph import decode
from wrist_model.sources import mura, walk
from wrist_model.sources.item import Item, is_junk
from wrist_model.sources.source import Place, Source

DICOM_SOURCE = "dicom"
"""The source name of DICOM objects where nobody gives one: patient numbers of one hospital stay one name space."""


def items(root: Path, start: Path) -> Iterator[Item]:
    """Every file below start; then the references of a DICOMDIR at start that lead nowhere."""
    if start.is_file():
        if is_dicomdir(start):
            yield from _referenced(start, root)
        else:
            yield Item(str(start), start.relative_to(root).as_posix())
        return
    for path, relative in walk.files(root, start):
        name = relative.rsplit("/", 1)[-1]
        if mura.is_inside(relative):
            yield Item(path, relative, refused=("unexpected_place", _IN_MURA), ignored=is_junk(name))
            continue
        yield Item(path, relative, ignored=is_junk(name))
        if name.upper() == "DICOMDIR":
            yield from (item for item in _referenced(Path(path), root) if item.refused)


_IN_MURA = "The file lies in a MURA tree, which says its label: ingest that tree by its own path."


def is_dicomdir(path: Path) -> bool:
    """Whether the file is a Media Storage Directory (PS3.10 section 8.6), by name."""
    return path.name.upper() == "DICOMDIR"


def holds_dicom(root: Path, start: Path, known: Container[str]) -> bool:
    """Whether any file below start is DICOM; files already catalogued under their plain path need no look."""
    if start.is_file():
        return is_dicomdir(start) or _is_dicom(str(start))
    for path, relative in walk.files(root, start):
        if relative.rsplit("/", 1)[-1].upper() == "DICOMDIR":
            return True
        if relative not in known and _is_dicom(path):
            return True
    return False


def _is_dicom(path: str) -> bool:
    try:
        if not Path(path).is_file():
            return False
        with open(path, "rb") as file:  # noqa: PTH123 (a str path, thousands of times)
            return decode.sniff(file.read(decode.SNIFF_BYTES)) == "dicom"
    except OSError:
        return False


def _referenced(index: Path, root: Path) -> Iterator[Item]:
    """The image files that a DICOMDIR names; a reference that leads nowhere or out of the folder is refused."""
    from wrist_model.radiograph import dicom_frames

    folder = index.parent
    try:
        records = dicom_frames.read(decode.read_whole(index)).get("DirectoryRecordSequence") or []
    except Refused as refused:
        raise DataError(f"{index.name}: the DICOMDIR can't be read: {refused}") from None
    met: set[str] = set()
    for record in records:
        parts = record.get("ReferencedFileID")
        if not parts:
            continue
        names = [parts] if isinstance(parts, str) else [str(part) for part in parts]
        inside = "/".join(names)
        if inside in met:
            continue
        met.add(inside)
        relative = (folder / inside).relative_to(root).as_posix()
        if any(name in ("", ".", "..") or re.search(r"[/\\\0]", name) for name in names):
            yield Item(str(index), relative, refused=("outside_folder", "The DICOMDIR names a file out of its folder."))
            continue
        path = _found(folder, names)
        if path is None:
            reason = "The DICOMDIR names a file that is not there; copy the medium again."
            yield Item(str(folder / inside), relative, refused=("missing_file", reason))
        else:
            yield Item(str(path), path.relative_to(root).as_posix())


def _found(folder: Path, names: list[str]) -> Path | None:
    """The referenced file; some systems write the names of a medium in lower case."""
    for spelled in (names, [name.lower() for name in names]):
        path = folder.joinpath(*spelled)
        if path.is_file():
            return path
    return None


def _recognise(path: Path) -> Place | None:
    return Place(path if path.is_dir() else path.parent, path, "")


SOURCE = Source("folder", 1000, _recognise, lambda root, start, _: items(root, start), holds_dicom, DICOM_SOURCE)
