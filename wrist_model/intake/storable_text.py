"""What databases take of a file's name and of a list's columns."""

from __future__ import annotations

import hashlib
import re

from wrist_model.errors import Refused
from wrist_model.records import ImageRecord

MAX_PATH_BYTES = 1024
MAX_TEXT = 10_000
"""PostgreSQL's indexes hold no longer path, and a longer text in a manifest's column is no fact about a picture."""


def printable(relative: str) -> str:
    """A path as databases take it: odd bytes written out, and a very long one cut and named by its hash."""
    data = relative.encode("utf-8", "surrogateescape")
    text = data.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    if len(text.encode()) <= MAX_PATH_BYTES:
        return text
    begin = text.encode()[: MAX_PATH_BYTES // 2].decode("utf-8", "ignore")
    return f"{begin}…{hashlib.sha256(data).hexdigest()}"


def refuse_unstorable(record: ImageRecord) -> None:
    """Raises Refused for text that no database takes: one such row would end the whole batch."""
    texts = (record.body_part, record.view or "", record.sex or "", *(text for pair in record.extra for text in pair))
    for text in texts:
        if len(text) > MAX_TEXT:
            raise Refused("unusable_text", f"A column of its row in the list has more than {MAX_TEXT} characters.")
        if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise Refused("unusable_text", "A column of its row in the list holds a NUL or half a character.")


_PSEUDONYM = re.compile(r"pa-[0-9a-f]{32}")


def is_pseudonym(path: str) -> bool:
    """Whether a catalogued path is a pseudonym; the pixels are then in the pixel store."""
    return _PSEUDONYM.fullmatch(path) is not None
