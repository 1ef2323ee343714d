"""The catalogue's tables: patients, studies, images, labels, exclusions and frozen data-set versions.

A frozen version in which a patient or a picture stands in two splits can't be written: members refer to their
patient's and their pixels' one row in that version by keys that hold the split.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.column_types import Audited, Base, Big, Flag, Number, Real, Word, link

SPLIT = "split IN ('train', 'validation', 'test')"
EARLIER = "corrects_id < id"


class AuditEntry(Base):
    """One link of the hash chain: a batch of rows of one table, written in the same transaction."""

    __tablename__ = "audit_entry"
    seq: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=False)
    table_name: Mapped[Word]
    first_row: Mapped[Number]
    last_row: Mapped[Number]
    n_rows: Mapped[Number]
    batch_sha256: Mapped[Word]
    marks: Mapped[Word]  # JSON: CRC-32 of each row (base64) and of each column: says what changed, not that it did
    chain_sha256: Mapped[Word]
    actor: Mapped[Word]
    at: Mapped[Word] = mapped_column(index=True)
    prefect_flow_run_id: Mapped[Word | None]


class Fact(Audited):
    """What is fixed when the catalogue is made: its own id, the identity key's fingerprint, the split rule."""

    __tablename__ = "fact"
    name: Mapped[Word] = mapped_column(unique=True)
    value: Mapped[Word]


class Environment(Audited):
    """Code, libraries and machine; the hash is of these four."""

    __tablename__ = "environment"
    environment_sha256: Mapped[Word] = mapped_column(unique=True)
    git_commit: Mapped[Word]
    git_dirty: Mapped[Flag]
    libraries: Mapped[Word]  # JSON object: name → version
    machine: Mapped[Word]  # JSON object


class Recipe(Audited):
    __tablename__ = "recipe"
    recipe_sha256: Mapped[Word] = mapped_column(unique=True)
    name: Mapped[Word]
    content: Mapped[Word]  # canonical JSON, what the hash is of


class IngestRun(Audited):
    __tablename__ = "ingest_run"
    ingest_run_id: Mapped[Word] = mapped_column(unique=True)
    source: Mapped[Word]
    environment_id: Mapped[int | None] = link("environment", optional=True)


class IngestEvent(Audited):
    """How an ingest ended; without one it is running, or was killed."""

    __tablename__ = "ingest_event"
    ingest_run_id: Mapped[int] = link("ingest_run", index=True)
    status: Mapped[Word]
    reason: Mapped[Word | None]
    n_new: Mapped[Number]
    n_unchanged: Mapped[Number]
    n_changed: Mapped[Number]
    n_filtered: Mapped[Number]
    n_ignored: Mapped[Number]
    n_quarantined: Mapped[Number]
    seconds: Mapped[Real | None]


class Patient(Audited):
    """A keyed pseudonym of PatientID (0010,0020) or of the source's patient; the split never changes."""

    __tablename__ = "patient"
    patient_key: Mapped[Word] = mapped_column(unique=True)
    patient_known: Mapped[Flag]
    split: Mapped[Word]
    __table_args__ = (CheckConstraint(SPLIT, "patient_split"), UniqueConstraint("id", "split"))


class Study(Audited):
    """A keyed pseudonym of StudyInstanceUID (0020,000D) or of the source's study."""

    __tablename__ = "study"
    study_uid: Mapped[Word] = mapped_column(unique=True)
    patient_id: Mapped[int] = link("patient", index=True)
    source: Mapped[Word]
    body_part: Mapped[Word]  # BodyPartExamined (0018,0015) or what stands for it
    __table_args__ = (UniqueConstraint("id", "patient_id"),)


