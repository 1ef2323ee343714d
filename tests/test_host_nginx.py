"""`wrist up` below a path of a real proxy, with the nginx file of the documentation and a self-made certificate."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certificates
import httpx
import nginx
import psutil
import pytest
from prefect_fixtures import WRIST, wait

from flows.host import password, server_record
from flows.host.environment import prefect_settings
from flows.host.public_address import PublicAddress
from flows.host.server import free_port, running
from wrist_model.errors import UsageError

pytestmark = pytest.mark.nginx


@dataclass
class Proxied:
    process: subprocess.Popen[str]
    home: Path
    origin: str  # https://localhost:PORT
    said: list[str]
    certificate: Path

    @property
    def place(self) -> str:
        return f"{self.origin}/some/path"

    @property
    def secret(self) -> str:
        return password.load_or_make(self.home)

    def client(self, **more: Any) -> httpx.Client:
        return httpx.Client(trust_env=False, verify=certificates.trusting(self.certificate), **more)

    @contextmanager
    def signed_in(self) -> Iterator[httpx.Client]:
        with self.client(headers={"Accept": "text/html"}) as client:
            sent = {"password": self.secret, "next": "/some/path/"}
            client.post(f"{self.place}/sign-in", data=sent, headers={"Origin": self.origin})
            yield client


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """Three listeners: nginx, the one that it asks (127.0.0.2), and the one of this machine's own processes."""
    base = tmp_path_factory.mktemp("proxied")
    home, port, public = base / "home", free_port(), free_port()
    certificate, key = certificates.make(base)
    origin = f"https://localhost:{public}"
    changed = {
        "listen 443": f"listen 127.0.0.1:{public}",
        "wrist.example.org;": "localhost;",
        "/etc/ssl/wrist/certificate.pem": str(certificate),
        "/etc/ssl/wrist/key.pem": str(key),
        "127.0.0.1:4200": f"127.0.0.2:{port}",
    }
    process = subprocess.Popen(
        [WRIST, "up", "--host", "127.0.0.2", "--port", str(port), "--public-url", f"{origin}/some/path/"],
        env={**os.environ, "WRIST_HOME": str(home)},
        cwd=base,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said = []
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.strip())
            if line.startswith("Runs go on"):
                break
        (base / "nginx").mkdir()
        with nginx.running(base / "nginx", changed, public):
            yield Proxied(process, home, origin, said, certificate)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def test_a_browser_is_led_to_the_form_and_from_there_to_the_page_with_its_files(proxied: Proxied) -> None:
    assert f"UI:       {proxied.place}" in proxied.said
    with proxied.client(headers={"Accept": "text/html"}) as client:
        assert client.get(f"{proxied.origin}/some/path").headers["location"] == f"{proxied.place}/"
        found = client.get(f"{proxied.place}/")
        assert (found.status_code, found.headers["location"]) == (303, "/some/path/sign-in?next=/some/path/")
        form = client.get(f"{proxied.origin}{found.headers['location']}").text
        assert 'action="/some/path/sign-in"' in form and 'value="/some/path/"' in form
        sent = {"password": proxied.secret, "next": "/some/path/"}
        found = client.post(f"{proxied.place}/sign-in", data=sent, headers={"Origin": proxied.origin})
        assert (found.status_code, found.headers["location"]) == (303, "/some/path/")
        cookie = found.headers["set-cookie"].lower()
        assert "; secure" in cookie and "httponly" in cookie and "path=/some/path/" in cookie
        page = client.get(f"{proxied.place}/").text
        file = re.search(r'src="(/some/path/assets/[^"]+\.js)"', page)
        assert file is not None
        assert "javascript" in client.get(f"{proxied.origin}{file[1]}").headers["content-type"]
        assert client.get(f"{proxied.place}/runs").text == page
        assert client.get(f"{proxied.place}/ui-settings").json()["api_url"] == "/some/path/api"


def test_the_api_is_behind_the_password_there_too(proxied: Proxied) -> None:
    with proxied.client() as client:
        assert client.get(f"{proxied.place}/api/health").json() is True
        assert client.post(f"{proxied.place}/api/flows/filter", json={}).status_code == 401
        by_password = client.post(
            f"{proxied.place}/api/flows/filter", json={}, auth=tuple(proxied.secret.split(":", 1))
        )
        assert "retrain" in {flow["name"] for flow in by_password.json()}
    with proxied.signed_in() as client:
        assert client.post(f"{proxied.place}/api/flows/filter", json={}).status_code == 401


