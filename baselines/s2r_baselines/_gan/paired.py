"""pix2pix's game: a generator that draws, and a discriminator that sees the condition (Isola et al., CVPR 2017)."""

import torch
from torch import Tensor, nn

from s2r_baselines._gan.losses import adversarial, judged, weighted_l1
from s2r_bench.engine.loop import Batch
from s2r_bench.engine.two_player import Game, Losses

Images = dict[str, Tensor]


class PairedGame(Game[Images]):
    """The discriminator moves first, as published.

    Args:
        generator: called with clean images and a torch generator. discriminator: of clean and captured images, stacked.
        l1: weight of the L1 between made and captured image.
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module, *, l1: float) -> None:
        super().__init__(generator, discriminator)
        self.l1 = l1

    def made(self, batch: Batch, dice: torch.Generator) -> Images:
        """The captured side from the clean one, with dropout."""
        return {"captured": self.generators(batch["clean"], dice)}

    def generators_loss(self, batch: Batch, made: Images) -> Losses:
        """Adversarial and L1 part."""
        fooled = adversarial(self._logits(batch, made["captured"]), "vanilla", real=True)
        off = weighted_l1(made["captured"], batch["captured"], batch["weight"])
        return {"adversarial": fooled, "l1": self.l1 * off}

    def discriminators_loss(self, batch: Batch, made: Images, number: int, dice: torch.Generator) -> Losses:
        """On the captured and on the made image, each beside the clean one."""
        real, fake = self._logits(batch, batch["captured"]), self._logits(batch, made["captured"].detach())
        return {"told_apart": judged(real, fake, "vanilla")}

    def _logits(self, batch: Batch, image: Tensor) -> Tensor:
        logits: Tensor = self.discriminators(torch.cat([batch["clean"], image], 1))
        return logits
