"""Gaussian noise whose mean, spread and hole rate go with range and incidence angle, every pixel on its own.

The statistical reference: what a learned method must beat. Bins with too few training pixels take the values of all.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from s2r_baselines._residuals import BIN_COUNT, bins_of, load_array, relative_residual
from s2r_bench.errors import DataError, NotFittedError
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, rng_of
from s2r_bench.simulator import Budget, Card, FitReport, PairSet, Simulator
from s2r_bench.types import DepthFrame

FILE = "bins.npz"


class GaussianBinnedOptions(Options):
    """`max_residual_m`: farther captures count as missing. `min_pixels`: bins with fewer take the values of all."""

    max_residual_m: float = Field(0.2, gt=0)
    min_pixels: int = Field(200, ge=2)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"smoke": {"min_pixels": 20}}


class GaussianBinned:
    """Independent Gaussian noise in ln(depth), by bin."""

    card: ClassVar[Card] = Card(
        title="Gaussian by range and angle",
        source="this repository",
        training="paired",
        stochastic=True,
        licence="Apache-2.0",
    )
    options_type: ClassVar[type[Options]] = GaussianBinnedOptions

    def __init__(self, options: Options, device: str = "cpu") -> None:
        if not isinstance(options, GaussianBinnedOptions):
            raise TypeError(f"gaussian-binned takes GaussianBinnedOptions, not {type(options).__name__}")
        self.options: GaussianBinnedOptions = options
        self.table: np.ndarray | None = None  # (BIN_COUNT, 3): mean and deviation of ln(R / S), hole rate

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Moments and hole rate of each bin, in one pass."""
        sums = np.zeros((BIN_COUNT, 4))  # pixels, seen pixels, sum, sum of squares
        for index in range(len(pairs)):
            pair = pairs[index]
            residual, seen = relative_residual(pair, self.options.max_residual_m)
            known = pair.clean.valid
            bins = bins_of(pair.clean)
            for column, (mask, values) in enumerate(
                [(known, np.ones_like(residual)), (seen, np.ones_like(residual)), (seen, residual), (seen, residual**2)]
            ):
                sums[:, column] += np.bincount(bins[mask], values[mask], BIN_COUNT)
        if sums[:, 1].sum() == 0:
            raise DataError("the training pairs hold no captured pixel near the clean depth: are the sides swapped?")
        # where a sensor hardly ever answers there are pixels to know the hole rate by, but none for the moments
        holes = _or_all(sums[:, [0, 1]], self.options.min_pixels)
        moments = _or_all(sums[:, 1:], self.options.min_pixels)
        mean = moments[:, 1] / moments[:, 0]
        deviation = np.sqrt(np.maximum(moments[:, 2] / moments[:, 0] - mean**2, 0))
        self.table = np.stack([mean, deviation, 1 - holes[:, 1] / holes[:, 0]], 1)
        return FitReport(parameters=self.table.size)

    def simulate(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """Each pixel's own draw."""
        if self.table is None:
            raise NotFittedError("gaussian-binned has not been fitted: run s2r-bench train gaussian-binned")
        return [self._one(frame, seed) for frame, seed in zip(frames, seeds, strict=True)]

    def _one(self, frame: DepthFrame, seed: FrameSeed) -> DepthFrame:
        assert self.table is not None  # checked by the caller
        dice = rng_of(seed.view, "gaussian")
        mean, deviation, holes = np.moveaxis(self.table[bins_of(frame)], -1, 0)
        depth = frame.depth * np.exp(mean + deviation * dice.standard_normal(frame.size))
        seen = frame.valid & (dice.random(frame.size) >= holes)
        return frame.with_depth(np.where(seen, depth, 0).astype(np.float32))

    def save(self, folder: Path) -> None:
        """The table."""
        if self.table is None:
            raise NotFittedError("there is nothing to save: gaussian-binned has not been fitted")
        with (folder / FILE).open("wb") as file:
            np.savez(file, table=self.table)

    def load(self, folder: Path) -> None:
        """Become what `save` wrote there."""
        self.table = load_array(folder / FILE, "table")


def _or_all(sums: np.ndarray, least: int) -> np.ndarray:
    """`sums` (bins, columns) with the sums of all bins where the first column, a count, is below `least`."""
    filled: np.ndarray = np.where(sums[:, :1] < least, sums.sum(0), sums)
    return filled


simulator: type[Simulator] = GaussianBinned
