"""Frozen data-set versions.

One in which a patient or a picture stands in two splits can't be written: members refer to their patient's and their
pixels' one row in that version by keys that hold the split.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Text, UniqueConstraint

from db.schema.column_types import EXTERNAL_IS_TEST, Flag, Number, audited_table, link, optional, required

dataset_version = audited_table(
    "dataset_version",
    required("dataset_id", Text, unique=True),  # public id
    required("manifest_sha256", Text, unique=True),  # of the members, one JSON line each
    required("label_version", Number),  # the labels that hold in it
    required("n_patients", Number),  # included ones, as the next two
    required("n_studies", Number),  # included studies
    required("n_images", Number),  # included images
    required("guard_status", Text),  # clean, or what the leak guard warned of
    required("guard", Text),  # what the leak guard found, JSON text
    ForeignKeyConstraint(["label_version"], ["label_version.version"]),
)

# A patient's one place in a version, which is the patient's fixed split.
dataset_patient = audited_table(
    "dataset_patient",
    link("dataset_version_id", "dataset_version"),  # the version
    required("patient_id", Number, index=True),  # the patient
    required("split", Text),  # train, validation or test
    UniqueConstraint("dataset_version_id", "patient_id"),
    UniqueConstraint("dataset_version_id", "patient_id", "split"),
    ForeignKeyConstraint(["patient_id", "split"], ["patient.id", "patient.split"]),
)

# A picture's one place in a version, whatever the number of files that show it.
dataset_pixels = audited_table(
    "dataset_pixels",
    link("dataset_version_id", "dataset_version"),  # the version
    required("pixel_sha256", Text),  # the picture: hash of its decoded pixels
    required("split", Text),  # train, validation or test
    UniqueConstraint("dataset_version_id", "pixel_sha256"),
    UniqueConstraint("dataset_version_id", "pixel_sha256", "split"),
)

# An image's place in a version.
dataset_member = audited_table(
    "dataset_member",
    link("dataset_version_id", "dataset_version"),  # the version
    required("image_id", Number, index=True),  # the image
    required("study_id", Number, index=True),  # its study
    required("patient_id", Number, index=True),  # its patient
    required("split", Text),  # train, validation or test
    optional("label", Flag),  # the study's label in this version: 1, 0, or NULL where it is left out
    required("included", Flag),  # 0: left out
    optional("excluded_reason", Text),  # why it is left out
    optional("pixel_guard", Text),  # the image's pixel hash where it is included, else NULL
    optional("hold_out", Text),  # the external set that it is of; NULL: of none
    UniqueConstraint("dataset_version_id", "image_id"),
    ForeignKeyConstraint(["image_id", "study_id", "patient_id"], ["image.id", "image.study_id", "image.patient_id"]),
    ForeignKeyConstraint(["image_id", "pixel_guard"], ["image.id", "image.pixel_sha256"]),
    ForeignKeyConstraint(
        ["dataset_version_id", "patient_id", "split"],
        ["dataset_patient.dataset_version_id", "dataset_patient.patient_id", "dataset_patient.split"],
    ),
    ForeignKeyConstraint(
        ["dataset_version_id", "pixel_guard", "split"],
        ["dataset_pixels.dataset_version_id", "dataset_pixels.pixel_sha256", "dataset_pixels.split"],
    ),
    CheckConstraint(EXTERNAL_IS_TEST, "dataset_member_hold_out"),
    CheckConstraint("(included = 1) = (pixel_guard IS NOT NULL)", "member_guarded"),
    CheckConstraint("(included = 1) = (excluded_reason IS NULL)", "member_reason"),
    CheckConstraint("included = 0 OR label IS NOT NULL", "member_labelled"),
)
