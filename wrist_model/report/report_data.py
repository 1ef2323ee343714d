"""What the report is made of: stored rows and counts, no arrays, no sessions. tasks/report.py fills it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from wrist_model.evidence.replicates import Spread, spread
from wrist_model.evidence_records import LeakDemonstration, LocalisationMetric, Plan, PlanLook
from wrist_model.records import (
    Comparison,
    Epoch,
    ImagePrediction,
    Level,
    LineageFacts,
    Metric,
    OperatingPoint,
    Split,
    StudyPrediction,
    TuningTrial,
)
from wrist_model.report.network_style import style
from wrist_model.scoring.serving_point import serving_metrics, serving_point
from wrist_model.statistics.group_differences import GroupDifference


@dataclass(frozen=True)
class ModelReport:
    """One model version with its training and what it scored. images and studies: the scored test rows.
    localisation: how its maps lie to boxes, where people drew some. replicates: the same trained with other seeds."""

    model_version_id: str
    architecture: str
    role: str | None = None
    artifact_sha256: str | None = None
    members: tuple[str, ...] = ()
    training_run_id: str | None = None
    weights_source: str | None = None
    seed: int | None = None
    epochs_run: int | None = None
    best_epoch: int | None = None
    seconds: float | None = None
    history: tuple[Epoch, ...] = ()
    operating_points: tuple[OperatingPoint, ...] = ()
    metrics: tuple[Metric, ...] = ()
    images: tuple[ImagePrediction, ...] = ()
    studies: tuple[StudyPrediction, ...] = ()
    localisation: tuple[LocalisationMetric, ...] = ()
    replicates: tuple[ModelReport, ...] = ()

    @property
    def name(self) -> str:
        return style(self.architecture).title

    def metric(
        self, name: str, split: Split = "test", level: Level = "study", subgroup: str = "all", point: str | None = None
    ) -> Metric | None:
        """The stored metric, at the serving operating point unless `point` names another; None where not stored."""
        if point is None:
            found = serving_metrics(self.metrics, self.operating_points, split=split, level=level, subgroup=subgroup)
            return found.get(name)
        key = (name, split, level, subgroup)
        for one in self.metrics:
            if key == (one.metric, one.split, one.level, one.subgroup) and one.operating_point in (None, point):
                return one
        return None

    def spread(self, name: str) -> Spread | None:
        """A metric of the test studies over the seeds, each at its own serving point; None without replicates."""
        found = [one for model in (self, *self.replicates) if (one := model.metric(name)) and one.value is not None]
        own = self.metric(name)
        if not self.replicates or own is None or own.value is None:
            return None
        return spread([float(one.value) for one in found if one.value is not None])

    def point(self, level: Level = "study") -> OperatingPoint | None:
        """The serving operating point of a level."""
        return serving_point(self.operating_points, level)


@dataclass(frozen=True)
class SplitFacts:
    """How many stand in one split of the frozen version, members only."""

    split: Split
    patients: int
    studies: int
    images: int
    positive_studies: int


@dataclass(frozen=True)
class FlowStep:
    """A box of the patient flow; None where a count is not known at that stage."""

    name: str
    images: int | None
    studies: int | None = None
    patients: int | None = None


@dataclass(frozen=True)
class LeftOut:
    """How many files or images were left out for one reason (or kept though they look wrong), and at which stage."""

    stage: Literal["quarantined", "excluded", "filtered", "ignored", "kept, but looks wrong"]
    reason: str
    count: int


@dataclass(frozen=True)
class DatasetFacts:
    """The frozen data-set version."""

    dataset_id: str
    manifest_sha256: str
    label_version: str
    guard_status: str
    frozen_at: str
    sources: tuple[str, ...]
    splits: tuple[SplitFacts, ...]
    split_seed: int | None = None
    meanings: tuple[str, ...] = ("abnormal",)  # what a positive label says, of all sources, each once
    same_numbers: tuple[tuple[str, int, int, bool], ...] = ()  # two sources, patients, in two splits, declared others


@dataclass(frozen=True)
class GalleryMap:
    """A stored overlay of one network; path below WRIST_HOME."""

    architecture: str
    path: str
    sanity_score: float | None
    border_share: float | None
    withheld: bool
    note: str = ""
    similarity: float | None = None  # to several shuffled networks' maps, in [-1, 1]; None: held against one
    p_value: float | None = None
    pruned: bool = False  # its file was deleted by `wrist prune`


@dataclass(frozen=True)
class GalleryCase:
    """One radiograph of the gallery. kind as `gallery.choose` says; file: the radiograph's pixels, or None."""

    image_uid: str
    study_uid: str
    kind: str
    label: int | None
    probability: float
    threshold: float
    maps: tuple[GalleryMap, ...]
    file: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ExternalReport:
    """A model's evaluation on an external set. model: with that evaluation's figures alone; internal: the same model on
    the internal test split. looks: at this set, this one included. mismatch: says that labels mean different things."""

    hold_out: str
    evaluation_id: str
    dataset_id: str
    created_at: str
    looks: int
    mismatch: str
    patients_known: bool
    model: ModelReport
    internal: ModelReport


@dataclass(frozen=True)
class ReportData:
    """Everything the page shows. served: the model version that the recipe named beforehand."""

    evaluation_id: str
    created_at: str
    recipe_name: str
    recipe_sha256: str
    recipe_json: str
    synthetic: bool
    from_scratch: bool
    patients_known: bool
    holdout_looks: int
    dataset: DatasetFacts
    flow: tuple[FlowStep, ...]
    left_out: tuple[LeftOut, ...]
    models: tuple[ModelReport, ...]
    served: str
    comparisons: tuple[Comparison, ...] = ()
    gallery: tuple[GalleryCase, ...] = ()
    maps_check: str = ""  # what the gallery's maps were held against, and what it means that one is shown
    decision: str | None = None  # promoted, refused, undecided
    decision_reason: str | None = None
    lineage: LineageFacts | None = None
    leak: tuple[LeakDemonstration, ...] = ()
    trials: tuple[TuningTrial, ...] = ()
    body_part: str | None = None
    plan: Plan | None = None  # by which the gate decided, or the newest of this version
    look: PlanLook | None = None  # the served model's
    prevalence: float = 0.0  # of abnormal studies, for predictive values; 0: not asked for
    group_differences: tuple[GroupDifference, ...] = ()  # of the served model, on test studies
    external: tuple[ExternalReport, ...] = ()
    home: Path = Path()

    @property
    def serving_model(self) -> ModelReport:
        return next((m for m in self.models if m.model_version_id == self.served), self.models[-1])
