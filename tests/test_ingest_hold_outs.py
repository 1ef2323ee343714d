"""Hold-outs by design: a list's `split` column, and whole sources that are designated test or an external set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import text
from typer.testing import CliRunner

from db import datasets, hold_outs
from db.audit.verify import verify
from db.designations import designations
from db.engine import open_catalogue, reading, writing
from flows.console.cli import app
from tasks.freeze import _decided_and_stored
from tasks.ingest_files import catalogue_files
from tasks.ingest_writer import Ingested
from tests import dicom_files, factories
from tests.ingest_settings import settings
from wrist_model.cohort import class_counts, leak_guard, patient_split
from wrist_model.errors import DataError, OtherDesignation, UsageError
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Provenance
from wrist_model.sources.recognise_source import designation_of

BY = Provenance("tester")
RULE = SplitRecipe()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WRIST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    return tmp_path / "home"


def ingest(home: Path, *paths: Path, **how: object) -> Ingested:
    how.setdefault("jobs", 1)
    how.setdefault("body_part", "ANY")
    engine = open_catalogue(home)
    return catalogue_files(list(paths), home=home, engine=engine, rule=RULE, provenance=BY, **settings(**how))


def rows(home: Path, sql: str) -> list[tuple[object, ...]]:
    with reading(open_catalogue(home)) as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


_seed = iter(range(100_000))


def pixels(side: int = 32) -> np.ndarray:
    return np.random.default_rng(next(_seed)).integers(0, 255, (side, side)).astype(np.uint8)


def listed(folder: Path, lines: Sequence[str], header: str = "path,label,patient,split") -> Path:
    """A list of pictures, each drawn where it isn't there; a line is a row with a `{}`-free path first."""
    folder.mkdir(exist_ok=True)
    for line in lines:
        file = folder / line.split(",", 1)[0]
        if not file.exists():
            Image.fromarray(pixels()).save(file)
    (folder / "list.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder / "list.csv"


def in_split(home: Path) -> dict[str, tuple[str, str | None]]:
    """Path → where the image's patient stands, and of which external set it is."""
    of = "FROM image i JOIN patient p ON p.id = i.patient_id WHERE i.format <> 'dicom'"
    sql = f"SELECT i.path, p.split, p.hold_out {of}"
    return {str(row[0]): (str(row[1]), row[2] and str(row[2])) for row in rows(home, sql)}  # type: ignore[misc]


def test_a_list_says_where_patients_stand_and_who_it_says_nothing_of_falls_by_the_rule(
    home: Path, tmp_path: Path
) -> None:
    said = ["a.png,0,a,train", "b.png,1,b,validation", "c.png,0,c,TEST", *(f"{n}.png,1,p{n}," for n in range(20))]
    done = ingest(home, listed(tmp_path / "set", said))
    assert done.counts.new == 23 and not done.reasons
    found = in_split(home)
    assert [found[f"{name}.png"][0] for name in "abc"] == ["train", "validation", "test"]
    for n in range(20):
        assert found[f"{n}.png"] == (patient_split.assign(RULE, "set", f"p{n}", None), None)
    assert rows(home, "SELECT DISTINCT extra FROM image") == [("[]",)]


def test_a_patient_whom_a_list_puts_into_two_splits_stands_in_the_hold_out_with_all_images(
    home: Path, tmp_path: Path
) -> None:
    many = [f"t{n}.png,{n % 2},q{n},train" for n in range(80)]  # more than a worker's chunk and a batch
    said = ["a1.png,0,a,train", "b1.png,0,b,", "c1.png,0,c,validation", *many]
    said += ["a2.png,0,a,test", "b2.png,0,b,train", "b3.png,0,b,validation", "c2.png,0,c,train"]
    ingest(home, listed(tmp_path / "set", said), jobs=2)
    found = in_split(home)
    assert {name: found[f"{name}.png"][0] for name in ("a1", "a2")} == {"a1": "test", "a2": "test"}
    assert {found[f"b{n}.png"][0] for n in (1, 2, 3)} == {"validation"}
    assert {found[f"c{n}.png"][0] for n in (1, 2)} == {"validation"}


def test_dicom_whose_patient_only_the_header_names_stands_in_the_strictest_split_of_its_list(
    home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    lines = ["path,label,split"]
    for n in range(70):
        dicom_files.write(
            folder, f"t{n}.dcm", dicom_files.dataset(pixels(24).astype(np.uint16), PatientID=f"T{n % 40}")
        )
        lines.append(f"t{n}.dcm,{n % 2},train")
    for n in (1, 5):
        dicom_files.write(folder, f"x{n}.dcm", dicom_files.dataset(pixels(24).astype(np.uint16), PatientID=f"T{n}"))
        lines.append(f"x{n}.dcm,1,test")
    (folder / "list.csv").write_text("\n".join(lines) + "\n")
    done = ingest(home, folder / "list.csv", jobs=2)
    assert done.counts.new == 72 and not done.reasons
    assert rows(home, "SELECT split, count(*) FROM patient GROUP BY split ORDER BY split") == [
        ("test", 2),
        ("train", 38),
    ]
    assert rows(home, "SELECT count(*) FROM images WHERE split = 'test'") == [(6,)]


def test_a_word_that_is_no_split_costs_its_row_until_the_list_is_mended(home: Path, tmp_path: Path) -> None:
    said = ["a.png,0,a,holdout", "b.png,maybe,b,train", "c.png,1,c,train"]
    done = ingest(home, listed(tmp_path / "set", said))
    assert done.counts.new == 1 and dict(done.reasons) == {"unknown_split": 1, "unknown_label": 1}
    mended = ["a.png,0,a,validation", "b.png,1,b,train", "c.png,1,c,train"]
    assert ingest(home, listed(tmp_path / "set", mended)).counts.new == 2
    assert in_split(home)["a.png"] == ("validation", None)


def test_the_words_that_published_lists_use_for_splits_are_known_in_any_case(home: Path, tmp_path: Path) -> None:
    said = {
        "train": ("train", "Training", "TRAIN"),
        "validation": ("val", "valid", "Validation", "dev", "VAL"),
        "test": ("test", "Testing"),
    }
    lines = [f"{word}-{n}.png,{n},{word}{n},{word}" for words in said.values() for word in words for n in (0, 1)]
    assert dict(ingest(home, listed(tmp_path / "set", lines)).reasons) == {}
    expected = {f"{word}-{n}.png": (split, None) for split, words in said.items() for word in words for n in (0, 1)}
    assert in_split(home) == expected
    empty = [f"{word}{n}.png,0,rule{n},{word}" for n in range(12) for word in ("NaN", "None", "null", "")]
    assert ingest(home, listed(tmp_path / "ruled", empty)).counts.new == 48
    by_rule = {place for name, place in in_split(home).items() if name not in expected}
    assert len(by_rule) > 1, "no word, no place: the rule draws"


def test_a_test_image_of_a_patient_who_stands_in_train_is_refused_and_not_trained_on(
    home: Path, tmp_path: Path
) -> None:
    ingest(home, listed(tmp_path / "set", ["a1.png,0,a,train", "b1.png,1,b,test"]))
    grown = ["a1.png,0,a,train", "b1.png,1,b,test", "a2.png,0,a,test", "b2.png,1,b,train"]
    done = ingest(home, listed(tmp_path / "set", grown))
    assert done.counts.new == 1 and dict(done.reasons) == {"conflicting_split": 1}
    assert "puts it in test" in str(rows(home, "SELECT reason FROM quarantined_files")[0][0])
    assert in_split(home)["b2.png"] == ("test", None) and "a2.png" not in in_split(home)
    assert verify(open_catalogue(home)).findings == ()
    mended = [*grown[:2], "a2.png,0,a,train", grown[3]]
    assert ingest(home, listed(tmp_path / "set", mended)).counts.new == 1
    assert in_split(home)["a2.png"] == ("train", None)


def test_a_list_that_divides_catalogued_patients_otherwise_moves_nobody_and_that_is_counted(
    home: Path, tmp_path: Path
) -> None:
    names = [f"{n}.png,{n % 2},p{n}," for n in range(30)]
    done = ingest(home, listed(tmp_path / "set", names))
    before = in_split(home)
    assert done.elsewhere == 0 and {place for place, _ in before.values()} == {"train", "validation", "test"}
    again = ingest(home, listed(tmp_path / "set", [f"{name}test" for name in names]))
    assert again.counts.unchanged == 30 and in_split(home) == before
    assert again.elsewhere == sum(place != "test" for place, _ in before.values())
    assert ingest(home, listed(tmp_path / "set", [f"{name}train" for name in names])).elsewhere == 0


def test_a_designated_source_stands_in_test_for_good_and_a_later_ingest_needs_not_say_it_again(
    home: Path, tmp_path: Path
) -> None:
    names = [f"{n}.png,{n % 2},p{n},train" for n in range(12)]
    ingest(home, listed(tmp_path / "site", names), designation="test")
    assert set(in_split(home).values()) == {("test", None)}
    more = [*names, *(f"{n}.png,{n % 2},p{n}," for n in range(12, 24))]
    assert ingest(home, listed(tmp_path / "site", more)).counts.new == 12
    assert ingest(home, listed(tmp_path / "site", more), designation="test").counts.unchanged == 24
    assert set(in_split(home).values()) == {("test", None)}
    with pytest.raises(OtherDesignation, match="Source 'site' is designated 'test'; this says 'external:clinic'"):
        ingest(home, tmp_path / "site" / "list.csv", designation="external:clinic")
    with reading(open_catalogue(home)) as connection:
        assert designations(connection) == {"site": "test"}
    assert rows(home, "SELECT count(*) FROM fact WHERE name LIKE 'designation:%'") == [(1,)]


def test_a_source_that_is_catalogued_can_become_no_hold_out_and_the_other_paths_go_on(
    home: Path, tmp_path: Path
) -> None:
    ingest(home, listed(tmp_path / "old", ["a.png,0,a,"]))
    other = listed(tmp_path / "new", ["b.png,0,b,"])
    with pytest.raises(OtherDesignation, match=r"'old' is catalogued already.*--source"):
        ingest(home, tmp_path / "old" / "list.csv", other, designation="external:clinic")
    assert in_split(home)["b.png"] == ("test", "clinic")
    with reading(open_catalogue(home)) as connection:
        assert designations(connection) == {"new": "external:clinic"}


def test_dicom_that_nobody_named_is_designated_nothing(home: Path, tmp_path: Path) -> None:
    dicom_files.write(tmp_path / "pacs", "a.dcm", dicom_files.dataset(pixels(24).astype(np.uint16)))
    with pytest.raises(OtherDesignation, match="--source NAME"):
        ingest(home, tmp_path / "pacs", designation="external:clinic")
    assert rows(home, "SELECT count(*) FROM image") == [(0,)]
    assert ingest(home, tmp_path / "pacs", source="clinic", designation="external:clinic").counts.new == 1
    assert rows(home, "SELECT split, hold_out FROM patient") == [("test", "clinic")]


def own_and_external(home: Path, tmp_path: Path) -> str:
    """Own patients in all splits, and an external set one of whose pictures is a train picture of our own, too."""
    lines = [f"{s[:2]}{n}.png,{n % 2},{s}{n},{s}" for s in ("train", "validation", "test") for n in range(4)]
    own = listed(tmp_path / "own", lines)
    ingest(home, own)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x0.png").write_bytes((tmp_path / "own" / "tr0.png").read_bytes())
    (outside / "x9.png").write_bytes((tmp_path / "own" / "te1.png").read_bytes())
    names = ["x0.png,0,y0,", *(f"x{n}.png,{n % 2},y{n}," for n in range(1, 6)), "x9.png,1,y9,"]
    ingest(home, listed(outside, names), designation="external:clinic")
    with writing(open_catalogue(home)) as connection:
        dataset_id, report = _decided_and_stored(connection, True, False)
        assert [row[0] for row in report.external] == ["clinic"]
        assert {row[0]: row[1] for row in report.counts} == {"train": 3, "validation": 4, "test": 4}
    return dataset_id


def test_an_external_set_is_frozen_beside_the_splits_and_the_guard_keeps_its_pictures_out_of_train(
    home: Path, tmp_path: Path
) -> None:
    dataset_id = own_and_external(home, tmp_path)
    held = datasets.members(open_catalogue(home), dataset_id)
    assert {(one.split, one.hold_out) for one in held if one.hold_out} == {("test", "clinic")}
    gone = {(one.split, one.hold_out): one.excluded_reason for one in held if not one.included}
    assert gone == dict.fromkeys([("train", None), ("test", "clinic")], leak_guard.SAME_PIXELS)  # internal test stays
    assert hold_outs.sets_in(open_catalogue(home), dataset_id) == ("clinic",)
    assert verify(open_catalogue(home)).findings == ()


def test_an_external_set_takes_the_place_of_no_split_and_calls_for_no_retrain(home: Path, tmp_path: Path) -> None:
    ingest(home, listed(tmp_path / "own", [f"{n}.png,{n % 2},p{n},train" for n in range(4)]))
    waiting = datasets.new_labelled_studies(open_catalogue(home))
    ingest(home, listed(tmp_path / "far", [f"x{n}.png,{n % 2},y{n}," for n in range(8)]), designation="external:far")
    assert datasets.new_labelled_studies(open_catalogue(home)) == waiting == 4
    members = leak_guard.decide(datasets.candidates(open_catalogue(home)))
    with pytest.raises(DataError, match="validation split has no labelled study"):
        class_counts.require(members)


def test_labels_of_an_external_set_may_mean_something_else(home: Path, tmp_path: Path) -> None:
    lines = [f"{s[:2]}{n}.png,{n % 2},{s}{n},{s}" for s in ("train", "validation", "test") for n in range(4)]
    ingest(home, listed(tmp_path / "own", lines))
    folder = tmp_path / "GRAZPEDWRI-DX"
    folder.mkdir()
    head = "filestem,patient_id,study_number,laterality,fracture_visible,diagnosis_uncertain,age,gender"
    table = [head]
    for n in range(4):
        Image.fromarray(pixels(64)).save(folder / f"g{n}.png")
        table.append(f"g{n},{n},1,L,{n % 2},,9,F")
    (folder / "dataset.csv").write_text("\n".join(table) + "\n")
    ingest(home, folder, designation="external:graz")
    with writing(open_catalogue(home)) as connection:
        dataset_id, _ = _decided_and_stored(connection, True, False)
    assert hold_outs.sets_in(open_catalogue(home), dataset_id) == ("graz",)
    meanings = rows(home, "SELECT DISTINCT label_meaning, hold_out FROM studies ORDER BY 1")
    assert meanings == [("abnormal", None), ("fracture", "graz")]


def test_muras_valid_is_test_as_before_and_a_tree_may_be_an_external_set(home: Path, tmp_path: Path) -> None:
    for part in ("train", "valid"):
        for n in range(6):
            study = tmp_path / "MURA-v1.1" / part / "XR_WRIST" / f"patient{part[0]}{n}" / "study1_negative"
            factories.png(study / "image1.png", n, 0, longest=64)
    ingest(home, tmp_path / "MURA-v1.1")
    found = in_split(home)
    for path, place in found.items():
        patient = path.split("/")[2]
        official = "test" if path.startswith("valid") else "train"
        assert place == (patient_split.assign(RULE, "mura", patient, official), None)  # type: ignore[arg-type]
    assert {place for path, place in found.items() if path.startswith("valid")} == {("test", None)}
    (tmp_path / "MURA-v1.1").rename(tmp_path / "outside")
    ingest(home, tmp_path / "outside", source="mura-outside", designation="external:mura-outside")
    sql = "SELECT DISTINCT p.split, p.hold_out FROM study s JOIN patient p ON p.id = s.patient_id WHERE s.source = "
    assert rows(home, sql + "'mura-outside'") == [("test", "mura-outside")]


@pytest.mark.parametrize(
    ("what", "name", "said"),
    [
        ("external", None, "--as external other-clinic"),
        ("external", "Graz DX", "--as external graz-dx"),
        ("test", "clinic", "--as external NAME"),
        (None, "clinic", "--as external NAME"),
    ],
)
def test_an_external_set_has_a_name_and_nothing_else_has(what: str | None, name: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        designation_of(what, name)  # type: ignore[arg-type]


def test_designations_are_said_as_a_stranger_would_guess(home: Path) -> None:
    assert designation_of("external", "graz") == "external:graz"
    assert (designation_of("test", None), designation_of(None, None)) == ("test", None)
    for words in (
        ["--as", "external", "graz", "x"],
        ["x", "--as=external", "graz"],
        ["--name", "graz", "--as", "external", "x"],
    ):
        told = CliRunner().invoke(app, ["ingest", *words])  # whoever reads `--as test|external NAME` types it so
        assert isinstance(told.exception, UsageError) and str(told.exception).startswith("x: no such file"), words
    for words in (["x", "--as", "external"], ["--as", "external", "/data/x"]):
        told = CliRunner().invoke(app, ["ingest", *words])
        assert "--as external: expected a name" in str(told.exception), words
    told = CliRunner().invoke(app, ["ingest", "--as", "elsewhere", "x"])
    assert told.exit_code == 2 and "external" in told.output
    assert CliRunner().invoke(app, ["ingest", "--as", "test"]).exit_code == 2
