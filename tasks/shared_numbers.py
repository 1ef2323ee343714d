"""Whether a list's patients are already catalogued under another source's name: asked before anything of it is written.

Two lists of two months in two folders are two name spaces, and the same people would be drawn into two splits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import Engine

from db import catalogue_settings, shared_numbers
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


def others(engine: Engine, source: str) -> tuple[str, ...]:
    """The catalogue's other sources."""
    return tuple(one for one in shared_numbers.sources(engine) if one != source)


def refuse_shared(
    engine: Engine, plan: Plan, known: Collection[str], key: IdentityKey, names: tuple[str, ...], by: Provenance
) -> list[Numbered]:
    """The patients of a list as hashes, under the names of other sources too; none for other kinds of places.

    Raises SharedPatients for a list with new patients whose numbers another source has and nobody declared others.
    known: the paths catalogued below its root, which aren't opened.
    """
    if plan.distinct_patients:
        catalogue_settings.declare_distinct(engine, plan.source, by)
    patients = _listed(plan, known, key, names)
    found = shared_numbers.undeclared(engine, plan.source, patients) if patients else {}
    if found:
        other = max(found, key=lambda name: found[name])
        said = ", ".join(f"{number} of source {name!r}" for name, number in found.items())
        raise SharedPatients(
            f"{plan.start}: patient numbers in it are also numbers {said}, and under source {plan.source!r} the same "
            "person could stand in two splits. Nothing of this list was catalogued. If they are the same people: "
            f"`wrist ingest {plan.start} --source {other}`. If they are others who are numbered alike: "
            f"`wrist ingest {plan.start} --source {plan.source} --distinct-patients`."
        )
    return patients


def _listed(plan: Plan, known: Collection[str], key: IdentityKey, names: tuple[str, ...]) -> list[Numbered]:
    """The patients of a list as hashes: what its rows say, or the header where a file that is new is DICOM."""
    if not names or not plan.lists_patients:
        return []
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
