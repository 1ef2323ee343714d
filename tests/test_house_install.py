"""Installation: by uv, and by pip where uv can't be had, from the same hashed file and the same indexes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def wheel(folder: Path) -> str:
    """A package without content, and the line of a requirements file that pins it."""
    folder.mkdir()
    path = folder / "tinypackage-1.0-py3-none-any.whl"
    head = "tinypackage-1.0.dist-info/"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("tinypackage.py", "")
        made.writestr(head + "METADATA", "Metadata-Version: 2.1\nName: tinypackage\nVersion: 1.0\n")
        made.writestr(head + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr(head + "RECORD", "")
    return f"tinypackage==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def test_where_uv_can_not_be_had_pip_installs_the_same_file_and_says_so(tmp_path: Path) -> None:
    pinned = tmp_path / "pinned.txt"
    pinned.write_text(wheel(tmp_path / "wheels"))
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    environment = {
        **os.environ,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "wheels"),
        "PIP_CONFIG_FILE": os.devnull,
    }
    done = subprocess.run(
        [python, ROOT / "requirements" / "install.py", pinned],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "uv did not install" in done.stdout and "pip does it instead" in done.stdout
    assert subprocess.run([python, "-c", "import tinypackage"], check=False).returncode == 0


def test_a_file_with_another_hash_is_refused_by_both(tmp_path: Path) -> None:
    pinned = tmp_path / "pinned.txt"
    pinned.write_text(wheel(tmp_path / "wheels")[:-5] + "0000\n")
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    environment = {**os.environ, "PIP_FIND_LINKS": str(tmp_path / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        [python, ROOT / "requirements" / "install.py", pinned],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "hash" in (done.stdout + done.stderr).lower()
