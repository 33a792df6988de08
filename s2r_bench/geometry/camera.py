"""Pinhole cameras: intrinsics, poses, pixel rays.

Pixel centres stand at integer coordinates everywhere in this package. Where Open3D wants them at i + 0.5
(`RaycastingScene.create_rays_pinhole`, `VoxelBlockGrid.integrate`), `shifted_half_pixel` converts.
"""

from collections.abc import Sequence

import numpy as np

from s2r_bench.types import FloatArray


def intrinsics(width: int, height: int, focal_px: float) -> FloatArray:
    """(3, 3) pinhole matrix with square pixels and the principal point in the middle of the image.

    With centres at integers the middle of W pixels is (W - 1) / 2, so the frame is seen symmetrically.

    Args:
        width: pixels.
        height: pixels.
        focal_px: focal length in pixels.
    """
    return np.array([[focal_px, 0, (width - 1) / 2], [0, focal_px, (height - 1) / 2], [0, 0, 1]], dtype=np.float64)


def shifted_half_pixel(K: FloatArray) -> FloatArray:
    """The same camera for a library whose pixel centres stand at i + 0.5: the principal point moves by +0.5."""
    moved = np.array(K, dtype=np.float64)
    moved[:2, 2] += 0.5
    return moved


def look_at(
    eye: Sequence[float] | FloatArray, target: Sequence[float] | FloatArray, up: Sequence[float] = (0.0, 1.0, 0.0)
) -> FloatArray:
    """(4, 4) world_from_cam of a camera at `eye` that looks at `target` (OpenCV axes: x right, y down, z forward).

    Args:
        eye: (3,) metres, world frame.
        target: (3,) metres, world frame.
        up: direction that appears upwards in the image; the world is y-up.

    Raises:
        ValueError: `eye` and `target` coincide, or the view runs along `up`.
    """
    eye_point = np.asarray(eye, dtype=np.float64)
    forward = np.asarray(target, dtype=np.float64) - eye_point
    right = np.cross(forward, np.asarray(up, dtype=np.float64))
    if np.linalg.norm(right) <= 1e-9 * max(float(np.linalg.norm(forward)), 1e-300):
        raise ValueError(f"look_at: the view from {eye_point} to {target} has no direction or runs along up {up}")
    forward /= np.linalg.norm(forward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2], pose[:3, 3] = right, np.cross(forward, right), forward, eye_point
    return pose


def pixel_rays(K: FloatArray, size: tuple[int, int]) -> FloatArray:
    """(H, W, 3) float64 directions in the camera frame with z = 1: a point is its z-depth times its ray.

    Args:
        K: (3, 3) intrinsics; skew is honoured.
        size: (height, width) in pixels.
    """
    height, width = size
    v = (np.arange(height) - K[1, 2]) / K[1, 1]
    u = (np.arange(width)[None, :] - K[0, 2] - K[0, 1] * v[:, None]) / K[0, 0]
    rays = np.empty((height, width, 3))
    rays[..., 0], rays[..., 1], rays[..., 2] = u, v[:, None], 1.0
    return rays


def project(points_cam: FloatArray, K: FloatArray) -> FloatArray:
    """(..., 2) pixel coordinates (u, v) of points (..., 3) in the camera frame; z must not be 0."""
    image = points_cam @ K.T
    return np.asarray(image[..., :2] / image[..., 2:3])
