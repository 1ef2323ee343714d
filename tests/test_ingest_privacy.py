"""A canary in every element, private tag, folder and file name that could name somebody; and where it must not be."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image, PngImagePlugin
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from sqlalchemy import text
from sqlalchemy.exc import StatementError
from whole_fixtures import environment, run

from db.engine import open_catalogue, reading, writing
from tasks import requests
from tasks.ingest_files import Decoding, Reading, catalogue_files
from tests import dicom_files
from tests.ingest_settings import settings
from wrist_model.errors import CatalogueError, DataError, UsageError
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Provenance

TEXT, DATE, UID = "Zanaryxq", "19130713", "1.2.826.0.777654321"
CANARIES = [TEXT, DATE, "1913-07-13", "777654321"]
KEPT = {"SOPClassUID", "Modality"}
GROUPS = (0x0008, 0x0010, 0x0012, 0x0018, 0x0020, 0x0028, 0x0032, 0x0038, 0x0040, 0x0088, 0x2050)


def values(number):
    name = f"{TEXT}{number}"
    return {
        "PN": f"{name}^Jane",
        "LO": name,
        "LT": f"{name} text",
        "ST": f"{name} text",
        "UT": f"{name} text",
        "SH": name[:16],
        "DA": DATE,
        "UI": f"{UID}.{number}",
        "AE": name[:16],
    }


def planted(pixels=None, **elements) -> Dataset:
    """A radiograph with a canary in every element of the kinds that can name somebody."""
    ds = dicom_files.dataset(pixels, WindowCenter=2048, WindowWidth=4096)
    for tag, (vr, _, _, retired, keyword) in DicomDictionary.items():
        group = tag >> 16
        if vr in values(0) and keyword and not retired and keyword not in KEPT and group in GROUPS:
            ds.add_new(tag, vr, values(tag & 0xFFFF)[vr])
    ds.BodyPartExamined = "WRIST"
    ds.PatientAge, ds.PatientSex, ds.BurnedInAnnotation = "101Y", "F", "YES"
    item = Dataset()
    item.PatientID, item.TypeOfPatientID = f"{TEXT}other", "TEXT"
    ds.OtherPatientIDsSequence = [item]
    block = ds.private_block(0x0029, f"{TEXT} private", create=True)
    block.add_new(0x01, "LO", f"{TEXT} private")
    block.add_new(0x02, "UN", f"{TEXT} bytes".encode())
    for keyword, value in elements.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def plant(folder: Path) -> Path:
    """Good and bad files, all below a folder whose own name is free of the canary."""
    below = f"{TEXT}^JANE {DATE}/{TEXT}"
    values = (dicom_files.ramp(96, 80) // 2).astype(np.uint16)
    good = planted(values)
    dicom_files.write(folder, f"{below}/{TEXT}1", good)
    dicom_files.write(
        folder, f"{below}/{TEXT}2.dcm", planted(values[::-1].copy(), PhotometricInterpretation="MONOCHROME1")
    )
    dicom_files.write(folder, f"{below}/ct", planted(Modality=TEXT))
    dicom_files.write(folder, f"{below}/nobody", planted(PatientID=None))
    dicom_files.write(folder, f"{below}/nostudy", planted(StudyInstanceUID=None))
    dicom_files.write(folder, f"{below}/empty", planted(PixelData=None))
    dicom_files.write(folder, f"{below}/short", planted(PixelData=b"\0" * 64))
    dicom_files.write(folder, f"{below}/grey", planted(PhotometricInterpretation=TEXT.upper()[:16]))
    whole = dicom_files.data(good)
    (folder / below / f"{TEXT}cut.dcm").write_bytes(whole[: len(whole) // 3])
    (folder / below / f"{TEXT}.png").write_text(f"{TEXT}, born {DATE}")
    (folder / below / f"{TEXT}.txt").write_text(f"{TEXT}, born {DATE}")
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", f"{TEXT} {DATE}")
    Image.fromarray((values >> 4).astype(np.uint8)).save(folder / below / f"{TEXT}photo.png", pnginfo=notes)
    labels = folder.parent / "labels.csv"
    lines = ["study_uid,accession_number,label", f"{good.StudyInstanceUID},,positive", f",{TEXT}x,1"]
    labels.write_text("\n".join(lines))
    return labels


def assert_nowhere(home: Path, *said: str) -> None:
    seen = 0
    for path in home.rglob("*"):
        for canary in CANARIES:
            assert canary.lower() not in path.name.lower()
            if path.is_file():
                seen += 1
                found = re.search(re.escape(canary).encode(), path.read_bytes(), re.IGNORECASE)
                assert found is None, f"{canary} in {path}"
    assert seen
    for words in said:
        for canary in CANARIES:
            assert canary.lower() not in words.lower()


@pytest.fixture
def export(tmp_path):
    folder = tmp_path / "export"
    return folder, plant(folder)


def test_no_canary_reaches_the_home_the_logs_or_the_output(export, tmp_path, capfd, caplog):
    folder, labels = export
    caplog.set_level(logging.DEBUG)
    pydicom.config.settings.reading_validation_mode = pydicom.config.WARN
    home, told = tmp_path / "home", []
    engine = open_catalogue(home)
    for _ in range(2):
        done = catalogue_files(
            [folder],
            home=home,
            engine=engine,
            rule=SplitRecipe(),
            provenance=Provenance("tester"),
            reading=Reading(labels=labels),
            decoding=Decoding(jobs=2),
            progress=lambda *call: told.append(repr(call)),
        )
    engine.dispose()
    assert done.counts.seen == 12
    assert done.counts.unchanged == 3
    out = capfd.readouterr()
    assert_nowhere(home, out.out, out.err, caplog.text, repr(done), *told)


def test_no_canary_reaches_prefect(export, tmp_path, prefect_server):
    folder, labels = export
    home = tmp_path / "home"
    done = run(home, prefect_server, "--debug", "ingest", str(folder), "--labels", str(labels), "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["new"] == 3
    assert result["seen"] == 12
    assert_nowhere(home, done.stdout, done.stderr)
    databases = [path for path in tmp_path.parent.glob("server*/**/*") if path.is_file()]
    assert any(path.suffix == ".db" for path in databases)
    for path in databases:
        content = path.read_bytes().lower()
        assert not any(canary.lower().encode() in content for canary in CANARIES), path


FAILS = """
import sys
from flows.ingest import ingest
from tasks import requests
from wrist_model.errors import WristError
for path in sys.argv[1:]:
    try:
        with requests.stored([path]) as request:
            ingest(request=request)
    except (WristError, OSError) as error:
        print(f"{type(error).__name__}: {error}")
