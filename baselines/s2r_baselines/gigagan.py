"""GigaGAN: a conditional GAN with sample-adaptive kernels, from the clean depth to a captured one at one resolution.

The paper's "GigaGAN" row. The public package that the paper names upsamples and has no paired training, so this is a
compact implementation of the published ingredients; docs/simulators.md says which.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from s2r_baselines._gan.options import MapOptions
from s2r_baselines._gigagan.options import PRESETS, LossOptions, NetOptions, TrainOptions
from s2r_baselines._held_out import KeepsHeldOut
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, seed_of, torch_rng
from s2r_bench.simulator import Budget, Card, FitReport, PairSet, Simulator
from s2r_bench.types import DepthFrame

if TYPE_CHECKING:
    from torch import Tensor, nn

SPREAD_DRAWS = 4


class GigaGanOptions(Options):
    """Networks, codes, losses, training, and the crop it trains on (pixels)."""

    net: NetOptions = NetOptions()
    code: MapOptions = MapOptions()
    loss: LossOptions = LossOptions()
    train: TrainOptions = TrainOptions()
    crop: int = Field(64, ge=8)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS

    @model_validator(mode="after")
    def _fits_together(self) -> "GigaGanOptions":
        multiple = 2 ** len(self.net.channels)
        if self.crop % multiple:
            raise ValueError(f"crop must be a multiple of 2^levels = {multiple}, not {self.crop}")
        return self


class GigaGan(KeepsHeldOut):
    """A generator of the captured depth, trained against a multi-scale discriminator."""

    card: ClassVar[Card] = Card(
        title="GigaGAN",
        source="Kang et al., CVPR 2023, adapted to depth at one resolution",
        training="paired",
        stochastic=True,
        licence="Apache-2.0",
    )
    options_type: ClassVar[type[Options]] = GigaGanOptions

    def __init__(self, options: Options, device: str = "cpu") -> None:
        from s2r_baselines._gan.maps import map_code
        from s2r_baselines._gan.translator import Translator

        if not isinstance(options, GigaGanOptions):
            raise TypeError(f"gigagan takes GigaGanOptions, not {type(options).__name__}")
        self.options: GigaGanOptions = options
        self.translator = Translator(
            "gigagan",
            lambda residual, levels: map_code(options.code, residual, levels),
            self._generator,
            residual=options.code.residual,
            multiple=2 ** (len(options.net.channels) - 1),
            device=device,
        )

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Train both networks by turns. A round is one step of each, so an odd step of a budget is left over."""
        from s2r_baselines._gan.maps import fitted_code, paired_calibration
        from s2r_baselines._gan.play import played_on_pairs
        from s2r_baselines._gigagan.game import ScalesGame, networks

        options, translator, seed = self.options, self.translator, seed_of(seed, "gigagan")
        translator.code = code = fitted_code(options.code, pairs)
        generator, discriminator = networks(options.net, code.condition_channels, seed_of(seed, "weights"))
        game = ScalesGame(generator, discriminator, options.loss, residual=options.code.residual)
        result = played_on_pairs(
            game,
            code,
            pairs,
            options.crop,
            options.train,
            budget,
            seed=seed,
            device=translator.device,
            workdir=workdir,
            held_out=self.held_out,
        )
        translator.use(generator)
        if options.code.calibrate:
            draws = [seed_of(seed, "calibration", index) for index in range(len(pairs))]
            found = paired_calibration(
                code, pairs, lambda frame, index: translator.drawn(frame, self._noise(draws[index]))
            )
            translator.use(generator, found)
        return result.report("gan")

    def simulate(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """One draw a frame, each through the network by itself."""
        return [
            self.translator.translated(frame, self._noise(seed.view, seed.session))
            for frame, seed in zip(frames, seeds, strict=True)
        ]

    def diagnose(self, pairs: PairSet, seed: int) -> dict[str, float]:
        """How much the noise vector matters: with a paired L1, GANs of this kind may learn to ignore it.

        Returns:
            "noise_spread_mm": the standard deviation over four draws of a view, mean over the pixels that all have.
        """
        found = []
        for index in range(len(pairs)):
            frame = pairs[index].clean
            seeds = [FrameSeed(seed_of(seed, "spread", frame.id, draw), 0) for draw in range(SPREAD_DRAWS)]
            drawn = np.stack([made.depth for made in self.simulate([frame] * SPREAD_DRAWS, seeds)]).astype(np.float64)
            found.append(drawn.std(0)[(drawn > 0).all(0)])
        spread = np.concatenate(found)
        return {"noise_spread_mm": 1000 * float(spread.mean())} if spread.size else {}

    def save(self, folder: Path) -> None:
        """The averaged generator and the code's constants; the discriminator is needed by nobody."""
        self.translator.save(folder)

    def load(self, folder: Path) -> None:
        """Become what `save` wrote there."""
        self.translator.load(folder)

    def _generator(self, channels: int) -> "nn.Module":
        from s2r_baselines._gigagan.generator import Generator

        return Generator(self.options.net, channels)

    def _noise(self, *seeds: int) -> "Tensor":
        """The noise vector (1, Z) of a draw: drawn on the CPU, so that devices agree."""
        import torch

        noise = torch.randn(1, self.options.net.noise, generator=torch_rng(*seeds, "gigagan"))
        return noise.to(self.translator.device)


simulator: type[Simulator] = GigaGan
