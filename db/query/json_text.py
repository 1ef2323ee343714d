"""JSON text that every parser takes: no bare Infinity or NaN."""

from __future__ import annotations

import json
import math
from typing import Any


def json_text(value: Any, indent: int) -> str:
    """Numbers that JSON lacks become the texts "Infinity", "-Infinity" and "NaN", as in PostgreSQL's own JSON.

    What is neither a number, text, list nor dictionary is written as its text.
    """
    return json.dumps(_finite(value), indent=indent, default=str, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value
