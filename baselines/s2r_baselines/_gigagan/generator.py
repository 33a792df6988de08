"""The generator: a U-Net of adaptive convolutions, at one resolution, with an output at every scale."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from s2r_baselines._gigagan.layers import SLOPE, AdaptiveConv, EqualLinear, L2Attention, doubled, halved
from s2r_baselines._gigagan.options import NetOptions

TARGET_MAPS = 2  # value, and the logit of there being one
SHRINK = 2**-0.5  # a sum of two roads keeps its spread
MOSTLY_SEEN = 2.0  # where the logit of an untrained network begins: most pixels of a camera have a value


class Generator(nn.Module):
    """Condition maps and a noise vector -> target maps, finest scale first.

    Each level of the encoder is a block, and a mean over 2 x 2 pixels on the way to the next. After a block and
    attention at the coarsest level the decoder climbs back through the encoder's features; a head at each level adds to
    the enlarged maps of the level before. All blocks are modulated by one style.
    """

    def __init__(self, options: NetOptions, condition_channels: int) -> None:
        super().__init__()
        self.options = options
        widths = options.channels
        self.enter = nn.Conv2d(condition_channels, widths[0], 3, padding=1)
        befores = (widths[0], *widths[:-1])
        self.down = nn.ModuleList(Block(i, o, options.kernels) for i, o in zip(befores, widths, strict=True))
        self.middle = Block(widths[-1], widths[-1], options.kernels)
        self.attention = nn.ModuleList(
            L2Attention(widths[-1], options.heads, options.head_dim) for _ in ("middle", "first level up")
        )
        belows = (*widths[1:], widths[-1])
        self.up = nn.ModuleList(Block(b + o, o, options.kernels) for b, o in zip(belows, widths, strict=True))
        # the coarsest head's offset reaches all scales
        offsets = (*[0.0] * (len(widths) - 1), MOSTLY_SEEN)
        self.heads = nn.ModuleList(_head(width, offset) for width, offset in zip(widths, offsets, strict=True))
        self.style = Style(options, condition_channels)
        self.blocks: list[Block] = [b for b in (*self.down, self.middle, *self.up) if isinstance(b, Block)]
        self.to_blocks = nn.Linear(options.style, sum(block.style_length for block in self.blocks))

    @property
    def multiple(self) -> int:
        """Height and width have to be multiples of this."""
        return int(2 ** (len(self.options.channels) - 1))

    def forward(self, condition: Tensor, noise: Tensor) -> list[Tensor]:
        """Maps at every scale, finest first.

        Args:
            condition: (B, C, H, W), sides multiples of `multiple`.
            noise: (B, Z) standard normal.

        Returns:
            (B, 2, H / 2^i, W / 2^i) for i = 0, 1, ...: value, and the logit of there being one.
        """
        styles = self._styles(condition, noise)
        x, skips = self.enter(condition), []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else halved(x), styles.pop(0))
            skips.append(x)
        x = self.attention[0](self.middle(x, styles.pop(0)))
        outputs: list[Tensor] = []
        for level in reversed(range(len(skips))):
            coarsest = level == len(skips) - 1
            x = self.up[level](torch.cat([x if coarsest else doubled(x), skips[level]], 1), styles[level])
            if coarsest:
                x = self.attention[1](x)
            maps = self.heads[level](x)
            outputs.append(maps if coarsest else maps + doubled(outputs[-1]))
        return outputs[::-1]

    def _styles(self, condition: Tensor, noise: Tensor) -> list[Tensor]:
        flat: Tensor = self.to_blocks(self.style(condition, noise))
        return list(torch.split(flat, [block.style_length for block in self.blocks], 1))


class Block(nn.Module):
    """Two adaptive convolutions beside a 1 x 1 skip."""

    def __init__(self, inputs: int, outputs: int, kernels: int) -> None:
        super().__init__()
        self.first, self.second = AdaptiveConv(inputs, outputs, kernels), AdaptiveConv(outputs, outputs, kernels)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    @property
    def style_length(self) -> int:
        """Numbers of the style that its convolutions take."""
        return self.first.style_length + self.second.style_length

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(B, I, H, W) and (B, style_length) -> (B, O, H, W)."""
        one, two = torch.split(style, [self.first.style_length, self.second.style_length], 1)
        y = functional.leaky_relu(self.first(x, one), SLOPE)
        y = functional.leaky_relu(self.second(y, two), SLOPE)
        mixed: Tensor = (y + self.skip(x)) * SHRINK
        return mixed


class Style(nn.Module):
    """The mapping network: normalised noise beside global features of the condition -> style."""

    def __init__(self, options: NetOptions, condition_channels: int) -> None:
        super().__init__()
        half = max(options.features // 2, 1)
        self.look = nn.Sequential(
            nn.Conv2d(condition_channels, half, 3, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(half, options.features, 3, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
        )
        lengths = [options.noise + options.features] + [options.style] * options.style_depth
        self.layers = nn.ModuleList(EqualLinear(i, o) for i, o in pairwise(lengths))

    def forward(self, condition: Tensor, noise: Tensor) -> Tensor:
        """(B, C, H, W), (B, Z) -> (B, style)."""
        noise = noise * (noise.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        x = torch.cat([noise, self.look(condition).mean((2, 3))], 1)
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
        return x


def _head(width: int, seen: float) -> nn.Module:
    """Features to target maps; at the start nearly 0 and `seen`."""
    head = nn.Conv2d(width, TARGET_MAPS, 1)
    nn.init.normal_(head.weight, std=0.02)
    assert head.bias is not None  # the default has one
    nn.init.constant_(head.bias[:1], 0.0)
    nn.init.constant_(head.bias[1:], seen)
    return head