class Image(Audited):
    """A file, or one frame of a DICOM instance, as it was when it was first seen."""

    __tablename__ = "image"
    image_uid: Mapped[Word] = mapped_column(unique=True)
    study_id: Mapped[Number] = mapped_column(index=True)
    patient_id: Mapped[Number]
    ingest_run_id: Mapped[int] = link("ingest_run")
    path: Mapped[Word]  # below the root it was ingested from; a keyed pseudonym for DICOM
    format: Mapped[Word]
    frame: Mapped[Number]
    file_sha256: Mapped[Word]
    file_size: Mapped[Number]
    pixel_sha256: Mapped[Word] = mapped_column(index=True)  # of the decoded uint8 pixels, bone bright
    rows: Mapped[Number]  # Rows (0028,0010)
    columns: Mapped[Number]  # Columns (0028,0011)
    photometric: Mapped[Word]  # PhotometricInterpretation (0028,0004)
    inverted: Mapped[Flag]
    multi_view: Mapped[Flag]
    view: Mapped[Word | None]  # ViewPosition (0018,5101)
    hardware: Mapped[Flag | None]
    sex: Mapped[Word | None]  # PatientSex (0010,0040)
    age: Mapped[Number | None]  # PatientAge (0010,1010), years, capped at 90
    burned_in: Mapped[Flag | None]  # BurnedInAnnotation (0028,0301)
    manufacturer_key: Mapped[Word | None]  # pseudonym of Manufacturer (0008,0070) and its model name (0008,1090)
    perceptual_hash: Mapped[Word | None]
    mean_intensity: Mapped[Real | None]  # 0–255
    decode_steps: Mapped[Word]  # JSON list, in order
    extra: Mapped[Word]  # JSON list of a manifest's further columns
    __table_args__ = (
        ForeignKeyConstraint(["study_id", "patient_id"], ["study.id", "study.patient_id"]),
        UniqueConstraint("id", "study_id", "patient_id"),
        UniqueConstraint("id", "pixel_sha256"),
    )


class QuarantinedFile(Audited):
    __tablename__ = "quarantined_file"
    ingest_run_id: Mapped[int] = link("ingest_run")
    root: Mapped[Word]
    path: Mapped[Word]
    file_sha256: Mapped[Word | None]
    file_size: Mapped[Number | None]
    reason_code: Mapped[Word]
    reason: Mapped[Word]
    __table_args__ = (Index("quarantined_file_place", "root", "path"),)


class LabelVersion(Audited):
    """Version 1 holds what the sources state; each list of corrections makes the next."""

    __tablename__ = "label_version"
    version: Mapped[Number] = mapped_column(unique=True)
    note: Mapped[Word]


class Label(Audited):
    """A study's label from this version on: 1, 0, or NULL for withdrawn. Earlier ones stay; corrects_id is the one that
    held before."""

    __tablename__ = "label"
    label_version: Mapped[Number]
    study_id: Mapped[int] = link("study")
    label: Mapped[Flag | None]
    corrects_id: Mapped[int | None] = link("label", optional=True)
    __table_args__ = (
        ForeignKeyConstraint(["label_version"], ["label_version.version"]),
        UniqueConstraint("study_id", "label_version"),
        CheckConstraint("label IN (0, 1)", "label_binary"),
        CheckConstraint(EARLIER, "label_corrects"),
    )


class Exclusion(Audited):
    """Leave an image, a study or a patient out of later versions; `undone` = 1 takes it in again. corrects_id is the
    row on the same target that held before."""

    __tablename__ = "exclusion"
    image_id: Mapped[int | None] = link("image", index=True, optional=True)
    study_id: Mapped[int | None] = link("study", index=True, optional=True)
    patient_id: Mapped[int | None] = link("patient", index=True, optional=True)
    reason: Mapped[Word]
    undone: Mapped[Flag]
    corrects_id: Mapped[int | None] = link("exclusion", optional=True)
    __table_args__ = (CheckConstraint(EARLIER, "exclusion_corrects"),)


class NearDuplicate(Audited):
    """Two images that a perceptual hash proposed; confirmed = 1 where registration and correlation agree."""

    __tablename__ = "near_duplicate"
    image_a_id: Mapped[int] = link("image")
    image_b_id: Mapped[int] = link("image")
    distance: Mapped[Real | None]
    correlation: Mapped[Real | None]
    confirmed: Mapped[Flag]
    __table_args__ = (UniqueConstraint("image_a_id", "image_b_id"), CheckConstraint("image_a_id < image_b_id"))


