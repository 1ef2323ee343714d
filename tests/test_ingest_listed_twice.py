"""A list that names one picture twice: the same said twice is one row, two things said are neither's."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine
from test_ingest_grazpedwri import answers, ingest

from tests import factories


@pytest.mark.parametrize(
    "rows",
    [
        ("0.png,1,a,1,train", "0.png,0,b,1,test"),
        ("0.png,1,a,1,", "./0.png,0,a,2,"),
        ("0.png,1,a,1,train", "0.png,1,b,1,train"),
    ],
    ids=["all", "label of another study", "patient"],
)
def test_rows_of_one_picture_that_say_two_things_are_neithers(
    tmp_path: Path, home: Path, catalogue: Engine, rows: tuple[str, ...]
) -> None:
    for number in range(2):
        factories.png(tmp_path / "list" / f"{number}.png", number, number, 96)
    file = tmp_path / "list" / "list.csv"
    file.write_text("\n".join(("path,label,patient,study,split", "1.png,1,c,1,", *rows)))
    done = ingest(file, home, catalogue)
    assert (done.counts.new, done.counts.ignored, dict(done.reasons)) == (1, 1, {"conflicting_rows": 1})
    assert answers(catalogue, "SELECT path FROM images") == [("1.png",)]
    file.write_text("\n".join(("path,label,patient,study,split", "1.png,1,c,1,", rows[0], rows[0])))
    assert ingest(file, home, catalogue).counts.new == 1


def test_pictures_that_came_in_before_their_list_are_told(tmp_path: Path, home: Path, catalogue: Engine) -> None:
    factories.png(tmp_path / "list" / "0.png", 0, 0, 96)
    ingest(tmp_path / "list", home, catalogue)
    file = tmp_path / "list" / "list.csv"
    file.write_text("path,label,patient,study\n0.png,1,a,1\n")
    assert ingest(file, home, catalogue).named_otherwise == 1
    file.write_text("path,label\n0.png,1\n")
    done = ingest(file, home, catalogue)
    assert (done.named_otherwise, done.labelled_later) == (0, 1)
    file.write_text("path,label\n0.png,0\n")
    assert ingest(file, home, catalogue).labelled_otherwise == 1


def test_a_quote_that_is_left_open_is_named_by_its_row(tmp_path: Path, home: Path, catalogue: Engine) -> None:
    from wrist_model.errors import DataError

    factories.png(tmp_path / "list" / "0.png", 0, 0, 96)
    file = tmp_path / "list" / "list.csv"
    file.write_text('path,label\n0.png,1\n"0.png,1\n0.png,1\n')
    with pytest.raises(DataError, match="in the row after row 2"):
        ingest(file, home, catalogue)
