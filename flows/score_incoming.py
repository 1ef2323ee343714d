"""Flow `score_incoming`: whatever has come into the remembered roots, or a folder, is catalogued and scored."""

from __future__ import annotations

from typing import Any

from prefect import State, flow
from prefect.states import Completed

from db import promotions
from db.engine import open_catalogue
from db.home import home
from flows.parameters import BodyPart, Jobs
from flows.predict import predict
from tasks import named_files, sources_toml


@flow(name="score_incoming", flow_run_name="score_incoming", description=__doc__, timeout_seconds=6 * 3600)
def score_incoming(
    paths: list[str] | None = None,
    body_part: BodyPart = "WRIST",
    jobs: Jobs = None,
    cluster: str | None = None,
) -> State[Any]:
    """Studies without a label that the champion has not scored yet, or not with all their images, and whose last image
    came `[incoming] quiet_minutes` of sources.toml ago. Nothing to do is no failure.

    Args:
        paths: Folders, of a deployment's run below a remembered root; none: the roots in sources.toml.
        body_part: WRIST or ANY.
        jobs: Processes that decode; none: all cores.
        cluster: A Dask scheduler whose workers decode and compute, tcp://host:8786; not in a deployment's run.
    """
    named_files.of_a_deployment(paths, cluster=cluster)
    if promotions.champion(open_catalogue()) is None:
        return Completed(name="Skipped", message="No model serves yet: nothing was scored.")
    if not paths and not sources_toml.read(home()):
        return Completed(name="Skipped", message="No root is remembered: nothing was scored.")
    done = predict(paths, None, None, body_part, jobs, cluster, quiet_minutes=sources_toml.quiet_minutes(home()))
    said = f"{len(done['studies'])} studies scored"
    if done["waiting"]:
        said += f"; {done['waiting']} wait: their last image came less than incoming.quiet_minutes ago"
    return Completed(message=f"{said}.", data=done)
