"""Who is one person: PatientID with and without its issuer, studies that state two, and rows that no database takes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from db import datasets, patient_identity
from db.audit.verify import verify
from db.engine import open_catalogue
from tasks.ingest_files import catalogue_files
from tasks.status import needs_a_person
from tests import dicom_files
from tests.ingest_settings import settings
from wrist_model.cohort import leak_guard, patient_split
from wrist_model.recipe import SplitRecipe
from wrist_model.records import IngestCounts, Provenance

BY = Provenance("tester")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WRIST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    return tmp_path / "home"


def ingest(home: Path, *paths: Path, **how):
    how.setdefault("jobs", 1)
    return catalogue_files(
        list(paths), home=home, engine=open_catalogue(home), rule=SplitRecipe(), provenance=BY, **settings(**how)
    )


def rows(home: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(home / "catalogue.sqlite") as connection:
        return connection.execute(sql).fetchall()


_seed = iter(range(10_000))


def dicom(folder: Path, name: str, **elements: object) -> Path:
    pixels = np.random.default_rng(next(_seed)).integers(0, 4096, (24, 24)).astype(np.uint16)
    return dicom_files.write(folder, name, dicom_files.dataset(pixels, **elements))


def apart(number: int) -> bool:
    """Whether the rule alone would put this PatientID with and without the issuer H into two splits."""
    places = [patient_split.assign(SplitRecipe(), "dicom", raw, None) for raw in (f"P{number}", f"H\\P{number}")]
    return places[0] != places[1]


SPLITS = (
    "select pseudonym, count(distinct split) from patient_pseudonym x join patient p on p.id = x.patient_id group by 1"
)
NUMBERS = [number for number in range(60) if apart(number)][:8]


@pytest.mark.parametrize("first", ["with", "without"])
def test_the_same_patient_id_with_and_without_its_issuer_is_in_one_split(
    here: Path, tmp_path: Path, first: str
) -> None:
    for number in NUMBERS:
        dicom(tmp_path / "with", f"{number}", PatientID=f"P{number}", IssuerOfPatientID="H")
        dicom(tmp_path / "without", f"{number}", PatientID=f"P{number}")
    for folder in (first, {"with": "without", "without": "with"}[first]):
        assert ingest(here, tmp_path / folder).counts.new == len(NUMBERS)
    assert rows(here, "select count(*) from patient") == [(2 * len(NUMBERS),)]
    assert [count for _, count in rows(here, SPLITS)] == [1] * len(NUMBERS)
    people = {one.person for one in datasets.candidates(open_catalogue(here))}
    assert None not in people and len(people) == len(NUMBERS)


def test_patients_of_one_batch_are_linked_as_those_of_two(here: Path, tmp_path: Path) -> None:
    for number in NUMBERS:
        dicom(tmp_path / "all", f"with{number}", PatientID=f"P{number}", IssuerOfPatientID="H")
        dicom(tmp_path / "all", f"without{number}", PatientID=f"P{number}")
    ingest(here, tmp_path / "all")
    assert [count for _, count in rows(here, SPLITS)] == [1] * len(NUMBERS)


def test_one_study_may_state_its_patient_s_issuer_in_some_files_alone(here: Path, tmp_path: Path) -> None:
    for name, issuer in (("a", "H"), ("b", None), ("c", "Hospital")):
        elements = {"IssuerOfPatientID": issuer} if issuer else {}
        dicom(tmp_path / "in", name, PatientID="P7", StudyInstanceUID="1.2.3", **elements)
    assert ingest(here, tmp_path / "in").counts == IngestCounts(new=3)
    assert rows(here, "select count(*), count(distinct patient_key) from studies") == [(1, 1)]


def test_no_raw_number_is_stored(here: Path, tmp_path: Path) -> None:
    dicom(tmp_path / "in", "a", PatientID="P0815SECRET", IssuerOfPatientID="HOSPITALSECRET")
    ingest(here, tmp_path / "in")
    for file in here.iterdir():
        if file.is_file():
            assert b"SECRET" not in file.read_bytes()


def before(home: Path) -> None:
    """What an earlier Wrist left: no pseudonyms without issuer, and the rule's own splits."""
    from db.maintenance.migrate import downgrade, upgrade
    from tests.db_tamper import past_the_guards, rewrite_chain

    engine = open_catalogue(home)
    with past_the_guards(engine) as connection:
        connection.exec_driver_sql("DELETE FROM patient_pseudonym")
        connection.exec_driver_sql("DELETE FROM audit_entry WHERE table_name = 'patient_pseudonym'")
        connection.exec_driver_sql("UPDATE image SET decode_rule = NULL, suspicious = NULL")
        connection.commit()
        for number, old in enumerate(
            connection.exec_driver_sql("SELECT seq FROM audit_entry ORDER BY seq").scalars(), 1
        ):
            for table in ("patient", "study", "image", "label", "label_version", "fact", "ingest_run", "ingest_event"):
                connection.exec_driver_sql(f"UPDATE {table} SET entry = {number} WHERE entry = {old}")
            connection.exec_driver_sql(f"UPDATE audit_entry SET seq = {number} WHERE seq = {old}")
        connection.commit()
        rewrite_chain(connection)
        connection.commit()
    downgrade(engine, home, "0002")
    upgrade(engine, home)


