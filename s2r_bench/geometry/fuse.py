"""Fusing depth frames: a truncated signed distance field gives a mesh, back-projection gives points."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.geometry.camera import shifted_half_pixel
from s2r_bench.geometry.crop import inside_box
from s2r_bench.geometry.order import ordered_mesh
from s2r_bench.geometry.points import world_points
from s2r_bench.types import DepthArray, DepthFrame, FloatArray, Mesh

OPEN3D_STRIDE = 4  # pixels between the rays by which VoxelBlockGrid finds the blocks of an image
BLOCK = 8  # voxels along a block; 16 takes twice the time and eight times the memory for the same surface


def fuse_tsdf(
    frames: Sequence[DepthFrame],
    voxel: float = 0.01,
    truncation: float = 0.04,
    max_depth: float = 4.8,
    box: FloatArray | None = None,
) -> Mesh:
    """Fuse frames into a mesh, world frame, metres (Curless and Levoy 1996; Open3D's VoxelBlockGrid).

    The defaults are those of the paper's fusion script: 1 cm voxels, 4 cm truncation, nothing beyond 4.8 m.
    Open3D's `ScalableTSDFVolume` is not used: in 0.20 it integrates nothing and does not say so.

    Args:
        frames: depth maps with poses.
        voxel: edge of a voxel, metres.
        truncation: distance at which the field is cut, metres.
        max_depth: farther values are ignored, metres.
        box: (2, 3); the surface is wanted within it only. It is the same there as without a box, and some of what
            lies around comes too; but nothing far from it is computed.

    Returns:
        Vertices and faces in an order that depends on their values alone: same frames, same bytes.

    Raises:
        DataError: no frame, no value nearer than `max_depth`, or no surface in what was seen.
    """
    import open3d as o3d

    touched = [_touched(frame, voxel, truncation, max_depth, box) for frame in frames]
    # the grid's memory goes by its number of blocks, not by what is filled, and a grid that has to grow is slow
    blocks = len(np.unique(np.concatenate([_code(cells) for cells in touched]))) if touched else 0
    if blocks == 0:
        raise DataError(f"{_named(frames)}: nothing to fuse, no frame has a depth {_where(max_depth, box)}")
    grid = _grid(voxel, blocks)
    for frame, cells in zip(frames, touched, strict=True):
        if len(cells):
            # the multiplier must be a float: an int picks another overload
            camera = _camera(frame.depth, frame.K, frame.world_from_cam)
            grid.integrate(o3d.core.Tensor.from_numpy(cells), *camera, 1.0, max_depth, float(truncation / voxel))
    mesh = grid.extract_triangle_mesh(0.0)
    if "indices" not in mesh.triangle or len(mesh.triangle.indices) == 0:
        raise DataError(
            f"{_named(frames)}: fusion at {voxel} m voxels gave no surface; "
            "are the poses camera-to-world (OpenCV axes, metres) and the depths metres?"
        )
    return ordered_mesh(mesh.vertex.positions.numpy(), mesh.triangle.indices.numpy())


def fuse_points(
    frames: Sequence[DepthFrame], voxel: float, max_depth: float = 4.8, box: FloatArray | None = None
) -> FloatArray:
    """(N, 3) float64 points, world frame: all valid pixels back-projected, one point (their mean) per voxel.

    The order is that of the voxels (x, then y, then z), so it does not depend on the order of the frames.

    Args:
        frames: depth maps with poses.
        voxel: edge of a voxel, metres.
        max_depth: farther values are ignored, metres.
        box: (2, 3); only points within it.

    Raises:
        DataError: no frame holds a value nearer than `max_depth` (within the box).
    """
    clouds = [np.zeros((0, 3), dtype=np.float32)]
    for frame in frames:
        cloud = world_points(_near(frame, max_depth))
        clouds.append(cloud if box is None else cloud[inside_box(cloud, box)])
    points = np.concatenate(clouds).astype(np.float64)
    if len(points) == 0:
        raise DataError(f"{_named(frames)}: nothing to fuse, no frame has a depth {_where(max_depth, box)}")
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


def _near(frame: DepthFrame, max_depth: float) -> DepthFrame:
    return frame.with_depth(np.where(frame.depth <= max_depth, frame.depth, np.float32(0)))


def _grid(voxel: float, blocks: int) -> Any:
    import open3d as o3d

    kinds, channels = (o3d.core.float32, o3d.core.float32), (o3d.core.SizeVector([1]), o3d.core.SizeVector([1]))
    return o3d.t.geometry.VoxelBlockGrid(("tsdf", "weight"), kinds, channels, voxel, BLOCK, blocks)


def _camera(depth: DepthArray, K: FloatArray, world_from_cam: FloatArray) -> tuple[Any, Any, Any]:
    """Image, intrinsics and extrinsics as the grid takes them: its pixel centres stand at i + 0.5."""
    import open3d as o3d

    from_numpy = o3d.core.Tensor.from_numpy
    image = o3d.t.geometry.Image(from_numpy(np.ascontiguousarray(depth)))
    return image, from_numpy(shifted_half_pixel(K)), from_numpy(np.linalg.inv(world_from_cam))


def _touched(
    frame: DepthFrame, voxel: float, truncation: float, max_depth: float, box: FloatArray | None
) -> NDArray[np.int32]:
    """(N, 3) the blocks within the truncation of a frame's surface (and of the box).

    Open3D looks at every fourth pixel only. Where four pixels are wider than half a block, blocks would be missed and
    holes left (at 128x96 half of a wall at 4 m), so the image is enlarged first.
    """
    near = _near(frame, max_depth)
    size = voxel * BLOCK
    width = OPEN3D_STRIDE * float(near.depth.max()) / min(frame.K[0, 0], frame.K[1, 1])
    if width == 0:
        return np.zeros((0, 3), dtype=np.int32)
    times = max(1, int(np.ceil(width / (size / 2))))
    depth = near.depth.repeat(times, axis=0).repeat(times, axis=1)
    K = shifted_half_pixel(frame.K)  # in this convention an image enlarged n times has n times the intrinsics
    K[:2] *= times
    K[:2, 2] -= 0.5
    camera = _camera(depth, K, frame.world_from_cam)
    cells: NDArray[np.int32] = (
        _grid(voxel, 1).compute_unique_block_coordinates(*camera, 1.0, max_depth, float(truncation / voxel)).numpy()
    )
    if box is not None:
        reach = np.floor(box / size)
        reach[0] -= 1  # the surface in a block reads the neighbouring blocks too
        reach[1] += 1
        cells = cells[inside_box(cells, reach)]
    return np.ascontiguousarray(cells)


def _code(cells: NDArray[np.int32]) -> NDArray[np.int64]:
    """(N,) one number for each cell (N, 3); far quicker to compare than rows."""
    x, y, z = cells.T.astype(np.int64)
    return np.asarray((x << 42) + (y << 21) + z)


def _where(max_depth: float, box: FloatArray | None) -> str:
    return f"between 0 and {max_depth} m" + ("" if box is None else f" in the box {box.round(2).tolist()}")


def _named(frames: Sequence[DepthFrame]) -> str:
    return f"{len(frames)} frames from {frames[0].id}" if frames else "no frames"
