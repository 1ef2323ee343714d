"""How the report writes and draws each model: a network as its row says, the ensemble as it stands here.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; each model also has its own line style.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wrist_model.network import backbone


@dataclass(frozen=True)
class Style:
    """title: as a reader knows it. colour: #rrggbb. line: a matplotlib line style."""

    title: str
    colour: str
    line: Any


ENSEMBLE = Style("Ensemble (mean)", "#1B7F5C", (0, (1.2, 1)))
OTHER_COLOUR = "#22303c"


def style(architecture: str) -> Style:
    """Of a model; one whose network is no longer there keeps its name, in ink."""
    return every().get(architecture) or Style(architecture, OTHER_COLOUR, "-")


def every() -> dict[str, Style]:
    """Architecture → style, of all networks and the ensemble."""
    rows = {name: backbone.row(name) for name in backbone.names()}
    return {name: Style(row.title, row.colour, row.line) for name, row in rows.items()} | {"ensemble": ENSEMBLE}
