"""The words by which tables and lists state a label."""

from __future__ import annotations


def label(text: str) -> int | None:
    """`positive` or `abnormal`, `negative` or `normal`, `1`, `0` or empty. Raises ValueError for anything else."""
    said = text.strip().lower()
    if said in ("positive", "abnormal", "1", "1.0"):
        return 1
    if said in ("negative", "normal", "0", "0.0"):
        return 0
    if said in ("", "nan", "none", "null"):
        return None
    raise ValueError(said)
