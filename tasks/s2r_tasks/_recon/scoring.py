"""Figures of one reconstruction: IoU of the volume, Chamfer distance and F-score of the surfaces."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from s2r_bench.geometry.isosurface import isosurface
from s2r_bench.geometry.surface import sample_surface
from s2r_bench.records import Score
from s2r_bench.seeds import rng_of, seed_of
from s2r_bench.types import Mesh
from s2r_metrics.occupancy import volume_iou
from s2r_metrics.pointcloud import compare_clouds
from s2r_tasks._recon.options import ScoreOptions
from s2r_tasks._recon.shapes import Shape

GRID_REACH = 1.1
HALF = 0.5  # coordinates are halved before distances are taken: the longest side is then 1
PUBLISHED_EPSILON = 1e-5  # added to the IoU after the division by the published script
CHUNK = 1 << 16

Logits = Callable[[Tensor], Tensor]
"""Points (N, 3) -> logits (N,); at least 0 is inside."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What a shape's reconstructions are held against.

    Attributes:
        shape: of the CAD.
        volume: (N, 3) float32 points of the cube. inside: (N,) bool.
        surface: (M, 3) float32, halved.
    """

    shape: Shape
    volume: Tensor
    inside: Tensor
    surface: Tensor


def truth_of(shape: Shape, options: ScoreOptions) -> Truth:
    """The evaluation points of a shape: the same for every arm and seed."""
    dice = rng_of("recon truth", shape.id)
    kept = dice.permutation(len(shape.points.volume))[: options.volume]
    surface = shape.surface[dice.permutation(len(shape.surface))[: options.points]]
    return Truth(
        shape,
        torch.from_numpy(shape.points.volume[kept]),
        torch.from_numpy(shape.points.volume_inside[kept]),
        torch.from_numpy(HALF * surface),
    )


def in_chunks(logits: Logits, points: Tensor) -> Tensor:
    """Logits of any number of points, on the CPU."""
    return torch.cat([logits(part).float().cpu() for part in points.split(CHUNK)])


def mesh_of(logits: Logits, resolution: int) -> Mesh:
    """The surface of a reconstruction on the published grid: `resolution` cells along [-1.1, 1.1]; maybe empty."""
    axis = torch.linspace(-GRID_REACH, GRID_REACH, resolution + 1)
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    values = in_chunks(logits, points).reshape([resolution + 1] * 3).numpy()
    return isosurface(values, np.full(3, -GRID_REACH), 2 * GRID_REACH / resolution)


def scores_of(truth: Truth, inside: Tensor, mesh: Mesh, options: ScoreOptions, seed: int) -> Iterator[Score]:
    """IoU, Chamfer distance and F-score of one object, unscaled.

    Args:
        truth: of the object.
        inside: (N,) bool, the reconstruction at `truth.volume`.
        mesh: its surface.
        options: protocol and sizes.
        seed: of the surface's samples.

    Raises:
        ValueError: where the published script would crash or give NaN, and the protocol is "disco".
    """
    shape = truth.shape
    published = options.protocol == "disco"
    if published and not bool((inside | truth.inside).any()):
        raise ValueError("IoU of two empty volumes: the published script gives NaN")
    overlap = volume_iou(inside, truth.inside) + (PUBLISHED_EPSILON if published else 0.0)
    if len(mesh.faces):
        points = sample_surface(mesh, options.points, seed_of(seed, "recon samples", shape.id))
        found = compare_clouds(torch.from_numpy(HALF * points), truth.surface.double())
        chamfer, f_score = float(found.chamfer()), float(found.f_score(options.radius))
    elif published:
        raise ValueError("the reconstruction is empty: the published script crashes")
    else:
        chamfer, f_score = empty_chamfer(truth), 0.0
    if published and f_score == 0.0:
        f_score = math.nan
    yield Score(shape.id, shape.category, "iou", overlap)
    yield Score(shape.id, shape.category, "chamfer_l2", chamfer)
    if math.isnan(f_score):
        raise ValueError("F-score 0: the published script gives NaN")
    yield Score(shape.id, shape.category, "f_score", f_score)


def empty_chamfer(truth: Truth) -> float:
    """What an empty reconstruction scores: the Chamfer distance of a single point in the middle of the box."""
    away = truth.surface.double().square().sum(1)
    return float(away.min() + away.mean())
