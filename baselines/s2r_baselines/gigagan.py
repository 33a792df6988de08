"""GigaGAN: a conditional GAN with sample-adaptive kernels, from the clean depth to a captured one at one resolution.

The paper's "GigaGAN" row. The public package that the paper names upsamples and has no paired training, so this is a
compact implementation of the published ingredients; docs/simulators.md says which.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from s2r_baselines._gigagan.options import PRESETS, CodeOptions, LossOptions, NetOptions, TrainOptions
from s2r_bench.errors import NotFittedError
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, seed_of
from s2r_bench.simulator import Budget, Card, FitReport, PairSet, Simulator
from s2r_bench.types import DepthFrame

if TYPE_CHECKING:
    from s2r_baselines._gigagan.model import Model

SPREAD_DRAWS = 4


class GigaGanOptions(Options):
    """Networks, codes, losses, training, and the crop it trains on (pixels)."""

    net: NetOptions = NetOptions()
    code: CodeOptions = CodeOptions()
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


class GigaGan:
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
        if not isinstance(options, GigaGanOptions):
            raise TypeError(f"gigagan takes GigaGanOptions, not {type(options).__name__}")
        self.options: GigaGanOptions = options
        self.device = device
        self._model: Model | None = None

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Train both networks by turns. A round is one step of each, so an odd step of a budget is left over."""
        model, rounds = self._new(), self.options.train.rounds_for(len(pairs), budget.steps)
        result = model.fit(pairs, rounds, seed_of(seed, "gigagan"), workdir)
        self._model = model
        return result.report("gan")

    def simulate(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """One draw a frame, each through the network by itself."""
        model = self._fitted()
        return [frame.with_depth(model.depth(frame, seed)) for frame, seed in zip(frames, seeds, strict=True)]

    def diagnose(self, pairs: PairSet, seed: int) -> dict[str, float]:
        """How much the noise vector matters: with a paired L1, GANs of this kind may learn to ignore it.

        Returns:
            "noise_spread_mm": the standard deviation over four draws of a view, mean over the pixels that all have.
        """
        model, found = self._fitted(), []
        for index in range(len(pairs)):
            frame = pairs[index].clean
            seeds = [FrameSeed(seed_of(seed, "spread", frame.id, draw), 0) for draw in range(SPREAD_DRAWS)]
            drawn = np.stack([model.depth(frame, one) for one in seeds]).astype(np.float64)
            found.append(drawn.std(0)[(drawn > 0).all(0)])
        spread = np.concatenate(found)
        return {"noise_spread_mm": 1000 * float(spread.mean())} if spread.size else {}

    def save(self, folder: Path) -> None:
        """The averaged generator and the code's constants."""
        if self._model is None:
            raise NotFittedError("there is nothing to save: gigagan has not been trained")
        self._model.save(folder)

    def load(self, folder: Path) -> None:
        """Become what `save` wrote there."""
        model = self._new()
        model.load(folder)
        self._model = model

    def _fitted(self) -> "Model":
        if self._model is None:
            raise NotFittedError("gigagan has not been trained: run s2r-bench train gigagan, or give --checkpoint DIR")
        return self._model

    def _new(self) -> "Model":
        from s2r_baselines._gigagan.model import Model

        options = self.options
        return Model(options.net, options.code, options.loss, options.train, crop=options.crop, device=self.device)


simulator: type[Simulator] = GigaGan
