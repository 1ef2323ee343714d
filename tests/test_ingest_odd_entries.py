"""Entries that are no picture, table or folder like others: each costs itself alone, nothing is read without end."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from db.engine import open_catalogue
from tasks import sources_toml
from tasks.ingest_files import Decoding, Reading, catalogue_files
from tests import bounded, dicom_files
from tests.ingest_settings import settings
from wrist_model.errors import DataError, UsageError
from wrist_model.intake.examine_file import Context, Task, examine
from wrist_model.radiograph import decode
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.recipe import SplitRecipe
from wrist_model.records import ImageRef, Provenance
from wrist_model.sources import dicomdir
from wrist_model.sources.recognise_source import find, settle


def png(path, seed=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (60, 60), np.uint8)).save(path)
    return path


def ingest(home, *paths, **how):
    engine = open_catalogue(home)
    return catalogue_files(
        paths, home=home, engine=engine, rule=SplitRecipe(), provenance=Provenance("t"), **settings(jobs=1, **how)
    )


def deep(folder):
    """A file whose path has over 4,096 bytes, as a copy that went into itself makes it; no call takes the whole."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("x.png", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def talker(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


ODD = {
    "text": (lambda folder: (folder / "DICOMDIR").write_text("no index\n" * 9), "not_an_image"),
    "noise": (lambda folder: (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + b"\xff" * 300), "damaged"),
    "pipe": (lambda folder: os.mkfifo(folder / "DICOMDIR"), "not_a_file"),
    "endless": (lambda folder: (folder / "DICOMDIR").symlink_to("/dev/zero"), "outside_folder"),
    "nowhere": (lambda folder: (folder / "DICOMDIR").symlink_to("nothing"), "unreadable"),
    "round": (lambda folder: (folder / "DICOMDIR").symlink_to("DICOMDIR"), "unreadable"),
    "plain_pipe": (lambda folder: os.mkfifo(folder / "a.dcm"), "not_a_file"),
    "plain_endless": (lambda folder: (folder / "a.png").symlink_to("/dev/zero"), "outside_folder"),
    "talker": (lambda folder: talker(folder / "s"), "not_a_file"),
    "deep": (deep, "unreadable"),
    "above": (lambda folder: (folder / "up").symlink_to("../../.."), "outside_folder"),
}


