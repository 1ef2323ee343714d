"""Two lists that number the same people: refused alone until somebody says which, and named where it is so already."""

from __future__ import annotations

import contextvars
import json
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import text

from db import shared_numbers
from db.audit.verify import verify
from db.engine import open_catalogue, reading
from tasks import ingest_files
from tasks.ingest_files import catalogue_files
from tasks.split_preview import preview_split
from tests import dicom_files
from tests.ingest_settings import settings
from tests.interleaving import Seam, watched
from wrist_model.errors import SharedPatients
from wrist_model.intake import examine_file
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Provenance

BY = Provenance("tester")
_seed = iter(range(100_000))


def month(folder: Path, numbers: Sequence[object], name: str = "list.csv") -> Path:
    """A list of one picture a patient, in a folder of its own."""
    folder.mkdir(exist_ok=True)
    lines = ["path,label,patient"]
    for number in numbers:
        pixels = np.random.default_rng(next(_seed)).integers(0, 255, (32, 32)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{folder.name}-{number}.png")
        lines.append(f"{folder.name}-{number}.png,{hash(number) % 2},{number}")
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def ingest(home: Path, *paths: Path, **how):
    how.setdefault("jobs", 1)
    how.setdefault("body_part", "ANY")
    return catalogue_files(
        list(paths), home=home, engine=open_catalogue(home), rule=SplitRecipe(), provenance=BY, **settings(**how)
    )


def value(home: Path, sql: str):
    with reading(open_catalogue(home)) as connection:
        return connection.execute(text(sql)).scalar()


def test_a_second_month_with_the_same_patients_is_refused_and_names_both_ways_on(home: Path, tmp_path: Path) -> None:
    january, february = month(tmp_path / "jan", range(40)), month(tmp_path / "feb", range(20, 60))
    ingest(home, january)
    with pytest.raises(SharedPatients) as refused:
        ingest(home, february)
    said = str(refused.value)
    assert "20 of source 'jan'" in said and f"{february} --source jan`" in said
    assert f"{february} --source feb --distinct-patients`" in said
    assert value(home, "select count(*) from studies where source = 'feb'") == 0
    assert value(home, "select count(*) from ingest_runs") == 1
    ingest(home, february, source="jan")
    assert value(home, "select count(*) from patient") == 60
    assert shared_numbers.shared_numbers(open_catalogue(home)) == ()


@pytest.mark.parametrize("at", ["begin_ingest", "write"])
def test_of_two_months_that_are_ingested_at_once_the_later_writer_is_refused(
    home: Path, tmp_path: Path, at: str
) -> None:
    """February comes in after January was compared with the other sources: before its first picture, or its second
    batch."""
    january, february = month(tmp_path / "jan", range(200)), month(tmp_path / "feb", range(170, 240))
    come = []

    def meanwhile(seam: Seam) -> None:
        if seam.place.endswith(f":{at}") and not come:
            come.append(seam)
            contextvars.Context().run(ingest, home, february)

    with (
        pytest.raises(SharedPatients, match=r"of source 'feb'.* Nothing more of this list was catalogued"),
        watched(meanwhile),
    ):
        ingest(home, january)
    assert come
    splits = (
        "select count(*) from (select substr(l.path, 5) from image_location l join image i on i.id = l.image_id "
        "join study s on s.id = i.study_id join patient p on p.id = s.patient_id group by substr(l.path, 5) "
        "having count(distinct p.split) > 1)"
    )
    assert value(home, splits) == 0
    assert value(home, "select count(*) from ingest_runs where status = 'running'") == 0
    assert verify(open_catalogue(home)).findings == ()
    with pytest.raises(SharedPatients):
        ingest(home, january)


def test_declared_other_people_are_catalogued_named_and_not_asked_for_again(home: Path, tmp_path: Path) -> None:
    ingest(home, month(tmp_path / "jan", range(40)))
    february = month(tmp_path / "feb", range(20, 60))
    ingest(home, february, source="feb", distinct_patients=True)
    assert ingest(home, february).counts.unchanged == 40
    month(tmp_path / "feb", range(10, 60))
    assert ingest(home, february).counts.new == 10
    found = preview_split()["same_numbers"]
    assert [(one["sources"], one["patients"], one["declared"]) for one in found] == [(("feb", "jan"), 30, True)]
    assert 0 < found[0]["in_two_splits"] < 30
    assert value(home, "select count(*) from fact where name = 'distinct_patients:feb'") == 1
    assert verify(open_catalogue(home)).findings == ()
    ingest(home, month(tmp_path / "jan", range(50)))  # the other side was declared, too


def test_only_the_list_that_shares_is_refused(home: Path, tmp_path: Path) -> None:
    ingest(home, month(tmp_path / "jan", range(10)))
    with pytest.raises(SharedPatients, match="feb"):
        ingest(home, month(tmp_path / "feb", range(10)), month(tmp_path / "mar", range(10, 20)))
    assert value(home, "select count(*) from studies where source = 'mar'") == 10


def test_two_months_of_one_command_are_told_apart_too(home: Path, tmp_path: Path) -> None:
    with pytest.raises(SharedPatients):
        ingest(home, month(tmp_path / "jan", range(10)), month(tmp_path / "feb", range(10)))
    assert value(home, "select count(*) from patient") == 10


def test_a_source_name_of_ones_own_choice_is_asked_as_well(home: Path, tmp_path: Path) -> None:
    ingest(home, month(tmp_path / "jan", range(10)))
    with pytest.raises(SharedPatients, match="--source second --distinct-patients"):
        ingest(home, month(tmp_path / "feb", range(10)), source="second")


def test_a_list_without_patients_or_with_other_ones_passes(home: Path, tmp_path: Path) -> None:
    ingest(home, month(tmp_path / "jan", range(10)))
    ingest(home, month(tmp_path / "feb", range(10, 20)))
    listed = month(tmp_path / "mar", range(10))
    listed.write_text("\n".join(line.rsplit(",", 1)[0] for line in listed.read_text().splitlines()))
    assert ingest(home, listed).counts.new == 10


def test_a_list_of_dicom_goes_by_its_headers_with_or_without_an_issuer(home: Path, tmp_path: Path) -> None:
    def listed(folder: str, **more: object) -> Path:
        lines = ["path,label"]
        for number in range(6):
            pixels = np.random.default_rng(next(_seed)).integers(0, 4096, (24, 24)).astype(np.uint16)
            dicom_files.write(
                tmp_path / folder, f"{number}", dicom_files.dataset(pixels, PatientID=f"P{number}", **more)
            )
            lines.append(f"{number},1")
        (tmp_path / folder / "list.csv").write_text("\n".join(lines))
        return tmp_path / folder / "list.csv"

    ingest(home, listed("jan", IssuerOfPatientID="H"))
    with pytest.raises(SharedPatients, match="6 of source 'jan'"):
        ingest(home, listed("feb"))


def test_a_list_is_held_against_dicom_folders_and_mura(home: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(7).integers(0, 4096, (24, 24)).astype(np.uint16)
    dicom_files.write(tmp_path / "pacs", "a", dicom_files.dataset(pixels, PatientID="4711", IssuerOfPatientID="H"))
    study = tmp_path / "MURA" / "train" / "XR_WRIST" / "patient00012" / "study1_positive"
    study.mkdir(parents=True)
    Image.fromarray(np.random.default_rng(8).integers(0, 255, (32, 32)).astype(np.uint8)).save(study / "image1.png")
    ingest(home, tmp_path / "pacs", tmp_path / "MURA")
    with pytest.raises(SharedPatients, match=r"1 of source 'dicom', 1 of source 'mura'"):
        ingest(home, month(tmp_path / "clinic", ["4711", "patient00012", "other"]))


def test_dicom_of_two_hospitals_is_catalogued_and_named(home: Path, tmp_path: Path) -> None:
    for folder in ("north", "south"):
        for number in range(12):
            pixels = np.random.default_rng(next(_seed)).integers(0, 4096, (24, 24)).astype(np.uint16)
            dicom_files.write(tmp_path / folder, f"{number}", dicom_files.dataset(pixels, PatientID=f"P{number}"))
        assert ingest(home, tmp_path / folder, source=folder).counts.new == 12
    (found,) = shared_numbers.shared_numbers(open_catalogue(home))
    assert (found.sources, found.patients, found.declared) == (("north", "south"), 12, False)
    assert found.in_two_splits > 0
    assert verify(open_catalogue(home)).findings == ()


def test_what_a_killed_ingest_of_dicom_had_read_is_named_too(home: Path, tmp_path: Path) -> None:
    def killed_after_one(tasks, context, jobs):
        yield examine_file.examine_chunk([next(tasks)], context)
        time.sleep(ingest_files.HOLD_SECONDS * 1.2)
        yield examine_file.examine_chunk([next(tasks)], context)
        raise KeyboardInterrupt

    for folder in ("north", "south"):
        for number in range(3):
            pixels = np.random.default_rng(next(_seed)).integers(0, 4096, (24, 24)).astype(np.uint16)
            dicom_files.write(tmp_path / folder, f"{number}", dicom_files.dataset(pixels, PatientID=f"P{number}"))
    ingest(home, tmp_path / "north", source="north")
    with pytest.raises(KeyboardInterrupt):
        ingest(home, tmp_path / "south", source="south", examiner=killed_after_one)
    assert ingest(home, tmp_path / "south", source="south").counts.unchanged == 2
    (found,) = shared_numbers.shared_numbers(open_catalogue(home))
    assert found.patients == 3


def test_numbers_of_two_folders_of_dicom_that_are_ingested_at_once_are_named_too(home: Path, tmp_path: Path) -> None:
    """South began when no other source was catalogued, and reads its headers under the names that there were."""
    for folder in ("north", "south"):
        for number in range(3):
            pixels = np.random.default_rng(next(_seed)).integers(0, 4096, (24, 24)).astype(np.uint16)
            dicom_files.write(tmp_path / folder, f"{number}", dicom_files.dataset(pixels, PatientID=f"P{number}"))
    come = []

    def meanwhile(seam: Seam) -> None:
        if seam.place.endswith(":begin_ingest") and not come:
            come.append(seam)
            contextvars.Context().run(lambda: ingest(home, tmp_path / "north", source="north"))

    with watched(meanwhile):
        ingest(home, tmp_path / "south", source="south")
    (found,) = shared_numbers.shared_numbers(open_catalogue(home))
    assert (found.sources, found.patients) == (("north", "south"), 3)
    assert verify(open_catalogue(home)).findings == ()


def test_a_catalogue_that_holds_both_already_goes_on_and_learns_it_at_the_next_ingest(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    january, february = month(tmp_path / "jan", range(40)), month(tmp_path / "feb", range(20, 60))
    with monkeypatch.context() as earlier:  # a Wrist that didn't ask
        asked_nothing = SimpleNamespace(met=lambda _: [], names=(), look_again=lambda _: None)
        earlier.setattr(ingest_files, "Listed", lambda *_: asked_nothing)
        ingest(home, january, february)
    assert shared_numbers.shared_numbers(open_catalogue(home)) == ()
    assert ingest(home, february).counts.unchanged == 40
    (found,) = shared_numbers.shared_numbers(open_catalogue(home))
    assert (found.patients, found.declared) == (20, False) and found.in_two_splits > 0
    rows = value(home, "select count(*) from patient_pseudonym")
    ingest(home, february, january)
    assert value(home, "select count(*) from patient_pseudonym") == rows == 40
    month(tmp_path / "feb", range(10, 60))
    with pytest.raises(SharedPatients, match="10 of source 'jan'"):
        ingest(home, february)


def test_no_raw_number_is_stored_or_said(home: Path, tmp_path: Path) -> None:
    ingest(home, month(tmp_path / "jan", ["SECRET4711"]))
    with pytest.raises(SharedPatients) as refused:
        ingest(home, month(tmp_path / "feb", ["SECRET4711"]))
    assert "SECRET" not in str(refused.value)
    ingest(home, tmp_path / "feb" / "list.csv", distinct_patients=True)
    with reading(open_catalogue(home)) as connection:
        told = connection.execute(text("select * from patient_pseudonym")).all()
    assert len(told) == 2 and "SECRET" not in json.dumps([list(row) for row in told], default=str)
