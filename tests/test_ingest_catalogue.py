"""Files → catalogue: counts that add up, nothing twice, nothing silent."""

from __future__ import annotations

import io
import os
import re
import sqlite3

import numpy as np
import pytest
from PIL import Image

from db.engine import open_catalogue
from tasks.ingest_files import catalogue_files, studies_at
from tests import dicom_files
from wrist_model.errors import CatalogueError, DataError, UsageError
from wrist_model.intake.examine_file import perceptual_hash
from wrist_model.radiograph.decode import decode, load_pixels
from wrist_model.radiograph.polarity import thumbnail
from wrist_model.recipe import SplitRecipe
from wrist_model.records import IngestCounts, Provenance

BY = Provenance("tester")


def ingest(home, *paths, **how):
    how.setdefault("jobs", 2)
    engine = open_catalogue(home)
    try:
        return catalogue_files(paths, home=home, engine=engine, rule=SplitRecipe(), provenance=BY, **how)
    finally:
        engine.dispose()


def rows(home, query):
    with sqlite3.connect(home / "catalogue.sqlite") as connection:
        return connection.execute(query).fetchall()


def picture(seed):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:96, :80]
    limb = 150 * np.exp(-(((x - 40 + 4 * np.sin(y / 20)) / (10 + rng.uniform(0, 5))) ** 2))
    return np.clip(limb + rng.normal(8, 3, limb.shape), 0, 255).astype(np.uint8)


def png(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed)).save(path)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def tree(tmp_path):
    """A MURA tree with 9 images, junk, a truncated file and a text renamed .png."""
    base = tmp_path / "MURA-v1.1"
    for n in range(6):
        png(base / f"train/XR_WRIST/patient{n:05}/study1_{('positive', 'negative')[n % 2]}/image1.png", n)
    for n in range(6, 9):
        png(base / f"valid/XR_WRIST/patient{n:05}/study1_negative/image1.png", n)
    png(base / "valid/XR_HAND/patient00099/study1_negative/image1.png", 99)
    study = base / "train/XR_WRIST/patient00000/study1_positive"
    (study / "._image1.png").write_bytes(b"junk")
    (study / "image2.png").write_bytes((study / "image1.png").read_bytes()[:300])
    (study / "image3.png").write_text("no picture")
    (base / "train_image_paths.csv").write_text("")
    return base


def test_a_mura_tree_is_catalogued_and_again_nothing_changes(home, tree):
    first = ingest(home, tree)
    assert first.counts == IngestCounts(new=9, filtered=1, ignored=2, quarantined=2)
    assert first.reasons == {"truncated": 1, "not_an_image": 1}
    before = rows(home, "select * from images order by image_uid"), rows(home, "select * from quarantined_files")
    again = ingest(home, tree)
    assert again.counts == IngestCounts(unchanged=9, filtered=1, ignored=2, quarantined=2)
    assert before == (
        rows(home, "select * from images order by image_uid"),
        rows(home, "select * from quarantined_files"),
    )
    assert rows(home, "select count(*) from quarantined_files") == [(2,)]
    assert rows(home, "select count(*) from images where split = 'test'") == [(3,)]
    assert rows(home, "select label, count(*) from studies group by label order by label") == [(0, 6), (1, 3)]


def test_a_subtree_and_then_the_tree_double_nothing(home, tree):
    assert ingest(home, tree / "valid").counts.new == 3
    whole = ingest(home, tree)
    assert (whole.counts.new, whole.counts.unchanged) == (6, 3)


def test_the_counts_in_the_catalogue_add_up_to_the_files_seen(home, tree):
    ingest(home, tree)
    ((seen, *parts),) = rows(
        home,
        "select n_seen, n_new, n_unchanged, n_changed, n_filtered, n_ignored, n_quarantined from ingest_runs",
    )
    files = sum(len(names) for _, _, names in os.walk(tree))
    assert seen == sum(parts) == files


def test_a_file_that_changed_is_reported_and_its_record_stays(home, tree):
    ingest(home, tree)
    path = tree / "train/XR_WRIST/patient00001/study1_negative/image1.png"
    before = rows(home, "select * from images order by image_uid")
    png(path, 777)
    done = ingest(home, tree)
    assert done.counts.changed == 1
    assert done.changed == ["train/XR_WRIST/patient00001/study1_negative/image1.png"]
    assert rows(home, "select * from images order by image_uid") == before


def test_a_touched_file_with_the_same_content_is_unchanged(home, tree):
    ingest(home, tree)
    os.utime(tree / "train/XR_WRIST/patient00001/study1_negative/image1.png", (1, 1))
    assert ingest(home, tree).counts.unchanged == 9


def test_a_refused_file_that_is_mended_is_taken(home, tree):
    ingest(home, tree)
    png(tree / "train/XR_WRIST/patient00000/study1_positive/image2.png", 5000)
    done = ingest(home, tree)
    assert (done.counts.new, done.counts.quarantined) == (1, 1)


