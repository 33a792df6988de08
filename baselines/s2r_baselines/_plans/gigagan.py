"""What `gigagan` trains: a generator and a discriminator by turns."""

from collections.abc import Mapping
from typing import Any

from s2r_baselines._plans._two_player import by_turns
from s2r_bench.plan import Training


def trainings(options: Any, facts: Mapping[str, int], budget: int | None) -> list[Training]:
    """Both players."""
    return by_turns(options.train, facts, budget)
