"""The published networks: residual generator, U-Net generator, patch discriminator.

Zhu et al. (ICCV 2017) and Isola et al. (CVPR 2017), with the layers, biases and initial weights of their public
implementation. What a frame becomes never depends on what else is in a batch, whatever the normalisation:
"instance" (CycleGAN's) looks at one image alone; "affine" is the same with a learned scale and shift, which is what
pix2pix's batch normalisation computes at the published batch of 1, in training and in simulation; "batch" trains on
the statistics of whole batches and simulates with their running means, frozen. Instance statistics take an image's
mean depth away from all layers but the outermost skip, batch statistics do not.

Reflection padding is made of slices: their gradient is summed in the same order on every run and device.
"""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

SLOPE = 0.2
DROPOUT = 0.5
INIT_STD = 0.02
Norm = Literal["instance", "affine", "batch"]


class ResnetGenerator(nn.Module):
    """Image to image (B, C, H, W) in [-1, 1]; sides multiples of 4 and at least 8.

    Args:
        channels: of the image, in and out.
        width: channels of the first layer (published: 64).
        blocks: residual blocks (published: 9 at 256 px, 6 at 128 px).
    """

    def __init__(self, channels: int, width: int, blocks: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [Reflect(3), nn.Conv2d(channels, width, 7), nn.InstanceNorm2d(width), nn.ReLU()]
        for a, b in pairwise((width, 2 * width, 4 * width)):
            layers += [nn.Conv2d(a, b, 3, 2, 1), nn.InstanceNorm2d(b), nn.ReLU()]
        layers += [_Residual(4 * width) for _ in range(blocks)]
        for a, b in pairwise((4 * width, 2 * width, width)):
            layers += [nn.ConvTranspose2d(a, b, 3, 2, 1, output_padding=1), nn.InstanceNorm2d(b), nn.ReLU()]
        self.layers = nn.Sequential(*layers, Reflect(3), nn.Conv2d(width, channels, 7), nn.Tanh())

    def forward(self, image: Tensor) -> Tensor:
        """The translated image."""
        out: Tensor = self.layers(image)
        return out


class Adding(nn.Module):
    """A generator of images whose depth is its input's own plus what it draws, at most `reach`; validity is drawn."""

    def __init__(self, drawing: nn.Module, reach: float) -> None:
        super().__init__()
        self.drawing, self.reach = drawing, reach

    def forward(self, image: Tensor) -> Tensor:
        """(B, 2, H, W) -> the same."""
        drawn = self.drawing(image)
        return torch.cat([(image[:, :1] + self.reach * drawn[:, :1]).clamp(-1, 1), drawn[:, 1:]], 1)


class UnetGenerator(nn.Module):
    """Image to image (B, C, H, W) in [-1, 1]; sides multiples of 2^downs.

    Args:
        channels: of the image, in; out too, if `outputs` does not say otherwise.
        width: channels of the first layer (published: 64).
        downs: halvings (published: 8 at 256 px, 7 at 128 px). The downs - 5 layers inside the outer four, except the
            innermost, have dropout.
        norm: "affine" or "batch", see the module.
        outputs: channels out. logits: whether the last of them is left as it is, where the others end in a tanh.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        downs: int,
        norm: Norm = "affine",
        outputs: int | None = None,
        *,
        logits: bool = False,
    ) -> None:
        super().__init__()
        if downs < 6:
            raise ValueError(f"with {downs} halvings no layer has dropout, the only noise there is; 6 are the fewest")
        self.downs, self.logits = downs, logits
        sizes = [width * min(2**level, 8) for level in range(downs)]
        self.down = nn.ModuleList(
            _down(a, b, norm, outer=level == 0, inner=level == downs - 1)
            for level, (a, b) in enumerate(pairwise([channels, *sizes]))
        )
        up: list[nn.Module] = []
        for level in reversed(range(downs)):
            inside = sizes[level] if level == downs - 1 else 2 * sizes[level]  # the skip doubles it
            up.append(_up(inside, (outputs or channels) if level == 0 else sizes[level - 1], norm, outer=level == 0))
        self.up = nn.ModuleList(up)

    def forward(self, image: Tensor, dice: torch.Generator | None = None) -> Tensor:
        """The translated image; `dice` (a CPU generator) draws the dropout, without it there is none."""
        skips, x = [], image
        for down in self.down:
            x = down(x)
            skips.append(x)
        skips.pop()
        for index, up in enumerate(self.up):
            x = up(x)
            if dice is not None and 1 <= index <= self.downs - 5:
                x = dropped(x, DROPOUT, dice)
            if skips:
                x = torch.cat([skips.pop(), x], 1)
        return torch.cat([x[:, :-1].tanh(), x[:, -1:]], 1) if self.logits else x.tanh()


class PatchDiscriminator(nn.Module):
    """A logit for each patch of an image (B, C, H, W): how captured it looks.

    Args:
        channels: of the image; with a condition beside it, of both.
        width: channels of the first layer (published: 64).
        layers: halvings (published: 3, a receptive field of 70 pixels).
        norm: see the module. Only "instance" has a bias before it.
    """

    def __init__(self, channels: int, width: int, layers: int, norm: Norm) -> None:
        super().__init__()
        sizes = [width * min(2**level, 8) for level in range(layers + 1)]
        parts: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(SLOPE)]
        for level, (a, b) in enumerate(pairwise(sizes), start=1):
            stride = 2 if level < layers else 1
            parts += [nn.Conv2d(a, b, 4, stride, 1, bias=norm == "instance"), _norm(norm, b), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*parts, nn.Conv2d(sizes[-1], 1, 4, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, 1, h, w)."""
        out: Tensor = self.layers(image)
        return out

    @property
    def receptive_field(self) -> int:
        """Pixels of a judged patch's side."""
        side = 1
        for part in reversed(self.layers):
            if isinstance(part, nn.Conv2d):
                side = (side - 1) * part.stride[0] + part.kernel_size[0]
        return side


class Reflect(nn.Module):
    """Continues an image by `pixels` of its own reflection on every side; it must be larger than that."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.pixels = pixels

    def forward(self, x: Tensor) -> Tensor:
        """(..., H + 2 pixels, W + 2 pixels)."""
        for axis in (-2, -1):
            size, n = x.shape[axis], self.pixels
            before = x.narrow(axis, 1, n).flip(axis)
            after = x.narrow(axis, size - n - 1, n).flip(axis)
            x = torch.cat([before, x, after], axis)
        return x


def dropped(x: Tensor, share: float, dice: torch.Generator) -> Tensor:
    """`x` with each value set to 0 at probability `share`, the others scaled up; drawn on the CPU, by `dice` alone."""
    kept = torch.rand(x.shape, generator=dice) >= share
    return x * (kept.to(x.device, x.dtype) / (1 - share))


def initialised(network: nn.Module, dice: torch.Generator) -> nn.Module:
    """The network with its published initial weights: N(0, 0.02), scales of a normalisation N(1, 0.02), biases 0."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, 0.0, INIT_STD, generator=dice)
        elif isinstance(part, nn.InstanceNorm2d | nn.BatchNorm2d) and part.affine:
            nn.init.normal_(part.weight, 1.0, INIT_STD, generator=dice)
        else:
            continue
        if part.bias is not None:
            nn.init.zeros_(part.bias)
    return network


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        half = [Reflect(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)]
        rest = [Reflect(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)]
        self.layers = nn.Sequential(*half, nn.ReLU(), *rest)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(x)
        return out


def _norm(norm: Norm, width: int) -> nn.Module:
    return nn.BatchNorm2d(width) if norm == "batch" else nn.InstanceNorm2d(width, affine=norm == "affine")


def _down(a: int, b: int, norm: Norm, *, outer: bool, inner: bool) -> nn.Sequential:
    # the first layer has neither activation nor normalisation, the innermost no normalisation: it may be one pixel
    before = [] if outer else [nn.LeakyReLU(SLOPE)]
    after = [] if outer or inner else [_norm(norm, b)]
    return nn.Sequential(*before, nn.Conv2d(a, b, 4, 2, 1, bias=False), *after)


def _up(a: int, b: int, norm: Norm, *, outer: bool) -> nn.Sequential:
    last = nn.Identity() if outer else _norm(norm, b)
    return nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1, bias=outer), last)
