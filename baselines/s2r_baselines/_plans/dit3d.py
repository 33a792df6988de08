"""What `dit3d` trains: one diffusion of clouds."""

from collections.abc import Mapping
from typing import Any

from s2r_bench.plan import Training


def trainings(options: Any, facts: Mapping[str, int], budget: int | None) -> list[Training]:
    """The diffusion."""
    return [Training("diffusion of clouds", options.train.steps if budget is None else budget, options.train.batch)]
