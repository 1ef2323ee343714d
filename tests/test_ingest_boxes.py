"""Boxes that people drew: read from other tools' files, placed on the catalogued picture, refused one by one."""

from __future__ import annotations

import contextlib
import contextvars
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine, text

from db.audit.chain import append
from db.audit.verify import verify
from db.engine import writing
from tasks.ingest_files import catalogue_files
from tasks.ingest_writer import Ingested
from tests import factories
from tests.ingest_settings import settings
from tests.interleaving import Seam, watched
from wrist_model.boxes import box_files, coco, pascal_voc, table, yolo
from wrist_model.boxes.drawn import Drawn, Stated, placed
from wrist_model.boxes.pictures import Pictures
from wrist_model.errors import Refused, UsageError
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Provenance

BY = Provenance("tester")
VOC = (
    "<annotation><filename>{file}</filename><size><width>{width}</width><height>{height}</height></size>"
    "<object><name>fracture</name><bndbox><xmin>10</xmin><ymin>20</ymin><xmax>30</xmax><ymax>50</ymax></bndbox></object>"
    "</annotation>"
)
BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<annotation><object><name>&b;</name></object></annotation>"
)


def boxes(stated: Iterator[Stated]) -> list[tuple[object, ...]]:
    return [
        (one.name, *(round(edge, 4) for edge in one.edges)) if isinstance(one, Drawn) else (one.place, one.reason_code)
        for one in stated
    ]


def test_yolo_says_centre_and_size_as_shares_and_each_bad_line_costs_itself() -> None:
    lines = "3 0.5 0.5 0.2 0.4\n\n3 0.5 0.5\n9 0.5 0.5 0.1 0.1\nx 0 0 0 0\n3 a 0 0 0\n0 0.5 nan 0.1 0.1"
    names = ("text", "b", "c", "fracture")
    found = boxes(yolo.stated(lines, "a", names))
    assert found[0] == ("fracture", 0.4, 0.3, 0.6, 0.7)
    assert found[1:5] == [
        ("line 3", "unparsable"),
        ("line 4", "unknown_class"),
        ("line 5", "unparsable"),
        ("line 6", "unparsable"),
    ]
    assert found[5][0] == "text"  # whether it is a number is seen when it is placed
    assert boxes(yolo.stated("7 0.5 0.5 0.2 0.4", "a", ()))[0][0] == "7"


@pytest.mark.parametrize(
    "said",
    [
        "names: [fracture, 'metal']",
        "names:\n- fracture\n- metal\n",
        "train: x\nnames:\n  0: fracture\n  1: 'metal'\nnc: 2",
    ],
)
def test_yolos_settings_name_its_classes(tmp_path: Path, said: str) -> None:
    (tmp_path / "data.yaml").write_text(said)
    assert yolo.classes_in(tmp_path) == ("fracture", "metal")
    (tmp_path / "classes.txt").write_text("fracture\nmetal\ntext\n\n")
    assert yolo.classes_in(tmp_path) == ("fracture", "metal", "text")


def test_pascal_voc_says_pixels_and_the_pictures_size() -> None:
    [box] = pascal_voc.stated(VOC.format(file="a.png", width=100, height=200).encode(), "b")
    assert isinstance(box, Drawn) and (box.picture, box.name, box.edges) == ("a.png", "fracture", (10, 20, 30, 50))
    assert placed(box, 100, 200) == (10, 20, 30, 50)
    with pytest.raises(Refused, match="drawn on a picture of 100 × 200"):
        placed(box, 200, 100)
    broken = VOC.replace("<xmin>10</xmin>", "").format(file="", width=0, height=0)
    assert boxes(pascal_voc.stated(broken.encode(), "b")) == [("object 1", "unparsable")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (BOMB.encode(), "document_type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "document_type"),
        (b"<annotation><object>", "unparsable"),
        (b"<a>" * 100_000, "unparsable"),
        (b"", "unparsable"),
        (b'<?xml version="1.0" encoding="klingon"?><annotation/>', "unparsable"),
    ],
    ids=["bomb", "outside", "cut", "deep", "empty", "encoding"],
)
def test_xml_that_asks_for_much_or_is_none_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        list(pascal_voc.stated(data, "a"))
    assert caught.value.reason_code == code


