"""nginx with the file of docs/nginx, where Debian's package `nginx-light` is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = Path(__file__).parent.parent / "docs" / "nginx" / "wrist.conf"
PROGRAM = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
IS_THERE = PROGRAM is not None
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextmanager
def running(folder: Path, changed: dict[str, str], port: int) -> Iterator[None]:
    """nginx until the block ends. changed: what of the documented file is another here. port: where it listens then."""
    text = FILE.read_text()
    for before, after in changed.items():
        assert before in text
        text = text.replace(before, after)
    places = "\n".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; pid {folder}/pid; error_log stderr warn; worker_processes 1;\nevents {{}}\n"
        f"http {{ access_log off; {places}\n{text}}}\n"
    )
    assert PROGRAM is not None
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "-p", str(folder), "-e", "stderr", "-c", str(file)], stderr=log)
    try:
        while not _listens(port):
            assert process.poll() is None, (folder / "log").read_text()
        yield
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
