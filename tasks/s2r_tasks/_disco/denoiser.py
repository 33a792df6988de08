"""The triplane denoiser: a residual UNet over planes that sees the partial cloud, the noise level and the category.

With `images.views` also images of the object, in the up blocks; without, it has no part that would.
"""

import itertools
from collections.abc import Mapping

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from s2r_bench.options import Options
from s2r_tasks._disco.edm import denoised, loss_weight, training_sigma
from s2r_tasks._disco.image_options import ImageOptions
from s2r_tasks._disco.images import ImageAttention, Images
from s2r_tasks._disco.planes import PlaneConv, PlaneNorm, RollOut, joined, laid_out, resized, stacked
from s2r_tasks._disco.points import PointPlanes


class DenoiserOptions(Options):
    """Sizes; defaults are the published ones, but for two: groups normalise, also in the cloud's encoder; no images.

    Attributes:
        channels: widths of the levels.
        embedding: width of the noise level's embedding.
        condition: channels of the partial cloud's planes. hidden, start, depth, blocks: of its encoder.
        groups: of the group normalisation.
        log_mean: mean of ln sigma in training. The published -1.2 attends to fine detail, which takes long trainings.
        images: conditioning on images; the preset `paper` has the published one.
    """

    channels: tuple[int, ...] = (64, 128, 256, 512, 1024)
    embedding: int = Field(256, ge=8)
    condition: int = Field(32, ge=4)
    hidden: int = Field(128, ge=8)
    start: int = Field(32, ge=4)
    depth: int = Field(3, ge=1)
    blocks: int = Field(5, ge=1)
    groups: int = Field(8, ge=1)
    log_mean: float = -1.2
    images: ImageOptions = ImageOptions()

    @model_validator(mode="after")
    def _fits_together(self) -> "DenoiserOptions":
        if self.embedding % 2 or any(width % self.groups for width in (*self.channels, self.start)):
            raise ValueError(f"embedding must be even, and channels and start multiples of groups = {self.groups}")
        if self.images.views and any(width % self.images.heads for width in self.channels[:-1]):
            raise ValueError(f"channels must be multiples of images.heads = {self.images.heads}, but for the last")
        return self


