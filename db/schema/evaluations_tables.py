"""Evaluations and what they give: predictions, metrics, comparisons, explanations, reports; leak, drift checks."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint

from db.schema.column_types import LEVEL, SPLIT, Flag, Number, Real, audited_table, link, optional, required

PROBABILITIES = "raw_probability BETWEEN 0 AND 1 AND (probability IS NULL OR probability BETWEEN 0 AND 1)"

# One model version scored on one frozen version (evaluation) or on new studies (prospective).
evaluation = audited_table(
    "evaluation",
    required("evaluation_id", Text, unique=True),  # public id
    required("purpose", Text),  # evaluation or prospective
    link("model_version_id", "model_version", index=True),  # the model
    link("dataset_version_id", "dataset_version", index=True, optional=True),  # NULL for new studies
    required("label_version", Number),  # the labels compared with
    link("recipe_id", "recipe", optional=True),  # how it was evaluated
    link("environment_id", "environment"),  # code and libraries that ran it
    optional("hold_out", Text),  # the external set that was scored; NULL: validation and the internal test split
    optional("engine", Text),  # that ran the network forward, an ensemble's its members'; NULL: tensorflow
    optional("precision", Text),  # f32 or bf16; NULL: f32
    CheckConstraint("purpose IN ('evaluation', 'prospective')", "evaluation_purpose"),
    CheckConstraint("hold_out IS NULL OR purpose = 'evaluation'", "evaluation_hold_out"),
    ForeignKeyConstraint(["label_version"], ["label_version.version"]),
)

evaluation_event = audited_table(
    "evaluation_event",
    link("evaluation_id", "evaluation", index=True),  # the evaluation
    required("status", Text),  # finished or failed
    optional("reason", Text),  # why it failed
    required("n_image_predictions", Number),  # stored image predictions
    required("n_study_predictions", Number),  # stored study predictions
)

# The internal test split of a frozen version was scored, or the external set that the evaluation names.
holdout_look = audited_table(
    "holdout_look",
    link("evaluation_id", "evaluation", index=True),  # the evaluation that scored it
    link("dataset_version_id", "dataset_version", index=True),  # whose test split
    required("session", Text),  # models scored in one session count as one look
)

image_prediction = audited_table(
    "image_prediction",
    link("evaluation_id", "evaluation"),  # the evaluation
    link("image_id", "image", index=True),  # the image
    optional("split", Text),  # train, validation or test; NULL for new studies
    optional("label", Flag),  # the study's label then: 1, 0 or NULL
    required("raw_probability", Real),  # of the positive class, as the network gave it, 0–1
    optional("logit", Real),  # of raw_probability, unrounded; NULL by the rules before 0.2
    optional("probability", Real),  # the same, calibrated, 0–1
    link("operating_point_id", "operating_point", optional=True),  # where it was decided
    optional("predicted_label", Flag),  # the decision: 1 or 0
    UniqueConstraint("evaluation_id", "image_id"),
    Index("ix_image_prediction_entry", "entry"),  # a month's rows, by way of their links' times
    CheckConstraint(SPLIT, "image_prediction_split"),
    CheckConstraint(PROBABILITIES, "image_prediction_probability"),
)

study_prediction = audited_table(
    "study_prediction",
    link("evaluation_id", "evaluation"),  # the evaluation
    link("study_id", "study", index=True),  # the study
    required("n_images", Number),  # of the study that were scored
    optional("split", Text),  # train, validation or test; NULL for new studies
    optional("label", Flag),  # the study's label then: 1, 0 or NULL
    required("raw_probability", Real),  # mean over the study's images, 0–1
    optional("logit", Real),  # of raw_probability, unrounded; NULL by the rules before 0.2
    optional("probability", Real),  # calibrated, 0–1
    link("operating_point_id", "operating_point", optional=True),  # where it was decided
    optional("predicted_label", Flag),  # the decision: 1 or 0
    UniqueConstraint("evaluation_id", "study_id"),
    Index("ix_study_prediction_entry", "entry"),  # a month's rows, by way of their links' times
    CheckConstraint(SPLIT, "study_prediction_split"),
    CheckConstraint(PROBABILITIES, "study_prediction_probability"),
)

# Recomputable from the stored predictions of its evaluation.
metric = audited_table(
    "metric",
    link("evaluation_id", "evaluation", index=True),  # the evaluation
    required("split", Text),  # train, validation or test
    required("level", Text),  # image or study
    required("subgroup", Text),  # all, or name=value
    optional("operating_point", Text),  # NULL for metrics without a threshold
    required("metric", Text),  # accuracy, sensitivity, roc_auc, brier …
    optional("value", Real),  # NULL where undefined
    optional("ci_low", Real),  # 95% interval, lower end
    optional("ci_high", Real),  # 95% interval, upper end
    required("n_images", Number),  # it is of
    required("n_studies", Number),  # it is of
    required("n_patients", Number),  # it is of
    optional("tp", Number),  # true positives
    optional("fp", Number),  # false positives
    optional("tn", Number),  # true negatives
    optional("fn", Number),  # false negatives
    optional("threshold", Real),  # on the calibrated probability, 0–1
    required("n_resamples", Number),  # bootstrap resamples of patients; 0: no bootstrap
    optional("bootstrap_seed", Number),  # seed of the resampling
    optional("note", Text),  # why the value or the interval is undefined
    CheckConstraint(SPLIT, "metric_split"),
    CheckConstraint(LEVEL, "metric_level"),
)

# Challenger minus reference, paired on the same patients.
comparison = audited_table(
    "comparison",
    required("comparison_id", Text, unique=True),  # public id
    link("evaluation_id", "evaluation", index=True),  # the challenger's evaluation
    link("challenger_id", "model_version"),  # the new model
    link("reference_id", "model_version"),  # the model it is compared with
    required("metric", Text),  # what is compared
    optional("difference", Real),  # challenger minus reference
    optional("ci_low", Real),  # 95% interval, lower end
    optional("ci_high", Real),  # 95% interval, upper end
    required("method", Text),  # the paired test or bootstrap
    required("n_patients", Number),  # both scored
    optional("p_value", Real),  # two-sided, 0–1
    required("holdout_looks", Number),  # looks at this test split so far, this one included
)

# A stored heat map.
explanation = audited_table(
    "explanation",
    required("explanation_id", Text, unique=True),  # public id
    link("image_prediction_id", "image_prediction", index=True),  # what it explains
    required("method", Text),  # grad-cam …
    required("path", Text),  # of the overlay, below WRIST_HOME
    required("file_sha256", Text),  # of the overlay
    optional("sanity_score", Real),  # 1 − Spearman's correlation with maps of shuffled weights, 0–1
    optional("sanity_similarity", Real),  # mean Spearman's correlation with several shuffled networks' maps, −1–1
    optional("sanity_p_value", Real),  # of so low a similarity for a map that owes nothing to training, 0–1
    optional("sanity_rule", Text),  # null_of_19_shuffles; NULL: one shuffle, by the rules before 0.2
    optional("border_share", Real),  # share of the map's heat on the picture's border and burned-in text, 0–1
    required("withheld", Flag),  # 1: the checks failed, it isn't shown
    required("note", Text),  # why it is withheld
)

# How the maps of an evaluation's test images lie to the boxes of a class. The newest measurement counts.
localisation_metric = audited_table(
    "localisation_metric",
    link("evaluation_id", "evaluation", index=True),  # the evaluation
    required("split", Text),  # test
    required("region_class", Text),  # fracture, metal, text …
    required("metric", Text),  # pointing_game, heat_share …
    optional("value", Real),  # NULL where undefined
    optional("ci_low", Real),  # 95% interval, lower end
    optional("ci_high", Real),  # 95% interval, upper end
    required("n_images", Number),  # with boxes of the class
    required("n_patients", Number),  # whose images these are
    required("n_resamples", Number),  # bootstrap resamples of patients; 0: no bootstrap
    optional("bootstrap_seed", Number),  # seed of the resampling
    optional("note", Text),  # how the interval was made, or why there is none
    required("regions_sha256", Text),  # of the boxes measured on
    CheckConstraint(SPLIT, "localisation_metric_split"),
)

# A written report, model card or checklist.
report = audited_table(
    "report",
    required("report_id", Text, unique=True),  # public id
    required("kind", Text),  # html, or which of the documents beside it
    required("path", Text),  # below WRIST_HOME
    required("file_sha256", Text),  # of the file
    link("dataset_version_id", "dataset_version", optional=True),  # the data set reported on
    required("evaluation_ids", Text),  # JSON list
)

# The leaky protocol's number and the honest one beside it. Never an evaluation; no such model can serve.
leak_demonstration = audited_table(
    "leak_demonstration",
    link("dataset_version_id", "dataset_version", index=True),  # whose train patients were split anew
    optional("recipe_sha256", Text),  # how the networks were trained
    required("architecture", Text),  # the network's name
    required("protocol", Text),  # image_split (the leaky one), patient_split_of_copies (its control) or patient_split
    required("metric", Text),  # what is compared
    optional("value", Real),  # NULL where undefined
    optional("ci_low", Real),  # 95% interval, lower end
    optional("ci_high", Real),  # 95% interval, upper end
    required("n_images", Number),  # scored
    required("n_patients", Number),  # scored
    required("note", Text),  # remarks
)

# One feature of one check of new studies against the model's training data.
drift_check = audited_table(
    "drift_check",
    required("drift_id", Text, index=True),  # the check; its features share it
    link("model_version_id", "model_version", optional=True),  # the champion then
    required("feature", Text),  # score, polarity, scanner …
    optional("statistic", Real),  # of the two-sample test
    optional("p_value", Real),  # 0–1
    optional("p_adjusted", Real),  # for the number of features, 0–1
    optional("psi", Real),  # population stability index
    required("alert", Flag),  # 1: drifted
    required("n_reference", Number),  # values from the training data
    required("n_current", Number),  # values from the new studies
)
