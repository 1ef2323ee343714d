"""What was ingested: patients, studies, images, refused files, and where each file was last seen."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, ForeignKeyConstraint, Index, Table, Text, UniqueConstraint

from db.schema.column_types import (
    EXTERNAL_IS_TEST,
    METADATA,
    SPLIT,
    Flag,
    Number,
    Real,
    audited_table,
    link,
    optional,
    required,
)

# What is fixed for good: the catalogue's own id, the identity key's fingerprint, the split rule; of each source what
# its labels mean and whether it is a hold-out.
fact = audited_table(
    "fact",
    required("name", Text, unique=True),  # what is fixed
    required("value", Text),  # as text or JSON
)

ingest_run = audited_table(
    "ingest_run",
    required("ingest_run_id", Text, unique=True),  # public id
    required("source", Text),  # its name: mura, or the one that was given …
    link("environment_id", "environment", optional=True),  # code and libraries that ran it
)

# How an ingest ended; without such a row it is running, or was killed. Counts are of files; of a killed one n_new and
# n_quarantined are those of its rows, and the others are NULL: nobody knows them.
ingest_event = audited_table(
    "ingest_event",
    link("ingest_run_id", "ingest_run", index=True),  # the ingest
    required("status", Text),  # finished or failed
    optional("reason", Text),  # why it failed
    optional("n_new", Number),  # files of which images were added
    optional("n_unchanged", Number),  # files that are as they were at the last ingest
    optional("n_changed", Number),  # files with other content than at the last ingest
    optional("n_filtered", Number),  # files of another body part
    optional("n_ignored", Number),  # files that are not read at all
    optional("n_quarantined", Number),  # files that were refused
    optional("seconds", Real),  # wall time
)

# A keyed pseudonym of PatientID (0010,0020) or of the source's patient.
patient = audited_table(
    "patient",
    required("patient_key", Text, unique=True),  # the pseudonym
    required("patient_known", Flag),  # 0: the source names no patient, the study stands for one
    required("split", Text),  # train, validation or test; never changes
    optional("hold_out", Text),  # the external set that the patient belongs to; NULL: to none
    CheckConstraint(SPLIT, "patient_split"),
    CheckConstraint(EXTERNAL_IS_TEST, "patient_hold_out"),
    UniqueConstraint("id", "split"),
)

# pt-…: a patient's PatientID (0010,0020) without its issuer (0010,0021), as a keyed pseudonym; of DICOM patients alone.
# Patients who share one are in the same split; where one of them states no issuer, they may be one person.
# nu-…: a patient number that patients of two sources share, without its source. It links nobody.
patient_pseudonym = audited_table(
    "patient_pseudonym",
    link("patient_id", "patient"),  # the patient
    required("pseudonym", Text, index=True),  # pt-…: its patient_key where the header states no issuer; or nu-…
    UniqueConstraint("patient_id", "pseudonym"),
)

# Two patients that a person says are one, such as a PACS merges them: for splitting they are.
patient_merge = audited_table(
    "patient_merge",
    link("patient_a_id", "patient"),  # the one with the smaller id
    link("patient_b_id", "patient"),  # the other
    required("reason", Text),  # why
    UniqueConstraint("patient_a_id", "patient_b_id"),
    CheckConstraint("patient_a_id < patient_b_id"),
)

# A keyed pseudonym of StudyInstanceUID (0020,000D) or of the source's study.
study = audited_table(
    "study",
    required("study_uid", Text, unique=True),  # the pseudonym
    link("patient_id", "patient", index=True),  # whose study it is
    required("source", Text),  # source of the ingest that saw it first
    required("body_part", Text),  # BodyPartExamined (0018,0015) or what stands for it
    UniqueConstraint("id", "patient_id"),
)

# A file, or one frame of a DICOM instance, as it was when it was first seen.
image = audited_table(
    "image",
    required("image_uid", Text, unique=True),  # names the file or SOP instance within its study, not its content
    required("study_id", Number, index=True),  # its study
    required("patient_id", Number),  # the study's patient
    link("ingest_run_id", "ingest_run"),  # the ingest that saw it first
    required("path", Text),  # below the root it was ingested from; a keyed pseudonym for DICOM
    required("format", Text),  # dicom, png or jpeg
    required("frame", Number),  # 0 for the first or only frame; NumberOfFrames (0028,0008) says how many there are
    required("file_sha256", Text),  # of the file's bytes
    required("file_size", Number),  # bytes
    required("pixel_sha256", Text, index=True),  # of the decoded uint8 pixels, bone bright
    required("rows", Number),  # Rows (0028,0010)
    required("columns", Number),  # Columns (0028,0011)
    required("photometric", Text),  # PhotometricInterpretation (0028,0004)
    required("inverted", Flag),  # 1: stored bone dark, inverted when decoded
    required("multi_view", Flag),  # 1: a composite, several projections in one picture
    optional("view", Text),  # ViewPosition (0018,5101)
    optional("hardware", Flag),  # 1: the manifest says that hardware shows
    optional("sex", Text),  # PatientSex (0010,0040)
    optional("age", Number),  # PatientAge (0010,1010), years, capped at 90
    optional("burned_in", Flag),  # BurnedInAnnotation (0028,0301)
    optional("manufacturer_key", Text),  # pseudonym of Manufacturer (0008,0070) and its model name (0008,1090)
    optional("perceptual_hash", Text),  # hexadecimal, for finding near-duplicates
    optional("mean_intensity", Real),  # 0–255
    required("decode_steps", Text),  # JSON list, in order
    required("extra", Text),  # JSON list of a manifest's further columns
    optional("decode_rule", Number),  # the decoder's rule, wrist_model.radiograph.decode.RULE; NULL: rule 1
    optional("suspicious", Text),  # what looks wrong though it decoded: nearly_black, half_empty …
    optional("image_label", Flag),  # 1 or 0: the source says it of this picture alone
    ForeignKeyConstraint(["study_id", "patient_id"], ["study.id", "study.patient_id"]),
    UniqueConstraint("id", "study_id", "patient_id"),
    UniqueConstraint("id", "pixel_sha256"),
)

quarantined_file = audited_table(
    "quarantined_file",
    link("ingest_run_id", "ingest_run"),  # the ingest that refused it
    required("root", Text),  # the folder that was ingested
    required("path", Text),  # below the root; a keyed pseudonym for DICOM
    optional("file_sha256", Text),  # of the file's bytes, NULL where they can't be read
    optional("file_size", Number),  # bytes
    required("reason_code", Text),  # a short stable word: truncated, no_pixel_data …
    required("reason", Text),  # one sentence
    Index("quarantined_file_place", "root", "path"),
)

# Two images that a perceptual hash proposed.
near_duplicate = audited_table(
    "near_duplicate",
    link("image_a_id", "image"),  # the one with the smaller id
    link("image_b_id", "image"),  # the other
    optional("distance", Real),  # between their perceptual hashes, in bits
    optional("correlation", Real),  # of their pixels after registration, −1 to 1
    required("confirmed", Flag),  # 1: registration and correlation agree with the hash
    UniqueConstraint("image_a_id", "image_b_id"),
    CheckConstraint("image_a_id < image_b_id"),
)

# What a file was when it was last read: saves decoding it again. Not audited, may be emptied.
file = Table(
    "file",
    METADATA,
    Column("root", Text, primary_key=True),  # the folder that was ingested
    Column("path", Text, primary_key=True),  # below the root
    optional("size", Number),  # bytes
    optional("mtime_ns", Number),  # time of the last change, nanoseconds since 1970
    optional("file_sha256", Text),  # of the file's bytes
    optional("reason_code", Text),  # why it was refused; NULL: it was not
)

# Where an image's file was last seen; a data set may be moved. Not audited.
image_location = Table(
    "image_location",
    METADATA,
    Column("image_id", Number, ForeignKey("image.id"), primary_key=True, autoincrement=False),  # the image
    required("root", Text),  # the folder that was ingested
    required("path", Text),  # below the root
)
