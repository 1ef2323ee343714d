"""What `wrist browse` shows: Datasette's metadata for the public views, the documented queries and thumbnails."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

from db.home import sqlite_file
from db.query.documented_queries import queries
from db.query.plots import PLOTS, page
from db.schema.all_tables import METADATA
from db.schema.views import VIEWS
from wrist_model.errors import CatalogueError

__all__ = ["PLOTS", "command", "heat_map", "metadata", "page", "thumbnail"]
FACETS = {
    "studies": ["label", "split", "source", "body_part"],
    "images": ["format", "label", "split", "inverted", "hardware"],
    "quarantined_files": ["reason_code"],
    "ingest_runs": ["status", "source"],
    "dataset_members": ["split", "label", "included", "excluded_reason"],
    "training_runs": ["architecture", "status"],
    "model_versions": ["architecture", "role"],
    "study_predictions": ["architecture", "purpose", "split", "label", "predicted_label"],
    "image_predictions": ["architecture", "purpose", "split", "label", "predicted_label"],
    "evaluation_metrics": ["architecture", "metric", "split", "level", "subgroup"],
    "explanations": ["method", "withheld"],
    "tuning_trials": ["architecture", "state"],
    "label_history": ["label_version", "label"],
    "exclusions": ["undone", "actor"],
    "corrections": ["kind", "actor"],
    "drift_checks": ["feature", "alert"],
    "stage_costs": ["flow", "stage"],
    "promotions": ["decision", "decided_by"],
    "audit_trail": ["table_name", "actor"],
}


def metadata() -> dict[str, Any]:
    """Datasette's metadata: titles, facets, hidden tables, the queries of docs/sql.md."""
    tables: dict[str, Any] = {name: {"facets": FACETS.get(name, [])} for name in VIEWS}
    tables |= {name: {"hidden": True} for name in [*METADATA.tables, "alembic_version", "sqlite_stat1"]}
    named = {_slug(heading): {"title": heading, "sql": sql} for heading, sql in queries().items()}
    about = (
        'Query the views; docs/sql.md says what their columns mean. <a href="/-/plots">Plots</a>. '
        "Read-only. Not for diagnosis."
    )
    return {
        "title": "Wrist: the catalogue and its audit trail",
        "description_html": about,
        "databases": {"catalogue": {"description_html": about, "tables": tables, "queries": named}},
        "plugins": {},
    }


def command(url: str, home: Path, port: int = 8001, host: str = "127.0.0.1") -> list[str]:
    """The command that opens Datasette read-only on the catalogue; writes its metadata and plugin below the home.

    Raises CatalogueError for PostgreSQL (make a backup and browse that) and where Datasette is not installed.
    """
    file = sqlite_file(url)
    if file is None:
        raise CatalogueError(
            "Datasette reads SQLite: `wrist db backup FILE`, then `WRIST_DATABASE_URL=sqlite:///FILE wrist browse`."
        )
    try:
        import datasette  # noqa: F401
    except ImportError:
        raise CatalogueError(
            f"Datasette is not installed; the extra `browse` names it: {sys.executable} -m pip install 'datasette<1'"
        ) from None
    folder = home / "browse"
    (folder / "plugins").mkdir(parents=True, exist_ok=True)
    (folder / "metadata.json").write_text(json.dumps(metadata(), indent=1), encoding="utf-8")
    (folder / "plugins" / "wrist_thumbnails.py").write_text(PLUGIN, encoding="utf-8")
    return [
        *(sys.executable, "-m", "datasette", "serve", str(file), "--host", host, "--port", str(port)),
        *("--metadata", str(folder / "metadata.json"), "--plugins-dir", str(folder / "plugins")),
        *("--setting", "sql_time_limit_ms", "10000", "--setting", "allow_download", "off"),
        *("--setting", "default_page_size", "50", "--setting", "suggest_facets", "off"),
    ]


