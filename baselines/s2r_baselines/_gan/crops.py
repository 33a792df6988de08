"""Training images, coded once and kept; a batch is a function of (seed, iteration).

Windows are drawn as the diffusion methods draw theirs: uniformly, never mirrored, for the shadow of a camera's
projector lies on one side. A frame smaller than the window is continued by its reflection, as it is in simulation.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from s2r_baselines._gan.images import ImageCode, mirrored
from s2r_bench.engine.loop import step_rng
from s2r_bench.simulator import PairSet

MOST_CACHED = 4096  # pairs kept in memory
Sides = dict[str, Tensor]


class Crops:
    """Windows of `crop` x `crop` pixels of the pairs' images.

    Args:
        pairs: training pairs.
        code: of the images.
        crop: side in pixels.
        paired: whether both sides of an item are of one view. If not, each side is drawn on its own: a pair is never
            seen as one, even where the data holds pairs.
    """

    def __init__(self, pairs: PairSet, code: ImageCode, crop: int, *, paired: bool) -> None:
        self.pairs, self.code, self.crop, self.paired = pairs, code, crop, paired
        self.cache: dict[int, Sides] = {}

    def batch(self, seed: int, step: int, size: int) -> Sides:
        """Images "clean" and "captured" (size, C, crop, crop); if `paired`, of one view, and their "weight"."""
        dice = step_rng(seed, step, 0, "order")
        if self.paired:
            return self._windows(lambda sides: sides, size, dice)
        clean = self._windows(lambda sides: {"clean": sides["clean"]}, size, dice)
        return clean | self._windows(lambda sides: {"captured": sides["captured"]}, size, dice)

    def _windows(self, chosen: Callable[[Sides], Sides], size: int, dice: torch.Generator) -> Sides:
        picks = torch.randint(len(self.pairs), (size,), generator=dice).tolist()
        items = [self._window(chosen(self._item(index)), dice) for index in picks]
        return {name: torch.stack([item[name] for item in items]) for name in items[0]}

    def _window(self, sides: Sides, dice: torch.Generator) -> Sides:
        height, width = next(iter(sides.values())).shape[-2:]
        top, left = (int(torch.randint(max(n - self.crop, 0) + 1, (1,), generator=dice)) for n in (height, width))
        cut = {name: image[:, top : top + self.crop, left : left + self.crop] for name, image in sides.items()}
        return {name: mirrored(image, self.crop, self.crop) for name, image in cut.items()}

    def _item(self, index: int) -> Sides:
        if index not in self.cache:
            if len(self.cache) >= MOST_CACHED:
                self.cache.pop(next(iter(self.cache)))
            pair = self.pairs[index]
            captured = self.code.captured(pair) if self.paired else pair.captured.depth
            sides = {"clean": self.code.encode(pair.clean.depth), "captured": self.code.encode(captured)}
            self.cache[index] = sides | ({"weight": self.code.weight(pair)} if self.paired else {})
        return self.cache[index]
