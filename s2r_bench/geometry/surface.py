"""Points on the surface of a mesh."""

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.types import FloatArray, Mesh


def sample_surface(mesh: Mesh, count: int, seed: int) -> FloatArray:
    """(count, 3) float64 points spread over the surface evenly by area, independent of each other, frame of the mesh.

    A face is drawn by its area, then a point of it evenly (as Osada et al. 2002, section 4.1, with the unit square
    folded onto the triangle in place of their square root). Same mesh, count and seed: same points.

    Args:
        mesh: its faces may be wound either way; those without area get no point.
        count: at least 0.
        seed: of numpy's default generator.

    Raises:
        ValueError: a negative count.
        DataError: the mesh has no faces, or none with area.
    """
    return sample_faces(mesh, count, seed)[0]


def sample_faces(mesh: Mesh, count: int, seed: int) -> tuple[FloatArray, NDArray[np.int64]]:
    """What `sample_surface` gives, and the (count,) faces on which the points lie."""
    if count < 0:
        raise ValueError(f"count is {count}; it must be at least 0")
    reach = np.cumsum(face_areas(mesh))
    if len(reach) == 0 or not reach[-1] > 0:
        raise DataError(f"nothing to sample: none of the mesh's {len(mesh.faces)} faces has an area")
    rng = np.random.default_rng(seed)
    # of equal entries `right` takes the last, so a face without area (its entry repeats the one before) is never drawn
    drawn = np.searchsorted(reach, rng.random(count) * reach[-1], side="right")
    drawn = np.minimum(drawn, _last_with_area(reach))
    corners = mesh.vertices[mesh.faces[drawn]]
    u, v = rng.random((2, count, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    return corners[:, 0] + u * (corners[:, 1] - corners[:, 0]) + v * (corners[:, 2] - corners[:, 0]), drawn


def face_normals(mesh: Mesh) -> FloatArray:
    """(M, 3) normals of the faces, as long as twice their area, outwards where corners run counter-clockwise."""
    a, b, c = (mesh.vertices[mesh.faces[:, corner]] for corner in range(3))
    return np.asarray(np.cross(b - a, c - a))


def face_areas(mesh: Mesh) -> FloatArray:
    """(M,) areas of the faces, in the square of the mesh's unit."""
    return np.asarray(np.linalg.norm(face_normals(mesh), axis=1) / 2)


def _last_with_area(reach: NDArray[np.float64]) -> np.int64:
    """The product of a draw and the whole area may round up to the whole area, which lies beyond every face."""
    return np.int64(np.searchsorted(reach, reach[-1], side="left"))
