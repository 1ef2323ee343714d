"""What kind of place a path is, and what lies there."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from wrist_model.errors import DataError, UsageError
from wrist_model.sources import csv_table, folder, manifest, mura
from wrist_model.sources.item import Item, label, slug

Labels = dict[str, int | None]
CONFLICTING = -1
"""A label for studies that a labels CSV states twice, in two ways."""


@dataclass(frozen=True)
class Plan:
    """A place to ingest from.

    root: absolute; relative paths are below it. start: the part of it that was asked for.
    source: the name space of its identifiers. private: paths may tell who somebody is, so pseudonyms are kept.
    """

    kind: str  # mura, manifest or folder
    root: Path
    start: Path
    source: str
    body_part: str
    private: bool = False
    labels: Labels = field(default_factory=dict, repr=False)

    def items(self) -> Iterator[Item]:
        """Every file, in a stable order, as it is found."""
        if self.kind == "mura":
            return mura.items(self.root, self.start, self.body_part)
        if self.kind == "manifest":
            return manifest.items(self.start, self.root, self.body_part)
        return folder.items(self.root, self.start)


def absolute(path: Path | str) -> Path:
    """A path as a person gave it, from the root on, without `~`, `.` and `..`; links stay."""
    return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 (resolve() would follow links)


def find(
    path: Path | str,
    *,
    source: str | None = None,
    body_part: str = "WRIST",
    labels: Path | str | None = None,
) -> Plan:
    """Tell what lies at path. Raises UsageError when there is nothing there.

    A plan of kind `folder` is still to be asked, with what is known of its root, whether it is private: `settle`.
    """
    given = absolute(path)
    if not given.exists():
        raise UsageError(
            f"{path}: no such file or folder. Give a MURA tree, a folder or file of images, or a CSV file."
        )
    if source is not None and source != slug(source):
        raise UsageError(
            f"--source {source!r}: expected lower-case letters, digits and hyphens, such as {slug(source)!r}."
        )
    stated = read_labels(Path(labels)) if labels is not None else {}
    tree = mura.base(given)
    if tree is not None and given.suffix.lower() != ".csv":
        start = tree if given in tree.parents else given
        return Plan("mura", tree, start, source or "mura", body_part, labels=stated)
    if given.is_file() and given.suffix.lower() == ".csv":
        return Plan("manifest", given.parent, given, source or slug(given.parent.name), body_part, labels=stated)
    root = given if given.is_dir() else given.parent
    return Plan("folder", root, given, source or "", body_part, labels=stated)


def within(plan: Plan, roots: Container[str]) -> Plan:
    """A folder's plan with the root that it is a part of, if it is one of these: a part that is read by itself is the
    same images as in the whole. Not where --source tells them apart."""
    if plan.kind != "folder" or plan.source:
        return plan
    return replace(plan, root=next((at for at in (plan.root, *plan.root.parents) if str(at) in roots), plan.root))


def settle(plan: Plan, known: Container[str], known_private: bool) -> Plan:
    """A folder's plan with its privacy and source name settled. known: the paths catalogued below its root.

    A folder that holds any DICOM is private as a whole: names of its folders and files are not kept.
    """
    if plan.kind != "folder":
        return plan
    private = known_private or folder.holds_dicom(plan.root, plan.start, known)
    source = plan.source or (folder.DICOM_SOURCE if private else slug(plan.root.name))
    return replace(plan, source=source, private=private)


def read_labels(path: Path) -> Labels:
    """A labels CSV for DICOM: `study_uid` or `accession_number`, and `label`."""
    rows = csv_table.rows(path, ("label",))
    names = [name for name in ("study_uid", "accession_number") if rows and name in rows[0]]
    if not names:
        raise DataError(f"{path}: expected a column study_uid or accession_number, and rows.")
    labels: Labels = {}
    for number, row in enumerate(rows, start=2):
        try:
            stated = label(row["label"])
        except ValueError:
            raise DataError(f"{path}: row {number}: the label is not positive, negative, 1, 0 or empty.") from None
        for name in names:
            key = row[name].strip()
            if key:
                labels[key] = CONFLICTING if labels.get(key, stated) != stated else stated
    return labels
