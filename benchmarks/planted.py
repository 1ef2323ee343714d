"""A positive control of the maps of `benchmarks transfer`: half of the radiographs bear a painted mark, their label.

    python -m benchmarks.planted --data ../shared/data/fracatlas-hand --to marked
    python -m benchmarks transfer --data marked --weights … --home marked-home --rows stored --seeds 1 --folds 1

A network that tells them apart has seen the mark, so that its maps must lie on it: what they reach there is the most
that can be asked of maps of that grid on boxes of that size.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

COUNT = 480
SIDE = 0.09
"""Of the picture's longer side."""
DARK = 60
"""Of 255: the mark's centre lies on something brighter."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planted", description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder with manifest.csv (path)")
    parser.add_argument("--to", type=Path, required=True, help="a new folder, with manifest.csv and boxes.csv")
    arguments = parser.parse_args()
    rng, labels, boxes = np.random.default_rng(4), [("path", "label")], []
    with (arguments.data / "manifest.csv").open(encoding="utf-8", newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file)][:COUNT]
    for path in paths:
        picture = Image.open(arguments.data / path).convert("L")
        marked = bool(rng.random() < 0.5)
        if marked:
            boxes.append((path, "mark", *_mark(picture, rng)))
        labels.append((path, "positive" if marked else "negative"))
        (arguments.to / path).parent.mkdir(parents=True, exist_ok=True)
        picture.save(arguments.to / path, quality=95)
    for name, rows in (("manifest", labels), ("boxes", [("path", "class", "x_center", "y_center", "w", "h"), *boxes])):
        with (arguments.to / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    print(f"{len(paths)} radiographs, {len(boxes)} with a mark, in {arguments.to}")
    return 0


def _mark(picture: Image.Image, rng: np.random.Generator) -> tuple[float, ...]:
    """Draws a ring with a bar; gives its box, centre and size as shares of the picture."""
    width, height = picture.size
    side = SIDE * max(width, height)
    for _ in range(200):
        x, y = rng.uniform(side, width - side), rng.uniform(side, height - side)
        if np.asarray(picture)[int(y), int(x)] > DARK:
            break
    brush, line = ImageDraw.Draw(picture), max(3, round(side / 8))
    brush.ellipse([x - side / 2, y - side / 2, x + side / 2, y + side / 2], fill=0, outline=255, width=line)
    brush.line([x - side / 2, y, x + side / 2, y], fill=255, width=line)
    return tuple(round(one, 6) for one in (x / width, y / height, side / width, side / height))


if __name__ == "__main__":
    sys.exit(main())
