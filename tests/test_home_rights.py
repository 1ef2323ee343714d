"""A home and what lies in it are its owner's alone whatever the umask; a group shares one on purpose."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from prefect_fixtures import Up
from test_console_errors import wrist

from db.home import catalogue_file, identity_key_file
from tasks.home_rights import wider_than_meant
from wrist_model import secret_file
from wrist_model.errors import CatalogueError
from wrist_model.intake import pixel_store
from wrist_model.radiograph.pseudonyms import IdentityKey


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0)
    yield  # type: ignore[misc]
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_a_home_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    home = tmp_path / "above" / "home"
    assert wrist(home, "status", cwd=tmp_path).returncode == 0
    assert wrist(home, "sql", "select 1", "--output", str(tmp_path / "n.csv"), cwd=tmp_path).returncode == 0
    assert mode(home) == 0o700 and mode(catalogue_file(home)) == 0o600 and mode(tmp_path / "n.csv") == 0o600


def test_what_up_and_its_workers_write_is_their_owners_alone(wrist_up: Up) -> None:
    """The fixture starts it with umask 0."""
    assert mode(wrist_up.home / "prefect") == 0o700
    made = [*(wrist_up.home / "prefect").rglob("*"), *wrist_up.home.glob("catalogue.sqlite*")]
    assert not [path for path in made if not path.is_symlink() and mode(path) & 0o077]
    assert (wrist_up.home / "prefect" / "prefect.db").exists()


def test_a_wider_key_is_refused_and_the_command_that_closes_it_named(tmp_path: Path) -> None:
    key = identity_key_file(tmp_path)
    IdentityKey.load_or_make(key)
    assert mode(key) == 0o600
    for wider in (0o640, 0o604, 0o660):
        key.chmod(wider)
        with pytest.raises(CatalogueError, match=f"mode is {wider:o}.*chmod 600"):
            IdentityKey.load_or_make(key)
    key.chmod(0o400)
    IdentityKey.load_or_make(key)


def test_status_names_a_home_that_others_may_enter(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    said = wrist(home, "status").stdout
    assert f"chmod 700 {home}" in said and "mode 755" in said
    home.chmod(0o700)
    assert "chmod" not in wrist(home, "status").stdout
    home.chmod(0o2775)
    assert wider_than_meant(home) == [f"other users may enter {home} (mode 2775): `chmod o-rwx {home}`"]


if os.geteuid() == 0:
    GROUP, ANOTHER = 54321, 54322

    @pytest.mark.usefixtures("open_umask")
    def test_a_group_shares_a_home_on_purpose(tmp_path: Path) -> None:
        home = tmp_path / "home"
        home.mkdir()
        os.chown(home, -1, GROUP)
        home.chmod(0o2770)
        assert wrist(home, "status").returncode == 0
        key = IdentityKey.load_or_make(identity_key_file(home))
        pixel_store.keep(np.zeros((8, 8), np.uint8), "ab" * 32, home / "pixels")
        assert wider_than_meant(home) == [] and secret_file.is_shared(home)
        found = {path.relative_to(home): mode(path) for path in home.rglob("*")}
        assert found.pop(Path("identity.key")) == 0o640
        assert {one for path, one in found.items() if (home / path).is_file()} == {0o660}
        assert {one & 0o2770 for path, one in found.items() if (home / path).is_dir()} == {0o2770}
        assert {path.stat().st_gid for path in home.rglob("*")} == {GROUP}
        for above in (tmp_path, *tmp_path.parents):
            if not above.stat().st_mode & stat.S_IXOTH:
                above.chmod(above.stat().st_mode | stat.S_IXGRP | stat.S_IXOTH)
        assert as_another(GROUP, lambda: IdentityKey.load_or_make(identity_key_file(home)) == key)
        assert as_another(GROUP, lambda: wrote(catalogue_file(home)))
        assert not as_another(ANOTHER, lambda: bool(list(home.iterdir())))

    def wrote(catalogue: Path) -> bool:
        with sqlite3.connect(catalogue) as connection:
            connection.execute("create table of_another (x)")
        return True

    def as_another(group: int, act: object) -> bool:
        """What a process of another user, of this group alone, finds."""
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(group)
                os.setuid(54321)
                os._exit(0 if act() else 1)  # type: ignore[operator]
            except BaseException as error:
                print(repr(error), file=sys.stderr)
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
