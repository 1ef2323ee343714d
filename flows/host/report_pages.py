"""Reports, model cards, checklists, heat maps and an anchor over HTTP, below /reports/, behind the front door.

A file is served by its bare name, of the forms that Wrist itself gives, out of two folders, through no link but
`latest.html`. No page may run a script: the password lies in this address's local storage.
"""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from db.home import explanation_folder, latest_report_file
from tasks.local_time import local

NAMED = re.compile(r"[\w][\w.+-]{0,200}\.(?:html|md)")
MAP = re.compile(r"[0-9a-f]{64}\.png")
ANCHOR = "anchor.json"
TYPES = {".html": "text/html; charset=utf-8", ".md": "text/plain; charset=utf-8", ".png": "image/png"}
HEADERS = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_KINDS = {"": "report", "-model-card": "model card", "-claim": "CLAIM", "-tripod-ai": "TRIPOD+AI"}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1b2733;"
    "background:#fff}li{margin:.5rem 0}code{overflow-wrap:anywhere}a{color:#1f5fa8}"
    "@media(prefers-color-scheme:dark){body{color:#e4e9ee;background:#161b21}a{color:#8dbcf2}}"
)


class ReportPages:
    """What this home's reports folders hold. base: the path below which a proxy shows the server, or ""."""

    def __init__(self, home: Path, base: str = "") -> None:
        self.home, self.base = home, base

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        answer = await asyncio.to_thread(self.answer, Request(scope))
        await answer(scope, receive, send)

    def answer(self, request: Request) -> Response:
        """The page of this path, or a 404."""
        name = str(request.scope["path"]).removeprefix("/reports").removeprefix("/")
        folder, bare = latest_report_file(self.home).parent, name
        if not name:
            return HTMLResponse(self._index(folder), 200, HEADERS)
        if name == ANCHOR:
            return self._anchor()
        if name == latest_report_file(self.home).name:
            with suppress(OSError):
                bare = str(latest_report_file(self.home).readlink())
        elif name.startswith("maps/"):
            folder, bare = explanation_folder(self.home), name.removeprefix("maps/")
        form = MAP if folder == explanation_folder(self.home) else NAMED
        content = _read(folder / bare) if form.fullmatch(bare) else None
        if content is None:
            said = f'<h1>No such page</h1><p><a href="{self.base}/reports/">All reports</a></p>'
            return HTMLResponse(_page("No such page", said), 404, HEADERS)
        return Response(content, 200, HEADERS, TYPES[Path(bare).suffix])

    def _index(self, folder: Path) -> str:
        """The reports, newest first, each with what lies beside it."""
        rows = []
        for path, at in sorted(_pages(folder), key=lambda one: one[1], reverse=True):
            group = re.sub(r"-[0-9a-f]{12}$", "", path.stem)  # the data set and the evaluation
            beside = [
                f'<a href="{self.base}/reports/{html.escape(one.name)}">{_KINDS[end]}</a>'
                for one, end in _beside(folder, group, path)
            ]
            rows.append(
                f"<li>{local(datetime.fromtimestamp(at, UTC))}: {', '.join(beside)} <code>{html.escape(group)}</code>"
            )
        head = "<h1>Reports</h1>" + ("" if rows else "<p>None yet: <code>wrist retrain</code> writes one.</p>")
        more = (
            f'<p><a href="{self.base}/reports/{ANCHOR}">Anchor</a>: the audit chain as it is now. Keep it elsewhere; '
            f'<code>wrist verify --anchor FILE</code> compares. <a href="{self.base}/">Runs</a> · '
            f'<a href="{self.base}/sign-out">Sign out</a></p>'
        )
        return _page("Reports", f"{head}<ol>{''.join(rows)}</ol>{more}")

    def _anchor(self) -> Response:
        from db.audit.anchor_file import anchor
        from db.engine import open_catalogue, reading
        from wrist_model.errors import WristError

        try:
            engine = open_catalogue(self.home, existing=True, writes=False)
            try:
                with reading(engine) as connection:
                    content = anchor(connection)
            finally:
                engine.dispose()
        except WristError as error:
            return JSONResponse({"error": str(error)}, 503, HEADERS)
        kept = {**HEADERS, "Content-Disposition": 'attachment; filename="wrist-anchor.json"'}
        return Response(json.dumps(content, indent=1) + "\n", 200, kept, "application/json")


def _pages(folder: Path) -> Iterator[tuple[Path, float]]:
    """The reports themselves, with their times."""
    with suppress(OSError):
        for path in folder.iterdir():
            is_page = NAMED.fullmatch(path.name) and path.suffix == ".html" and path.is_file() and not path.is_symlink()
            if is_page and not path.stem.endswith(tuple(end for end in _KINDS if end)):
                yield path, path.stat().st_mtime


def _beside(folder: Path, group: str, page: Path) -> Iterator[tuple[Path, str]]:
    """The page, and the newest of each document of its data set and evaluation that is no newer than it."""
    yield page, ""
    for end in filter(None, _KINDS):
        of_kind = [
            one
            for one in folder.glob(f"{group}-????????????{end}.html")
            if NAMED.fullmatch(one.name) and one.stat().st_mtime <= page.stat().st_mtime + 60
        ]
        if of_kind:
            yield max(of_kind, key=lambda one: one.stat().st_mtime), end


def _read(path: Path) -> bytes | None:
    """A regular file's content, never through a link; None where there is none."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as stream:
            return stream.read() if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else None
    except OSError:
        return None


def _page(title: str, text: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{title} · Wrist</title><style>{_STYLE}</style></head>'
        f"<body>{text}</body></html>"
    )
