"""GRAZPEDWRI-DX's whole table, where it lies beside the checkout, with a generated picture for each of its rows.

`pytest -m soak tests/test_soak_grazpedwri.py`; the table is ../shared/data/grazpedwri/dataset.csv, or what GRAZPEDWRI
names.
"""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_ingest_grazpedwri import answers, ingest

from db.engine import open_catalogue

TABLE = Path(
    os.environ.get("GRAZPEDWRI", Path(__file__).resolve().parents[2] / "shared" / "data" / "grazpedwri" / "dataset.csv")
)
MIXED = (
    "SELECT count(*) FROM (SELECT study_uid FROM images GROUP BY study_uid "
    "HAVING min(image_label) <> max(image_label)) mixed"
)


@pytest.mark.soak
@pytest.mark.skipif(not TABLE.is_file(), reason=f"{TABLE} is not there")
def test_every_row_of_the_whole_table_is_accounted_for(tmp_path: Path) -> None:
    folder, home = tmp_path / "GRAZPEDWRI-DX", tmp_path / "home"
    with TABLE.open(encoding="utf-8-sig") as file:
        stems = [row["filestem"] for row in csv.DictReader(file)]
    rng = np.random.default_rng(0)
    for number, stem in enumerate(stems):
        part = folder / f"images_part{1 + 4 * number // len(stems)}"
        part.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 65535, (40, 32), dtype=np.uint16)).save(part / f"{stem}.png")
    (folder / "dataset.csv").write_bytes(TABLE.read_bytes())
    catalogue, begun = open_catalogue(home), time.monotonic()
    done = ingest(folder, home, catalogue)
    assert time.monotonic() - begun < 300
    assert (done.counts.new, done.counts.ignored, done.counts.seen) == (20_327, 1, 20_328)
    assert answers(catalogue, "SELECT count(*), sum(image_label) FROM images") == [(20_327, 13_550)]
    assert answers(catalogue, "SELECT count(*), sum(label), count(DISTINCT patient_key) FROM studies") == [
        (10_842, 7_553, 6_091)
    ]
    assert answers(catalogue, MIXED) == [(665,)]
    reasons = "SELECT excluded_reason, count(*), sum(n_images) FROM studies GROUP BY excluded_reason"
    assert sorted(answers(catalogue, reasons), key=str) == [
        ("fracture_code_without_visible_fracture", 85, 130),
        ("uncertain_diagnosis", 285, 546),
        (None, 10_472, 19_651),
    ]
    assert ingest(folder, home, catalogue).counts.unchanged == 20_327
    catalogue.dispose()
