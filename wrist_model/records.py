"""The frozen records that travel between rooms. Standard library only.

Identifiers are text: `im-…`, `st-…` and `pt-…` are keyed pseudonyms (radiograph.pseudonyms), `ds-…` a frozen
data-set version, `tr-…` a training run, `mv-…` a model version, `ev-…` an evaluation. Times are UTC, ISO 8601.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Progress = Callable[[str, int, int, str], None]
"""Called as progress(stage, done, total, note): long pure work says how far it is; a task decides who sees it."""

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
SPLIT_RANK: dict[Split, int] = {"test": 0, "validation": 1, "train": 2}  # of two splits the higher gives way
EVALUATED_SPLITS: tuple[Split, ...] = ("validation", "test")  # operating points are fixed before test is predicted
Level = Literal["image", "study"]
ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class WorkFolders:
    """Where trainings and tunings keep their files; each is made where it is missing."""

    models: Path  # saved networks, `network_file`
    runs: Path  # a folder a training: its last state, until it is finished
    features: Path  # stored features of the frozen parts
    tensorboard: Path  # a folder a training: TensorBoard's logs
    tuning: Path  # a journal a study


def network_file(models: Path, sha256: str) -> Path:
    """Where a saved network of that content lies."""
    return models / f"{sha256}.keras"


def pixel_file(pixels: Path, pixel_sha256: str) -> Path:
    """Where the pixel store keeps a decoded frame: `<aa>/<pixel_sha256>.png`, grey, bone bright."""
    return pixels / pixel_sha256[:2] / f"{pixel_sha256}.png"


@dataclass(frozen=True)
class ImageRecord:
    """One image as the catalogue keeps it: a file, or one frame of a DICOM instance.

    path: below `root` for PNG and JPEG; a keyed pseudonym for DICOM, whose pixels then lie in the pixel store.
    label: the study's label as the source states it: 1, 0, or None where it states none.
    split: where the patient stands; fixed when the patient is first seen.
    """

    image_uid: str
    study_uid: str
    patient_key: str
    patient_known: bool
    source: str
    body_part: str
    root: str
    path: str
    format: str  # png, jpeg or dicom
    frame: int
    file_sha256: str
    file_size: int
    file_mtime_ns: int
    pixel_sha256: str
    rows: int
    columns: int
    photometric: str
    inverted: bool
    multi_view: bool
    decode_steps: tuple[str, ...]
    split: Split
    label: int | None = None
    view: str | None = None  # ViewPosition (0018,5101), or a manifest's `view`
    hardware: bool | None = None
    sex: str | None = None  # PatientSex (0010,0040)
    age: int | None = None  # years, capped at 90
    burned_in: bool | None = None  # BurnedInAnnotation (0028,0301)
    manufacturer_key: str | None = None  # keyed pseudonym of Manufacturer and model name
    perceptual_hash: str | None = None
    mean_intensity: float | None = None  # of the uint8 pixels, 0–255
    extra: tuple[tuple[str, str], ...] = ()  # further columns of a manifest
    patient_pseudonym: str | None = None  # of DICOM's PatientID without its issuer; patient_key where it states none
    decode_rule: int | None = None  # decode.RULE
    suspicious: str | None = None  # what looks wrong though it decoded, wrist_model.radiograph.suspicious
    image_label: int | None = None  # of this picture alone, where the source labels pictures
    doubt: str | None = None  # why its study is left out of data-set versions until a person says otherwise
    placed: bool = False  # the source, a list or a person says where its patient stands; else the rule does
    hold_out: str | None = None  # the external set that its source is


@dataclass(frozen=True)
class QuarantinedFile:
    """A file that was seen and refused, and why."""

    root: str
    path: str  # below `root`, or a keyed pseudonym for DICOM
    file_sha256: str | None
    file_size: int | None
    file_mtime_ns: int | None
    reason_code: str
    reason: str


@dataclass(frozen=True)
class IngestCounts:
    """What one ingest saw. seen = new + unchanged + changed + filtered + ignored + quarantined."""

    new: int = 0
    unchanged: int = 0
    changed: int = 0
    filtered: int = 0
    ignored: int = 0
    quarantined: int = 0

    @property
    def seen(self) -> int:
        return self.new + self.unchanged + self.changed + self.filtered + self.ignored + self.quarantined

    def __add__(self, other: IngestCounts) -> IngestCounts:
        return IngestCounts(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Candidate:
    """An image that a data-set version could hold, with its patient's fixed split and its study's current label.
    excluded_reason: why a person left it (or its study, or its patient) out. person: what the patients that are one
    person for splitting share (`db.patient_identity`); None: the patient alone. hold_out: as of Member."""

    image_uid: str
    study_uid: str
    patient_key: str
    split: Split
    label: int | None
    pixel_sha256: str
    perceptual_hash: str | None = None
    excluded_reason: str | None = None
    person: str | None = None
    hold_out: str | None = None


@dataclass(frozen=True)
class Member:
    """An image's place in a frozen data-set version. excluded_reason is set exactly where included is False. hold_out:
    the external set that it is of; its split is test."""

    image_uid: str
    study_uid: str
    patient_key: str
    split: Split
    label: int | None
    included: bool
    excluded_reason: str | None = None
    hold_out: str | None = None


@dataclass(frozen=True)
class ImageRef:
    """What training, prediction and explanation need of one image. file: absolute path of the PNG or JPEG, or of the
    stored pixels (PNG) of a DICOM frame. pixel_sha256: of the uint8 pixels (bone bright), which load_pixels checks."""

    image_uid: str
    study_uid: str
    patient_key: str
    file: str
    pixel_sha256: str
    label: int | None = None
    split: Split | None = None
    subgroups: tuple[tuple[str, str], ...] = ()  # e.g. (("hardware", "1"), ("source", "mura"))
    decode_rule: int | None = None  # decode.RULE when it was catalogued; None: rule 1
    n_pixels: int | None = None  # rows × columns when it was catalogued


@dataclass(frozen=True)
class Epoch:
    """One epoch of training history; epoch counts from 1, accuracies in [0, 1]."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class StoredRecipe:
    """A recipe as the catalogue keeps it: sha256 is of canonical_json, which leaves the name out."""

    sha256: str
    name: str
    canonical_json: str


