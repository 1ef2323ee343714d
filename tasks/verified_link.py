"""`wrist verify`, and `--new` from the last verified link on, which is remembered under the identity key's seal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine

from db.audit import anchor_file, verified_link
from db.audit.verified_link import VerifiedLink
from db.audit.verify import Verdict, verify
from db.audit.walk import Finding
from db.home import identity_key_file, verified_link_file
from wrist_model.errors import CatalogueError
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.records import Progress


def check(
    engine: Engine,
    *,
    new: bool = False,
    anchor: Path | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Verdict:
    """The whole catalogue, or what is new; `say` is told why all of it is read though only the new was asked for."""
    home = Path(engine.get_execution_options()["wrist_home"])
    file, key = verified_link_file(home), _key(home)
    since = verified_link.begun(file)
    after, why, altered = _start(file, anchor, key) if new else (None, "", ())
    if why:
        say(f"{why}: all of it is read.")
    verdict = verify(engine, anchor=anchor, progress=progress, after=after)
    if altered:
        verdict = replace(verdict, ok=False, findings=(*altered, *verdict.findings))
    if key is not None and verdict.ok and verdict.reached is not None:
        verified_link.write(file, verdict.reached, key.seal, since)
    elif not verdict.ok:
        verified_link.forget(file)  # what was found broken stays found
    return verdict


def _key(home: Path) -> IdentityKey | None:
    """The home's key; None where there is none yet, or this account may not read it."""
    file = identity_key_file(home)
    try:
        return IdentityKey.load_or_make(file) if file.exists() else None
    except (CatalogueError, OSError):
        return None


def _start(
    file: Path, anchor: Path | None, key: IdentityKey | None
) -> tuple[VerifiedLink | None, str, tuple[Finding, ...]]:
    """(where to go on, else None and why not; a finding where what was remembered was altered)."""
    if key is None:
        return None, "There is no identity.key that this account may read, so that no verified link is known", ()
    try:
        known = verified_link.read(file, key.seal)
    except CatalogueError as error:
        return None, str(error), (Finding("verified_link", file.name, f"{error}. It is made anew by the next check."),)
    if known is None:
        return None, "No link is known to be verified", ()
    if anchor is None:
        return known, "", ()
    anchored = anchor_file.last_link(anchor)
    if anchored is None:
        return None, f"{anchor} does not say yet up to where the catalogue was verified", ()
    return min(known, anchored, key=lambda link: link.seq), "", ()
