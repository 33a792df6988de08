"""An order of vertices and faces that only their values decide, so that equal meshes are equal bytes; their digest."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from s2r_bench.types import Mesh

_MOST_PACKED = 2_097_151  # three indices below this fit one int64


def ordered_mesh(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> Mesh:
    """The mesh with vertices in lexicographic order (x, y, z) and faces in order of their corners.

    Fusion on several threads gives its vertices in another order each time. Vertices at the same place become one
    (a distance field is exactly 0 at a voxel's corner), faces without area go, windings stay.

    Args:
        vertices: (N, 3) finite.
        faces: (M, 3) indices into `vertices`.
    """
    order, placed = _sorted_rows(vertices + np.float32(0))  # -0 becomes 0
    fresh = np.ones(len(order), dtype=np.bool_)
    fresh[1:] = (placed[1:] != placed[:-1]).any(1)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.cumsum(fresh) - 1
    a, b, c = rank[faces].T
    whole = (a != b) & (b != c) & (c != a)
    a, b, c = a[whole], b[whole], c[whole]
    for _ in range(2):  # a face starts at its smallest corner
        turn = (b < a) | (c < a)
        a, b, c = np.where(turn, b, a), np.where(turn, c, b), np.where(turn, a, c)
    kept = placed[fresh].astype(np.float64)
    return Mesh(kept, _sorted_faces(a, b, c, len(kept)))


def mesh_digest(mesh: Mesh) -> str:
    """Sixteen hex digits of a mesh's vertices and faces."""
    content = hashlib.sha256(np.ascontiguousarray(mesh.vertices).tobytes())
    content.update(np.ascontiguousarray(mesh.faces).tobytes())
    return content.hexdigest()[:16]


def _sorted_rows(points: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Order and sorted rows of (N, 3) points: two sorts of one 64-bit number each are faster than a sort of rows."""
    bits = points.view(np.uint32)
    keys = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31)).astype(np.uint64)  # as integers, in the floats' order
    first = (keys[:, 0] << np.uint64(32)) | keys[:, 1]
    order = np.argsort(first)
    ties = np.zeros(len(order), dtype=np.uint64)
    ties[1:] = np.cumsum(np.diff(first[order]) != 0)
    order = order[np.argsort((ties << np.uint64(32)) | keys[order, 2])]
    return order, points[order]


def _sorted_faces(a: NDArray[np.int64], b: NDArray[np.int64], c: NDArray[np.int64], vertices: int) -> NDArray[np.int64]:
    if vertices > _MOST_PACKED:
        corners = np.stack([a, b, c], axis=1)
        return corners[np.lexsort((c, b, a))]
    code = np.sort((a * vertices + b) * vertices + c)
    code, last = np.divmod(code, vertices)
    return np.stack([*np.divmod(code, vertices), last], axis=1)
