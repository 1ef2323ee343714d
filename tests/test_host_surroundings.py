"""What stands around a home's Prefect processes decides nothing: proxies, temporary folders, a user's own settings."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import psutil
import pytest
from prefect_fixtures import Up

from flows.host.environment import without_unusable_proxies
from flows.host.server import Deaths
from flows.host.server_choice import prefect_api
from flows.host.server_watch import PAUSES, ServerWatch
from flows.host.workers import LONGEST_FOLDER, workers
from wrist_model.errors import CatalogueError, UsageError


def test_workers_and_their_runs_keep_their_temporary_files_in_the_home(wrist_up: Up) -> None:
    below = psutil.Process(wrist_up.process.pid).children(recursive=True)
    (worker,) = [one for one in below if "worker" in one.cmdline()]
    assert Path(worker.environ()["TMPDIR"]) == wrist_up.home / "prefect" / "tmp"


def test_a_home_with_a_long_path_gets_a_private_temporary_folder_elsewhere(tmp_path: Path) -> None:
    """Python's fork server binds a Unix socket there, whose path may have 107 bytes."""
    home, said = tmp_path / ("long" * 30), list[str]()
    (home / "prefect").mkdir(parents=True)
    words = [sys.executable, "-c", "import os; print(os.environ['TMPDIR'])"]
    with workers(home, "http://127.0.0.1:9/api", 1, say=said.append, words=words) as pool:
        pool.processes[0].wait(30)
    folder = Path(pool.log.read_text().strip())
    assert len(bytes(folder)) <= LONGEST_FOLDER and folder.name.startswith("wrist-") and not folder.exists()


def test_a_worker_that_dies_again_and_again_ends_up_with_the_last_line_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()
    said = list[str]()
    words = [sys.executable, "-c", "print('first'); raise SystemExit('no room on the disk')"]
    with (
        workers(tmp_path, "http://127.0.0.1:9/api", 1, say=said.append, words=words) as pool,
        pytest.raises(CatalogueError, match=f"{Deaths.MOST} times .* ends with: no room on the disk"),
    ):
        for _ in range(200):
            pool.restart_ended()
            time.sleep(0.1)
    assert len(said) == Deaths.MOST - 1 and all("no room on the disk" in line for line in said)


