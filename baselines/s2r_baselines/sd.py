"""Plain Stable Diffusion: the same network, one stage, generating the captured depth itself, not a residual.

The paper's "Stable-Diffusion" row. Size, data, crops and optimiser steps are those of `ours` with all its stages.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from s2r_baselines._diffusion.options import StageOptions
from s2r_baselines._diffusion.presets import STAGE_PRESETS
from s2r_baselines._diffusion.stage import HeldOut, Stage, draw_generator, held_out_of
from s2r_baselines._held_out import KeepsHeldOut
from s2r_bench.engine.loop import curve_rows
from s2r_bench.errors import NotFittedError
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, seed_of
from s2r_bench.simulator import Budget, Card, FitReport, PairSet, Simulator
from s2r_bench.types import DepthFrame


class SdOptions(Options):
    """The stage, and the share of steps that the later stage of `ours` gets on top, so that both train as long."""

    stage: StageOptions = StageOptions()
    extra_share: float = 0.6

    # what is off in a direct prediction of depth is no sensor grain, so none is drawn around it: better on all figures
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        name: {
            "stage": {**values["stage"], "diffusion": {**values["stage"]["diffusion"], "detail": False}},
            "extra_share": values.get("ours", {}).get("later_share", 0.6),
        }
        for name, values in STAGE_PRESETS.items()
    }


class StableDiffusion(KeepsHeldOut):
    """A conditional diffusion of the captured depth's own code."""

    card: ClassVar[Card] = Card(
        title="Stable Diffusion",
        source="Rombach et al., CVPR 2022, with a ControlNet on the clean depth",
        training="paired",
        stochastic=True,
        licence="Apache-2.0; Stable Diffusion 2.1 weights, where used, CreativeML Open RAIL++-M",
    )
    options_type: ClassVar[type[Options]] = SdOptions

    def __init__(self, options: Options, device: str = "cpu") -> None:
        if not isinstance(options, SdOptions):
            raise TypeError(f"sd takes SdOptions, not {type(options).__name__}")
        self.options: SdOptions = options
        self.stage = Stage(options.stage, residual=False, earlier=0, device=device)

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Train the one stage for as many steps as `ours` trains all of its own."""
        own = round(self.options.stage.train.steps * (1 + self.options.extra_share))
        steps = budget.steps if budget.steps is not None else own
        folder = None if workdir is None else workdir / "stage1"
        held_out = HeldOut(held_out_of(self.held_out))
        result = self.stage.fit(pairs, seed_of(seed, "stage", 1), folder, steps=steps, held_out=held_out)
        return FitReport(steps, result.seconds, self.stage.parameters, tuple(curve_rows("stage 1", result)))

    def simulate(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """One draw a frame."""
        if self.stage.denoiser is None:
            raise NotFittedError("sd has not been trained: run s2r-bench train sd, or give --checkpoint DIR")
        maps = self.stage.draws(frames, [draw_generator(seed.view, seed.session, 1) for seed in seeds])
        return [frame.with_depth(self.stage.depth(frame, drawn)) for frame, drawn in zip(frames, maps, strict=True)]

    def diagnose(self, pairs: PairSet, seed: int) -> dict[str, float]:
        """The codec's error on `pairs`."""
        return self.stage.codec_error(pairs)

    def save(self, folder: Path) -> None:
        """The stage's files."""
        self.stage.save(folder / "stage1")

    def load(self, folder: Path) -> None:
        """Become what `save` wrote there."""
        self.stage.load(folder / "stage1")


simulator: type[Simulator] = StableDiffusion
