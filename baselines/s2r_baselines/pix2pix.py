"""pix2pix: a U-Net from clean to captured images, learned from pairs with a conditional patch discriminator and L1.

Isola et al., CVPR 2017. The discriminator sees the clean image beside the captured or made one. The only noise is the
U-Net's dropout, which stays on in simulation, as published; a frame's own seed draws it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from s2r_baselines._gan.options import ImageOptions, MapOptions
from s2r_baselines._held_out import KeepsHeldOut
from s2r_bench.engine.two_player_options import TwoPlayerOptions
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, frame_seeds, torch_rng
from s2r_bench.simulator import Budget, Card, FitReport, PairSet, Simulator
from s2r_bench.types import DepthFrame

if TYPE_CHECKING:
    from torch import nn

    from s2r_baselines._diffusion.constants import Levels
    from s2r_baselines._gan.paired import PairCode
    from s2r_bench.depth_code import ResidualCode

DIAGNOSED_PAIRS = 24


class Pix2PixOptions(Options):
    """Networks, weights and training.

    Attributes:
        code: how depth becomes an image, and what is made of it.
        holes: "channel" = a second channel, validity, as in the diffusion methods; "far" = one channel in which a hole
            is the farthest depth (authors' release, and the published networks' channel count): then `code` cannot
            have residual, geometry or calibrate.
        ngf, downs: width and halvings of the generator. ndf, layers: those of the discriminator.
        crop: side of the training windows in pixels, a multiple of 2^downs.
        norm: normalisation of both networks. "affine" is the published one, whose batch of 1 makes batch normalisation
            look at one image alone; "batch" needs batches of 4 or more, and simulates with frozen statistics.
        l1: weight of the L1 between made and captured image, where the pair has both. validity: of the cross-entropy
            of validity ("channel").
    """

    code: MapOptions = MapOptions()
    holes: Literal["channel", "far"] = "channel"
    ngf: int = Field(64, ge=1)
    downs: int = Field(8, ge=6)
    ndf: int = Field(64, ge=1)
    layers: int = Field(3, ge=1)
    crop: int = Field(256, ge=64)
    norm: Literal["affine", "batch"] = "affine"
    l1: float = Field(100.0, ge=0)
    validity: float = Field(10.0, ge=0)
    train: TwoPlayerOptions = TwoPlayerOptions()

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "ngf": 4,
            "downs": 6,
            "ndf": 4,
            "layers": 1,
            "crop": 64,
            "train": {"steps": 8, "batch": 2, "log_every": 2},
        },
        "tiny": {
            "code": {"residual": True},
            "ngf": 16,
            "downs": 6,
            "ndf": 16,
            "layers": 2,
            "crop": 64,
            "l1": 10.0,
            "train": {"steps": 3000, "batch": 8, "lr": 1e-3},
        },
        "small": {"downs": 7, "crop": 128, "train": {"steps": 40000, "batch": 8}},
        "paper": {
            "code": {"geometry": False, "calibrate": False, "max_residual_m": 0.5},
            "holes": "far",
            "train": {"epochs": 200, "batch": 1},
        },
    }

    @model_validator(mode="after")
    def _fits_together(self) -> "Pix2PixOptions":
        if self.crop % 2**self.downs:
            raise ValueError(f"crop must be a multiple of 2^downs = {2**self.downs}, not {self.crop}")
        taken = [name for name in ("residual", "geometry", "calibrate") if getattr(self.code, name)]
        if self.holes == "far" and taken:
            raise ValueError(f"holes=far has one channel in and one out: set code.{taken[0]}=false")
        return self


class Pix2Pix(KeepsHeldOut):
    """Paired translation with an adversarial loss."""

    card: ClassVar[Card] = Card(
        title="pix2pix",
        source="Isola et al., CVPR 2017",
        training="paired",
        stochastic=True,
        licence="Apache-2.0",
    )
    options_type: ClassVar[type[Options]] = Pix2PixOptions

    def __init__(self, options: Options, device: str = "cpu") -> None:
        from s2r_baselines._gan.translator import Translator

        if not isinstance(options, Pix2PixOptions):
            raise TypeError(f"pix2pix takes Pix2PixOptions, not {type(options).__name__}")
        self.options: Pix2PixOptions = options
        self.translator = Translator(
            "pix2pix",
            self._code,
            self._generator,
            residual=options.code.residual,
            multiple=2**options.downs,
            device=device,
        )

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Train generator and discriminator on windows of the pairs."""
        from s2r_baselines._gan.maps import TANH_SPREAD, fitted_code, paired_calibration
        from s2r_baselines._gan.nets import initialised
        from s2r_baselines._gan.paired import PairedGame
        from s2r_baselines._gan.play import played_on_pairs

        options, translator = self.options, self.translator
        found = fitted_code(options.code, pairs, TANH_SPREAD)
        translator.code = code = self._code(found.residual, found.levels)
        dice = torch_rng(seed, "weights")
        generator = initialised(self._generator(code.condition_channels), dice)
        discriminator = initialised(self._discriminator(code.condition_channels), dice)
        weights = {"l1": options.l1, "validity": options.validity}
        game = PairedGame(generator, discriminator, **weights, residual=options.code.residual)
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
            dropout = [torch_rng(seed, "calibration", index) for index in range(len(pairs))]
            constants = paired_calibration(found, pairs, lambda frame, index: translator.drawn(frame, dropout[index]))
            translator.use(generator, constants)
        return result.report("pix2pix")

    def simulate(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """One draw of the dropout for each frame, by the seed of its view."""
        return [
            self.translator.translated(frame, torch_rng(seed.view, "dropout"))
            for frame, seed in zip(frames, seeds, strict=True)
        ]

    def diagnose(self, pairs: PairSet, seed: int) -> dict[str, float]:
        """Whether depth came out the right way round, on a few of `pairs`."""
        from s2r_baselines._gan.translator import depth_correlation

        clean = [pairs[index].clean for index in range(min(len(pairs), DIAGNOSED_PAIRS))]
        return depth_correlation(self.simulate(clean, frame_seeds(clean, seed)), clean)

    def save(self, folder: Path) -> None:
        """The generator: the discriminator is only trained with."""
        self.translator.save(folder)

    def load(self, folder: Path) -> None:
        """Become what `save` wrote there."""
        self.translator.load(folder)

    def _code(self, residual: "ResidualCode | None", levels: "Levels | None") -> "PairCode":
        from s2r_baselines._gan.images import FarPairCode, ImageCode
        from s2r_baselines._gan.maps import map_code

        options = self.options.code
        if self.options.holes == "channel":
            return map_code(options, residual, levels)
        return FarPairCode(ImageCode(ImageOptions(depth=options.depth, holes="far"), levels), options.max_residual_m)

    def _generator(self, channels: int) -> "nn.Module":
        from s2r_baselines._gan.nets import UnetGenerator

        options, made = self.options, self._made_channels
        return UnetGenerator(channels, options.ngf, options.downs, options.norm, made, logits=made == 2)

    def _discriminator(self, channels: int) -> "nn.Module":
        from s2r_baselines._gan.nets import PatchDiscriminator

        seen = channels + self._made_channels
        return PatchDiscriminator(seen, self.options.ndf, self.options.layers, self.options.norm)

    @property
    def _made_channels(self) -> int:
        return 2 if self.options.holes == "channel" else 1


simulator: type[Simulator] = Pix2Pix
