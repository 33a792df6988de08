"""Figures of fused clouds, and of views against the next view of their sequence."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from s2r_bench.errors import DataError
from s2r_bench.geometry.fuse import fuse_points
from s2r_bench.records import Score
from s2r_bench.seeds import rng_of
from s2r_bench.types import FloatArray
from s2r_metrics.occupancy import volume_iou, voxelise
from s2r_metrics.pointcloud import compare_clouds
from s2r_tasks._fidelity.distribution import Missing, compared
from s2r_tasks._fidelity.views import Views, neighbours, sequences
from s2r_tasks._fidelity.warp import correspond, disagreement


@dataclass(frozen=True)
class CloudOptions:
    """How clouds are made and compared.

    Attributes:
        voxel: fusion voxel, metres.
        points: at most this many points of a cloud are compared, drawn by seed.
        radius: of the F-score, as a share of the box's longest side.
        fine_radius: of the second F-score, metres.
        grid: occupancy cells along the box's longest side.
        max_range: metres.
    """

    voxel: float
    points: int
    radius: float
    fine_radius: float
    grid: int
    max_range: float


@dataclass(frozen=True, eq=False)
class Box:
    """The cube of a sequence: longest side of the clean cloud's bounds, about their middle."""

    middle: FloatArray
    side: float

    def normalised(self, points: FloatArray) -> Tensor:
        """Points in [-0.5, 0.5]^3, float64."""
        return torch.from_numpy((points - self.middle) / self.side)


def fused(views: Views, indices: Sequence[int], options: CloudOptions) -> FloatArray:
    """(N, 3) metres, world frame: the views' depth where clean depth is known, one point a voxel.

    Raises:
        Missing: there is no depth at all.
    """
    key = (tuple(indices), options.voxel, options.max_range)
    if key not in views.memory:
        views.memory[key] = _fused(views, indices, options)
    cloud: FloatArray = views.memory[key]
    return cloud


def _fused(views: Views, indices: Sequence[int], options: CloudOptions) -> FloatArray:
    depth = torch.where(views.setting.clean > 0, views.depth, torch.zeros_like(views.depth)).numpy()
    frames = [views.setting.frames[index].with_depth(depth[index]) for index in indices]
    try:
        return fuse_points(frames, options.voxel, options.max_range)
    except DataError as nothing:
        raise Missing(str(nothing)) from None


def box_of(views: Views, indices: Sequence[int], options: CloudOptions) -> Box:
    """The box that all arms of a sequence share: that of its clean depth."""
    points = fused(views.clean, indices, options)
    low, high = points.min(0), points.max(0)
    return Box((low + high) / 2, float((high - low).max()))


def cloud_scores(sample: str, mine: FloatArray, truth: FloatArray, box: Box, options: CloudOptions) -> Iterator[Score]:
    """Chamfer, F-scores and voxel IoU of two clouds in one box."""
    a = box.normalised(_drawn(mine, options.points, sample, "answer"))
    b = box.normalised(_drawn(truth, options.points, sample, "captured"))
    found = compare_clouds(a, b)
    yield Score(sample, "", "chamfer_l2", float(found.chamfer()))
    yield Score(sample, "", "f_score", float(found.f_score(options.radius)))
    yield Score(sample, "", "f_score_10mm", float(found.f_score(options.fine_radius / box.side)))
    low = torch.full((3,), -0.5, dtype=torch.float64)
    cells = [voxelise(box.normalised(points), low, 1.0, options.grid) for points in (mine, truth)]
    yield Score(sample, "", "voxel_iou", volume_iou(cells[0], cells[1]))


def fused_scores(answer: Views, captured: Views, options: CloudOptions, failures: dict[str, str]) -> Iterator[Score]:
    """`cloud_scores` of every sequence: all answers fused against all captures fused."""
    for sample, indices in sequences(captured.setting.frames).items():
        try:
            box = box_of(captured, indices, options)
            mine, truth = fused(answer, indices, options), fused(captured, indices, options)
            yield from cloud_scores(sample, mine, truth, box, options)
        except Missing as reason:
            failures[sample] = str(reason)


def halves_scores(captured: Views, options: CloudOptions, failures: dict[str, str]) -> Iterator[Score]:
    """`cloud_scores` of every sequence: the captures of its odd views against those of its even views."""
    for sample, indices in sequences(captured.setting.frames).items():
        if len(indices) < 2:
            failures[sample] = "one view only: no odd and even views to compare"
            continue
        try:
            box = box_of(captured, indices, options)
            odd, even = fused(captured, indices[1::2], options), fused(captured, indices[0::2], options)
            yield from cloud_scores(sample, odd, even, box, options)
        except Missing as reason:
            failures[sample] = str(reason)


def consistency(views: Views) -> dict[str, float]:
    """Frame id -> mean disagreement in metres with the next view of its sequence (see `warp.disagreement`)."""
    found = {}
    for index, following in neighbours(views.setting.frames):
        frame = views.setting.frames[index]
        match = correspond(frame, views.setting.frames[following])
        value = disagreement(
            match, views.residual[index], views.valid[index], views.residual[following], views.valid[following]
        )
        if math.isfinite(value):
            found[frame.id] = value
    return found


def consistency_scores(mine: dict[str, float], truth: dict[str, float]) -> Iterator[Score]:
    """Each view's disagreement, and the absolute difference of the two means.

    Raises:
        Missing: no view of a side overlaps its next one.
    """
    if not mine or not truth:
        raise Missing("no view overlaps the next view of its sequence")
    for sample, value in mine.items():
        yield Score(sample, "", "consistency", value)
    means = [sum(side.values()) / len(side) for side in (mine, truth)]
    yield from (score for score in compared("consistency", "", *means) if score.metric != "consistency")


def _drawn(points: FloatArray, count: int, *name: str) -> FloatArray:
    if len(points) <= count:
        return points
    chosen = rng_of("fidelity cloud", *name).choice(len(points), count, replace=False)
    return np.asarray(points[np.sort(chosen)])
