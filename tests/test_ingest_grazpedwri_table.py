"""GRAZPEDWRI-DX's table as people save it anew, damage it and mend it: no label is lost or turned over in silence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine
from test_ingest_grazpedwri import HEAD, ROWS, answers, folder, ingest

from wrist_model.errors import DataError
from wrist_model.sources.recognise_source import find

__all__ = ["folder"]
STUDIES = "SELECT label, n_images, excluded_reason FROM studies ORDER BY label, n_images, coalesce(excluded_reason, '')"
RIGHT = [
    (0, 1, None),
    (0, 1, "fracture_code_without_visible_fracture"),
    (0, 1, "uncertain_diagnosis"),
    (1, 1, None),
    (1, 2, None),
]
AS_PUBLISHED = "\r\n".join((HEAD, *ROWS)) + "\r\n"
SECOND = ROWS[1]
"""The one picture with a fracture of a study of two."""


def of(rows: tuple[str, ...], column: int, change: str) -> str:
    """The table with one column of some rows changed; `{}` stands for what it said."""
    cells = [row.split(",") for row in rows]
    return "\n".join(
        (HEAD, *(",".join((*row[:column], change.format(row[column]), *row[column + 1 :])) for row in cells))
    )


@pytest.mark.parametrize(
    "table",
    [
        AS_PUBLISHED.replace(",", ";").replace("14.1", "14,1"),
        "sep=;\r\n" + AS_PUBLISHED.replace(",", ";"),
        AS_PUBLISHED.replace(",", "\t"),
        "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in (HEAD, *ROWS)),
        of(ROWS, 1, "{}.0"),
        of(ROWS, 0, " {}.png "),
        of(ROWS, 1, "000{}"),
        AS_PUBLISHED.replace(",1,,0.144", ",True,False,0.144").replace(",1,1,0.144", ",TRUE,1.0,0.144"),
        AS_PUBLISHED.replace(",L,2,", ", l ,2,"),
        AS_PUBLISHED + ROWS[0] + "\r\n",
        AS_PUBLISHED.replace(",", "\t").encode("utf-16"),
    ],
    ids=["excel", "sep", "tabs", "quoted", "pandas", "names", "zeros", "truth values", "side", "a row twice", "utf-16"],
)  # fmt: skip
def test_a_table_that_was_saved_anew_says_what_it_said(
    folder: Path, home: Path, catalogue: Engine, table: str | bytes
) -> None:
    (folder / "dataset.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    done = ingest(folder, home, catalogue)
    assert (done.counts.new, done.counts.quarantined) == (6, 0)
    assert answers(catalogue, STUDIES) == RIGHT
    assert answers(catalogue, "SELECT count(DISTINCT patient_key), min(source), max(source) FROM studies") == [
        (3, "grazpedwri", "grazpedwri")
    ]


def test_patients_of_two_savings_of_the_table_are_the_same_people(folder: Path, home: Path, catalogue: Engine) -> None:
    ingest(folder / "images_part1", home, catalogue)
    (folder / "dataset.csv").write_text(of(ROWS, 1, "{}.0"))
    ingest(folder / "images_part2", home, catalogue)
    assert answers(catalogue, "SELECT count(DISTINCT patient_key) FROM studies") == [(3,)]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (AS_PUBLISHED.encode() + b"\xfc", "save the table as CSV UTF-8"),
        (AS_PUBLISHED.replace("fracture_visible", "seen").encode(), "no column 'fracture_visible'"),
    ],
    ids=["latin-1", "a column less"],
)
def test_a_table_that_cannot_be_read_does_not_make_the_pictures_unlabelled_ones(
    folder: Path, home: Path, catalogue: Engine, table: bytes, said: str
) -> None:
    (folder / "dataset.csv").write_bytes(table)
    with pytest.raises(DataError, match=said):
        ingest(folder, home, catalogue)
    assert answers(catalogue, "SELECT count(*) FROM images") == [(0,)]


@pytest.mark.parametrize(
    ("column", "value", "code", "left"),
    [
        (13, "yes", "unknown_label", 4),
        (13, "2", "unknown_label", 4),
        (11, "?", "unknown_label", 4),
        (6, "left", "incomplete_row", 5),
    ],
)
def test_a_flag_that_is_neither_one_nor_blank_is_no_negative(
    folder: Path, home: Path, catalogue: Engine, column: int, value: str, code: str, left: int
) -> None:
    other = tuple(row for row in ROWS if row != SECOND)
    (folder / "dataset.csv").write_text(of((SECOND,), column, value) + "\n" + "\n".join(other))
    done = ingest(folder, home, catalogue)
    assert done.reasons[code] == 6 - left and done.counts.new == left
    assert (0, 2, None) not in answers(catalogue, STUDIES)


@pytest.mark.parametrize(("column", "value"), [(13, ""), (1, "99")], ids=["label", "patient"])
def test_two_rows_of_a_picture_that_say_two_things_label_nothing(
    folder: Path, home: Path, catalogue: Engine, column: int, value: str
) -> None:
    (folder / "dataset.csv").write_text(AS_PUBLISHED + of((SECOND,), column, value).split("\n")[1] + "\n")
    done = ingest(folder, home, catalogue)
    assert dict(done.reasons) == {"conflicting_rows": 2} and done.counts.new == 4  # both pictures of the study
    (folder / "dataset.csv").write_text(AS_PUBLISHED)
    assert ingest(folder, home, catalogue).counts.new == 2, "the table was mended, not the pictures"
    assert answers(catalogue, STUDIES) == RIGHT


def test_a_picture_whose_row_comes_later_is_taken_then(folder: Path, home: Path, catalogue: Engine) -> None:
    (folder / "dataset.csv").write_text("\n".join((HEAD, *ROWS[:4], ROWS[4].replace(",R,", ",,"))))
    assert dict(ingest(folder, home, catalogue).reasons) == {"not_listed": 1, "incomplete_row": 1}
    (folder / "dataset.csv").write_text(AS_PUBLISHED)
    done = ingest(folder, home, catalogue)
    assert (done.counts.new, done.counts.quarantined) == (2, 0)


def test_a_download_that_has_not_ended_is_no_picture_of_an_unknown_patient(
    folder: Path, home: Path, catalogue: Engine
) -> None:
    [file] = (folder / "images_part2").glob("0003*")
    file.with_name(file.name + ".crdownload").write_bytes(file.read_bytes())
    (folder / "images_part2" / "LICENSE").write_text("CC BY 4.0")
    done = ingest(folder, home, catalogue)
    assert dict(done.reasons) == {"not_listed": 1, "not_an_image": 1} and done.counts.new == 6


@pytest.mark.parametrize(("said", "years"), [("14,9", 14), ("-3", None), ("nan", None), ("1e400", None), ("0.2", 0)])
def test_ages_that_make_no_sense_are_unknown(
    folder: Path, home: Path, catalogue: Engine, said: str, years: int | None
) -> None:
    (folder / "dataset.csv").write_text(of(ROWS, 5, said).replace(",", ";").replace("14;9", "14,9"))
    ingest(folder, home, catalogue)
    assert answers(catalogue, "SELECT DISTINCT age FROM images") == [(years,)]


def test_every_part_is_one_however_deep_it_lies_and_the_table_is_called(folder: Path) -> None:
    deep = folder / "folder_structure" / "yolov5" / "images"
    assert (find(deep).kind, find(deep).root) == ("grazpedwri", folder)
    os.rename(folder / "dataset.csv", folder / "Dataset.csv")  # noqa: PTH104
    assert find(folder).kind == find(folder / "images_part1").kind == "grazpedwri"
    assert find(folder / "Dataset.csv").start == folder
    (folder / "images_part1" / "a" / "b").mkdir(parents=True)
    assert find(folder / "images_part1" / "a" / "b").kind == "folder", "another's, far below somebody's table"


@pytest.mark.parametrize(
    ("first", "then", "studies"),
    [
        ("unlabel", "exclude", RIGHT),
        ("keep", "exclude", [(label, n, None) for label, n, _ in RIGHT]),
        ("exclude", "keep", RIGHT),
        ("exclude", "unlabel", RIGHT),
    ],
)
def test_what_doubt_did_at_first_stays_and_what_differs_is_counted(
    folder: Path, home: Path, catalogue: Engine, first: str, then: str, studies: list[object]
) -> None:
    ingest(folder, home, catalogue, uncertain=first)
    done = ingest(folder, home, catalogue, uncertain=then)
    assert answers(catalogue, STUDIES) == studies
    assert done.doubted_otherwise == (0 if first == "unlabel" else 2)
    assert ingest(folder, home, catalogue, uncertain=first if first != "unlabel" else then).doubted_otherwise == 0


def test_what_the_table_says_otherwise_later_is_counted_and_changes_nothing(
    folder: Path, home: Path, catalogue: Engine
) -> None:
    ingest(folder, home, catalogue)
    (folder / "dataset.csv").write_text("\n".join((HEAD, ROWS[0], of((SECOND,), 13, "").split("\n")[1], *ROWS[2:])))
    assert ingest(folder, home, catalogue).labelled_otherwise == 1 and answers(catalogue, STUDIES) == RIGHT
    (folder / "dataset.csv").write_text(AS_PUBLISHED)
    assert ingest(folder, home, catalogue).labelled_otherwise == 0


def test_pictures_that_came_in_before_their_table_are_told(folder: Path, home: Path, catalogue: Engine) -> None:
    (folder / "dataset.csv").unlink()
    ingest(folder, home, catalogue)
    (folder / "dataset.csv").write_text(AS_PUBLISHED)
    done = ingest(folder, home, catalogue)
    assert (done.counts.unchanged, done.named_otherwise) == (6, 5)
