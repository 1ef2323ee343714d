"""Install a hash-pinned requirements file beside this Python: by uv, or by pip where uv can't be had.

    .venv/bin/python requirements/install.py requirements/run.txt

uv itself is pinned in requirements/uv.txt. What pip is told of indexes, certificates and proxies (pip.conf, PIP_…) is
handed to uv. Standard library alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
FOR_UV = {  # option of pip → variable of uv
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}


def main() -> int:
    """Gives the exit status: 0 when everything in the file is installed."""
    (wanted,) = sys.argv[1:]
    why = by_uv(wanted)
    if why is None:
        return 0
    print(f"uv did not install {wanted} ({why}); pip does it instead, which takes some minutes …", flush=True)
    return subprocess.run(
        [*PIP, "install", "--quiet", "--no-deps", "--require-hashes", "-r", wanted], check=False
    ).returncode


def by_uv(wanted: str) -> str | None:
    """None when uv has installed the file, else why not, in a line."""
    got = [*PIP, "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(HERE / "uv.txt")]
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
    install += ["--no-deps", "--require-hashes", "--index-strategy", "unsafe-best-match", "-r", wanted]
    for command in (got, install):
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**settings(), **os.environ})
        if done.returncode != 0:
            lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
            return lines[-1] if lines else f"status {done.returncode}"
    return None


def settings() -> dict[str, str]:
    """pip's settings in uv's words. pip names its environment variables last, so that they win over its files."""
    told = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=False).stdout
    found: dict[str, str] = {}
    for option, value in re.findall(r"^\S+?\.([\w-]+)='(.*)'$", told, re.MULTILINE):
        words = [word for word in value.split() if usable(word)]
        if option in FOR_UV and words:
            found[FOR_UV[option]] = ("," if option == "find-links" else " ").join(words)
    return found


def usable(word: str) -> bool:
    """pip passes over a folder that is not there, uv ends."""
    folder = word.removeprefix("file://")
    return not folder.startswith("/") or Path(folder).exists()


if __name__ == "__main__":
    sys.exit(main())
