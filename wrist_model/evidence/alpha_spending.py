"""How much error each look at one hold-out may cost, so that all planned looks together cost no more than promised.

A look compares one new challenger with the reference on a fixed hold-out. Each challenger is a hypothesis of its own
("worse by the margin or more"), so the error is divided over the looks that the plan names. A look that promotes
proves its hypothesis wrong and hands its share on to the next (the fallback procedure: Wiens 2003, Pharmaceutical
Statistics 2:211; for hypotheses that come one by one: Tian & Ramdas 2021, Statistical Methods in Medical Research
30:976); one that refuses or stays undecided has spent it. The chance of any false promotion is at most the total
whatever the dependence, since the shares that true hypotheses can receive add up to it at most. Past the planned looks
nothing is left: only a person promotes, until new patients make a new hold-out and so a new budget.

What this can't cover: a challenger that was changed because of what an earlier look showed. The decision, and not the
figures, should be all that a look tells those who train.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wrist_model.errors import DataError

TOTAL = 0.05
"""The chance, over all planned looks at one hold-out, of promoting any challenger that is worse by the margin."""
LOOKS = 4


@dataclass(frozen=True)
class Budget:
    """alpha: what the next look may cost, 0 where none is left; look: its number, from 1; planned: looks in all;
    spent: what is gone for good; left: total minus spent, which holds alpha and the later looks' shares."""

    look: int
    planned: int
    alpha: float
    spent: float
    left: float

    @property
    def in_words(self) -> str:
        """One sentence for the report and the gate's page."""
        if self.look > self.planned:
            shown = f"; limits of one-sided error {self.alpha:.4f} are shown" if self.alpha > 0 else ""
            return f"look {self.look}, past the {self.planned} planned: only a person promotes on this hold-out{shown}"
        return (
            f"look {self.look} of {self.planned}: one-sided error {self.alpha:.4f}; "
            f"{max(0, self.planned - self.look)} more after it"
        )


def budget(promoted: Sequence[bool], planned: int = LOOKS, total: float = TOTAL) -> Budget:
    """What the next look may cost, after looks that promoted (True) or did not (False), oldest first.

    Looks made before the plan was frozen count as looks that did not promote: their share is spent.
    Raises DataError for no planned looks or a total outside (0, 0.5).
    """
    if planned < 1 or not 0 < total < 0.5:
        raise DataError(
            f"{planned} planned looks at a total error of {total}: expected at least 1 look and a total between 0 and "
            "0.5. Mend gate.planned_looks in the recipe."
        )
    share, carried, spent = total / planned, 0.0, 0.0
    for passed in promoted[:planned]:
        available = share + carried
        carried, spent = (available, spent) if passed else (0.0, spent + available)
    past = len(promoted) >= planned
    if past:
        spent = total
    return Budget(len(promoted) + 1, planned, 0.0 if past else share + carried, spent, total - spent)
