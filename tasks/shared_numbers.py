"""Whether a list's patients are already catalogued under another source's name: asked before anything of it is written.

Two lists of two months in two folders are two name spaces, and the same people would be drawn into two splits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import Connection, Engine

from db import catalogue_settings, shared_numbers
from db.engine import Catalogue, reading
from wrist_model import regular_file
from wrist_model.errors import Refused, SharedPatients
from wrist_model.evidence_records import Numbered
from wrist_model.intake.examine_file import numbered
from wrist_model.radiograph import decode, dicom_dataset, dicom_header
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.records import Provenance
from wrist_model.sources.recognise_source import Plan
from wrist_model.sources.source_item import Item

_HEADER_BYTES = 16 << 20
"""What is read of a DICOM file here, in the process that writes: the patient's elements stand before the pixels."""


def others(engine: Catalogue, source: str) -> tuple[str, ...]:
    """The catalogue's other sources."""
    return tuple(one for one in shared_numbers.sources(engine) if one != source)


class Listed:
    """A list's patients as hashes, and whether somebody else has catalogued their numbers since.

    patients: under the names of the sources that there were when they were last compared; none for other places.
    """

    def __init__(self, engine: Engine, plan: Plan, known: Collection[str], key: IdentityKey, by: Provenance) -> None:
        """Raises SharedPatients, as `compare` does."""
        self.plan, self.known, self.key = plan, known, key
        if plan.distinct_patients:
            catalogue_settings.declare_distinct(engine, plan.source, by)
        self._seen = shared_numbers.newest_study(engine)  # before the patients are compared
        self.names: tuple[str, ...] = ()
        self.patients: list[Numbered] = []
        self.compare(engine, others(engine, plan.source))

    def compare(self, engine: Catalogue, names: tuple[str, ...], more: str = "") -> None:
        """Raises SharedPatients for a list with new patients whose numbers another source has and nobody declared
        others. names: of the other sources. more: a word for the error, of a list that was begun."""
        if names != self.names:
            listed = names and self.plan.lists_patients
            self.names, self.patients = names, _numbered(self.plan, self.known, self.key, names) if listed else []
        found = shared_numbers.undeclared(engine, self.plan.source, self.patients) if self.patients else {}
        if found:
            raise SharedPatients(_said(self.plan, found, more))

    def look_again(self, connection: Connection) -> None:
        """In each transaction that writes of the list: compare once more, where another ingest has written studies."""
        if not self.plan.lists_patients:
            return
        before, self._seen = self._seen, shared_numbers.newest_study(connection)
        if shared_numbers.others_since(connection, self.plan.source, before):
            self.compare(connection, others(connection, self.plan.source), " more")

    def met(self, engine: Engine) -> list[Numbered]:
        """At the end: the patients whose numbers are still to be stored. A place that lists none has told its patients
        as they were read, under the names that there were when it began; where another ingest has written studies
        since, its headers are read once more."""
        if self.plan.lists_patients:
            return self.patients
        with reading(engine) as connection:
            if not shared_numbers.others_since(connection, self.plan.source, self._seen):
                return []
        return _numbered(self.plan, (), self.key, others(engine, self.plan.source))


def _said(plan: Plan, found: Mapping[str, int], more: str) -> str:
    other = max(found, key=lambda name: found[name])
    said = ", ".join(f"{number} of source {name!r}" for name, number in found.items())
    return (
        f"{plan.start}: patient numbers in it are also numbers {said}, and under source {plan.source!r} the same "
        f"person could stand in two splits. Nothing{more} of this list was catalogued. If they are the same people: "
        f"`wrist ingest {plan.start} --source {other}`. If they are others who are numbered alike: "
        f"`wrist ingest {plan.start} --source {plan.source} --distinct-patients`."
    )


def _numbered(plan: Plan, known: Collection[str], key: IdentityKey, names: tuple[str, ...]) -> list[Numbered]:
    """The patients of a place as hashes: what its list or path says, or the header of a file that is new and DICOM."""
    found = {}
    for item in plan.items():
        if not (item.ignored or item.filtered or item.refused):
            for patient, number in _patients(item, known):
                found[patient] = numbered(key, plan.source, patient, number, names)
    return list(found.values())


def _patients(item: Item, known: Collection[str]) -> Iterator[tuple[str, str]]:
    """The patient with its issuer, and its number alone."""
    if item.relative not in known:
        try:
            begun = regular_file.read(item.path, first=decode.SNIFF_BYTES)
            if decode.sniff(begun) == "dicom":
                begun = regular_file.read(item.path, first=_HEADER_BYTES)
                header = dicom_header.read(dicom_dataset.read(begun, most_inflated=_HEADER_BYTES, whole=False))
                yield header.patient, header.patient_number
                return
        except (OSError, ValueError, Refused):
            return
    if item.patient is not None:
        yield item.patient, item.patient
