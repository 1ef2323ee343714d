"""A source in one file: a folder with `toy.txt`, whose lines are `picture patient label`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wrist_model.sources.source import Place, Source
from wrist_model.sources.source_item import Item


def _recognise(path: Path) -> Place | None:
    return Place(path, path, "toy") if (path / "toy.txt").is_file() else None


def _items(root: Path, start: Path, body_part: str, follow_links: bool) -> Iterator[Item]:
    for line in (root / "toy.txt").read_text().splitlines():
        name, patient, label = line.split()
        study = f"{patient}/{name}"
        yield Item(str(root / name), name, patient=patient, study=study, label=int(label), body_part="WRIST")


SOURCE = Source("toy", 15, _recognise, _items)