def test_an_upgraded_catalogue_asks_for_one_re_read_and_links_what_it_could_not(here: Path, tmp_path: Path) -> None:
    label = tmp_path / "labels.csv"
    lines = ["study_uid,label"]
    for number in NUMBERS:
        for folder, elements in (("with", {"IssuerOfPatientID": "H"}), ("without", {})):
            path = dicom(tmp_path / folder, f"{number}", PatientID=f"P{number}", **elements)
            lines.append(f"{pydicom.dcmread(path).StudyInstanceUID},{number % 2}")
    label.write_text("\n".join(lines))
    ingest(here, tmp_path / "with", labels=label)
    before(here)
    ingest(here, tmp_path / "without", labels=label)  # nothing knows that H\\P1 is P1
    engine = open_catalogue(here)
    assert patient_identity.unread_patients(engine) == len(NUMBERS)
    assert any("reads those headers again" in line for line in needs_a_person(engine))
    verdict = verify(engine)
    assert verdict.findings == () and [one.kind for one in verdict.warnings] == ["headers"]
    splits = dict(rows(here, "select id, split from patient"))
    again = ingest(here, tmp_path / "with", labels=label)
    assert again.counts == IngestCounts(unchanged=len(NUMBERS))
    assert patient_identity.unread_patients(engine) == 0 and not needs_a_person(engine)
    assert dict(rows(here, "select id, split from patient")) == splits, "nobody moves, nobody is keyed anew"
    found = datasets.candidates(engine)
    decided = leak_guard.decide(found)
    people: dict[str, set[str]] = {}
    for one, member in zip(sorted(found, key=lambda one: one.image_uid), decided, strict=True):
        if member.included:
            people.setdefault(str(one.person), set()).add(member.split)
    assert all(len(places) == 1 for places in people.values()) and len(people) == len(NUMBERS)
    assert sum(member.excluded_reason == leak_guard.MERGED for member in decided) == len(NUMBERS)
    files = rows(here, "select count(*) from audit_entry")
    assert ingest(here, tmp_path / "with", labels=label).counts == IngestCounts(unchanged=len(NUMBERS))
    assert rows(here, "select count(*) from audit_entry where table_name = 'patient_pseudonym'")
    assert rows(here, "select count(*) from audit_entry")[0][0] == int(str(files[0][0])) + 2, "one re-read is enough"
    assert verify(engine).ok


