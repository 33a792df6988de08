"""Residual bootstrap: patches of training residuals and holes, pasted where range, slope and edges are alike.

The non-parametric reference. It gets correlation and hole shapes for free and can only repeat what it has seen, so a
learned method that does not beat it has not learned more than its training set.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from s2r_baselines._residuals import load_array, relative_residual
from s2r_bench.errors import DataError, NotFittedError
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, rng_of
from s2r_bench.simulator import Budget, Card, FitReport, PairSet, Simulator
from s2r_bench.types import DepthArray, DepthFrame, FloatArray

FILE = "patches.npz"


class BootstrapOptions(Options):
    """`patch`: side in pixels. `bank`: training patches kept. `nearest`: the draw is among this many best matches."""

    patch: int = Field(16, ge=4)
    bank: int = Field(8000, ge=10)
    nearest: int = Field(8, ge=1)
    max_residual_m: float = Field(0.2, gt=0)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"smoke": {"bank": 200, "patch": 8}}


class Bootstrap:
    """Pastes whole patches of ln(captured / clean) and validity."""

    card: ClassVar[Card] = Card(
        title="Residual bootstrap",
        source="this repository",
        training="paired",
        stochastic=True,
        licence="Apache-2.0",
    )
    options_type: ClassVar[type[Options]] = BootstrapOptions

    def __init__(self, options: Options, device: str = "cpu") -> None:
        if not isinstance(options, BootstrapOptions):
            raise TypeError(f"bootstrap takes BootstrapOptions, not {type(options).__name__}")
        self.options: BootstrapOptions = options
        self.bank: dict[str, np.ndarray] = {}
        self._tree: Any = None

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Collect a seeded sample of training patches."""
        share = max(1, -(-self.options.bank // len(pairs)))
        found: dict[str, list[np.ndarray]] = {"features": [], "residual": [], "seen": []}
        for index in range(len(pairs)):
            pair = pairs[index]
            residual, seen = relative_residual(pair, self.options.max_residual_m)
            corners = _corners(pair.clean.depth, self.options.patch, share, rng_of(seed, "bank", index))
            for top, left in corners:
                window = (slice(top, top + self.options.patch), slice(left, left + self.options.patch))
                found["features"].append(_features(pair.clean.depth[window]))
                found["residual"].append(residual[window].astype(np.float32))
                found["seen"].append(seen[window])
        if not found["features"]:
            raise DataError(f"no training frame has a {self.options.patch}-pixel window with clean depth")
        self._use({name: np.stack(parts)[: self.options.bank] for name, parts in found.items()})
        return FitReport()

    def simulate(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """Tile the frame with matching patches; the tiling's offset is part of the draw."""
        if self._tree is None:
            raise NotFittedError("bootstrap has not been fitted: run s2r-bench train bootstrap")
        return [self._one(frame, seed) for frame, seed in zip(frames, seeds, strict=True)]

    def _one(self, frame: DepthFrame, seed: FrameSeed) -> DepthFrame:
        dice, side = rng_of(seed.view, "bootstrap"), self.options.patch
        height, width = frame.size
        padded = np.pad(frame.depth, side)
        top0, left0 = (int(n) for n in dice.integers(1, side + 1, 2))
        out = np.zeros_like(padded)
        for top in range(top0, height + side, side):
            for left in range(left0, width + side, side):
                window = (slice(top, top + side), slice(left, left + side))
                out[window] = self._pasted(padded[window], dice)
        return frame.with_depth(out[side : side + height, side : side + width].astype(np.float32))

    def _pasted(self, clean: DepthArray, dice: np.random.Generator) -> FloatArray:
        pick = int(dice.integers(min(self.options.nearest, len(self.bank["features"]))))
        if not (clean > 0).any():
            return np.zeros(clean.shape)
        _, ranked = self._tree.query(_features(clean), k=[pick + 1])
        chosen = int(ranked[0])
        h, w = clean.shape
        ratio = np.exp(self.bank["residual"][chosen][:h, :w].astype(np.float64))
        pasted: FloatArray = np.where(self.bank["seen"][chosen][:h, :w], clean * ratio, 0.0)
        return pasted

    def save(self, folder: Path) -> None:
        """The bank."""
        if not self.bank:
            raise NotFittedError("there is nothing to save: bootstrap has not been fitted")
        with (folder / FILE).open("wb") as file:
            np.savez_compressed(file, **self.bank)  # type: ignore[arg-type]

    def load(self, folder: Path) -> None:
        """Become what `save` wrote there."""
        self._use({name: load_array(folder / FILE, name) for name in ("features", "residual", "seen")})

    def _use(self, bank: dict[str, np.ndarray]) -> None:
        from scipy.spatial import cKDTree

        self.bank = bank
        self._tree = cKDTree(bank["features"])


def _corners(depth: DepthArray, side: int, count: int, dice: np.random.Generator) -> list[tuple[int, int]]:
    height, width = depth.shape
    if height < side or width < side:
        return []
    tops, lefts = dice.integers(0, height - side + 1, 4 * count), dice.integers(0, width - side + 1, 4 * count)
    good = [(int(t), int(c)) for t, c in zip(tops, lefts, strict=True) if (depth[t : t + side, c : c + side] > 0).any()]
    return good[:count]


def _features(clean: DepthArray) -> FloatArray:
    # log depth of the four quadrants says range and slope, the spread within them says edges, with their side
    half_h, half_w = max(clean.shape[0] // 2, 1), max(clean.shape[1] // 2, 1)
    logs = np.log(np.where(clean > 0, clean, 10.0))
    parts = [logs[:half_h, :half_w], logs[:half_h, half_w:], logs[half_h:, :half_w], logs[half_h:, half_w:]]
    means = np.array([part.mean() if part.size else logs.mean() for part in parts])
    edges = np.array([np.ptp(part) if part.size else 0.0 for part in parts])
    level = means.mean()
    return np.concatenate([[level], 4 * (means - level), 2 * np.minimum(edges, 0.5)])


simulator: type[Simulator] = Bootstrap
