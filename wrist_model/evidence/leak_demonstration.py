"""The leaky protocol of the original report, for show (copies, then a split by image), and its control (by patient).

It uses train patients only, so that the hold-out is not looked at; its networks lie below `WRIST_HOME/leak` for the
time of the demonstration and can't serve. What it shows is why 0.957 is not to be expected of new patients.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from wrist_model.errors import DataError
from wrist_model.evidence_records import LeakDemonstration
from wrist_model.radiograph import decode
from wrist_model.recipe import Recipe
from wrist_model.records import ImageRef, Metric, Progress, WorkFolders, network_file
from wrist_model.statistics.confidence_intervals import intervals
from wrist_model.statistics.metrics import Table
from wrist_model.training import augmentation, image_batches

COPIES = 5
"""Augmented copies of each image: 9,752 × 6 + 659 = 59,171, of which the report's 5,918 test images are a tenth."""
SHARES = (0.8, 0.1, 0.1)
METRICS = ("roc_auc", "accuracy")


@dataclass(frozen=True)
class LeakySplit:
    """Images and copies dealt by image. share_with_sibling: of test, those with a copy or a sibling image of their
    study in train, in [0, 1]."""

    train: tuple[ImageRef, ...]
    validation: tuple[ImageRef, ...]
    test: tuple[ImageRef, ...]
    share_with_sibling: float


def deal(refs: Sequence[ImageRef], seed: int) -> LeakySplit:
    """Deal refs at random by image, 80/10/10, whatever patient they show. Raises DataError below 10 images."""
    if len(refs) < 10:
        raise DataError(f"{len(refs)} images are too few to deal by image: at least 10 are needed.")
    order = np.random.default_rng(seed).permutation(len(refs))
    ends = np.round(np.cumsum(SHARES) * len(refs)).astype(int)
    train, validation, test = (tuple(refs[place] for place in part) for part in np.split(order, ends[:2]))
    known = {ref.study_uid for ref in train}
    siblings = sum(ref.study_uid in known for ref in test)
    return LeakySplit(train, validation, test, siblings / len(test))


def deal_by_patient(refs: Sequence[ImageRef], seed: int) -> LeakySplit:
    """The control: the same copies, dealt by patient to parts of about the sizes that `deal` gives.

    Patients are dealt in random order, each to the part that lacks most of its share; then each part is cut at random
    to `deal`'s size. Raises DataError below 10 images or 3 patients.
    """
    if len(refs) < 10 or len({ref.patient_key for ref in refs}) < 3:
        raise DataError(
            f"{len(refs)} images of {len({ref.patient_key for ref in refs})} patients are too few to deal by patient: "
            "at least 10 images of 3 patients are needed."
        )
    rng = np.random.default_rng(seed)
    of_patient: dict[str, list[ImageRef]] = {}
    for ref in refs:
        of_patient.setdefault(ref.patient_key, []).append(ref)
    wanted = np.diff(np.r_[0, np.round(np.cumsum(SHARES) * len(refs)).astype(int)])
    parts: list[list[ImageRef]] = [[], [], []]
    keys = sorted(of_patient)
    for place in rng.permutation(len(keys)):
        lacking = [1 - len(part) / size for part, size in zip(parts, wanted, strict=True)]
        parts[int(np.argmax(lacking))] += of_patient[keys[place]]
    cut = [
        tuple(part[one] for one in sorted(rng.permutation(len(part))[:size]))
        for part, size in zip(parts, wanted, strict=True)
    ]
    return LeakySplit(cut[0], cut[1], cut[2], 0.0)


def arms(refs: Sequence[ImageRef], seed: int) -> tuple[LeakySplit, LeakySplit]:
    """The leaky split and its control, with as many images in each part: neither trains on more."""
    leaky, control = deal(refs, seed), deal_by_patient(refs, seed)
    parts = {name: getattr(leaky, name)[: len(getattr(control, name))] for name in ("train", "validation", "test")}
    known = {ref.study_uid for ref in parts["train"]}
    siblings = sum(ref.study_uid in known for ref in parts["test"])
    return LeakySplit(**parts, share_with_sibling=siblings / len(parts["test"])), control


