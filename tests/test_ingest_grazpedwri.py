"""GRAZPEDWRI-DX as it is published: the table's traps, its labels of images, and what its labels mean."""

from __future__ import annotations

from pathlib import Path

import db_story
import numpy as np
import pytest
from PIL import Image
from prefect.logging import disable_run_logger
from sqlalchemy import Engine, text

from db import exclusions, ingest_runs
from db.images import add_images
from tasks.freeze import freeze
from tasks.ingest_files import catalogue_files
from tasks.ingest_writer import Ingested
from tests import factories
from tests.ingest_settings import settings
from wrist_model.errors import DataError, OtherMeaning
from wrist_model.evidence import retrain_plan
from wrist_model.recipe import SplitRecipe
from wrist_model.records import IngestCounts, Provenance
from wrist_model.sources.recognise_source import find

BY = Provenance("tester")
HEAD = (
    "filestem,patient_id,study_number,timehash,gender,age,laterality,projection,initial_exam,ao_classification,cast,"
    "diagnosis_uncertain,osteopenia,fracture_visible,metal,pixel_spacing,device_manufacturer"
)
ROWS = (
    # one study of both sides: two studies; a fracture in one projection makes that side's study positive
    "0001_0097860395_01_WRI-L1_M014,1,1,97860395,M,14.1,L,1,1,23r-M/2.1,,,,,,0.144,Siemens",
    "0001_0097860435_01_WRI-L2_M014,1,1,97860435,M,14.1,L,2,1,23r-M/2.1,1,,,1,,0.144,Siemens",
    "0001_0097860436_01_WRI-R1_M014,1,1,97860436,M,14.1,R,1,1,,,,,,,0.144,Siemens",
    # a follow-up of the same patient, with metal
    "0001_0098860395_02_WRI-L1_M014,1,2,98860395,M,14.9,L,1,,23r-M/2.1,1,,1,1,1,0.144,Siemens",
    # doubted: an uncertain diagnosis, and a fracture's code where none shows
    "0002_0662359226_01_WRI-R1_F000,2,1,662359226,F,0.2,R,1,1,,,1,,,,0.144,Agfa",
    "0003_0662359227_01_WRI-R1_O019,3,1,662359227,O,19.0,R,3,1,23-M/2.1,,,,,,0.144,Siemens",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "GRAZPEDWRI-DX"
    folder.mkdir()
    folder.joinpath("dataset.csv").write_bytes(("\ufeff" + "\r\n".join((HEAD, *ROWS)) + "\r\n").encode())
    for number, row in enumerate(ROWS):
        pixels = np.asarray(Image.fromarray(factories.radiograph(number, number % 2)).resize((90, 120)), np.uint16)
        spread = ((pixels - pixels.min()) * (65535 / (pixels.max() - pixels.min()))).astype(np.uint16)
        file = folder / f"images_part{number % 2 + 1}" / (row.split(",")[0] + ".png")
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(spread).save(file)
        copy = folder / "folder_structure" / "yolov5" / "images" / file.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((spread // 257).astype(np.uint8)).save(copy)
        copy.parents[1].joinpath("labels").mkdir(exist_ok=True)
        copy.parents[1].joinpath("labels", file.stem + ".txt").write_text("3 0.5 0.5 0.1 0.1\n")
    return folder


def ingest(path: Path | list[Path], home: Path, catalogue: Engine, **how: object) -> Ingested:
    rule = SplitRecipe()
    paths = path if isinstance(path, list) else [path]
    return catalogue_files(paths, home=home, engine=catalogue, rule=rule, provenance=BY, **settings(jobs=1, **how))


def answers(catalogue: Engine, query: str) -> list[tuple[object, ...]]:
    with catalogue.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def frozen(*, mixed_labels: bool) -> str:
    with disable_run_logger():
        return freeze.fn(need_both_classes=False, mixed_labels=mixed_labels)


def test_a_study_is_a_patients_side_and_positive_when_any_of_its_images_shows_a_fracture(
    folder: Path, home: Path, catalogue: Engine
) -> None:
    done = ingest(folder, home, catalogue)
    assert (done.counts.new, done.counts.quarantined) == (6, 0)
    assert done.counts.seen == 6 + 6 + 6 + 1  # the 8-bit copies, their boxes and the table
    studies = "SELECT label, n_images, excluded_reason FROM studies ORDER BY label, n_images, excluded_reason"
    found = answers(catalogue, studies)
    assert sorted(found, key=str) == sorted(
        [
            (1, 2, None),
            (0, 1, None),
            (1, 1, None),
            (0, 1, "uncertain_diagnosis"),
            (0, 1, "fracture_code_without_visible_fracture"),
        ],
        key=str,
    )
    patients = "SELECT count(DISTINCT patient_key), max(source), max(label_meaning) FROM studies"
    assert answers(catalogue, patients) == [(3, "grazpedwri", "fracture")]
    assert answers(catalogue, "SELECT count(*), sum(image_label) FROM images") == [(6, 2)]
    assert answers(catalogue, "SELECT count(*) FROM images WHERE hardware = 1 AND sex = 'M' AND age = 14") == [(1,)]
    assert answers(catalogue, 'SELECT "view", count(*) FROM images GROUP BY "view" ORDER BY "view"') == [
        ("AP/PA", 4),
        ("LATERAL", 1),
        ("OBLIQUE", 1),
    ]
    assert ingest(folder, home, catalogue).counts.unchanged == 6


def test_the_boxes_that_are_published_beside_the_pictures_come_in_once(
    folder: Path, home: Path, catalogue: Engine
) -> None:
    done = ingest(folder, home, catalogue)
    assert (dict(done.regions), dict(done.box_reasons)) == ({"new": 6, "unchanged": 0}, {})
    found = 'SELECT DISTINCT "class", x_min, x_max, drawn_by, r.source FROM regions r'
    edges = pytest.approx(40.5), pytest.approx(49.5)
    assert answers(catalogue, found) == [("fracture", *edges, "grazpedwri", "yolo")]
    stem = ROWS[0].split(",")[0]
    voc = folder / "folder_structure" / "pascalvoc" / f"{stem}.xml"
    voc.parent.mkdir()
    voc.write_text(
        f"<annotation><filename>{stem}.png</filename><size><width>90</width><height>120</height></size><object>"
        "<name>text</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>12</ymax></bndbox></object></annotation>"
    )
    assert dict(ingest(folder, home, catalogue).regions) == {"new": 1, "unchanged": 5}
    kinds = 'SELECT r.source, "class", count(*) FROM regions r GROUP BY r.source, "class" ORDER BY 1'
    assert answers(catalogue, kinds) == [("pascal_voc", "text", 1), ("yolo", "fracture", 5)]
    assert dict(ingest(folder / "images_part2", home, catalogue).regions) == {"new": 0, "unchanged": 3}


def test_blank_flags_are_no_and_break_results_down(folder: Path, home: Path, catalogue: Engine) -> None:
    from db.image_refs import refs_of_studies

    ingest(folder, home, catalogue)
    studies = [str(row[0]) for row in answers(catalogue, "SELECT study_uid FROM studies WHERE label = 0")]
    groups = [dict(ref.subgroups) for ref in refs_of_studies(catalogue, studies)]
    assert {(one["cast"], one["osteopenia"], one["hardware"]) for one in groups} == {("0", "0", "0")}
    assert set(groups[0]) - {"age"} < set(retrain_plan.SUBGROUPS), "a plan names them"
    assert {one["device"] for one in groups} == {"Siemens", "Agfa"} and {one["laterality"] for one in groups} == {"R"}


@pytest.mark.parametrize(("uncertain", "kept"), [("exclude", 3), ("keep", 5), ("unlabel", 3)])
def test_doubted_studies_are_left_out_kept_or_unlabelled(
    folder: Path, home: Path, catalogue: Engine, uncertain: str, kept: int
) -> None:
    ingest(folder, home, catalogue, uncertain=uncertain)
    usable = "SELECT count(*) FROM studies WHERE label IS NOT NULL AND excluded_reason IS NULL"
    assert answers(catalogue, usable) == [(kept,)]
    assert answers(catalogue, "SELECT count(*) FROM exclusions") == [(2 if uncertain == "exclude" else 0,)]


def test_a_doubted_study_that_a_person_took_in_again_stays_in(folder: Path, home: Path, catalogue: Engine) -> None:
    ingest(folder, home, catalogue)
    [(study,)] = answers(catalogue, "SELECT study_uid FROM studies WHERE excluded_reason = 'uncertain_diagnosis'")
    exclusions.exclude(catalogue, str(study), "seen by a radiologist", BY, undo=True)
    ingest(folder, home, catalogue)
    assert answers(catalogue, f"SELECT excluded_reason FROM studies WHERE study_uid = '{study}'") == [(None,)]


def test_a_part_and_a_single_picture_are_parts_of_the_whole(folder: Path, home: Path, catalogue: Engine) -> None:
    assert ingest(folder / "images_part2", home, catalogue).counts.new == 3
    assert find(folder / "images_part1" / "0001_0097860395_01_WRI-L1_M014.png").kind == "grazpedwri"
    assert find(folder / "dataset.csv").start == folder
    done = ingest(folder, home, catalogue)
    assert (done.counts.new, done.counts.unchanged, done.counts.quarantined) == (3, 3, 0)
    # the side's study was labelled by the whole table, though one of its pictures came later
    assert answers(catalogue, "SELECT label FROM studies WHERE n_images = 2") == [(1,)]


def test_a_picture_without_a_row_and_a_row_without_its_picture_are_named(
    folder: Path, home: Path, catalogue: Engine
) -> None:
    (folder / "images_part1" / "stray.png").write_bytes(next((folder / "images_part1").iterdir()).read_bytes())
    for copy in folder.rglob("0001_0097860395_01_WRI-L1_M014.png"):
        copy.unlink()
    done = ingest(folder, home, catalogue)
    assert dict(done.reasons) == {"not_listed": 1, "missing_file": 1} and done.counts.new == 5


def test_another_dataset_csv_is_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "dataset.csv").write_text("path,label\na.png,1\n")
    assert find(tmp_path / "dataset.csv").kind == "manifest"


def test_labels_that_mean_different_things_are_not_mixed_unless_somebody_says_so(
    folder: Path, home: Path, catalogue: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRIST_HOME", str(home))
    ingest(folder, home, catalogue)
    frozen(mixed_labels=False)  # fractures alone
    factories.png(tmp_path / "MURA-v1.1/train/XR_WRIST/patient00001/study1_negative/image1.png", 9, 0, 96)
    ingest(tmp_path / "MURA-v1.1", home, catalogue)
    with pytest.raises(DataError, match="'fracture' \\(grazpedwri\\) and 'abnormal' \\(mura\\)"):
        frozen(mixed_labels=False)
    frozen(mixed_labels=True)


def test_one_source_name_has_one_meaning_and_the_places_beside_are_catalogued(
    folder: Path, home: Path, catalogue: Engine, tmp_path: Path
) -> None:
    ingest(folder, home, catalogue)
    factories.png(tmp_path / "MURA-v1.1/train/XR_WRIST/patient00001/study1_negative/image1.png", 9, 0, 96)
    with pytest.raises(OtherMeaning, match="a source name of their own"):
        ingest([tmp_path / "MURA-v1.1", folder], home, catalogue, source="grazpedwri")
    assert answers(catalogue, "SELECT count(*), max(source) FROM studies") == [(5, "grazpedwri")]
    assert answers(catalogue, "SELECT n_unchanged FROM ingest_runs ORDER BY seq DESC LIMIT 1") == [(6,)]


def test_a_source_that_was_catalogued_before_meanings_were_stored_keeps_its_own(
    folder: Path, home: Path, catalogue: Engine
) -> None:
    run = ingest_runs.begin_ingest(catalogue, "mura", BY, db_story.FACTS)
    add_images(catalogue, run, [db_story.record(1)])  # as an earlier Wrist wrote it
    ingest_runs.finish_ingest(catalogue, run, IngestCounts(new=1), 1.0)
    assert answers(catalogue, "SELECT label_meaning FROM studies") == [("abnormal",)]
    with pytest.raises(OtherMeaning, match="'abnormal'"):
        ingest(folder, home, catalogue, source="mura")
    assert answers(catalogue, "SELECT label_meaning, count(*) FROM studies GROUP BY label_meaning") == [("abnormal", 1)]
