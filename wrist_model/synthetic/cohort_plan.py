"""Who is in the set: patients, their studies, labels and pictures, all drawn from one seed before anything is drawn.

Labels are dealt without a look at anything else, and nothing else is drawn with a look at the label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wrist_model.errors import UsageError
from wrist_model.synthetic.fracture import Fracture
from wrist_model.synthetic.render import Scene

PATIENTS_A_STUDY = 0.825
POSITIVE = 0.47
SYNTAXES = ("explicit", "rle", "jpeg2000", "jpeg_lossless", "jpeg_ls")


@dataclass(frozen=True)
class PlannedImage:
    scene: Scene
    inverted: bool  # a PNG whose bone is dark, with nothing that says so
    colour: bool  # a PNG saved as RGB


@dataclass(frozen=True)
class PlannedStudy:
    """where: "train" or "valid" (MURA) or "dicom"; the rest of the DICOM side is unused in a PNG study."""

    where: str
    patient: int
    study: int
    label: int
    fracture: Fracture | None
    images: tuple[PlannedImage, ...]
    sex: str
    age: int
    syntax: str
    monochrome1: bool
    bits: int
    rescale: bool
    modality: str
    seed: int


def plan(seed: int, studies: int) -> tuple[PlannedStudy, ...]:
    """Deal a set. Raises UsageError below 12 studies: each folder needs both labels."""
    if studies < 12:
        raise UsageError(f"A synthetic set of {studies} studies: at least 12 are needed, so that each part has both.")
    rng = np.random.default_rng((seed, 1))
    dicom, valid = max(4, round(0.09 * studies)), max(4, round(0.26 * studies))
    dealt: list[PlannedStudy] = []
    numbers = iter(rng.permutation(np.arange(1, 12000)).tolist())
    for where, count in (("train", studies - dicom - valid), ("valid", valid), ("dicom", dicom)):
        owners = _owners(rng, count)
        names = {owner: next(numbers) for owner in sorted(set(owners))}
        labels = rng.permutation(np.arange(count) < max(2, round(POSITIVE * count)))
        seen: dict[int, int] = {}
        people = {owner: _person(rng) for owner in names}
        for owner, label in zip(owners, labels, strict=True):
            seen[owner] = seen.get(owner, 0) + 1
            dealt.append(_study(rng, where, names[owner], seen[owner], int(label), people[owner]))
    return tuple(dealt)


def _owners(rng: np.random.Generator, count: int) -> list[int]:
    """One study for each patient, then further ones at random."""
    patients = max(3, round(PATIENTS_A_STUDY * count))
    further = rng.integers(0, patients, count - patients).tolist() if count > patients else []
    return sorted([*range(min(patients, count)), *further])


def _person(rng: np.random.Generator) -> tuple[int, str, int]:
    return int(rng.integers(2**31)), str(rng.choice(("F", "M"))), int(rng.integers(6, 95))


def _study(
    rng: np.random.Generator, where: str, patient: int, number: int, label: int, person: tuple[int, str, int]
) -> PlannedStudy:
    bones, sex, age = person
    mirror, plate, cast = bool(rng.random() < 0.5), bool(rng.random() < 0.07), bool(rng.random() < 0.06)
    physis = age < 17 or bool(rng.random() < 0.05)
    views = ("PA", "LAT", "OBL")[: int(rng.choice((1, 2, 3), p=(0.2, 0.6, 0.2)))]
    images = tuple(
        PlannedImage(
            Scene(bones, int(rng.integers(2**31)), view, mirror, plate, cast, physis),
            inverted=bool(rng.random() < 0.05),
            colour=bool(rng.random() < 0.1),
        )
        for view in views
    )
    fracture = Fracture(int(rng.integers(2**31)))  # always drawn, so that all that follows is the same without it
    return PlannedStudy(
        where=where,
        patient=patient,
        study=number,
        label=label,
        fracture=fracture if label else None,
        images=images,
        sex=sex,
        age=age,
        syntax=str(rng.choice(SYNTAXES)),
        monochrome1=bool(rng.random() < 0.4),
        bits=int(rng.choice((12, 14, 16))),
        rescale=bool(rng.random() < 0.3),
        modality=str(rng.choice(("DX", "CR"))),
        seed=int(rng.integers(2**31)),
    )