class Denoiser(nn.Module):
    """Raw network F of the preconditioned diffusion.

    Args:
        options: sizes.
        latent: channels of the latent. side: its cells along a plane.
        classes: number of categories; 1 = not conditioned on them.
    """

    def __init__(self, options: DenoiserOptions, latent: int, side: int, classes: int) -> None:
        super().__init__()
        o = self.options = options
        self.partial = PointPlanes(side, o.hidden, o.condition, o.start, o.depth, o.condition, o.blocks, o.groups)
        self.time = nn.Sequential(
            nn.Linear(o.embedding, o.embedding), nn.SiLU(), nn.Linear(o.embedding, o.embedding), nn.SiLU()
        )
        self.category = nn.Embedding(classes, o.embedding)
        nn.init.zeros_(self.category.weight)
        self.enter = PlaneConv(latent, o.channels[0])
        widths = [o.channels[0] + o.condition, *o.channels]
        self.down = nn.ModuleList(_Block(before, after, o) for before, after in zip(widths, o.channels, strict=False))
        self.middle = _Block(o.channels[-1], o.channels[-1], o)
        self.up = nn.ModuleList(_Block(low + high, low, o) for low, high in itertools.pairwise(o.channels))
        self.norm = PlaneNorm(o.groups, o.channels[0])
        self.leave = PlaneConv(o.channels[0], latent, 1)
        nn.init.zeros_(self.leave.conv.weight)
        nn.init.zeros_(self.leave.conv.bias)  # type: ignore[arg-type]
        # last: what is drawn for the other weights does not hang on images
        looking = [n for n in range(len(self.up)) if o.images.views and side >> n <= o.images.finest]
        self.look = nn.ModuleDict({str(n): ImageAttention(o.channels[n], o.groups, o.images) for n in looking})

    def condition(self, partial: Tensor) -> Tensor:
        """Planes (B, 3, condition, side, side) of the partial cloud (B, N, 3): the same for all noise levels."""
        planes: Tensor = self.partial(partial)
        return planes

    def forward(
        self, latent: Tensor, level: Tensor, partial: Tensor, category: Tensor, images: Images | None = None
    ) -> Tensor:
        """F(c_in x, ln(sigma) / 4): (B, 3, latent, side, side).

        Args:
            latent: (B, 3, latent, side, side).
            level: (B,).
            partial: (B, N, 3).
            category: (B,).
            images: of the objects; None, where the network is made for them: none of any.
        """
        return self.conditioned(latent, level, self.condition(partial), category, images)

    def conditioned(
        self, latent: Tensor, level: Tensor, condition: Tensor, category: Tensor, images: Images | None = None
    ) -> Tensor:
        """The same with the cloud's planes at hand."""
        about = self.time(_waves(level, self.options.embedding)) + self.category(category)
        planes = joined(self.enter(laid_out(latent)), condition)
        kept: list[Tensor] = []
        for number, block in enumerate(self.down):
            if number:
                planes = stacked(nn.functional.avg_pool2d(planes.flatten(0, 1), 2))
            planes = block(planes, about)
            kept.append(planes)
        planes = self.middle(planes, about)
        if self.look and images is None:
            images = Images.none(len(latent), self.options.images, latent)
        for number in range(len(self.up) - 1, -1, -1):
            planes = self.up[number](joined(kept[number], resized(planes, kept[number].shape[-1])), about)
            if str(number) in self.look:
                planes = self.look[str(number)](planes, images)
        out: Tensor = self.leave(nn.functional.silu(self.norm(planes)))
        return out


class _Block(nn.Module):
    def __init__(self, width_in: int, width_out: int, options: DenoiserOptions) -> None:
        super().__init__()
        self.first = PlaneConv(width_in, width_out)
        self.roll = RollOut(width_out)
        self.second = PlaneConv(width_out, width_out)
        self.about = nn.Linear(options.embedding, width_out)
        self.norms = nn.ModuleList(PlaneNorm(options.groups, width_out) for _ in range(2))
        self.shortcut = nn.Identity() if width_in == width_out else PlaneConv(width_in, width_out, 1)

    def forward(self, planes: Tensor, about: Tensor) -> Tensor:
        x = self.first(planes) + self.about(about)[:, None, :, None, None]
        x = self.roll(nn.functional.silu(self.norms[0](x)))
        x = self.second(nn.functional.silu(self.norms[1](x)))
        out: Tensor = x + self.shortcut(planes)
        return out


def _waves(level: Tensor, width: int) -> Tensor:
    """(B, width) sines and cosines of a number, as transformers embed positions."""
    rates = torch.exp(-torch.arange(width // 2, device=level.device) * (9.21 / (width // 2)))
    angle = 1000 * level[:, None] * rates
    return torch.cat([angle.sin(), angle.cos()], 1)


def denoising_loss(
    o: DenoiserOptions, network: nn.Module, batch: Mapping[str, Tensor], generator: torch.Generator
) -> Tensor:
    """Weighted squared error of the denoised latent; `batch`: latent, partial (B, N, 3), category (B,).

    Where the network is made for images, `features` and `projections` too, as `Images` has them; or neither.
    """
    clean, images = batch["latent"], Images.of(batch)
    sigma = training_sigma(len(clean), generator, o.log_mean).to(clean.device)
    noisy = clean + sigma.view(-1, 1, 1, 1, 1) * torch.randn(clean.shape, generator=generator).to(clean.device)
    found = denoised(lambda x, level: network(x, level, batch["partial"], batch["category"], images), noisy, sigma)
    error = (found - clean).square().mean((1, 2, 3, 4))
    return (loss_weight(sigma) * error).mean()
