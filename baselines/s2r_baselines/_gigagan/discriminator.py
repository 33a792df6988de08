"""The discriminator: maps come in at every scale and are judged at every scale below, beside the clean depth."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from s2r_baselines._gigagan.layers import SLOPE, L2Attention, halved
from s2r_baselines._gigagan.options import NetOptions

SHRINK = 2**-0.5


class Discriminator(nn.Module):
    """Multi-scale input, multi-scale output: the maps of scale i are judged after each level j >= i.

    Every scale enters by itself, as an image in its own right: one stack of items walks down, and grows by a batch at
    each level. No layer mixes items.
    """

    def __init__(self, options: NetOptions, condition_channels: int, target_maps: int = 2) -> None:
        super().__init__()
        widths = options.channels
        last = len(widths) - 1
        self.enter = nn.ModuleList(nn.Conv2d(condition_channels + target_maps, w, 3, padding=1) for w in widths)
        self.levels = nn.ModuleList(
            Level(w, widths[min(n + 1, last)], options if n == last else None) for n, w in enumerate(widths)
        )
        self.heads = nn.ModuleList(nn.Conv2d(widths[min(n + 1, last)], 1, 3, padding=1) for n in range(len(widths)))

    def forward(self, maps: Sequence[Tensor], conditions: Sequence[Tensor]) -> list[list[Tensor]]:
        """Logits of `maps` given `conditions`.

        Args:
            maps: (B, 2, H / 2^i, W / 2^i) of the scales i = 0, 1, ...; the coarser ones may be left out.
            conditions: (B, C, H / 2^i, W / 2^i) of as many scales.

        Returns:
            For each scale i given, its logits after the levels j = i, i + 1, ...: (B, 1, H / 2^(j+1), W / 2^(j+1)).
        """
        judged: list[list[Tensor]] = [[] for _ in maps]
        x: Tensor | None = None
        for number, level in enumerate(self.levels):
            if number < len(maps):
                seen = torch.cat([conditions[number], maps[number]], 1)
                entered = functional.leaky_relu(self.enter[number](seen), SLOPE)
                x = entered if x is None else torch.cat([x, entered])
            x = level(x)
            for logits, part in zip(judged, self.heads[number](x).split(len(maps[0])), strict=False):
                logits.append(part)
        return judged


class Level(nn.Module):
    """Two convolutions with a skip, attention at the coarsest level, then half the resolution and the next width."""

    def __init__(self, inputs: int, outputs: int, attention: NetOptions | None) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(inputs, inputs, 3, padding=1),
            nn.LeakyReLU(SLOPE),
        )
        self.attention = L2Attention(inputs, attention.heads, attention.head_dim) if attention else nn.Identity()
        self.leave = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, I, H, W) -> (B, O, H / 2, W / 2)."""
        mixed = self.attention((x + self.block(x)) * SHRINK)
        left: Tensor = functional.leaky_relu(self.leave(halved(mixed)), SLOPE)
        return left
