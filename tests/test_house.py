"""The laws of the house, held by linters: style, types, the direction of imports, light starts, honest pins."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports", "--no-cache")],
    ids=lambda command: " ".join(command),
)
def test_the_linters_find_nothing(command: tuple[str, ...]) -> None:
    done = run(str(BIN / command[0]), *command[1:])
    assert done.returncode == 0, done.stdout + done.stderr


def test_packages_import_nothing_in_their_init() -> None:
    for package in ("flows", "tasks", "wrist_model", "db"):
        for init in (ROOT / package).rglob("__init__.py"):
            text = init.read_text()
            assert text.lstrip().startswith('"""'), f"{init} must state its room's law"
            assert not re.search(r"^\s*(import|from)\s", text, re.MULTILINE), f"{init} must import nothing"


def test_the_console_starts_without_heavy_libraries() -> None:
    heavy = "tensorflow prefect pandas matplotlib sklearn pydicom sqlalchemy"
    code = f"import sys, flows.console.cli; print(sorted(set('{heavy}'.split()) & set(sys.modules)))"
    done = run(sys.executable, "-c", code)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def pins(name: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in (ROOT / "requirements" / name).read_text().splitlines():
        if match := re.match(r"([a-z0-9._-]+)==([^ ;\\]+)", line):
            found.setdefault(match[1], set()).add(match[2])
    return found


def test_running_and_testing_pin_the_same_versions() -> None:
    for_running, for_testing = pins("run.txt"), pins("test.txt")
    assert for_running.items() <= for_testing.items()


def test_every_dependency_is_pinned_with_hashes_and_without_addresses() -> None:
    for name in ("run.txt", "test.txt"):
        text = (ROOT / "requirements" / name).read_text()
        entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
        assert all("--hash=sha256:" in entry for entry in entries)
        assert "://" not in text


def test_every_direct_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(item for extra in project["optional-dependencies"].values() for item in extra),
    ]
    names = {re.match(r"[A-Za-z0-9._-]+", item)[0] for item in wanted}  # type: ignore[index]
    explained = (ROOT / "docs" / "dependencies.md").read_text()
    assert not [name for name in sorted(names) if f"`{name}`" not in explained]
