"""Flow `predict`: predict new studies with the model that serves; stored like any other prediction."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.ingest import ingest
from tasks import requests
from tasks.predict import score_new
from wrist_model.network import keras_settings


@flow(name="predict", flow_run_name="predict", description=__doc__)
def predict(
    paths: list[str] | None = None,
    model: str | None = None,
    source: str | None = None,
    body_part: str = "WRIST",
    jobs: int | None = None,
    cluster: str | None = None,
    quiet_minutes: float = 0.0,
    request: str | None = None,
) -> dict[str, Any]:
    """Catalogues the paths and scores what lies there and this model has not scored yet; without paths, what the
    remembered roots bring, and each study that has no label.

    model: a model version's id, an architecture or a role; without one, the champion.
    cluster: a Dask scheduler whose workers decode and compute.
    quiet_minutes: how long after its last image a study counts as complete.
    request: what a command stored in place of the paths.
    Gives ingest (counts), evaluation_id, one row a study, how many were scored before and how many wait; an
    evaluation_id of None says that nothing was new.
    """
    keras_settings.refuse_environment()
    counts = ingest(paths, None, source, body_part, jobs=jobs, cluster=cluster, request=request)
    asked, _, _ = requests.opened(request, paths)
    return {"ingest": counts, **score_new(asked, model, source, cluster, quiet_minutes)}
