"""Which files may be named: by whoever may only start a deployment, and as data by anybody.

Who reaches the Prefect server may start a run with any parameters. It reads what somebody at the console has
remembered, and recipes; so that a file of this account is not read, and told of in an error, for a stranger.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from db import home as homes
from tasks import sources_toml
from wrist_model.errors import UsageError
from wrist_model.recipe import SHIPPED, find

_SHA256 = re.compile(r"[0-9a-f]{64}")
_BEGINNINGS = (b"SQLite format 3\0", b"\x89HDF\r\n\x1a\n")
_ENDINGS = (".keras", ".toml", ".h5", ".sqlite", ".db", ".key")


def of_a_deployment(
    paths: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    recipe: str | None = None,
    cluster: str | None = None,
    follow_links: bool = False,
) -> None:
    """Check the parameters of a run, if it is a deployment's. Raises UsageError for a file that is neither below a
    remembered root nor a recipe, and for a cluster: its scheduler could answer with anything.

    A remembered file stands for itself; its labels may be named, too. A recipe may lie in recipes/ of the home.
    """
    from prefect import runtime

    if not (paths or any(labels or ()) or recipe or cluster or follow_links) or not runtime.deployment.get_id():
        return
    place = homes.home()
    roots = sources_toml.read(place)
    known = [_real(root.path) for root in roots] + [
        _real(named) for root in roots for named in (root.labels, root.boxes) if named
    ]
    for named in (*(paths or ()), *(one for one in labels or () if one)):
        if not _below(_real(named), known):
            raise UsageError(
                "A deployment's run may name only what lies below a remembered root, and one of its paths doesn't. "
                "At the console: `wrist ingest PATH --remember`, or the command itself."
            )
    recipes = [*known, SHIPPED.resolve(), homes.tuned_recipe_file(place, "any").parent.resolve()]
    if recipe and not _SHA256.fullmatch(recipe) and not _below(find(recipe).resolve(), recipes):
        raise UsageError(
            "A deployment's run may name a recipe that comes with Wrist, or one in recipes/ of its home or below a "
            f"remembered root. Put it into {recipes[-1]}."
        )
    if follow_links:
        raise UsageError(
            "A deployment's run follows links out of a root only where it was remembered so: "
            "`wrist ingest PATH --follow-links --remember`."
        )
    if cluster:
        raise UsageError("A deployment's run can't name a cluster. At the console: `wrist predict … --cluster`.")


def require_data(path: str | Path, option: str) -> None:
    """Raises UsageError where this is one of Wrist's own files, which hold no data: the key, a database, a recipe, a
    network, or what else it keeps in the home, under whatever name or link."""
    if _is_ours(Path(path).expanduser()):
        raise UsageError(f"{option} {path}: a file of Wrist's own (a key, database, recipe or network), no data.")


def require_output(path: Path, option: str, *, database: bool = False) -> None:
    """Raises UsageError where writing this file would destroy one of Wrist's own, or put another among them.

    database: a database is what is written there, and may take another's place, but not the catalogue's.
    """
    given = path.expanduser()
    if _is_in_use(given) if database else _is_ours(given):
        raise UsageError(f"{option} {path}: a file of Wrist's own, or among them. Give a new file elsewhere.")


def _is_ours(path: Path) -> bool:
    if _is_in_use(path) or path.resolve().suffix.lower() in _ENDINGS:
        return True
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with path.open("rb") as file:
            return file.read(16).startswith(_BEGINNINGS)
    except OSError:  # whoever opens it says why it can't be
        return False


def _is_in_use(path: Path) -> bool:
    """Whether the home keeps it, or it is the same file as the key or the catalogue, by whatever link."""
    place, real = homes.home(), path.resolve()
    if _below(real, [one.resolve() for one in homes.own_places(place)]):
        return True
    key, catalogue = homes.identity_key_file(place), homes.sqlite_file(homes.database_url(place))
    try:
        return any(one is not None and one.exists() and one.samefile(real) for one in (key, catalogue))
    except OSError:
        return False


def _real(path: str) -> Path:
    return Path(path).expanduser().resolve()


def _below(path: Path, places: Iterable[Path]) -> bool:
    return any(path == place or place in path.parents for place in places)
