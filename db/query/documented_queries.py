"""The queries of docs/sql.md, by their headings: what `wrist browse` offers and the tests run."""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "sql.md"


def queries() -> dict[str, str]:
    """heading → SQL, in the order of the document; empty where the document is not beside the code."""
    if not DOCUMENT.exists():
        return {}
    found = re.findall(r"^### (.+?)\n```sql\n(.+?)\n```", DOCUMENT.read_text(encoding="utf-8"), re.M | re.S)
    return {heading: sql.strip() for heading, sql in found}
