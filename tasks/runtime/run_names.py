"""Run names that say what ran on what: `retrain - ds-1f3a - resnet50+efficientnetb0`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from prefect import runtime

SEPARATOR = " - "  # a hyphen, which everybody can type into a search


def short(identifier: str | None) -> str:
    """`ds-1f3a` of `ds-1f3a09…`; '…' for what is not known yet."""
    if not identifier:
        return "…"
    prefix, _, rest = identifier.partition("-")
    return f"{prefix}-{rest[:4]}" if rest else identifier[:8]


def named(*parts: str) -> str:
    return SEPARATOR.join(part for part in parts if part)


def kept_name(first: str) -> Callable[[], str]:
    """For a flow: its run's first name, unless it has one that says more: a run that is resumed keeps it."""

    def name() -> str:
        found = str(runtime.flow_run.get_name() or "")
        return found if found.startswith(first + SEPARATOR) else first

    return name


def rename(*parts: str) -> None:
    """Give the flow run at hand another name, once it is known what it works on. Nothing outside a run."""
    run_id = runtime.flow_run.get_id()
    if not run_id:
        return
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(run_id), name=named(*parts))


def of_training() -> str:
    """The name of a `train` or `evaluate` run, from its parameters."""
    given = runtime.flow_run.get_parameters()
    networks = _networks(given.get("recipe") or "report", given.get("models"))
    return named(str(runtime.flow_run.get_flow_name()), short(given.get("dataset_id")), networks)


def _networks(recipe: str, models: Sequence[str] | None) -> str:
    from tasks.recipe import chosen_recipe
    from wrist_model.errors import WristError

    try:
        return "+".join(chosen_recipe(recipe, list(models) if models else None).network.architectures)
    except WristError:  # the run itself will say it
        return str(recipe)
