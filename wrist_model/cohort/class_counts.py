"""Whether a data-set version can carry a training and an evaluation, said before anything long begins."""

from __future__ import annotations

from collections.abc import Sequence

from wrist_model.errors import DataError
from wrist_model.records import SPLITS, Member


def require(members: Sequence[Member]) -> None:
    """Raises DataError unless train, validation and test each hold labelled studies of both classes.

    members: a version's rows, as `leak_guard.decide` gives them; those left out, or of external sets, do not count.
    """
    if not members:
        raise DataError("Nothing is catalogued. Give a path: `wrist retrain PATH`, or `wrist ingest PATH` first.")
    held = [member for member in members if member.included and member.hold_out is None]
    if not held:
        reasons = ", ".join(sorted({member.excluded_reason or "" for member in members}))
        raise DataError(
            f"No labelled study: all {len(members)} images are left out ({reasons}). "
            "Labels come from MURA's folder names, a manifest's `label` column, or `--labels FILE.csv` for DICOM."
        )
    patients = {member.patient_key for member in held}
    if len(patients) == 1:
        raise DataError(
            f"All {len(held)} labelled images are of one patient; a split by patient needs patients on each side."
        )
    if len({member.label for member in held}) == 1:
        word = "positive" if held[0].label else "negative"
        raise DataError(f"All {len(held)} labelled images are {word}; training needs both classes.")
    for split in SPLITS:
        labels = {member.label for member in held if member.split == split}
        if labels != {0, 1}:
            have = {frozenset(): "no labelled study", frozenset({0}): "only negative studies"}.get(
                frozenset(label for label in labels if label is not None), "only positive studies"
            )
            raise DataError(
                f"The {split} split has {have} ({len(patients)} patients in all). "
                "Splits are by patient and never move: add studies until each split has both classes."
            )
