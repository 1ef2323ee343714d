"""Find the file behind an id again: the catalogue keeps no path that could tell who somebody is."""

from __future__ import annotations

import hashlib
from pathlib import Path

from db.engine import open_catalogue
from db.home import home, identity_key_file
from db.known_files import stored_file
from wrist_model import regular_file
from wrist_model.errors import DataError, Refused, UsageError
from wrist_model.intake.storable_text import is_pseudonym, printable
from wrist_model.radiograph import decode
from wrist_model.radiograph.pseudonyms import IdentityKey
from wrist_model.sources import walk
from wrist_model.sources.recognise_source import absolute


def locate(target: str, folder: Path) -> Path:
    """The file below folder that an image's id (im-…) or a stored path (pa-… or a plain one) stands for.

    Looked for by its path below folder, which should be the folder that was ingested; failing that, by its content.
    Raises UsageError for a folder that isn't there, DataError when nothing matches.
    """
    if not regular_file.is_folder(folder):
        raise UsageError(f"{folder}: no such folder. Give the folder that was ingested.")
    path, sha256 = stored_file(open_catalogue(existing=True, writes=False), target)
    key = IdentityKey.load_or_make(identity_key_file(home()))
    files = list(walk.files(absolute(folder), follow_links=True))
    for file, relative in files:
        if (key.path(relative) if is_pseudonym(path) else printable(relative)) == path:
            return Path(file)
    for file, _ in files if sha256 else ():
        try:
            if hashlib.sha256(decode.read_whole(file)).hexdigest() == sha256:
                return Path(file)
        except Refused:
            continue
    raise DataError(f"{target}: no file below the folder given is it. Give the folder that was ingested.")
