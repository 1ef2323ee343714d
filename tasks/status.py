"""What `wrist status` tells: what is catalogued, trained, serving, under way, and what needs a person."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from db import datasets, drift_checks, leases, models, promotions
from db import report_queries as facts_of
from db.engine import open_catalogue, reading
from db.home import home
from db.lookups import every
from tasks import remembered_roots

_LABELS = {1: "positive", 0: "negative", None: "unlabelled"}


def state() -> dict[str, Any]:
    """Plain values for `--json`, and `text`: title → lines. Reads the catalogue alone, needs no server."""
    engine = open_catalogue()
    needs = needs_a_person(engine)
    found: dict[str, Any] = {
        "home": str(home()),
        "studies": _studies(engine),
        "files_seen": facts_of.files_seen(engine),
        "quarantined": facts_of.quarantine_counts(engine),
        "sources": [root.path for root in remembered_roots.read(home())],
        "dataset": _dataset(engine),
        "champion": _champion(engine),
        "models": {role: len(ids) for role, ids in _models(engine).items()},
        "running": _running(engine),
        "needs_a_person": needs,
    }
    found["text"] = _text(found)
    return found


def needs_a_person(engine: Engine) -> list[str]:
    """One line for each thing that waits for somebody, with the command that deals with it."""
    found = []
    for run in leases.unfinished(engine):
        heard = _minute(run.last_beat or run.since)
        found.append(f"{run.kind} {run.run_id} was last heard of at {heard} and has no end: run the same command again")
    for model_id, reason, at in _undecided(engine):
        found.append(f"{model_id} is undecided since {_minute(at)} ({reason}): `wrist promote {model_id}` or leave it")
    for drift in drift_checks.drift_checks(engine, 1):
        alerts = [check.feature for check in drift.checks if check.alert]
        if alerts:
            found.append(f"drift since {_minute(drift.created_at)} in {', '.join(alerts)}: look at the newest studies")
    failed = _failed_trainings(engine)
    found += [
        f"training {run} of {network} failed at {_minute(at)} ({reason}): mend that, then `wrist retrain` again"
        for run, network, at, reason in failed
    ]
    return found


def _studies(engine: Engine) -> dict[str, int]:
    with reading(engine) as connection:
        rows = every(connection, "SELECT label, count(*) AS n FROM studies GROUP BY label")
    return {_LABELS[row.label]: int(row.n) for row in rows}


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
    decided = facts_of.last_decision(engine, model.model_version_id)
    return {
        "model_version_id": model.model_version_id,
        "architecture": model.architecture,
        "since": decided.created_at if decided else None,
        "reason": decided.reason if decided else None,
    }


def _models(engine: Engine) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for model in models.models(engine):
        found.setdefault(model.role, []).append(model.model_version_id)
    return found


def _running(engine: Engine) -> list[str]:
    stale = {run.run_id for run in leases.unfinished(engine)}
    return [f"{run.kind} {run.run_id}" for run in leases.unfinished(engine, -1.0) if run.run_id not in stale]


def _undecided(engine: Engine) -> list[tuple[str, str, str]]:
    """Challengers whose last decision is `undecided`, newer than the champion's."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT p.model_version_id, p.reason, p.created_at FROM promotions p WHERE p.decision = 'undecided' AND "
            "p.created_at = (SELECT max(q.created_at) FROM promotions q WHERE q.model_version_id = p.model_version_id) "
            "AND p.created_at > coalesce((SELECT max(q.created_at) FROM promotions q "
            "WHERE q.decision IN ('promoted', 'rolled_back')), '') ORDER BY p.created_at",
        )
    return [(row.model_version_id, row.reason, row.created_at) for row in rows]


def _failed_trainings(engine: Engine) -> list[tuple[str, str, str, str]]:
    """Trainings whose newest run on the newest data-set version failed."""
    version = datasets.latest_dataset(engine)
    if version is None:
        return []
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT t.training_run_id, t.architecture, t.finished_at, t.status, (SELECT e.reason FROM training_event e "
            "JOIN training_run r ON r.id = e.training_run_id WHERE r.training_run_id = t.training_run_id "
            "ORDER BY e.id DESC LIMIT 1) AS reason FROM training_runs t WHERE t.dataset_id = :id ORDER BY t.started_at",
            id=version.dataset_id,
        )
    newest = {row.architecture: row for row in rows}
    return [
        (row.training_run_id, row.architecture, row.finished_at, str(row.reason or "no reason is stored").rstrip("."))
        for row in newest.values()
        if row.status == "failed"
    ]


def _minute(at: str | None) -> str:
    return f"{at[:16].replace('T', ' ')} UTC" if at else "?"


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
            f"frozen {_minute(version['frozen_at'])}; {version['new_labelled_studies']} labelled studies since"
        ]
        if version
        else ["none frozen yet"]
    )
    serving = found["champion"]
    others = ", ".join(f"{number} {role}" for role, number in sorted(found["models"].items()))
    text["Models"] = [
        f"serving: {serving['model_version_id']} ({serving['architecture']}) since {_minute(serving['since'])}"
        if serving
        else "serving: none",
        f"all: {others or 'none'}",
    ]
    text["Under way"] = found["running"] or ["nothing"]
    text["Needs a person"] = found["needs_a_person"] or ["nothing"]
    return text
