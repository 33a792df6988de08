"""Clean depth, normals and instance ids of meshes, by ray casting (Open3D's Embree scene)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.geometry.camera import intrinsics, look_at
from s2r_bench.types import DepthArray, FloatArray, Mesh

__all__ = ["RayScene", "Rendering", "intrinsics", "look_at"]

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Rendering:
    """What one camera sees of a `RayScene`.

    Attributes:
        depth: (H, W) float32, z-depth in metres; 0 where nothing is hit.
        normals: (H, W, 3) float32 unit normals of the faces, world frame, turned to the camera; 0 where nothing is hit.
        instance: (H, W) int32, index into the scene's meshes; -1 where nothing is hit.
    """

    depth: DepthArray
    normals: Float32Array
    instance: NDArray[np.int32]


class RayScene:
    """Meshes to cast rays at. Built once, rendered from many cameras; all in one world frame, metres."""

    def __init__(self, meshes: Sequence[Mesh]) -> None:
        """Build the ray-casting tree.

        Args:
            meshes: at least one; their order gives the instance ids.

        Raises:
            DataError: no mesh, or one without faces or with indices outside of its vertices.
        """
        import open3d as o3d

        if not meshes:
            raise DataError("a scene to render needs at least one mesh; got none")
        self._scene: Any = o3d.t.geometry.RaycastingScene()
        self._tensor: Any = o3d.core.Tensor
        self.meshes = tuple(meshes)
        for index, mesh in enumerate(self.meshes):
            _check(mesh, index)
            vertices = np.ascontiguousarray(mesh.vertices, dtype=np.float32)
            faces = np.ascontiguousarray(mesh.faces, dtype=np.uint32)
            self._scene.add_triangles(self._tensor.from_numpy(vertices), self._tensor.from_numpy(faces))

    def render(self, K: FloatArray, world_from_cam: FloatArray, size: tuple[int, int]) -> Rendering:
        """Cast one ray through each pixel centre.

        The rays have camera z = 1, so the distance along them is z-depth. Open3D's own pinhole rays are not used:
        they put pixel centres at i + 0.5, and their field-of-view form renders upside down.

        Args:
            K: (3, 3) intrinsics in pixels.
            world_from_cam: (4, 4) rigid pose, OpenCV axes.
            size: (height, width).
        """
        rays = _world_rays(K, world_from_cam, size)
        answer = self._scene.cast_rays(self._tensor.from_numpy(rays))
        instance = answer["geometry_ids"].numpy().view(np.int32)  # none is 2**32 - 1, which becomes -1
        return Rendering(_missing_zero(answer), _facing(answer["primitive_normals"].numpy(), rays), instance)

    def depth(self, K: FloatArray, world_from_cam: FloatArray, size: tuple[int, int]) -> DepthArray:
        """(H, W) float32 z-depth alone, metres, 0 where nothing is hit: the same values as `render(...).depth`."""
        return _missing_zero(self._scene.cast_rays(self._tensor.from_numpy(_world_rays(K, world_from_cam, size))))

    def hit_distance(self, origins: FloatArray | Float32Array, directions: FloatArray | Float32Array) -> Float32Array:
        """How far rays travel before they hit something (shadow rays, visibility tests).

        Args:
            origins: (N, 3) metres, world frame.
            directions: (N, 3); distances are in units of their length, so metres where they are unit vectors.

        Returns:
            (N,) float32; infinity where nothing is hit.
        """
        rays = np.concatenate([origins, directions], axis=-1, dtype=np.float32)
        distance: Float32Array = self._scene.cast_rays(self._tensor.from_numpy(rays))["t_hit"].numpy()
        return distance

    def distance(self, points: FloatArray | Float32Array) -> Float32Array:
        """(N,) float32 distance in metres from points (N, 3), world frame, to the nearest surface; never negative."""
        query = np.ascontiguousarray(points, dtype=np.float32)
        away: Float32Array = self._scene.compute_distance(self._tensor.from_numpy(query)).numpy()
        return away


def _world_rays(K: FloatArray, world_from_cam: FloatArray, size: tuple[int, int]) -> Float32Array:
    """(H, W, 6) origins and directions. A direction is linear in the pixel, so each component is an outer sum."""
    height, width = size
    by_u, by_v, constant = (world_from_cam[:3, :3] @ np.linalg.inv(K)).T
    row = (np.arange(width)[:, None] * by_u).astype(np.float32)
    column = (np.arange(height)[:, None] * by_v + constant).astype(np.float32)
    rays = np.empty((height, width, 6), dtype=np.float32)
    rays[..., :3] = world_from_cam[:3, 3]
    for axis in range(3):
        np.add(row[:, axis], column[:, axis, None], out=rays[..., 3 + axis])
    return rays


def _missing_zero(answer: Any) -> DepthArray:
    depth: DepthArray = answer["t_hit"].numpy()
    np.copyto(depth, 0, where=depth == np.inf)
    return depth


def _facing(normals: Float32Array, rays: Float32Array) -> Float32Array:
    """Normals turned against their rays: the winding of CAD faces cannot be trusted. Misses stay 0."""
    along = normals[..., 0] * rays[..., 3]
    along += normals[..., 1] * rays[..., 4]
    along += normals[..., 2] * rays[..., 5]
    normals *= np.where(along > 0, np.float32(-1), np.float32(1))[..., None]
    return normals


def _check(mesh: Mesh, index: int) -> None:
    if len(mesh.faces) == 0 or len(mesh.vertices) == 0:
        raise DataError(f"mesh {index} of the scene has no faces; a mesh to render needs at least one triangle")
    if int(mesh.faces.min()) < 0 or int(mesh.faces.max()) >= len(mesh.vertices):
        raise DataError(f"mesh {index} of the scene has face indices outside of its {len(mesh.vertices)} vertices")
