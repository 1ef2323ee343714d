"""Write a report, its model card and checklists from stored rows, and remember their hashes."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import get_run_logger, runtime, task

from db import reports
from db.engine import open_catalogue
from db.home import home, report_file
from tasks.report_content import report_content
from tasks.runtime import artifacts
from tasks.runtime.provenance import provenance
from wrist_model.report import page


@task(name="report", task_run_name="write the report", tags=["report"])
def write(evaluation_ids: Sequence[str]) -> str:
    """Writes reports/<dataset>-<evaluation>.html, its model card and checklists, from stored rows; gives its path."""
    engine = open_catalogue()
    data = report_content(engine, evaluation_ids)
    path = report_file(home(), data.dataset.dataset_id, data.evaluation_id)
    sha256 = page.write(data, path)
    for kind, (file, digest) in {"html": (path, sha256), **page.write_documents(data, path)}.items():
        reports.add_report(
            engine,
            path=str(file.relative_to(home())),
            file_sha256=digest,
            kind=kind,
            dataset_id=data.dataset.dataset_id,
            evaluation_ids=tuple(evaluation_ids),
            by=provenance(),
        )
    if not runtime.flow_run.get_parent_flow_run_id():  # else the run that this is a part of shows it: `summary`
        artifacts.report(data, path)
    get_run_logger().info("Report: %s", path)
    return str(path)
