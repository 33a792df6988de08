"""Depth maps as points: back-projection, normals, incidence angle, reprojection into another camera."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from s2r_bench.geometry.camera import pixel_rays
from s2r_bench.types import BoolArray, DepthArray, DepthFrame, FloatArray

if TYPE_CHECKING:
    import torch

Float32Array = NDArray[np.float32]


def back_project(depth: DepthArray, K: FloatArray) -> Float32Array:
    """(H, W, 3) float32 points in the camera frame, metres; (0, 0, 0) where there is no value.

    Args:
        depth: (H, W) z-depth in metres, 0 = no value.
        K: (3, 3) intrinsics, pixel centres at integer coordinates.
    """
    height, width = depth.shape
    v = ((np.arange(height) - K[1, 2]) / K[1, 1]).astype(np.float32)
    u = ((np.arange(width) - K[0, 2]) / K[0, 0]).astype(np.float32)
    points = np.empty((height, width, 3), dtype=np.float32)
    np.multiply(depth, v[:, None], out=points[..., 1])
    np.multiply(depth, u, out=points[..., 0])
    if K[0, 1] != 0:
        points[..., 0] -= np.float32(K[0, 1] / K[0, 0]) * points[..., 1]
    points[..., 2] = depth
    return points


def back_project_torch(depth: "torch.Tensor", K: "torch.Tensor") -> "torch.Tensor":
    """(B, 3, H, W) points in the camera frame, on the device and in the dtype of `depth`; 0 where there is no value.

    Args:
        depth: (B, H, W) z-depth in metres, 0 = no value.
        K: (B, 3, 3) intrinsics, or (3, 3) for all; pixel centres at integer coordinates.
    """
    import torch

    height, width = depth.shape[-2:]
    K = K.to(device=depth.device, dtype=torch.float64).expand(len(depth), 3, 3)[..., None, None]
    v = (torch.arange(height, device=depth.device, dtype=torch.float64)[:, None] - K[:, 1, 2]) / K[:, 1, 1]
    u = torch.arange(width, device=depth.device, dtype=torch.float64) - K[:, 0, 2] - K[:, 0, 1] * v
    rays = torch.stack([u / K[:, 0, 0], v.expand_as(u)], dim=1).to(depth.dtype)
    return torch.cat([rays * depth[:, None], depth[:, None]], dim=1)


def world_points(frame: DepthFrame) -> Float32Array:
    """(N, 3) float32 points of the frame's valid pixels, world frame, metres, in row order."""
    camera = back_project(frame.depth, frame.K)[frame.valid]
    pose = frame.world_from_cam
    return np.asarray(camera @ pose[:3, :3].T.astype(np.float32) + pose[:3, 3].astype(np.float32), dtype=np.float32)


def normals_from_depth(depth: DepthArray, K: FloatArray, max_jump: float = 0.05) -> Float32Array:
    """(H, W, 3) float32 unit normals in the camera frame, turned to the camera; 0 where they cannot be known.

    Tangents are central differences of the back-projected points, so a pixel's four neighbours must be valid and must
    not lie across a depth edge.

    Args:
        depth: (H, W) z-depth in metres, 0 = no value.
        K: (3, 3) intrinsics.
        max_jump: two opposite neighbours may differ by this share of the pixel's depth; beyond, an edge is assumed.
    """
    points = back_project(depth, K)
    normals = np.zeros_like(points)
    across = points[1:-1, 2:] - points[1:-1, :-2]
    down = points[2:, 1:-1] - points[:-2, 1:-1]
    normal = np.cross(down, across)  # (down x right) points to the camera for a surface that faces it
    length = np.linalg.norm(normal, axis=-1)
    known = _neighbours_known(depth, across[..., 2], down[..., 2], max_jump) & (length > 0)
    normal[known] /= length[known, None]
    normal[~known] = 0
    away = np.einsum("hwc,hwc->hw", normal, points[1:-1, 1:-1]) > 0
    np.negative(normal, where=away[..., None], out=normal)
    normals[1:-1, 1:-1] = normal
    return normals


def incidence_angle(depth: DepthArray, K: FloatArray, max_jump: float = 0.05) -> tuple[Float32Array, BoolArray]:
    """Angle between surface normal and view ray, from depth alone.

    Args:
        depth: (H, W) z-depth in metres, 0 = no value.
        K: (3, 3) intrinsics.
        max_jump: see `normals_from_depth`.

    Returns:
        (H, W) float32 radians in [0, pi/2], never NaN, and the (H, W) mask of pixels where it is known (0 elsewhere).
    """
    normals = normals_from_depth(depth, K, max_jump)
    rays = pixel_rays(K, (depth.shape[0], depth.shape[1])).astype(np.float32)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    known = np.any(normals != 0, axis=-1)
    cosine = np.clip(-np.einsum("hwc,hwc->hw", normals, rays), 0, 1)
    angle = np.where(known, np.arccos(cosine), 0).astype(np.float32)
    return angle, known


def warp_into(frame_a: DepthFrame, frame_b: DepthFrame) -> DepthArray:
    """The points of `frame_a` as `frame_b`'s camera would see them: nearest pixel, nearest point wins.

    Returns:
        (H, W) of `frame_b`, float32 z-depth in metres; 0 where no point lands.
    """
    cam_b_from_world = np.linalg.inv(frame_b.world_from_cam)
    points = world_points(frame_a) @ cam_b_from_world[:3, :3].T + cam_b_from_world[:3, 3]
    return projected(points, frame_b.K, frame_b.size)


def projected(points: FloatArray, K: FloatArray, size: tuple[int, int]) -> DepthArray:
    """(H, W) float32 z-depth of points (N, 3) in the camera frame: nearest pixel, nearest point; 0 where none lands.

    Args:
        points: metres; those behind the camera are left out.
        K: (3, 3) intrinsics, pixel centres at integer coordinates.
        size: (height, width) in pixels.
    """
    points = points[points[:, 2] > 1e-6]
    height, width = size
    image = points @ K.T
    pixel = np.rint(image[:, :2] / image[:, 2:])
    inside = (pixel >= 0).all(1) & (pixel[:, 0] < width) & (pixel[:, 1] < height)
    column, row = pixel[inside].astype(np.int64).T
    nearest = np.full(height * width, np.inf, dtype=np.float32)
    np.minimum.at(nearest, row * width + column, points[inside, 2].astype(np.float32))
    nearest[np.isinf(nearest)] = 0
    return nearest.reshape(height, width)


def _neighbours_known(
    depth: DepthArray, across_z: Float32Array, down_z: Float32Array, max_jump: float
) -> NDArray[np.bool_]:
    valid = depth > 0
    all_valid = valid[1:-1, 1:-1] & valid[1:-1, 2:] & valid[1:-1, :-2] & valid[2:, 1:-1] & valid[:-2, 1:-1]
    limit = max_jump * depth[1:-1, 1:-1]
    smooth: NDArray[np.bool_] = all_valid & (np.abs(across_z) < limit) & (np.abs(down_z) < limit)
    return smooth
