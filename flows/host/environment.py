"""What the Prefect processes of a home are started with, so that nothing around them decides what they do.

A user's own Prefect settings and unusable proxies are kept out; prefect.toml and the home decide.
"""

from __future__ import annotations

import importlib.util
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from db.home import prefect_folder
from flows.host import password, server_record
from tasks.runtime.pages import BASE as PAGES

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")
LOOPBACK = (*NAMES, "::1")
SHIPPED = Path(__file__).parent  # prefect.yaml, prefect.toml, work-pool.json: links in a checkout, files in a wheel
DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def environment(home: Path) -> dict[str, str]:
    """What every Prefect process of this home is given: no telemetry, its files under the home, prefect.toml.

    A server on this machine is never asked through a proxy.
    """
    folder = prefect_folder(home)
    excepted = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(",")
    no_proxy = ",".join(dict.fromkeys([host.strip() for host in excepted if host.strip()] + list(LOOPBACK)))
    file = str(folder / "prefect.db")
    # Prefect puts its file into an address as it stands, where a `?` would begin a query.
    address = {DATABASE: f"sqlite+aiosqlite:///file:{quote(file)}?uri=true"} if "?" in file else {}
    return {
        **address,
        **_settings(tomllib.loads((SHIPPED / "prefect.toml").read_text(encoding="utf-8")), "PREFECT"),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PREFECT_HOME": str(folder),
        "PREFECT_PROFILES_PATH": str(folder / "profiles.toml"),
        "PREFECT_CLI_PROMPT": "false",
        "DO_NOT_TRACK": "1",
        "WRIST_HOME": str(home),
    }


def process_environment(home: Path, url: str | None = None) -> dict[str, str]:
    """The whole environment of a process that uses this home's API at url, with its password; None: not known yet.

    Of Prefect's settings around it, in variables or in a folder's files, it gets none: a key is for the server that it
    was given for. How logs look is the exception.
    """
    found = {
        name: value
        for name, value in without_unusable_proxies(os.environ).items()
        if not name.startswith("PREFECT_") or name.startswith(("PREFECT__", "PREFECT_LOGGING_"))
    }
    found |= environment(home) | {"PREFECT_API_KEY": "", "PREFECT_CLIENT_CUSTOM_HEADERS": "{}"}
    secret = password.known(home)
    if secret is not None:
        found |= {"PREFECT_API_AUTH_STRING": secret}
    return found if url is None else {**found, "PREFECT_API_URL": url, PAGES: server_record.base(home)}


def server_environment(home: Path, origins: Sequence[str], base: str, api_url: str) -> dict[str, str]:
    """What the home's server is started with: its password, and pages of its own address alone that may ask it.

    origins: theirs. base: the path below which a proxy shows it, or "". api_url: where Prefect's page asks, a path of
    the page's own address, whichever name that has, or a whole address.
    """
    return {
        **process_environment(home),
        "PREFECT_SERVER_API_AUTH_STRING": password.load_or_make(home),
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ",".join(origins),
        "PREFECT_SERVER_UI_API_URL": api_url,
        "PREFECT_SERVER_UI_SERVE_BASE": base or "/",
        # Else the environment's files change. Prefect lets none but who made it read its copy: one for each account.
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(prefect_folder(home) / f"ui-{os.geteuid()}"),
    }


def foreign_environment(home: Path, theirs: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process of this home that uses another server. theirs: all of Prefect's settings that name
    it and say how to reach it."""
    around = without_unusable_proxies(os.environ)
    found = {name: value for name, value in around.items() if name not in ("PREFECT_PROFILE", PAGES)}
    return {**found, **theirs, **environment(home)}


def without_unusable_proxies(given: Mapping[str, str]) -> dict[str, str]:
    """Without proxies of a kind that httpx refuses (SOCKS without the package socksio): it would refuse to make any
    client, also one for this machine."""
    schemes = ["http://", "https://"]
    if importlib.util.find_spec("socksio"):
        schemes += ["socks5://", "socks5h://"]
    return {
        name: value
        for name, value in given.items()
        if name.lower() not in _PROXIES or "://" not in value or value.startswith(tuple(schemes))
    }


def _settings(table: dict[str, Any], prefix: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in table.items():
        label = f"{prefix}_{name.upper()}"
        found |= _settings(value, label) if isinstance(value, dict) else {label: str(value)}
    return found


@contextmanager
def prefect_settings(home: Path) -> Iterator[None]:
    """Give this process the environment of the home's Prefect processes, before it imports Prefect; take it back."""
    with exactly(process_environment(home)):
        yield


@contextmanager
def exactly(wanted: Mapping[str, str]) -> Iterator[None]:
    """Give this process these variables and no others; take them back."""
    before = dict(os.environ)
    _replace(wanted)
    try:
        yield
    finally:
        _replace(before)


def _replace(wanted: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(wanted):
        del os.environ[name]
    os.environ.update(wanted)
