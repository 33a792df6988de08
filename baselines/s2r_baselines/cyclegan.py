"""CycleGAN: two generators, there and back, learned from clean and captured frames that are no pairs.

Zhu et al., ICCV 2017. A clean image translated there and back should be itself again (L1, weight `cycle`), an image
that is already of the wanted kind should stay as it is (weight `identity` of that: without it depth may come out
inverted), and a patch discriminator on either side says what is missing (least squares). There is no noise in it: one
frame has one result.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from s2r_baselines._gan.options import ImageOptions
from s2r_baselines._held_out import KeepsHeldOut
from s2r_bench.engine.two_player_options import TwoPlayerOptions
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, torch_rng
from s2r_bench.simulator import Budget, Card, FitReport, PairSet, Simulator
from s2r_bench.types import DepthFrame, DepthPair

if TYPE_CHECKING:
    from torch import Tensor, nn

    from s2r_baselines._diffusion.constants import Levels
    from s2r_baselines._gan.images import ImageCode
    from s2r_bench.depth_code import ResidualCode

MULTIPLE = 8  # 4 for the two halvings; twice that, so that even there is something to reflect
DIAGNOSED_PAIRS = 24


class CycleGanOptions(Options):
    """Networks, weights and training.

    Attributes:
        ngf, blocks: width and residual blocks of a generator. ndf, layers: width and halvings of a discriminator.
        crop: side of the training windows in pixels.
        cycle: weight of the L1 of both round trips. identity: weight of the identity loss, relative to `cycle`.
        pool: made images that a discriminator may be shown again.
        reach: if not 0, a generator adds at most this much of depth code to its input instead of drawing depth itself
            (beyond the published method; needs image.holes=channel). 0.05 is 12 cm at 2 m.
    """

    image: ImageOptions = ImageOptions()
    ngf: int = Field(64, ge=1)
    blocks: int = Field(9, ge=1)
    ndf: int = Field(64, ge=1)
    layers: int = Field(3, ge=1)
    crop: int = Field(256, ge=32, multiple_of=4)
    cycle: float = Field(10.0, ge=0)
    identity: float = Field(0.5, ge=0)
    pool: int = Field(50, ge=0)
    reach: float = Field(0.0, ge=0, le=2)
    train: TwoPlayerOptions = TwoPlayerOptions()

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "ngf": 4,
            "blocks": 1,
            "ndf": 4,
            "layers": 1,
            "crop": 32,
            "pool": 3,
            "train": {"steps": 8, "batch": 2, "log_every": 2},
        },
        "tiny": {
            "ngf": 8,
            "blocks": 6,
            "ndf": 8,
            "layers": 2,
            "crop": 64,
            "reach": 0.1,
            "train": {"steps": 600, "batch": 8, "lr": 1e-3},
        },
        "small": {"blocks": 6, "crop": 128, "train": {"steps": 40000, "batch": 8}},
        "paper": {"image": {"holes": "far", "calibrate": False}, "train": {"epochs": 200, "batch": 1}},
    }

    @model_validator(mode="after")
    def _fits_together(self) -> "CycleGanOptions":
        if self.image.holes == "far" and (self.reach or self.image.calibrate):
            raise ValueError("image.holes=far has no validity: set reach=0 and image.calibrate=false")
        return self


class CycleGan(KeepsHeldOut):
    """Unpaired translation with cycle consistency."""

    card: ClassVar[Card] = Card(
        title="CycleGAN",
        source="Zhu et al., ICCV 2017",
        training="unpaired",
        stochastic=False,
        licence="Apache-2.0",
    )
    options_type: ClassVar[type[Options]] = CycleGanOptions

    def __init__(self, options: Options, device: str = "cpu") -> None:
        from s2r_baselines._gan.translator import Translator

        if not isinstance(options, CycleGanOptions):
            raise TypeError(f"cyclegan takes CycleGanOptions, not {type(options).__name__}")
        self.options: CycleGanOptions = options
        self.translator = Translator("cyclegan", self._code, self._generator, multiple=MULTIPLE, device=device)

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Train both generators and both discriminators; the two sides of a batch are drawn independently."""
        from s2r_baselines._diffusion.constants import camera_levels
        from s2r_baselines._gan.crops import Crops, windows
        from s2r_baselines._gan.cycle import CycleGame
        from s2r_baselines._gan.maps import unpaired_threshold
        from s2r_bench.engine.two_player import TwoPlayerLoop

        options, translator = self.options, self.translator
        translator.code = code = self._code(None, camera_levels(pairs) if options.image.levels else None)
        game = CycleGame(
            lambda: self._generator(code.condition_channels),
            lambda: self._discriminator(code.condition_channels),
            torch_rng(seed, "weights"),
            cycle=options.cycle,
            identity=options.identity,
            pool=options.pool,
        )
        rounds = options.train.rounds_for(len(pairs), budget.steps)
        views: list[Callable[[DepthPair], dict[str, Tensor]]] = [
            lambda pair: {"clean": code.condition(pair.clean)},
            lambda pair: {"captured": code.encode(pair.captured.depth)},
        ]
        watched, device = windows(self.held_out, views, options.crop, seed), translator.device
        loop = TwoPlayerLoop(game, options.train, rounds, seed=seed, device=device, workdir=workdir, held_out=watched)
        crops = Crops(pairs, views, options.crop)
        result = loop.run(lambda number: crops.batch(seed, number, options.train.batch))
        game.generators.load_state_dict(result.weights)
        translator.use(game.to_captured)
        if options.image.calibrate:
            translator.use(game.to_captured, unpaired_threshold(pairs, translator.drawn))
        return result.report("cyclegan")

    def simulate(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """The one translation of each frame; the seeds change nothing."""
        return [self.translator.translated(frame) for frame, _ in zip(frames, seeds, strict=True)]

    def diagnose(self, pairs: PairSet, seed: int) -> dict[str, float]:
        """Whether depth came out the right way round, on a few of `pairs`."""
        from s2r_baselines._gan.translator import depth_correlation

        clean = [pairs[index].clean for index in range(min(len(pairs), DIAGNOSED_PAIRS))]
        return depth_correlation([self.translator.translated(frame) for frame in clean], clean)

    def save(self, folder: Path) -> None:
        """The generator from clean to captured: the others are only trained with."""
        self.translator.save(folder)

    def load(self, folder: Path) -> None:
        """Become what `save` wrote there."""
        self.translator.load(folder)

    def _code(self, residual: "ResidualCode | None", levels: "Levels | None") -> "ImageCode":
        from s2r_baselines._gan.images import ImageCode

        return ImageCode(self.options.image, levels)

    def _generator(self, channels: int) -> "nn.Module":
        from s2r_baselines._gan.nets import Adding, ResnetGenerator

        drawing = ResnetGenerator(channels, self.options.ngf, self.options.blocks)
        return Adding(drawing, self.options.reach) if self.options.reach else drawing

    def _discriminator(self, channels: int) -> "nn.Module":
        from s2r_baselines._gan.nets import PatchDiscriminator

        return PatchDiscriminator(channels, self.options.ndf, self.options.layers, "instance")


simulator: type[Simulator] = CycleGan