PLUGIN = '''"""Written by `wrist browse`: small pictures beside ids, bars beside shares, and a page of plots."""
from pathlib import Path

from datasette import Response, hookimpl
from markupsafe import Markup

from db.query import datasette_plugin as browse

HOME = Path(__file__).parent.parent.parent


@hookimpl
def render_cell(value, column):
    if isinstance(value, str) and (column, value[:3]) in browse.CELLS:
        return Markup(browse.CELLS[column, value[:3]]).format(value)
    if column in browse.SHARES and isinstance(value, float) and 0 <= value <= 1:
        return Markup(browse.METER).format(value, value)
    return None


@hookimpl
def register_routes():
    def picture(sql, make, kind):
        async def route(datasette, request):
            rows = await datasette.get_database().execute(sql, {"uid": request.url_vars["uid"]})
            made = make(rows.first(), HOME)
            return Response(made or b"", status=200 if made else 404, content_type=kind)

        return route

    async def plots(datasette, request):
        database = datasette.get_database()
        answers = [[tuple(row) for row in (await database.execute(plot.sql)).rows] for plot in browse.PLOTS]
        return Response.html(browse.page(answers))

    return [
        (r"^/-/thumbnail/(?P<uid>im-[0-9A-Za-z-]+)$", picture(browse.PLACE, browse.thumbnail, "image/jpeg")),
        (r"^/-/map/(?P<uid>ex-[0-9A-Za-z-]+)$", picture(browse.MAP, browse.heat_map, "image/png")),
        (r"^/-/plots$", plots),
    ]


@hookimpl
def menu_links(datasette, actor):
    return [{"href": datasette.urls.path("/-/plots"), "label": "Plots"}]
'''
PLACE = (
    "SELECT i.format, i.pixel_sha256, i.inverted, l.root, l.path FROM image i "
    "LEFT JOIN image_location l ON l.image_id = i.id WHERE i.image_uid = :uid"
)
MAP = "SELECT path FROM explanation WHERE explanation_id = :uid AND withheld = 0"
_PICTURE = '{0}<br><img src="/-/thumbnail/{0}" width="96" alt="radiograph {0}" loading="lazy" onerror="this.remove()">'
CELLS = {
    ("image_uid", "im-"): _PICTURE,
    ("image_a", "im-"): _PICTURE,
    ("image_b", "im-"): _PICTURE,
    ("explanation_id", "ex-"): _PICTURE.replace("thumbnail", "map").replace("96", "192").replace("radiograph", "map"),
    ("study_uid", "st-"): '<a href="/catalogue/images?study_uid={0}">{0}</a>',
}
"""(column, how its value begins) → what is shown for it."""
METER = '{:.4f}<br><meter min="0" max="1" value="{:.4f}" style="width:8em"></meter>'
SHARES = frozenset({"value", "probability", "raw_probability", "sensitivity", "specificity", "val_accuracy"})


def thumbnail(row: Any, home: Path, size: int = 96) -> bytes | None:
    """A JPEG of a stored image, bone bright, at most `size` wide, or None where its file is gone or no picture."""
    from PIL import Image, ImageOps

    if row is None:
        return None
    sha256 = row["pixel_sha256"]
    stored = home / "pixels" / sha256[:2] / f"{sha256}.png"
    decoded = row["format"] == "dicom"
    file = stored if decoded else Path(row["root"] or "") / (row["path"] or "")
    try:
        with Image.open(file) as picture:
            grey = picture.convert("L")
            grey.thumbnail((size, size))
            if row["inverted"] and not decoded:
                grey = ImageOps.invert(grey)
            stream = io.BytesIO()
            grey.save(stream, "JPEG", quality=80)
    except (OSError, ValueError):
        return None
    return stream.getvalue()


def heat_map(row: Any, home: Path) -> bytes | None:
    """The stored heat map of an explanation that was not withheld, or None where its file is gone."""
    file = home / row["path"] if row else home
    return file.read_bytes() if file.is_file() and file.resolve().is_relative_to(home.resolve()) else None


def _slug(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")[:60]
