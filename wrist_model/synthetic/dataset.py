"""Write a synthetic set: a MURA tree of PNG, a folder of DICOM with labels, a few broken files, and where it hurts.

<folder>/MURA-v1.1/{train,valid}/XR_WRIST/patientNNNNN/studyN_{positive,negative}/imageN.png, and MURA's four CSVs
<folder>/dicom/…/*.dcm and dicom/labels.csv (study_uid, label)
<folder>/fractures.json   file → places of its fractures, pixels of the file
<folder>/synthetic.json   the parameters it was made with
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from wrist_model.errors import DataError
from wrist_model.records import Progress
from wrist_model.synthetic import dicom
from wrist_model.synthetic.cohort_plan import PlannedImage, PlannedStudy, plan
from wrist_model.synthetic.render import picture

VERSION = 2  # of the drawing: raise it when the pictures change, so that old sets are not taken for new ones
MURA = "MURA-v1.1"
Places = dict[str, list[dict[str, object]]]


@dataclass(frozen=True)
class SyntheticSet:
    """What was written. images counts readable pictures; broken the files that can't be read on purpose."""

    folder: Path
    mura: Path
    dicom: Path
    labels: Path
    fractures: Path
    images: int
    studies: int
    patients: int
    broken: int


def write(
    folder: Path, seed: int = 0, *, studies: int = 400, workers: int | None = None, progress: Progress | None = None
) -> SyntheticSet:
    """Write a set, or take the one that is there when it was made with the same parameters.

    folder appears whole or not at all. The files depend on seed and studies, never on workers
    (default: the cores, or 1 for a small set).
    Raises DataError when folder holds anything else, UsageError below 12 studies.
    """
    folder = folder.resolve()
    wanted = {"version": VERSION, "seed": seed, "studies": studies}
    stamp = folder / "synthetic.json"
    if folder.exists() and any(folder.iterdir()):
        found = json.loads(stamp.read_text()) if stamp.is_file() else {}
        if {key: found.get(key) for key in wanted} != wanted:
            raise DataError(f"{folder}: holds something other than this synthetic set; name a new or empty folder.")
        return _described(folder, found)
    dealt = plan(seed, studies)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        part.chmod(0o755)
        places, images = _draw(part, seed, dealt, workers, progress)
        (part / "fractures.json").write_text(json.dumps(places, indent=1, sort_keys=True))
        broken = _break(part, seed, dealt)
        _list_mura(part / MURA)
        _list_dicom(part / "dicom", seed, dealt)
        counts = {"images": images, "patients": len({study.patient for study in dealt}), "broken": broken}
        (part / "synthetic.json").write_text(json.dumps({**wanted, **counts}))
        if folder.exists():
            folder.rmdir()
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return _described(folder, {**wanted, **counts})


def _described(folder: Path, found: dict[str, int]) -> SyntheticSet:
    numbers = (found["images"], found["studies"], found["patients"], found["broken"])
    paths = (folder, folder / MURA, folder / "dicom", folder / "dicom" / "labels.csv", folder / "fractures.json")
    return SyntheticSet(*paths, *numbers)


def _draw(
    part: Path, seed: int, dealt: tuple[PlannedStudy, ...], workers: int | None, progress: Progress | None
) -> tuple[Places, int]:
    chunks = [dealt[start : start + 8] for start in range(0, len(dealt), 8)]
    places: Places = {}
    workers = min(workers or (os.cpu_count() or 1 if len(dealt) >= 60 else 1), len(chunks))
    images = 0

    def take(results: Iterable[tuple[Places, int]]) -> None:
        nonlocal images
        for done, (found, drawn) in enumerate(results, 1):
            places.update(found)
            images += drawn
            if progress:
                progress("draw", min(8 * done, len(dealt)), len(dealt), "studies")

    arguments = [part] * len(chunks), [seed] * len(chunks), chunks
    if workers == 1:
        take(map(_draw_studies, *arguments))
    else:
        context = multiprocessing.get_context("spawn")  # a fork of a process that holds TensorFlow may hang
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            take(pool.map(_draw_studies, *arguments))
    return places, images


def _draw_studies(part: Path, seed: int, studies: tuple[PlannedStudy, ...]) -> tuple[Places, int]:
    places: Places = {}
    drawn = 0
    for study in studies:
        home = part / study_folder(study)
        home.mkdir(parents=True)
        for number, image in enumerate(study.images, 1):
            pixels, where = picture(image.scene, study.fracture)
            drawn += 1
            path = home / (f"IM{number:04d}.dcm" if study.where == "dicom" else f"image{number}.png")
            if study.where == "dicom":
                dicom.save(dicom.instance(seed, study, number, image, pixels), path, study.syntax)
            else:
                _save_png(pixels, image, path)
            if where:
                places[path.relative_to(part).as_posix()] = [asdict(place) for place in where]
    return places, drawn


def study_folder(study: PlannedStudy) -> Path:
    """Where a study's files lie below the set's folder."""
    if study.where == "dicom":
        return Path("dicom", f"P{study.patient:05d}", f"S{study.study}")
    word = "positive" if study.label else "negative"
    return Path(MURA, study.where, "XR_WRIST", f"patient{study.patient:05d}", f"study{study.study}_{word}")


def _save_png(pixels: np.ndarray, image: PlannedImage, path: Path) -> None:
    grey = np.round(pixels * 255).astype(np.uint8)
    picture = Image.fromarray(255 - grey if image.inverted else grey)
    (picture.convert("RGB") if image.colour else picture).save(path, compress_level=1)


def _break(part: Path, seed: int, dealt: tuple[PlannedStudy, ...]) -> int:
    """Files that can't be read, and one that only looks like a picture (macOS leaves such beside the real ones)."""
    train = [study for study in dealt if study.where == "train"]
    home = part / study_folder(train[len(train) // 2])
    whole = (home / "image1.png").read_bytes()
    (home / "image9.png").write_bytes(whole[: len(whole) // 3])
    for study in (train[0], train[-1]):
        (part / study_folder(study) / "._image1.png").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ")
    broken = part / "dicom" / "P00000" / "S1"
    broken.mkdir(parents=True)
    (broken / "renamed.dcm").write_text("This is a letter, not a radiograph.\n" * 20)
    (broken / "empty.dcm").write_bytes(b"")
    study = next(study for study in dealt if study.where == "dicom")
    dicom.save(dicom.instance(seed, study, 90, study.images[0], None), broken / "report.dcm", "explicit")
    return 4


def _list_mura(mura: Path) -> None:
    """MURA's four lists; paths start at the tree's own name, and neither has a header."""
    for part in ("train", "valid"):
        wrist = mura / part / "XR_WRIST"
        studies = sorted(wrist.glob("patient*/study*"))
        with (mura / f"{part}_labeled_studies.csv").open("w", newline="") as lines:
            for study in studies:
                name = f"{MURA}/{study.relative_to(mura).as_posix()}/"
                csv.writer(lines, lineterminator="\n").writerow((name, int(study.name.endswith("_positive"))))
        images = (path for study in studies for path in sorted(study.glob("image*.png")))
        text = "".join(f"{MURA}/{path.relative_to(mura).as_posix()}\n" for path in images)
        (mura / f"{part}_image_paths.csv").write_text(text)


def _list_dicom(folder: Path, seed: int, dealt: tuple[PlannedStudy, ...]) -> None:
    with (folder / "labels.csv").open("w", newline="") as lines:
        table = csv.writer(lines, lineterminator="\n")
        table.writerow(("study_uid", "label"))
        for study in dealt:
            if study.where == "dicom":
                table.writerow((dicom.study_uid(seed, study), study.label))
