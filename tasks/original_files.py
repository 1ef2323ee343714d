"""Read every original file again: is it what was catalogued or refused? `wrist verify --files`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sqlalchemy import Engine

from db import known_files
from db.audit.verify import Finding
from db.home import identity_key_file
from wrist_model.errors import Refused
from wrist_model.intake.storable_text import is_pseudonym, printable
from wrist_model.radiograph import decode
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.records import Progress
from wrist_model.sources import walk


def read_again(engine: Engine, progress: Progress) -> tuple[list[Finding], list[Finding], int]:
    """(files whose content is another than what was seen, things to look at, files read).

    A file that isn't there any more is no finding: data sets move. Sizes and times are not asked: they can be set.
    """
    home = Path(engine.get_execution_options()["wrist_home"])
    findings: list[Finding] = []
    warnings: list[Finding] = []
    read = 0
    for root in sorted(known_files.places(engine)):
        seen = known_files.seen_below(engine, root)
        if is_pseudonym(root):
            said = (
                f"{len(seen)} files were given one by one; their folder's name is not stored: they can't be read again."
            )
            warnings.append(Finding("original", root, said))
            continue
        key = IdentityKey.load_or_make(identity_key_file(home)) if any(map(is_pseudonym, seen)) else None
        missing, done = set(seen), 0
        for file, relative in walk.files(Path(root), follow_links=True):
            stored = printable(relative)
            if stored not in seen and key is not None:
                stored = key.path(relative)
            if stored not in seen:
                continue
            missing.discard(stored)
            done += 1
            progress("verify: originals", done, len(seen), "")
            try:
                same = hashlib.sha256(decode.read_whole(file)).hexdigest() in seen[stored]
            except (Refused, OSError) as error:
                warnings.append(Finding("original", stored, f"It can't be read again: {error}."))
                continue
            if not same:
                said = "Its content is not what was catalogued or refused there, whatever its size and time say."
                findings.append(Finding("original", stored, said))
        read += done
        if missing:
            said = f"{len(missing)} of {len(seen)} files are not there any more, {min(missing)} first."
            warnings.append(Finding("original", f"a root of {len(seen)} files", said))
    return findings, warnings, read
