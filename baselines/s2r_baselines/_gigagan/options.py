"""What decides a GigaGAN simulator, and its sizes. Nothing here needs torch."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from s2r_bench.engine.two_player_options import TwoPlayerOptions
from s2r_bench.options import Options


class NetOptions(Options):
    """The two networks.

    Attributes:
        channels: widths of the levels, finest first; each level halves the resolution of the one before it.
        kernels: kernels in the bank of every adaptive convolution (the public package: 2).
        heads, head_dim: of the attention at the coarsest level.
        noise: length of the noise vector. style: length of the style vector.
        style_depth: layers of the mapping network.
        features: length of the condition's global features, which join the noise.
    """

    channels: tuple[int, ...] = Field((16, 32, 64), min_length=2)
    kernels: int = Field(2, ge=1)
    heads: int = Field(4, ge=1)
    head_dim: int = Field(16, ge=1)
    noise: int = Field(64, ge=1)
    style: int = Field(64, ge=1)
    style_depth: int = Field(2, ge=1)
    features: int = Field(32, ge=1)


class LossOptions(Options):
    """Weights of the losses.

    Attributes:
        l1: of the absolute error against the pair's own capture, summed over the scales.
        validity: of the cross-entropy of validity, likewise.
        coarse: of the adversarial terms of every input scale but the finest (the public package: 0.1).
        r1: gamma of the gradient penalty on captures. r1_every: rounds from one penalty to the next (published: 16);
            it is multiplied by that number, so that its mean force does not depend on it.
    """

    l1: float = Field(10.0, ge=0)
    validity: float = Field(3.0, ge=0)
    coarse: float = Field(0.1, ge=0)
    r1: float = Field(10.0, ge=0)
    r1_every: int = Field(16, ge=1)


class TrainOptions(TwoPlayerOptions):
    """How the two networks are trained: the article's moments, a rate that stays, and an averaged generator."""

    steps: int = Field(400, ge=2)
    schedule: Literal["constant", "linear"] = "constant"
    beta1: float = Field(0.0, ge=0, lt=1)
    beta2: float = Field(0.99, gt=0, lt=1)
    ema: float = Field(0.995, ge=0, lt=1)


# "paper": the width and depth of the public package's example, its kernels, heads and learning rate, and as many
# optimiser steps and items a step as the other simulators of the paper get
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "smoke": {
        "net": {"channels": (8, 16), "heads": 2, "head_dim": 8, "noise": 16, "style": 16, "features": 8},
        "train": {"steps": 8, "batch": 2, "log_every": 2},
        "crop": 32,
    },
    "tiny": {
        "net": {"channels": (16, 32, 64)},
        "code": {"residual": True},
        "train": {"steps": 400, "batch": 8, "lr": 1e-3},
        "crop": 64,
    },
    "small": {
        "net": {"channels": (16, 32, 64, 64), "style_depth": 4},
        "train": {"steps": 32000, "batch": 32, "ema": 0.999},
        "crop": 128,
    },
    "paper": {
        "net": {"channels": (32, 64, 128, 256, 512), "heads": 8, "head_dim": 64, "style_depth": 4},
        "code": {"geometry": False, "calibrate": False, "max_residual_m": 0.5},
        "train": {"steps": 40000, "batch": 48, "ema": 0.995},
        "crop": 256,
    },
}
