"""Where this home's server shows a page, as a link of the same address; on another Prefect server there is none."""

from __future__ import annotations

import os

BASE = "WRIST_PAGES"  # in the environment of processes that use the home's own server: the path that it is shown below


def link(path: str) -> str | None:
    """The link to a path of the home's server, such as `/reports/latest.html`; None where another server is used."""
    base = os.environ.get(BASE)
    return None if base is None else base.rstrip("/") + path


def report(path: object) -> str | None:
    """The link to a report, model card or checklist by its file's path."""
    return link(f"/reports/{str(path).rpartition('/')[2]}")
