"""Where a prediction comes from: every link is a foreign key or the hash of some content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from db.engine import Catalogue, reading
from db.home import model_file
from wrist_model.errors import DataError

_PREDICTION = """
SELECT p.id, p.split, p.label, p.raw_probability, p.probability, p.predicted_label, p.{level}_id AS subject,
  o.name AS operating_point, o.threshold, o.slope, o.intercept, e.evaluation_id, e.purpose, e.label_version,
  e.model_version_id AS model_row, e.dataset_version_id AS dataset_row, e.environment_id AS environment_row,
  e.engine, e.precision,
  r.recipe_sha256 AS evaluation_recipe_sha256, a.actor, a.at, a.prefect_flow_run_id, a.seq, a.chain_sha256
FROM {level}_prediction p JOIN evaluation e ON e.id = p.evaluation_id JOIN audit_entry a ON a.seq = p.entry
LEFT JOIN operating_point o ON o.id = p.operating_point_id LEFT JOIN recipe r ON r.id = e.recipe_id WHERE p.id = :id
"""
_KEPT = (
    *("split", "label", "raw_probability", "probability", "predicted_label"),
    *("operating_point", "threshold", "slope", "intercept"),
)
_OF_IMAGE = (
    *("image_uid", "study_uid", "patient_key", "source", "format", "frame", "path", "file_sha256"),
    *("pixel_sha256", "photometric"),
)
_IMAGES = """
SELECT i.image_uid, s.study_uid, t.patient_key, s.source, i.format, i.frame, i.path, i.file_sha256, i.pixel_sha256,
  i.decode_steps, i.inverted, i.photometric, n.ingest_run_id, n.environment_id, a.at
