"""Which picture of a place a file of boxes means: by its path, or by what of its path is unique there."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable

from wrist_model.errors import Refused


class Pictures:
    """The paths of a place's pictures, below its root, with `/`."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._named: dict[str, list[str]] = defaultdict(list)
        for path in sorted(frozenset(paths)):
            name = posixpath.basename(path).casefold()
            for said in {name, posixpath.splitext(name)[0]}:
                self._named[said].append(path)

    def find(self, said: str, below: str | None, by_file: bool = False) -> str:
        """The path that is meant by a path, a name, or either without its ending; in other letters where no picture has
        these.

        below: the folder of the file that says it, where that lies in the place too. by_file: it is that file's own
        path (labels/a for images/a.png), of which the longest end counts that pictures have. Raises Refused:
        `unknown_picture`, or `ambiguous_picture` where several could be meant.
        """
        name = posixpath.normpath(said.replace("\\", "/")).lstrip("/") if "\0" not in said else ""
        held = self._named.get(posixpath.basename(name).casefold(), [])
        for change in (str, str.casefold):
            for one in _by_file(name) if by_file else (name,):
                found = _meant([(path, change(path)) for path in held], change(one), below and change(below))
                if len(found) > 1:
                    reason = f"{len(found)} pictures of the place could be meant: name it by its path below the place."
                    raise Refused("ambiguous_picture", reason)
                if found:
                    return found[0]
        raise Refused("unknown_picture", "There is no such picture in the place that is ingested.")


def _by_file(name: str) -> list[str]:
    """A file's own path, with images for labels as YOLO's folders have it, and its ends, the longest first."""
    parts = name.split("/")
    labels = [place for place, part in enumerate(parts[:-1]) if part.lower() == "labels"]
    as_images = ["/".join([*parts[: labels[-1]], "images", *parts[labels[-1] + 1 :]])] if labels else []
    return [*as_images, *("/".join(parts[first:]) for first in range(len(parts)))]


def _meant(held: Iterable[tuple[str, str]], name: str, below: str | None) -> list[str]:
    """Of pictures (path, and the path to compare) those that are meant: the one at the very path, or from `below` on,
    else all that end in it."""
    held = list(held)
    for exact in (name, posixpath.normpath(posixpath.join(below, name)) if below else name):
        for end in (False, True):
            if own := [path for path, said in held if (posixpath.splitext(said)[0] if end else said) == exact]:
                return own
    return [path for path, said in held if _ends(said, name)]


def _ends(path: str, name: str) -> bool:
    whole, stem = f"/{path}", f"/{posixpath.splitext(path)[0]}"
    return whole.endswith(f"/{name}") or stem.endswith(f"/{name}")
