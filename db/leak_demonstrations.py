"""Figures of the leaky protocol, stored beside the honest ones; apart from all evaluations."""

from __future__ import annotations

from db.audit.chain import append
from db.engine import Catalogue, reading, writing
from db.lookups import every, row_id
from wrist_model.evidence_records import LeakDemonstration
from wrist_model.records import Provenance

Figure = tuple[str, float | None, tuple[float | None, float | None], int, int, str]
"""Protocol, value, its limits, images, patients, remark."""


def add_leak_demonstration(
    engine: Catalogue,
    dataset_id: str,
    shown: LeakDemonstration,
    by: Provenance,
    *,
    recipe_sha256: str | None = None,
    honest_evaluation_id: str | None = None,
) -> None:
    """Write the leaky figure (protocol image_split), its control (patient_split_of_copies) where there is one and,
    where honest_evaluation_id names the evaluation that it comes from, the honest one (patient_split)."""
    with writing(engine) as connection:
        head = {
            "dataset_version_id": row_id(connection, "dataset_version", "dataset_id", dataset_id),
            "recipe_sha256": recipe_sha256,
            "architecture": shown.architecture,
            "metric": shown.metric,
        }
        siblings = f"{shown.share_with_sibling:.4f} of the test images have a copy or a sibling in train"
        same = "the same copies, sizes and steps as image_split, dealt by patient: what differs is the leak"
        figures: list[Figure] = [
            ("image_split", shown.leaky, shown.leaky_ci, shown.n_leaky_images, shown.n_leaky_patients, siblings)
        ]
        if shown.n_control_images:
            count = shown.n_control_images, shown.n_control_patients
            figures.append(("patient_split_of_copies", shown.control, shown.control_ci, *count, same))
        if honest_evaluation_id is not None:
            count = shown.n_honest_images, shown.n_honest_patients
            said = f"the honest figure, of {honest_evaluation_id}"
            figures.append(("patient_split", shown.honest, shown.honest_ci, *count, said))
        for protocol, value, (low, high), images, patients, note in figures:
            row = {**head, "protocol": protocol, "value": value, "ci_low": low, "ci_high": high}
            row |= {"n_images": images, "n_patients": patients, "note": note}
            append(connection, "leak_demonstration", [row], by)


def leak_demonstrations(engine: Catalogue, dataset_id: str) -> tuple[LeakDemonstration, ...]:
    """The newest leaky figure of each network and metric on a data-set version, its control, the newest honest one."""
    with reading(engine) as connection:
        rows = every(
            connection,
            "SELECT k.id, k.architecture, k.metric, k.protocol, k.value, k.ci_low, k.ci_high, k.n_images, "
            "k.n_patients, k.note FROM leak_demonstration k JOIN dataset_version d ON d.id = k.dataset_version_id "
            "WHERE d.dataset_id = :id ORDER BY k.id",
            id=dataset_id,
        )
    newest = {(row.architecture, row.metric, row.protocol): row for row in rows}
    found = []
    for (architecture, metric, protocol), leaky in newest.items():
        if protocol != "image_split":
            continue
        honest = newest.get((architecture, metric, "patient_split"))
        control = newest.get((architecture, metric, "patient_split_of_copies"))
        if control and control.id < leaky.id:  # of an earlier demonstration
            control = None
        found.append(
            LeakDemonstration(
                architecture,
                metric,
                leaky.value,
                honest.value if honest else None,
                leaky.n_images,
                float(leaky.note.split(" ", 1)[0]) if leaky.note[:1].isdigit() else 0.0,
                (leaky.ci_low, leaky.ci_high),
                leaky.n_patients,
                (honest.ci_low, honest.ci_high) if honest else (None, None),
                honest.n_images if honest else 0,
                honest.n_patients if honest else 0,
                control.value if control else None,
                (control.ci_low, control.ci_high) if control else (None, None),
                control.n_images if control else 0,
                control.n_patients if control else 0,
            )
        )
    return tuple(found)