def copied(
    refs: Sequence[ImageRef], recipe: Recipe, folder: Path, progress: Progress | None = None
) -> tuple[ImageRef, ...]:
    """Each train image at the network's size, and COPIES augmented copies of it, as PNG files below folder.

    Raises DataError for a ref that is not of split train: the demonstration must not touch the hold-out.
    """
    if other := sorted({str(ref.split) for ref in refs} - {"train"}):
        raise DataError(f"A leak is shown on train patients alone; these images are of split {', '.join(other)}.")
    folder.mkdir(parents=True, exist_ok=True)
    found: list[ImageRef] = []
    for done, ref in enumerate(refs, start=1):
        plain = image_batches.resized(decode.load_pixels(ref), recipe.network.image_size, recipe.network.resize)
        for view in range(-1, COPIES):
            change = augmentation.draw(recipe.augmentation, recipe.training.seed, ref.pixel_sha256, view)
            pixels = (plain if view < 0 else augmentation.apply(plain, change))[..., 0]
            path = folder / f"{hashlib.sha256(f'{ref.image_uid}:{view}'.encode()).hexdigest()[:24]}.png"
            Image.fromarray(pixels).save(path, compress_level=1)
            uid = ref.image_uid if view < 0 else f"{ref.image_uid}+{view}"
            copy = replace(ref, image_uid=uid, file=str(path), pixel_sha256=decode.pixel_sha256(pixels), subgroups=())
            found.append(copy)
        if progress:
            progress("copy as the report did", done, len(refs), "")
    return tuple(found)


def demonstrate(
    refs: Sequence[ImageRef], recipe: Recipe, architecture: str, place: Path, progress: Progress | None = None
) -> tuple[LeakDemonstration, ...]:
    """Train one network twice and score it: on copies dealt by image, the leaky way, and by patient, its control.

    refs: the images of the train split, labelled. Copies, sizes, steps and threshold are the same in both arms.
    Writes below `place` and removes it again. Raises DataError where a class is missing.
    """
    from wrist_model.scoring import inference
    from wrist_model.training import fit

    def scores(dealt: LeakySplit) -> np.ndarray:
        model = fit.train(
            dealt.train,
            [replace(ref, split="validation") for ref in dealt.validation],
            recipe,
            architecture,
            folders=WorkFolders(place, place, place / "rows", place, place),
            run_id=hashlib.sha256("".join(ref.image_uid for ref in dealt.train).encode()).hexdigest()[:12],
            on_epoch=lambda epoch: None,
            progress=progress,
        )
        return inference.predict(network_file(place, model.artifact_sha256), dealt.test, progress=progress)

    shutil.rmtree(place, ignore_errors=True)
    try:
        leaky, control = arms(copied(refs, recipe, place / "pictures", progress), recipe.training.seed)
        return figures(architecture, recipe, (leaky, scores(leaky)), (control, scores(control)))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def figures(
    architecture: str, recipe: Recipe, leaky: tuple[LeakySplit, np.ndarray], control: tuple[LeakySplit, np.ndarray]
) -> tuple[LeakDemonstration, ...]:
    """The metrics of raw scores float (len(test),) of both arms, of images; accuracy is at 0.5, as in the report."""
    tables = []
    for dealt, scores in (leaky, control):
        patients = [ref.patient_key for ref in dealt.test]
        tables.append(Table([ref.label for ref in dealt.test], scores, patients, 0.5))  # type: ignore[misc]
    of_leaky, of_control = tables
    spans = [intervals(each, recipe.evaluation.resamples, recipe.evaluation.bootstrap_seed, METRICS) for each in tables]
    return tuple(
        LeakDemonstration(
            architecture=architecture,
            metric=name,
            leaky=of_leaky.value(name),
            honest=None,
            n_leaky_images=len(leaky[0].test),
            share_with_sibling=leaky[0].share_with_sibling,
            leaky_ci=(spans[0][name].low, spans[0][name].high),
            n_leaky_patients=of_leaky.n_patients,
            control=of_control.value(name),
            control_ci=(spans[1][name].low, spans[1][name].high),
            n_control_images=len(control[0].test),
            n_control_patients=of_control.n_patients,
        )
        for name in METRICS
    )


def beside_honest(leaky: LeakDemonstration, honest: Metric | None) -> LeakDemonstration:
    """The leaky figure with the honest evaluation's image-level test metric beside it, where there is one."""
    if honest is None:
        return leaky
    return replace(
        leaky,
        honest=honest.value,
        honest_ci=(honest.ci_low, honest.ci_high),
        n_honest_images=honest.n_images,
        n_honest_patients=honest.n_patients,
    )
