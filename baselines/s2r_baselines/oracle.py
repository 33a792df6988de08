"""The world's own captures, where a world owns its sensor: the ceiling of every comparison.

It is no simulator: it is handed the sensor by the runner (`s2r_bench.simulator.TakesSensor`), and it cannot be saved,
moved to another world, or used on frames that the world did not make.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from s2r_bench.errors import NotFittedError
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, seed_of
from s2r_bench.simulator import Budget, Capture, Card, FitReport, PairSet, Simulator
from s2r_bench.types import DepthFrame


class Oracle:
    """True captures of the same views."""

    card: ClassVar[Card] = Card(
        title="Captures (oracle)",
        source="the data world's own sensor",
        training="untrained",
        stochastic=True,
        licence="Apache-2.0",
        depth_range_m=(0.0, float("inf")),
        needs=("truth",),
    )
    options_type: ClassVar[type[Options]] = Options

    def __init__(self, options: Options, device: str = "cpu") -> None:
        self.options: Options = options
        self._capture: Capture | None = None

    def take_sensor(self, capture: Capture) -> None:
        """Use the world's sensor."""
        self._capture = capture

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Nothing to train."""
        return FitReport()

    def simulate(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """Capture the views, in sessions of its own: never the very captures that a world keeps.

        Raises:
            NotFittedError: no sensor was handed over.
            DataError: a view that the world did not make.
        """
        if self._capture is None:
            raise NotFittedError("the oracle has no sensor: it runs only in worlds that own theirs (mini)")
        own = [FrameSeed(seed_of("oracle", seed.view), seed_of("oracle", seed.session)) for seed in seeds]
        return self._capture(frames, own)

    def save(self, folder: Path) -> None:
        """Nothing to save."""

    def load(self, folder: Path) -> None:
        """Nothing to load."""


simulator: type[Simulator] = Oracle
