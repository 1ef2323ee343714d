"""Keep a copy of a released schema with rows in it: `python tests/db_release.py VERSION`, run once at a release.

Writes tests/schemas/VERSION.sqlite.sql, which later code must migrate and verify.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from db_story import tell

from db.engine import open_catalogue

SCHEMAS = Path(__file__).parent / "schemas"


def write(version: str) -> Path:
    os.environ.pop("WRIST_DATABASE_URL", None)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_catalogue(Path(folder))
        tell(engine)
        engine.dispose()
        connection = sqlite3.connect(Path(folder) / "catalogue.sqlite")
        target = SCHEMAS / f"{version}.sqlite.sql"
        target.write_text("\n".join(connection.iterdump()) + "\n", encoding="utf-8")
        connection.close()
    return target


if __name__ == "__main__":
    print(write(sys.argv[1]))
