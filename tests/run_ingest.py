"""`python -m tests.run_ingest HOME PATH`: one ingest in a process of its own, which tests start, race and kill."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from db.engine import open_catalogue
from tasks.ingest import catalogue_files
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Provenance

if __name__ == "__main__":
    home = Path(sys.argv[1])
    done = catalogue_files(
        [sys.argv[2]],
        home=home,
        engine=open_catalogue(home),
        rule=SplitRecipe(),
        provenance=Provenance("tester"),
        jobs=1,
    )
    print(json.dumps(asdict(done.counts)))
