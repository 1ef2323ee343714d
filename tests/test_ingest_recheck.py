"""A mended decoder: what is catalogued stays readable; `recheck` names what would decode otherwise, and takes it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import text

from db import datasets, exclusions, image_refs
from db.engine import open_catalogue
from db.maintenance.migrate import downgrade
from db.quarantine import add_quarantined
from db.schema.revisions import HEAD
from tasks.ingest_files import catalogue_files
from tasks.recheck_decoding import recheck
from tests import dicom_files
from tests.ingest_settings import settings
from wrist_model.errors import CatalogueError
from wrist_model.intake import examine_file
from wrist_model.radiograph import decode
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Provenance, QuarantinedFile

BY = Provenance("tester")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def engine(home):
    engine = open_catalogue(home)
    yield engine
    engine.dispose()


def ingested(home, engine, folder):
    return catalogue_files([folder], home=home, engine=engine, rule=SplitRecipe(), provenance=BY, **settings(jobs=1))


def exif_png(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(dicom_files.ramp(48, 40, bits=8).astype(np.uint8)).save(path, exif=exif)


@pytest.fixture
def old_catalogue(home, engine, tmp_path, monkeypatch):
    """A folder whose one picture was catalogued as commit a98e219 read it."""
    folder = tmp_path / "pictures"
    exif_png(folder / "a.png")
    with monkeypatch.context() as old:
        old.setattr("wrist_model.radiograph.decode._turned", lambda grey, *rest: grey)
        old.setattr("wrist_model.radiograph.decode.RULE", None)
        catalogue_files(
            [folder],
            home=home,
            engine=engine,
            rule=SplitRecipe(),
            provenance=BY,
            **settings(jobs=1, examiner=in_this_process),
        )
    return folder


def in_this_process(tasks, context, jobs):
    for task in tasks:
        yield examine_file.examine_chunk([task], context)


def test_an_old_row_stays_readable_and_is_named_and_taken_as_a_new_one(old_catalogue, home, engine):
    (old,) = image_refs.refs_of_unlabelled(engine)
    assert old.decode_rule is None
    assert decode.load_pixels(old).shape == (48, 40)
    (named,) = recheck([old_catalogue], home, engine, BY, SplitRecipe())
    assert (named.image_uid, named.was, named.now, named.taken_as) == (old.image_uid, "pixels", "pixels", None)
    assert len(image_refs.refs_of_unlabelled(engine)) == 1, "nothing was written"
    (taken,) = recheck([old_catalogue], home, engine, BY, SplitRecipe(), take=True)
    refs = {ref.image_uid: ref for ref in image_refs.refs_of_unlabelled(engine)}
    assert decode.load_pixels(refs[taken.taken_as]).shape == (40, 48)
    assert refs[taken.taken_as].decode_rule == decode.RULE
    assert decode.load_pixels(refs[old.image_uid]).shape == (48, 40)
    candidates = {one.image_uid: one.excluded_reason for one in datasets.candidates(engine)}
    assert candidates[taken.taken_as] is None
    assert taken.taken_as in candidates[old.image_uid]
    assert recheck([old_catalogue], home, engine, BY, SplitRecipe(), take=True) == ()


def test_a_picture_that_is_refused_now_keeps_its_row_and_its_place(home, engine, tmp_path, monkeypatch):
    """Its list holds its patient out now, and patients never move."""
    for number in range(8):
        exif_png(tmp_path / f"{number}.png")
    patients = "\n".join(f"{number}.png,1,p{number}" for number in range(8))
    listed = tmp_path / "list.csv"
    listed.write_text(f"path,label,patient\n{patients}\n")
    with monkeypatch.context() as old:
        old.setattr("wrist_model.radiograph.decode._turned", lambda grey, *rest: grey)
        old.setattr("wrist_model.radiograph.decode.RULE", None)
        where = {"home": home, "engine": engine, "rule": SplitRecipe(), "provenance": BY}
        catalogue_files([listed], **where, **settings(jobs=1, examiner=in_this_process))
    rows = "\n".join(f"{row},test" for row in patients.splitlines())
    listed.write_text(f"path,label,patient,split\n{rows}\n")
    found = recheck([listed], home, engine, BY, SplitRecipe(), take=True)
    refused = [one for one in found if one.refused]
    assert len(found) == 8 and {one.refused for one in refused} == {"conflicting_split"}
    assert not any(one.taken_as for one in refused)
    excluded = {one.image_uid: one.excluded_reason for one in datasets.candidates(engine)}
    assert all(excluded[one.image_uid] is None for one in refused)
    with engine.connect() as connection:
        counted = connection.execute(text("SELECT n_new FROM ingest_runs ORDER BY started_at DESC LIMIT 1")).scalar()
    assert counted == 8 - len(refused)


def read_by(monkeypatch, rule, reads):
    """From now on PNG are read so; a row is read as `reads` says of its rule."""

    def turned(grey, _image, _kind, by, _steps):
        return np.ascontiguousarray(reads[by](grey))

    monkeypatch.setattr("wrist_model.radiograph.decode._turned", turned)
    monkeypatch.setattr("wrist_model.radiograph.decode.RULE", rule)
    monkeypatch.setattr("tasks.recheck_decoding.RULE", rule)
    monkeypatch.setattr(decode._grey, "__defaults__", (rule,))
    monkeypatch.setattr("tasks.recheck_decoding.decode_pool.examined", in_this_process)


def included(engine):
    return {one.image_uid: one.pixel_sha256 for one in datasets.candidates(engine) if one.excluded_reason is None}


def test_what_a_person_left_out_stays_out_when_it_is_read_otherwise(old_catalogue, home, engine):
    (old,) = image_refs.refs_of_unlabelled(engine)
    exclusions.exclude(engine, old.image_uid, "a foot", BY)
    (taken,) = recheck([old_catalogue], home, engine, BY, SplitRecipe(), take=True)
    assert included(engine) == {}
    reasons = {one.image_uid: one.excluded_reason for one in datasets.candidates(engine)}
    assert reasons == {old.image_uid: "a foot", taken.taken_as: "a foot"}


def test_of_two_rules_one_after_the_other_the_last_reading_alone_stays_in(old_catalogue, home, engine, monkeypatch):
    """Also where it reads as the first one did."""
    (first,) = included(engine).values()
    reads = {2: np.fliplr, 3: np.flipud, 4: lambda grey: grey}
    before = set()
    for rule in (2, 3, 4):
        read_by(monkeypatch, rule, reads)
        (taken,) = recheck([old_catalogue], home, engine, BY, SplitRecipe(), take=True)
        assert set(included(engine)) == {taken.taken_as} and taken.taken_as not in before
        assert recheck([old_catalogue], home, engine, BY, SplitRecipe(), take=True) == ()
        before.add(taken.taken_as)
    assert set(included(engine).values()) == {first}


def test_a_folder_that_moved_takes_all_readings_of_its_files_along(old_catalogue, home, engine, tmp_path):
    recheck([old_catalogue], home, engine, BY, SplitRecipe(), take=True)
    moved = old_catalogue.rename(tmp_path / "moved")
    where = {"home": home, "engine": engine, "rule": SplitRecipe(), "provenance": BY}
    assert catalogue_files([moved], **where, **settings(source=old_catalogue.name, jobs=1)).counts.unchanged == 1
    refs = image_refs.refs_of_unlabelled(engine)
    assert [decode.load_pixels(ref).size for ref in refs] == [48 * 40] * 2
    assert {dict(ref.subgroups)["n_views"] for ref in refs} == {"1"}, "one picture, however often it was read"


def test_what_decodes_as_before_is_not_named(home, engine, tmp_path):
    dicom_files.write(tmp_path / "dicom", "a", dicom_files.dataset())
    ingested(home, engine, tmp_path / "dicom")
    assert recheck([tmp_path / "dicom"], home, engine, BY, SplitRecipe()) == ()


def test_a_refused_file_that_decodes_now_is_named_and_catalogued(home, engine, tmp_path):
    dicom_files.write(tmp_path / "dicom", "a", dicom_files.dataset())
    dicom_files.write(tmp_path / "dicom", "b", dicom_files.dataset())
    ingested(home, engine, tmp_path / "dicom")
    with engine.connect() as connection:
        sql = "SELECT root, path, file_sha256, size, mtime_ns FROM file ORDER BY path LIMIT 1"
        file = connection.execute(text(sql)).one()
        run = connection.execute(text("SELECT ingest_run_id FROM ingest_run")).scalar()
    add_quarantined(engine, run, [QuarantinedFile(*file, "damaged", "as an earlier decoder said")], BY)
    (named,) = recheck([tmp_path / "dicom"], home, engine, BY, SplitRecipe())
    assert (named.was, named.now) == ("damaged", "pixels")


def test_one_study_of_two_patients_costs_itself_and_not_the_folder(home, engine, tmp_path):
    first = dicom_files.dataset()
    other = dicom_files.dataset(PatientID="P2", StudyInstanceUID=first.StudyInstanceUID)
    for name, ds in (("a", first), ("b", other), ("c", dicom_files.dataset())):
        dicom_files.write(tmp_path / "dicom", name, ds)
    done = ingested(home, engine, tmp_path / "dicom")
    assert (done.counts.new, dict(done.reasons)) == (1, {"conflicting_identity": 2})


def test_a_picture_beside_dicom_is_read_from_the_pixel_store(home, engine, tmp_path):
    dicom_files.write(tmp_path / "mixed", "a", dicom_files.dataset())
    exif_png(tmp_path / "mixed" / "b.png")
    ingested(home, engine, tmp_path / "mixed")
    assert sorted(decode.load_pixels(ref).shape for ref in image_refs.refs_of_unlabelled(engine)) == [
        (40, 48),
        (40, 50),
    ]


def test_a_schema_without_rules_refuses_to_hold_them(old_catalogue, home, engine):
    assert downgrade(engine, home, "0002") == HEAD
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM images")).scalar() == 1
    again = open_catalogue(home)
    exif_png(old_catalogue / "b.png")
    ingested(home, again, old_catalogue)
    with pytest.raises(CatalogueError, match="can't hold by which rule 1 image"):
        downgrade(again, home, "0002")
    again.dispose()
