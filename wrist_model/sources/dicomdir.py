"""A DICOMDIR, the Media Storage Directory of a medium (PS3.10 section 8, PS3.3 Annex F): which files it names.

Its names are upper case without an extension; what a disc became on its way may have others. So names are matched
without case, version (`;1`), extension and separators, but never outside of the folder that holds the index.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pydicom.dataset import Dataset

from wrist_model import regular_file
from wrist_model.errors import Refused
from wrist_model.radiograph import decode
from wrist_model.sources.source_item import Item

MOST_BYTES, MOST_RECORDS = 32 << 20, 100_000
"""The process that writes reads the index, and its records take fifty times their bytes: three discs' worth."""
_ITEM = b"\xfe\xff\x00\xe0"
_NAME = re.compile(r"dicomdir(?:\.?;\d+|\.dcm|\.)?", re.IGNORECASE)


def is_named_so(name: str) -> bool:
    """Whether a file's name is a DICOMDIR's; what it is, its content says."""
    return _NAME.fullmatch(name) is not None


def is_index(path: Path) -> bool:
    """Whether a file is an index: a Media Storage Directory, or a DICOM file of that name whose content can't tell."""
    try:
        return _records(path) is not None
    except Refused:
        return is_named_so(path.name)


def is_readable(index: Path) -> bool:
    """Whether an index tells its files; of one that can't, `named_files` gives the index itself, refused."""
    try:
        return _records(index) is not None
    except Refused:
        return False


def named_files(index: Path, root: Path) -> Iterator[Item]:
    """Each file that the index names, once; a name that leads nowhere or out of the folder is refused, and so is the
    index itself where it can't be read."""
    folder = index.parent
    try:
        records = _records(index) or []
    except Refused as refused:
        reason = f"The DICOMDIR can't be read: {refused.reason} The files of its folder are looked at without it."
        yield Item(str(index), index.relative_to(root).as_posix(), refused=(refused.reason_code, reason))
        return
    met: set[str] = set()
    for parts in records:
        path = _found(folder, parts)
        spelled = "/".join(parts)
        relative = (path or folder / spelled).relative_to(root).as_posix()
        if relative in met:
            continue
        met.add(relative)
        if any(part == ".." or "\0" in part for part in parts):
            yield Item(str(index), relative, refused=("outside_folder", "The DICOMDIR names a file out of its folder."))
        elif path is None:
            reason = "The DICOMDIR names a file that is not there; copy the medium again."
            yield Item(str(folder / spelled), relative, refused=("missing_file", reason))
        elif not path.resolve().is_relative_to(folder.resolve()):
            yield Item(str(index), relative, refused=("outside_folder", "A link leads out of the DICOMDIR's folder."))
        else:
            yield Item(str(path), relative)


def _records(index: Path) -> list[list[str]] | None:
    """The parts of each Referenced File ID (0004,1500) of records in use; None for what is no directory."""
    from wrist_model.radiograph import dicom_dataset, dicom_header

    data = decode.read_whole(index, MOST_BYTES)
    if decode.sniff(data[: decode.SNIFF_BYTES]) != "dicom":
        return None
    if data.count(_ITEM) > MOST_RECORDS:
        raise Refused("too_large", f"it has more than {MOST_RECORDS} records.")
    dataset = dicom_dataset.read(data, most_inflated=MOST_BYTES)
    if not dicom_header.is_directory(dataset):
        return None
    try:
        return [parts for record in dataset.get("DirectoryRecordSequence") or [] if (parts := _parts(record))]
    except Exception:  # records are parsed when they are asked for
        raise Refused("damaged", "a record in it is damaged.") from None


def _parts(record: Dataset) -> list[str]:
    if record.get("RecordInUseFlag") == 0:
        return []
    said = record.get("ReferencedFileID") or []
    said = [said] if isinstance(said, str) else [str(part) for part in said]
    parts = [part.strip(" ") for one in said for part in re.split(r"[\\/]", one)]
    parts = [part for part in parts if part not in ("", ".")]
    return parts[1:] if parts and re.fullmatch(r"[A-Za-z]:", parts[0]) else parts


def _found(folder: Path, parts: list[str]) -> Path | None:
    """The file below the folder that the parts name; None where there is none, or more than one that could be it."""
    if not parts or ".." in parts:
        return None
    exact = folder.joinpath(*parts)
    try:
        if regular_file.is_file(exact):
            return exact
        entries = sorted(folder.iterdir())
    except (OSError, ValueError):
        return None
    first, rest = parts[0], parts[1:]
    files = [entry for entry in entries if regular_file.is_file(entry)]
    for separator in "\\_" if rest else "":  # unpacked where a backslash separates nothing
        whole = _matching(files, separator.join(parts))
        if whole is not None:
            return whole
    if not rest:
        return _matching(files, first)
    for entry in entries:
        if _plain(entry.name) == _plain(first) and regular_file.is_folder(entry):
            path = _found(entry, rest)
            if path is not None:
                return path
    return None


def _matching(entries: list[Path], name: str) -> Path | None:
    same = [entry for entry in entries if _plain(entry.name) == _plain(name)]
    same = same or [
        entry for entry in entries if _stem(entry.name) == _plain(name) or _plain(entry.name) == _stem(name)
    ]
    same = same or [entry for entry in entries if _stem(entry.name) == _stem(name)]
    if len(same) > 1:
        same = [entry for entry in same if entry.suffix.lower() in (".dcm", ".dic", ".ima", "")]
    return same[0] if len(same) == 1 else None


def _plain(name: str) -> str:
    return re.sub(r"\.?;\d+$", "", name).rstrip(". ").casefold()


def _stem(name: str) -> str:
    return re.sub(r"\.[a-z0-9]{1,5}$", "", _plain(name))