def test_a_worker_that_is_killed_from_outside_is_started_again_however_often(tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()
    said = list[str]()
    words = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    with workers(tmp_path, "http://127.0.0.1:9/api", 1, say=said.append, words=words) as pool:
        until = time.monotonic() + 60
        while len(said) <= Deaths.MOST + 1 and time.monotonic() < until:
            pool.restart_ended()
            time.sleep(0.1)
    assert len(said) > Deaths.MOST + 1 and "status -9" in said[-1]


def test_kills_from_outside_are_not_counted_as_a_workers_own_ends(tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()
    said, once = list[str](), tmp_path / "killed"
    kills = f"import os, pathlib; file = pathlib.Path({str(once)!r}); done = file.exists() and len(file.read_text())"
    ends = "file.open('a').write('x'); os.kill(os.getpid(), 9) if done < 3 else os._exit(3)"
    words = [sys.executable, "-c", f"{kills}; {ends}"]
    with (
        workers(tmp_path, "http://127.0.0.1:9/api", 1, say=said.append, words=words) as pool,
        pytest.raises(CatalogueError, match=f"ended {Deaths.MOST} times .* \\(status 3\\)"),
    ):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            pool.restart_ended()
            time.sleep(0.1)
    assert ["status 3" in line for line in said] == [False] * 3 + [True] * (Deaths.MOST - 1)


def test_a_server_that_can_not_be_started_is_tried_again_ever_more_rarely(tmp_path: Path) -> None:
    """Its port is taken: nothing raises, each restart is counted, says when and why, and the next has to wait."""
    said: list[str] = []
    (tmp_path / "prefect").mkdir()
    rest = "[SQL: INSERT INTO worker]\n[parameters: {}]\n(Background on this error at: https://sqlalche.me/e/20/e3q8)\n"
    (tmp_path / "prefect" / "server.log").write_text("no room on the disk\n" + rest)  # as SQLAlchemy writes it
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        watch = ServerWatch(tmp_path, f"http://127.0.0.1:{other.getsockname()[1]}/api", said.append)
        watch.look()
        watch.look()
    assert len(said) == 3, said
    assert "restart 1 …" in said[0] and said[0].endswith("server.log ends with: no room on the disk")
    assert "not yet" in said[1] and "Port" in said[1]
    assert "restart 2 in 10 s …" in said[2]
    assert list(PAUSES) == sorted(PAUSES) and PAUSES[-1] >= 300


def test_only_a_proxy_that_no_client_could_use_is_left_out() -> None:
    given = {"ALL_PROXY": "socks4://p:1", "http_proxy": "http://p:1", "https_proxy": "p:1", "PATH": "/bin"}
    assert without_unusable_proxies(given) == {name: value for name, value in given.items() if name != "ALL_PROXY"}


class Stub(ThreadingHTTPServer):
    """Some server on this machine that says it is a Prefect of that version; wants: the one header it lets in."""

    def __init__(self, version: str = "3.8.8", wants: str | None = None, health: object = True) -> None:
        super().__init__(("127.0.0.1", 0), _Replies)
        self.version, self.wants, self.health, self.seen = version, wants, health, list[str | None]()
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api"


class _Replies(BaseHTTPRequestHandler):
    server: Stub

    def do_GET(self) -> None:
        path, given = self.path.removeprefix("/api"), self.headers.get("Authorization")
        if path != "/health":
            self.server.seen.append(given)
        refused = path != "/health" and self.server.wants not in (None, given)
        known = {"/health": self.server.health, "/admin/version": self.server.version, "/task_runs/count": 0}
        body = json.dumps(known.get(path)).encode()
        self.send_response(401 if refused else 200 if path in known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stub() -> Iterator[Callable[..., Stub]]:
    made: list[Stub] = []

    def make(*words: str, **more: object) -> Stub:
        made.append(Stub(*words, **more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.shutdown()
        one.server_close()


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set up a user's own Prefect: profiles in a file, and variables. Nothing of this session's is left."""
    import os

    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    for name in ("own", "home/prefect"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "own"))

    def write(active: str, profiles: dict[str, dict[str, str]], **variables: str) -> None:
        text = f'active = "{active}"\n'
        for name, settings in profiles.items():
            text += f"[profiles.{name}]\n" + "".join(f'{key} = "{value}"\n' for key, value in settings.items())
        (tmp_path / "own" / "profiles.toml").write_text(text)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return write


def test_a_profile_is_taken_with_its_key_and_its_server_is_named(
    tmp_path: Path, stub: Callable[..., Stub], users: Callable[..., None]
) -> None:
    server, said = stub(wants="Bearer secret"), list[str]()
    users("work", {"work": {"PREFECT_API_URL": server.url, "PREFECT_API_KEY": "secret"}})
    with prefect_api(tmp_path / "home", said.append) as url:
        from prefect.settings import PREFECT_API_KEY

        assert (url, PREFECT_API_KEY.value()) == (server.url, "secret")
    (line,) = said
    assert server.url in line and "profile 'work'" in line and "sent there" in line and "secret" not in line
    assert set(server.seen) == {"Bearer secret"}
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == ["profiles.toml"]


def test_the_profile_that_a_variable_names_goes_before_the_active_one(
    tmp_path: Path, stub: Callable[..., Stub], users: Callable[..., None]
) -> None:
    one, other = stub(), stub()
    profiles = {"one": {"PREFECT_API_URL": one.url}, "other": {"PREFECT_API_URL": other.url}}
    users("one", profiles, PREFECT_PROFILE="other")
    with prefect_api(tmp_path / "home", lambda _: None) as url:
        assert url == other.url
    assert other.seen and not one.seen
    users("one", profiles, PREFECT_PROFILE="none-such")
    with pytest.raises(UsageError, match="none-such"), prefect_api(tmp_path / "home", lambda _: None):
        pass


def test_a_folders_own_settings_file_counts_as_it_does_for_prefect(
    tmp_path: Path, stub: Callable[..., Stub], users: Callable[..., None]
) -> None:
    server, said = stub(wants="Basic YTpi"), list[str]()
    users("none", {"none": {}})
    (tmp_path / "prefect.toml").write_text(f'[api]\nurl = "{server.url}"\nauth_string = "a:b"\n')
    with prefect_api(tmp_path / "home", said.append) as url:
        assert url == server.url
    assert "settings file" in said[0] and set(server.seen) == {"Basic YTpi"}


@pytest.mark.parametrize(
    ("words", "settings", "said"),
    [
        ({"wants": "Bearer right"}, {"PREFECT_API_KEY": "wrong-key"}, "refuses these credentials"),
        ({"version": "2.20.1"}, {}, "is Prefect 2.20.1"),
        ({"health": {"status": "ok"}}, {}, "no Prefect server"),
        ({"version": 7}, {}, "no Prefect server"),
    ],
)
def test_a_server_that_cannot_be_used_is_said_at_once(
    tmp_path: Path,
    stub: Callable[..., Stub],
    users: Callable[..., None],
    words: dict[str, object],
    settings: dict[str, str],
    said: str,
) -> None:
    server = stub(**words)
    users("work", {"work": {"PREFECT_API_URL": server.url, **settings}})
    with pytest.raises(CatalogueError, match=said) as caught, prefect_api(tmp_path / "home", lambda _: None):
        pass
    assert server.url in str(caught.value) and "profile 'work'" in str(caught.value)
    assert "wrong-key" not in str(caught.value)


def test_a_server_of_a_near_version_is_used_and_its_version_said(
    tmp_path: Path, stub: Callable[..., Stub], users: Callable[..., None]
) -> None:
    server, said = stub("3.9.0"), list[str]()
    users("none", {"none": {}}, PREFECT_API_URL=server.url.replace("//", "//user:password@"))
    with prefect_api(tmp_path / "home", said.append):
        pass
    assert "3.9.0, here 3.8" in said[0] and "PREFECT_API_URL" in said[0] and "password" not in said[0]
