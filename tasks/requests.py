"""What a command asks a flow to read, by an id: paths may name somebody, and what a flow is given stays in Prefect.

The paths lie in the home while the command runs, and are gone after it. Errors that leave a flow or task call a path
`place 1`; the console has the words that were there.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from db import home as homes
from tasks.sources_toml import Root
from wrist_model.errors import Refused, UsageError, WristError
from wrist_model.secret_file import is_shared
from wrist_model.sources.recognise_source import absolute

Named = list[str] | None
KEPT_SECONDS = 8 * 24 * 3600.0
"""How long a request of a command that was killed is kept: no run takes longer."""
_ID = re.compile(r"rq-[0-9a-f]{32}")
_said: dict[str, str] = {}  # an error's words for Prefect → its own, in this process
_Error = TypeVar("_Error", bound=BaseException)


@contextmanager
def stored(paths: Named, labels: Named = None, boxes: str | None = None) -> Iterator[str | None]:
    """The id of a stored request while the block runs, None where there is nothing to store. An error that leaves the
    block has its own words again."""
    made = _store(paths, labels, boxes) if paths or labels or boxes else None
    try:
        yield made
    except WristError as error:
        raise _with_words(error, _own_words(str(error))) from None
    finally:
        if made is not None:
            homes.request_file(homes.home(), made).unlink(missing_ok=True)


def _own_words(said: str) -> str:
    for hidden_words in sorted(_said, key=len, reverse=True):
        said = said.replace(hidden_words, _said[hidden_words])
    return said


def _store(paths: Named, labels: Named, boxes: str | None) -> str:
    made = f"rq-{secrets.token_hex(16)}"
    file = homes.request_file(homes.home(), made)
    file.parent.mkdir(parents=True, exist_ok=True)  # below the home, whose rights it takes
    for old in file.parent.glob("rq-*.json"):
        if time.time() - old.stat().st_mtime > KEPT_SECONDS:
            old.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o660 if is_shared(file.parent) else 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        named = {"paths": [str(absolute(path)) for path in paths or ()], "labels": labels}
        json.dump({**named, "boxes": str(absolute(boxes)) if boxes else None}, stream)
    return made


def opened(
    request: str | None, paths: Named, labels: Named = None, boxes: str | None = None
) -> tuple[Named, Named, str | None]:
    """The paths, labels and boxes of a stored request, or those given where there is none. Raises UsageError for one
    that isn't there, and in a deployment's run: it names what it reads itself."""
    if request is None:
        return paths, labels, boxes
    from prefect import runtime

    if runtime.deployment.get_id():
        raise UsageError("A deployment's run has no stored request: give paths, or none for the remembered roots.")
    try:
        if not _ID.fullmatch(request):
            raise ValueError
        said = json.loads(homes.request_file(homes.home(), request).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UsageError("The stored request isn't there any more: its command has ended. Run it again.") from None
    return said["paths"] or None, said["labels"], said.get("boxes")


@contextmanager
def unnamed(places: Sequence[str | Root | None]) -> Iterator[None]:
    """Errors that leave the block call these paths `place 1`, `place 2` … and name no file below them."""
    try:
        yield
    except Exception as error:
        raise _hidden(error, places) from None


def without(text: str, places: Sequence[str | Root | None]) -> str:
    """A text that calls these paths, and what lies below them, by their number."""
    words: dict[str, str] = {}
    for number, place in enumerate(places, start=1):
        for path, word in _paths(place, number):
            words |= {str(Path(path).resolve()): word, str(absolute(path)): word, path: word}
    for path in sorted(words, key=len, reverse=True):
        if path.strip("./"):
            below = r"(?:/[^\n]*?(?=: |[`'\"]|\. |$))?(?![\w-])"
            text = re.sub(rf"(?<![\w/.-]){re.escape(path)}{below}", words[path], text, flags=re.MULTILINE)
    return text


def _paths(place: str | Root | None, number: int) -> list[tuple[str, str]]:
    if isinstance(place, Root):
        beside = ((place.labels, "labels"), (place.boxes, "boxes"))
        named = [(path, f"the {what} of place {number}") for path, what in beside if path]
        return [(place.path, f"place {number}"), *named]
    return [(place, f"place {number}")] if place else []


def hidden(error: WristError, places: Sequence[str | Root | None]) -> str:
    """An error's words for Prefect; the console finds its own again."""
    return str(_hidden(error, places))


def _hidden(error: Exception, places: Sequence[str | Root | None]) -> Exception:
    if isinstance(error, OSError) and error.filename is not None:
        return type(error)(error.errno, f"{error.strerror} (a file of one of the places that are read)")
    said = without(str(error), places)
    if said == str(error):
        error.__context__ = error.__cause__ = None
        return error
    _said[said] = str(error)
    return _with_words(error, said)


def _with_words(error: _Error, said: str) -> _Error:
    """The same error with other words, and without what it came from."""
    if isinstance(error, Refused):
        error.reason = said
    error.args = (said,)
    error.__context__ = error.__cause__ = None
    return error
