"""Where `wrist up` listens for people: nothing goes over the network as it stands, and contradictions are refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certificates
import httpx
import pytest
import uvicorn
from prefect_fixtures import wait

from db.home import prefect_folder
from flows.host import server_record, up_record
from flows.host.front_door import FrontDoor
from flows.host.listeners import Listeners
from flows.host.public_address import PublicAddress, chosen
from flows.host.server import free_port, require_free
from wrist_model.errors import UsageError

ANY, SECRET = "0.0.0.0", "wrist:it"  # noqa: S104


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificates.make(tmp_path_factory.mktemp("tls"))


def choice(
    host: str = "127.0.0.1",
    port: int = 4200,
    *,
    url: str | None = None,
    pair: tuple[Path | None, Path | None] = (None, None),
    **around: str,
) -> PublicAddress:
    return chosen(host, port, url=url, certificate=pair[0], key=pair[1], around=around)


def test_without_options_it_is_this_machine_alone() -> None:
    for found in (choice(), choice("localhost", 4300), choice(url="http://localhost:4200")):
        assert not found.is_apart and found.api_url == "/api" and found.base == ""
    assert choice().is_default
    assert choice().origins(4200) == ["http://127.0.0.1:4200", "http://localhost:4200"]


def test_a_proxy_with_a_path_is_named_by_its_address() -> None:
    found = choice(url="https://Wrist.example.org:443/some/path/")
    assert (found.origin, found.base, found.api_url) == ("https://wrist.example.org", "/some/path", "/some/path/api")
    assert not found.is_apart and not found.is_default
    assert found.origins(4200)[2:] == ["https://wrist.example.org"]


def test_a_certificate_makes_a_listener_of_its_own(pair: tuple[Path, Path]) -> None:
    found = choice("192.0.2.7", 4443, pair=pair)
    assert found.is_apart and found.origin == "https://192.0.2.7:4443"
    assert choice(pair=pair).is_apart
    assert choice(ANY, 443, url="https://wrist.example.org", pair=pair).origin == "https://wrist.example.org"


def test_a_certificate_may_be_named_as_it_lies_in_the_folder(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pair[0].parent)
    found = choice(pair=(Path(pair[0].name), Path(pair[1].name)))
    assert (found.certificate, found.key) == pair, "the server reads it from a folder of its own"


@pytest.mark.parametrize("name", ["PREFECT_SERVER_UI_API_URL", "PREFECT_UI_API_URL"])
def test_prefects_own_settings_for_its_page_are_obeyed(name: str) -> None:
    whole: dict[str, str] = {name: "https://wrist.example.org/some/path/api"}
    found = choice(**whole)
    assert (found.origin, found.base) == ("https://wrist.example.org", "/some/path") and found.api_url == whole[name]
    base = name.replace("API_URL", "SERVE_BASE")
    assert choice(**{base: "/below/"}) == PublicAddress(port=4200, base="/below", api_url="/below/api")
    both = choice(**{name: "https://wrist.example.org/elsewhere", base: "/below"})
    assert (both.origin, both.base) == ("https://wrist.example.org", "/below")
    assert both.api_url == "https://wrist.example.org/elsewhere"
    for contradicts in ({name: "https://other.example.org/api"}, {base: "/below"}):
        with pytest.raises(UsageError, match="different"):
            choice(url="https://wrist.example.org/", **contradicts)


@pytest.mark.parametrize("host", [ANY, "192.0.2.7", "::", "wrist.example.org"])
def test_other_machines_are_not_spoken_to_without_encryption(host: str) -> None:
    with pytest.raises(UsageError, match="as it stands"):
        choice(host)
    with pytest.raises(UsageError, match="as it stands"):
        choice(host, url="http://wrist.example.org")
    with pytest.raises(UsageError, match="as it stands"):
        choice(host, url="http://127.0.0.1:4200")
    with pytest.raises(UsageError, match="as it stands"):
        choice(host, PREFECT_UI_API_URL="http://192.0.2.7:4200/api")
    assert choice(host, url="https://wrist.example.org").is_apart


@pytest.mark.parametrize(
    "url",
    [
        "wrist.example.org",
        "ftp://wrist.example.org",
        "https://",
        "https://0.0.0.0:4200",
        "https://*",
        "https://wrist:secret@wrist.example.org",
        "https://wrist.example.org/?a=b",
        "https://wrist.example.org/#a",
        "https://wrist.example.org/api/",
        "https://wrist.example.org/../x",
        "https://wrist.example.org//evil.example",
        "https://wrist.example.org/a b",
        'https://wrist.example.org/"><script>',
        "https://wrist.example.org:99999",
        "https://a.example,https://b.example",
    ],
)
def test_an_address_that_browsers_could_not_use_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="--public-url"):
        choice(url=url)


def test_a_certificate_is_tried_before_anything_starts(pair: tuple[Path, Path], tmp_path: Path) -> None:
    certificate, key = pair
    for wrong, said in (((certificate, None), "go together"), ((tmp_path / "none", key), "can't be read")):
        with pytest.raises(UsageError, match=said):
            choice(pair=wrong)
    (tmp_path / "no.pem").write_text("no key")
    for wrong_pair in ((certificate, certificate), (tmp_path / "no.pem", key), (certificate, tmp_path / "no.pem")):
        with pytest.raises(UsageError, match="without a passphrase"):
            choice(pair=wrong_pair)
    with pytest.raises(UsageError, match="https one"):
        choice(pair=pair, url="http://localhost:4200")
    with pytest.raises(UsageError, match="address that browsers use"):
        choice(ANY, pair=pair)


def test_a_host_that_is_not_this_machines_is_named() -> None:
    for host in ("192.0.2.7", "no-such-host.invalid"):
        with pytest.raises(UsageError, match="no address of this machine"):
            require_free(free_port(), host)


def test_links_and_addresses_follow_what_the_home_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WRIST_PAGES", raising=False)
    prefect_folder(tmp_path).mkdir(parents=True)
    assert server_record.base(tmp_path) == "" and server_record.shown_at(tmp_path) == ""
    server_record.record(tmp_path, "http://127.0.0.1:4200/api", 1)
    assert server_record.shown_at(tmp_path) == "http://127.0.0.1:4200"
    server_record.record(tmp_path, "http://127.0.0.1:4200/api", 1, origin="https://wrist.example.org", base="/some")
    assert server_record.shown_at(tmp_path) == "https://wrist.example.org/some"
    assert server_record.base(tmp_path) == "/some"
    assert server_record.address(tmp_path, "/reports/a.html") is None, "another server is used"
    monkeypatch.setenv("WRIST_PAGES", "/some")
    assert server_record.address(tmp_path, "/reports/a.html") is None, "a server that ends with its command"
    with up_record.kept(tmp_path):
        assert server_record.address(tmp_path, "/reports/a.html") == "https://wrist.example.org/some/reports/a.html"


@pytest.fixture(scope="module")
def both(pair: tuple[Path, Path]) -> Iterator[tuple[int, int]]:
    """The front door before a page that tells the scheme, by plain HTTP and by TLS: the two ports."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for answer in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{answer}.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": f"{scope['scheme']} {scope['path']}".encode()})

    local, public = free_port(), free_port()
    door = FrontDoor(app, secret=SECRET, origins=frozenset({f"https://localhost:{public}"}), base="")
    server = Listeners(
        uvicorn.Config(door, port=local, log_level="error"),
        uvicorn.Config(door, port=public, log_level="error", ssl_certfile=str(pair[0]), ssl_keyfile=str(pair[1])),
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        wait(lambda: server.started and len(server.servers) == 2, 20)
        yield local, public
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()


def test_people_are_answered_by_tls_and_this_machine_by_plain_http(
    both: tuple[int, int], pair: tuple[Path, Path]
) -> None:
    local, public = both
    with httpx.Client(trust_env=False, verify=certificates.trusting(pair[0]), auth=("wrist", "it")) as client:
        assert client.get(f"https://localhost:{public}/api/x").text == "https /api/x"
        assert client.get(f"http://127.0.0.1:{local}/api/x").text == "http /api/x"
        with pytest.raises(httpx.TransportError):
            client.get(f"http://127.0.0.1:{public}/api/x")


def test_the_cookie_of_an_https_address_is_sent_over_https_alone(
    both: tuple[int, int], pair: tuple[Path, Path]
) -> None:
    local, public = both
    sent = {"password": SECRET}
    with httpx.Client(trust_env=False, verify=certificates.trusting(pair[0])) as client:
        by_tls = client.post(f"https://localhost:{public}/sign-in", data=sent)
        here = client.post(f"http://127.0.0.1:{local}/sign-in", data=sent)
        behind_a_proxy = client.post(
            f"http://127.0.0.1:{local}/sign-in", data=sent, headers={"Host": f"localhost:{public}"}
        )
    assert [found.status_code for found in (by_tls, here, behind_a_proxy)] == [303] * 3
    is_secure = ["secure" in found.headers["set-cookie"].lower() for found in (by_tls, here, behind_a_proxy)]
    assert is_secure == [True, False, True]
