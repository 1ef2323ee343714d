"""The queries of docs/sql.md, by their headings: what `wrist browse` offers and the tests run."""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENT = Path(__file__).with_name("sql.md")  # a link to docs/sql.md in a checkout, a copy of it in a wheel


def queries() -> dict[str, str]:
    """heading → SQL, in the order of the document."""
    found = re.findall(r"^### (.+?)\n```sql\n(.+?)\n```", DOCUMENT.read_text(encoding="utf-8"), re.M | re.S)
    return {heading: sql.strip() for heading, sql in found}
