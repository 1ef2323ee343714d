"""What the server shows below /reports/: what Wrist wrote there, by its bare name, and nothing else of the home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from db_story import tell
from starlette.requests import Request
from starlette.responses import Response

from db.audit.verify import verify
from db.engine import open_catalogue
from db.home import explanation_folder, identity_key_file, latest_report_file, pixel_folder
from flows.host.report_pages import ReportPages

SHA = "0" * 64


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a report, a model card, a map, and much that nobody may see."""
    place = tmp_path / "home"
    reports, maps, pixels = latest_report_file(place).parent, explanation_folder(place), pixel_folder(place)
    for folder in (reports, maps, pixels):
        folder.mkdir(parents=True)
    (reports / "ds-1-ev-1-0123456789ab.html").write_text("<h1>first</h1>")
    (reports / "ds-1-ev-1-ba9876543210-model-card.html").write_text("<h1>card</h1>")
    (reports / "ds-1-ev-1-ba9876543210-model-card.md").write_text("# card")
    (maps / f"{SHA}.png").write_bytes(b"\x89PNG map")
    (pixels / f"{SHA}.png").write_bytes(b"\x89PNG pixels")
    latest_report_file(place).symlink_to("ds-1-ev-1-0123456789ab.html")
    identity_key_file(place).write_text("the key")
    (reports / "key.html").symlink_to(identity_key_file(place))
    (reports / "folder.html").mkdir()
    (reports / ".hidden.html").write_text("hidden")
    (reports / "notes.txt").write_text("notes")
    return place


def asked(home: Path, path: str, base: str = "") -> Response:
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    return ReportPages(home, base).answer(Request(scope))


def test_reports_cards_and_maps_are_shown_and_may_run_no_script(home: Path) -> None:
    for path, said in (
        ("/reports/ds-1-ev-1-0123456789ab.html", b"first"),
        ("/reports/latest.html", b"first"),
        ("/reports/ds-1-ev-1-ba9876543210-model-card.html", b"card"),
        ("/reports/ds-1-ev-1-ba9876543210-model-card.md", b"# card"),
        (f"/reports/maps/{SHA}.png", b"map"),
    ):
        found = asked(home, path)
        assert found.status_code == 200 and said in bytes(found.body)
        policy = found.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and "script-src" not in policy
    assert asked(home, "/reports/ds-1-ev-1-ba9876543210-model-card.md").headers["content-type"].startswith("text/plain")


def test_the_list_leads_to_each_report_and_its_documents(home: Path) -> None:
    for path in ("/reports", "/reports/"):
        text = bytes(asked(home, path, "/wrist").body).decode()
        assert text.count("<li>") == 1 and 'href="/wrist/reports/ds-1-ev-1-0123456789ab.html"' in text
        assert "ba9876543210-model-card.html" in text and "key.html" not in text and "hidden" not in text


@pytest.mark.parametrize(
    "path",
    [
        "../identity.key",
        "..%2Fidentity.key",
        "maps/../../identity.key",
        f"maps/../../pixels/{SHA}.png",
        f"../pixels/{SHA}.png",
        "key.html",
        "folder.html",
        ".hidden.html",
        "notes.txt",
        "../catalogue.sqlite",
        "/etc/passwd",
        "maps/",
        "maps/" + "g" * 64 + ".png",
        "nothing.html",
        "a\x00.html",
        "a" * 5000 + ".html",
    ],
)
def test_nothing_else_of_the_home_is_ever_served(home: Path, path: str) -> None:
    found = asked(home, f"/reports/{path}")
    assert found.status_code == 404 and b"key" not in bytes(found.body).replace(b"key.html", b"")


@pytest.mark.parametrize("leads_to", ["../identity.key", "/etc/hostname", "key.html", "missing.html"])
def test_a_latest_that_leads_elsewhere_is_not_followed(home: Path, leads_to: str) -> None:
    latest_report_file(home).unlink()
    latest_report_file(home).symlink_to(leads_to)
    assert asked(home, "/reports/latest.html").status_code == 404


def test_an_anchor_is_served_that_verify_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    none = asked(tmp_path / "none", "/reports/anchor.json")
    assert none.status_code == 503
    home, kept = tmp_path / "home", tmp_path / "anchor.json"
    engine = open_catalogue(home)
    tell(engine)
    kept.write_bytes(bytes(asked(home, "/reports/anchor.json").body))
    assert json.loads(kept.read_text())["links"][0]["seq"] > 1
    assert verify(engine, anchor=kept, files=False).ok
