"""The views of one place or object fused into a cloud, lit, as a file for the page and as a still picture.

The paper shows its samples "in 3D format". As with single views (`render`), nothing but the depth may tell sources
apart: voxel, colours, space, viewpoint and size of points come from the *clean* depth, depth is rounded to the
millimetre and masked where there is no clean depth, and every file holds as many points (where fewer were measured,
some twice).

A file, little-endian: POINTS times three uint16, position in a cube of 2 REACH about the middle of the clean points,
whose longest side is 2; POINTS times three uint8, colour; a float32, the width of a point. x right, y up, z towards
the viewer.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from s2r_bench.geometry.fuse import fuse_points
from s2r_bench.seeds import rng_of
from s2r_bench.types import DepthFrame, FloatArray
from s2r_reports._study.render import FILLED, HOLE, LIGHT, MILLIMETRE, Image, squares

POINTS = 12_000
REACH = 1.6  # of the file's cube; what lies beyond is put on its side
DENSE = 3.4  # a point's width where POINTS cover a square of the cube's side is that by the root of their number
VOXELS_ALONG = 250  # of the clean cloud's longest side
FINEST, COARSEST = 0.003, 0.02  # metres, of a voxel
NEIGHBOURS = 20  # that give a point's normal
# yaw and pitch of the still picture's two halves; the page opens at the first
SIDES_DEG = ((24.0, 16.0), (-48.0, 28.0))
STILL = 480  # width and height of either half, pixels
OUTLIERS = 0.005  # share of the clean points at either end of an axis that do not count for the space


def cloud(view: str, clean: Sequence[DepthFrame], shown: Sequence[DepthFrame]) -> bytes:
    """The file of a fused cloud.

    Args:
        view: its name, which decides which points are drawn.
        clean: frames of one place or object, with poses.
        shown: what is fused, frame by frame of the same cameras.

    Raises:
        DataError: neither side has any depth, or the shown one has none.
    """
    frames = [_masked(one, other) for one, other in zip(clean, shown, strict=True)]
    every = fuse_points(clean, FINEST, np.inf)
    local = _upright(every, clean)
    low, high = np.quantile(local, [OUTLIERS, 1 - OUTLIERS], axis=0)
    half = max(float((high - low).max()) / 2, 1e-6)
    voxel = float(np.clip(2 * half / VOXELS_ALONG, FINEST, COARSEST))
    points = (_upright(fuse_points(frames, voxel, np.inf), clean) - (low + high) / 2) / half
    eye = (_upright(clean[len(clean) // 2].world_from_cam[None, :3, 3], clean) - (low + high) / 2)[0] / half
    colours = _colours(points, eye)
    kept = np.resize(rng_of("study", "cloud", view).permutation(len(points))[:POINTS], POINTS)
    steps = np.round((np.clip(points[kept], -REACH, REACH) + REACH) / (2 * REACH) * 65535)
    width = DENSE / np.sqrt(min(POINTS, len(fuse_points(clean, voxel, np.inf))))
    return b"".join((steps.astype("<u2").tobytes(), colours[kept].tobytes(), np.array(width, "<f4").tobytes()))


def read(data: bytes) -> tuple[FloatArray, NDArray[np.uint8], float]:
    """(POINTS, 3) positions and colours of a file, and the width of a point."""
    steps = np.frombuffer(data, "<u2", 3 * POINTS).reshape(-1, 3)
    colours = np.frombuffer(data, np.uint8, 3 * POINTS, 6 * POINTS).reshape(-1, 3)
    width = float(np.frombuffer(data, "<f4", 1, 9 * POINTS)[0])
    return steps.astype(np.float64) / 65535 * 2 * REACH - REACH, colours, width


def still(data: bytes) -> Image:
    """(STILL, 2 STILL, 3) uint8: the cloud of a file from two sides, for pages that cannot draw it."""
    points, colours, width = read(data)
    return np.concatenate([_from(points, colours, width, *side) for side in SIDES_DEG], axis=1)


def _masked(clean: DepthFrame, shown: DepthFrame) -> DepthFrame:
    rounded = np.rint(shown.depth / MILLIMETRE) * MILLIMETRE
    return clean.with_depth(np.where(clean.depth > 0, rounded, 0).astype(np.float32))


def _upright(points: FloatArray, frames: Sequence[DepthFrame]) -> FloatArray:
    """(N, 3) world -> right, up, towards the viewer, of the middle frame's camera."""
    world_from_cam = frames[len(frames) // 2].world_from_cam
    local = (points - world_from_cam[:3, 3]) @ world_from_cam[:3, :3]
    return np.asarray(local * np.array([1.0, -1.0, -1.0]))


def _colours(points: FloatArray, eye: FloatArray) -> NDArray[np.uint8]:
    """(N, 3): near is bright, far is dark, lit from above and behind a viewer at `eye`."""
    from matplotlib import colormaps

    share = np.clip((points[:, 2] + 1) / 2, 0, 1)
    base = colormaps["viridis"](0.3 + 0.65 * share)[:, :3]
    lamp = LIGHT * np.array([1.0, -1.0, -1.0]) / np.linalg.norm(LIGHT)
    light = 0.5 + 0.5 * np.clip(_normals(points, eye) @ lamp, 0, 1)
    return np.asarray((base * light[:, None] * 255).round(), np.uint8)


def _normals(points: FloatArray, eye: FloatArray) -> FloatArray:
    """(N, 3) unit normals of the plane through each point's neighbours, towards `eye`."""
    import open3d as o3d

    made = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points))
    made.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(NEIGHBOURS))
    normals = np.asarray(made.normals)
    away = ((eye - points) * normals).sum(1) < 0
    return np.asarray(np.where(away[:, None], -normals, normals))


def _from(points: FloatArray, colours: NDArray[np.uint8], width: float, yaw_deg: float, pitch_deg: float) -> Image:
    """(STILL, STILL, 3): the points from one side, without perspective, near ones over far ones."""
    yaw, pitch = np.radians(yaw_deg), np.radians(pitch_deg)
    turn = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    tilt = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    seen = points @ (tilt @ turn).T
    scale = FILLED / np.sqrt(2) * STILL / 2  # so that the cube of the clean points fits, however it is turned
    at = seen[:, :2] * np.array([1.0, -1.0]) * scale + STILL / 2
    row, column, which = squares(at, np.full(len(at), max(1.0, width * scale)), (STILL, STILL))
    order = np.argsort(seen[which, 2], kind="stable")  # far first: where points meet, the last one written stays
    image = np.full((STILL, STILL, 3), HOLE, dtype=np.uint8)
    image[row[order], column[order]] = colours[which[order]]
    return image
