"""What `wrist browse` shows: Datasette's metadata for the public views, the documented queries, plots and pictures."""

from __future__ import annotations

import io
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from db.home import browse_folder, sqlite_file, stored_pixels
from db.query.documented_queries import queries
from db.schema.all_tables import METADATA
from db.schema.views import VIEWS
from wrist_model.errors import CatalogueError

PLUGINS = Path(__file__).parent / "plugins"
TEMPLATES = Path(__file__).parent / "templates"
PLOTS = Path(__file__).parent / "plots.toml"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # Okabe and Ito, colour-blind safe
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
    "regions": ["class", "source", "drawn_by"],
    "refused_regions": ["reason_code", "source"],
    "localisation_metrics": ["class", "metric"],
    "tuning_trials": ["architecture", "state"],
    "label_history": ["label_version", "label"],
    "exclusions": ["undone", "actor"],
    "corrections": ["kind", "actor"],
    "drift_checks": ["feature", "alert"],
    "stage_costs": ["flow", "stage"],
    "promotions": ["decision", "decided_by"],
    "audit_trail": ["table_name", "actor"],
}


BEGIN = (
    "The headline table: test metrics of each model with their intervals",
    "The surest mistakes of the champion on the hold-out",
    "What was refused, by reason",
)
"""Documented queries that the first page leads to; the first of them stands in the box for a query, too."""


def metadata(home: Path) -> dict[str, Any]:
    """Datasette's metadata: titles, facets, hidden tables, the queries of docs/sql.md, the plots."""
    tables: dict[str, Any] = {name: {"facets": FACETS.get(name, [])} for name in VIEWS}
    tables |= {name: {"hidden": True} for name in [*METADATA.tables, "alembic_version", "sqlite_stat1"]}
    named = {_slug(heading): {"title": heading, "sql": sql} for heading, sql in queries().items()}
    links = [f'<a href="/catalogue/{_slug(heading)}">{heading}</a>' for heading in BEGIN]
    about = (
        f'<p><strong>Begin here:</strong> {" · ".join(links)} · <a href="/-/dashboards/plots">Plots</a></p>'
        "<p>Query the views; docs/sql.md says what their columns mean. Read-only. Not for diagnosis.</p>"
    )
    database = {"description_html": about, "tables": tables, "queries": named, "first_query": queries()[BEGIN[0]]}
    return {
        "title": "Wrist: the catalogue and its audit trail",
        "description_html": about,
        "databases": {"catalogue": database},
        "plugins": {"datasette-dashboards": {"plots": plots()}, "wrist_pictures": {"home": str(home)}},
    }


def plots() -> dict[str, Any]:
    """The dashboard of plots.toml, for the plug-in datasette-dashboards."""
    dashboard = tomllib.loads(PLOTS.read_text(encoding="utf-8"))
    for chart in dashboard["charts"].values():
        chart |= {"db": "catalogue", "library": "vega-lite"}
        chart["display"] |= {"config": {"range": {"category": COLOURS}, "background": "transparent"}}
    return dashboard


def command(url: str, home: Path, port: int = 8001, host: str = "127.0.0.1") -> tuple[list[str], Path]:
    """The command that opens Datasette read-only on the catalogue, and the folder to run it in; writes its metadata
    below the home.

    Datasette puts the file's path into an address as it is: `?`, `#` and `%` in it would open, and make, another file.
    So it runs in the file's folder. Raises CatalogueError for a file whose own name has one of them, for PostgreSQL
    (make a backup and browse that) and where Datasette is not installed.
    """
    file = sqlite_file(url)
    if file is None:
        raise CatalogueError(
            "Datasette reads SQLite: `wrist db backup FILE`, then `WRIST_DATABASE_URL=sqlite:///FILE wrist browse`."
        )
    if set("?#%") & set(file.name):
        raise CatalogueError(f"{file}: Datasette can't open a file with ?, # or % in its name. Rename it.")
    try:
        import datasette  # noqa: F401
        import datasette_dashboards  # noqa: F401
    except ImportError:
        raise CatalogueError(
            f"Datasette is not installed; the extra `browse` names it: {sys.executable} -m pip install 'datasette<1' "
            "datasette-dashboards"
        ) from None
    about = browse_folder(home.absolute()) / "metadata.json"
    about.parent.mkdir(parents=True, exist_ok=True)
    about.write_text(json.dumps(metadata(home.absolute()), indent=1), encoding="utf-8")
    return [
        *(sys.executable, "-P", "-m", "datasette", "serve", file.name, "--host", host, "--port", str(port)),
        *("--metadata", str(about), "--plugins-dir", str(PLUGINS), "--template-dir", str(TEMPLATES)),
        *("--setting", "sql_time_limit_ms", "10000", "--setting", "allow_download", "off"),
        *("--setting", "default_page_size", "50", "--setting", "suggest_facets", "off"),
        *("--setting", "max_returned_rows", "2000"),
    ], file.absolute().parent


IMAGE_FILE = (
    "SELECT i.format, i.pixel_sha256, i.inverted, l.root, l.path FROM image i "
    "LEFT JOIN image_location l ON l.image_id = i.id WHERE i.image_uid = :uid"
)
MAP_FILE = "SELECT path, withheld FROM explanation WHERE explanation_id = :uid"
_PICTURE = '{0}<br><img src="/-/thumbnail/{0}" width="96" alt="radiograph {0}" loading="lazy">'
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
    decoded = row["format"] == "dicom"
    file = stored_pixels(home, row["pixel_sha256"]) if decoded else Path(row["root"] or "") / (row["path"] or "")
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
    """The stored heat map of an explanation, a picture of the word where it is withheld, or None: its file is gone."""
    if row and row["withheld"]:
        return in_words("withheld")
    file = home / row["path"] if row else home
    return file.read_bytes() if file.is_file() and file.resolve().is_relative_to(home.resolve()) else None


def in_words(text: str) -> bytes:
    """An SVG of a word, where there is no picture to show."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="192" height="48"><rect width="192" height="48" fill="#e9edf0"/>'
        f'<text x="96" y="29" text-anchor="middle" font-family="sans-serif" font-size="18" fill="#51606c">{text}</text>'
        "</svg>"
    ).encode()


def _slug(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")[:60]
