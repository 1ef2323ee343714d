"""Corrected labels, and files found again by their pseudonyms."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest
from PIL import Image

from db.engine import open_catalogue
from tasks.ingest_files import catalogue_files
from tasks.locate_file import locate
from tasks.relabel import relabel
from tests import dicom_files
from tests.ingest_settings import settings
from wrist_model.errors import DataError, UsageError
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Provenance
from wrist_model.sources import label_corrections


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WRIST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def ingest(home, path, **how):
    engine = open_catalogue(home)
    done = catalogue_files(
        [path], home=home, engine=engine, rule=SplitRecipe(), provenance=Provenance("t"), **settings(jobs=1, **how)
    )
    engine.dispose()
    return done


def rows(home, query):
    with sqlite3.connect(home / "catalogue.sqlite") as connection:
        return connection.execute(query).fetchall()


def png(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 99, (50, 40)).astype(np.uint8)).save(path)


@pytest.fixture
def mura(tmp_path):
    base = tmp_path / "MURA-v1.1"
    for n in range(4):
        png(base / f"train/XR_WRIST/patient{n:05}/study1_negative/image1.png", n)
    return base


def test_better_mura_s_list_turns_the_label_of_its_studies_over(home, mura, tmp_path):
    ingest(home, mura)
    listed = tmp_path / "changed_studies.txt"
    listed.write_text(
        "MURA-v1.1/train/XR_WRIST/patient00001/study1_negative/image1.png\n"
        "MURA-v1.1/train/XR_WRIST/patient00001/study1_negative/image2.png\n"
        "MURA-v1.1/train/XR_WRIST/patient00002/study1_negative/\n"
        "MURA-v1.1/train/XR_HAND/patient00077/study1_negative/image1.png\n"
    )
    assert relabel(listed) == {"label_version": 2, "n_listed": 3, "n_changed": 2, "n_unknown": 1}
    assert rows(home, "select label, count(*) from studies group by 1 order by 1") == [(0, 2), (1, 2)]
    assert relabel(listed)["n_changed"] == 0
    assert rows(home, "select max(label_version) from studies") == [(2,)]
    assert rows(home, "select count(*) from label where label = 0") == [(4,)]  # the earlier labels stay


def test_a_csv_relabels_by_path_by_study_and_by_catalogue_id(home, tmp_path):
    for n in range(3):
        png(tmp_path / "set" / f"{n}.png", n)
    (tmp_path / "set" / "list.csv").write_text("path,label,patient,study\n0.png,0,p,a\n1.png,0,p,b\n2.png,0,q,c\n")
    ingest(home, tmp_path / "set" / "list.csv")
    ((uid,),) = rows(home, "select study_uid from images where path = '2.png'")
    fixes = tmp_path / "fixes.csv"
    for text in ("path,label\n0.png,1\n", "study,patient,label\nb,p,positive\n", f"study_uid,label\n{uid},1\n"):
        fixes.write_text(text)
        assert relabel(fixes)["n_changed"] == 1
    assert rows(home, "select count(*) from studies where label = 1") == [(3,)]
    fixes.write_text(f"study_uid,label\n{uid},\n")
    relabel(fixes)
    assert rows(home, "select count(*) from studies where label is null") == [(1,)]


def test_dicom_studies_are_relabelled_by_their_uid(home, tmp_path):
    ds = dicom_files.dataset()
    dicom_files.write(tmp_path / "export", "x", ds)
    ingest(home, tmp_path / "export")
    (tmp_path / "fixes.csv").write_text(f"study_uid,label\n{ds.StudyInstanceUID},positive\n1.2.3,negative\n")
    done = relabel(tmp_path / "fixes.csv")
    assert (done["n_listed"], done["n_changed"], done["n_unknown"]) == (2, 1, 1)
    assert rows(home, "select label from studies") == [(1,)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("hello\n", "line 1 is not the path"),
        ("study_uid,label\n1,maybe\n", "row 2"),
        ("study_uid,label\n,1\n", "row 2"),
        ("name,label\nx,1\n", "expected rows"),
    ],
)
def test_a_bad_list_is_one_line_that_names_the_row(tmp_path, text, says):
    (tmp_path / "list").write_text(text)
    with pytest.raises(DataError, match=says):
        label_corrections.read(tmp_path / "list")
    with pytest.raises(UsageError):
        label_corrections.read(tmp_path / "nothing")


def test_a_list_of_strangers_is_an_error(home, mura, tmp_path):
    ingest(home, mura)
    (tmp_path / "list").write_text("train/XR_HAND/patient1/study1_negative\n")
    with pytest.raises(DataError, match="none of its 1 studies"):
        relabel(tmp_path / "list")


def test_a_list_that_contradicts_itself_is_an_error(home, mura, tmp_path):
    ingest(home, mura)
    path = "train/XR_WRIST/patient00001/study1"
    (tmp_path / "list").write_text(f"{path}_negative\n{path}_positive\n")
    with pytest.raises(DataError, match="another label"):
        relabel(tmp_path / "list")


def test_a_file_is_found_again_by_its_pseudonym_its_id_or_its_content(home, tmp_path):
    folder = tmp_path / "export"
    good = dicom_files.write(folder, "DOE JANE/1", dicom_files.dataset())
    bad = dicom_files.write(folder, "DOE JANE/2", dicom_files.dataset(PixelData=None))
    ingest(home, folder)
    ((image, path),) = rows(home, "select image_uid, path from images")
    ((refused,),) = rows(home, "select path from quarantined_files")
    assert locate(image, folder) == good
    assert locate(path, folder) == good
    assert locate(refused, folder) == bad
    assert locate(image, folder / "DOE JANE") == good  # by content: the path below this folder is another
    with pytest.raises(DataError, match="no image or refused file"):
        locate("im-unknown", folder)
    with pytest.raises(UsageError):
        locate(image, tmp_path / "nowhere")


def test_labels_that_come_later_are_taken_for_studies_that_never_had_one(home, tmp_path):
    one, two = dicom_files.dataset(), dicom_files.dataset()
    for name, ds in (("1", one), ("2", two)):
        dicom_files.write(tmp_path / "export", name, ds)
    ingest(home, tmp_path / "export")
    labels = tmp_path / "labels.csv"
    labels.write_text(f"study_uid,label\n{one.StudyInstanceUID},1\n{two.StudyInstanceUID},\n")
    done = ingest(home, tmp_path / "export", labels=labels)
    assert (done.labelled_later, done.counts.unchanged) == (1, 2)
    labels.write_text(f"study_uid,label\n{one.StudyInstanceUID},0\n{two.StudyInstanceUID},0\n")
    assert ingest(home, tmp_path / "export", labels=labels).labelled_later == 1
    assert sorted(rows(home, "select label from studies")) == [(0,), (1,)]  # the first label of the first stays


def test_a_manifest_after_a_plain_ingest_labels_its_images(home, tmp_path):
    for n in range(2):
        png(tmp_path / "set" / f"{n}.png", n)
    ingest(home, tmp_path / "set")
    (tmp_path / "set" / "list.csv").write_text("path,label\n0.png,0\n1.png,1\n")
    done = ingest(home, tmp_path / "set" / "list.csv")
    assert (done.labelled_later, done.counts.unchanged) == (2, 2)
    assert sorted(rows(home, "select label from studies")) == [(0,), (1,)]
