"""DisCo's augmentations: poses of shapes, and partial clouds that lose clusters and get jitter.

Pose: every axis scaled by U(0.75, 1.25), the whole brought back to the unit cube, yaw within 5 degrees, shifted by
U(-0.1, 0.1) an axis. Cloud: with probability 0.5 a part of its 7 k-means clusters is kept (3 to 6 of them), then
Gaussian jitter of 0.02 in the object frame whose longest side spans [-1, 1]: the paper's "random perturbation".
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from s2r_bench.options import Options
from s2r_bench.types import FloatArray

Points = NDArray[np.float32]


class PoseOptions(Options):
    """Ranges of the pose augmentation.

    Attributes:
        scale: half-width of the scales about 1. yaw_deg: largest turn. shift: largest shift an axis.
        tran_mat: "consistent" moves partial clouds as the shape; "official" repeats the released code, which adds
            scale x shift to them where the shape got shift: partial clouds are off by up to 0.04.
    """

    scale: float = Field(0.25, ge=0, lt=1)
    yaw_deg: float = Field(5.0, ge=0)
    shift: float = Field(0.1, ge=0)
    tran_mat: Literal["consistent", "official"] = "consistent"


class CloudOptions(Options):
    """The perturbation of partial clouds. `jitter`: standard deviation in the object frame."""

    dropout: float = Field(0.5, ge=0, le=1)
    clusters: int = Field(7, ge=2)
    keep: tuple[int, int] = (3, 6)
    jitter: float = Field(0.02, ge=0)

    @model_validator(mode="after")
    def _fits_together(self) -> "CloudOptions":
        if not 1 <= self.keep[0] <= self.keep[1] <= self.clusters:
            raise ValueError(f"keep is a range within 1 to {self.clusters} clusters, not {self.keep}")
        return self


def random_pose(
    half_sides: FloatArray, options: PoseOptions, dice: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """(4, 4) transforms of a shape, and of its partial clouds.

    Args:
        half_sides: (3,) half the sides of the shape's box in the object frame; the longest is 1.
        options: ranges.
        dice: what draws.
    """
    scale = dice.uniform(1 - options.scale, 1 + options.scale, 3)
    scale /= float((scale * half_sides).max())
    angle = np.radians(dice.uniform(-options.yaw_deg, options.yaw_deg))
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    shape = np.eye(4)
    shape[:3, :3] = turn * scale
    shape[:3, 3] = dice.uniform(-options.shift, options.shift, 3)
    cloud = shape.copy()
    if options.tran_mat == "official":
        cloud[:3, 3] *= scale
    return shape, cloud


def moved(points: Points, transform: FloatArray) -> Points:
    """(N, 3) under a (4, 4) transform, float32."""
    return np.asarray(points @ transform[:3, :3].T + transform[:3, 3], np.float32)


def cluster_labels(cloud: Points, options: CloudOptions, dice: np.random.Generator) -> NDArray[np.uint8]:
    """(N,) k-means cluster of each point, computed once for a cloud; all 0 where there are too few points."""
    if len(cloud) <= options.clusters:
        return np.zeros(len(cloud), np.uint8)
    from scipy.cluster.vq import kmeans2

    _, labels = kmeans2(cloud.astype(np.float64), options.clusters, minit="++", rng=dice)
    return np.asarray(labels, np.uint8)


def perturbed(
    cloud: Points, labels: NDArray[np.uint8], count: int, options: CloudOptions, dice: np.random.Generator
) -> Points:
    """(count, 3) points of a cloud, clusters dropped by chance, jittered."""
    if dice.random() < options.dropout:
        kept = dice.permutation(options.clusters)[: int(dice.integers(options.keep[0], options.keep[1] + 1))]
        part = cloud[np.isin(labels, kept)]
        cloud = part if len(part) else cloud
    chosen = drawn(cloud, count, dice)
    return chosen + dice.normal(0.0, options.jitter, chosen.shape).astype(np.float32)


def drawn(cloud: Points, count: int, dice: np.random.Generator) -> Points:
    """(count, 3) points at random, with replacement only where there are too few."""
    return cloud[dice.choice(len(cloud), count, replace=len(cloud) < count)]
