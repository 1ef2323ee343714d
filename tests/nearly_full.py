"""`python -m tests.nearly_full DISK PATH MORE`: ingests while the disk fills up; prints what each step found."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from db import labels
from db.engine import open_catalogue
from tasks.disk_space import nearly_full
from tasks.ingest_files import Decoding, catalogue_files
from tasks.ingest_writer import Ledger
from wrist_model.errors import DiskNearlyFull
from wrist_model.recipe import SplitRecipe
from wrist_model.records import Provenance


def _steps(disk: Path, path: str, more: str) -> dict[str, Any]:
    home, ballast = disk / "home", disk / "ballast"
    engine = open_catalogue(home)

    def ingested(place: str) -> Any:
        try:
            done = catalogue_files(
                [place],
                home=home,
                engine=engine,
                rule=SplitRecipe(),
                provenance=Provenance("tester"),
                decoding=Decoding(jobs=1),
            )
        except DiskNearlyFull as error:
            return str(error)
        return asdict(done.counts)["new"]

    def fill(share: float) -> None:
        use = os.statvfs(disk)
        with ballast.open("ab") as file:
            os.posix_fallocate(
                file.fileno(), ballast.stat().st_size, int((use.f_bavail - share * use.f_blocks) * use.f_frsize)
            )

    def studies() -> int:
        return sum(labels.studies_by_label(engine).values())

    found: dict[str, Any] = {"first": ingested(path), "said_before": nearly_full(home)}
    fill(0.08)
    found |= {"said": nearly_full(home)}
    write = Ledger.write

    def full_meanwhile(self: Ledger, results: Any) -> None:
        fill(0.03)
        write(self, results)

    Ledger.write = full_meanwhile  # type: ignore[method-assign]
    found |= {"meanwhile": ingested(more), "studies_meanwhile": studies()}
    Ledger.write = write  # type: ignore[method-assign]
    found |= {"before": ingested(more), "studies_before": studies()}
    found["runs"] = [status for (status,) in _runs(engine)]
    ballast.unlink()
    found |= {"after": ingested(more), "studies_after": studies(), "said_after": nearly_full(home)}
    return found


def _runs(engine: Any) -> list[tuple[str]]:
    from db.query.read_only_sql import query

    return query("SELECT status FROM ingest_runs ORDER BY seq").rows  # type: ignore[return-value]


if __name__ == "__main__":
    print(json.dumps(_steps(Path(sys.argv[1]), sys.argv[2], sys.argv[3])))