def test_a_moved_tree_is_the_same_data(home, tree, tmp_path):
    ingest(home, tree)
    moved = tmp_path / "elsewhere" / "MURA-v1.1"
    moved.parent.mkdir()
    tree.rename(moved)
    assert ingest(home, moved).counts.unchanged == 9
    assert rows(home, "select count(*) from images") == [(9,)]


def test_two_folders_of_one_name_are_not_mixed_up(home, tmp_path):
    png(tmp_path / "one" / "images" / "1.png", 1)
    png(tmp_path / "two" / "images" / "1.png", 2)
    assert ingest(home, tmp_path / "one" / "images").counts.new == 1
    done = ingest(home, tmp_path / "two" / "images")
    assert done.reasons == {"name_taken": 1}
    assert ingest(home, tmp_path / "two" / "images", source="two").counts.new == 1


def test_files_with_the_same_bytes_are_two_images(home, tmp_path):
    for name in ("a.png", "b.png"):
        png(tmp_path / "twins" / name, 3)
    assert ingest(home, tmp_path / "twins").counts.new == 2
    assert rows(home, "select count(*), count(distinct pixel_sha256) from images") == [(2, 1)]


def test_a_part_of_a_catalogued_folder_is_the_same_images_as_in_the_whole(home, tmp_path, monkeypatch):
    for n in range(3):
        png(tmp_path / "clinic" / f"day{n}" / "x.png", n)
    for n in range(3):
        dicom_files.write(tmp_path / "pacs", f"day{n}/x", dicom_files.dataset(PatientID=f"P{n}"))
    assert ingest(home, tmp_path / "clinic", tmp_path / "pacs").counts.new == 6
    for part in ("clinic/day1", "clinic/day1/x.png", "pacs/day1", "pacs/day1/x"):
        assert ingest(home, tmp_path / part).counts == IngestCounts(unchanged=1), part
    png(tmp_path / "clinic" / "day3" / "x.png", 3)
    assert ingest(home, tmp_path / "clinic" / "day3").counts.new == 1
    assert ingest(home, tmp_path / "clinic").counts == IngestCounts(unchanged=4)
    assert ingest(home, tmp_path / "clinic" / "day0", source="other").counts.new == 1  # said to be another place
    assert ingest(tmp_path / "both", tmp_path / "clinic", tmp_path / "clinic" / "day2").counts == IngestCounts(4, 1)
    engine = open_catalogue(home)
    monkeypatch.chdir(tmp_path / "clinic")
    for place, studies in (("day1", 1), ("../pacs/day2", 1), (".", 4), ("../pacs", 3), (tmp_path / "pacs/day0/x", 1)):
        assert len(studies_at(engine, home, [place])) == studies, place
    engine.dispose()


def test_a_copy_of_a_dicom_file_is_the_instance_that_its_study_has(home, tmp_path):
    ds = dicom_files.dataset()
    for place in ("one/a", "one/copy", "two/elsewhere"):
        dicom_files.write(tmp_path, place, ds)
    assert ingest(home, tmp_path / "one").counts == IngestCounts(new=1, unchanged=1)
    assert ingest(home, tmp_path / "two").counts == IngestCounts(unchanged=1)
    assert ingest(home, tmp_path / "one", tmp_path / "two").counts == IngestCounts(unchanged=3)
    assert rows(home, "select count(*), count(distinct study_uid) from images") == [(1, 1)]
    engine = open_catalogue(home)
    assert [len(studies_at(engine, home, [tmp_path / place])) for place in ("one", "one/a", "two")] == [1, 1, 1]
    engine.dispose()


def test_dicom_studies_with_labels_go_through_the_pixel_store(home, tmp_path):
    folder = tmp_path / "export"
    labels = tmp_path / "labels.csv"
    lines = ["study_uid,accession_number,label"]
    pixels = [picture(n).astype(np.uint16) * 16 for n in range(4)]
    for n, values in enumerate(pixels):
        ds = dicom_files.dataset(
            values, PatientID=f"P{n // 2}", AccessionNumber=f"A{n}", WindowCenter=2048, WindowWidth=4096, PatientSex="F"
        )
        dicom_files.write(folder, f"DOE JANE/{n}", ds)
        lines.append(f"{ds.StudyInstanceUID},,positive" if n < 2 else f",A{n},0" if n == 2 else ",zzz,1")
    dicom_files.write(folder, "ct", dicom_files.dataset(Modality="CT"))
    dicom_files.write(folder, "hand", dicom_files.dataset(BodyPartExamined="HAND"))
    dicom_files.write(folder, "nobody", dicom_files.dataset(PatientID=None))
    dicom_files.write(folder, "report", dicom_files.dataset(PixelData=None))
    labels.write_text("\n".join(lines))
    done = ingest(home, folder, labels=labels)
    assert done.counts == IngestCounts(new=4, filtered=1, quarantined=3)
    assert set(done.reasons) == {"not_a_radiograph", "missing_identity", "no_pixel_data"}
    assert rows(home, "select label, count(*) from studies group by 1 order by 1") == [(None, 1), (0, 1), (1, 2)]
    assert rows(home, "select count(distinct patient_key) from studies") == [(2,)]
    assert {path[:3] for (path,) in rows(home, "select path from images")} == {"pa-"}
    again = ingest(home, folder, labels=labels)
    assert again.counts == IngestCounts(unchanged=4, filtered=1, quarantined=3)

    from db import datasets

    engine = open_catalogue(home)
    for ref in datasets.refs_to_score(engine, None):
        assert load_pixels(ref).shape == (96, 80)
    engine.dispose()


