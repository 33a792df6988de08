"""A mesh from points with normals: a flat piece of surface (a surfel) at each, so large that together they close.

A surfel is an octagon about its point, in the plane across its normal, as Pfister et al. (SIGGRAPH 2000) have discs.
Its radius is the distance to the sixth neighbour on the same side of the object: of points drawn evenly and
independently, discs of that area leave exp(-6), 0.2 % of a surface bare. Where a neighbour's plane crosses it at an
angle, the surfel ends there, so that edges stay edges and thin bars do not grow wings.
"""

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.types import FloatArray, Mesh

NEIGHBOURS = 32  # that are looked at
REACH = 6  # the neighbour on the same side up to which a surfel goes
CORNERS = 8
SAME_SIDE = 0.5  # cosine of the largest angle of normals of one side
CROSSES = 0.866  # cosine of the smallest angle at which a neighbour's plane ends a surfel: less is curvature
LEAST = 0.2  # of its radius that stays of a surfel in any direction
FEWEST = 2 * REACH  # points


def surfel_mesh(points: FloatArray, normals: FloatArray) -> Mesh:
    """The mesh of a cloud, in its frame and unit; it is not joined up, and faces look where the normals do.

    Args:
        points: (N, 3) on the surface, spread evenly.
        normals: (N, 3) of any length; a point without one (0, NaN) has no surfel. Their signs may be wrong.

    Raises:
        DataError: fewer than FEWEST points with a normal.
        ValueError: arrays of other shapes.
    """
    if points.shape != normals.shape or points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(f"points and normals must be (N, 3), not {points.shape} and {normals.shape}")
    points, normals = _with_normals(np.asarray(points, np.float64), np.asarray(normals, np.float64))
    distance, beside = _neighbours(points)
    radius = _radius(distance, np.einsum("nc,nkc->nk", normals, normals[beside]))
    directions = _directions(normals)
    reach = np.minimum(radius[:, None], _crossings(points, normals, beside, directions))
    reach = np.maximum(reach, LEAST * radius[:, None])
    corners = points[:, None] + reach[..., None] * directions
    vertices = np.concatenate([points[:, None], corners], 1)
    around = np.arange(CORNERS)
    fan = np.stack([np.zeros_like(around), 1 + around, 1 + (around + 1) % CORNERS], 1)
    faces = np.arange(len(points))[:, None, None] * (1 + CORNERS) + fan
    return Mesh(vertices.reshape(-1, 3), faces.reshape(-1, 3).astype(np.int64))


def _with_normals(points: FloatArray, normals: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Those that have a normal, of length 1."""
    length = np.linalg.norm(normals, axis=1)
    kept = np.isfinite(points).all(1) & np.isfinite(length) & (length > 0)
    if int(kept.sum()) < FEWEST:
        raise DataError(f"{int(kept.sum())} of {len(points)} points have a normal; {FEWEST} make a surface")
    return points[kept], normals[kept] / length[kept, None]


def _neighbours(points: FloatArray) -> tuple[FloatArray, NDArray[np.int64]]:
    """(N, K) distances and indices, nearest first, without the point itself."""
    from scipy.spatial import cKDTree

    count = min(NEIGHBOURS + 1, len(points))
    distance, index = cKDTree(points).query(points, k=count)
    return distance[:, 1:], index[:, 1:].astype(np.int64)


def _radius(distance: FloatArray, alike: FloatArray) -> FloatArray:
    """(N,) distance to neighbour number REACH whose normal is within SAME_SIDE; where there are fewer, to the last."""
    same = alike > SAME_SIDE
    place = np.where(same & (np.cumsum(same, 1) <= REACH), np.arange(same.shape[1]), 0).max(1)
    return np.where(same.any(1), np.take_along_axis(distance, place[:, None], 1)[:, 0], distance[:, REACH - 1])


def _directions(normals: FloatArray) -> FloatArray:
    """(N, CORNERS, 3) unit vectors across the normals, counter-clockwise seen from their tips."""
    # the axis that is farthest from the normal gives the first
    axis = np.eye(3)[np.abs(normals).argmin(1)]
    first = np.cross(normals, axis)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(normals, first)
    angle = 2 * np.pi * np.arange(CORNERS) / CORNERS
    return np.asarray(first[:, None] * np.cos(angle)[:, None] + second[:, None] * np.sin(angle)[:, None])


def _crossings(
    points: FloatArray, normals: FloatArray, beside: NDArray[np.int64], directions: FloatArray
) -> FloatArray:
    """(N, CORNERS) how far a ray within the surfel goes until it meets a neighbour's plane; infinite where it does not.

    Whichever way normals look: what counts is the side of the plane on which the point lies.
    """
    planes = normals[beside]
    away = np.einsum("nkc,nkc->nk", points[:, None] - points[beside], planes)
    along = np.einsum("nmc,nkc->nmk", directions, planes)
    with np.errstate(divide="ignore", invalid="ignore"):
        meets = -away[:, None] / along
    crosses = np.abs(np.einsum("nc,nkc->nk", normals, planes)) < CROSSES
    return np.asarray(np.where(crosses[:, None] & (meets >= 0), meets, np.inf).min(2))
