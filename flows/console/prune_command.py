"""Command `prune`: what is old and can be done without, first shown, then deleted."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from flows.console.options import Json
from flows.console.output import say, show

LONGEST_DAYS = 36_500


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(prune)


def prune(
    keep: Annotated[str, typer.Option("--keep", help="How old it may be: 90d for days, 12w for weeks.")] = "90d",
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; without this it is only shown.")] = False,
    as_json: Json = False,
) -> None:
    """Old runs of Prefect's history, unused stored features and TensorBoard logs, maps of superseded predictions."""
    from db.engine import open_catalogue
    from db.home import home
    from flows.host.prefect_history import history
    from tasks import prune as store

    before = datetime.now(UTC) - timedelta(days=_days(keep))
    engine = open_catalogue(existing=True, writes=yes)
    found = store.prune(engine, before) if yes else store.prunable(engine, before)
    runs = history(home(), before, delete=yes)
    result = {
        "before": before.isoformat(timespec="seconds"),
        "deleted": yes,
        "history": {"runs": runs.old, "file_bytes": runs.bytes},
        "features": [{"path": str(one.path), "bytes": one.bytes} for one in found.features],
        "tensorboard": [{"path": str(one.path), "bytes": one.bytes} for one in found.tensorboard],
        "maps": {"files": [asdict(one) for one in found.maps], "bytes": found.map_bytes},
    }
    show(result, as_json, lambda: _tell(result, keep))


def _days(keep: str) -> int:
    match = re.fullmatch(r"(\d{1,5})([dw])", keep.strip().lower())
    days = int(match[1]) * (7 if match[2] == "w" else 1) if match else 0
    if not 1 <= days <= LONGEST_DAYS:
        raise typer.BadParameter("Expected days or weeks, at least one day: 90d, 12w.", param_hint="--keep")
    return days


def _tell(result: dict[str, Any], keep: str) -> None:
    from tasks.local_time import local

    features, logs, maps, runs = (result[name] for name in ("features", "tensorboard", "maps", "history"))
    deleted = result["deleted"]
    at = local(datetime.fromisoformat(result["before"]))
    print(f"{'Deleted, of' if deleted else 'Of'} what was last used before {at}:")
    print(f"  Prefect's history           {runs['runs']} ended runs; its file has {_size(runs['file_bytes'])}")
    print(f"  stored features             {len(features)} stores, {_size(_sum(features))}")
    print(f"  TensorBoard's logs          {len(logs)} trainings, {_size(_sum(logs))}")
    print(f"  superseded predictions      {len(maps['files'])} heat maps, {_size(maps['bytes'])}")
    if deleted:
        print("All rows of the trail are there; `wrist verify` calls these heat maps pruned.")
    elif runs["runs"] or features or logs or maps["files"]:
        say(f"Nothing was deleted. This deletes it: wrist prune --keep {keep} --yes")
    else:
        say("There is nothing to delete.")


def _sum(folders: list[dict[str, Any]]) -> int:
    return sum(one["bytes"] for one in folders)


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