def test_each_frame_of_an_object_is_one_image_and_its_file_counts_once(home, tmp_path):
    frames = np.stack([picture(n).astype(np.uint16) * 16 for n in range(3)])
    dicom_files.write(tmp_path / "frames", "x", dicom_files.dataset(frames, NumberOfFrames=3))
    assert ingest(home, tmp_path / "frames").counts == IngestCounts(new=1)
    assert rows(home, "select count(*) from images") == [(3,)]
    assert ingest(home, tmp_path / "frames").counts == IngestCounts(unchanged=1)


def test_what_a_thumbnail_tells_stands_with_its_own_image(home, tmp_path):
    _, x = np.mgrid[:96, :96]
    limb = np.where(np.abs(x - 26) < 9, 120, 20)
    two = np.maximum(limb, np.where(np.abs(x - 72) < 9, 110, 20))
    two[:, 48:50] = 255
    png(tmp_path / "set" / "a.png", 1)
    Image.fromarray(two.astype(np.uint8)).save(tmp_path / "set" / "b.png")
    (tmp_path / "set" / "c.png").write_text("no picture")
    png(tmp_path / "set" / "d.png", 2)
    ingest(home, tmp_path / "set")
    catalogued = rows(home, "select path, multi_view from images order by path")
    assert catalogued == [("a.png", 0), ("b.png", 1), ("d.png", 0)]
    hashes = {name: perceptual_hash(thumbnail(decode(tmp_path / "set" / name)[0].pixels)) for name, _ in catalogued}
    stored = "select v.path, i.perceptual_hash from image i join images v on v.image_uid = i.image_uid"
    assert dict(rows(home, stored)) == hashes


def test_a_manifest_with_missing_and_climbing_files(home, tmp_path):
    png(tmp_path / "set" / "a.png", 1)
    (tmp_path / "set" / "list.csv").write_text("path,label,body_part\na.png,1,WRIST\nb.png,0,WRIST\n../c.png,0,WRIST\n")
    done = ingest(home, tmp_path / "set" / "list.csv")
    assert done.counts == IngestCounts(new=1, quarantined=2)
    assert done.reasons == {"missing_file": 1, "outside_folder": 1}


def test_paths_that_hold_nothing_are_errors_before_anything_is_written(home, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no files there"):
        ingest(home, tmp_path / "empty")
    with pytest.raises(UsageError, match="no such file"):
        ingest(home, tmp_path / "nowhere")
    assert rows(home, "select count(*) from ingest_runs") == [(0,)]


def test_a_catalogue_refuses_another_key(home, tree):
    ingest(home, tree)
    (home / "identity.key").write_text("ab" * 32)
    with pytest.raises(CatalogueError):
        ingest(home, tree)


def test_a_raised_limit_takes_what_was_a_bomb(home, tmp_path):
    png(tmp_path / "big" / "a.png", 1)
    assert ingest(home, tmp_path / "big", max_pixels=1000).reasons == {"decompression_bomb": 1}
    assert ingest(home, tmp_path / "big").counts.new == 1


def test_odd_files_are_refused_one_by_one_and_the_rest_goes_on(home, tmp_path):
    folder = tmp_path / "odd"
    png(folder / "good.png", 1)
    png(folder / "new\nline.png", 2)
    buffer = io.BytesIO()
    Image.fromarray(picture(3)).save(buffer, "PNG")
    with open(os.fsencode(folder) + b"/caf\xe9.png", "wb") as file:  # noqa: PTH123
        file.write(buffer.getvalue())
    (folder / "zero.dcm").write_bytes(b"")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "gone.png").symlink_to(folder / "nothing.png")
    os.mkfifo(folder / "pipe.png")
    done = ingest(home, folder)
    assert done.counts.new == 2
    assert done.reasons == {"unusable_name": 1, "empty": 1, "unreadable": 2, "not_a_file": 1}
    assert done.counts.seen == 7


def test_progress_tells_done_total_and_counts(home, tree):
    told = []
    ingest(home, tree, progress=lambda *call: told.append(call))
    stage, done, total, note = told[-1]
    assert (stage, done, total) == ("ingest", 14, 14)
    assert "9 new" in note
    assert "2 quarantined" in note
    assert re.search(r"files/s, \d:\d\d:\d\d left", told[0][3])
    assert "left" not in note
