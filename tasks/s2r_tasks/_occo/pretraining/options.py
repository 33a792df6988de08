"""Everything that decides a pretraining but the network, with its presets; defaults are the published numbers."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from s2r_bench.engine.loop import TrainOptions
from s2r_bench.options import Options
from s2r_tasks._recon.clouds import FLOOR_CUT


class PretrainOptions(Options):
    """Views, frame, and training of the completion.

    Attributes:
        views: of each corpus object, each a partial cloud of its own.
        margin: of the CAD's box, by which an object is cut out of its view: 1 keeps nothing beyond it.
        floor: nothing lower than this stays, metres; below 0 the floor within the box does. (Published views show an
            object alone.)
        stored: points kept of a view. fewest: a view with fewer is left out.
        sim_fraction: share of each category's corpus objects whose views are an arm's.
        centre: the origin of a CAD's frame: the mean of its vertices (published), or the middle of its box. Its
            farthest vertex lies at 0.5 from there.
        frame: "cad": both clouds in the CAD's frame (published). "partial": in that of the partial cloud, whose mean is
            the origin and whose farthest point lies at 0.5: what a scan without a CAD can have too.
        turn_deg: both clouds are turned about the upright axis by up to so much. jitter: Gaussian noise of the partial
            cloud's points. Published: neither.
        train: steps, batch, rate. No average of the weights: running statistics would not go with it.
        falls: shares of the training at which the rate is multiplied by `fall`; published: behind 19 and 39 of 50
            epochs.
    """

    views: int = Field(10, ge=1)
    margin: float = Field(1.2, ge=1)
    floor: float = FLOOR_CUT
    stored: int = Field(4096, ge=16)
    fewest: int = Field(64, ge=1)
    sim_fraction: float = Field(0.5, ge=0, le=1)
    centre: Literal["vertices", "box"] = "vertices"
    frame: Literal["cad", "partial"] = "cad"
    turn_deg: float = Field(0.0, ge=0, le=180)
    jitter: float = Field(0.0, ge=0)
    train: TrainOptions = TrainOptions(
        steps=153_750,
        batch=32,
        lr=1e-4,
        warmup=0,
        schedule="constant",
        weight_decay=0.0,
        clip=1e6,  # none, as published
        ema=0.0,
        precision="fp32",
    )
    falls: tuple[float, ...] = (0.38, 0.78)
    fall: float = Field(0.7, gt=0, le=1)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @field_validator("train")
    @classmethod
    def _without_average(cls, train: TrainOptions) -> TrainOptions:
        if train.ema:
            raise ValueError("ema must be 0: averaged weights do not go with running statistics that are not")
        return train

    @model_validator(mode="after")
    def _fits_together(self) -> "PretrainOptions":
        if any(not 0 < share < 1 for share in self.falls):
            raise ValueError(f"falls are shares of the training, between 0 and 1; not {self.falls}")
        if self.fewest > self.stored:
            raise ValueError(f"fewest = {self.fewest} points of the {self.stored} that are stored of a view")
        return self


_SHORT: Mapping[str, Any] = {"warmup": 50, "schedule": "cosine", "weight_decay": 0.0, "ema": 0.0, "precision": "fp32"}
# what a scan has and a CAD has not: its own middle and size, any side to the front, a floor. A short training has to
# see in its partial clouds what it is asked about later
_AS_SCANNED: Mapping[str, Any] = {"margin": 1.1, "floor": -0.05, "frame": "partial", "turn_deg": 180.0}

PretrainOptions.presets = {
    "smoke": {
        "views": 2,
        "stored": 256,
        "fewest": 16,
        "train": {**_SHORT, "steps": 4, "batch": 4, "lr": 1e-3, "warmup": 0},
        "falls": (),
    },
    "tiny": {
        "views": 4,
        "stored": 1024,
        **_AS_SCANNED,
        "train": {**_SHORT, "steps": 900, "batch": 8, "lr": 1e-3, "clip": 10.0},
        "falls": (),
    },
    "small": {
        "views": 4,
        "stored": 2048,
        **_AS_SCANNED,
        "train": {**_SHORT, "steps": 20_000, "batch": 32, "lr": 5e-4, "clip": 10.0},
        "falls": (),
    },
}
