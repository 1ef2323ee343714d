"""A new label version from a list of corrected studies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from db import images
from db import labels as labelling
from db.engine import open_catalogue, writing
from db.home import home, identity_key_file
from tasks.named_files import require_data
from tasks.runtime.provenance import provenance
from wrist_model.errors import DataError
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.sources import label_corrections
from wrist_model.sources.label_corrections import Correction


def relabel(file: Path) -> dict[str, int]:
    """Write the next label version; gives label_version, n_listed, n_changed and n_unknown (not in the catalogue).

    Raises DataError when nothing on the list is catalogued, or when the list contradicts itself.
    """
    require_data(file, "FILE")
    listed = label_corrections.read(file)
    engine = open_catalogue(existing=True)
    key = IdentityKey.load_or_make(identity_key_file(home()))
    with writing(engine) as connection:  # what is compared with is what is corrected
        return _relabelled(connection, key, file, listed)


def _relabelled(connection: Connection, key: IdentityKey, file: Path, listed: Sequence[Correction]) -> dict[str, int]:
    changes: dict[str, int | None] = {}
    unknown = 0
    for one, uid in zip(listed, _studies_named(connection, key, listed), strict=True):
        if uid is None:
            unknown += 1
        elif changes.setdefault(uid, one.label) != one.label:
            raise DataError(f"{file}: {one.where} gives a study another label than an earlier row; keep one of them.")
    if not changes:
        raise DataError(f"{file}: none of its {len(listed)} studies is catalogued. Ingest them first.")
    before = labelling.study_labels(connection, changes)
    version = labelling.relabel(connection, changes, file.name, provenance())
    changed = sum(before[uid] != label for uid, label in changes.items())
    return {"label_version": version, "n_listed": len(listed), "n_changed": changed, "n_unknown": unknown}


def _studies_named(connection: Connection, key: IdentityKey, listed: Sequence[Correction]) -> list[str | None]:
    """The catalogue's id of the study that each row names: by that id, by an image's id, by the source's name of the
    study, or by a stored path that only one study has; else None."""
    sources = images.sources(connection)
    pseudonyms = {raw: [key.study(source, raw) for source in sources] for one in listed for raw in one.studies}
    names = {one.name for one in listed}
    wanted = names.union(*pseudonyms.values())
    known = set(labelling.study_labels(connection, wanted))
    by_image, by_path = images.studies_of_images(connection, names), images.studies_at_paths(connection, names)
    found: list[str | None] = []
    for one in listed:
        if one.name in known:
            found.append(one.name)
        elif one.name in by_image:
            found.append(by_image[one.name])
        else:
            named = [uid for raw in one.studies for uid in pseudonyms[raw] if uid in known]
            at_path = by_path.get(one.name, set())
            found.append(named[0] if named else next(iter(at_path)) if len(at_path) == 1 else None)
    return found
