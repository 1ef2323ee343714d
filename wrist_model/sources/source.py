"""What a source is: one file of this folder with a SOURCE, which knows its places and says what lies there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wrist_model import sources
from wrist_model.sources.source_item import Item

ABNORMAL = "abnormal"


@dataclass(frozen=True)
class Place:
    """A path that a source knows. root: relative paths are below it; start: the part of it that was asked for.
    name: the name space of its identifiers."""

    root: Path
    start: Path
    name: str


@dataclass(frozen=True)
class BoxFile:
    """A file of boxes. name: of the list that it is, within its source: the newest of a name counts. picture: the path
    or name, without ending, of the picture that it is of, where it is of one. classes: their names by number.
    drawn_by: who drew them, where that is known. refused: (reason code, sentence) where it can't be taken."""

    path: str = field(repr=False)
    name: str = field(repr=False)
    picture: str = field(repr=False)
    classes: tuple[str, ...] = ()
    drawn_by: str = ""
    refused: tuple[str, str] | None = None


@dataclass(frozen=True)
class Source:
    """order: lower is asked first; what is left goes to the highest. recognise(absolute path): None for another's.

    items(root, start, body_part, follow_links): every file, in a stable order, as it is found. Links that lead out of
    the root are followed where follow_links says so (`walk.files`); else such an item is refused by whoever asked.
    private(root, start, paths catalogued below root, follow_links): whether names of folders and files may tell who
    somebody is, so that pseudonyms are kept. A source that has it may ask for a part of a root that is catalogued, and
    is named late: `private_name`, or else its root's name. Without it nothing is private.
    label_meaning: what a positive label says, where the source itself tells. None, as of lists and folders: what a
    person says with it, else what the catalogue has of its name already, else abnormal.
    lists_patients: it states patients under a name space that somebody chose by naming a folder.
    boxes(root, start, follow_links): files of boxes that lie with its pictures, for those below start.
    """

    kind: str
    order: int
    recognise: Callable[[Path], Place | None]
    items: Callable[[Path, Path, str, bool], Iterator[Item]]
    private: Callable[[Path, Path, Container[str], bool], bool] | None = None
    private_name: str = ""
    lists_patients: bool = False
    label_meaning: str | None = None
    boxes: Callable[[Path, Path, bool], Iterator[BoxFile]] | None = None


def every() -> tuple[Source, ...]:
    """All sources, in the order in which they are asked."""
    modules = [importlib.import_module(f"{sources.__name__}.{found.name}") for found in _files()]
    announced = [module.SOURCE for module in modules if hasattr(module, "SOURCE")]
    return tuple(sorted(announced, key=lambda source: source.order))


def _files() -> list[pkgutil.ModuleInfo]:
    return sorted(pkgutil.iter_modules(sources.__path__), key=lambda found: found.name)
