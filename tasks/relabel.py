"""A new label version from a list of corrected studies."""

from __future__ import annotations

from pathlib import Path

from db import labels as labelling
from db.engine import open_catalogue
from db.home import home
from db.query import read_only_sql
from tasks.runtime.provenance import provenance
from wrist_model.errors import DataError
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.sources import label_corrections
from wrist_model.sources.label_corrections import Correction


def relabel(file: Path) -> dict[str, int]:
    """Write the next label version; gives label_version, n_listed, n_changed and n_unknown (not in the catalogue).

    Raises DataError when nothing on the list is catalogued, or when the list contradicts itself.
    """
    listed = label_corrections.read(file)
    engine = open_catalogue(existing=True)
    before = labelling.study_labels(engine)
    named = _Namer(IdentityKey.load_or_make(home()), before)
    changes: dict[str, int | None] = {}
    unknown = 0
    for one in listed:
        uid = named(one)
        if uid is None:
            unknown += 1
        elif changes.setdefault(uid, one.label) != one.label:
            raise DataError(f"{file}: {one.where} gives a study another label than an earlier row; keep one of them.")
    if not changes:
        raise DataError(f"{file}: none of its {len(listed)} studies is catalogued. Ingest them first.")
    version = labelling.relabel(engine, changes, file.name, provenance())
    changed = sum(before[uid] != label for uid, label in changes.items())
    return {"label_version": version, "n_listed": len(listed), "n_changed": changed, "n_unknown": unknown}


class _Namer:
    """Gives the catalogue's id of the study that a row names, or None."""

    def __init__(self, key: IdentityKey, known: dict[str, int | None]) -> None:
        self.key, self.known = key, known
        self.sources = [
            row[0] for row in read_only_sql.query("SELECT DISTINCT source FROM studies ORDER BY source").rows
        ]
        images = read_only_sql.query("SELECT path, image_uid, study_uid FROM images").rows
        self.by_path: dict[str, set[str]] = {}
        self.by_image = {image: study for _, image, study in images}
        for path, _, study in images:
            self.by_path.setdefault(path, set()).add(study)

    def __call__(self, one: Correction) -> str | None:
        if one.name in self.known:
            return one.name
        if one.name in self.by_image:
            return self.by_image[one.name]
        for raw in one.studies:
            for source in self.sources:
                uid = self.key.study(source, raw)
                if uid in self.known:
                    return uid
        found = self.by_path.get(one.name, set())
        return next(iter(found)) if len(found) == 1 else None
