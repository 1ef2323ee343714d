"""Flow `score`: predict new studies with the model that serves; stored like any other prediction."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.ingest import ingest
from tasks.predict import score_new


@flow(name="score", flow_run_name="score", description=__doc__)
def score(
    paths: list[str] | None = None,
    model: str | None = None,
    source: str | None = None,
    body_part: str = "WRIST",
    jobs: int | None = None,
    cluster: str | None = None,
) -> dict[str, Any]:
    """Catalogues the paths and scores what lies there and this model has not scored yet; without paths, what the
    remembered roots bring, and each study that has no label.

    model: a model version's id, an architecture or a role; without one, the champion.
    cluster: a Dask scheduler whose workers decode and compute.
    Gives ingest (counts), evaluation_id, one row a study, and how many were scored before; an evaluation_id of None
    says that nothing was new.
    """
    counts = ingest(paths, None, source, body_part, jobs=jobs, cluster=cluster)
    return {"ingest": counts, **score_new(paths, model, source, cluster)}
