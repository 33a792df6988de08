"""Fusing depth frames: a truncated signed distance field gives a mesh, back-projection gives points."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.geometry.camera import shifted_half_pixel
from s2r_bench.geometry.points import world_points
from s2r_bench.types import DepthFrame, FloatArray, Mesh

BLOCK = 8  # voxels along a block; 16 takes twice the time and eight times the memory for the same surface


def fuse_tsdf(
    frames: Sequence[DepthFrame], voxel: float = 0.01, truncation: float = 0.04, max_depth: float = 4.8
) -> Mesh:
    """Fuse frames into a mesh, world frame, metres (Curless and Levoy 1996; Open3D's VoxelBlockGrid).

    The defaults are those of the paper's fusion script: 1 cm voxels, 4 cm truncation, nothing beyond 4.8 m.
    Open3D's `ScalableTSDFVolume` is not used: in 0.20 it integrates nothing and does not say so.

    Args:
        frames: depth maps with poses.
        voxel: edge of a voxel, metres.
        truncation: distance at which the field is cut, metres.
        max_depth: farther values are ignored, metres.

    Raises:
        DataError: no frame, no value nearer than `max_depth`, or no surface in what was seen.
    """
    import open3d as o3d

    blocks = _blocks(frames, voxel, truncation, max_depth)
    if blocks == 0:
        raise DataError(f"{_named(frames)}: nothing to fuse, no frame has a depth between 0 and {max_depth} m")
    kinds, channels = (o3d.core.float32, o3d.core.float32), (o3d.core.SizeVector([1]), o3d.core.SizeVector([1]))
    grid = o3d.t.geometry.VoxelBlockGrid(("tsdf", "weight"), kinds, channels, voxel, BLOCK, blocks)
    for frame in frames:
        _integrate(grid, frame, truncation / voxel, max_depth)
    mesh = grid.extract_triangle_mesh(0.0)
    if "indices" not in mesh.triangle or len(mesh.triangle.indices) == 0:
        raise DataError(
            f"{_named(frames)}: fusion at {voxel} m voxels gave no surface; "
            "are the poses camera-to-world (OpenCV axes, metres) and the depths metres?"
        )
    return _ordered(mesh.vertex.positions.numpy(), mesh.triangle.indices.numpy())


def fuse_points(frames: Sequence[DepthFrame], voxel: float, max_depth: float = 4.8) -> FloatArray:
    """(N, 3) float64 points, world frame: all valid pixels back-projected, one point (their mean) per voxel.

    The order is that of the voxels (x, then y, then z), so it does not depend on the order of the frames.

    Args:
        frames: depth maps with poses.
        voxel: edge of a voxel, metres.
        max_depth: farther values are ignored, metres.

    Raises:
        DataError: no frame holds a value nearer than `max_depth`.
    """
    clouds = [world_points(_near(frame, max_depth)) for frame in frames]
    points = np.concatenate(clouds).astype(np.float64) if clouds else np.zeros((0, 3))
    if len(points) == 0:
        raise DataError(f"{_named(frames)}: nothing to fuse, no frame has a depth between 0 and {max_depth} m")
    return voxel_mean(points, voxel)


def voxel_mean(points: FloatArray, voxel: float) -> FloatArray:
    """(M, 3) float64: the mean of the points (N, 3) of each occupied voxel, voxels in lexicographic order."""
    cells = np.floor(points / voxel).astype(np.int64)
    cells -= cells.min(0)
    extent = cells.max(0) + 1
    code = (cells[:, 0] * extent[1] + cells[:, 1]) * extent[2] + cells[:, 2]
    _, inverse, count = np.unique(code, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(inverse, weights=points[:, axis]) for axis in range(3)], axis=1)
    return np.asarray(sums / count[:, None])


def _ordered(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> Mesh:
    """Vertices and faces in an order that only their values decide: the grid's own order changes with its threads.

    Vertices at the same place become one (the field is exactly 0 at a voxel's corner), faces without area go.
    """
    order = np.lexsort(vertices.T[::-1])
    placed = vertices[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (placed[1:] != placed[:-1]).any(1)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.cumsum(fresh) - 1
    corners = rank[faces]
    first = corners.argmin(1)  # a face starts at its smallest corner and keeps its winding
    corners = np.take_along_axis(corners, (first[:, None] + np.arange(3)) % 3, axis=1)
    corners = corners[(corners != np.roll(corners, 1, axis=1)).all(1)]
    return Mesh(placed[fresh].astype(np.float64), corners[np.lexsort(corners.T[::-1])])


def _near(frame: DepthFrame, max_depth: float) -> DepthFrame:
    return frame.with_depth(np.where(frame.depth <= max_depth, frame.depth, np.float32(0)))


def _integrate(grid: Any, frame: DepthFrame, truncation_voxels: float, max_depth: float) -> None:
    import open3d as o3d

    image = o3d.t.geometry.Image(o3d.core.Tensor.from_numpy(np.ascontiguousarray(frame.depth)))
    K = o3d.core.Tensor.from_numpy(shifted_half_pixel(frame.K))  # this integrator has centres at i + 0.5
    cam_from_world = o3d.core.Tensor.from_numpy(np.linalg.inv(frame.world_from_cam))
    # the multiplier must be a float: an int picks another overload
    multiplier = float(truncation_voxels)
    touched = grid.compute_unique_block_coordinates(image, K, cam_from_world, 1.0, max_depth, multiplier)
    if len(touched):
        grid.integrate(touched, image, K, cam_from_world, 1.0, max_depth, multiplier)


def _blocks(frames: Sequence[DepthFrame], voxel: float, truncation: float, max_depth: float) -> int:
    """An upper bound of the blocks that the frames touch: those of their points, grown by the truncation.

    The grid's memory goes by this number, not by what is filled, and a grid that has to grow is slow.
    """
    size = voxel * BLOCK
    cells: list[NDArray[np.int64]] = []
    for frame in frames:
        points = world_points(_near(frame.strided(2) if min(frame.size) > 64 else frame, max_depth))
        if len(points):
            cells.append(np.unique(np.floor(points / size).astype(np.int64), axis=0))
    if not cells:
        return 0
    occupied = np.unique(np.concatenate(cells), axis=0)
    reach = int(np.ceil(truncation / size))
    steps = np.arange(-reach, reach + 1)
    offsets = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    grown = np.unique((occupied[:, None] + offsets).reshape(-1, 3), axis=0)
    return int(len(grown) * 1.25) + 64


def _named(frames: Sequence[DepthFrame]) -> str:
    return f"{len(frames)} frames from {frames[0].id}" if frames else "no frames"
