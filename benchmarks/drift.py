"""Drift: false alarms of permuted samples, and how many samples with another brightness are found; 200 studies each.

On generated radiographs and, where they lie beside the checkout, on real ones: those of odd blocks of neighbours alone,
since the features were chosen on every other row, and all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.pixels import block, generated, manifest, real
from benchmarks.result import Result
from wrist_model.evidence import drift as rule
from wrist_model.recipe import DriftRecipe

SAMPLE = 200
FALSE_ALARMS, FOUND = 0.05, 0.90
BRIGHTNESS = (1.1, 0.9)
Features = dict[str, list[float | str | None]]


@dataclass(frozen=True)
class Sides:
    """The same studies as they are, and with each brightness."""

    name: str
    plain: Features
    shifted: dict[float, Features]


def drift(quick: bool = False) -> list[Result]:
    """Limits: 5% of the looks at permuted samples raise an alarm; 90% of the shifts are found."""
    permuted, samples = (200, 40) if quick else (1000, 100)
    found = []
    for sides in _sets(quick):
        order = np.random.default_rng(1)
        count = len(sides.plain["mean intensity"])
        alarms = sum(_alarm(sides.plain, sides.plain, order.permutation(count)) for _ in range(permuted))
        rate, setup = alarms / permuted, f"{sides.name}, {permuted} permuted samples of {SAMPLE} of {count} studies"
        ratio = FALSE_ALARMS / max(rate, 1e-9)
        found.append(Result("drift_false_alarms", rate, FALSE_ALARMS, ratio, f"{alarms}", "share", setup))
        for brightness, shifted in sides.shifted.items():
            hits = sum(_alarm(sides.plain, shifted, order.permutation(count), "intensity") for _ in range(samples))
            rate, setup = hits / samples, f"{sides.name}, brightness x{brightness}, {samples} samples of {SAMPLE}"
            found.append(Result("drift_found", rate, FOUND, rate / FOUND, f"{hits}", "share", setup))
    return found


def _alarm(plain: Features, new: Features, order: np.ndarray, word: str = "") -> bool:
    """Whether the first SAMPLE studies of an order, as they are in `new`, are told from the others."""
    reference, current = _part(plain, order[SAMPLE:]), _part(new, order[:SAMPLE])
    return any(one.alert and word in one.feature for one in rule.check(reference, current, DriftRecipe()))


def _part(features: Features, places: np.ndarray) -> Features:
    return {name: [values[place] for place in places] for name, values in features.items()}


def _sets(quick: bool) -> list[Sides]:
    films = [one.pixels for one in generated(400 if quick else 1200)]
    found = [_sides("generated wrists", films, {})]
    films = [one.pixels for one in real(100_000)]
    if films:
        labels: list[float | str | None] = [row["label"] for row in manifest()]
        odd = [place for place in range(len(films)) if block(place) % 2]
        found.append(_sides("real hands, odd blocks", [films[n] for n in odd], {"positives": [labels[n] for n in odd]}))
        found.append(_sides("real hands, all", films, {"positives": labels}))
    return found


def _sides(name: str, films: Sequence[np.ndarray], more: Features) -> Sides:
    plain = _features(films, 1.0) | more
    return Sides(name, plain, {factor: _features(films, factor) | more for factor in BRIGHTNESS})


def _features(films: Sequence[np.ndarray], brightness: float) -> Features:
    """What `tasks.drift` looks at, as far as pictures alone tell it."""
    bright = [np.clip(np.round(film * brightness), 0, 255).astype(np.uint8) for film in films]
    five = [rule.intensities(film) for film in bright]
    found: Features = {
        "mean intensity": [float(film.mean()) for film in bright],
        "image height": [float(film.shape[0]) for film in films],
        "image width": [float(film.shape[1]) for film in films],
    }
    return found | {f"intensity, {label}": [one[n] for one in five] for n, label in enumerate(rule.PERCENTILES)}
