"""What a study is said to show, and what is left out of later data sets: versions and corrections, never changes."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Text, UniqueConstraint

from db.schema.column_types import EARLIER, Flag, Number, audited_table, link, optional, required

# Version 1 holds what the sources state; each list of corrections makes the next.
label_version = audited_table(
    "label_version",
    required("version", Number, unique=True),  # 1, 2, 3 …
    required("note", Text),  # why the labels were corrected
)

# A study's label from this version on; earlier ones stay.
label = audited_table(
    "label",
    required("label_version", Number),  # the first version in which it holds
    link("study_id", "study"),  # the study
    optional("label", Flag),  # 1 positive, 0 negative, NULL withdrawn
    link("corrects_id", "label", optional=True),  # the study's label that held before
    ForeignKeyConstraint(["label_version"], ["label_version.version"]),
    UniqueConstraint("study_id", "label_version"),
    CheckConstraint("label IN (0, 1)", "label_binary"),
    CheckConstraint(EARLIER, "label_corrects"),
)

# Leave an image, a study or a patient out of later data-set versions: one of the three ids is given.
exclusion = audited_table(
    "exclusion",
    link("image_id", "image", index=True, optional=True),  # the image left out
    link("study_id", "study", index=True, optional=True),  # the study left out
    link("patient_id", "patient", index=True, optional=True),  # the patient left out
    required("reason", Text),  # why
    required("undone", Flag),  # 1: taken in again
    link("corrects_id", "exclusion", optional=True),  # the row on the same target that held before
    CheckConstraint(EARLIER, "exclusion_corrects"),
)