def test_coco_says_corner_and_size_in_pixels() -> None:
    said = {
        "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 200}, {"id": 2}],
        "categories": [{"id": 0, "name": "fractured"}],
        "annotations": [
            {"image_id": 1, "category_id": 0, "bbox": [10, 20, 30, 40]},
            {"image_id": 3, "category_id": 0, "bbox": [10, 20, 30, 40]},
            {"image_id": 2, "category_id": 0, "bbox": [10, 20, 30, 40]},
            {"image_id": 1, "category_id": 5, "bbox": [10, 20, 30, 40]},
            {"image_id": 1, "category_id": 0, "bbox": [10, 20, "x", 40]},
            {"image_id": 1, "category_id": 0},
            "nothing",
        ],
    }
    found = boxes(coco.stated(json.dumps(said).encode()))
    assert found[0] == ("fractured", 10, 20, 40, 60)
    codes = [one[1] for one in found[1:]]
    assert codes == ["unknown_picture", "unknown_picture", "unknown_class", "unparsable", "unparsable", "unparsable"]


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b"\xff\xfe", b"[]", b'{"images": []}', b'{"a": ' + b"9" * 5000 + b"}", b""]
)
def test_json_that_is_no_coco_is_refused(data: bytes) -> None:
    with pytest.raises(Refused) as caught:
        list(coco.stated(data))
    assert caught.value.reason_code == "unparsable"


def test_a_table_says_shares_or_pixels() -> None:
    shares = b"path,class,x_center,y_center,w,h\na.png,fractured,0.5,0.5,0.2,0.4\n,fractured,0.5,0.5,0.2,0.4\n"
    assert boxes(table.stated(shares, "t.csv")) == [("fractured", 0.4, 0.3, 0.6, 0.7), ("row 3", "unknown_picture")]
    pixels = b"path;class;xmin;ymin;xmax;ymax;drawn_by\na.png;metal;1,5;2;3;4;reader 1\nb.png;metal;1;2;3\n"
    first, second = table.stated(pixels, "t.csv")
    assert isinstance(first, Drawn) and (first.edges, first.shares, first.drawn_by) == (
        (1.5, 2, 3, 4),
        False,
        "reader 1",
    )
    assert not isinstance(second, Drawn) and second.reason_code == "unparsable"
    for bad in (b"", b"path,box\n", b'path,class\n"a'):
        with pytest.raises(Refused):
            list(table.stated(bad, "t.csv"))


@pytest.mark.parametrize(
    ("edges", "code"),
    [
        ((0.1, 0.1, 1.1, 0.5), "outside_picture"),
        ((-0.5, 0.1, 0.5, 0.5), "outside_picture"),
        ((1.0, 0.1, 1.009, 0.5), "outside_picture"),
        ((0.5, 0.1, 0.5, 0.5), "no_area"),
        ((0.5, 0.5, 0.6, 0.4), "no_area"),
        ((0.1, float("nan"), 0.5, 0.5), "not_a_number"),
        ((0.1, 0.1, float("inf"), 0.5), "not_a_number"),
    ],
)
def test_a_box_outside_without_area_or_without_numbers_is_refused(edges: tuple, code: str) -> None:
    with pytest.raises(Refused) as caught:
        placed(Drawn("line 1", "a", "fracture", edges, shares=True), 100, 200)
    assert caught.value.reason_code == code


def test_rounding_over_the_edge_is_cut_off() -> None:
    assert placed(Drawn("line 1", "a", "x", (-0.004, 0, 1.004, 1), shares=True), 100, 200) == (0, 0, 100, 200)


def test_a_picture_is_found_by_what_of_its_path_is_unique() -> None:
    names = Pictures(["images/a.png", "images/b.png", "more/b.png", "more/deep/c.d.jpg"])
    assert names.find("images/a.png", None) == names.find("a.png", None) == names.find("a", None) == "images/a.png"
    assert names.find("images\\b.png", None) == names.find("b.png", "images") == "images/b.png"
    assert names.find("deep/c.d", None) == "more/deep/c.d.jpg"
    for said, code in (
        ("b", "ambiguous_picture"),
        ("z.png", "unknown_picture"),
        ("c", "unknown_picture"),
        ("\0", "un"),
    ):
        with pytest.raises(Refused) as caught:
            names.find(said, None)
        assert caught.value.reason_code.startswith(code)


