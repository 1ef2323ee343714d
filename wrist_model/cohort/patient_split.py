"""In which split a patient stands: decided by a keyed hash when the patient is first seen."""

from __future__ import annotations

import hashlib
from typing import Literal

from wrist_model.recipe import SplitRecipe
from wrist_model.records import Split


def assign(rule: SplitRecipe, namespace: str, raw_patient: str, official: Literal["test", "train"] | None) -> Split:
    """Where a patient stands, from SHA-256 of the rule's seed, the source and the raw identifier: the same everywhere.

    official: MURA's own division. Its test patients are test; its train patients are train or validation only, in the
    proportion of those two shares. Everybody else falls by all three shares.
    """
    if official == "test":
        return "test"
    parts = (str(rule.seed).encode(), namespace.encode(), raw_patient.encode("utf-8", "surrogateescape"))
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    draw = int.from_bytes(hashlib.sha256(message).digest()[:8], "big") / 2**64
    if official == "train":
        return "train" if draw < rule.train / (rule.train + rule.validation) else "validation"
    if draw < rule.train:
        return "train"
    return "validation" if draw < rule.train + rule.validation else "test"
