"""The tables of what was done: trainings, models, evaluations, predictions, metrics, promotions, explanations.

A run's status is a view over its events and a model's role a view over promotions: nothing here is ever updated.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.catalogue_tables import EARLIER, SPLIT
from db.schema.column_types import Audited, Base, Flag, Number, Real, Word, link

LEVEL = "level IN ('image', 'study')"
PROBABILITIES = "raw_probability BETWEEN 0 AND 1 AND (probability IS NULL OR probability BETWEEN 0 AND 1)"


class TrainingRun(Audited):
    __tablename__ = "training_run"
    training_run_id: Mapped[Word] = mapped_column(unique=True)
    dataset_version_id: Mapped[int] = link("dataset_version", index=True)
    recipe_id: Mapped[int] = link("recipe")
    environment_id: Mapped[int] = link("environment")
    architecture: Mapped[Word]
    seed: Mapped[Number]
    weights_source: Mapped[Word]


class TrainingEvent(Audited):
    """finished, failed or resumed; a failed run that may be gone on with is resumable."""

    __tablename__ = "training_event"
    training_run_id: Mapped[int] = link("training_run", index=True)
    status: Mapped[Word]
    reason: Mapped[Word | None]
    resumable: Mapped[Flag]
    weights_source: Mapped[Word | None]
    weights_sha256: Mapped[Word | None]
    best_epoch: Mapped[Number | None]
    seconds: Mapped[Real | None]


class TrainingEpoch(Audited):
    __tablename__ = "training_epoch"
    training_run_id: Mapped[int] = link("training_run")
    epoch: Mapped[Number]
    loss: Mapped[Real | None]
    accuracy: Mapped[Real | None]
    val_loss: Mapped[Real | None]
    val_accuracy: Mapped[Real | None]
    learning_rate: Mapped[Real | None]
    seconds: Mapped[Real | None]
    __table_args__ = (UniqueConstraint("training_run_id", "epoch"),)


class ModelVersion(Audited):
    """A saved network, named by its hash; an ensemble's hash is of its members' hashes, in order."""

    __tablename__ = "model_version"
    model_version_id: Mapped[Word] = mapped_column(unique=True)
    architecture: Mapped[Word]
    training_run_id: Mapped[int | None] = link("training_run", index=True, optional=True)
    artifact_sha256: Mapped[Word]


class ModelMember(Audited):
    __tablename__ = "model_member"
    model_version_id: Mapped[int] = link("model_version")
    member_id: Mapped[int] = link("model_version")
    __table_args__ = (UniqueConstraint("model_version_id", "member_id"),)


class OperatingPoint(Audited):
    """A threshold on the calibrated probability, fixed on validation before the test split is scored."""

    __tablename__ = "operating_point"
    model_version_id: Mapped[int] = link("model_version")
    level: Mapped[Word]
    name: Mapped[Word]
    threshold: Mapped[Real]
    target: Mapped[Real | None]
    slope: Mapped[Real]
    intercept: Mapped[Real]
    serving: Mapped[Flag]
    __table_args__ = (UniqueConstraint("model_version_id", "level", "name"), CheckConstraint(LEVEL, "point_level"))


class Evaluation(Audited):
    """One model version scored on one frozen version (evaluation) or on new studies (prospective)."""

    __tablename__ = "evaluation"
    evaluation_id: Mapped[Word] = mapped_column(unique=True)
    purpose: Mapped[Word]
    model_version_id: Mapped[int] = link("model_version", index=True)
    dataset_version_id: Mapped[int | None] = link("dataset_version", index=True, optional=True)
    label_version: Mapped[Number]
    recipe_id: Mapped[int | None] = link("recipe", optional=True)
    environment_id: Mapped[int] = link("environment")
    __table_args__ = (
        CheckConstraint("purpose IN ('evaluation', 'prospective')", "evaluation_purpose"),
        ForeignKeyConstraint(["label_version"], ["label_version.version"]),
    )


class EvaluationEvent(Audited):
    __tablename__ = "evaluation_event"
    evaluation_id: Mapped[int] = link("evaluation", index=True)
    status: Mapped[Word]
    reason: Mapped[Word | None]
    n_image_predictions: Mapped[Number]
    n_study_predictions: Mapped[Number]


class HoldoutLook(Audited):
    """The test split of a frozen version was scored; models scored in one session are one look."""

    __tablename__ = "holdout_look"
    evaluation_id: Mapped[int] = link("evaluation", index=True)
    dataset_version_id: Mapped[int] = link("dataset_version", index=True)
    session: Mapped[Word]


class ImagePrediction(Audited):
    """raw_probability is what the network gave, probability the calibrated one, both of the positive class."""

    __tablename__ = "image_prediction"
    evaluation_id: Mapped[int] = link("evaluation")
    image_id: Mapped[int] = link("image", index=True)
    split: Mapped[Word | None]
    label: Mapped[Flag | None]
    raw_probability: Mapped[Real]
    probability: Mapped[Real | None]
    operating_point_id: Mapped[int | None] = link("operating_point", optional=True)
    predicted_label: Mapped[Flag | None]
    __table_args__ = (
        UniqueConstraint("evaluation_id", "image_id"),
        Index("ix_image_prediction_entry", "entry"),  # a month's rows, by way of their links' times
        CheckConstraint(SPLIT, "image_prediction_split"),
        CheckConstraint(PROBABILITIES, "image_prediction_probability"),
    )


class StudyPrediction(Audited):
    """raw_probability is the mean over the study's images."""

    __tablename__ = "study_prediction"
    evaluation_id: Mapped[int] = link("evaluation")
    study_id: Mapped[int] = link("study", index=True)
    n_images: Mapped[Number]
    split: Mapped[Word | None]
    label: Mapped[Flag | None]
    raw_probability: Mapped[Real]
    probability: Mapped[Real | None]
    operating_point_id: Mapped[int | None] = link("operating_point", optional=True)
    predicted_label: Mapped[Flag | None]
    __table_args__ = (
        UniqueConstraint("evaluation_id", "study_id"),
        Index("ix_study_prediction_entry", "entry"),  # a month's rows, by way of their links' times
        CheckConstraint(SPLIT, "study_prediction_split"),
        CheckConstraint(PROBABILITIES, "study_prediction_probability"),
    )