class DatasetVersion(Audited):
    __tablename__ = "dataset_version"
    dataset_id: Mapped[Word] = mapped_column(unique=True)
    manifest_sha256: Mapped[Word] = mapped_column(unique=True)
    label_version: Mapped[Number]
    n_patients: Mapped[Number]  # included ones, as the next two
    n_studies: Mapped[Number]
    n_images: Mapped[Number]
    guard_status: Mapped[Word]
    guard: Mapped[Word]  # what the guard found, JSON text
    __table_args__ = (ForeignKeyConstraint(["label_version"], ["label_version.version"]),)


class DatasetPatient(Audited):
    """A patient's one place in a version, which is the patient's fixed split."""

    __tablename__ = "dataset_patient"
    dataset_version_id: Mapped[int] = link("dataset_version")
    patient_id: Mapped[Number] = mapped_column(index=True)
    split: Mapped[Word]
    __table_args__ = (
        UniqueConstraint("dataset_version_id", "patient_id"),
        UniqueConstraint("dataset_version_id", "patient_id", "split"),
        ForeignKeyConstraint(["patient_id", "split"], ["patient.id", "patient.split"]),
    )


class DatasetPixels(Audited):
    """A picture's one place in a version, whatever the number of files that show it."""

    __tablename__ = "dataset_pixels"
    dataset_version_id: Mapped[int] = link("dataset_version")
    pixel_sha256: Mapped[Word]
    split: Mapped[Word]
    __table_args__ = (
        UniqueConstraint("dataset_version_id", "pixel_sha256"),
        UniqueConstraint("dataset_version_id", "pixel_sha256", "split"),
    )


class DatasetMember(Audited):
    """An image's place in a version. pixel_guard is the image's pixel hash where it is included, else NULL."""

    __tablename__ = "dataset_member"
    dataset_version_id: Mapped[int] = link("dataset_version")
    image_id: Mapped[Number] = mapped_column(index=True)
    study_id: Mapped[Number] = mapped_column(index=True)
    patient_id: Mapped[Number] = mapped_column(index=True)
    split: Mapped[Word]
    label: Mapped[Flag | None]
    included: Mapped[Flag]
    excluded_reason: Mapped[Word | None]
    pixel_guard: Mapped[Word | None]
    __table_args__ = (
        UniqueConstraint("dataset_version_id", "image_id"),
        ForeignKeyConstraint(
            ["image_id", "study_id", "patient_id"], ["image.id", "image.study_id", "image.patient_id"]
        ),
        ForeignKeyConstraint(["image_id", "pixel_guard"], ["image.id", "image.pixel_sha256"]),
        ForeignKeyConstraint(
            ["dataset_version_id", "patient_id", "split"],
            ["dataset_patient.dataset_version_id", "dataset_patient.patient_id", "dataset_patient.split"],
        ),
        ForeignKeyConstraint(
            ["dataset_version_id", "pixel_guard", "split"],
            ["dataset_pixels.dataset_version_id", "dataset_pixels.pixel_sha256", "dataset_pixels.split"],
        ),
        CheckConstraint("(included = 1) = (pixel_guard IS NOT NULL)", "member_guarded"),
        CheckConstraint("(included = 1) = (excluded_reason IS NULL)", "member_reason"),
        CheckConstraint("included = 0 OR label IS NOT NULL", "member_labelled"),
    )


class File(Base):
    """What a file looked like when it was last read: saves decoding it again. Not audited, may be emptied."""

    __tablename__ = "file"
    root: Mapped[Word] = mapped_column(primary_key=True)
    path: Mapped[Word] = mapped_column(primary_key=True)
    size: Mapped[Number | None]
    mtime_ns: Mapped[Number | None]
    file_sha256: Mapped[Word | None]
    reason_code: Mapped[Word | None]


class ImageLocation(Base):
    """Where an image's file was last seen; a data set may be moved. Not audited."""

    __tablename__ = "image_location"
    image_id: Mapped[int] = mapped_column(Big, ForeignKey("image.id"), primary_key=True, autoincrement=False)
    root: Mapped[Word]
    path: Mapped[Word]
