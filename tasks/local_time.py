"""Times as people read them: of this machine's zone, which is named."""

from __future__ import annotations

from datetime import datetime


def local(moment: datetime | str | None) -> str:
    """`Sat 2026-11-28 00:30 CET`; `?` for none. A text is ISO 8601 with its zone, as the catalogue stores it."""
    if not moment:
        return "?"
    when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{when.astimezone():%a %Y-%m-%d %H:%M %Z}"
