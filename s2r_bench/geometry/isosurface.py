"""The surface at which a field on a regular grid takes a value."""

import numpy as np
from numpy.typing import NDArray

from s2r_bench.types import FloatArray, Mesh


def isosurface(values: FloatArray | NDArray[np.float32], low: FloatArray, spacing: float, level: float = 0.0) -> Mesh:
    """The surface around the region in which the values are **above** `level` (Open3D's Flying Edges).

    That is the sign of occupancies and their logits; of a distance that is negative inside give the negative.

    Args:
        values: (A, B, C) field at the points low + (i, j, k) * spacing; computed with as float32.
        low: (3,) place of values[0, 0, 0].
        spacing: distance of neighbouring points, the same along each axis.
        level: the value on the surface.

    Returns:
        Faces counter-clockwise seen from where the values are at most `level`. Where the region reaches the border of
        the grid the surface is open there. No crossing: a mesh of 0 vertices and 0 faces.

    Raises:
        ValueError: `values` is not a grid of at least two points along each axis, or NaN or infinite somewhere;
            `spacing` is not positive.
    """
    import open3d as o3d

    if values.ndim != 3 or min(values.shape) < 2:
        raise ValueError(f"values must be (A, B, C) with at least 2 points along each axis, not {values.shape}")
    if not spacing > 0:
        raise ValueError(f"spacing is {spacing}; it must be positive")
    field = np.ascontiguousarray(values, dtype=np.float32)
    if not np.isfinite(field).all():
        raise ValueError("the field is NaN or infinite (or beyond float32) at some point of the grid")
    found = o3d.t.geometry.TriangleMesh.create_isosurfaces(o3d.core.Tensor.from_numpy(field), [float(level)])
    if len(found.triangle.indices) == 0:
        return Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
    # Open3D takes the last axis for x; to name the axes anew mirrors the mesh, so the corners change their order too
    index = found.vertex.positions.numpy()[:, ::-1].astype(np.float64)
    faces = found.triangle.indices.numpy()[:, ::-1]
    return Mesh(np.asarray(low, dtype=np.float64) + index * spacing, np.ascontiguousarray(faces, dtype=np.int64))
