"""What `wrist status` shows: what is catalogued, trained, serving, under way, and what needs a person."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from db import (
    datasets,
    drift_checks,
    known_files,
    labels,
    leases,
    models,
    patient_identity,
    promotions,
    quarantine,
    trainings,
)
from db.engine import open_catalogue, reading
from db.home import home
from db.unended_runs import unended
from tasks import disk_space, home_rights, sources_toml
from tasks.local_time import local

_AGAIN = {"ingest": "`wrist ingest` of the same paths", "training": "`wrist retrain`", "evaluation": "`wrist evaluate`"}
_LABELS = {1: "positive", 0: "negative", None: "unlabelled"}


def state() -> dict[str, Any]:
    """Plain values for `--json`, and `text`: title → lines. Reads the catalogue alone, needs no server."""
    engine = open_catalogue(writes=False)
    needs = home_rights.wider_than_meant(home()) + disk_space.nearly_full(home()) + needs_a_person(engine)
    found: dict[str, Any] = {
        "home": str(home()),
        "studies": {_LABELS[label]: number for label, number in labels.studies_by_label(engine).items()},
        "files_seen": known_files.files_seen(engine),
        "quarantined": quarantine.quarantine_counts(engine),
        "sources": [root.path for root in sources_toml.read(home())],
        "dataset": _dataset(engine),
        "champion": _champion(engine),
        "models": models.models_by_role(engine),
        "running": _running(engine),
        "needs_a_person": needs,
    }
    found["text"] = _text(found)
    return found


def needs_a_person(engine: Engine) -> list[str]:
    """One line for each thing that waits for somebody, with the command that deals with it."""
    found = []
    for run in unended(engine):
        if run.lost is not None:
            said = f"was last heard of at {local(run.last_renewed)} and has no end: {_AGAIN[run.kind]} goes on with it"
            found.append(f"{run.kind} {run.run_id} {said}")
    found += [
        f"{one.model_version_id} is undecided since {local(one.created_at)} ({one.reason}): "
        f'`wrist promote {one.model_version_id} --reason "…"`, or `wrist reject {one.model_version_id} --reason "…"`'
        for one in promotions.undecided(engine)
    ]
    unread = patient_identity.unread_patients(engine)
    if unread:
        found.append(
            f"{unread} DICOM patients were catalogued by an earlier Wrist, which did not link a PatientID with and "
            "without its issuer: `wrist ingest` their folders once more reads those headers again"
        )
    for drift in drift_checks.drift_checks(engine, 1):
        alerts = [check.feature for check in drift.checks if check.alert]
        if alerts:
            found.append(
                f"drift since {local(drift.created_at)} in {', '.join(alerts)}: look at the newest studies; the "
                'figures: `wrist sql "select feature, p_adjusted, psi from drift_checks where drift_id = '
                f"'{drift.drift_id}'\"`"
            )
    version = datasets.latest_dataset(engine)
    for failed in trainings.failed_trainings(engine, version.dataset_id) if version else ():
        reason = (failed.reason or "no reason is stored").rstrip(".")
        found.append(
            f"training {failed.training_run_id} of {failed.architecture} failed at {local(failed.finished_at)} "
            f"({reason}): mend that, then `wrist retrain` again"
        )
    return found


def _dataset(engine: Engine) -> dict[str, Any] | None:
    version = datasets.latest_dataset(engine)
    if version is None:
        return None
    return {
        "dataset_id": version.dataset_id,
        "studies": version.n_studies,
        "images": version.n_images,
        "frozen_at": version.frozen_at,
        "new_labelled_studies": datasets.new_labelled_studies(engine),
    }


def _champion(engine: Engine) -> dict[str, Any] | None:
    model = promotions.champion(engine)
    if model is None:
        return None
    decided = promotions.last_decision(engine, model.model_version_id)
    return {
        "model_version_id": model.model_version_id,
        "architecture": model.architecture,
        "since": decided.created_at if decided else None,
        "reason": decided.reason if decided else None,
    }


def _running(engine: Engine) -> list[str]:
    """What somebody holds and is heard of, runs and the rest."""
    with reading(engine) as connection:
        return [one.resource for one in leases.holders(connection) if one.lost is None]


def _text(found: dict[str, Any]) -> dict[str, list[str]]:
    studies = ", ".join(f"{number} {name}" for name, number in found["studies"].items()) or "none"
    text = {
        f"Catalogue ({found['home']})": [f"studies: {studies}", f"files catalogued or refused: {found['files_seen']}"]
    }
    catalogued = text[f"Catalogue ({found['home']})"]
    if found["quarantined"]:
        catalogued.append(
            "quarantined: " + ", ".join(f"{number} {name}" for name, number in found["quarantined"].items())
        )
    catalogued.append("remembered: " + (", ".join(found["sources"]) or "nothing (`wrist ingest PATH --remember`)"))
    version = found["dataset"]
    text["Data set"] = (
        [
            f"{version['dataset_id']}: {version['studies']} studies, {version['images']} images, "
            f"frozen {local(version['frozen_at'])}; {version['new_labelled_studies']} labelled studies since"
        ]
        if version
        else ["none frozen yet"]
    )
    serving = found["champion"]
    others = ", ".join(f"{number} {role}" for role, number in sorted(found["models"].items()))
    text["Models"] = [
        f"serving: {serving['model_version_id']} ({serving['architecture']}) since {local(serving['since'])}"
        if serving
        else "serving: none",
        f"all: {others or 'none'}",
    ]
    text["Under way"] = found["running"] or ["nothing"]
    text["Needs a person"] = found["needs_a_person"] or ["nothing"]
    return text
