"""Do the maps look at what people marked? Means over test images of each class of box, with intervals over patients.

Each figure stands beside what chance gives: the hottest point against a random point of the radiograph, and against the
heat's centre of mass; the share of heat against the share of area. On a fracture's box much heat is wanted; on text and
metal it is a shortcut. All images with such boxes count, whatever the network called them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wrist_model.evidence_records import LocalisationMetric, Localised
from wrist_model.statistics.clustered_mean import draw_of, mean_interval

SHORTCUTS = ("text", "metal")
"""Classes on which heat is no sign of a fracture."""
METRICS = {
    "pointing_game": lambda one: one.hottest,
    "random_point": lambda one: one.random,
    "pointing_minus_random": lambda one: one.hottest - one.random,
    "centre_of_mass": lambda one: one.centre,
    "pointing_minus_centre": lambda one: one.hottest - one.centre,
    "heat_share": lambda one: one.heat,
    "heat_minus_area": lambda one: one.heat - one.random,
}
"""Metric → what an image gives. A share of images, of area or of heat in [0, 1], or a difference of two in [-1, 1]."""


def localisation_metrics(
    rows: Sequence[Localised], resamples: int, seed: int, split: str = "test"
) -> tuple[LocalisationMetric, ...]:
    """Every metric of each class, in order of class. Deterministic: the resamples are seeded."""
    found = []
    for name in sorted({one.region_class for one in rows}):
        held = [one for one in rows if one.region_class == name]
        patients = [one.patient_key for one in held]
        drawn = draw_of(patients, resamples, seed)
        flat = sum(one.flat for one in held)
        for metric, value in METRICS.items():
            values = np.array([value(one) for one in held], dtype=np.float64)
            interval = mean_interval(values, patients, drawn, share="minus" not in metric)
            said = [f"{flat} of {len(held)} maps hold no heat and count as misses"] if flat else []
            said += [interval.note] if interval.note else []
            found.append(
                LocalisationMetric(
                    split,
                    name,
                    metric,
                    float(values.mean()),
                    interval.low,
                    interval.high,
                    len(held),
                    len(set(patients)),
                    interval.n_resamples,
                    seed if interval.n_resamples else None,
                    "; ".join(said) or None,
                )
            )
    return tuple(found)