def test_each_odd_entry_is_one_row_and_the_rest_is_catalogued(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path has 107 bytes at most
    for name, (make, _) in ODD.items():
        folder = Path("data") / "in" / name
        folder.mkdir(parents=True)
        make(folder)
    png(tmp_path / "data" / "in" / "good.png")
    png(tmp_path / "data" / "above.png")
    dicom_files.write(tmp_path / "data" / "in", "good.dcm", dicom_files.dataset())
    done = bounded.run("-m", "tests.run_ingest", str(tmp_path / "home"), str(tmp_path / "data" / "in"))
    assert done.returncode == 0, done.stderr[-2000:]
    counts = json.loads(done.stdout)
    assert (counts["new"], counts["quarantined"], counts["ignored"]) == (2, len(ODD), 0)
    with sqlite3.connect(tmp_path / "home" / "catalogue.sqlite") as catalogue:
        found = [code for (code,) in catalogue.execute("select reason_code from quarantined_files")]
    assert sorted(found) == sorted(code for _, code in ODD.values())


@pytest.fixture
def closed():
    """A folder that another user may enter, and that user: root's own rights pass over a folder's mode."""
    folder = Path(tempfile.mkdtemp(prefix="wrist-closed-"))
    folder.chmod(0o755)

    @contextmanager
    def as_another():
        if os.geteuid() == 0:
            os.seteuid(54_321)
        try:
            yield
        finally:
            os.seteuid(os.getuid())

    yield folder, as_another
    for one in folder.rglob("*"):
        if one.is_dir():
            one.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("mode", [0o444, 0o000, 0o111])
@pytest.mark.parametrize("name", ["in", "train", "MURA-v1.1", "DICOMDIR"])
def test_a_folder_that_may_not_be_listed_or_entered_is_one_row(closed, name, mode):
    folder, as_another = closed
    png(folder / "good.png")
    for number in range(3):
        png(folder / name / f"{number}.png", number)
    (folder / name).chmod(mode)
    key = IdentityKey(b"k" * 32)
    with as_another():
        plan = settle(find(folder), {}, False)
        context = Context(key, SplitRecipe(), str(folder), str(plan.root), "x", store_pixels=False)
        results = [examine(Task(item), context) for item in plan.items()]
        with pytest.raises(UsageError) if mode != 0o111 else pytest.raises(UsageError, match="no such"):
            find(folder / name / "gone.png")
    refused = [one.quarantined for one in results if one.quarantined]
    assert [(one.path, one.reason_code) for one in refused] == [(name, "unreadable")]
    assert sum(len(one.images) for one in results) == 1


def test_links_out_of_the_root_are_followed_only_when_asked(tmp_path):
    png(tmp_path / "in" / "a" / "one.png", 1)
    png(tmp_path / "out" / "two.png", 2)
    dicom_files.write(tmp_path / "out", "IM0", dicom_files.dataset())
    (tmp_path / "in" / "inside").symlink_to("a")
    (tmp_path / "in" / "folder").symlink_to("../out")
    (tmp_path / "in" / "file.png").symlink_to(tmp_path / "out" / "two.png")
    (tmp_path / "link").symlink_to("in")
    home = tmp_path / "home"
    done = ingest(home, tmp_path / "link")
    assert (done.counts.new, done.reasons) == (1, {"outside_folder": 2})
    again = ingest(home, tmp_path / "link")
    assert (again.counts.unchanged, again.reasons) == (1, {"outside_folder": 2})
    asked = ingest(home, tmp_path / "link", follow_links=True)
    assert (asked.counts.new, asked.counts.unchanged, asked.reasons) == (3, 1, {})


def test_a_list_and_a_mura_tree_take_no_file_from_elsewhere_by_a_link(tmp_path):
    png(tmp_path / "out" / "patient00001" / "study1_positive" / "image1.png", 1)
    part = tmp_path / "MURA" / "train" / "XR_WRIST"
    png(part / "patient00002" / "study1_negative" / "image1.png", 2)
    (part / "patient00001").symlink_to(tmp_path / "out" / "patient00001")
    folder = tmp_path / "list"
    png(folder / "own.png", 3)
    (folder / "lent").symlink_to(tmp_path / "out" / "patient00001" / "study1_positive")
    (folder / "list.csv").write_text("path,label\nown.png,0\nlent/image1.png,1\n")
    for place in (tmp_path / "MURA", folder / "list.csv"):
        codes = [item.refused[0] if item.refused else "" for item in find(place).items()]
        assert sorted(codes) == ["", "outside_folder"]
        assert not any(item.refused for item in find(place, follow_links=True).items())


def test_what_was_remembered_with_its_links_is_read_so(tmp_path):
    sources_toml.remember(tmp_path, sources_toml.Root("/data", follow_links=True))
    sources_toml.remember(tmp_path, sources_toml.Root("/other"))
    assert [root.follow_links for root in sources_toml.read(tmp_path)] == [True, False]


READERS = """
import os, sys
from pathlib import Path
from db.engine import open_catalogue
from tasks import sources_toml
from tests.test_ingest_odd_entries import ingest
from wrist_model import recipe
from wrist_model.errors import WristError
from wrist_model.radiograph.decode import load_pixels
from wrist_model.records import ImageRef
from wrist_model.sources import csv_table, label_corrections
from wrist_model.sources.recognise_source import find, read_labels
folder = Path(sys.argv[1])
def remembered(file):
    file.rename(folder / "sources.toml")
    sources_toml.read(folder)
for read in (
    lambda file: csv_table.rows(file, ("label",)),
    read_labels,
    label_corrections.read,
    recipe.read,
    lambda file: load_pixels(ImageRef("im-1", "st-1", "pt-1", str(file), "0" * 64)),
    remembered,
):
    for make in (lambda file: file.symlink_to("/dev/zero"), os.mkfifo, lambda file: os.truncate(file, 3 << 30)):
        file = folder / "x.toml"
        for left in (file, folder / "sources.toml"):
            left.unlink(missing_ok=True)
        if make.__name__ == "<lambda>" and "truncate" in make.__code__.co_names:
            file.touch()
        make(file)
        try:
            read(file)
            print("read")
        except WristError as error:
            print("refused")
"""


def test_every_reader_of_tables_and_settings_takes_regular_files_of_a_bounded_size_alone(tmp_path):
    done = bounded.run("-c", READERS, str(tmp_path))
    assert done.stdout.split() == ["refused"] * 18, done.stderr[-2000:]


def test_a_pipe_in_a_list_is_one_row_while_other_sources_are_catalogued(tmp_path):
    png(tmp_path / "first" / "a.png", 1)
    (tmp_path / "first" / "list.csv").write_text("path,label,patient\na.png,1,4711\n")
    png(tmp_path / "second" / "b.png", 2)
    os.mkfifo(tmp_path / "second" / "pipe.png")
    (tmp_path / "second" / "list.csv").write_text("path,label,patient\nb.png,1,12\npipe.png,1,13\n")
    script = "import sys; from tests.run_ingest import ingested; [ingested(sys.argv[1], one) for one in sys.argv[2:]]"
    lists = [str(tmp_path / name / "list.csv") for name in ("first", "second")]
    done = bounded.run("-c", script, str(tmp_path / "home"), *lists)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [json.loads(line)["quarantined"] for line in done.stdout.splitlines()] == [0, 1]


def test_a_picture_swapped_for_an_endless_file_after_it_was_catalogued_is_said(tmp_path):
    (tmp_path / "a.png").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="device"):
        decode.load_pixels(ImageRef("im-1", "st-1", "pt-1", str(tmp_path / "a.png"), "0" * 64))
    assert stat.S_ISCHR(os.stat(tmp_path / "a.png").st_mode)  # noqa: PTH116


