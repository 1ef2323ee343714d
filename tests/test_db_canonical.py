"""The canonical form that is written column by column is the plain JSON of each row, byte for byte."""

from __future__ import annotations

import hashlib
import json
import random
import zlib
from itertools import product

import pytest

from db.audit import canonical_json
from db.audit.canonical_json import Columns, batch_sha256, summed

INTEGERS = [0, -1, 7, 2**62, -(2**62), 10**30]
NUMBERS = [0.0, -0.0, 0.1, 1 / 3, 1e300, -1e-300, 5e-324, 1.7976931348623157e308, 1e16, 123456789012345680.0, 1.0]
WORDS = [
    "",
    "plain",
    'a "quote" and a \\',
    "line\nfeed\ttab \r \x00 \x1f \x7f",
    "100 % %s %%",
    "Zürich 手 🦴  ",
    "null",
]


def plain(columns: Columns) -> list[bytes]:
    """docs/audit.md's words, as short as they can be said."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [_json({name: value for name, value in row.items() if value is not None}) + b"\n" for row in rows]


def _json(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def agrees(columns: Columns) -> None:
    lines = plain(columns)
    sha256 = hashlib.sha256(b"a_table\n" + b"".join(lines)).hexdigest()
    assert batch_sha256("a_table", columns) == sha256
    found = summed("a_table", columns)
    assert found.sha256 == sha256
    assert list(found.rows) == [zlib.crc32(line) for line in lines]
    given = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    assert found.columns == {name: zlib.crc32(_json(list(values))) for name, values in given.items()}


@pytest.mark.parametrize("values", [INTEGERS, NUMBERS, WORDS], ids=["integers", "numbers", "words"])
def test_odd_values_are_written_as_plain_json_writes_them(values: list[object]) -> None:
    for value in values:
        agrees({"id": [1], "value": [value]})
        agrees({"id": range(1, 4), "value": [value] * 3, "always": [value] * 3})
    numbers = range(1, len(values) + 1)
    agrees({"id": numbers, "value": values})
    agrees({"zz": values, "id": numbers, "B": values, "a": values[::-1]})
    agrees({"id": range(1, 3 * len(values) + 1), "value": [one for value in values for one in (value, None, None)]})


def test_every_pattern_of_nothing_is_left_out_as_plain_json_leaves_it_out() -> None:
    for pattern in product(([None, None], [1, None], [None, "x"], [0.5, 1.5]), repeat=3):
        agrees(dict(zip(("b", "a", "c"), pattern, strict=True)))
    agrees({})


def test_values_of_mixed_kinds_are_written_as_plain_json_writes_them() -> None:
    """What somebody may have put into SQLite's columns, which take any kind."""
    agrees({"id": [1, 2, 3, 4, 5], "value": [1, 1.0, "1", None, True]})
    agrees({"id": [1, 2], "value": [False, True]})


def test_random_batches_longer_than_a_step_are_written_as_plain_json_writes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(canonical_json, "STEP", 7)
    drawn = random.Random(3)
    for size in (1, 6, 7, 8, 14, 50):
        for _ in range(20):
            columns: dict[str, list[object]] = {"id": list(range(size))}
            for name in drawn.sample("abcdxyz", drawn.randint(1, 7)):
                pool = drawn.choice((INTEGERS, NUMBERS, WORDS, [None], [1], [None, 1.5], [drawn.random()]))
                columns[name] = [drawn.choice(pool) for _ in range(size)]
            agrees(columns)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", "\udcff", ["a list of", object()]])
def test_what_has_no_json_is_refused(value: object) -> None:
    for values in ([value], [value, None], [value, value]):
        with pytest.raises((TypeError, ValueError)):
            batch_sha256("a_table", {"id": list(range(len(values))), "value": values})
        with pytest.raises((TypeError, ValueError)):
            summed("a_table", {"id": list(range(len(values))), "value": values})
