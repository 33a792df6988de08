"""What a diffusion stage trains and stores; the formulas of `ours` and `sd`, whose tests hold them together."""

from collections.abc import Mapping
from typing import Any

from s2r_bench.plan import Stored, Training

FLOAT, HALF = 4, 2  # bytes
DRAWN_MAPS = {"validity": 2, "alike": 3}
ASPECT = 3 / 4  # of frames, where only their number of pixels is known
LATENT = 4  # channels of Stable Diffusion's autoencoder, whose cells are 8 pixels wide
CELL = 8
MOVED = 514_000_000 + 364_080_000  # decoder of Stable Diffusion 2.1's UNet, and the control encoder
MOMENTS = 3  # the weights and both moments of Adam


def stage(what: str, options: Any, steps: int) -> Training:
    """The training of one stage."""
    timing = "sd21" if options.net.pretrained else ""
    return Training(what, steps, options.train.batch, timing=timing)


def stored_of(options: Any, stages: int, facts: Mapping[str, int]) -> list[Stored]:
    """Weights, training state, latents and draws of the training frames; only where the size is Stable Diffusion's."""
    if not options.net.pretrained:
        return []
    weights = "878 M trained parameters of Stable Diffusion 2.1's size"
    found = [
        Stored("weights of a stage", MOVED * FLOAT, stages, note=weights),
        Stored("training state of a stage", MOVED * FLOAT * MOMENTS, 1, passing=True, note=f"{weights}, with moments"),
    ]
    frames, pixels = facts.get("pairs"), facts.get("pixels")
    if not pixels:
        return found
    cells = _pixels_of_codec(options.code, pixels) // CELL**2
    for number in range(1, stages + 1):
        # condition (two from the second stage on), target, and one map of weights
        channels = LATENT * (2 if number == 1 else 3) + 1
        told = f"half precision, {pixels:,} pixels a frame"
        found.append(
            Stored(f"latents of a frame, stage {number}", channels * cells * HALF, frames, passing=True, note=told)
        )
    if stages > 1:
        draws = DRAWN_MAPS[options.code.channels] * pixels * FLOAT
        found.append(Stored("draws of a stage for a frame", draws, frames and frames * (stages - 1), passing=True))
    return found


def _pixels_of_codec(code: Any, pixels: int) -> int:
    """Pixels of a frame as the codec sees it; `code.side` is that of a frame of 4 to 3."""
    return round(code.side**2 / ASPECT) if code.side else int(pixels * code.upscale**2)
