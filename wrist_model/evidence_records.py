"""Subgroup names; frozen records of plans, drift, leaky figures, patient numbers, maps, boxes. Imports no library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

IMAGE_SUBGROUPS = ("view", "sex", "age", "hardware", "inverted", "multi_view", "burned_in")
"""What images are told apart by, where it is known: columns of the catalogue."""
SOURCE_SUBGROUPS = ("cast", "osteopenia", "initial_exam", "laterality", "device")
"""The same, of a source's further columns."""


@dataclass(frozen=True)
class LeakDemonstration:
    """A network's metric by the leaky protocol (images and copies dealt by image), by its control (as many of the same
    copies dealt by patient, trained and measured alike: what differs is the leak), and the honest one of the hold-out.
    ci: 95% limits over patients; counts are of the test part."""

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
    control: float | None = None
    control_ci: tuple[float | None, float | None] = (None, None)
    n_control_images: int = 0
    n_control_patients: int = 0


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


@dataclass(frozen=True)
class Plan:
    """What was fixed before a hold-out was looked at. content: canonical JSON, content_sha256 its hash; looks_planned:
    over which the error is divided; looks_before, alpha_spent: when it was stored; budget_plan_id: the plan that began
    the budget, its own id where it began one; new_patients_only: of patients nobody had looked at then."""

    plan_id: str
    content_sha256: str
    content: str
    recipe_sha256: str
    dataset_id: str
    rule: str  # score, bootstrap
    looks_planned: int
    looks_before: int
    alpha_spent: float
    budget_plan_id: str
    new_patients_only: bool
    created_at: str


@dataclass(frozen=True)
class PlanLook:
    """A decision of the gate under a plan. look: its number, from 1; alpha: the one-sided error of its limits."""

    plan_id: str
    promotion_id: str
    model_version_id: str
    decision: str
    look: int
    alpha: float
    created_at: str


@dataclass(frozen=True)
class Explanation:
    """A stored heat map. sanity_score and border_share in [0, 1]; withheld says whether the gallery leaves it out.
    sanity_similarity in [-1, 1] and sanity_p_value: of the map against several shuffled networks', by sanity_rule;
    None: it was held against one."""

    image_uid: str
    method: str  # "grad-cam"
    path: str  # below WRIST_HOME
    file_sha256: str
    sanity_score: float | None
    withheld: bool
    note: str = ""
    border_share: float | None = None
    sanity_similarity: float | None = None
    sanity_p_value: float | None = None
    sanity_rule: str | None = None


@dataclass(frozen=True)
class Region:
    """A box that somebody drew on a picture. name: its class. Edges in pixels of the picture as it is catalogued, x to
    the right and y down from its upper left corner, up to its columns and rows. drawn_by: who; empty: unknown."""

    image_uid: str
    name: str
    x_min: float
    y_min: float
    x_max: float
    y_max: float
    drawn_by: str = ""


@dataclass(frozen=True)
class RefusedRegion:
    """A box that isn't taken, or a whole file of them (place "file"). place: where in the file, such as `line 3`."""

    place: str
    reason_code: str
    reason: str


@dataclass(frozen=True)
class RegionList:
    """What a file of boxes says. root, name: the place that was ingested, and the list's name there; the newest of a
    name counts, and one that can't be read as a whole (taken False) replaces none. kind: yolo, pascal_voc, coco or csv.
    """

    source: str
    root: str
    name: str
    kind: str
    file_sha256: str | None
    taken: bool
    regions: tuple[Region, ...] = ()
    refused: tuple[RefusedRegion, ...] = ()


@dataclass(frozen=True)
class Localised:
    """How one heat map lies to the boxes of a class on its image. hottest, centre: whether the hottest point, or the
    heat's centre of mass, lies in one; random: how often a random point of the radiograph does; heat: the share of heat
    in them; all in [0, 1]. flat: the map holds no heat."""

    image_uid: str
    patient_key: str
    region_class: str
    hottest: float
    centre: float
    random: float
    heat: float
    flat: bool


@dataclass(frozen=True)
class LocalisationMetric:
    """How the heat maps of one evaluation lie to the boxes of a class. n_images: with such boxes."""

    split: str
    region_class: str
    metric: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n_images: int
    n_patients: int
    n_resamples: int = 0
    bootstrap_seed: int | None = None
    note: str | None = None
