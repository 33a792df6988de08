"""CycleGAN's game: two generators, there and back, and a discriminator on either side (Zhu et al., ICCV 2017)."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from s2r_baselines._gan.losses import adversarial, judged
from s2r_baselines._gan.nets import initialised
from s2r_baselines._gan.pool import ImagePool
from s2r_bench.engine.loop import Batch
from s2r_bench.engine.two_player import Game, Losses, Side

Images = dict[str, Tensor]


class CycleGame(Game[Images]):
    """The generators move first, as published; each discriminator sees pooled images of one generator.

    Args:
        generator, discriminator: make one network of either kind.
        dice: draws the initial weights.
        cycle: weight of the L1 of both round trips. identity: weight of the identity loss, relative to `cycle`.
        pool: images that a pool holds.
    """

    order: ClassVar[tuple[Side, Side]] = ("generators", "discriminators")

    def __init__(
        self,
        generator: Callable[[], nn.Module],
        discriminator: Callable[[], nn.Module],
        dice: torch.Generator,
        *,
        cycle: float,
        identity: float,
        pool: int,
    ) -> None:
        self.cycle, self.identity = cycle, identity
        self.to_captured, self.to_clean = (initialised(generator(), dice) for _ in range(2))
        self.of_captured, self.of_clean = (initialised(discriminator(), dice) for _ in range(2))
        super().__init__(
            nn.ModuleDict({"to_captured": self.to_captured, "to_clean": self.to_clean}),
            nn.ModuleDict({"of_captured": self.of_captured, "of_clean": self.of_clean}),
        )
        self.pools = {side: ImagePool(pool) for side in ("captured", "clean")}

    def made(self, batch: Batch, dice: torch.Generator) -> Images:
        """Each side from the other."""
        return {"captured": self.to_captured(batch["clean"]), "clean": self.to_clean(batch["captured"])}

    def generators_loss(self, batch: Batch, made: Images) -> Losses:
        """Adversarial, cycle and identity part."""
        clean, captured = batch["clean"], batch["captured"]
        l1 = nn.functional.l1_loss
        fooled = adversarial(self.of_captured(made["captured"]), "lsgan", real=True)
        fooled = fooled + adversarial(self.of_clean(made["clean"]), "lsgan", real=True)
        back = l1(self.to_clean(made["captured"]), clean) + l1(self.to_captured(made["clean"]), captured)
        parts = {"adversarial": fooled, "cycle": self.cycle * back}
        if self.identity:
            same = l1(self.to_captured(captured), captured) + l1(self.to_clean(clean), clean)
            parts["identity"] = self.cycle * self.identity * same
        return parts

    def discriminators_loss(self, batch: Batch, made: Images, number: int, dice: torch.Generator) -> Losses:
        """Both discriminators', each on real images and on ones from its pool."""
        losses = {}
        for side, network in (("captured", self.of_captured), ("clean", self.of_clean)):
            shown = self.pools[side].swapped(made[side].detach(), dice)
            losses[f"told_{side}"] = judged(network(batch[side]), network(shown), "lsgan")
        return losses

    def kept(self) -> dict[str, Tensor]:
        """The images in the pools."""
        return {side: torch.stack(pool.images) for side, pool in self.pools.items() if pool.images}

    def restore(self, kept: Mapping[str, Tensor]) -> None:
        """Pools as they were."""
        for side, pool in self.pools.items():
            pool.images = [image.clone() for image in kept.get(side, ())]
