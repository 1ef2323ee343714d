"""Who gets in while `wrist up` runs: whoever has the home's password and asks by this machine's own name.

Each attack was carried out on an earlier Wrist, where it read the identity key or ran a shell.
"""

from __future__ import annotations

import base64
import json
import re
import stat
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prefect_fixtures import Up, radiographs
from test_console_up import console

from db.home import identity_key_file, prefect_password_file
from flows.host import password, sign_in
from tasks import named_files
from tasks.sources_toml import Root, remember
from wrist_model.errors import CatalogueError, UsageError
from wrist_model.radiograph.pseudonyms import IdentityKey


def ask(up: Up, path: str, body: object = None, **headers: str) -> httpx.Response:
    """As any page or user of this machine asks, without a password."""
    method = "GET" if body is None else "POST"
    with httpx.Client(trust_env=False) as client:
        return client.request(method, up.url + path, json=body, headers=headers)


@pytest.mark.parametrize(
    "path", ["/flows/filter", "/deployments/filter", "/flow_runs/", "/work_pools/", "/variables/", "/automations/"]
)
def test_nothing_is_told_or_taken_without_the_password(wrist_up: Up, path: str) -> None:
    assert ask(wrist_up, path, {}).status_code == 401
    wrong = {"Authorization": "Basic d3Jpc3Q6d3Jvbmc="}
    assert ask(wrist_up, path, {}, **wrong).status_code == 401
    assert ask(wrist_up, "/admin/settings").status_code == 401
    assert ask(wrist_up, "/docs").status_code == 401


PAGES = ("/", "/docs", "/docs/", "/redoc", "/openapi.json", "/docs/oauth2-redirect", "/ui-settings", "/reports/")


@pytest.mark.parametrize("path", [*PAGES, "/runs", "/%75i-settings"])
def test_no_page_answers_before_a_sign_in_and_a_browser_gets_the_form(wrist_up: Up, path: str) -> None:
    place = wrist_up.url.removesuffix("/api")
    with httpx.Client(trust_env=False, base_url=place) as client:
        assert client.get(path).status_code == 401
        assert client.post(path).status_code == 401
        found = client.get(path, headers={"Accept": "text/html"})
        assert found.status_code == 303 and found.headers["location"].startswith("/sign-in?next=/")


def test_the_form_lets_in_by_the_password_alone_and_its_cookie_opens_pages_but_no_api(wrist_up: Up) -> None:
    place, secret = wrist_up.url.removesuffix("/api"), password.load_or_make(wrist_up.home)
    with httpx.Client(trust_env=False, base_url=place) as client:
        assert "password" in client.get("/sign-in").text
        for wrong in ("", "wrist:", "wrist:é", secret[:-1], secret + "x", secret.partition(":")[2]):
            refused = client.post("/sign-in", data={"password": wrong, "next": "/"})
            assert refused.status_code == 401 and "set-cookie" not in refused.headers
        assert client.post("/sign-in", data={"password": "x" * 9000}).status_code == 413
        evil = client.post("/sign-in", data={"password": secret}, headers={"Origin": "http://evil.example"})
        assert evil.status_code == 403 and "set-cookie" not in evil.headers
        found = client.post("/sign-in", data={"password": secret, "next": "/ui-settings"})
        assert (found.status_code, found.headers["location"]) == (303, "/ui-settings")
        kept = found.headers["set-cookie"].lower()
        assert "httponly" in kept and "samesite=lax" in kept and "secure" not in kept and secret not in kept
        assert client.get("/ui-settings").json()["auth"] == "BASIC"
        assert client.post("/api/flows/filter", json={}).status_code == 401
        assert client.post("/ui-settings").status_code == 401
        client.get("/sign-out")
        assert client.get("/ui-settings").status_code == 401


@pytest.mark.parametrize(
    "wanted", ["http://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/a\nb"]
)
def test_the_form_leads_to_no_other_site(wrist_up: Up, wanted: str) -> None:
    secret = password.load_or_make(wrist_up.home)
    with httpx.Client(trust_env=False, base_url=wrist_up.url.removesuffix("/api")) as client:
        found = client.post("/sign-in", data={"password": secret, "next": wanted})
    assert found.headers["location"] == "/"


def test_a_cookie_that_was_altered_or_has_run_out_opens_nothing() -> None:
    secret, later = b"wrist:secret", int(time.time()) + 60
    good = sign_in._token(later, secret)
    assert sign_in.is_valid(good, secret) and not sign_in.is_valid(good, b"wrist:other")
    assert not sign_in.is_valid(sign_in._token(int(time.time()) - 1, secret), secret)
    mac = good.partition(".")[2]
    for wrong in ("", ".", f"{later + 9}.{mac}", f"0{later}.{mac}", f"{later}.", good + "é", f"-1.{mac}", "9" * 400):
        assert not sign_in.is_valid(wrong, secret)


