"""`python -m tests.run_ingest HOME PATH`: one ingest in a process of its own, which tests start, race and kill."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from db.engine import open_catalogue
from tasks.ingest_files import catalogue_files
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Provenance


def ingested(home: str, path: str) -> None:
    """Ingest with one worker and print the counts as JSON."""
    done = catalogue_files(
        [path],
        home=Path(home),
        engine=open_catalogue(Path(home)),
        rule=SplitRecipe(),
        provenance=Provenance("tester"),
        jobs=1,
    )
    print(json.dumps(asdict(done.counts)))


if __name__ == "__main__":
    ingested(*sys.argv[1:])