class Metric(Audited):
    """Recomputable from the stored predictions of its evaluation. value is NULL where undefined; note says why."""

    __tablename__ = "metric"
    evaluation_id: Mapped[int] = link("evaluation", index=True)
    split: Mapped[Word]
    level: Mapped[Word]
    subgroup: Mapped[Word]
    operating_point: Mapped[Word | None]
    metric: Mapped[Word]
    value: Mapped[Real | None]
    ci_low: Mapped[Real | None]
    ci_high: Mapped[Real | None]
    n_images: Mapped[Number]
    n_studies: Mapped[Number]
    n_patients: Mapped[Number]
    tp: Mapped[Number | None]
    fp: Mapped[Number | None]
    tn: Mapped[Number | None]
    fn: Mapped[Number | None]
    threshold: Mapped[Real | None]
    n_resamples: Mapped[Number]
    bootstrap_seed: Mapped[Number | None]
    note: Mapped[Word | None]
    __table_args__ = (CheckConstraint(SPLIT, "metric_split"), CheckConstraint(LEVEL, "metric_level"))


class Comparison(Audited):
    """Challenger minus reference, paired on the same patients."""

    __tablename__ = "comparison"
    comparison_id: Mapped[Word] = mapped_column(unique=True)
    evaluation_id: Mapped[int] = link("evaluation", index=True)
    challenger_id: Mapped[int] = link("model_version")
    reference_id: Mapped[int] = link("model_version")
    metric: Mapped[Word]
    difference: Mapped[Real | None]
    ci_low: Mapped[Real | None]
    ci_high: Mapped[Real | None]
    method: Mapped[Word]
    n_patients: Mapped[Number]
    p_value: Mapped[Real | None]
    holdout_looks: Mapped[Number]


class Promotion(Audited):
    """A decision about a model. `rolled_back` names the earlier champion that serves again; corrects_id is then the
    promotion that it takes back."""

    __tablename__ = "promotion"
    promotion_id: Mapped[Word] = mapped_column(unique=True)
    model_version_id: Mapped[int] = link("model_version", index=True)
    decision: Mapped[Word]
    reason: Mapped[Word]
    decided_by: Mapped[Word]
    corrects_id: Mapped[int | None] = link("promotion", optional=True)
    __table_args__ = (
        CheckConstraint(EARLIER, "promotion_corrects"),
        CheckConstraint("decision IN ('promoted', 'refused', 'undecided', 'rolled_back')", "promotion_decision"),
    )


