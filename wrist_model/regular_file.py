"""Files that others give, opened with care: regular ones alone, up to a bound, and no question about a path raises.

A pipe waits for ever, /dev/zero never ends, a device acts when it is opened, a file in /proc says that it is empty.
`Path.is_file` and its kind raise for a path that is too long or behind a closed folder: one such entry ends a walk.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from wrist_model.errors import Refused

MOST_TEXT = 256 << 20
"""Bytes of a table, list, recipe or settings file: a list of two million images has about so many."""
_STEP = 1 << 20


def is_file(path: Path | str) -> bool:
    """Whether a regular file is there and can be reached, behind links too."""
    return os.path.isfile(path)  # noqa: PTH113 (Path's raises)


def is_folder(path: Path | str) -> bool:
    """Whether a folder is there and can be reached, behind links too."""
    return os.path.isdir(path)  # noqa: PTH112 (Path's raises)


def is_there(path: Path | str) -> bool:
    """Whether anything is there that can be reached, behind links too."""
    return os.path.exists(path)  # noqa: PTH110 (Path's raises)


def read(path: Path | str, most: int = MOST_TEXT, first: int | None = None) -> bytes:
    """A regular file's bytes, or the first so many. Raises OSError where it can't be opened, Refused (`not_a_file`,
    `too_large`) for anything else than a regular file of at most `most` bytes."""
    try:
        _refuse_special(os.stat(path))  # noqa: PTH116 (before it is opened: that alone moves a tape)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | getattr(os, "O_CLOEXEC", 0))
    except ValueError:  # a NUL in its name
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        facts = os.fstat(descriptor)
        _refuse_special(facts)  # it may have been put in the other's place
        if first is not None:
            return file.read(first) or b""
        if facts.st_size > most:
            raise Refused("too_large", f"The file has {facts.st_size} bytes; expected at most {most}.")
        data = file.read(facts.st_size + 1) or b""
        if len(data) == facts.st_size > 0:
            return data
        parts, held = [data], len(data)  # it grows meanwhile, or is one of /proc, which state no size
        while held <= most and (part := file.read(_STEP)):
            parts.append(part)
            held += len(part)
        if held > most:
            raise Refused("too_large", f"The file has more than {most} bytes, which is the most that is read.")
        return b"".join(parts)


def refuse(path: Path | str) -> None:
    """Say what it is where it is no regular file. Raises Refused (`unreadable`, `not_a_file`, `missing_file`).

    A link to nowhere, and what can't be reached, are left to whoever opens them.
    """
    if is_folder(path):
        raise Refused("unreadable", "The folder can't be listed or entered; check its permissions.")
    if is_there(path):
        raise Refused("not_a_file", "It is a device, a pipe or a socket, not a file.")
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise Refused("missing_file", "There is no such file; copy it again or mend the list that names it.") from None
    except (OSError, ValueError):
        return


def _refuse_special(facts: os.stat_result) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(facts.st_mode):
        raise Refused("not_a_file", "It is a device, a pipe or a socket, not a file.")
