"""Trainings, the models that they gave, their operating points, and which of them serves.

A run's status is a view over its events and a model's role a view over promotions: nothing here is ever updated.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Text, UniqueConstraint

from db.schema.column_types import EARLIER, LEVEL, Flag, Number, Real, audited_table, link, optional, required

recipe = audited_table(
    "recipe",
    required("recipe_sha256", Text, unique=True),  # of content
    required("name", Text),  # the recipe file's name
    required("content", Text),  # canonical JSON
)

training_run = audited_table(
    "training_run",
    required("training_run_id", Text, unique=True),  # public id
    link("dataset_version_id", "dataset_version", index=True),  # trained and validated on
    link("recipe_id", "recipe"),  # how
    link("environment_id", "environment"),  # with which code and libraries
    required("architecture", Text),  # the network's name
    required("seed", Number),  # of every random choice
    required("weights_source", Text),  # where the first weights are asked from: imagenet, none …
    optional(
        "replicate", Number
    ),  # 1, 2 … of a training that shows the spread of seeds and never serves; NULL: may serve
    optional("engine", Text),  # that ran the frozen part forward; NULL before schema 0009
    optional("precision", Text),  # of its products: f32 or bf16
)

# finished, failed or resumed.
training_event = audited_table(
    "training_event",
    link("training_run_id", "training_run", index=True),  # the training
    required("status", Text),  # finished, failed or resumed
    optional("reason", Text),  # why it failed
    required("resumable", Flag),  # 1: failed, but its checkpoint can be trained further
    optional("weights_source", Text),  # where the first weights really came from
    optional("weights_sha256", Text),  # of the file of first weights
    optional("best_epoch", Number),  # the epoch whose weights were kept
    optional("seconds", Real),  # wall time
)

training_epoch = audited_table(
    "training_epoch",
    link("training_run_id", "training_run"),  # the training
    required("epoch", Number),  # 1, 2, 3 …
    optional("loss", Real),  # on train, mean over the epoch's batches
    optional("accuracy", Real),  # on train, 0–1
    optional("val_loss", Real),  # on validation, after the epoch
    optional("val_accuracy", Real),  # on validation, 0–1
    optional("learning_rate", Real),  # at the epoch's end
    optional("seconds", Real),  # wall time
    UniqueConstraint("training_run_id", "epoch"),
)

# A saved network, or an ensemble of them.
model_version = audited_table(
    "model_version",
    required("model_version_id", Text, unique=True),  # public id
    required("architecture", Text),  # the network's name, or ensemble
    link("training_run_id", "training_run", index=True, optional=True),  # NULL for an ensemble
    required("artifact_sha256", Text),  # of the .keras file; an ensemble's is of its members' hashes, in order
)

model_member = audited_table(
    "model_member",
    link("model_version_id", "model_version"),  # the ensemble
    link("member_id", "model_version"),  # one of its networks
    UniqueConstraint("model_version_id", "member_id"),
)

# A threshold on the calibrated probability, fixed on validation before the test split is scored.
operating_point = audited_table(
    "operating_point",
    link("model_version_id", "model_version"),  # the model
    required("level", Text),  # image or study
    required("name", Text),  # how it was chosen: youden or sensitivity
    required("threshold", Real),  # positive at or above it, 0–1
    optional("target", Real),  # the sensitivity or specificity that was asked for
    required("slope", Real),  # of the calibration: probability = expit(slope × logit + intercept)
    required("intercept", Real),  # of the calibration
    required("serving", Flag),  # 1: decisions are made at this one
    optional("engine", Text),  # that gave the scores it was fixed on, an ensemble's its members'; NULL: tensorflow
    optional("precision", Text),  # of these scores: f32 or bf16; NULL: f32
    UniqueConstraint("model_version_id", "level", "name"),
    CheckConstraint(LEVEL, "point_level"),
)

# A decision about a model.
promotion = audited_table(
    "promotion",
    required("promotion_id", Text, unique=True),  # public id
    link("model_version_id", "model_version", index=True),  # the model; rolled_back: the one that serves again
    required("decision", Text),  # promoted, refused, undecided or rolled_back
    required("reason", Text),  # why
    required("decided_by", Text),  # gate, or a person
    link("corrects_id", "promotion", optional=True),  # rolled_back: the promotion that it takes back
    CheckConstraint(EARLIER, "promotion_corrects"),
    CheckConstraint("decision IN ('promoted', 'refused', 'undecided', 'rolled_back')", "promotion_decision"),
)

promotion_comparison = audited_table(
    "promotion_comparison",
    link("promotion_id", "promotion", index=True),  # the decision
    link("comparison_id", "comparison"),  # a comparison that it rests on
)

tuning_trial = audited_table(
    "tuning_trial",
    required("study_name", Text),  # the Optuna study
    required("trial", Number),  # 0, 1, 2 …
    required("architecture", Text),  # the network's name
    optional("learning_rate", Real),  # tried
    optional("batch_size", Number),  # tried, images
    optional("value", Real),  # the study's objective on validation
    required("state", Text),  # complete, pruned or failed
    optional("seconds", Real),  # wall time
    required("parameters", Text),  # JSON object of all that was tried
    link("dataset_version_id", "dataset_version", optional=True),  # trained and validated on
    UniqueConstraint("study_name", "trial", "state"),
)
