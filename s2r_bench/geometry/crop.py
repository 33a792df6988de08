"""The object frame of reconstruction tasks, and cutting an object out of a fused scene.

Convention of LASA and DisCo: the centre of the CAD's box is the origin and its longest side spans [-1, 1]. Partial
clouds get the same transform, so they may reach beyond the cube.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.types import BoolArray, FloatArray, Mesh


@dataclass(frozen=True, eq=False)
class ObjectFrame:
    """World and object frame: object = (world - centre) / half_extent. Axes stay parallel.

    Attributes:
        centre: (3,) metres, the middle of the CAD's axis-aligned box.
        half_extent: half of the box's longest side, metres.
    """

    centre: FloatArray
    half_extent: float

    @classmethod
    def from_mesh(cls, mesh: Mesh) -> "ObjectFrame":
        """The frame of a CAD as it stands in the world.

        Raises:
            DataError: the mesh has no vertices or no extent.
        """
        if len(mesh.vertices) == 0:
            raise DataError("a mesh without vertices has no object frame")
        low, high = mesh.bounds
        half = float((high - low).max()) / 2
        if half <= 0:
            raise DataError("a mesh whose vertices coincide has no object frame")
        return cls((low + high) / 2, half)

    def to_object(self, points: FloatArray) -> FloatArray:
        """(N, 3) metres, world -> (N, 3), CAD box within [-1, 1]."""
        return np.asarray((points - self.centre) / self.half_extent)

    def to_world(self, points: FloatArray) -> FloatArray:
        """(N, 3), object frame -> (N, 3) metres, world."""
        return np.asarray(points * self.half_extent + self.centre)


def grown_box(box: FloatArray, margin: float = 1.2) -> FloatArray:
    """(2, 3): the box with every side `margin` times as long, same centre."""
    centre, half = box.mean(0), (box[1] - box[0]) / 2
    return np.stack([centre - margin * half, centre + margin * half])


def inside_box(points: NDArray[Any], box: FloatArray) -> BoolArray:
    """(N,) bool: which points (N, 3) lie within the box (2, 3), its sides included."""
    inside = np.ones(len(points), dtype=np.bool_)
    for axis in range(3):
        inside &= (points[:, axis] >= box[0, axis]) & (points[:, axis] <= box[1, axis])
    return inside


def crop_cloud(points_world: FloatArray, box: FloatArray, margin: float = 1.2) -> FloatArray:
    """The points (N, 3) within the axis-aligned box (2, 3) of smallest and largest corner, enlarged by `margin`."""
    return np.asarray(points_world[inside_box(points_world, grown_box(box, margin))])


def crop_mesh(mesh: Mesh, box: FloatArray, margin: float = 1.2) -> Mesh:
    """The faces all of whose corners lie within the enlarged box, with the vertices that they use."""
    return keep_vertices(mesh, inside_box(mesh.vertices, grown_box(box, margin)))


def keep_vertices(mesh: Mesh, keep: BoolArray) -> Mesh:
    """The faces all of whose corners are kept (keep: (N,) bool), with the vertices that they use."""
    faces = mesh.faces[keep[mesh.faces].all(1)]
    used, inverse = np.unique(faces, return_inverse=True)
    return Mesh(mesh.vertices[used], inverse.reshape(-1, 3).astype(np.int64))
