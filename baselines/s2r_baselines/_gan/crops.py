"""Training images, coded once and kept; a batch is a function of (seed, round).

Windows are drawn as the diffusion methods draw theirs: uniformly, never mirrored, for the shadow of a camera's
projector lies on one side. A frame smaller than the window is continued by its reflection, as it is in simulation.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from s2r_baselines._gan.images import mirrored
from s2r_bench.engine.loop import step_rng
from s2r_bench.simulator import PairSet
from s2r_bench.types import DepthPair

HELD_OUT = 16  # windows that a curve's validation loss is taken on
MOST_CACHED = 4096  # images or sets of them kept in memory
Sides = dict[str, Tensor]


class Crops:
    """Windows of `crop` x `crop` pixels of the pairs' images.

    Args:
        pairs: training pairs.
        views: each gives images of a pair by name, (C, H, W), of one size. What one of them gives is cut from one
            window of one pair; each draws for itself, so that two of them never see a pair as one.
        crop: side in pixels.
    """

    def __init__(self, pairs: PairSet, views: Sequence[Callable[[DepthPair], Sides]], crop: int) -> None:
        self.pairs, self.views, self.crop = pairs, views, crop
        self.cache: dict[tuple[int, int], Sides] = {}

    def batch(self, seed: int, number: int, size: int) -> Sides:
        """`size` windows (size, C, crop, crop) of each image, for round `number`."""
        dice = step_rng(seed, number, 0, "order")
        found: Sides = {}
        for view in range(len(self.views)):
            picks = torch.randint(len(self.pairs), (size,), generator=dice).tolist()
            items = [self._window(self._item(view, index), dice) for index in picks]
            found |= {name: torch.stack([item[name] for item in items]) for name in items[0]}
        return found

    def _window(self, sides: Sides, dice: torch.Generator) -> Sides:
        height, width = next(iter(sides.values())).shape[-2:]
        top, left = (int(torch.randint(max(n - self.crop, 0) + 1, (1,), generator=dice)) for n in (height, width))
        cut = {name: image[:, top : top + self.crop, left : left + self.crop] for name, image in sides.items()}
        return {name: mirrored(image, self.crop, self.crop) for name, image in cut.items()}

    def _item(self, view: int, index: int) -> Sides:
        if (view, index) not in self.cache:
            if len(self.cache) >= MOST_CACHED:
                self.cache.pop(next(iter(self.cache)))
            self.cache[view, index] = self.views[view](self.pairs[index])
        return self.cache[view, index]


def windows(pairs: PairSet | None, views: Sequence[Callable[[DepthPair], Sides]], crop: int, seed: int) -> Sides | None:
    """Some windows of held-out pairs, decided by `seed`; None where there are no pairs."""
    return Crops(pairs, views, crop).batch(seed, 0, HELD_OUT) if pairs is not None and len(pairs) else None
