"""Everything that can change a number of the task `classify`, with its presets."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from s2r_bench import shots
from s2r_bench.data.scanobjectnn import FOLDS, VARIANTS
from s2r_bench.engine.loop import TrainOptions
from s2r_bench.options import Options
from s2r_tasks._occo.data.episodes import EpisodeSettings, QuerySource
from s2r_tasks._occo.options import ClassifyNetworks
from s2r_tasks._occo.pretraining.options import PretrainOptions

Learner = Literal["finetune", "svm"]


class FinetuneOptions(Options):
    """How all weights are trained on an episode's support.

    Attributes:
        epochs: over the support. train: batch and rate; its `steps` follow from the epochs, and are ignored.
        smoothing: of the labels: so much of each goes evenly to the other classes.
        turn_deg, scale, shift: augmentation of each cloud: turn about the upright axis up to so much, a factor in
            [1 - scale, 1 + scale], a shift of up to so much an axis. Published: none.
        watched: how often in a training the queries are scored for the figure that the literature reports, the best
            of these; 0: never. It takes part in nothing.
    """

    epochs: int = Field(100, ge=1)
    train: TrainOptions = TrainOptions(
        batch=10, lr=1e-3, warmup=0, weight_decay=1e-4, clip=1e6, ema=0.0, precision="fp32"
    )
    smoothing: float = Field(0.2, ge=0, lt=1)
    turn_deg: float = Field(0.0, ge=0, le=180)
    scale: float = Field(0.0, ge=0, lt=1)
    shift: float = Field(0.0, ge=0)
    watched: int = Field(10, ge=0)

    @field_validator("train")
    @classmethod
    def _fits_statistics(cls, train: TrainOptions) -> TrainOptions:
        if train.ema:
            raise ValueError("ema must be 0: averaged weights do not go with running statistics that are not")
        if train.batch < 2:
            raise ValueError("batch must be 2 or more: a normalisation over one cloud is none")
        return train


class ClassifyOptions(Options):
    """See the task's docstring; defaults are the published sizes.

    Attributes:
        ways, shots, queries, runs: of the episodes; queries and shots of each class.
        query_source: where queries come from: what the supports leave of the training split, or the test split.
        episode_seed: of the episodes; not the run's, so that all seeds are scored on the same.
        episodes: folder of episodes in Point-BERT's files (`5way_10shot/0.pkl` ...) instead of drawn ones.
        scanobjectnn: folder of ScanObjectNN; empty: the world's own scanned objects. variant, fold: of it.
        published: whether its files must hold as many objects as the published ones.
        published_weights: a published checkpoint (OcCo's, CrossPoint's ...) whose encoder starts the arm `published`;
            empty: there is no such arm.
        normalise: "sphere": mean to the origin, farthest point to 0.5. "none": as stored (OcCo).
        learners: which are scored. svm_c: the SVM's C.
        networks, pretrain, finetune: see there.
    """

    ways: int = Field(5, ge=2)
    shots: int = Field(10, ge=1)
    queries: int = Field(20, ge=1)
    runs: int = Field(10, ge=1)
    query_source: QuerySource = "train_rest"
    episode_seed: int = Field(0, ge=0)
    episodes: str = ""
    scanobjectnn: str = ""
    variant: str = "obj_bg"
    fold: str = "main_split"
    published: bool = True
    published_weights: str = ""
    normalise: Literal["sphere", "none"] = "sphere"
    learners: tuple[Learner, ...] = ("finetune", "svm")
    svm_c: float = Field(1.0, gt=0)
    networks: ClassifyNetworks = ClassifyNetworks()
    pretrain: PretrainOptions = PretrainOptions()
    finetune: FinetuneOptions = FinetuneOptions()

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @property
    def settings(self) -> EpisodeSettings:
        """Of the episodes."""
        return EpisodeSettings(self.ways, self.shots, self.queries, self.query_source)

    @field_validator("shots", mode="before")
    @classmethod
    def _shots(cls, value: Any) -> int:
        wanted = shots.parse(str(value))
        if not isinstance(wanted, shots.PerClass):
            raise ValueError(f"an episode has a number of samples of each class, such as 10; not {value!r}")
        return wanted.value

    @model_validator(mode="after")
    def _fits_together(self) -> "ClassifyOptions":
        if not self.learners or len(set(self.learners)) < len(self.learners):
            raise ValueError(f"learners are finetune, svm or both; not {self.learners}")
        if self.variant not in VARIANTS or self.fold not in FOLDS:
            raise ValueError(
                f"ScanObjectNN has no variant {self.variant!r} of {self.fold!r}; variants: {', '.join(VARIANTS)}; "
                f"folds: {', '.join(FOLDS)}"
            )
        if self.finetune.train.batch > self.ways * self.shots:
            raise ValueError(f"finetune.train.batch is at most the support's {self.ways * self.shots} clouds")
        return self


_SHORT: Mapping[str, Any] = {"warmup": 0, "weight_decay": 1e-4, "ema": 0.0, "precision": "fp32"}

ClassifyOptions.presets = {
    "smoke": {
        "ways": 3,
        "shots": 2,
        "queries": 2,
        "runs": 2,
        "networks": ClassifyNetworks.presets["smoke"],
        "pretrain": PretrainOptions.presets["smoke"],
        "finetune": {"epochs": 2, "watched": 1, "train": {**_SHORT, "batch": 3, "lr": 1e-3}},
    },
    "tiny": {
        "networks": ClassifyNetworks.presets["tiny"],
        "pretrain": PretrainOptions.presets["tiny"],
        "finetune": {"epochs": 11, "watched": 0, "train": {**_SHORT, "batch": 10, "lr": 1e-3, "clip": 10.0}},
    },
    "small": {
        "networks": ClassifyNetworks.presets["small"],
        "pretrain": PretrainOptions.presets["small"],
        "finetune": {"epochs": 60, "train": {**_SHORT, "batch": 10, "lr": 1e-3, "clip": 10.0}},
    },
}