def test_a_password_beyond_ascii_is_refused_like_any_other_and_leaves_no_line_in_the_log(wrist_up: Up) -> None:
    log = wrist_up.home / "prefect" / "server.log"
    before = log.stat().st_size
    for given in ("wrist:pässwörd".encode(), "wrist:pässwörd".encode("latin-1"), b"\xff"):
        header = {"Authorization": "Basic " + base64.b64encode(given).decode()}
        assert ask(wrist_up, "/flows/filter", {}, **header).status_code == 401
        assert ask(wrist_up, "/admin/version", **header).status_code == 401
    for header in ("Basic", "Basic é", "Basic !!!!", "Bearer x y z"):
        with httpx.Client(trust_env=False) as client:
            said = client.get(wrist_up.url + "/admin/version", headers=[(b"Authorization", header.encode("latin-1"))])
        assert said.status_code == 401
    assert log.stat().st_size == before


SOCKETS = ("/events/in", "/events/out", "/logs/out", "/task_runs/subscriptions/scheduled")
NO_PASSWORD = ("{}", "no json", "[]", "1", b"\x00\xff", '{"type": "auth"}', '{"type": "auth", "token": "wrist:é"}')


def websocket(up: Up, path: str, *, origin: str | None = None, spoken: bool = True) -> Any:
    from websockets.sync.client import connect

    address, words = up.url.replace("http", "ws") + path, {"subprotocols": ["prefect"]} if spoken else {}
    return connect(address, proxy=None, origin=origin, **words)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", SOCKETS)
def test_a_websocket_is_closed_without_the_password_and_leaves_no_line_in_the_log(wrist_up: Up, path: str) -> None:
    from websockets.exceptions import WebSocketException

    log = wrist_up.home / "prefect" / "server.log"
    before = log.stat().st_size
    for first in NO_PASSWORD:
        with pytest.raises(WebSocketException), websocket(wrist_up, path) as socket:
            socket.send(first)
            socket.recv(timeout=20)
    with pytest.raises(WebSocketException), websocket(wrist_up, path, spoken=False) as socket:
        socket.recv(timeout=20)
    assert log.stat().st_size == before


def test_a_page_of_another_site_opens_no_websocket_even_with_the_password(wrist_up: Up) -> None:
    from websockets.exceptions import InvalidStatus

    said = json.dumps({"type": "auth", "token": password.load_or_make(wrist_up.home)})
    own = wrist_up.url.removesuffix("/api")
    for origin in ("http://evil.example", "null", own + ".evil.example", own.replace("http:", "https:")):
        with pytest.raises(InvalidStatus, match="403"), websocket(wrist_up, "/events/in", origin=origin) as socket:
            socket.send(said)
    for origin in (None, own, own.replace("127.0.0.1", "localhost")):
        with websocket(wrist_up, "/events/in", origin=origin) as socket:
            socket.send(said)
            assert json.loads(socket.recv(timeout=20))["type"] == "auth_success"


def test_a_message_that_can_not_be_used_ends_its_websocket_with_one_line_in_the_log(wrist_up: Up) -> None:
    from websockets.exceptions import ConnectionClosed

    log = wrist_up.home / "prefect" / "server.log"
    said = json.dumps({"type": "auth", "token": password.load_or_make(wrist_up.home)})
    for path, bad in (("/events/in", "no json"), ("/events/in", "{}"), ("/events/out", "[]"), ("/logs/out", b"\xff")):
        before = len(log.read_text().splitlines())
        with websocket(wrist_up, path) as socket:
            socket.send(said)
            socket.recv(timeout=20)
            socket.send(bad)
            with pytest.raises(ConnectionClosed):
                socket.recv(timeout=20)
        lines = log.read_text().splitlines()[before:]
        assert len(lines) <= 1 and "Traceback" not in "".join(lines), (path, bad)


def test_no_page_of_another_site_may_read_an_answer(wrist_up: Up) -> None:
    own = wrist_up.url.removesuffix("/api")
    for origin in ("http://evil.example", "null", own.replace("127.0.0.1", "127.0.0.1.evil.example")):
        said = ask(wrist_up, "/health", Origin=origin).headers
        assert "access-control-allow-origin" not in said
    for origin in (own, own.replace("127.0.0.1", "localhost")):
        assert ask(wrist_up, "/health", Origin=origin).headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4200", "127.0.0.1.evil.example", ""])
def test_a_name_that_is_not_this_machines_is_refused(wrist_up: Up, host: str) -> None:
    assert ask(wrist_up, "/health", Host=host).status_code == 400
    assert ask(wrist_up, "/health", Host="localhost").status_code == 200


def test_the_password_is_told_once_and_stands_in_one_file_that_only_its_owner_reads(wrist_up: Up) -> None:
    file = prefect_password_file(wrist_up.home)
    secret = file.read_text().strip()
    assert re.fullmatch(r"wrist:[\w-]{30,}", secret)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sum(secret in line for line in wrist_up.first_lines) == 1 and password.is_told(wrist_up.home)
    bare = secret.partition(":")[2]
    assert not any(bare in line for line in wrist_up.first_lines if "http" in line)
    for log in (wrist_up.home / "prefect").glob("*.log"):
        assert bare not in log.read_text(errors="replace")
    assert bare not in (wrist_up.home / "prefect" / "server.json").read_text()
    for process in psutil.process_iter(["cmdline"]):
        assert bare not in " ".join(process.info["cmdline"] or ())


