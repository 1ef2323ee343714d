"""Boxes as real tools write them: shares for pixels, class lists out of order, ids twice, files that only go along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine
from test_ingest_boxes import boxes
from test_ingest_grazpedwri import answers, ingest

from tests import factories
from wrist_model.boxes import coco, drawn, table, yolo
from wrist_model.boxes.pictures import Pictures
from wrist_model.errors import Refused

VOC = (
    "<annotation><object><name>fracture</name><bndbox><xmin>0.1</xmin><ymin>0.2</ymin><xmax>0.5</xmax><ymax>0.6</ymax>"
    "</bndbox></object></annotation>"
)
COCO = {
    "images": [{"id": 1, "file_name": "a.png"}],
    "categories": [{"id": 1, "name": "fracture"}],
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0.1, 0.2, 0.4, 0.4]}],
}
CSV = "path,class,xmin,ymin,xmax,ymax\na.png,fracture,0.1,0.2,0.5,0.6\n"
FOUND = 'SELECT i.path, "class", x_min, y_min FROM regions r JOIN images i ON i.image_uid = r.image_uid ORDER BY 1, 2'


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    for number, name in enumerate(("a.png", "x/d.png", "y/d.png")):
        factories.png(tmp_path / "pictures" / name, number, number % 2, 96)
    listed = tmp_path / "pictures" / "list.csv"
    listed.write_text("path,label\na.png,1\nx/d.png,0\ny/d.png,1\n")
    return listed


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, said in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(said)
    return folder


@pytest.mark.parametrize(("name", "said"), [("a.xml", VOC), ("all.json", json.dumps(COCO)), ("all.csv", CSV)])
def test_shares_where_pixels_belong_are_no_box_in_the_first_pixel(
    listed: Path, home: Path, catalogue: Engine, name: str, said: str
) -> None:
    done = ingest(listed, home, catalogue, boxes=write(listed.parent.parent / "boxes", {name: said}) / name)
    assert dict(done.box_reasons) == {"shares_for_pixels": 1} and answers(catalogue, FOUND) == []
    assert drawn.placed(drawn.Drawn("row 2", "a", "f", (0, 0, 1.5, 1), shares=False), 90, 90) == (0, 0, 1.5, 1)


@pytest.mark.parametrize(
    "said",
    [
        "names:\n  1: text\n  0: fracture\n",
        "names: {0: fracture, 1: 'text'}\n",
        "names:\n  - fracture  # the one that counts\n  - text\n",
        "names: [fracture, 'text']  # of two\n",
        "nc: 2\nnames: ['fracture',\n  \"text\"]\n",
    ],
    ids=["order", "map", "comment", "comment after a list", "lines"],
)
def test_yolos_settings_name_classes_by_their_numbers(tmp_path: Path, said: str) -> None:
    (tmp_path / "data.yaml").write_text(said)
    assert yolo.classes_in(tmp_path) == ("fracture", "text")


def test_a_number_that_yolos_settings_leave_out_is_no_class(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names:\n  0: fracture\n  2: text\n")
    names = yolo.classes_in(tmp_path)
    assert boxes(yolo.stated("2 .5 .5 .1 .1\n1 .5 .5 .1 .1", "a", names)) == [
        ("text", 0.45, 0.45, 0.55, 0.55),
        ("line 2", "unknown_class"),
    ]


@pytest.mark.parametrize("named", ["train/labels", "train/labels/a.txt", "."])
def test_classes_are_found_above_the_folder_that_is_named(
    listed: Path, home: Path, catalogue: Engine, named: str
) -> None:
    files = {"data.yaml": "names: [fracture]\n", "train/labels/a.txt": "0 0.5 0.5 0.2 0.4\n"}
    ingest(listed, home, catalogue, boxes=write(listed.parent.parent / "yolo", files) / named)
    assert [row[:2] for row in answers(catalogue, FOUND)] == [("a.png", "fracture")]


def test_lists_of_pictures_and_of_classes_beside_boxes_are_no_boxes(
    listed: Path, home: Path, catalogue: Engine
) -> None:
    cvat = {
        "obj.data": "classes = 1\n",
        "obj.names": "fracture\n",
        "train.txt": "data/obj_train_data/a.png\n",
        "obj_train_data/a.txt": "0 0.5 0.5 0.2 0.4\n",
    }
    done = ingest(listed, home, catalogue, boxes=write(listed.parent.parent / "cvat", cvat))
    assert (done.regions["new"], dict(done.box_reasons)) == (1, {})
    make_sense = {"labels.txt": "fracture\n", "a.txt": "0 0.5 0.5 0.2 0.4\n"}
    done = ingest(listed, home, catalogue, boxes=write(listed.parent.parent / "makesense", make_sense))
    assert dict(done.box_reasons) == {}


def test_an_id_that_two_pictures_or_classes_have_names_none() -> None:
    two = {**COCO, "images": [*COCO["images"], {"id": 1, "file_name": "b.png"}]}
    assert boxes(coco.stated(json.dumps(two).encode())) == [("annotation 1", "ambiguous_picture")]
    two = {**COCO, "categories": [*COCO["categories"], {"id": 1, "name": "text"}]}
    assert boxes(coco.stated(json.dumps(two).encode())) == [("annotation 1", "unknown_class")]
    none = {**COCO, "images": [{"file_name": "a.png"}], "annotations": [{"category_id": 1, "bbox": [1, 2, 3, 4]}]}
    assert boxes(coco.stated(json.dumps(none).encode())) == [("annotation 1", "unknown_picture")]
    same = {
        **COCO,
        "images": COCO["images"] * 2,
        "annotations": [{"image_id": 1.0, "category_id": "1", "bbox": [1, 2, 3, 4]}],
    }
    assert boxes(coco.stated(json.dumps(same).encode())) == [("fracture", 1, 2, 4, 6)]


def test_a_table_of_tensorflows_form_names_files_and_states_the_pictures_size() -> None:
    head = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
    [box] = table.stated(f"{head}a.png,90,120,fracture,1,2,30,40\n".encode(), "t.csv")
    assert isinstance(box, drawn.Drawn) and (box.picture, box.size) == ("a.png", (90, 120))
    with pytest.raises(Refused, match="drawn on a picture of 90 × 120"):
        drawn.placed(box, 180, 240)
    [box] = table.stated(b"path,class,x_min,y_min,x_max,y_max,w,h\na.png,f,1,2,31,42,30,40\n", "t.csv")
    assert isinstance(box, drawn.Drawn) and box.size is None, "the box's own width and height"


def test_a_row_is_named_by_its_line_where_lines_are_empty() -> None:
    said = b"path,class,x_min,y_min,x_max,y_max\n\n\na.png,f,1,2,3,x\n"
    assert boxes(table.stated(said, "t.csv")) == [("row 4", "unparsable")]


def test_a_text_beside_its_picture_is_that_pictures_and_labels_go_with_images() -> None:
    beside = Pictures(["x/d.png", "y/d.png"])
    assert beside.find("d", "x", by_file=True) == "x/d.png"
    sets = Pictures(["train/images/d.png", "valid/images/d.png"])
    assert sets.find("valid/labels/d", None, by_file=True) == "valid/images/d.png"
    with pytest.raises(Refused, match="2 pictures"):
        sets.find("d", None, by_file=True)


def test_a_name_in_other_letters_is_the_picture_where_only_one_is_called_so() -> None:
    assert Pictures(["in/A.PNG", "in/b.png"]).find("a.png", None) == "in/A.PNG"
    with pytest.raises(Refused, match="2 pictures"):
        Pictures(["A.PNG", "a.PNG"]).find("a.png", None)
    assert Pictures(["A.png", "a.png"]).find("a.png", None) == "a.png"
