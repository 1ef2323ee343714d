"""A folder or file of DICOM, PNG or JPEG, or a DICOMDIR: whatever lies there, told by its content."""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path

from wrist_model import regular_file
from wrist_model.errors import Refused
from wrist_model.radiograph import decode
from wrist_model.sources import dicomdir, mura, walk
from wrist_model.sources.source import Place, Source
from wrist_model.sources.source_item import Item, is_junk

DICOM_SOURCE = "dicom"
"""The source name of DICOM objects where nobody gives one: patient numbers of one hospital stay one name space."""


def items(root: Path, start: Path, follow_links: bool = False) -> Iterator[Item]:
    """Every file below start; then what an index names that leads nowhere. For an index at start: what it names, or
    where it can't be read, the files of its folder."""
    if regular_file.is_file(start) or (dicomdir.is_named_so(start.name) and not regular_file.is_folder(start)):
        if not dicomdir.is_index(start):
            yield Item(str(start), start.relative_to(root).as_posix())
            return
        if dicomdir.is_readable(start):
            yield from dicomdir.named_files(start, root)
            return
        start = start.parent
    bounds = walk.Bounds(root, start)
    for path, relative in walk.files(root, start, follow_links=follow_links):
        name = relative.rsplit("/", 1)[-1]
        if mura.is_inside(relative):
            yield Item(path, relative, refused=("unexpected_place", _IN_MURA), ignored=is_junk(name))
        elif dicomdir.is_named_so(name):
            if not (follow_links or bounds.hold(path)):
                yield Item(path, relative)
            elif dicomdir.is_index(Path(path)):
                if dicomdir.is_readable(Path(path)):
                    yield Item(path, relative, ignored=True)
                yield from (item for item in dicomdir.named_files(Path(path), root) if item.refused)
            else:
                yield Item(path, relative)
        else:
            yield Item(path, relative, ignored=is_junk(name))


_IN_MURA = "The file lies in a MURA tree, which says its label: ingest that tree by its own path."


def holds_dicom(root: Path, start: Path, known: Container[str], follow_links: bool = False) -> bool:
    """Whether any file below start is DICOM; files already catalogued under their plain path need no look."""
    if regular_file.is_file(start):
        return dicomdir.is_named_so(start.name) or _is_dicom(str(start))
    bounds = walk.Bounds(root, start)
    for path, relative in walk.files(root, start, follow_links=follow_links):
        if dicomdir.is_named_so(relative.rsplit("/", 1)[-1]):
            return True
        if relative not in known and (follow_links or bounds.hold(path)) and _is_dicom(path):
            return True
    return False


def _is_dicom(path: str) -> bool:
    try:
        return decode.sniff(regular_file.read(path, first=decode.SNIFF_BYTES)) == "dicom"
    except (OSError, Refused):
        return False


def _recognise(path: Path) -> Place | None:
    return Place(path if regular_file.is_folder(path) else path.parent, path, "")


SOURCE = Source(
    "folder", 1000, _recognise, lambda root, start, _, links: items(root, start, links), holds_dicom, DICOM_SOURCE
)
