"""Which radiographs the gallery shows: the surest hits and the worst misses, one a study, chosen by score alone."""

from __future__ import annotations

from collections.abc import Sequence

from wrist_model.records import ImagePrediction
from wrist_model.report.report_data import GalleryMap

KINDS = {
    "hit": "Surest hits",
    "missed": "Worst misses: abnormal, called normal",
    "false_alarm": "Worst false alarms: normal, called abnormal",
    "cleared": "Surest normals",
}
SHARES = {"hit": 0.4, "missed": 0.25, "false_alarm": 0.25, "cleared": 0.1}


def sanity_said(shown: GalleryMap) -> str:
    """What a map's caption says of its check against shuffled networks, by the rule that it was made with."""
    if shown.similarity is not None and shown.p_value is not None:
        return f"correlation with shuffled networks' maps {shown.similarity:.2f}, p = {shown.p_value:.2f}"
    return "" if shown.sanity_score is None else f"weight check {shown.sanity_score:.2f}"


def kind(row: ImagePrediction) -> str:
    """hit, missed, false_alarm or cleared, from label and predicted_label."""
    if row.label == 1:
        return "hit" if row.predicted_label == 1 else "missed"
    return "false_alarm" if row.predicted_label == 1 else "cleared"


def choose(images: Sequence[ImagePrediction], count: int) -> tuple[ImagePrediction, ...]:
    """Up to `count` rows, one a study: by kind in the order of KINDS, and within it the most extreme score first.

    A kind with too few cases leaves its places to the others. Rows without label or decision are passed over.
    """
    pools: dict[str, list[ImagePrediction]] = {name: [] for name in KINDS}
    for row in images:
        if row.label is not None and row.predicted_label is not None and row.probability is not None:
            pools[kind(row)].append(row)
    for name, pool in pools.items():
        sign = -1 if name in ("hit", "false_alarm") else 1
        pool.sort(key=lambda row, sign=sign: (sign * (row.probability or 0.0), row.image_uid))  # type: ignore[misc]
    chosen: dict[str, list[ImagePrediction]] = {name: [] for name in KINDS}
    studies: set[str] = set()

    def take(name: str, limit: int) -> None:
        while pools[name] and limit > 0 and sum(map(len, chosen.values())) < count:
            row = pools[name].pop(0)
            if row.study_uid not in studies:
                studies.add(row.study_uid)
                chosen[name].append(row)
                limit -= 1

    for name in KINDS:
        take(name, max(1, round(SHARES[name] * count)))
    for name in KINDS:
        take(name, count)
    return tuple(row for name in KINDS for row in chosen[name])
