"""What a source says of a file before anybody has opened it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from wrist_model.records import Split

Official = Literal["test", "train"]
Designation = Literal["test", "external"]
"""What a whole source may be designated: a part of the internal test split, or of an external set with a name."""
Uncertain = Literal["exclude", "keep", "unlabel"]
"""What becomes of a study whose label its source doubts: left out of data-set versions, taken, or unlabelled."""


@dataclass(frozen=True)
class Item:
    """A file to look at, or what is known of it without looking.

    split: where the source puts its patient; official: MURA's own division, whose train the rule divides further.
    image_label: of this picture alone, where the source labels pictures. doubt: why the source's label of its study is
    not to be believed, None where it is.
    path: to open it by. relative: below the plan's root, with `/`; names the image within its study.
    patient, study: raw identifiers where the source states them (never shown). label: 1, 0 or None.
    refused: (reason code, sentence) where the source already knows that it can't be taken.
    """

    path: str = field(repr=False)
    relative: str = field(repr=False)
    patient: str | None = field(default=None, repr=False)
    study: str | None = field(default=None, repr=False)
    official: Official | None = None
    label: int | None = None
    body_part: str | None = None
    view: str | None = None
    hardware: bool | None = None
    sex: str | None = None
    age: int | None = None
    image_label: int | None = None
    doubt: str | None = None
    split: Split | None = None
    extra: tuple[tuple[str, str], ...] = ()
    refused: tuple[str, str] | None = None
    ignored: bool = False
    filtered: bool = False

    @property
    def placed(self) -> Split | None:
        """Where the source itself puts its patient, whatever the rule says; None: the rule decides."""
        return "test" if self.official == "test" else self.split

    def label_by(self, uncertain: Uncertain) -> int | None:
        """The study's label, or None where it is doubted and doubt unlabels."""
        return None if self.doubt and uncertain == "unlabel" else self.label


_JUNK = {".ds_store", "thumbs.db", "desktop.ini", ".localized", "dicomdir"}


def is_junk(name: str) -> bool:
    """Files that systems leave behind (`._*`, .DS_Store, Thumbs.db), and a DICOMDIR, which is an index."""
    return name.startswith("._") or name.lower() in _JUNK


SIDE_SUFFIXES = frozenset(
    "." + ending
    for ending in (
        *("csv", "tsv", "txt", "md", "json", "xml", "html", "htm", "pdf", "ini", "log"),
        *("py", "ipynb", "yaml", "yml", "toml", "zip", "xlsx", "docx"),
    )
)
"""Files that go along with images: with one of these names and no image in them they are ignored, not quarantined."""


def slug(name: str) -> str:
    """A folder's name as a source name: lower case, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "folder"


def passes(body_part: str | None, wanted: str) -> bool:
    """Whether a file of this body part is wanted; one that states none passes."""
    return wanted == "ANY" or body_part in (None, "", "UNKNOWN") or str(body_part).strip().upper() == wanted
