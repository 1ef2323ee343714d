"""Frozen records of drift checks, of the leaky protocol's figures, and of patient numbers as hashes. Standard library
only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class LeakDemonstration:
    """A network's metric by the leaky protocol (images and copies dealt by image), beside the honest one (patients
    dealt). ci: 95% limits over patients; counts are of the test part."""

    architecture: str
    metric: str
    leaky: float | None
    honest: float | None
    n_leaky_images: int
    share_with_sibling: float  # of the leaky test images, those with a copy or an image of their study in train
    leaky_ci: tuple[float | None, float | None] = (None, None)
    n_leaky_patients: int = 0
    honest_ci: tuple[float | None, float | None] = (None, None)
    n_honest_images: int = 0
    n_honest_patients: int = 0


@dataclass(frozen=True)
class DriftCheck:
    """One feature of new studies against the champion's training data. statistic: Kolmogorov-Smirnov distance or
    chi-squared; p_adjusted: after Holm; psi: 0.1 is small, 0.25 large; alert: significant and not small."""

    feature: str
    statistic: float | None
    p_value: float | None
    p_adjusted: float | None
    psi: float | None
    alert: bool
    n_reference: int
    n_current: int


@dataclass(frozen=True)
class Numbered:
    """A patient number as hashes. number: of it alone (nu-…); key: under its own source; others: under others."""

    key: str
    number: str
    others: Mapping[str, str]  # source → patient_key or pseudonym without issuer there
