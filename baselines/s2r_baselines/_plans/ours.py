"""What `ours` trains and stores: stage after stage, and a discriminator a fold between two of them."""

from collections.abc import Mapping
from typing import Any

from s2r_baselines._plans._stages import stage, stored_of
from s2r_bench.plan import Stored, Training

NAMES = ("I", "II", "III", "IV")


def trainings(options: Any, facts: Mapping[str, int], budget: int | None) -> list[Training]:
    """A budget is shared out among the stages; discriminators have their own."""
    shares = [1.0] + [options.later_share] * (options.stages - 1)
    first = options.stage.train.steps if budget is None else budget / sum(shares)
    found: list[Training] = []
    judges = options.discriminator.train
    for number, share in enumerate(shares, start=1):
        if number > 1 and options.reweight.rule != "none":
            folds = options.discriminator.folds
            found.append(Training("patch discriminator", judges.steps, judges.batch, times=folds, note="one a fold"))
        found.append(stage(f"stage {NAMES[number - 1]}", options.stage, max(1, round(first * share))))
    return found


def stored(options: Any, facts: Mapping[str, int]) -> list[Stored]:
    """See `stored_of`."""
    return stored_of(options.stage, options.stages, facts)