"""


def test_no_canary_of_a_path_that_was_typed_reaches_prefect_the_home_or_status(tmp_path, prefect_server):
    folder, home = tmp_path / "export" / f"{TEXT}^JANE {DATE}", tmp_path / "home"
    file = dicom_files.write(folder, f"{TEXT}.dcm", planted())
    labels = folder / f"{TEXT}.csv"
    labels.write_text("study_uid,label\n1.2.3,1\n")
    for outcome in ("new", "unchanged"):
        done = run(home, prefect_server, "--debug", "ingest", str(file), "--labels", str(labels), "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)[outcome] == 1
    refused = run(home, prefect_server, "ingest", str(file), "--remember")
    assert (refused.returncode, "Remember the folder" in refused.stderr) == (2, True)
    gone, secret = folder / f"{TEXT}gone.dcm", folder / "a.csv"
    secret.write_text("no table")
    failed = subprocess.run(
        [sys.executable, "-c", FAILS, str(gone), str(secret), str(folder / "x" / f"{TEXT}.dcm")],
        env=environment(home, prefect_server),
        capture_output=True,
        text=True,
        check=False,
    )
    said = failed.stdout.splitlines()
    assert len(said) == 3, failed.stderr
    assert str(gone) in said[0]  # whoever typed it is told of it
    assert str(secret) in said[1]
    told = run(home, prefect_server, "status")
    assert told.returncode == 0
    assert_nowhere(home, done.stdout, told.stdout, told.stderr)
    contents = [path.read_bytes().lower() for path in tmp_path.parent.glob("server*/**/*") if path.is_file()]
    assert not any(canary.lower().encode() in content for content in contents for canary in CANARIES)
    assert any(b"place 1: no such file" in content for content in contents)


def test_errors_name_no_path_by_any_of_its_spellings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inner = tmp_path / TEXT
    inner.mkdir()
    for error in (
        UsageError(f"{TEXT}: no such file. Give another."),
        DataError(f"{inner}/{TEXT} of {DATE}.csv: row 3: no label."),
        DataError(f"`wrist ingest {inner} --source x`, or '{inner}/{DATE}'"),
        OSError(5, "Input/output error", f"{inner}/{TEXT}"),
        FileNotFoundError(2, "No such file or directory", str(inner)),
    ):
        with pytest.raises(type(error)) as caught, requests.unnamed([TEXT]):
            try:
                raise ValueError(TEXT)
            except ValueError:
                raise error from None
        told = "".join(traceback.format_exception(caught.value)).split("Traceback", 1)[1]
        assert not any(canary in line for line in told.splitlines() if "raise" not in line for canary in CANARIES)
        assert "place" in str(caught.value)


def test_a_databases_error_tells_no_value_of_a_row(catalogue):
    with pytest.raises(CatalogueError) as caught, writing(catalogue) as connection:
        connection.execute(
            text("INSERT INTO file (root, path, size) VALUES (:root, NULL, :size)"), {"root": TEXT, "size": 1}
        )
    assert TEXT not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(StatementError) as bare, reading(catalogue) as connection:
        connection.execute(text("SELECT :a, :b"), {"a": TEXT})
    assert TEXT not in "".join(traceback.format_exception(bare.value))


def test_age_sex_and_burned_in_annotation_are_kept_for_subgroups(export, tmp_path):
    import sqlite3

    folder, labels = export
    home = tmp_path / "home"
    engine = open_catalogue(home)
    catalogue_files(
        [folder],
        home=home,
        engine=engine,
        rule=SplitRecipe(),
        provenance=Provenance("t"),
        **settings(labels=labels, jobs=2),
    )
    engine.dispose()
    with sqlite3.connect(home / "catalogue.sqlite") as connection:
        rows = set(connection.execute("select sex, age, format from images").fetchall())
    assert rows == {("F", 90, "dicom"), (None, None, "png")}
