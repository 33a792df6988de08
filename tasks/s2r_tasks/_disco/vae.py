"""The triplane autoencoder: surface points to a latent of three planes, and the latent to occupancy anywhere.

Loss: BCE at uniform points + 0.1 BCE at points near the surface + 0.025 KL, where KL is half the mean over the latent's
elements. Half of the training items pass through a latent of half the side, because the diffusion works there.
"""

from collections.abc import Mapping

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from s2r_bench.options import Options
from s2r_tasks._disco.planes import resized, sampled
from s2r_tasks._disco.points import EMBEDDED, PlaneUNet, PointPlanes, Residual, embedded


class VaeOptions(Options):
    """Sizes and loss of the autoencoder; defaults are the published ones.

    Attributes:
        side: cells along a plane; the diffusion works at half of it.
        latent: channels of the latent.
        hidden: width of point and query layers. blocks: how many of them.
        width: channels between points and planes, and of the decoded planes.
        start, depth: of the encoder's plane network; the decoder's starts at twice `start`.
        groups: of a normalisation in the plane networks; 0 = none (published).
        near_weight, kl_weight: of the loss.
    """

    side: int = Field(128, ge=8)
    latent: int = Field(32, ge=1)
    hidden: int = Field(128, ge=8)
    blocks: int = Field(5, ge=1)
    width: int = Field(32, ge=4)
    start: int = Field(32, ge=4)
    depth: int = Field(4, ge=1)
    groups: int = Field(0, ge=0)
    near_weight: float = Field(0.1, ge=0)
    kl_weight: float = Field(0.025, ge=0)

    @model_validator(mode="after")
    def _fits_together(self) -> "VaeOptions":
        if self.groups and self.start % self.groups:
            raise ValueError(f"start must be a multiple of groups = {self.groups}, not {self.start}")
        return self


class TriplaneVae(nn.Module):
    """Points to latent, latent to logits; a logit of at least 0 is inside."""

    def __init__(self, options: VaeOptions) -> None:
        super().__init__()
        o = self.options = options
        self.encoder = PointPlanes(o.side, o.hidden, o.width, o.start, o.depth, 2 * o.latent, o.blocks, o.groups)
        self.decoder = PlaneUNet(o.latent, 2 * o.start, o.width, o.depth, o.groups)
        self.enter = nn.Linear(EMBEDDED, o.hidden)
        self.added = nn.ModuleList(nn.Linear(3 * o.width, o.hidden) for _ in range(o.blocks))
        self.blocks = nn.ModuleList(Residual(o.hidden, o.hidden) for _ in range(o.blocks))
        self.leave = nn.Linear(o.hidden, 1)

    def encode(self, surface: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (B, 3, latent, side, side) of surface points (B, N, 3)."""
        mean, spread = self.encoder(surface).chunk(2, 2)
        return mean, spread.clamp(-20, 10)

    def planes(self, latent: Tensor) -> Tensor:
        """Decoded planes (B, 3, width, side, side) of a latent of any side."""
        side = self.options.side
        decoded: Tensor = self.decoder(latent if latent.shape[-1] == side else resized(latent, side))
        return decoded

    def logits(self, planes: Tensor, points: Tensor) -> Tensor:
        """(B, N) occupancy logits at points (B, N, 3) of decoded planes."""
        found = sampled(planes, points)
        features = self.enter(embedded(points))
        for added, block in zip(self.added, self.blocks, strict=True):
            features = block(features + added(found))
        logits: Tensor = self.leave(features.relu())[..., 0]
        return logits

    def forward(self, surface: Tensor, points: Tensor, noise: Tensor, halved: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, N) and the KL term, for one training step.

        Args:
            surface: (B, M, 3).
            points: (B, N, 3) queries.
            noise: (B, 3, latent, side, side) standard normal.
            halved: (B,) bool, who passes through half the side.
        """
        mean, spread = self.encode(surface)
        latent = mean + noise * (spread / 2).exp()
        small = resized(resized(latent, self.options.side // 2), self.options.side)
        latent = torch.where(halved[:, None, None, None, None], small, latent)
        kl = 0.5 * (mean.square() + spread.exp() - 1 - spread).mean()
        return self.logits(self.planes(latent), points), kl


def vae_loss(o: VaeOptions, network: nn.Module, batch: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
    """The loss for options `o`; `batch`: surface (B, M, 3), volume and near (B, N, 3) with their labels (B, N)."""
    surface, count = batch["surface"], batch["volume"].shape[1]
    noise = torch.randn((len(surface), 3, o.latent, o.side, o.side), generator=generator).to(surface.device)
    halved = (torch.rand(len(surface), generator=generator) < 0.5).to(surface.device)
    logits, kl = network(surface, torch.cat([batch["volume"], batch["near"]], 1), noise, halved)
    entropy = nn.functional.binary_cross_entropy_with_logits
    volume = entropy(logits[:, :count], batch["volume_label"])
    near = entropy(logits[:, count:], batch["near_label"])
    total: Tensor = volume + o.near_weight * near + o.kl_weight * kl
    return total