def test_reports_lie_below_the_same_path(proxied: Proxied) -> None:
    with proxied.client() as client:
        assert client.get(f"{proxied.place}/reports/").status_code == 401
    with proxied.signed_in() as client:
        found = client.get(f"{proxied.place}/reports/")
        assert found.status_code == 200 and 'href="/some/path/reports/anchor.json"' in found.text
        assert client.get(f"{proxied.place}/reports/latest.html").status_code == 404
        assert client.get(f"{proxied.place}/sign-out").status_code == 200
        assert client.get(f"{proxied.place}/reports/").status_code == 303


def test_only_the_public_address_and_this_machines_names_are_answered(proxied: Proxied) -> None:
    secret = proxied.secret
    with proxied.client(auth=tuple(secret.split(":", 1))) as client:
        for name in ("evil.example", "127.0.0.2", "localhost.evil.example"):
            found = client.get(f"{proxied.place}/api/admin/version", headers={"Host": name})
            assert (found.status_code, found.text) == (400, "Invalid host header")
        sent = {"password": secret}
        for origin in ("https://evil.example", "http://localhost", proxied.origin.replace("https", "http"), "null"):
            found = client.post(f"{proxied.place}/sign-in", data=sent, headers={"Origin": origin})
            assert found.status_code == 403 and "set-cookie" not in found.headers
        asked = {"Origin": proxied.origin, "Access-Control-Request-Method": "POST"}
        allowed = client.options(f"{proxied.place}/api/flows/filter", headers=asked).headers
        assert allowed["access-control-allow-origin"] == proxied.origin
        refused = client.options(
            f"{proxied.place}/api/flows/filter", headers={**asked, "Origin": "https://evil.example"}
        )
        assert "access-control-allow-origin" not in refused.headers


def test_websockets_go_through_it_and_only_for_its_own_pages(proxied: Proxied) -> None:
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    def opened(origin: str) -> Any:
        return connect(
            f"{proxied.place}/api/events/out".replace("https", "wss"),
            proxy=None,
            origin=origin,  # type: ignore[arg-type]
            ssl=certificates.trusting(proxied.certificate),
            subprotocols=["prefect"],  # type: ignore[list-item]
        )

    with opened(proxied.origin) as socket:
        socket.send(f'{{"type": "auth", "token": "{proxied.secret}"}}')
        assert "auth_success" in socket.recv(timeout=20)
    with pytest.raises(WebSocketException), opened("https://evil.example") as socket:
        socket.recv(timeout=20)


def test_workers_ask_on_this_machine_and_link_below_the_path(proxied: Proxied) -> None:
    local, _ = server_record.living(proxied.home) or ("", 0)
    assert httpx.get(f"{local}/health", trust_env=False).json() is True
    assert httpx.get(local.removesuffix("api"), trust_env=False, auth=tuple(proxied.secret.split(":", 1))).headers[
        "location"
    ] == ("/some/path/")
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            around = process.environ()
            if around.get("WRIST_HOME") == str(proxied.home) and around.get("PREFECT_API_URL"):
                found.append((around["PREFECT_API_URL"], around["WRIST_PAGES"]))
    assert found and set(found) == {(local, "/some/path")}


def test_another_command_that_wants_another_address_is_told_that_the_server_runs(proxied: Proxied) -> None:
    other = PublicAddress(port=free_port(), origin="https://other.example.org")
    with (
        prefect_settings(proxied.home),
        pytest.raises(UsageError, match="runs already"),
        running(proxied.home, say=print, address=other),
    ):
        pass


def test_a_server_that_ends_is_started_again_at_the_same_address(proxied: Proxied) -> None:
    before = server_record.living(proxied.home)
    assert before is not None
    os.kill(before[1], signal.SIGKILL)

    def answers() -> bool:
        now = server_record.living(proxied.home)
        return now is not None and now[1] != before[1] and client.get(f"{proxied.place}/api/health").status_code == 200

    with proxied.client() as client:
        wait(answers, 90)
        assert server_record.shown_at(proxied.home) == proxied.place
