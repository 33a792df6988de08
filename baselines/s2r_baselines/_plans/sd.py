"""What `sd` trains and stores: one stage, for as many steps as all stages of `ours`."""

from collections.abc import Mapping
from typing import Any

from s2r_baselines._plans._stages import stage, stored_of
from s2r_bench.plan import Stored, Training


def trainings(options: Any, facts: Mapping[str, int], budget: int | None) -> list[Training]:
    """The stage."""
    own = round(options.stage.train.steps * (1 + options.extra_share))
    return [stage("its one stage", options.stage, own if budget is None else budget)]


def stored(options: Any, facts: Mapping[str, int]) -> list[Stored]:
    """See `stored_of`."""
    return stored_of(options.stage, 1, facts)
