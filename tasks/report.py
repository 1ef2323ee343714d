"""Write a report, its model card and checklists from stored rows, and remember their hashes."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from pathlib import Path

from prefect import get_run_logger, runtime, task

from db import home_lock, reports
from db.engine import open_catalogue, writing
from db.home import home, report_file
from tasks.report_content import report_content
from tasks.runtime import artifacts
from tasks.runtime.provenance import provenance
from tasks.runtime.retry_policy import BUSY
from wrist_model.report import page


@task(name="report", task_run_name="write the report", tags=["report"], **BUSY)
def write(evaluation_ids: Sequence[str]) -> str:
    """Writes reports/<dataset>-<evaluation>-<content>.html, its model card and checklists, from stored rows; gives its
    path. reports/latest.html links to it; what was written before stays as it is."""
    engine, by = open_catalogue(), provenance()
    data = report_content(engine, evaluation_ids)
    files = {}
    for kind, content in page.documents(data).items():
        sha256 = hashlib.sha256(content).hexdigest()
        path = report_file(home(), f"{data.dataset.dataset_id}-{data.evaluation_id}", kind, sha256)
        _keep(path, content, sha256)
        files[kind] = path, sha256
    path, _ = files["html"]
    with home_lock.alone(home(), "reports"):  # reports follow one another: the link never goes back to an older one
        with writing(engine) as connection:
            for kind, (file, sha256) in files.items():
                reports.add_report(
                    connection,
                    path=str(file.relative_to(home())),
                    file_sha256=sha256,
                    kind=kind,
                    dataset_id=data.dataset.dataset_id,
                    evaluation_ids=tuple(evaluation_ids),
                    by=by,
                )
        reports.link_newest(engine, home())  # after the commit: it only ever leads to a page that is recorded
    if not runtime.flow_run.get_parent_flow_run_id():  # else the run that this is a part of shows it: `summary`
        artifacts.report(data, path)
    get_run_logger().info("Report: %s", path)
    return str(path)


def _keep(path: Path, content: bytes, sha256: str) -> None:
    """Write a file whole or not at all, unless it is there already."""
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    part.write_bytes(content)
    part.replace(path)
