"""pix2pix's game: a generator that draws, and a discriminator that sees the condition (Isola et al., CVPR 2017)."""

from typing import Protocol

import torch
from torch import Tensor, nn

from s2r_baselines._gan.losses import adversarial, judged, validity_loss, weighted_l1
from s2r_baselines._gan.maps import resting, with_holes
from s2r_baselines._gan.translator import Code
from s2r_bench.engine.loop import Batch
from s2r_bench.engine.two_player import Game, Losses
from s2r_bench.types import DepthPair

Images = dict[str, Tensor]


class PairCode(Code, Protocol):
    """A code that also says what a pair should become."""

    def target(self, pair: DepthPair) -> tuple[Tensor, Tensor]:
        """Maps (C, H, W) of the capture, and weights of a pixel loss of the same shape."""
        ...


def sides_of(code: PairCode, pair: DepthPair) -> Images:
    """What both players are shown of a pair."""
    captured, weight = code.target(pair)
    return {"clean": code.condition(pair.clean), "captured": captured, "weight": weight}


class PairedGame(Game[Images]):
    """The discriminator moves first, as published.

    Args:
        generator: called with clean images and a torch generator. discriminator: of clean and captured images, stacked.
        l1: weight of the L1 between made and captured value. validity: of the cross-entropy of validity, where images
            have that.
        residual: whether images hold a coded residual; only matters where they have validity, whose holes the
            discriminator is then shown as captures have them.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        l1: float,
        validity: float = 0.0,
        residual: bool = False,
    ) -> None:
        super().__init__(generator, discriminator)
        self.l1, self.validity, self.residual = l1, validity, residual

    def made(self, batch: Batch, dice: torch.Generator) -> Images:
        """The captured side from the clean one, with dropout: as it comes out, and as the discriminator sees it."""
        clean = batch["clean"]
        raw = self.generators(clean, dice)
        shown = raw if raw.shape[1] == 1 else with_holes(raw, clean, resting(clean, residual=self.residual))
        return {"captured": raw, "shown": shown}

    def generators_loss(self, batch: Batch, made: Images) -> Losses:
        """Adversarial and L1 part, and that of validity."""
        fooled = adversarial(self._logits(batch, made["shown"]), "vanilla", real=True)
        sides = (made["captured"], batch["captured"], batch["weight"])
        losses = {"adversarial": fooled, "l1": self.l1 * weighted_l1(*(maps[:, :1] for maps in sides))}
        if made["captured"].shape[1] > 1:
            losses["validity"] = self.validity * validity_loss(*(maps[:, 1:] for maps in sides))
        return losses

    def discriminators_loss(self, batch: Batch, made: Images, number: int, dice: torch.Generator) -> Losses:
        """On the captured and on the made image, each beside the clean one."""
        real, fake = self._logits(batch, batch["captured"]), self._logits(batch, made["shown"].detach())
        return {"told_apart": judged(real, fake, "vanilla")}

    def _logits(self, batch: Batch, image: Tensor) -> Tensor:
        logits: Tensor = self.discriminators(torch.cat([batch["clean"], image], 1))
        return logits
