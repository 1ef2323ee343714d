"""Installation: by uv, and by pip where uv can't be had, from the same hashed file and the same indexes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

from wrist_model.recipe import load

ROOT = Path(__file__).parent.parent
ROOMS = ("flows", "tasks", "wrist_model", "db")
OURS = (".html", ".css", ".sql", ".md", ".toml", ".yaml", ".json", ".mako")


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


def unpacked_wheel(folder: Path) -> tuple[Path, set[str]]:
    """A wheel, made as `make dist` makes it (of the source distribution), unpacked; and the names of its files."""
    source = folder / "checkout"
    source.mkdir(parents=True)
    for name in ("flows", "tasks", "wrist_model", "db", "benchmarks", "recipes", "docs"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "prefect.toml", "prefect.yaml", "work-pool.json"):
        shutil.copy(ROOT / name, source)
    build = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"
    environment = {**os.environ, "PYTHONPATH": ""}

    def run(kind: str, place: Path) -> Path:
        command = [sys.executable, "-c", build, kind, str(folder)]
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=True)
        return folder / done.stdout.split()[-1]

    with tarfile.open(run("build_sdist", source)) as packed:
        packed.extractall(folder / "sdist", filter="data")
    shutil.rmtree(source)
    (from_sdist,) = (folder / "sdist").iterdir()
    with zipfile.ZipFile(run("build_wheel", from_sdist)) as packed:
        packed.extractall(folder / "site")  # noqa: S202 (made two lines before)
        return folder / "site", set(packed.namelist())


def test_a_wheel_holds_all_that_the_code_reads_and_finds_it_outside_a_checkout(tmp_path: Path) -> None:
    site, names = unpacked_wheel(tmp_path)
    python = [path.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    assert set(python) <= names
    assert {f"recipes/{path.name}" for path in (ROOT / "recipes").glob("*.toml")} <= names
    assert {f"flows/host/{name}" for name in ("prefect.yaml", "prefect.toml", "work-pool.json")} <= names
    others = {path for room in ROOMS for path in (ROOT / room).rglob("*.*") if path.suffix in OURS}
    assert {path.relative_to(ROOT).as_posix() for path in others} <= names
    assert not {name.split("/")[0] for name in names} & {"tests", "docs", "requirements"}
    asked = """
import json
from pathlib import Path
import flows, yaml
from flows.host import environment
from db.query.documented_queries import queries
from db.engine import open_catalogue
from wrist_model import recipe
open_catalogue().dispose()
print(json.dumps({
    "code": flows.__file__,
    "recipes": [recipe.load(name).sha256 for name in ("report", "quick", "demo")],
    "deployments": yaml.safe_load((environment.SHIPPED / "prefect.yaml").read_text())["deployments"],
    "heartbeat": environment.environment(Path("home"))["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"],
    "queries": len(queries()),
}))
"""
    done = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site), "WRIST_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert Path(told["code"]).is_relative_to(site)
    assert told["recipes"] == [load(name).sha256 for name in ("report", "quick", "demo")]
    assert (
        [one for one in told["deployments"] if one["name"] == "retrain"]
        and told["heartbeat"] == "30"
        and told["queries"] > 5
    )


def test_the_version_stands_in_one_place() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    stated = re.compile(rf"""__version__\s*=|[\"']{re.escape(version)}[\"']""")
    assert not [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if stated.search(path.read_text())]
