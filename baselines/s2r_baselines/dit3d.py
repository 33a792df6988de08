"""DiT-3D: a diffusion transformer on voxelised clouds that moves clean points to where a sensor would see them.

Mo et al., NeurIPS 2023, made a generator of clouds without a condition; how the paper's authors made a simulator of it
is not published. This is a compact conditional one (docs/simulators.md). What it makes are points, which are projected
into the frame to be handed on, so that only figures of clouds judge it: its card says so.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from s2r_baselines._dit3d.options import PRESETS, CloudOptions, NetOptions, NoiseOptions
from s2r_baselines._held_out import KeepsHeldOut
from s2r_bench.engine.loop import TrainOptions, curve_rows
from s2r_bench.errors import NotFittedError
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, seed_of, torch_rng
from s2r_bench.simulator import Budget, Card, FitReport, PairSet, Simulator
from s2r_bench.types import DepthFrame

if TYPE_CHECKING:
    from s2r_baselines._dit3d.model import Model


class Dit3dOptions(Options):
    """The transformer, the noise process, what a cloud is, and the training."""

    net: NetOptions = NetOptions()
    noise: NoiseOptions = NoiseOptions()
    cloud: CloudOptions = CloudOptions()
    train: TrainOptions = TrainOptions()

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS


class Dit3d(KeepsHeldOut):
    """A conditional diffusion of points in three dimensions."""

    card: ClassVar[Card] = Card(
        title="DiT-3D",
        source="Mo et al., NeurIPS 2023, made conditional",
        training="paired",
        stochastic=True,
        licence="Apache-2.0",
        output="cloud",
    )
    options_type: ClassVar[type[Options]] = Dit3dOptions

    def __init__(self, options: Options, device: str = "cpu") -> None:
        if not isinstance(options, Dit3dOptions):
            raise TypeError(f"dit3d takes Dit3dOptions, not {type(options).__name__}")
        self.options: Dit3dOptions = options
        self.device = device
        self._model: Model | None = None

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Train the network for the budget's steps, or the preset's."""
        train = self.options.train
        if budget.steps is not None:
            train = train.model_copy(update={"steps": budget.steps})
        model = self._new()
        folder = None if workdir is None else workdir / "cloud"
        result = model.fit(pairs, train, seed_of(seed, "dit3d"), folder, self.held_out)
        self._model = model
        return FitReport(train.steps, result.seconds, model.parameters, tuple(curve_rows("cloud", result)))

    def simulate(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """One draw a frame, each by itself."""
        if self._model is None:
            raise NotFittedError("dit3d has not been trained: run s2r-bench train dit3d, or give --checkpoint DIR")
        done = []
        for frame, seed in zip(frames, seeds, strict=True):
            depth = self._model.depth(frame, torch_rng(seed.view, "dit3d"), self.card.depth_range_m)
            done.append(frame.with_depth(depth))
        return done

    def save(self, folder: Path) -> None:
        """The averaged network and the constants fixed on the training pairs."""
        if self._model is None:
            raise NotFittedError("there is nothing to save: dit3d has not been trained")
        self._model.save(folder)

    def load(self, folder: Path) -> None:
        """Become what `save` wrote there."""
        model = self._new()
        model.load(folder)
        self._model = model

    def _new(self) -> "Model":
        from s2r_baselines._dit3d.model import Model

        return Model(self.options.net, self.options.noise, self.options.cloud, self.device)


simulator: type[Simulator] = Dit3d
