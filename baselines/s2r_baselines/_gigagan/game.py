"""GigaGAN's game on pairs: adversarial at every scale, R1, and L1 to the pair's own capture."""

from dataclasses import dataclass

import torch
from torch import Tensor

from s2r_baselines._gan.maps import resting, with_holes
from s2r_baselines._gigagan.discriminator import Discriminator
from s2r_baselines._gigagan.generator import TARGET_MAPS, Generator
from s2r_baselines._gigagan.layers import pyramid
from s2r_baselines._gigagan.losses import discriminator_loss, generator_loss, pyramid_l1, pyramid_validity, r1_penalty
from s2r_baselines._gigagan.options import LossOptions, NetOptions
from s2r_bench.engine.loop import Batch
from s2r_bench.engine.two_player import Game, Losses


def networks(net: NetOptions, condition_channels: int, seed: int) -> tuple[Generator, Discriminator]:
    """Both networks with initial weights decided by `seed`; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator(net, condition_channels), Discriminator(net, condition_channels, TARGET_MAPS)


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
        condition = batch["clean"]
        conditions = pyramid(condition, self.scales)
        noise = torch.randn(len(condition), self.noise, generator=dice).to(condition.device)
        raw = self.generators(condition, noise)
        rests = pyramid(resting(condition, residual=self.residual), self.scales)
        shown = [with_holes(maps, c, rest) for maps, c, rest in zip(raw, conditions, rests, strict=True)]
        return Drawn(conditions, raw, shown)

    def generators_loss(self, batch: Batch, made: Drawn) -> Losses:
        """Non-saturating loss, L1, and cross-entropy of validity."""
        wanted, weights = (pyramid(batch[name], self.scales) for name in ("captured", "weight"))
        fooled = generator_loss(self.discriminators(made.shown, made.conditions), self.options.coarse)
        return {
            "adversarial": fooled,
            "l1": self.options.l1 * pyramid_l1(made.raw, wanted, weights),
            "validity": self.options.validity * pyramid_validity(made.raw, wanted, weights),
        }

    def discriminators_loss(self, batch: Batch, made: Drawn, number: int, dice: torch.Generator) -> Losses:
        """Logistic loss, and R1 in every `r1_every`-th round."""
        judge, options = self.discriminators, self.options
        real, shown = pyramid(batch["captured"], self.scales), [maps.detach() for maps in made.shown]
        logits = [judge(maps, made.conditions) for maps in (real, shown)]
        losses = {"told_apart": discriminator_loss(logits[0], logits[1], options.coarse)}
        if not options.r1 or number % options.r1_every:
            return losses
        finest = batch["captured"].detach().requires_grad_()
        penalty = r1_penalty(judge([finest], made.conditions[:1])[0], finest)
        return losses | {"r1": options.r1 / 2 * options.r1_every * penalty}
