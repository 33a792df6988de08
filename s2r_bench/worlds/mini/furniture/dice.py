"""Random choices of a furniture maker, by name."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

ChoiceT = TypeVar("ChoiceT")


class Dice:
    """A seeded source of lengths and choices."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def between(self, low: float, high: float) -> float:
        """A length in [low, high), metres where it is one."""
        return float(self._rng.uniform(low, high))

    def count(self, low: int, high: int) -> int:
        """A whole number in [low, high], both ends in."""
        return int(self._rng.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        """True in this share of the cases."""
        return bool(self._rng.random() < share)

    def pick(self, choices: Sequence[ChoiceT], weights: Sequence[float] | None = None) -> ChoiceT:
        """One of the choices; equally likely without `weights`."""
        share = None if weights is None else np.asarray(weights) / np.sum(weights)
        return choices[int(self._rng.choice(len(choices), p=share))]
