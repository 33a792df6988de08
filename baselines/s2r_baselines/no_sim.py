"""No simulation: clean depth as it is (the paper's "w/o sim. data").

Tasks that train on clouds perturb those of every arm alike (`s2r_tasks._disco.augment`); here that is all there is.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed
from s2r_bench.simulator import Budget, Card, FitReport, PairSet, Simulator
from s2r_bench.types import DepthFrame


class NoSim:
    """The floor of every comparison."""

    card: ClassVar[Card] = Card(
        title="No simulation",
        source="Stable-Sim2Real, ICCV 2025, section 4.2",
        training="untrained",
        stochastic=False,
        licence="Apache-2.0",
        depth_range_m=(0.0, float("inf")),
    )
    options_type: ClassVar[type[Options]] = Options

    def __init__(self, options: Options, device: str = "cpu") -> None:
        self.options: Options = options

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Nothing to train."""
        return FitReport()

    def simulate(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """The clean depth itself."""
        if len(frames) != len(seeds):
            raise ValueError(f"{len(frames)} frames need as many seeds, not {len(seeds)}")
        return [frame.with_depth(frame.depth.copy()) for frame in frames]

    def save(self, folder: Path) -> None:
        """Nothing to save."""

    def load(self, folder: Path) -> None:
        """Nothing to load."""


simulator: type[Simulator] = NoSim
