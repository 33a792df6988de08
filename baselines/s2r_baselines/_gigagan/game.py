"""GigaGAN's game on pairs: adversarial at every scale, R1, and L1 to the pair's own capture."""

from dataclasses import dataclass

import torch
from torch import Tensor

from s2r_baselines._gigagan.discriminator import Discriminator
from s2r_baselines._gigagan.generator import Generator
from s2r_baselines._gigagan.layers import pyramid
from s2r_baselines._gigagan.losses import discriminator_loss, generator_loss, pyramid_l1, r1_penalty
from s2r_baselines._gigagan.options import LossOptions
from s2r_bench.engine.loop import Batch
from s2r_bench.engine.two_player import Game, Losses


@dataclass(frozen=True, eq=False)
class Drawn:
    """Maps of a batch at every scale, finest first.

    Attributes:
        conditions: of the clean frames.
        raw: as they come out of the generator. shown: as the discriminator sees them.
    """

    conditions: list[Tensor]
    raw: list[Tensor]
    shown: list[Tensor]


class ScalesGame(Game[Drawn]):
    """The discriminator moves first; both move on the same draws.

    Args:
        generator, discriminator: the players.
        options: weights of the losses.
        residual: whether the maps hold a coded residual.
    """

    def __init__(
        self, generator: Generator, discriminator: Discriminator, options: LossOptions, *, residual: bool
    ) -> None:
        super().__init__(generator, discriminator)
        self.options, self.residual = options, residual
        self.noise, self.scales = generator.options.noise, len(generator.options.channels)

    def made(self, batch: Batch, dice: torch.Generator) -> Drawn:
        """One draw for each item."""
        condition = batch["condition"]
        conditions = pyramid(condition, self.scales)
        noise = torch.randn(len(condition), self.noise, generator=dice).to(condition.device)
        raw = self.generators(condition, noise)
        rests = pyramid(resting(condition, residual=self.residual), self.scales)
        shown = [with_holes(maps, c, rest) for maps, c, rest in zip(raw, conditions, rests, strict=True)]
        return Drawn(conditions, raw, shown)

    def generators_loss(self, batch: Batch, made: Drawn) -> Losses:
        """Non-saturating loss and L1."""
        wanted, weights = (pyramid(batch[name], self.scales) for name in ("target", "weight"))
        fooled = generator_loss(self.discriminators(made.shown, made.conditions), self.options.coarse)
        return {"adversarial": fooled, "l1": self.options.l1 * pyramid_l1(made.raw, wanted, weights)}

    def discriminators_loss(self, batch: Batch, made: Drawn, number: int, dice: torch.Generator) -> Losses:
        """Logistic loss, and R1 in every `r1_every`-th round."""
        judge, options = self.discriminators, self.options
        real, shown = pyramid(batch["target"], self.scales), [maps.detach() for maps in made.shown]
        logits = (judge(maps, made.conditions) for maps in (real, shown))
        losses = {"told_apart": discriminator_loss(*logits, options.coarse)}
        if not options.r1 or number % options.r1_every:
            return losses
        finest = batch["target"].detach().requires_grad_()
        penalty = r1_penalty(judge([finest], made.conditions[:1])[0], finest)
        return losses | {"r1": options.r1 / 2 * options.r1_every * penalty}


def resting(condition: Tensor, *, residual: bool) -> Tensor:
    """(B, 1, H, W): the value that a target map holds where nothing was captured: no residual, or the clean depth."""
    code, validity = condition[:, :1], condition[:, 1:2]
    return torch.zeros_like(code) if residual else torch.where(validity > 0, code, -1.0)


def with_holes(drawn: Tensor, condition: Tensor, rest: Tensor) -> Tensor:
    """Generated maps (B, 2, h, w) as captures are coded: `rest` in holes, and a hole where nothing is.

    Without this the discriminator would tell sides by what stands under a hole, which no depth map holds.
    """
    known = (condition[:, 1:2] + 1) / 2  # a share at coarse scales
    seen = known * (drawn[:, 1:] + 1) / 2
    return torch.cat([rest + seen * (drawn[:, :1] - rest), 2 * seen - 1], 1)