class PromotionComparison(Audited):
    __tablename__ = "promotion_comparison"
    promotion_id: Mapped[int] = link("promotion", index=True)
    comparison_id: Mapped[int] = link("comparison")


class Explanation(Audited):
    """A stored heat map; path is below WRIST_HOME."""

    __tablename__ = "explanation"
    explanation_id: Mapped[Word] = mapped_column(unique=True)
    image_prediction_id: Mapped[int] = link("image_prediction", index=True)
    method: Mapped[Word]
    path: Mapped[Word]
    file_sha256: Mapped[Word]
    sanity_score: Mapped[Real | None]
    border_share: Mapped[Real | None]
    withheld: Mapped[Flag]
    note: Mapped[Word]


class Report(Audited):
    """A written report, model card or checklist; path is below WRIST_HOME."""

    __tablename__ = "report"
    report_id: Mapped[Word] = mapped_column(unique=True)
    kind: Mapped[Word]
    path: Mapped[Word]
    file_sha256: Mapped[Word]
    dataset_version_id: Mapped[int | None] = link("dataset_version", optional=True)
    evaluation_ids: Mapped[Word]  # JSON list


class TuningTrial(Audited):
    __tablename__ = "tuning_trial"
    study_name: Mapped[Word]
    trial: Mapped[Number]
    architecture: Mapped[Word]
    learning_rate: Mapped[Real | None]
    batch_size: Mapped[Number | None]
    value: Mapped[Real | None]
    state: Mapped[Word]
    seconds: Mapped[Real | None]
    parameters: Mapped[Word]  # JSON object
    dataset_version_id: Mapped[int | None] = link("dataset_version", optional=True)
    __table_args__ = (UniqueConstraint("study_name", "trial", "state"),)


class LeakDemonstration(Audited):
    """The leaky protocol's number and the honest one beside it. Never an evaluation; no such model can serve."""

    __tablename__ = "leak_demonstration"
    dataset_version_id: Mapped[int] = link("dataset_version", index=True)
    recipe_sha256: Mapped[Word | None]
    architecture: Mapped[Word]
    protocol: Mapped[Word]  # image_split or patient_split
    metric: Mapped[Word]
    value: Mapped[Real | None]
    ci_low: Mapped[Real | None]
    ci_high: Mapped[Real | None]
    n_images: Mapped[Number]
    n_patients: Mapped[Number]
    note: Mapped[Word]


class DriftCheck(Audited):
    """One feature of one check of new studies against the model's training data."""

    __tablename__ = "drift_check"
    drift_id: Mapped[Word] = mapped_column(index=True)
    model_version_id: Mapped[int | None] = link("model_version", optional=True)
    feature: Mapped[Word]
    statistic: Mapped[Real | None]
    p_value: Mapped[Real | None]
    p_adjusted: Mapped[Real | None]
    psi: Mapped[Real | None]
    alert: Mapped[Flag]
    n_reference: Mapped[Number]
    n_current: Mapped[Number]


class StageCost(Audited):
    """What a stage of a flow cost: wall and CPU seconds, peak resident bytes."""

    __tablename__ = "stage_cost"
    flow: Mapped[Word] = mapped_column(index=True)
    run_id: Mapped[Word | None]
    stage: Mapped[Word]
    wall_seconds: Mapped[Real]
    cpu_seconds: Mapped[Real | None]
    peak_bytes: Mapped[Number | None]


class Lease(Base):
    """Who works on what only one may work on at a time, and until when. Not audited.

    owner: a random word, NULL while nobody has it. fence: how often it was taken. renewed: seconds, of the server's
    clock on PostgreSQL, since the boot on SQLite. The holder's process, and times to read, stand beside them.
    """

    __tablename__ = "lease"
    resource: Mapped[Word] = mapped_column(primary_key=True)
    fence: Mapped[Number]
    owner: Mapped[Word | None]
    host: Mapped[Word | None]
    boot_id: Mapped[Word | None]
    pid_namespace: Mapped[Word | None]
    pid: Mapped[Number | None]
    begun: Mapped[Real | None]
    prefect_flow_run_id: Mapped[Word | None]
    renewed: Mapped[Real | None]
    acquired_at: Mapped[Word | None]
    renewed_at: Mapped[Word | None]