def test_a_run_is_given_no_command_environment_or_folder(wrist_up: Up) -> None:
    from prefect.exceptions import PrefectHTTPStatusError

    from flows.host.environment import prefect_settings
    from flows.host.prefect_api import connected

    path = f"/deployments/{wrist_up.deployment('verify')['id']}/create_flow_run"
    marker = wrist_up.home / "was-here"
    for name, value in (("command", f"touch {marker}"), ("env", {"A": "b"}), ("env.A", "b"), ("working_dir", "/")):
        with prefect_settings(wrist_up.home), connected(wrist_up.url) as client:
            raised: Any = None
            try:
                client.request("POST", path, json={"job_variables": {name: value}})
            except PrefectHTTPStatusError as error:
                raised = error
        assert raised is not None and raised.response.status_code in (409, 422), name
    assert not marker.exists()


def test_a_run_that_names_the_key_fails_and_tells_nothing_of_it(wrist_up: Up) -> None:
    manifest, key = str(wrist_up.folder / "manifest.csv"), identity_key_file(wrist_up.home)
    if not key.exists():
        IdentityKey.load_or_make(key)
    path = f"/deployments/{wrist_up.deployment('ingest')['id']}/create_flow_run"
    asked = {"paths": [manifest], "labels": [str(key)], "body_part": "ANY"}
    run = wrist_up.ask(path, {"parameters": asked})["id"]
    ended = wrist_up.ended(run, 180)
    assert ended["state_type"] == "FAILED" and "deployment's run" in ended["state"]["message"]
    told = ended["state"]["message"]
    told += "".join(one["message"] for one in wrist_up.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}}))
    assert key.read_text().strip() not in told


def test_a_deployments_run_reads_only_what_was_remembered_and_recipes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    for folder in (home / "recipes", data / "inner", tmp_path / "database"):
        folder.mkdir(parents=True)
    for file in (data / "inner" / "a.png", data / "own.toml", home / "recipes" / "b.toml", tmp_path / "out.csv"):
        file.touch()
    (data / "link.csv").symlink_to(tmp_path / "out.csv")
    remember(home, Root(str(data), labels=str(tmp_path / "labels.csv")))
    monkeypatch.setenv("WRIST_HOME", str(home))
    check = named_files.of_a_deployment
    check([str(tmp_path / "out.csv")], [str(tmp_path)], str(tmp_path / "out.csv"), "tcp://x:1")  # of no deployment
    monkeypatch.setattr("prefect.runtime.deployment.get_id", lambda: "some")
    check([str(data), str(data / "inner" / "a.png")], ["", str(tmp_path / "labels.csv")], "report")
    for recipe in ("quick", "recipes/quick.toml", "a" * 64, str(home / "recipes" / "b.toml"), str(data / "own.toml")):
        check(recipe=recipe)
    outside = [tmp_path, tmp_path / "out.csv", data / ".." / "out.csv", data / "link.csv", tmp_path / "database", home]
    for path in outside:
        with pytest.raises(UsageError, match="remembered root"):
            check([str(data), str(path)])
        with pytest.raises(UsageError, match="remembered root"):
            check([str(data)], [str(path)])
    for recipe in (str(tmp_path / "out.csv"), "../out.csv", str(data / "link.csv"), str(identity_key_file(home))):
        with pytest.raises(UsageError, match="recipe"):
            check(recipe=recipe)
    with pytest.raises(UsageError, match="cluster"):
        check(cluster="tcp://127.0.0.1:9")


def test_no_error_quotes_what_a_file_holds_that_is_no_table(tmp_path: Path) -> None:
    home, secret = tmp_path / "home", "5ec4e7" * 10 + "abcd"
    home.mkdir(mode=0o700)
    copy, key = tmp_path / "copy.csv", identity_key_file(home)
    copy.write_text(f"{secret},{secret}\n")
    key.write_text(secret)
    key.chmod(0o600)
    manifest = str(radiographs(tmp_path / "pictures", 2))
    for words in (
        ("ingest", manifest, "--labels", str(copy)),
        ("ingest", manifest, "--labels", str(key)),
        ("ingest", str(key)),
        ("relabel", str(copy)),
        ("train", "--recipe", str(copy)),
        ("train", "--recipe", str(key)),
    ):
        done = console(home, *words)
        assert done.returncode != 0 and secret[:12] not in done.stdout + done.stderr, words
        assert "starting one" not in done.stderr


def test_a_password_that_others_may_read_is_refused_by_name(tmp_path: Path) -> None:
    file = prefect_password_file(tmp_path)
    made = password.load_or_make(tmp_path)
    assert password.load_or_make(tmp_path) == password.known(tmp_path) == made
    file.chmod(0o644)
    with pytest.raises(CatalogueError, match="mode is 644") as caught:
        password.load_or_make(tmp_path)
    assert str(file) in str(caught.value) and made not in str(caught.value)
