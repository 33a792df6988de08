"""Reconstructions by a trained network: partial clouds to latents, latents to logits anywhere."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from s2r_bench.seeds import rng_of, torch_rng
from s2r_tasks._disco.augment import drawn
from s2r_tasks._disco.denoiser import Denoiser
from s2r_tasks._disco.edm import sample
from s2r_tasks._disco.images import Images
from s2r_tasks._disco.vae import TriplaneVae
from s2r_tasks._recon.clouds import Cloud
from s2r_tasks._recon.images import Views
from s2r_tasks._recon.options import ReconOptions
from s2r_tasks._recon.scoring import Logits
from s2r_tasks._recon.shapes import Shape
from s2r_tasks._recon.training import Latents

BATCH = 16
CACHED = 1 << 14  # points whose features stay in a core's cache
_Known = tuple[Tensor, Tensor, Images | None]


class Reconstructor:
    """A trained diffusion and the autoencoder that it works in."""

    def __init__(
        self, vae: TriplaneVae, latents: Latents, denoiser: Denoiser, options: ReconOptions, device: str
    ) -> None:
        self.vae, self.latents, self.denoiser, self.options = vae, latents, denoiser, options
        self.device = torch.device(device)

    @torch.no_grad()
    def latent(
        self, shapes: Sequence[Shape], clouds: Mapping[str, Cloud], seed: int, views: Views | None = None
    ) -> dict[str, Tensor]:
        """Shape id -> unscaled latent (3, C, h, w) on the CPU; each is drawn by its own generator."""
        found: dict[str, Tensor] = {}
        for start in range(0, len(shapes), BATCH):
            some = shapes[start : start + BATCH]
            partial = torch.stack([self._partial(shape, clouds[shape.id]) for shape in some]).to(self.device)
            category = torch.tensor([shape.number for shape in some], device=self.device)
            known = (self.denoiser.condition(partial), category, self._images(some, views))

            def network(x: Tensor, level: Tensor, known: _Known = known) -> Tensor:
                return self.denoiser.conditioned(x.to(self.device), level.to(self.device), *known).cpu()

            side = self.options.vae.side // 2
            shape = (len(some), 3, self.options.vae.latent, side, side)
            generators = [torch_rng(seed, "recon draw", one.id) for one in some]
            drawn_ = sample(network, shape, generators, self.options.steps)
            found |= dict(zip([one.id for one in some], self.latents.unscaled(drawn_), strict=True))
        return found

    @torch.no_grad()
    def logits(self, latent: Tensor) -> Logits:
        """The field of one latent (3, C, h, w)."""
        planes = self.vae.planes(latent[None].to(self.device))

        @torch.no_grad()
        def at(points: Tensor) -> Tensor:
            parts = torch.split(points, CACHED) if self.device.type == "cpu" else [points]
            return torch.cat([self.vae.logits(planes, part[None].to(self.device))[0] for part in parts])

        return at

    def _images(self, shapes: Sequence[Shape], views: Views | None) -> Images | None:
        if views is None:
            return None
        return Images(*(part.to(self.device) for part in views.spaced([shape.id for shape in shapes])))

    def _partial(self, shape: Shape, cloud: Cloud) -> Tensor:
        return torch.from_numpy(drawn(cloud, self.options.cloud_points, rng_of("recon scan", shape.id)))
