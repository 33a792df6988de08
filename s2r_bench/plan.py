"""What a run would train and store, told before anything is run: what rooms answer, and what plans are made of.

A room answers for a member in `ROOM/_plans/MEMBER.py`, beside the member and never imported by it:

    trainings(options, facts, budget) -> list[Training]
    stored(options, facts) -> list[Stored]              where there is something to say

`options` are the member's own, `facts` published or counted numbers ("pairs", ...), `budget` the optimiser steps of a
method where the user named them. A number that follows from data that nobody has counted is None, with the reason.
"""

from dataclasses import dataclass
from typing import Literal

Scope = Literal["all", "arm", "round"]
"""Done once for all arms, seeds and rounds; once for each arm and seed, in all rounds; or in every round again."""


@dataclass(frozen=True)
class Training:
    """Trainings that are alike.

    Attributes:
        what: as a plan shows it.
        steps: optimiser steps of one; None: see `note`.
        batch: items a step.
        scope: who shares it.
        times: how many there are within that scope: one a category, a fold, an episode.
        references: whether the task's own arms need it too.
        timing: which of `s2r_bench.timings` an item costs; "" = not measured.
        note: what the numbers follow from.
    """

    what: str
    steps: int | None
    batch: int
    scope: Scope = "arm"
    times: int = 1
    references: bool = False
    timing: str = ""
    note: str = ""


@dataclass(frozen=True)
class Stored:
    """What lies on the disk.

    Attributes:
        what: as a plan shows it.
        size: bytes of one, before compression.
        count: how many; None: as many as there are of what `what` names.
        scope: who shares it.
        passing: deleted at the end of a fit.
        note: what the size follows from.
    """

    what: str
    size: int
    count: int | None = 1
    scope: Scope = "arm"
    passing: bool = False
    note: str = ""