GOOD = {
    ".txt": b"0 0.5 0.5 0.1 0.2\n1 0.1 0.1 0.1 0.1\n",
    ".xml": VOC.format(file="a.png", width=100, height=200).encode(),
    ".json": b'{"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "x"}], '
    b'"annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]}',
    ".csv": b"path,class,x_min,y_min,x_max,y_max\na.png,x,1,2,3,4\n",
}


@pytest.mark.parametrize("ending", GOOD)
def test_whatever_a_file_of_boxes_holds_reading_it_raises_nothing(tmp_path: Path, ending: str) -> None:
    rng, file = np.random.default_rng(5), tmp_path / f"a{ending}"
    for number in range(300):
        data = bytearray(GOOD[ending])
        for _ in range(number % 7):
            at = int(rng.integers(len(data)))
            data[at : at + int(rng.integers(3))] = rng.bytes(int(rng.integers(3)))
        file.write_bytes(bytes(data[: int(rng.integers(len(data) + 1))] if number % 3 == 0 else data))
        contents = box_files.read(next(box_files.find(file)))
        for box in contents.stated:
            if isinstance(box, Drawn):
                with contextlib.suppress(Refused):
                    x_min, y_min, x_max, y_max = placed(box, 100, 200)
                    assert 0 <= x_min < x_max <= 100 and 0 <= y_min < y_max <= 200
    file.write_bytes(GOOD[ending])
    assert len(box_files.read(next(box_files.find(file))).stated) >= 1


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A manifest of three pictures of 128 rows, as fracatlas-hand lies there."""
    return factories.manifest(tmp_path / "clinic", (1, 1, 0))


def ingest(path: Path, home: Path, catalogue: Engine, **how: object) -> Ingested:
    return catalogue_files(
        [path], home=home, engine=catalogue, rule=SplitRecipe(), provenance=BY, **settings(jobs=1, **how)
    )


def answers(catalogue: Engine, query: str) -> list[tuple]:
    with catalogue.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def table_of(folder: Path, *rows: str, name: str = "boxes.csv") -> Path:
    file = folder / name
    file.write_text("\n".join(("path,class,x_center,y_center,w,h", *rows, "")))
    return file


def test_a_table_of_boxes_comes_in_with_its_pictures_and_every_row_is_accounted_for(
    place: Path, home: Path, catalogue: Engine
) -> None:
    file = table_of(
        place.parent,
        "0000.png,fractured,0.5,0.5,0.25,0.5",
        "0000.png,metal,0.1,0.1,0.1,0.1",
        "0001.png,fractured,0.5,0.5,0.25,0.5",
        "0001.png,fractured,0.9,0.5,0.5,0.5",
        "0009.png,fractured,0.5,0.5,0.25,0.5",
        "0002.png,fractured,0.5,0.5,0,0.5",
        "0002.png,fractured,inf,0.5,0.1,0.5",
        "0002.png,fractured,half,0.5,0.1,0.5",
    )
    done = ingest(place, home, catalogue, boxes=str(file))
    assert (done.counts.new, dict(done.regions)) == (3, {"new": 3, "unchanged": 0})
    assert dict(done.box_reasons) == {
        "outside_picture": 1,
        "unknown_picture": 1,
        "no_area": 1,
        "not_a_number": 1,
        "unparsable": 1,
    }
    width = Image.open(place.parent / "0000.png").width
    found = answers(
        catalogue,
        'SELECT path, "class", x_min, y_min, x_max, y_max, drawn_by, r.source, list FROM regions r JOIN images i '
        "ON i.image_uid = r.image_uid ORDER BY path, 2",
    )
    assert found[0] == ("0000.png", "fractured", width * 0.375, 32, width * 0.625, 96, None, "csv", "boxes.csv")
    assert len(found) == 3
    refused = answers(catalogue, "SELECT place, reason_code FROM refused_regions ORDER BY place")
    assert refused[0] == ("row 5", "outside_picture") and len(refused) == 5

    again = ingest(place, home, catalogue, boxes=str(file))
    assert (dict(again.regions), sum(again.box_reasons.values())) == ({"new": 0, "unchanged": 3}, 5)
    assert answers(catalogue, "SELECT count(*) FROM region") == [(3,)]
    assert verify(catalogue).ok


def test_a_changed_file_counts_in_the_place_of_the_one_before_and_a_broken_one_does_not(
    place: Path, home: Path, catalogue: Engine
) -> None:
    file = table_of(place.parent, "0000.png,fractured,0.5,0.5,0.25,0.5", "0001.png,fractured,0.5,0.5,0.25,0.5")
    ingest(place, home, catalogue, boxes=str(file))
    table_of(place.parent, "0001.png,fractured,0.5,0.5,0.5,0.5")
    assert ingest(place, home, catalogue, boxes=str(file)).regions["new"] == 1
    now = "SELECT path, y_min FROM regions r JOIN images i ON i.image_uid = r.image_uid"
    assert answers(catalogue, now) == [("0001.png", 32.0)]
    assert answers(catalogue, "SELECT count(*) FROM region") == [(3,)], "what was read before stays in the table"
    file.write_bytes(b"\xff\xfe\x00")
    assert dict(ingest(place, home, catalogue, boxes=str(file)).box_reasons) == {"unparsable": 1}
    assert answers(catalogue, now) == [("0001.png", 32.0)]
    other = table_of(place.parent, "0001.png,fractured,0.5,0.5,0.25,0.25", name="second reader.csv")
    ingest(place, home, catalogue, boxes=str(other))
    assert answers(catalogue, "SELECT count(*), count(DISTINCT list) FROM regions") == [(2, 2)]
    assert verify(catalogue).ok


def test_of_two_ingests_at_once_the_boxes_that_the_file_holds_now_count(
    place: Path, home: Path, catalogue: Engine
) -> None:
    file = table_of(place.parent, "0000.png,fractured,0.5,0.5,0.25,0.5")
    ingest(place, home, catalogue)
    done: list[str] = []

    def corrected(seam: Seam) -> None:
        if "pictures_at" in seam.place and not done:
            done.append(seam.place)
            table_of(place.parent, "0001.png,fractured,0.5,0.5,0.5,0.5")
            contextvars.Context().run(ingest, place, home, catalogue, boxes=str(file))

    with watched(corrected):
        contextvars.Context().run(ingest, place, home, catalogue, boxes=str(file))
    now = "SELECT path, y_min FROM regions r JOIN images i ON i.image_uid = r.image_uid"
    assert done and answers(catalogue, now) == [("0001.png", 32.0)]
    assert verify(catalogue).ok


def test_a_box_out_of_its_picture_and_a_list_that_hides_another_are_findings(
    place: Path, home: Path, catalogue: Engine
) -> None:
    file = table_of(place.parent, "0000.png,fractured,0.5,0.5,0.25,0.5")
    ingest(place, home, catalogue, boxes=file)
    with writing(catalogue) as connection:  # as somebody would who can make the chain fit
        box = {"region_list_id": 1, "image_id": 1, "region_class": "x", "x_min": 0.0, "y_min": 0.0, "drawn_by": None}
        append(connection, "region", [{**box, "x_max": 9999.0, "y_max": 5.0}], BY)
        hides = {"ingest_run_id": 1, "source": "clinic", "root": "/", "name": "other", "kind": "csv", "taken": 1}
        hides |= {"file_sha256": None, "content_sha256": "", "supersedes_id": 1}
        append(connection, "region_list", [hides], BY)
    assert [one.kind for one in verify(catalogue).findings] == ["region", "region"]


def test_lists_of_one_name_in_two_places_both_count_and_one_that_was_moved_counts_once(
    home: Path, catalogue: Engine, tmp_path: Path
) -> None:
    for number, month in enumerate(("march", "april")):
        list_ = factories.manifest(tmp_path / month, (1,))
        (tmp_path / month / "0000.png").rename(tmp_path / month / f"{month}.png")
        list_.write_text(list_.read_text().replace("0000.png", f"{month}.png").replace("p0", f"p{number}"))
        drawn = table_of(tmp_path / month, f"{month}.png,fractured,0.5,0.5,0.25,0.5")
        assert ingest(list_, home, catalogue, boxes=drawn, source="clinic").regions["new"] == 1
    assert answers(catalogue, "SELECT count(*) FROM regions") == [(2,)]
    (tmp_path / "march").rename(tmp_path / "archive")
    moved = tmp_path / "archive" / "manifest.csv"
    drawn = tmp_path / "archive" / "boxes.csv"
    assert dict(ingest(moved, home, catalogue, boxes=drawn, source="clinic").regions) == {"new": 0, "unchanged": 1}
    table_of(tmp_path / "archive", "march.png,fractured,0.5,0.5,0.5,0.5")
    assert ingest(moved, home, catalogue, boxes=drawn, source="clinic").regions["new"] == 1
    now = "SELECT path, y_min FROM regions r JOIN images i ON i.image_uid = r.image_uid ORDER BY path"
    assert answers(catalogue, now) == [("april.png", 32.0), ("march.png", 32.0)]
    assert answers(catalogue, "SELECT count(*) FROM region") == [(3,)]


def test_a_box_whose_picture_comes_later_is_taken_then(place: Path, home: Path, catalogue: Engine) -> None:
    table_of(place.parent, "0002.png,fractured,0.5,0.5,0.25,0.5")
    content = (place.parent / "0002.png").read_bytes()
    (place.parent / "0002.png").write_bytes(content[:200])
    assert dict(ingest(place, home, catalogue, boxes=place.parent / "boxes.csv").box_reasons) == {"unknown_picture": 1}
    (place.parent / "0002.png").write_bytes(content)
    assert ingest(place, home, catalogue, boxes=place.parent / "boxes.csv").regions["new"] == 1
    assert answers(catalogue, "SELECT count(*) FROM regions") == [(1,)]


def test_a_folder_of_every_kind_comes_in_and_bad_files_cost_themselves_alone(
    place: Path, home: Path, catalogue: Engine, tmp_path: Path
) -> None:
    folder = tmp_path / "drawn"
    (folder / "labels").mkdir(parents=True)
    (folder / "classes.txt").write_text("fracture\nmetal\n")
    (folder / "README.txt").write_text("These boxes were drawn by hand.\n")
    (folder / "labels" / "0000.txt").write_text("0 0.5 0.5 0.25 0.5\n1 0.5 0.5 0.1 0.1\n")
    size = Image.open(place.parent / "0001.png").size
    (folder / "0001.xml").write_text(VOC.format(file="0001.png", width=size[0], height=size[1]))
    (folder / "bomb.xml").write_text(BOMB)
    (folder / "other.xml").write_text(VOC.format(file="0002.png", width=640, height=480))
    said = {
        "images": [{"id": 1, "file_name": "0002.png"}],
        "categories": [{"id": 1, "name": "text"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 6]}],
    }
    (folder / "coco.json").write_text(json.dumps(said))
    (folder / "cut.json").write_text(json.dumps(said)[:50])
    (folder / "picture.png").write_bytes(b"no boxes")
    with (folder / "huge.txt").open("wb") as huge:
        huge.truncate(box_files.MOST_OF_A_PICTURE[0] + 1)
    os.mkfifo(folder / "pipe.txt")
    (folder / "out.txt").symlink_to(place)
    done = ingest(place, home, catalogue, boxes=folder)
    assert done.regions["new"] == 4 and done.counts.new == 3
    assert dict(done.box_reasons) == {
        "document_type": 1,
        "other_size": 1,
        "unparsable": 1,
        "too_large": 1,
        "not_a_file": 1,
        "outside_folder": 1,
    }
    kinds = 'SELECT source, "class", count(*) FROM regions GROUP BY source, "class" ORDER BY 1, 2'
    assert answers(catalogue, kinds) == [
        ("coco", "text", 1),
        ("pascal_voc", "fracture", 1),
        ("yolo", "fracture", 1),
        ("yolo", "metal", 1),
    ]
    assert ingest(place, home, catalogue, boxes=folder).regions["new"] == 0
    assert verify(catalogue).ok


def test_boxes_may_lie_beside_their_pictures_in_one_folder(home: Path, catalogue: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "darknet"
    factories.png(folder / "a.png", longest=96)
    (folder / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (folder / "obj.names").write_text("fracture\n")
    done = ingest(folder, home, catalogue, boxes=folder)
    assert (done.regions["new"], dict(done.box_reasons), done.counts.new) == (1, {}, 1)
    assert answers(catalogue, 'SELECT "class" FROM regions') == [("fracture",)]


def test_boxes_follow_the_picture_as_it_is_catalogued_turned_or_from_dicom(
    home: Path, catalogue: Engine, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # lying on its side
    Image.fromarray(np.asarray(factories.radiograph(1))[:100, :60]).save(folder / "turned.jpg", exif=exif, quality=95)
    _, [file, *_] = factories.dicom_study(folder)
    (folder / "list.csv").write_text(f"path,label\nturned.jpg,1\n{file.name},1\n")
    table_of(folder, "turned.jpg,fracture,0.5,0.5,0.5,0.1", f"{file.name},fracture,0.5,0.5,0.5,0.5")
    done = ingest(folder / "list.csv", home, catalogue, boxes=folder / "boxes.csv", body_part="ANY")
    assert (done.regions["new"], dict(done.box_reasons)) == (2, {}), done.reasons
    found = answers(
        catalogue,
        'SELECT i.format, i."columns", i."rows", x_min, y_min, x_max, y_max FROM regions r '
        "JOIN images i ON i.image_uid = r.image_uid ORDER BY i.format",
    )
    dicom, turned = found
    assert dicom[3:] == (dicom[1] * 0.25, dicom[2] * 0.25, dicom[1] * 0.75, dicom[2] * 0.75)
    assert turned[:3] == ("jpeg", 100, 60) and turned[3:] == (25.0, pytest.approx(27), 75.0, pytest.approx(33))


def test_names_of_private_places_are_not_kept_and_a_frame_is_named_by_its_uid(
    home: Path, catalogue: Engine, tmp_path: Path
) -> None:
    folder = tmp_path / "pacs"
    _, [file, *_] = factories.dicom_study(folder)
    drawn = table_of(tmp_path, f"{file.name},fracture,0.5,0.5,0.5,0.5", name="Mrs Miller.csv")
    ingest(folder, home, catalogue, boxes=drawn)
    [(uid, name)] = answers(catalogue, "SELECT image_uid, list FROM regions")
    assert name.startswith("pa-")
    drawn.write_text(f"image_uid,class,x_min,y_min,x_max,y_max\n{uid},metal,1,2,3,4\nim-none,metal,1,2,3,4\n")
    assert dict(ingest(folder, home, catalogue, boxes=drawn).box_reasons) == {"unknown_picture": 1}
    assert answers(catalogue, 'SELECT image_uid, "class" FROM regions') == [(uid, "metal")]


def test_boxes_that_are_not_there_end_the_command_before_anything_is_written(
    place: Path, home: Path, catalogue: Engine, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for wrong in (tmp_path / "none.csv", tmp_path / "empty", place.parent / "0000.png"):
        with pytest.raises(UsageError, match="--boxes"):
            ingest(place, home, catalogue, boxes=wrong)
    assert answers(catalogue, "SELECT count(*) FROM images") == [(0,)]


def test_a_command_and_a_remembered_root_name_boxes(place: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks import named_files, requests, sources_toml
    from tasks.ingest import places, with_more

    monkeypatch.setenv("WRIST_HOME", str(home))
    home.mkdir(exist_ok=True)
    drawn = table_of(place.parent, "0000.png,fractured,0.5,0.5,0.25,0.5")
    with requests.stored([str(place)], None, str(drawn)) as request:
        assert requests.opened(request, None) == ([str(place)], None, str(drawn))
    [root] = with_more(places([str(place)], None, None, "WRIST"), str(drawn), "fracture")
    sources_toml.remember(home, root)
    assert sources_toml.read(home) == (root,) and (root.boxes, root.label_meaning) == (str(drawn), "fracture")
    said = requests.without(f"{drawn}: no such file", [root])
    assert said == "the boxes of place 1: no such file"
    with pytest.raises(UsageError, match="one path"):
        with_more([root, root], str(drawn), None)
    with pytest.raises(UsageError, match="Wrist's own"):
        with_more([root], str(home / "identity.key"), None)
    named_files.of_a_deployment(None, [""])
