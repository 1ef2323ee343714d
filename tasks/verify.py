"""Verify as a task: the catalogue's own check, with a table of what was found."""

from __future__ import annotations

from typing import Any

from prefect import get_run_logger, task

from db.engine import open_catalogue
from tasks.runtime import artifacts
from tasks.runtime.progress import progress
from tasks.verified_link import check
from wrist_model.report.model_card import plain


@task(name="verify", task_run_name="verify the catalogue", tags=["audit"])
def verify(new: bool = False) -> dict[str, Any]:
    """Gives ok, how many findings, and a sentence with the first. new: only what was written since the last check."""
    with progress("verify") as tell:
        verdict = check(open_catalogue(), new=new, progress=tell, say=get_run_logger().info)
    checked = ", ".join(f"{number} {name}" for name, number in verdict.checked.items())
    if verdict.ok:
        said = f"All {'new ' if verdict.not_read else ''}as it was written: {checked}."
        said += f" Not read: {verdict.not_read}." if verdict.not_read else ""
    else:
        first = verdict.findings[0]
        said = f"{len(verdict.findings)} findings, the first: {first.where}: {first.message}"
    rows = [f"| {one.kind} | {plain(one.where)} | {plain(one.message)} |" for one in verdict.findings[:200]]
    table = ["", "| kind | where | what |", "|---|---|---|", *rows] if rows else []
    artifacts.markdown("verify", said, "\n".join([f"# {plain(said)}", *table]))
    get_run_logger().log(20 if verdict.ok else 40, "Verify: %s", said)
    return {"ok": verdict.ok, "findings": len(verdict.findings), "said": said}
