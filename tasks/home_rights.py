"""Who may enter a home: its owner alone, or the group that shares it on purpose (a setgid folder, mode 2770)."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from db.home import catalogue_file, identity_key_file, prefect_folder, prefect_password_file
from wrist_model import secret_file

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def protect(home: Path) -> None:
    """From now on this process, and what it starts, makes files that nobody else may read: of a shared home, nobody
    outside its group."""
    os.umask(0o007 if secret_file.is_shared(home) else 0o077)


def share_databases(home: Path) -> None:
    """SQLite makes its files without the group's right to write; give it, in a shared home, to those of this user."""
    if not secret_file.is_shared(home):
        return
    history = prefect_folder(home) / "prefect.db"
    with suppress(PermissionError):  # of somebody outside the group, who is told so by what the command does
        if history.parent.exists() and not history.exists():
            history.touch()  # before the server makes it
    for file in (catalogue_file(home), history):
        for one in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
            with suppress(FileNotFoundError, PermissionError):
                if one.stat().st_uid == os.geteuid():
                    one.chmod(0o660)


def wider_than_meant(home: Path) -> list[str]:
    """One line, with the command that mends it, for the home and each secret in it that others may read."""
    found = []
    shared = secret_file.is_shared(home)
    if home.exists():
        mode = stat.S_IMODE(home.stat().st_mode)
        wide = mode & (stat.S_IRWXO if shared else _OTHERS)
        if wide:
            narrow = "o-rwx" if shared else "700"
            found.append(f"other users may enter {home} (mode {mode:o}): `chmod {narrow} {home}`")
    allowed = secret_file.SHARED if shared else secret_file.ALONE
    for file in (identity_key_file(home), prefect_password_file(home)):
        if file.exists() and stat.S_IMODE(file.stat().st_mode) & ~allowed:
            found.append(f"other users may read or change {file}: `chmod {allowed:o} {file}`")
    return found