FROM image i JOIN study s ON s.id = i.study_id JOIN patient t ON t.id = i.patient_id
JOIN ingest_run n ON n.id = i.ingest_run_id JOIN audit_entry a ON a.seq = i.entry WHERE {which} ORDER BY i.image_uid
"""


def explain_prediction(engine: Catalogue, prediction_id: str) -> dict[str, Any]:
    """prediction → models → trainings (weights, recipe, code, libraries, machine) → data-set version → images.

    prediction_id: `ip-…` (of an image) or `sp-…` (of a study), as in the views. Raises DataError for an unknown one.
    The answer holds only text, numbers, lists and objects, so that it is JSON as it stands.
    """
    kind, _, number = prediction_id.partition("-")
    level = {"ip": "image", "sp": "study"}.get(kind)
    if level is None or not number.isdecimal():
        raise DataError(f"{prediction_id!r} is no prediction: ids look like ip-17 (image) or sp-17 (study).")
    home = Path(engine.get_execution_options()["wrist_home"])
    with reading(engine) as connection:
        row = connection.execute(text(_PREDICTION.format(level=level)), {"id": int(number)}).mappings().first()
        if row is None:
            raise DataError(f"No prediction {prediction_id} in the catalogue.")
        images = connection.execute(
            text(_IMAGES.format(which="i.id = :id" if level == "image" else "i.study_id = :id")), {"id": row["subject"]}
        ).mappings()
        return {
            "prediction": {"prediction_id": prediction_id, "level": level, **{name: row[name] for name in _KEPT}},
            "written": {
                "by": row["actor"],
                "at": row["at"],
                "prefect_flow_run_id": row["prefect_flow_run_id"],
                "audit_link": row["seq"],
                "chain_sha256": row["chain_sha256"],
            },
            "evaluation": {
                "evaluation_id": row["evaluation_id"],
                "purpose": row["purpose"],
                "label_version": row["label_version"],
                "recipe_sha256": row["evaluation_recipe_sha256"],
                "engine": row["engine"] or "tensorflow",
                "precision": row["precision"] or "f32",
                **_environment(connection, row["environment_row"]),
            },
            "model": _model(connection, row["model_row"], home),
            "dataset": _dataset(connection, row["dataset_row"]),
            "images": [_image(connection, image) for image in images.all()],
        }


def _model(connection: Connection, number: int, home: Path) -> dict[str, Any]:
    row = connection.execute(text("SELECT * FROM model_version WHERE id = :id"), {"id": number}).mappings().one()
    found: dict[str, Any] = {
        "model_version_id": row["model_version_id"],
        "architecture": row["architecture"],
        "artifact_sha256": row["artifact_sha256"],
    }
    members = connection.execute(
        text("SELECT member_id FROM model_member WHERE model_version_id = :id ORDER BY id"), {"id": number}
    ).scalars()
    if inside := [_model(connection, member, home) for member in members.all()]:
        return {**found, "members": inside}
    file = model_file(home, row["artifact_sha256"])
    return {
        **found,
        "file": f"models/{file.name}",
        "file_is_there": file.exists(),
        "training": _training(connection, row["training_run_id"]),
    }


def _training(connection: Connection, number: int) -> dict[str, Any]:
    row = (
        connection.execute(
            text(
                "SELECT t.training_run_id, t.seed, t.replicate, t.engine, t.precision, t.weights_source AS wanted, "
                "e.weights_source, e.weights_sha256, e.best_epoch, r.recipe_sha256, r.name, r.content, "
                "t.dataset_version_id, t.environment_id, a.at, a.actor, a.prefect_flow_run_id FROM training_run t "
                "JOIN recipe r ON r.id = t.recipe_id JOIN audit_entry a ON a.seq = t.entry "
                "LEFT JOIN training_event e ON e.id = "
                "(SELECT max(id) FROM training_event WHERE training_run_id = t.id) WHERE t.id = :id"
            ),
            {"id": number},
        )
        .mappings()
        .one()
    )
    return {
        "training_run_id": row["training_run_id"],
        "started_at": row["at"],
        "by": row["actor"],
        "prefect_flow_run_id": row["prefect_flow_run_id"],
        "seed": row["seed"],
        "replicate": row["replicate"],
        "engine": row["engine"],
        "precision": row["precision"],
        "best_epoch": row["best_epoch"],
        "weights_origin": {"source": row["weights_source"] or row["wanted"], "sha256": row["weights_sha256"]},
        "recipe": {"name": row["name"], "recipe_sha256": row["recipe_sha256"], "content": json.loads(row["content"])},
        "dataset": _dataset(connection, row["dataset_version_id"]),
        **_environment(connection, row["environment_id"]),
    }


def _dataset(connection: Connection, number: int | None) -> dict[str, Any] | None:
    if number is None:
        return None
    row = connection.execute(text("SELECT * FROM dataset_version WHERE id = :id"), {"id": number}).mappings().one()
    names = ("dataset_id", "manifest_sha256", "label_version", "n_patients", "n_studies", "n_images", "guard_status")
    return {name: row[name] for name in names}


def _environment(connection: Connection, number: int | None) -> dict[str, Any]:
    if number is None:
        return {}
    row = connection.execute(text("SELECT * FROM environment WHERE id = :id"), {"id": number}).mappings().one()
    return {
        "code": {"git_commit": row["git_commit"], "dirty_work_tree": bool(row["git_dirty"])},
        "libraries": json.loads(row["libraries"]),
        "machine": json.loads(row["machine"]),
        "environment_sha256": row["environment_sha256"],
    }


def _image(connection: Connection, row: Any) -> dict[str, Any]:
    return {
        **{name: row[name] for name in _OF_IMAGE},
        "inverted": bool(row["inverted"]),
        "preprocessing": json.loads(row["decode_steps"]),
        "ingest": {
            "ingest_run_id": row["ingest_run_id"],
            "at": row["at"],
            **_environment(connection, row["environment_id"]),
        },
    }


def lines(explained: dict[str, Any]) -> list[str]:
    """The same for people: one line a link, from the prediction to the machine."""
    made = explained["prediction"]
    shown = [
        f"prediction {made['prediction_id']}: {_number(made['probability'])} (raw {_number(made['raw_probability'])}), "
        f"decided {made['predicted_label']} at {made['operating_point']} {_number(made['threshold'])}, "
        f"label {made['label']}, split {made['split']}",
        f"  run forward by {explained['evaluation']['engine']} in {explained['evaluation']['precision']}",
        f"  written {explained['written']['at']} by {explained['written']['by']}, audit link "
        f"{explained['written']['audit_link']}",
    ]
    for model in explained["model"].get("members") or [explained["model"]]:
        training = model["training"]
        code = training["code"]
        origin, dataset = training["weights_origin"], training["dataset"]
        shown += [
            f"model {model['model_version_id']} ({model['architecture']}), {model['file']}",
            f"  training {training['training_run_id']} from {training['started_at']}, seed {training['seed']}, "
            f"best epoch {training['best_epoch']}",
            f"  weights from {origin['source']} {origin['sha256'] or ''}".rstrip(),
            f"  recipe {training['recipe']['name']} {training['recipe']['recipe_sha256'][:12]}",
            f"  data-set version {dataset['dataset_id']}, manifest {dataset['manifest_sha256'][:12]}",
            f"  code {code['git_commit'][:12]}{' + uncommitted changes' if code['dirty_work_tree'] else ''}",
            f"  libraries {', '.join(f'{name} {version}' for name, version in training['libraries'].items())}",
            f"  machine {', '.join(f'{name} {value}' for name, value in training['machine'].items())}",
        ]
    for image in explained["images"]:
        shown += [
            f"image {image['image_uid']} of {image['study_uid']} ({image['format']}, {image['source']}): "
            f"{image['path']}",
            f"  file {image['file_sha256'][:12]}, pixels {image['pixel_sha256'][:12]}, "
            f"steps {' → '.join(image['preprocessing']) or 'none'}",
        ]
    return shown


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
