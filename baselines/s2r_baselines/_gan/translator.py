"""One generator from clean to captured images: applied frame by frame, saved and loaded."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from s2r_baselines._gan.images import ImageCode, mirrored
from s2r_baselines._gan.options import ImageOptions
from s2r_bench.depth_levels import fitted_levels
from s2r_bench.engine.checkpoint import read_json, read_tensors, write_json, write_tensors
from s2r_bench.engine.two_player import exact
from s2r_bench.errors import DataError, NotFittedError
from s2r_bench.simulator import PairSet
from s2r_bench.types import DepthFrame

WEIGHTS, NOTE = "generator.safetensors", "images.json"
SAMPLE_PAIRS = 64  # that levels are learned from


class Translator:
    """Frames through a generator.

    Args:
        name: of the method, for messages.
        options: how depth becomes an image.
        build: makes the generator, for a number of channels.
        multiple: what the sides of its images have to be multiples of.
        device: where it computes.
    """

    def __init__(
        self, name: str, options: ImageOptions, build: Callable[[int], nn.Module], *, multiple: int, device: str
    ) -> None:
        self.name, self.build, self.multiple = name, build, multiple
        self.device = torch.device(device)
        self.code = ImageCode(options)
        self.generator: nn.Module | None = None

    def learn_code(self, pairs: PairSet) -> ImageCode:
        """The code, with the camera's discrete depths where it has such and they are wanted."""
        options, levels = self.code.options, None
        if options.levels:
            indices = np.linspace(0, len(pairs) - 1, min(len(pairs), SAMPLE_PAIRS)).astype(int).tolist()
            levels = fitted_levels(pairs[index].captured.depth for index in indices)
        self.code = ImageCode(options, None if levels is None else tuple(levels.tolist()))
        return self.code

    def use(self, generator: nn.Module) -> None:
        """Simulate with this generator from now on."""
        self.generator = generator.to(self.device).eval()

    @torch.no_grad()
    def translated(self, frame: DepthFrame, dice: torch.Generator | None = None) -> DepthFrame:
        """The frame as if captured, whatever its size; `dice` is handed to a generator that draws.

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
        image = mirrored(self.code.encode(frame.depth), *full)[None].to(self.device)
        with exact():
            made = self.generator(image) if dice is None else self.generator(image, dice)
        return frame.with_depth(self.code.decode(frame, made[0, :, :height, :width]))

    def save(self, folder: Path) -> None:
        """Write the generator's weights and the code's constants into an existing folder."""
        if self.generator is None:
            raise NotFittedError(f"there is nothing to save: {self.name} has not been trained")
        write_tensors(folder / WEIGHTS, self.generator.state_dict())
        write_json(folder / NOTE, {"levels": self.code.levels})

    def load(self, folder: Path) -> None:
        """Become what `save` wrote.

        Raises:
            DataError: a file is missing or damaged, or the weights are another network's.
        """
        levels = read_json(folder / NOTE).get("levels")
        weights = read_tensors(folder / WEIGHTS)
        generator = self.build(self.code.channels)
        try:
            generator.load_state_dict(weights)
        except RuntimeError as wrong:
            raise DataError(f"{folder / WEIGHTS} is of another network than the options say ({wrong})") from None
        self.code = ImageCode(self.code.options, None if levels is None else tuple(levels))
        self.use(generator)


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
