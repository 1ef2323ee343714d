"""Datasette's plug-in of `wrist browse`: small pictures beside ids, bars beside shares. Datasette loads this folder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from datasette import Response, hookimpl
from markupsafe import Markup

from db.query import datasette_plugin

Route = Callable[[Any, Any], Awaitable[Response]]


@hookimpl
def render_cell(value: Any, column: str) -> Markup | None:
    if isinstance(value, str) and (column, value[:3]) in datasette_plugin.CELLS:
        return Markup(datasette_plugin.CELLS[column, value[:3]]).format(value)  # noqa: S704  (the text is ours; format escapes)
    if column in datasette_plugin.SHARES and isinstance(value, float) and 0 <= value <= 1:
        return Markup(datasette_plugin.METER).format(value, value)  # noqa: S704
    return None


@hookimpl
def register_routes() -> list[tuple[str, Route]]:
    return [
        (
            r"^/-/thumbnail/(?P<uid>im-[0-9A-Za-z-]+)$",
            _picture(datasette_plugin.IMAGE_FILE, datasette_plugin.thumbnail),
        ),
        (
            r"^/-/map/(?P<uid>ex-[0-9A-Za-z-]+)$",
            _picture(datasette_plugin.MAP_FILE, datasette_plugin.heat_map),
        ),
    ]


KINDS = {b"\xff\xd8": "image/jpeg", b"<s": "image/svg+xml"}  # by how they begin; all else is PNG


def _picture(sql: str, make: Callable[[Any, Path], bytes | None]) -> Route:
    """A page that answers with the picture that `make` gives of the row with this id, or with 404 and a picture that
    says so."""

    async def route(datasette: Any, request: Any) -> Response:
        rows = await datasette.get_database().execute(sql, {"uid": request.url_vars["uid"]})
        made = make(rows.first(), Path(datasette.plugin_config("wrist_pictures")["home"]))
        content = made or datasette_plugin.in_words("no file")
        return Response(content, status=200 if made else 404, content_type=KINDS.get(content[:2], "image/png"))

    return route
