"""Which picture of a place a file of boxes means: by its path, or by what of its path is unique there."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable

from wrist_model.errors import Refused


class Pictures:
    """The paths of a place's pictures, below its root, with `/`."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = frozenset(paths)
        self._named: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self._paths):
            name = posixpath.basename(path)
            for said in {name, posixpath.splitext(name)[0]}:
                self._named[said].append(path)

    def find(self, said: str, below: str | None, by_file: bool = False) -> str:
        """The path that is meant by a path, a name, or either without its ending.

        below: the folder of the file that says it, where that lies in the place too. by_file: it is that file's own
        path (labels/a for images/a.png), of which the longest end counts that pictures have. Raises Refused:
        `unknown_picture`, or `ambiguous_picture` where several could be meant.
        """
        name = posixpath.normpath(said.replace("\\", "/")).lstrip("/") if "\0" not in said else ""
        for exact in (name, posixpath.join(below, name) if below else name):
            if posixpath.normpath(exact) in self._paths:
                return posixpath.normpath(exact)
        held = self._named.get(posixpath.basename(name), ())
        found = [path for path in held if _ends(path, name)]
        while by_file and not found and "/" in name:
            name = name.partition("/")[2]
            found = [path for path in held if _ends(path, name)]
        if not found:
            raise Refused("unknown_picture", "There is no such picture in the place that is ingested.")
        if len(found) > 1:
            reason = f"{len(found)} pictures of the place could be meant: name it by its path below the place."
            raise Refused("ambiguous_picture", reason)
        return found[0]


def _ends(path: str, name: str) -> bool:
    whole, stem = f"/{path}", f"/{posixpath.splitext(path)[0]}"
    return whole.endswith(f"/{name}") or stem.endswith(f"/{name}")
