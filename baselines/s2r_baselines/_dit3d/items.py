"""Training items: windows of pairs, read once and kept. A batch is a function of (seed, step, rank)."""

import numpy as np
import torch
from torch import Tensor

from s2r_baselines._dit3d.options import CloudOptions
from s2r_baselines._dit3d.views import padded, pair_maps
from s2r_bench.engine.loop import step_rng
from s2r_bench.errors import DataError
from s2r_bench.simulator import PairSet

MOST_CACHED = 4096  # pairs kept in memory
SCALE_PAIRS = 64


class Items:
    """Windows of `options.crop` pixels of `pairs`."""

    def __init__(self, options: CloudOptions, pairs: PairSet) -> None:
        self.options, self.pairs = options, pairs
        self.cache: dict[int, Tensor] = {}

    def batch(self, seed: int, step: int, rank: int, size: int) -> dict[str, Tensor]:
        """`size` windows: "maps" (B, 7, S, S) and, in mode "cloud", the pixels drawn of each, "picks" (B, N)."""
        dice = step_rng(seed, step, rank, "order")
        chosen = torch.randint(len(self.pairs), (size,), generator=dice).tolist()
        maps = torch.stack([self._crop(index, dice) for index in chosen])
        if self.options.mode == "offset":
            return {"maps": maps}
        return {"maps": maps, "picks": torch.stack([self._picks(window[6], dice) for window in maps])}

    def fitted_scale(self) -> float:
        """Metres: the root of the mean squared distance of captured to clean depth.

        Raises:
            DataError: nothing was captured near its clean depth, or everything at exactly it.
        """
        squares, count = 0.0, 0
        for index in np.linspace(0, len(self.pairs) - 1, min(len(self.pairs), SCALE_PAIRS)).astype(int).tolist():
            maps = self._maps(index).double()
            seen = maps[6] > 0
            squares += float(((maps[6] - maps[0])[seen] ** 2).sum())
            count += int(seen.sum())
        if not squares > 0:
            what = "are the same everywhere" if count else f"are nowhere within {self.options.max_residual_m} m"
            raise DataError(f"the training pairs hold no residual: captured and clean depth {what}")
        return float((squares / count) ** 0.5)

    def _crop(self, index: int, dice: torch.Generator) -> Tensor:
        maps, side = padded(self._maps(index), self.options.crop), self.options.crop
        top, left = (int(torch.randint(n - side + 1, (1,), generator=dice)) for n in maps.shape[-2:])
        return maps[:, top : top + side, left : left + side]

    def _picks(self, captured: Tensor, dice: torch.Generator) -> Tensor:
        """(N,) pixels of a window that were captured, each at most once if there are enough; any where there are none.

        What was not captured weighs nothing (`modes.Clouds.target`).
        """
        seen = captured.flatten().nonzero()[:, 0]
        count = self.options.points
        if len(seen) >= count:
            return seen[torch.randperm(len(seen), generator=dice)[:count]]
        drawn = torch.randint(max(len(seen), 1), (count,), generator=dice)
        return seen[drawn] if len(seen) else drawn

    def _maps(self, index: int) -> Tensor:
        if index not in self.cache:
            if len(self.cache) >= MOST_CACHED:
                self.cache.pop(next(iter(self.cache)))
            self.cache[index] = pair_maps(self.pairs[index], self.options.max_residual_m)
        return self.cache[index]
