"""Codes fixed on the training pairs, and training items: the maps and crops of the diffusion simulators."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from s2r_baselines._diffusion import options as diffusion
from s2r_baselines._diffusion.maps import MapCode
from s2r_baselines._gigagan.options import CodeOptions
from s2r_bench.depth_code import ResidualCode, residual_of
from s2r_bench.depth_levels import fitted_levels
from s2r_bench.engine.loop import step_rng
from s2r_bench.errors import DataError
from s2r_bench.simulator import PairSet

CODE_SAMPLE_PAIRS = 64
MOST_CACHED = 4096  # training items kept in memory
Item = tuple[Tensor, Tensor, Tensor]


def map_code(options: CodeOptions, residual: ResidualCode | None, levels: tuple[float, ...] | None) -> MapCode:
    """The pixel-space code with the given constants.

    Validity is a map of its own, +1 or -1: a hole needs a place that is no depth, and one that both the generator can
    reach (by tanh) and the discriminator can see.
    """
    shared = diffusion.CodeOptions(
        depth=options.depth, geometry=options.geometry, max_residual_m=options.max_residual_m, validity="sign"
    )
    return MapCode(shared, residual, levels)


def fitted_code(options: CodeOptions, pairs: PairSet) -> MapCode:
    """The code with its constants fixed on `pairs`.

    Raises:
        DataError: captured and clean depth are the same everywhere, or never close: there is no noise to model.
    """
    probe = map_code(options, None, None)
    indices = np.linspace(0, len(pairs) - 1, min(len(pairs), CODE_SAMPLE_PAIRS)).astype(int).tolist()
    levels = fitted_levels(pairs[index].captured.depth for index in indices) if options.levels else None
    residual = _fitted_residual(probe, pairs, indices) if options.residual else None
    return map_code(options, residual, None if levels is None else tuple(levels.tolist()))


def _fitted_residual(probe: MapCode, pairs: PairSet, indices: list[int]) -> ResidualCode:
    depths, residuals = [], []
    for index in indices:
        pair = pairs[index]
        clean, captured = (torch.from_numpy(frame.depth).double() for frame in (pair.clean, pair.captured))
        seen = probe.seen(pair)
        depths.append(clean[seen])
        residuals.append(residual_of(probe.depth, clean, captured)[seen])
    try:
        return ResidualCode.fitted(torch.cat(depths), torch.cat(residuals))
    except ValueError as wrong:
        raise DataError(str(wrong)) from None


class Items:
    """Training items, coded once and kept; a batch is a function of (seed, round)."""

    def __init__(self, code: MapCode, pairs: PairSet, crop: int) -> None:
        """Square crops of `crop` pixels of the maps of `pairs`."""
        self.code, self.pairs, self.crop = code, pairs, crop
        self.cache: dict[int, Item] = {}

    def batch(self, seed: int, step: int, size: int) -> dict[str, Tensor]:
        """`size` crops: "condition" (B, C, S, S), "target" and "weight" (B, 2, S, S)."""
        dice = step_rng(seed, step, 0, "order")
        picks = torch.randint(len(self.pairs), (size,), generator=dice).tolist()
        crops = [self._crop(index, dice) for index in picks]
        names = ("condition", "target", "weight")
        return {name: torch.stack(part) for name, part in zip(names, zip(*crops, strict=True), strict=True)}

    def _crop(self, index: int, dice: torch.Generator) -> Item:
        maps, side = self._item(index), self.crop
        height, width = maps[0].shape[-2:]
        top, left = (int(torch.randint(max(n - side, 0) + 1, (1,), generator=dice)) for n in (height, width))
        condition, target, weight = (part[:, top : top + side, left : left + side] for part in maps)
        # what lies beyond a small frame is its last row and column again, the same for both sides, and weighs nothing
        short = (0, side - weight.shape[2], 0, side - weight.shape[1])
        return _extended(condition, short), _extended(target, short), functional.pad(weight, short)

    def _item(self, index: int) -> Item:
        if index not in self.cache:
            if len(self.cache) >= MOST_CACHED:
                self.cache.pop(next(iter(self.cache)))
            pair = self.pairs[index]
            self.cache[index] = (self.code.condition(pair.clean), *self.code.target(pair))
        return self.cache[index]


def padded(maps: Tensor, multiple: int) -> Tensor:
    """Maps (C, H, W) with their last row and column repeated until both sides are multiples of `multiple`."""
    height, width = maps.shape[-2:]
    return _extended(maps, (0, -width % multiple, 0, -height % multiple))


def _extended(maps: Tensor, by: tuple[int, int, int, int]) -> Tensor:
    return functional.pad(maps[None], by, mode="replicate")[0] if any(by) else maps
