"""What kind of place a path is, and what lies there."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from wrist_model.errors import DataError, UsageError
from wrist_model.sources import csv_table, walk
from wrist_model.sources.label_words import label
from wrist_model.sources.source import BoxFile, Source, every
from wrist_model.sources.source_item import Designation, Item, Uncertain, slug

Labels = dict[str, int | None]
CONFLICTING = -1
"""A label for studies that a labels CSV states twice, in two ways."""


@dataclass(frozen=True)
class Plan:
    """A place to ingest from.

    root: absolute; relative paths are below it. start: the part of it that was asked for.
    source: the name space of its identifiers. private: paths may tell who somebody is, so pseudonyms are kept.
    """

    kind: str  # of the source that knows the place
    root: Path
    start: Path
    source: str
    body_part: str
    private: bool = False
    distinct_patients: bool = False  # a person says so: numbers that other sources have, too, are other people's
    uncertain: Uncertain = "exclude"  # what becomes of studies whose label the source itself doubts
    follow_links: bool = False  # out of the root
    designation: str | None = None  # `designation_of`: the whole source is a hold-out
    meaning: str | None = None  # what a person says that a positive label means
    labels: Labels = field(default_factory=dict, repr=False)

    @property
    def label_meaning(self) -> str | None:
        """What a positive label says; None where neither a person nor the source tells."""
        return self.meaning or self._source.label_meaning

    @property
    def shares_its_name(self) -> bool:
        """Whether other places of its kind, which nobody named, have the same source name."""
        return bool(self._source.private_name) and self.source == self._source.private_name

    @property
    def lists_patients(self) -> bool:
        return self._source.lists_patients

    def items(self) -> Iterator[Item]:
        """Every file, in a stable order, as it is found."""
        bounds = walk.Bounds(self.root, self.start)
        for item in self._source.items(self.root, self.start, self.body_part, self.follow_links):
            if self.follow_links or item.ignored or item.filtered or bounds.hold(item.path):
                yield item
            else:
                yield replace(item, refused=("outside_folder", walk.LEADS_OUT))

    def boxes(self) -> Iterator[BoxFile]:
        """The files of boxes that lie with the place's pictures."""
        if self._source.boxes is not None:
            yield from self._source.boxes(self.root, self.start, self.follow_links)

    @property
    def _source(self) -> Source:
        return next(source for source in every() if source.kind == self.kind)


def absolute(path: Path | str) -> Path:
    """A path as a person gave it, from the root on, without `~`, `.` and `..`; links stay."""
    return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 (resolve() would follow links)


def find(
    path: Path | str,
    *,
    source: str | None = None,
    body_part: str = "WRIST",
    labels: Path | str | None = None,
    distinct_patients: bool = False,
    uncertain: Uncertain = "exclude",
    follow_links: bool = False,
    designation: str | None = None,
    label_meaning: str | None = None,
) -> Plan:
    """Tell what lies at path. Raises UsageError when there is nothing there.

    A plan whose source may be private is still to be asked, with what is known of its root: `settle`.
    """
    given = absolute(path)
    try:
        os.stat(given)  # noqa: PTH116 (Path.exists() tells no reason)
    except FileNotFoundError:
        raise UsageError(
            f"{path}: no such file or folder. Give a MURA tree, a folder or file of images, or a CSV file."
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no path"
        raise UsageError(
            f"{path}: can't be reached: {reason}. Check the permissions of the folders above it."
        ) from None
    if source is not None and source != slug(source):
        raise UsageError(
            f"--source {source!r}: expected lower-case letters, digits and hyphens, such as {slug(source)!r}."
        )
    if label_meaning is not None and label_meaning != slug(label_meaning):
        raise UsageError(
            f"--label-meaning {label_meaning!r}: expected lower-case letters, digits and hyphens, such as fracture."
        )
    stated = read_labels(Path(labels)) if labels is not None else {}
    for each in every():
        place = each.recognise(given)
        if place is not None:
            if each.label_meaning is not None and label_meaning not in (None, each.label_meaning):
                raise UsageError(
                    f"--label-meaning {label_meaning!r}: a positive label of {each.kind} means {each.label_meaning!r}."
                )
            return Plan(
                each.kind,
                place.root,
                place.start,
                source or place.name,
                body_part,
                distinct_patients=distinct_patients,
                uncertain=uncertain,
                follow_links=follow_links,
                designation=designation,
                meaning=label_meaning,
                labels=stated,
            )
    raise UsageError(f"{path}: no source knows this place.")


def designation_of(what: Designation | None, name: str | None) -> str | None:
    """`test`, `external:NAME` or None, from `--as` and `--name`. Raises UsageError for a name without a set or a set
    without a name."""
    if what != "external":
        if name is not None:
            raise UsageError("--name is an external set's: `--as external NAME`.")
        return what
    if name is None or name != slug(name):
        example = slug(name) if name else "other-clinic"
        raise UsageError(
            f"--as external: expected a name of lower-case letters, digits, hyphens: `--as external {example}`."
        )
    return f"external:{name}"


def within(plan: Plan, roots: Container[str]) -> Plan:
    """The plan with the root that it is a part of, if it is one of these: a part that is read by itself is the same
    images as in the whole. Not where --source, or the source itself, tells them apart."""
    if plan._source.private is None or plan.source:
        return plan
    return replace(plan, root=next((at for at in (plan.root, *plan.root.parents) if str(at) in roots), plan.root))


def settle(plan: Plan, known: Container[str], known_private: bool) -> Plan:
    """The plan with its privacy and source name settled. known: the paths catalogued below its root.

    A place that holds any DICOM is private as a whole: names of its folders and files are not kept.
    """
    asked = plan._source
    if asked.private is None:
        return plan
    private = known_private or asked.private(plan.root, plan.start, known, plan.follow_links)
    source = plan.source or (asked.private_name if private else slug(plan.root.name))
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
