"""Latent codecs: lossless space-to-depth, and the AutoencoderKL of a Stable Diffusion checkpoint.

A codec turns maps (B, C, H, W) into latents (B, L, h, w) and back. Sensor noise is a few millimetres, so the codec's
own error is the floor of what a method can model: `s2r_bench` prints it beside every latent method.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

SPREAD = 0.5  # standard deviation of whitened latents


class Codec(Protocol):
    """Maps to latents and back. `factor`: pixels of a latent cell's side."""

    factor: int

    def latent_channels(self, map_channels: int) -> int:
        """Channels of the latent of maps with that many channels."""
        ...

    def encode(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, L, H / factor, W / factor)."""
        ...

    def decode(self, latents: Tensor, map_channels: int) -> Tensor:
        """(B, L, h, w) -> (B, C, h * factor, w * factor)."""
        ...


class SpaceToDepth:
    """Each cell of `factor` x `factor` pixels becomes channels. Exact both ways."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def latent_channels(self, map_channels: int) -> int:
        """`map_channels` times the pixels of a cell."""
        return map_channels * self.factor**2

    def encode(self, maps: Tensor) -> Tensor:
        """Pixel-unshuffle."""
        return nn.functional.pixel_unshuffle(maps, self.factor)

    def decode(self, latents: Tensor, map_channels: int) -> Tensor:
        """Pixel-shuffle."""
        return nn.functional.pixel_shuffle(latents, self.factor)


@dataclass(frozen=True, eq=False)
class Whitening:
    """Standardised cosine coefficients of the first map's cells: linear, invertible, fixed on the training pairs.

    The channels of the other maps are left as they are: a mask's energy is in its edges, which whitening would drown.

    Attributes:
        mean, scale: (factor^2,) of the transformed channels; `scale` brings each to `SPREAD`.
        factor: pixels of a cell's side.
    """

    mean: Tensor
    scale: Tensor
    factor: int

    @classmethod
    def fitted(cls, latents: Tensor, factor: int) -> "Whitening":
        """Fix the constants on latents (N, L)."""
        turned = latents[:, : factor**2].double() @ _cell_basis(factor).T
        deviation = turned.std(0).clamp(min=1e-4)
        return cls(turned.mean(0).float(), (SPREAD / deviation).float(), factor)

    def apply(self, latents: Tensor) -> Tensor:
        """(B, L, h, w) -> the same shape, the first map's channels standardised."""
        first, others = latents[:, : self.factor**2], latents[:, self.factor**2 :]
        turned = _turned(_cell_basis(self.factor).to(latents), first)
        mean, scale = (part.to(latents)[:, None, None] for part in (self.mean, self.scale))
        return torch.cat([(turned - mean) * scale, others], 1)

    def undo(self, latents: Tensor) -> Tensor:
        """The inverse of `apply`."""
        first, others = latents[:, : self.factor**2], latents[:, self.factor**2 :]
        mean, scale = (part.to(latents)[:, None, None] for part in (self.mean, self.scale))
        turned = _turned(_cell_basis(self.factor).T.to(latents), first / scale + mean)
        return torch.cat([turned, others], 1)


def _turned(basis: Tensor, channels: Tensor) -> Tensor:
    """(B, L, h, w) with the basis (L, L) applied to each cell; item by item, so that none rounds by its neighbours."""
    return torch.bmm(basis.expand(len(channels), -1, -1), channels.flatten(2)).view_as(channels)


def _cell_basis(factor: int) -> Tensor:
    """(factor^2, factor^2) orthonormal two-dimensional cosine transform of a cell, float64."""
    n = torch.arange(factor, dtype=torch.float64)
    one = torch.cos(torch.pi * (n[None] + 0.5) * n[:, None] / factor) * (2 / factor) ** 0.5
    one[0] /= 2**0.5
    return torch.kron(one, one)


class KLCodec:
    """The 3-channel autoencoder of Stable Diffusion, frozen.

    The first map goes to two channels and the second (validity) to the third, which carries it at no cost; the mean
    of the posterior is used, since the task is not to model the codec. Latents are scaled by the model's own factor.
    `alike`: one map goes to all three channels, or three maps to one each, not clamped, and three come back.
    """

    def __init__(self, vae: Any, *, alike: bool = False) -> None:
        self.vae = vae.eval().requires_grad_(False)
        self.alike = alike
        self.factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.scale = float(vae.config.scaling_factor)

    def latent_channels(self, map_channels: int) -> int:
        """The model's own, whatever goes in."""
        return int(self.vae.config.latent_channels)

    @torch.no_grad()
    def encode(self, maps: Tensor) -> Tensor:
        """The posterior's mean, scaled."""
        if self.alike:
            image = maps.expand(-1, 3, -1, -1)
        else:
            image = torch.cat([maps[:, :1], maps[:, :1], maps[:, 1:2]], 1).clamp(-1, 1)
        latents: Tensor = self.vae.encode(image.to(self.vae.dtype)).latent_dist.mode() * self.scale
        return latents.float()

    @torch.no_grad()
    def decode(self, latents: Tensor, map_channels: int) -> Tensor:
        """(B, 2, H, W): mean of the first two channels, and the third. `alike`: (B, 3, H, W), all of them."""
        image: Tensor = self.vae.decode((latents / self.scale).to(self.vae.dtype)).sample.float()
        if self.alike:
            return image
        return torch.cat([image[:, :2].mean(1, keepdim=True), image[:, 2:3]], 1)
