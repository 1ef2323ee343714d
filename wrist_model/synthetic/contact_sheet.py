"""A contact sheet of synthetic radiographs, for the README and for looking: upper rows whole, lower rows broken.

python -m wrist_model.synthetic.contact_sheet docs/pictures/synthetic.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from wrist_model.synthetic.cohort_plan import PlannedStudy, plan
from wrist_model.synthetic.render import picture

CELL = (132, 160)
ACROSS = 7


def sheet(seed: int = 0) -> Image.Image:
    """Two rows without and two with a fracture; 8-bit grey, few levels so that the file stays small."""
    whole = Image.new("L", (ACROSS * CELL[0], 4 * CELL[1]), 0)
    studies = [study for study in plan(seed, 400) if len(study.images) > 1]
    for label in (0, 1):
        chosen = [study for study in studies if study.label == label][: 2 * ACROSS]
        for place, study in enumerate(chosen):
            row, column = divmod(place, ACROSS)
            cell = _cell(study, view=place % 2)
            whole.paste(cell, (column * CELL[0], (2 * label + row) * CELL[1]))
    return whole.quantize(40)


def _cell(study: PlannedStudy, view: int) -> Image.Image:
    pixels, _ = picture(study.images[view].scene, study.fracture)
    image = Image.fromarray(np.round(pixels * 255).astype(np.uint8))
    image.thumbnail((CELL[0] - 4, CELL[1] - 4), Image.Resampling.LANCZOS)
    return image


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures/synthetic.png")
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet().save(target, optimize=True)
