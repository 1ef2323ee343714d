"""Who gets in while `wrist up` runs: whoever has the home's password and asks by this machine's own name.

Each attack was carried out on an earlier Wrist, where it read the identity key or ran a shell.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prefect_fixtures import Up, radiographs
from test_console_up import console

from db.home import identity_key_file, prefect_password_file
from flows.host import password
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
    with httpx.Client(trust_env=False) as client:  # Prefect's page asks for it
        assert client.get(wrist_up.url.removesuffix("/api") + "/ui-settings").json()["auth"] == "BASIC"


@pytest.mark.parametrize("path", ["/events/in", "/events/out", "/logs/out"])
def test_a_websocket_is_closed_without_the_password(wrist_up: Up, path: str) -> None:
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    with pytest.raises(WebSocketException), connect(wrist_up.url.replace("http", "ws") + path, proxy=None) as socket:
        socket.send("{}")
        socket.recv(timeout=20)


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
