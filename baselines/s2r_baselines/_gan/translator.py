"""One generator from clean frames to captured maps: applied frame by frame, calibrated, saved and loaded."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from s2r_baselines._diffusion.constants import Calibration, Levels
from s2r_baselines._gan.images import mirrored
from s2r_bench.depth_code import ResidualCode
from s2r_bench.engine.checkpoint import read_json, read_tensors, write_json, write_tensors
from s2r_bench.engine.two_player import exact
from s2r_bench.errors import DataError, NotFittedError
from s2r_bench.types import DepthArray, DepthFrame

WEIGHTS, NOTE = "generator.safetensors", "constants.json"
FORMAT = 2  # 1: validity ended in a tanh, 2: paired methods draw its logit


class Code(Protocol):
    """What a generator sees of a frame, and what its maps (value, and validity if it has that) mean."""

    @property
    def condition_channels(self) -> int:
        """Channels of `condition`."""
        ...

    @property
    def levels(self) -> Levels | None:
        """The camera's discrete depths."""
        ...

    @property
    def residual(self) -> ResidualCode | None:
        """Constants of the coded residual; None: maps hold depth itself."""
        ...

    def condition(self, frame: DepthFrame) -> Tensor:
        """(C, H, W) of a clean frame."""
        ...

    def decode(self, frame: DepthFrame, maps: Tensor) -> DepthArray:
        """Depth (H, W) of made maps."""
        ...


class Translator:
    """Frames through a generator.

    Args:
        name: of the method, for messages.
        code: makes the code, of the constants that training fixed: the residual's, and the camera's levels.
        residual: whether there have to be constants of a residual.
        build: makes the generator, for a number of condition channels.
        multiple: what the sides of its images have to be multiples of.
        device: where it computes.
    """

    def __init__(
        self,
        name: str,
        code: Callable[[ResidualCode | None, Levels | None], Code],
        build: Callable[[int], nn.Module],
        *,
        residual: bool = False,
        multiple: int,
        device: str,
    ) -> None:
        self.name, self.make_code, self.build, self.multiple = name, code, build, multiple
        self.residual = residual
        self.device = torch.device(device)
        self.code: Code = code(None, None)
        self.calibration = Calibration()
        self.generator: nn.Module | None = None

    def use(self, generator: nn.Module, calibration: Calibration | None = None) -> None:
        """Simulate with this generator from now on."""
        self.generator = generator.to(self.device).eval()
        self.calibration = calibration or Calibration()

    @torch.no_grad()
    def drawn(self, frame: DepthFrame, *draws: object) -> Tensor:
        """Maps (C, H, W) of a frame of any size, not calibrated; `draws` go to a generator that draws.

        The image is continued by its reflection to sides that the generator takes, and the result is cut to size.

        Raises:
            NotFittedError: there is no generator yet.
        """
        if self.generator is None:
            raise NotFittedError(
                f"{self.name} has not been trained: run s2r-bench train {self.name}, or give --checkpoint DIR"
            )
        height, width = frame.size
        full = (-(-side // self.multiple) * self.multiple for side in (height, width))
        image = mirrored(self.code.condition(frame), *full)[None].to(self.device)
        with exact():
            made = self.generator(image, *draws)
        finest: Tensor = made if isinstance(made, Tensor) else made[0]
        return finest[0, :, :height, :width].cpu()

    def translated(self, frame: DepthFrame, *draws: object) -> DepthFrame:
        """The frame as if captured."""
        maps = self.drawn(frame, *draws)
        return frame.with_depth(self.code.decode(frame, self.calibration.apply(maps) if len(maps) == 2 else maps))

    def save(self, folder: Path) -> None:
        """Write the generator's weights and all constants into an existing folder."""
        if self.generator is None:
            raise NotFittedError(f"there is nothing to save: {self.name} has not been trained")
        write_tensors(folder / WEIGHTS, self.generator.state_dict())
        residual = self.code.residual.as_dict() if self.code.residual else None
        constants = {
            "format": FORMAT,
            "residual": residual,
            "levels": self.code.levels,
            "calibration": asdict(self.calibration),
        }
        write_json(folder / NOTE, constants)

    def load(self, folder: Path) -> None:
        """Become what `save` wrote.

        Raises:
            DataError: a file is missing or damaged, or the weights are another network's.
        """
        note, weights = read_json(folder / NOTE), read_tensors(folder / WEIGHTS)
        if note.get("format") != FORMAT:
            raise DataError(f"{folder / NOTE} is of another version of {self.name}: train again with this one")
        try:
            residual = ResidualCode.from_dict(note["residual"]) if note["residual"] else None
            code = self.make_code(residual, None if note["levels"] is None else tuple(note["levels"]))
            calibration = Calibration(**note["calibration"])
        except (KeyError, TypeError) as wrong:
            raise DataError(f"{folder / NOTE} is damaged ({wrong}): train again or fetch it again") from None
        if (residual is not None) != self.residual:
            raise DataError(f"{folder / NOTE} is of another code (code.residual={self.residual} was asked for)")
        with torch.random.fork_rng(devices=[]):  # initial weights that nobody sees
            generator = self.build(code.condition_channels)
        try:
            generator.load_state_dict(weights)
        except RuntimeError as wrong:
            raise DataError(f"{folder / WEIGHTS} is of another network than the options say ({wrong})") from None
        self.code = code
        self.use(generator, calibration)


def depth_correlation(made: list[DepthFrame], clean: list[DepthFrame]) -> dict[str, float]:
    """How made depth goes with clean depth, from 1 (alike) to -1 (turned inside out), over pixels that both have.

    An image translator without pairs can learn the capture's statistics with near and far exchanged.

    Returns:
        "depth_correlation", Pearson's; nothing where it is not defined.
    """
    both = [a.valid & b.valid for a, b in zip(made, clean, strict=True)]
    x, y = (
        np.concatenate([f.depth[m] for f, m in zip(side, both, strict=True)]).astype(float) for side in (made, clean)
    )
    if x.size < 2 or x.std() == 0 or y.std() == 0:
        return {}
    return {"depth_correlation": float(np.corrcoef(x, y)[0, 1])}
