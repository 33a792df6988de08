"""What decides the cloud diffusion, and its sizes."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from s2r_bench.options import Options


class NetOptions(Options):
    """The transformer on voxel patches.

    Attributes:
        resolution: cells along the grid of a cloud.
        patch: cells along the cube that becomes one token.
        width, depth, heads: of the transformer; S is 384, 12, 6 as published, B 768, 12, 12, XL 1152, 28, 16.
        attention_window: tokens along the cube within which `windowed` blocks attend.
        windowed: numbers of these blocks; the others attend to the whole grid.
    """

    resolution: int = Field(32, ge=2)
    patch: int = Field(4, ge=1)
    width: int = Field(384, ge=6)
    depth: int = Field(12, ge=1)
    heads: int = Field(6, ge=1)
    attention_window: int = Field(4, ge=1)
    windowed: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> "NetOptions":
        if self.resolution % self.patch:
            raise ValueError(f"patch must divide the resolution {self.resolution}, not be {self.patch}")
        if self.width % self.heads:
            raise ValueError(f"heads must divide the width {self.width}, not be {self.heads}")
        tokens = self.resolution // self.patch
        if self.windowed and tokens % self.attention_window:
            raise ValueError(f"attention_window must divide the {tokens} tokens of a side")
        if any(not 0 <= block < self.depth for block in self.windowed):
            raise ValueError(f"windowed names blocks 0 to {self.depth - 1}, not {self.windowed}")
        return self


class NoiseOptions(Options):
    """The noise process, its target and its sampler.

    Attributes:
        prediction: what the network predicts: noise ("epsilon", as published) or x0 ("sample"). Where several points
            share a cell, as in mode "offset", the noise of one cannot be told from theirs, and only x0 works.
        train_steps, first_beta, last_beta: of the linear schedule.
        sampler: "ddpm" takes every step and adds fresh noise (published); "ddim" takes `steps` and adds none.
        clamp: x0 is kept within +- this while sampling (published: 0.5); 0 = it is not.
    """

    prediction: Literal["epsilon", "sample"] = "epsilon"
    train_steps: int = Field(1000, ge=2)
    first_beta: float = Field(1e-4, gt=0, lt=1)
    last_beta: float = Field(0.02, gt=0, lt=1)
    sampler: Literal["ddpm", "ddim"] = "ddim"
    steps: int = Field(20, ge=1)
    clamp: float = Field(0.0, ge=0)

    @model_validator(mode="after")
    def _fits_together(self) -> "NoiseOptions":
        if self.steps > self.train_steps:
            raise ValueError(f"steps must be at most train_steps = {self.train_steps}, not {self.steps}")
        return self


class CloudOptions(Options):
    """What a cloud is and what is generated for it.

    Attributes:
        mode: "offset" moves each clean point to where it was captured, and says whether it was; "cloud" generates the
            captured cloud itself, beside the clean one, as a generator of clouds that is finetuned would.
        crop: side in pixels of the windows of a frame whose points are one cloud, in training as in simulation.
        points: points of a generated cloud (mode "cloud").
        fill: generated points for each clean one, so that most pixels get one (mode "cloud").
        scale_m: metres of offset that are 1 to the network; None: the spread of the training pairs' offsets.
        geometry: add range, viewing ray and normals to the clean points' features.
        max_residual_m: captures farther than this from the clean depth count as missing.
        calibrate: fix the threshold of being captured on draws for training frames, so that the share of holes is
            right there (mode "offset").
    """

    mode: Literal["offset", "cloud"] = "offset"
    crop: int = Field(32, ge=2)
    points: int = Field(2048, ge=2)
    fill: float = Field(3.0, gt=0)
    scale_m: float | None = Field(None, gt=0)
    geometry: bool = True
    max_residual_m: float = Field(0.2, gt=0)
    calibrate: bool = True


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "smoke": {
        "net": {"resolution": 8, "patch": 4, "width": 24, "depth": 2, "heads": 2, "attention_window": 1},
        "noise": {"prediction": "sample", "steps": 2},
        "cloud": {"crop": 24, "points": 64},
        "train": {"steps": 4, "batch": 2, "log_every": 2},
    },
    "tiny": {
        "net": {"resolution": 16, "patch": 4, "width": 128, "depth": 4, "heads": 2},
        "noise": {"prediction": "sample", "steps": 20},
        "cloud": {"crop": 32, "points": 1024},
        "train": {"steps": 600, "batch": 32, "lr": 1e-3, "weight_decay": 0.0},
    },
    "small": {
        "net": {"resolution": 32, "patch": 4, "width": 192, "depth": 6, "heads": 3, "windowed": (0, 3)},
        "noise": {"prediction": "sample", "steps": 20},
        "cloud": {"crop": 48, "points": 2048},
        "train": {"steps": 32000, "batch": 32, "lr": 3e-4, "weight_decay": 0.0, "ema": 0.9995},
    },
    # network, noise process and rate as published; steps and items a step of the paper's other simulators
    "paper": {
        "net": {"resolution": 32, "patch": 4, "width": 384, "depth": 12, "heads": 6, "windowed": (0, 3, 6, 9)},
        "noise": {"prediction": "epsilon", "sampler": "ddpm", "clamp": 0.5},
        "cloud": {"mode": "cloud", "crop": 64, "points": 2048, "geometry": False, "max_residual_m": 0.5},
        "train": {
            "steps": 40000,
            "batch": 48,
            "lr": 1e-4,
            "weight_decay": 0.0,
            "schedule": "constant",
            "warmup": 0,
            "ema": 0.0,
        },
    },
}
