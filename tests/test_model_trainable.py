"""What can't be trained on is said before anything long begins."""

from __future__ import annotations

import pytest

from wrist_model.cohort import class_counts
from wrist_model.errors import DataError
from wrist_model.records import Member, Split


def members(*rows: tuple[str, Split, int | None, str | None]) -> list[Member]:
    return [
        Member(f"im-{i}", f"st-{i}", patient, split, label, reason is None, reason)
        for i, (patient, split, label, reason) in enumerate(rows)
    ]


WHOLE: list[tuple[str, Split, int | None, str | None]] = [
    ("pt-1", "train", 0, None),
    ("pt-2", "train", 1, None),
    ("pt-3", "validation", 0, None),
    ("pt-4", "validation", 1, None),
    ("pt-5", "test", 0, None),
    ("pt-6", "test", 1, None),
]


def test_both_classes_in_each_split_are_enough() -> None:
    class_counts.require(members(*WHOLE))


@pytest.mark.parametrize(
    "rows, message",
    [
        ([], "Nothing is catalogued"),
        ([("pt-1", "train", None, "unlabelled")], "No labelled study"),
        ([("pt-1", "train", 0, None), ("pt-1", "train", 1, None)], "one patient"),
        ([(patient, split, 1, None) for patient, split, _, _ in WHOLE], "are positive; training needs both"),
        (WHOLE[:-1], "The test split has only negative studies"),
        (WHOLE[:4], "The test split has no labelled study"),
    ],
)
def test_what_lacks_is_named(rows: list[tuple[str, Split, int | None, str | None]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        class_counts.require(members(*rows))
