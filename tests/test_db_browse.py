"""`wrist browse`: Datasette on the views, with the documented queries, thumbnails and plots; and `wrist db …`."""

from __future__ import annotations

import html
import io
import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import pytest
from db_story import BY, FACTS, record, tell
from PIL import Image

from db import images, ingest_runs
from db.engine import open_catalogue
from db.home import database_url
from db.query import datasette_plugin
from db.query.documented_queries import queries
from wrist_model.errors import CatalogueError

WRIST = [sys.executable, "-m", "flows.console.cli"]
ROOT = Path(__file__).parent.parent
OWN_SERVER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy stands before 127.0.0.1


def test_datasette_shows_views_queries_thumbnails_and_plots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    home, pictures = tmp_path / "Röntgen 50% #1 ?x=1" / "home", tmp_path / "pictures"
    engine = open_catalogue(home)
    tell(engine)
    run = ingest_runs.begin_ingest(engine, "folder", BY, FACTS)
    shown = record(70, root=str(pictures))
    (pictures / shown.path).parent.mkdir(parents=True)
    Image.new("L", (400, 512), 90).save(pictures / shown.path)
    images.add_images(engine, run, [shown], BY)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command, folder = datasette_plugin.command(database_url(home), home, port)
    server = subprocess.Popen(command, cwd=folder)
    try:
        base = f"http://127.0.0.1:{port}"
        views = json.loads(fetch(f"{base}/catalogue.json", server))
        assert {"studies", "audit_trail"} <= {view["name"] for view in views["views"]} and len(views["queries"]) == len(
            queries()
        )
        assert [table["name"] for table in views["tables"] if not table["hidden"]] == []
        page = fetch(f"{base}/catalogue/images?image_uid=im-0070-0").decode()
        assert "/-/thumbnail/im-0070-0" in page
        assert fetch(f"{base}/-/thumbnail/im-0070-0")[:2] == b"\xff\xd8"
        [shown_map] = json.loads(fetch(f"{base}/catalogue/explanations.json?_shape=array"))
        assert fetch(f"{base}/-/map/{shown_map['explanation_id']}") == (home / "explanations" / "one").read_bytes()
        assert "/catalogue/images?study_uid=st-0070" in page
        front, first = fetch(base).decode(), fetch(f"{base}/catalogue").decode()
        box = html.unescape(re.findall(r'<textarea id="sql-editor"[^>]*>(.*?)</textarea>', first, re.S)[0])
        assert json.loads(fetch(f"{base}/catalogue.json?" + urlencode({"sql": box, "_shape": "array"})))
        for link in re.findall(r'href="(/catalogue/[a-z_]+)"', front.split("Begin here")[1].split("</p>")[0]):
            assert link in first and fetch(f"{base}{link}")
        with pytest.raises(urllib.error.HTTPError, match="404") as raised:
            fetch(f"{base}/-/map/ex-none")
        assert b"no file" in raised.value.read() and raised.value.headers["content-type"] == "image/svg+xml"
        drawn = fetch(f"{base}/-/dashboards/plots").decode()
        for name, chart in datasette_plugin.plots()["charts"].items():
            assert f"chart-{name}" in drawn and chart["title"] in drawn.replace("&#39;", "'")
            answer = fetch(f"{base}/catalogue.json?" + urlencode({"sql": chart["query"], "_shape": "objects"}))
            rows = json.loads(answer)["rows"]
            assert rows and {"series", "x", "y"} <= set(rows[0])
        assert not re.search(r"(src|href)=.?https?://(?!127)", drawn.split("<footer")[0]), "works without a network"
        rows = json.loads(fetch(f"{base}/catalogue/what_was_refused_by_reason.json?_shape=array"))
        assert rows[0]["reason_code"] == "truncated"
    finally:
        server.terminate()
        server.wait(30)
    assert {one.name for one in tmp_path.iterdir()} == {"Röntgen 50% #1 ?x=1", "pictures"}


def test_a_thumbnail_shows_bone_bright_and_a_withheld_map_says_so(tmp_path: Path) -> None:
    Image.new("L", (400, 512), 200).save(tmp_path / "dark_bone.png")
    row = {"root": str(tmp_path), "path": "dark_bone.png", "format": "png", "pixel_sha256": "", "inverted": 1}
    made = datasette_plugin.thumbnail(row, tmp_path)
    assert made is not None
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.width == 75 and abs(picture.getpixel((10, 10)) - 55) < 3
    assert datasette_plugin.thumbnail({**row, "path": "gone.png"}, tmp_path) is None
    assert datasette_plugin.heat_map({"path": "../outside.png", "withheld": 0}, tmp_path) is None
    assert b">withheld<" in (datasette_plugin.heat_map({"path": "dark_bone.png", "withheld": 1}, tmp_path) or b"")


def fetch(url: str, server: subprocess.Popen[bytes] | None = None) -> bytes:
    """What the address gives; a server that is only starting has three minutes, one that has ended none."""
    end = time.monotonic() + 180
    while time.monotonic() < end and (server is None or server.poll() is None):
        try:
            with OWN_SERVER.open(url, timeout=30) as answer:
                return bytes(answer.read())
        except urllib.error.URLError as error:
            if isinstance(error, urllib.error.HTTPError):
                raise
            time.sleep(0.2)
    raise TimeoutError(url)


def test_browsing_postgresql_says_what_to_do_instead(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="wrist db backup"):
        datasette_plugin.command("postgresql+psycopg://nobody@nowhere/none", tmp_path)


def test_the_console_backs_up_restores_upgrades_and_explains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    monkeypatch.setenv("WRIST_HOME", str(tmp_path / "home"))
    tell(open_catalogue(tmp_path / "home"))

    def wrist(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*WRIST, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)

    assert wrist("db", "upgrade").returncode == 0
    saved = wrist("db", "backup", str(tmp_path / "b.sqlite"))
    assert saved.returncode == 0, saved.stderr
    assert "before-restore" in wrist("db", "restore", str(tmp_path / "b.sqlite")).stdout
    assert json.loads(wrist("explain-prediction", "sp-1", "--json").stdout)["prediction"]["prediction_id"] == "sp-1"
    assert wrist("explain-prediction", "sp-1").stdout.startswith("prediction sp-1")
    for refused in (("db", "grant"), ("explain-prediction", "sp-999"), ("db", "restore", "none")):
        done = wrist(*refused)
        assert done.returncode != 0 and len(done.stderr.strip().splitlines()) == 1
