"""No simulation: clean depth as it is; clouds get the random perturbation of DisCo (the paper's "w/o sim. data").

The perturbation is applied to clouds, by tasks that train on clouds: with probability 0.5 the cloud is cut into 7
clusters (k-means) of which 3 to 6 are kept; then every point gets Gaussian jitter of 0.02 in the object frame whose
longest side spans [-1, 1]. Numbers: DisCo's released augmentation scripts.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, rng_of
from s2r_bench.simulator import Budget, Card, FitReport, PairSet, Simulator
from s2r_bench.types import DepthFrame, FloatArray


class NoSimOptions(Options):
    """The cloud perturbation. `jitter`: standard deviation in the object frame, longest side = 2."""

    dropout: float = Field(0.5, ge=0, le=1)
    clusters: int = Field(7, ge=2)
    keep: tuple[int, int] = (3, 6)
    jitter: float = Field(0.02, ge=0)


class NoSim:
    """The floor of every comparison."""

    card: ClassVar[Card] = Card(
        title="No simulation",
        source="Stable-Sim2Real, ICCV 2025, section 4.2; DisCo's augmentation",
        training="untrained",
        stochastic=False,
        licence="Apache-2.0",
        depth_range_m=(0.0, float("inf")),
    )
    options_type: ClassVar[type[Options]] = NoSimOptions

    def __init__(self, options: Options, device: str = "cpu") -> None:
        if not isinstance(options, NoSimOptions):
            raise TypeError(f"no-sim takes NoSimOptions, not {type(options).__name__}")
        self.options: NoSimOptions = options

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Nothing to train."""
        return FitReport()

    def simulate(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """The clean depth itself."""
        if len(frames) != len(seeds):
            raise ValueError(f"{len(frames)} frames need as many seeds, not {len(seeds)}")
        return [frame.with_depth(frame.depth.copy()) for frame in frames]

    def perturb(self, cloud: FloatArray, seed: int) -> FloatArray:
        """The cloud (N, 3) in the object frame with clusters dropped and points jittered; N may fall."""
        dice = rng_of(seed, "perturb")
        options = self.options
        if dice.random() < options.dropout and len(cloud) > options.clusters:
            cloud = cloud[_kept(cloud, options, dice)]
        return cloud + dice.normal(0.0, options.jitter, cloud.shape)

    def save(self, folder: Path) -> None:
        """Nothing to save."""

    def load(self, folder: Path) -> None:
        """Nothing to load."""


def _kept(cloud: FloatArray, options: NoSimOptions, dice: np.random.Generator) -> np.ndarray:
    from scipy.cluster.vq import kmeans2

    _, labels = kmeans2(cloud, options.clusters, minit="++", rng=dice)
    count = int(dice.integers(options.keep[0], options.keep[1] + 1))
    keep: np.ndarray = np.isin(labels, dice.permutation(options.clusters)[:count])
    return keep if keep.any() else np.ones(len(cloud), bool)


simulator: type[Simulator] = NoSim
