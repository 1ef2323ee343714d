"""Small real files for the tests, drawn by the demo's generator: cheap, and different from one another."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from wrist_model.synthetic import dataset, dicom
from wrist_model.synthetic.cohort_plan import PlannedImage, PlannedStudy, plan
from wrist_model.synthetic.render import picture


@cache
def _studies(seed: int) -> tuple[PlannedStudy, ...]:
    return plan(seed, 400)


@cache
def radiograph(number: int = 0, label: int = 0, seed: int = 0) -> np.ndarray:
    """A wrist: uint8 (512, width), bone bright; another one for each number. Do not write into it."""
    of_label = [study for study in _studies(seed) if study.label == label]
    study = of_label[number % len(of_label)]
    pixels = np.round(picture(study.images[0].scene, study.fracture)[0] * 255).astype(np.uint8)
    pixels.setflags(write=False)
    return pixels


def png(path: Path, number: int = 0, label: int = 0, longest: int = 512) -> Path:
    """Write a radiograph as an 8-bit grey PNG, made smaller to `longest` pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(radiograph(number, label))
    image.thumbnail((longest, longest))
    image.save(path, compress_level=1)
    return path


def mura(folder: Path, studies: int = 24, seed: int = 0) -> dataset.SyntheticSet:
    """A whole small set: MURA tree, DICOM and broken files (about 60 ms a picture)."""
    return dataset.write(folder, seed, studies=studies)


def manifest(folder: Path, labels: Sequence[int | None] = (0, 1) * 12, longest: int = 128) -> Path:
    """A manifest CSV beside small PNG files: one image a study, one study a patient."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "manifest.csv"
    with path.open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(("path", "label", "patient", "study", "body_part", "view"))
        for number, label in enumerate(labels):
            png(folder / f"{number:04d}.png", number, label or 0, longest)
            text = "" if label is None else label
            table.writerow((f"{number:04d}.png", text, f"p{number}", f"s{number}", "WRIST", "PA"))
    return path


def dicom_study(folder: Path, number: int = 0, label: int = 0, syntax: str = "explicit") -> tuple[str, list[Path]]:
    """One DICOM study: its StudyInstanceUID and its files. syntax: a name of `plan.SYNTAXES`."""
    folder.mkdir(parents=True, exist_ok=True)
    study = [study for study in _studies(0) if study.label == label][number]
    paths = []
    for count, image in enumerate(study.images, 1):
        paths.append(folder / f"{study.patient:05d}-{study.study}-{count}.dcm")
        dicom.save(_instance(study, count, image), paths[-1], syntax)
    return dicom.study_uid(0, study), paths


def _instance(study: PlannedStudy, count: int, image: PlannedImage) -> dicom.Dataset:
    return dicom.instance(0, study, count, image, picture(image.scene, study.fracture)[0])