def test_a_study_with_two_patient_ids_costs_that_study_alone(here: Path, tmp_path: Path) -> None:
    for number in range(4):
        dicom(tmp_path / "in", f"good{number}", PatientID=f"G{number}")
    for number in range(4):
        dicom(tmp_path / "in", f"bad{number}", PatientID=f"B{number % 2}", StudyInstanceUID="1.2.3")
    done = ingest(here, tmp_path / "in")
    assert done.counts == IngestCounts(new=4, quarantined=4) and done.reasons == {"conflicting_identity": 4}
    assert rows(here, "select count(*) from studies") == [(4,)]
    again = ingest(here, tmp_path / "in")
    assert again.counts == IngestCounts(unchanged=4, quarantined=4)
    assert rows(here, "select count(*) from quarantined_files") == [(4,)]
    for number in (1, 3):  # corrected where they come from
        dicom(tmp_path / "in", f"bad{number}", PatientID="B0", StudyInstanceUID="1.2.3")
    mended = ingest(here, tmp_path / "in")
    assert mended.counts == IngestCounts(new=4, unchanged=4)
    assert verify(open_catalogue(here)).findings == ()


def test_a_later_file_of_another_patient_is_refused_until_the_two_are_merged(here: Path, tmp_path: Path) -> None:
    dicom(tmp_path / "in", "a", PatientID="P1", StudyInstanceUID="1.2.3")
    dicom(tmp_path / "in", "other", PatientID="P2")
    ingest(here, tmp_path / "in")
    dicom(tmp_path / "in", "b", PatientID="P2", StudyInstanceUID="1.2.3")
    dicom(tmp_path / "in", "c", PatientID="P1", StudyInstanceUID="1.2.3")
    assert ingest(here, tmp_path / "in").counts == IngestCounts(new=1, unchanged=2, quarantined=1)
    engine = open_catalogue(here)
    first, second = (str(key) for (key,) in rows(here, "select patient_key from patient order by id"))
    patient_identity.merge_patients(engine, first, second, "the PACS merged them", BY)
    assert ingest(here, tmp_path / "in").counts == IngestCounts(new=1, unchanged=3)
    assert verify(engine).findings == ()


BAD = {
    "a NUL in a column": ("extra\0", "WRIST"),
    "a very long column": ("x" * 20_000, "WRIST"),
    "a NUL in the body part": ("fine", "WRI\0ST"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_row_of_a_list_that_no_database_takes_costs_that_row_alone(home: Path, tmp_path: Path, kind: str) -> None:
    note, part = BAD[kind]
    (tmp_path / "set").mkdir()
    for name in "abc":
        pixels = np.random.default_rng(ord(name)).integers(0, 255, (32, 32)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "set" / f"{name}.png")
    (tmp_path / "set" / "list.csv").write_text(
        f"path,label,body_part,scanner\na.png,1,WRIST,x\nb.png,0,{part},{note}\nc.png,0,WRIST,y\n"
    )
    done = ingest(home, tmp_path / "set" / "list.csv", body_part="ANY")
    assert done.counts == IngestCounts(new=2, quarantined=1) and done.reasons == {"unusable_text": 1}


def test_a_path_longer_than_an_index_holds_costs_that_file_alone(home: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    pixels = np.random.default_rng(1).integers(0, 255, (32, 32)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "set" / "a.png")
    random = np.random.default_rng(2)
    long = "/".join("".join(random.choice(list("abcdefghij"), 200)) for _ in range(19))
    rows = [f"{long}{n}.png,0" for n in range(2)]
    (tmp_path / "set" / "list.csv").write_text("path,label\na.png,1\n" + "\n".join(rows) + "\n")
    done = ingest(home, tmp_path / "set" / "list.csv")
    assert done.counts == IngestCounts(new=1, quarantined=2) and done.reasons == {"missing_file": 2}
    assert ingest(home, tmp_path / "set" / "list.csv").counts == IngestCounts(unchanged=1, quarantined=2)
