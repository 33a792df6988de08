"""Everything that can change a number of the task `recon`, with its presets."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from s2r_bench import shots
from s2r_bench.engine.loop import TrainOptions
from s2r_bench.options import Options
from s2r_tasks._disco.augment import CloudOptions, PoseOptions
from s2r_tasks._disco.denoiser import DenoiserOptions
from s2r_tasks._disco.vae import VaeOptions


class DataOptions(Options):
    """Clouds and labels.

    Attributes:
        views: of each object, corpus and captures alike. voxel: of the fused clouds, metres.
        stored: points kept of a cloud. surface, volume, near: points kept of a shape; near_std: see `labels`.
    """

    views: int = Field(8, ge=1)
    voxel: float = Field(0.01, gt=0)
    stored: int = Field(20_000, ge=64)
    surface: int = Field(231_000, ge=64)
    volume: int = Field(262_144, ge=64)
    near: int = Field(365_000, ge=64)
    near_std: float = Field(0.07, gt=0)


class ScoreOptions(Options):
    """How a reconstruction is scored.

    Attributes:
        protocol: "strict" or "disco"; the task's page says where they differ.
        volume: points of the IoU. resolution: cells along the grid of the mesh, which spans [-1.1, 1.1].
        points: samples of each surface. radius: of the F-score, in the halved frame.
        kept: reconstructions of each category kept for the report.
    """

    protocol: Literal["strict", "disco"] = "strict"
    volume: int = Field(100_000, ge=64)
    resolution: int = Field(256, ge=8)
    points: int = Field(100_000, ge=64)
    radius: float = Field(0.01, gt=0)
    kept: int = Field(1, ge=0)


class ReconOptions(Options):
    """See the task's docstring; defaults are the published sizes.

    Attributes:
        shots: captured objects to learn from: 0, a share of them, a number for each category, or full.
        sim_fraction: share of each category's corpus objects whose clouds are simulated.
        per_category: one network a category (published), or one that is told the category.
        cloud_points: points a network sees of a cloud. surface_points, queries: of an item of the autoencoder.
        shrink: smallest size of a shape in an item of the autoencoder. around: share of its queries that are drawn from
            the whole grid, where those beyond the shape's own cube replace others: what nobody asks about fills up.
        poses: random poses of each shape that the diffusion learns from.
        vae, denoiser, pose, cloud: networks and augmentations.
        vae_train, pretrain, finetune: training.
        real_share: share of captured objects in each batch of the fine-tuning; the rest is the pretraining mix.
        steps: of the sampler.
    """

    shots: str = "0"
    sim_fraction: float = Field(0.5, ge=0, le=1)
    per_category: bool = True
    data: DataOptions = DataOptions()
    cloud_points: int = Field(2048, ge=16)
    surface_points: int = Field(20_000, ge=16)
    queries: int = Field(2048, ge=16)
    shrink: float = Field(0.7, gt=0, le=1)
    around: float = Field(0.0, ge=0, le=1)
    poses: int = Field(5, ge=1)
    vae: VaeOptions = VaeOptions()
    denoiser: DenoiserOptions = DenoiserOptions()
    pose: PoseOptions = PoseOptions()
    cloud: CloudOptions = CloudOptions()
    # fp32 as published; it also keeps a run's numbers from hanging on what the card can do
    vae_train: TrainOptions = TrainOptions(steps=200_000, batch=176, lr=6.9e-5, clip=0.35, ema=0.0, precision="fp32")
    pretrain: TrainOptions = TrainOptions(steps=500_000, batch=352, lr=1.375e-4, ema=0.0, precision="fp32")
    finetune: TrainOptions = TrainOptions(steps=100_000, batch=352, lr=1.375e-4, ema=0.0, precision="fp32")
    real_share: float = Field(0.5, gt=0, le=1)
    steps: int = Field(36, ge=1)
    score: ScoreOptions = ScoreOptions()

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @model_validator(mode="after")
    def _fits_together(self) -> "ReconOptions":
        if self.score.points > self.data.surface or self.score.volume > self.data.volume:
            raise ValueError("score.points and score.volume are at most data.surface and data.volume")
        levels = max(len(self.denoiser.channels), self.denoiser.depth)
        if self.vae.side // 2 < 2 ** (levels - 1) or self.vae.side < 2 ** (self.vae.depth - 1):
            raise ValueError(f"vae.side = {self.vae.side} is too small for the levels of the plane networks")
        looking = self.vae.side // 2 >> max(len(self.denoiser.channels) - 2, 0)  # the smallest planes of an up block
        if self.denoiser.images.views and (len(self.denoiser.channels) < 2 or looking > self.denoiser.images.finest):
            raise ValueError("no planes would look at images: denoiser.images.finest or denoiser.channels is too small")
        if self.real_share < 1 and self.finetune.batch < 2:
            raise ValueError("finetune.batch holds an item of either kind: at least 2, or real_share=1")
        return self

    @field_validator("shots", mode="before")
    @classmethod
    def _shots(cls, value: Any) -> str:
        # one word for one thing: 25% and 0.25, full and 1.0; but 1 is a number of objects
        wanted = shots.parse(str(value))
        return str(wanted.value) if isinstance(wanted, shots.PerClass) or wanted.value else "0"


_TINY: Mapping[str, Any] = {
    "per_category": False,
    "data": {"views": 4, "voxel": 0.015, "stored": 4096, "surface": 10_000, "volume": 16_384, "near": 8192},
    "cloud_points": 1024,
    "surface_points": 1024,
    "queries": 2048,
    # a short training cannot spend itself on poses that no scan comes in
    "pose": {"scale": 0.2, "yaw_deg": 1.0, "shift": 0.03},
    "shrink": 0.9,
    "around": 0.25,
    "poses": 8,
    # the published weight of the KL term ends a short training at the prior: the latent then says nothing
    "vae": {
        "side": 64,
        "latent": 4,
        "hidden": 32,
        "blocks": 3,
        "width": 16,
        "start": 4,  # fine planes cost most, and thin parts need them: narrow where fine
        "depth": 4,
        "groups": 4,  # without a normalisation a short training stands still for its first half
        "near_weight": 1.0,
        "kl_weight": 3e-4,
    },
    # a short training learns what a scan means on average, which it needs at high noise, and nothing finer: it is
    # trained there, and one step of the sampler reads out that mean. More steps made its answers worse
    "denoiser": {
        "channels": (16, 32, 64, 96),
        "embedding": 64,
        "condition": 16,
        "hidden": 32,
        "start": 8,
        "depth": 3,
        "blocks": 3,
        "log_mean": 3.0,
    },
    "vae_train": {"steps": 850, "batch": 6, "lr": 3e-3, "ema": 0.99, "precision": "fp32"},
    "pretrain": {"steps": 750, "batch": 8, "lr": 2e-3, "ema": 0.99, "precision": "fp32"},
    "finetune": {"steps": 150, "batch": 8, "lr": 6e-4, "ema": 0.97, "precision": "fp32"},
    "steps": 1,
    "score": {"volume": 16_384, "resolution": 64, "points": 10_000},
}

ReconOptions.presets = {
    "smoke": {
        **_TINY,
        "data": {"views": 2, "voxel": 0.02, "stored": 512, "surface": 512, "volume": 512, "near": 512},
        "cloud_points": 64,
        "surface_points": 64,
        "queries": 64,
        "poses": 1,
        "vae": {"side": 16, "latent": 2, "hidden": 8, "blocks": 2, "width": 4, "start": 4, "depth": 1},
        "denoiser": {
            "channels": (8, 8),
            "embedding": 8,
            "condition": 4,
            "hidden": 8,
            "start": 4,
            "depth": 1,
            "blocks": 2,
            "groups": 4,
        },
        "vae_train": {"steps": 2, "batch": 2, "precision": "fp32"},
        "pretrain": {"steps": 2, "batch": 2, "precision": "fp32"},
        "finetune": {"steps": 2, "batch": 2, "precision": "fp32"},
        "steps": 2,
        "score": {"volume": 512, "resolution": 16, "points": 200},
    },
    "tiny": _TINY,
    "small": {
        "per_category": False,
        "data": {"stored": 8192, "surface": 100_000, "volume": 100_000, "near": 65_536},
        "surface_points": 8192,
        "around": 0.25,
        "vae": {
            "side": 64,
            "latent": 16,
            "hidden": 64,
            "blocks": 4,
            "start": 16,
            "depth": 4,
            "groups": 4,
            "kl_weight": 1e-4,
        },
        "denoiser": {"channels": (64, 128, 256), "embedding": 128, "hidden": 64, "start": 16},
        "vae_train": {"steps": 20_000, "batch": 32, "lr": 5e-4, "ema": 0.999, "precision": "fp32"},
        "pretrain": {"steps": 20_000, "batch": 64, "lr": 5e-4, "ema": 0.999, "precision": "fp32"},
        "finetune": {"steps": 5000, "batch": 64, "lr": 2e-4, "ema": 0.999, "precision": "fp32"},
        "steps": 18,
        "score": {"resolution": 128},
    },
    # all else are the defaults
    "paper": {"denoiser": {"images": {"views": 5}}},
}