@dataclass(frozen=True)
class TuningTrial:
    """A trial that ended. state: complete, pruned or failed; value: validation AUC by study of its best epoch;
    parameters: the others, and epochs and log_loss."""

    study_name: str
    trial: int
    architecture: str
    learning_rate: float | None
    batch_size: int | None
    value: float | None
    state: str
    seconds: float | None
    parameters: tuple[tuple[str, Any], ...] = ()
    dataset_id: str | None = None

    def parameter(self, name: str) -> Any:
        """One of the parameters; None where the trial has none of this name."""
        return dict(self.parameters).get(name)


@dataclass(frozen=True)
class TrainedModel:
    """What a training left behind: the saved network under its own hash, and how it got there."""

    architecture: str
    artifact_sha256: str
    weights_source: str  # "imagenet", "none", or "file:<sha256>"
    weights_sha256: str | None
    best_epoch: int
    seconds: float
    history: tuple[Epoch, ...] = ()


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold on the calibrated probability, fixed on validation.

    probability = 1 / (1 + exp(-(slope * logit(raw_probability) + intercept))); positive when probability >= threshold.
    """

    level: Level
    name: str  # "youden", "sensitivity", "sensitivity_assured"
    threshold: float
    target: float | None
    slope: float
    intercept: float
    serving: bool
    engine: str | None = None  # that gave the scores it was fixed on, as in Forward; None: TensorFlow in float32
    precision: str | None = None


@dataclass(frozen=True)
class Forward:
    """By which engine a network runs forward, and in which precision. Of an ensemble: what all its members have, or
    each one's, joined by commas."""

    engine: str  # "openvino" or "tensorflow"
    precision: str  # "f32" or "bf16"


@dataclass(frozen=True)
class ImagePrediction:
    image_uid: str
    study_uid: str
    patient_key: str
    split: Split | None
    label: int | None
    raw_probability: float
    probability: float | None = None
    operating_point: str | None = None
    threshold: float | None = None
    predicted_label: int | None = None
    logit: float | None = None  # of raw_probability, unrounded: tells scores apart that round to 0 or 1


@dataclass(frozen=True)
class StudyPrediction:
    """raw_probability is the mean of the images' raw probabilities (Rajpurkar et al. 2018, arXiv 1712.06957)."""

    study_uid: str
    patient_key: str
    split: Split | None
    label: int | None
    n_images: int
    raw_probability: float
    probability: float | None = None
    operating_point: str | None = None
    threshold: float | None = None
    predicted_label: int | None = None
    logit: float | None = None  # of raw_probability, from the images' logits where each has one


@dataclass(frozen=True)
class Metric:
    """One number with its 95% interval. value is None where it is undefined, and `note` says why."""

    split: Split
    level: Level
    subgroup: str  # "all" or "name=value"
    operating_point: str | None
    metric: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n_images: int
    n_studies: int
    n_patients: int
    tp: int | None = None
    fp: int | None = None
    tn: int | None = None
    fn: int | None = None
    threshold: float | None = None
    n_resamples: int = 0
    bootstrap_seed: int | None = None
    note: str | None = None


@dataclass(frozen=True)
class Comparison:
    """A paired difference, challenger minus reference, on the same patients."""

    challenger: str
    reference: str
    metric: str
    difference: float | None
    ci_low: float | None
    ci_high: float | None
    # delong_score, tango_clustered, "tango_clustered, over 1 - chance", mover_logit, patient_bootstrap_t; by the first
    # rules delong, mcnemar, patient_bootstrap
    method: str
    n_patients: int
    p_value: float | None = None


@dataclass(frozen=True)
class Provenance:
    """Who wrote a row: the actor (a login name, or "schedule"), and the Prefect flow run, if any."""

    actor: str
    prefect_flow_run_id: str | None = None


@dataclass(frozen=True)
class LineageFacts:
    """Where a row was made: code, libraries, machine."""

    git_commit: str
    git_dirty: bool
    libraries: tuple[tuple[str, str], ...]
    machine: tuple[tuple[str, str], ...] = field(default_factory=tuple)
    forward: Forward | None = None  # how networks ran forward for it
