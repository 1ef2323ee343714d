"""Flow `freeze`: freeze the catalogue's labelled images as a hashed data-set version."""

from __future__ import annotations

from prefect import flow

from tasks.freeze import freeze as task


@flow(name="freeze", flow_run_name="freeze", description=__doc__)
def freeze() -> str:
    """Gives the data-set version's id; it may lack a class, as a catalogue that grows does."""
    return task(need_both_classes=False)
