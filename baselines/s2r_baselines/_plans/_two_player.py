"""What two networks that are trained by turns take."""

from collections.abc import Mapping

from s2r_bench.engine.two_player_options import STEPS_A_ROUND, TwoPlayerOptions
from s2r_bench.plan import Training


def by_turns(train: TwoPlayerOptions, facts: Mapping[str, int], budget: int | None) -> list[Training]:
    """Both players together; passes over the pairs can be counted where the pairs are."""
    pairs = facts.get("pairs")
    if budget is None and train.epochs and pairs is None:
        note = f"{train.epochs} passes over the training pairs"
        return [Training("both players", None, train.batch, note=note)]
    rounds = train.rounds_for(pairs or 0, budget)
    note = f"{train.epochs} passes over {pairs:,} pairs" if budget is None and train.epochs else ""
    return [Training("both players", rounds * STEPS_A_ROUND, train.batch, note=note)]
