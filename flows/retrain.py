"""Flow `retrain`: ingest, freeze, plan, train, evaluate, explain, gate, report: what the schedule runs."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Annotated, Any

from prefect import flow
from pydantic import Field

from db.leases import RETRAIN
from flows.approval import ask, is_answered
from flows.evaluate import evaluate
from flows.explain import explain
from flows.ingest import ingest
from flows.parameters import LONGEST_DAYS, BodyPart, Jobs, Models
from flows.report import report
from flows.train import train
from tasks import named_files
from tasks.freeze import freeze
from tasks.gate import gate
from tasks.plan import fix_plan
from tasks.recipe import used_recipe
from tasks.report_summary import summary
from tasks.runtime import stage_costs
from tasks.runtime.lease import held
from tasks.runtime.run_names import kept_name, rename, short

NAME = "retrain"


@flow(name=NAME, flow_run_name=kept_name(NAME), description=__doc__, persist_result=True, timeout_seconds=6 * 24 * 3600)
def retrain(
    paths: list[str] | None = None,
    labels: list[str] | None = None,
    source: str | None = None,
    body_part: BodyPart = "WRIST",
    recipe: str = "report",
    models: Models = None,
    jobs: Jobs = None,
    answer_days: Annotated[float, Field(gt=0, le=LONGEST_DAYS)] = LONGEST_DAYS,
    request: str | None = None,
) -> dict[str, Any]:
    """The whole job. Interrupted anywhere, the same call again goes on where it was; unchanged work is reused.

    Gives ingest (counts), dataset_id, plan_id, model_versions, evaluations, decision and report (a path).

    Args:
        paths: Files or folders, of a deployment's run below a remembered root; none: the roots in sources.toml.
        labels: A labels CSV for all paths, or one for each; as paths.
        source: Name space of the identifiers; none: by the place.
        body_part: WRIST or ANY.
        recipe: A name in recipes/, or the path of a TOML file.
        models: These networks only.
        jobs: Processes that decode; none: all cores.
        answer_days: How long a suspended run waits for a person's answer.
        request: What a command stored in place of paths and labels; not in a deployment's run.
    """
    named_files.of_a_deployment(paths, labels, recipe)
    answered = is_answered()  # then all before the question is done and only read back: without the lock and its costs
    chosen = used_recipe(recipe, models)
    part = partial(stage_costs.stage, NAME, measured=not answered)
    with nullcontext() if answered else held(RETRAIN):
        with part("ingest"):
            counts = ingest(paths, labels, source, body_part, chosen.sha256, jobs, request=request)
        with part("freeze"):
            dataset_id = freeze(mixed_labels=chosen.data.mixed_labels)
            plan_id = fix_plan(dataset_id, chosen)  # before anything is evaluated
        rename(NAME, short(dataset_id), "+".join(chosen.network.architectures))
        with part("train"):
            versions = train(dataset_id, chosen.sha256, models)
        with part("evaluate"):
            evaluations = evaluate(dataset_id, chosen.sha256, models, versions)
        with part("explain"):
            explain(evaluations, chosen.sha256)
        with part("gate"):
            verdict = gate(evaluations, chosen)
        with part("report"):
            page = report(evaluations)
            summary(evaluations, page, verdict["decision"])
        if not answered:
            stage_costs.show_costs(NAME)
    decision = ask(verdict, page, answer_days)
    if decision != verdict["decision"]:
        page = report(evaluations)  # once more, with what the person decided
        summary(evaluations, page, decision)
    return {
        "ingest": counts,
        "dataset_id": dataset_id,
        "plan_id": plan_id,
        "model_versions": versions,
        "evaluations": evaluations,
        "decision": decision,
        "report": page,
    }
