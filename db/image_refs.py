"""What training, prediction and explanation need of each image: its file, its split and label, and its subgroups."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from db.engine import Catalogue, reading
from db.hold_outs import internal, named, of_set
from db.home import stored_pixels
from db.images import REPLACED
from db.lookups import among, every, row_id
from db.schema.views import LABEL_NOW
from wrist_model.errors import DataError
from wrist_model.evidence_records import IMAGE_SUBGROUPS, SOURCE_SUBGROUPS
from wrist_model.records import ImageRef, Split

_PSEUDONYM = re.compile(r"pa-[0-9a-f]{32}")

_REF = """
SELECT i.image_uid, s.study_uid, p.patient_key, i.format, i.pixel_sha256, l.root, l.path, s.source, s.body_part,
  i.view, i.sex, i.age, i.hardware, i.inverted, i.multi_view, i.burned_in, i.decode_rule, i.extra,
  i.rows * i.columns AS n_pixels,
  (SELECT count(*) FROM image o WHERE o.study_id = i.study_id AND NOT {replaced}) AS n_views, {columns}
FROM {tables} JOIN study s ON s.id = i.study_id JOIN patient p ON p.id = s.patient_id
LEFT JOIN image_location l ON l.image_id = i.id
WHERE {where} ORDER BY i.image_uid
""".replace("{replaced}", REPLACED.format("o"))
_TO_SCORE = _REF.replace("{columns}", "NULL AS split, NULL AS label").replace("{tables}", "image i")


def image_refs(
    engine: Catalogue, dataset_id: str, split: Split | None = None, hold_out: str | None = None
) -> list[ImageRef]:
    """What is included in a version (in one split of it), by image_uid, with the version's labels. hold_out: of this
    external set; else of what is of none."""
    where = f"m.dataset_version_id = :version AND m.included = 1 AND {of_set('m')}"
    values = {"hold_out": named(hold_out)} | ({"split": split} if split else {})
    sql = _REF.format(
        columns="m.split, m.label",
        tables="dataset_member m JOIN image i ON i.id = m.image_id",
        where=where + (" AND m.split = :split" if split else ""),
    )
    with reading(engine) as connection:
        version = row_id(connection, "dataset_version", "dataset_id", dataset_id)
        return _refs(engine, every(connection, sql, version=version, **values))


def refs_of_studies(engine: Catalogue, study_uids: Iterable[str]) -> list[ImageRef]:
    """The images of these studies, by image_uid; split and label None. Raises DataError for an unknown study."""
    wanted = set(study_uids)
    with reading(engine) as connection:
        found = _refs(engine, among(connection, _TO_SCORE.format(where="s.study_uid IN :values"), sorted(wanted)))
    if missing := sorted(wanted - {ref.study_uid for ref in found}):
        raise DataError(f"Study {missing[0]} is not in the catalogue.")
    return found


def refs_of_unlabelled(engine: Catalogue) -> list[ImageRef]:
    """The images of all studies that have no label now and are of no external set, by image_uid; split, label None."""
    where = f"{LABEL_NOW.format(study='s')} IS NULL AND {internal('p')}"
    with reading(engine) as connection:
        return _refs(engine, every(connection, _TO_SCORE.format(where=where)))


def _refs(engine: Catalogue, rows: Iterable[Any]) -> list[ImageRef]:
    home = Path(engine.get_execution_options()["wrist_home"])
    refs = []
    for row in rows:
        if row.format == "dicom" or _PSEUDONYM.fullmatch(row.path or ""):  # beside DICOM, paths are private
            file = stored_pixels(home, row.pixel_sha256)
        else:
            file = Path(row.root or "") / (row.path or "")
        groups = {"source": str(row.source), "body_part": str(row.body_part)}
        groups["n_views"] = str(row.n_views) if row.n_views < 4 else "4+"
        for name in IMAGE_SUBGROUPS:
            if (value := getattr(row, name)) is not None:
                groups[name] = str(value)
        groups |= {name: value for name, value in json.loads(row.extra) if name in SOURCE_SUBGROUPS}
        refs.append(
            ImageRef(
                row.image_uid,
                row.study_uid,
                row.patient_key,
                str(file),
                row.pixel_sha256,
                row.label,
                row.split,
                tuple(sorted(groups.items())),
                row.decode_rule,
                row.n_pixels,
            )
        )
    return refs