def test_an_index_has_bounds_of_its_own(tmp_path):
    dicom_files.write(tmp_path, "IM0", dicom_files.dataset())
    index = dicom_files.dicomdir(tmp_path, "IM0")
    os.truncate(index, dicomdir.MOST_BYTES + 1)
    plan = settle(find(tmp_path), {}, False)
    assert [item.refused[0] for item in plan.items() if item.refused] == ["too_large"]
    index.write_bytes(bytes(128) + b"DICM" + b"\xfe\xff\x00\xe0\0\0\0\0" * (dicomdir.MOST_RECORDS + 1))
    assert [item.refused[0] for item in plan.items() if item.refused] == ["too_large"]


def test_a_list_that_cannot_be_read_is_said_and_the_places_beside_it_are_catalogued(tmp_path, monkeypatch):
    import prefect.main  # noqa: F401
    from prefect.logging import disable_run_logger
    from prefect_fixtures import radiographs

    from tasks.ingest import catalogue

    monkeypatch.setenv("WRIST_HOME", str(tmp_path / "home"))
    radiographs(tmp_path / "good")
    good = (tmp_path / "good" / "manifest.csv").read_text()
    (tmp_path / "other.csv").write_bytes(good.encode() + "Müller".encode("latin-1"))
    (tmp_path / "empty.csv").write_bytes(b"")
    names = ("other.csv", "good/manifest.csv", "empty.csv", "gone.csv")
    places = [sources_toml.Root(str(tmp_path / name), None, None, "ANY") for name in names]
    with disable_run_logger():
        done = catalogue.fn(places, SplitRecipe(), 1)
        assert done["new"] == 6 and len(done["refused"]) == 3
        with pytest.raises(DataError, match="not UTF-8"):
            catalogue.fn(places[:1], SplitRecipe(), 1)
        with pytest.raises(UsageError, match="no such file"):
            catalogue.fn(places[3:], SplitRecipe(), 1)


def test_one_long_cell_refuses_no_list(tmp_path):
    from prefect_fixtures import radiographs

    radiographs(tmp_path / "long")
    file = tmp_path / "long" / "manifest.csv"
    first, second, *rest = file.read_text().splitlines()
    columns = second.split(",")
    columns[first.split(",").index("patient")] = "x" * 200_000
    file.write_text("\n".join([first, ",".join(columns), *rest]) + "\n")
    engine = open_catalogue(tmp_path / "home")
    reading = {"reading": Reading(body_part="ANY"), "decoding": Decoding(jobs=1), "provenance": Provenance("t")}
    done = catalogue_files([file], home=tmp_path / "home", engine=engine, rule=SplitRecipe(), **reading)
    assert (done.counts.new, dict(done.reasons)) == (6, {})  # of the number a keyed hash is kept
