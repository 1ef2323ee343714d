"""Flow `freeze`: freeze the catalogue's labelled images as a hashed data-set version."""

from __future__ import annotations

from prefect import flow

from tasks.freeze import freeze as freeze_dataset


@flow(name="freeze", flow_run_name="freeze", description=__doc__)
def freeze(mixed_labels: bool = False) -> str:
    """Gives the data-set version's id; it may lack a class, as a catalogue that grows does.

    Args:
        mixed_labels: The sources' labels may mean different things.
    """
    return freeze_dataset(need_both_classes=False, mixed_labels=mixed_labels)
