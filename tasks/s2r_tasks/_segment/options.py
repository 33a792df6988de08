"""Everything that can change a number of the task `segment`, with its presets."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from s2r_bench.data.s3dis.blocks import Cut
from s2r_bench.data.s3dis.classes import AREAS
from s2r_bench.engine.loop import TrainOptions
from s2r_bench.options import Options
from s2r_tasks._occo.data.budget import TABLE_3, Budget
from s2r_tasks._occo.options import SegmentNetworks
from s2r_tasks._occo.pretraining import PretrainOptions


class BlockCutOptions(Options):
    """How rooms are cut into the blocks that are learned from; defaults are the published ones.

    Attributes:
        block: edge of a window, metres. stride: from one to the next. least: a window with fewer points is left out.
    """

    block: float = Field(1.0, gt=0)
    stride: float = Field(0.5, gt=0)
    least: int = Field(100, ge=1)

    @model_validator(mode="after")
    def _no_gaps(self) -> "BlockCutOptions":
        if self.stride > self.block:
            raise ValueError(f"stride = {self.stride} leaves gaps between windows of {self.block}")
        return self

    def cut(self, points: int) -> Cut:
        """The cut of blocks of so many points."""
        return Cut(self.block, self.stride, points, self.least)


class ScoreOptions(Options):
    """How a room is scored.

    Attributes:
        protocol: "strict": every point of a room is labelled once, by the votes of all blocks that hold it.
            "published": points are counted block by block as they were drawn, as OcCo's script does with the blocks
            that it trains on (stride 0.5). "published-apart": the same with windows side by side, as PointNet's and
            DGCNN's do. The task's page says where they differ.
        stride: of the windows of "strict"; at most the edge of a block. Below it windows overlap, and vote.
        kept: rooms of each fold whose labels are kept for the report.
    """

    protocol: Literal["strict", "published", "published-apart"] = "strict"
    stride: float = Field(0.5, gt=0)
    kept: int = Field(1, ge=0)


class SegmentOptions(Options):
    """See the task's docstring; defaults are the published sizes.

    Attributes:
        folds: areas that are tested on, one fold each; six folds test on every area.
        label_budget: how much of the other areas may be learned from (`s2r_tasks/_occo/data/budget.py`). The default,
            a tenth of each area's rooms, is our reading of "few-shot"; the paper does not say.
        networks, pretrain: the segmentation and what it is pretrained by.
        cut: of the blocks that are learned from.
        upright: turn the pretrained weights from the corpus' frame, whose y is up, to that of the rooms, whose z is.
        published_weights: a published checkpoint (OcCo's, STRL's ...) whose encoder starts the arm `published`; empty:
            there is no such arm. published_up: which axis was up in the clouds that it learned from; the file does not
            say. Only an encoder of three channels is turned.
        finetune: training of a fold. epochs: passes over its blocks, which give the number of steps; 0:
            `finetune.steps` it is.
        score: see there.
    """

    folds: tuple[int, ...] = AREAS
    label_budget: Budget = TABLE_3
    networks: SegmentNetworks = SegmentNetworks()
    pretrain: PretrainOptions = PretrainOptions()
    cut: BlockCutOptions = BlockCutOptions()
    upright: bool = True
    published_weights: str = ""
    published_up: Literal["y", "z"] = "y"
    # Adam, where the published training has SGD at 0.1 (momentum 0.9): the loop has no other; neither decays weights
    finetune: TrainOptions = TrainOptions(
        batch=24, lr=1e-3, warmup=0, weight_decay=0.0, clip=1e6, ema=0.0, precision="fp32"
    )
    epochs: int = Field(100, ge=0)
    score: ScoreOptions = ScoreOptions()

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @field_validator("label_budget", mode="before")
    @classmethod
    def _of_the_default_kind(cls, value: Any) -> Any:
        """Of what is not said, the default holds: `label_budget.value=0.2` is a fifth of each area's rooms."""
        if isinstance(value, Mapping) and "type" not in value:
            return {**TABLE_3.model_dump(), **value}
        return value

    @field_validator("folds")
    @classmethod
    def _folds(cls, folds: tuple[int, ...]) -> tuple[int, ...]:
        if not folds or len(set(folds)) < len(folds) or not set(folds) <= set(AREAS):
            raise ValueError(f"folds are areas to test on, some of {AREAS}, none twice; not {folds}")
        return tuple(sorted(folds))

    @model_validator(mode="after")
    def _fits_together(self) -> "SegmentOptions":
        if self.score.stride > self.cut.block:
            raise ValueError(f"score.stride = {self.score.stride} leaves gaps between windows of {self.cut.block}")
        if self.finetune.ema:
            raise ValueError("finetune.ema must be 0: averaged weights do not go with running statistics")
        if self.networks.channels != CHANNELS_OF_A_BLOCK:
            raise ValueError(f"networks.channels = {self.networks.channels}; a block has {CHANNELS_OF_A_BLOCK}")
        return self


CHANNELS_OF_A_BLOCK = 9
_SHORT: Mapping[str, Any] = {"warmup": 0, "weight_decay": 0.0, "ema": 0.0, "precision": "fp32"}

SegmentOptions.presets = {
    "smoke": {
        "folds": (1, 4),
        "networks": SegmentNetworks.presets["smoke"],
        "pretrain": PretrainOptions.presets["smoke"],
        "cut": {"stride": 1.0, "least": 20},
        "finetune": {**_SHORT, "steps": 3, "batch": 2},
        "epochs": 0,
        "score": {"stride": 1.0},
    },
    "tiny": {
        # many small steps: of blocks of 512 points there was time for a quarter of them (docs/segment.md)
        "networks": {**SegmentNetworks.presets["tiny"], "points": 256},
        "pretrain": PretrainOptions.presets["tiny"],
        "finetune": {**_SHORT, "steps": 800, "batch": 4, "lr": 1e-3, "clip": 10.0},
        "epochs": 0,
        "score": {"stride": 1.0},
    },
    "small": {
        "networks": SegmentNetworks.presets["small"],
        "pretrain": PretrainOptions.presets["small"],
        "finetune": {**_SHORT, "batch": 16, "clip": 10.0},
        "epochs": 50,
    },
}
