"""What `wrist browse` shows: Datasette's metadata for the public views, the documented queries and thumbnails."""

from __future__ import annotations

import html
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

from db.documented import queries
from db.engine import sqlite_file
from db.views import VIEWS
from wrist_model.errors import CatalogueError

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
    "promotions": ["decision", "decided_by"],
    "audit_trail": ["table_name", "actor"],
}


def metadata() -> dict[str, Any]:
    """Datasette's metadata: titles, facets, hidden tables, the queries of docs/sql.md."""
    import db.schema_runs  # noqa: F401  (registers its tables)
    from db.columns import Base

    tables: dict[str, Any] = {name: {"facets": FACETS.get(name, [])} for name in VIEWS}
    tables |= {name: {"hidden": True} for name in [*Base.metadata.tables, "alembic_version"]}
    named = {_slug(heading): {"title": heading, "sql": sql} for heading, sql in queries().items()}
    about = "Query the views; docs/sql.md says what their columns mean. Read-only. Not for diagnosis."
    return {
        "title": "Wrist: the catalogue and its audit trail",
        "description": about,
        "databases": {"catalogue": {"tables": tables, "queries": named}},
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
        raise CatalogueError("Datasette is not installed: pip install 'wrist[browse]'.") from None
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


PLUGIN = '''"""Written by `wrist browse`: small pictures beside image ids, bars beside shares, and a page of plots."""
from pathlib import Path

from datasette import Response, hookimpl
from markupsafe import Markup

from db import browse

HOME = Path(__file__).parent.parent.parent


@hookimpl
def render_cell(value, column):
    if column in ("image_uid", "image_a", "image_b") and isinstance(value, str) and value.startswith("im-"):
        return Markup(browse.PICTURE).format(value)
    if column in browse.SHARES and isinstance(value, float) and 0 <= value <= 1:
        return Markup(browse.METER).format(value, value)
    return None


@hookimpl
def register_routes():
    async def thumbnail(datasette, request):
        rows = await datasette.get_database().execute(browse.PLACE, {"uid": request.url_vars["uid"]})
        made = browse.thumbnail(rows.first(), HOME)
        return Response(made or b"", status=200 if made else 404, content_type="image/jpeg")

    async def plots(datasette, request):
        database = datasette.get_database()
        answers = [[tuple(row) for row in (await database.execute(sql)).rows] for _, sql in browse.PLOTS]
        return Response.html(browse.plots(answers))

    return [(r"^/-/thumbnail/(?P<uid>im-[0-9A-Za-z-]+)$", thumbnail), (r"^/-/plots$", plots)]


@hookimpl
def menu_links(datasette, actor):
    return [{"href": datasette.urls.path("/-/plots"), "label": "Plots"}]
'''
PLACE = (
    "SELECT i.format, i.pixel_sha256, l.root, l.path FROM image i "
    "LEFT JOIN image_location l ON l.image_id = i.id WHERE i.image_uid = :uid"
)
PICTURE = '{0}<br><img src="/-/thumbnail/{0}" width="96" alt="radiograph {0}" loading="lazy">'
METER = '{:.4f}<br><meter min="0" max="1" value="{:.4f}" style="width:8em"></meter>'
SHARES = frozenset({"value", "probability", "raw_probability", "sensitivity", "specificity", "val_accuracy"})
PLOTS = (
    (
        "Loss by epoch (validation)",
        "SELECT t.architecture || ' ' || substr(t.training_run_id, 4, 4), h.epoch, h.val_loss FROM training_history h "
        "JOIN training_runs t ON t.training_run_id = h.training_run_id ORDER BY t.started_at, h.epoch LIMIT 2000",
    ),
    (
        "Study AUC on test, by evaluation",
        "SELECT architecture, row_number() OVER (PARTITION BY architecture ORDER BY created_at), value "
        "FROM evaluation_metrics WHERE metric = 'roc_auc' AND level = 'study' AND split = 'test' AND subgroup = 'all'",
    ),
    (
        "Calibrated study scores on test, by label (share in tenths)",
        "SELECT 'label ' || label, cast(probability * 10 AS INT), "
        "1.0 * count(*) / sum(count(*)) OVER (PARTITION BY label) "
        "FROM study_predictions WHERE split = 'test' AND probability IS NOT NULL "
        "GROUP BY label, cast(probability * 10 AS INT) ORDER BY 1, 2",
    ),
)
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # Okabe and Ito, colour-blind safe


def plots(answers: list[list[tuple[Any, ...]]]) -> str:
    """A page of line charts, one a query of PLOTS; each row is (series, x, y)."""
    parts = ['<!doctype html><html lang="en"><meta charset="utf-8"><title>Wrist: plots</title>']
    parts.append('<body style="font-family:sans-serif;max-width:50em;margin:auto"><p><a href="/">Back</a></p>')
    for (title, _), rows in zip(PLOTS, answers, strict=True):
        parts.append(f"<h2>{html.escape(title)}</h2>{_chart(rows) if rows else '<p>Nothing stored yet.</p>'}")
    return "\n".join(parts) + "</body></html>"


def _chart(rows: list[tuple[Any, ...]], width: int = 640, height: int = 260) -> str:
    kept = [(str(name), float(x), float(y)) for name, x, y in rows if x is not None and y is not None]
    if not kept:
        return "<p>Nothing stored yet.</p>"
    xs, ys = [x for _, x, _ in kept], [y for _, _, y in kept]
    low, high = min(0.0, *ys), max(*ys, 1e-9)
    left, right = min(xs), max(xs) if max(xs) > min(xs) else min(xs) + 1

    def place(x: float, y: float) -> str:
        across = 50 + (width - 70) * (x - left) / (right - left)
        return f"{across:.1f},{height - 30 - (height - 50) * (y - low) / (high - low):.1f}"

    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" style="width:100%">']
    for y in (low, (low + high) / 2, high):
        point = place(left, y).split(",")[1]
        parts.append(f'<line x1="50" x2="{width - 20}" y1="{point}" y2="{point}" stroke="#ddd"/>')
        parts.append(f'<text x="45" y="{point}" font-size="11" text-anchor="end">{y:.3g}</text>')
    for x in {left, right}:
        across = place(x, low).split(",")[0]
        parts.append(f'<text x="{across}" y="{height - 12}" font-size="11" text-anchor="middle">{x:g}</text>')
    for n, name in enumerate(dict.fromkeys(one for one, _, _ in kept)):
        colour = COLOURS[n % len(COLOURS)]
        points = [place(x, y) for one, x, y in kept if one == name]
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        dots = (point.split(",") for point in points)
        parts += [f'<circle cx="{cx}" cy="{cy}" r="3" fill="{colour}"/>' for cx, cy in dots]
        parts.append(f'<text x="{width - 20}" y="{15 + 14 * n}" font-size="12" text-anchor="end" fill="{colour}">')
        parts.append(f"{html.escape(name)}</text>")
    return "".join(parts) + "</svg>"


def thumbnail(row: Any, home: Path, size: int = 96) -> bytes | None:
    """A JPEG at most `size` pixels wide of a stored image, or None where its file is gone or no picture."""
    from PIL import Image

    if row is None:
        return None
    sha256 = row["pixel_sha256"]
    stored = home / "pixels" / sha256[:2] / f"{sha256}.png"
    file = stored if row["format"] == "dicom" else Path(row["root"] or "") / (row["path"] or "")
    try:
        with Image.open(file) as picture:
            grey = picture.convert("L")
            grey.thumbnail((size, size))
            stream = io.BytesIO()
            grey.save(stream, "JPEG", quality=80)
    except (OSError, ValueError):
        return None
    return stream.getvalue()


def _slug(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")[:60]
