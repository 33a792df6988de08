"""Clouds of which each point is known to be the object's or not, fused from views and kept as PLY.

The PLY is binary little-endian with the properties x, y, z (float32 metres) and `object` (uchar, 1 or 0), which mesh
viewers show and `s2r_bench.geometry.io.read_cloud` passes over.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from s2r_bench.errors import DataError
from s2r_bench.files import write_bytes
from s2r_bench.geometry.crop import inside_box
from s2r_bench.geometry.points import world_points
from s2r_bench.types import BoolArray, DepthFrame, FloatArray
from s2r_bench.worlds.mini.scans import fused

AGREES_M = 0.10  # of simulated and clean depth: what the ray met is then what was measured
FARTHEST_M = 4.8  # as `fuse_points`
_ROW = np.dtype([("xyz", "<f4", (3,)), ("object", "u1")])
_HEADER = (
    "ply\nformat binary_little_endian 1.0\nelement vertex {count}\nproperty float x\nproperty float y\n"
    "property float z\nproperty uchar object\nend_header\n"
)


def fuse_labelled(
    clean: Sequence[DepthFrame],
    own: Sequence[BoolArray],
    simulated: Sequence[DepthFrame],
    nearer: Callable[[FloatArray], BoolArray],
    voxel: float,
    box: FloatArray,
) -> tuple[FloatArray, BoolArray]:
    """The points (N, 3) of all simulated views within a box, one a voxel, and which of them are the object's.

    A point is what its ray met where simulated and clean depth agree within 10 cm, else (fattened edges, what a
    simulator made up) what is nearest to it. Of a voxel's points the majority decides.

    Args:
        clean: the views as they were rendered.
        own: (H, W) for each, where the object is what the ray met.
        simulated: the same views, simulated.
        nearer: of points (N, 3), frame of the poses, whether the object is nearer than everything else.
        voxel: edge, metres.
        box: (2, 3), frame of the poses.

    Raises:
        DataError: no point lies in the box.
    """
    clouds, owners = [np.zeros((0, 3))], [np.zeros(0, dtype=np.bool_)]
    for before, met, after in zip(clean, own, simulated, strict=True):
        frame = after.with_depth(np.where(after.depth <= FARTHEST_M, after.depth, np.float32(0)))
        points = world_points(frame).astype(np.float64)
        inside = inside_box(points, box)
        agrees = (np.abs(frame.depth - before.depth) <= AGREES_M)[frame.valid][inside]
        owner, points = met[frame.valid][inside], points[inside]
        owner[~agrees] = nearer(points[~agrees])
        clouds.append(points)
        owners.append(owner)
    points = np.concatenate(clouds)
    if len(points) == 0:
        raise DataError(f"{simulated[0].scene}: nothing to fuse, no simulated point lies in {box.round(2).tolist()}")
    return fused(points, np.concatenate(owners), voxel)


def write_labelled_cloud(path: Path, points: FloatArray, on_object: BoolArray) -> None:
    """Write points (N, 3) and which are the object's (N,), whole or not at all."""
    rows = np.empty(len(points), dtype=_ROW)
    rows["xyz"], rows["object"] = points, on_object
    write_bytes(path, _HEADER.format(count=len(points)).encode() + rows.tobytes())


def read_labelled_cloud(path: Path) -> tuple[FloatArray, BoolArray]:
    """(N, 3) float64 points and (N,) which are the object's, as `write_labelled_cloud` writes them.

    Raises:
        DataError: no such file, or another one.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}; expected a labelled cloud (PLY)")
    head, found, body = path.read_bytes().partition(b"end_header\n")
    count = len(body) // _ROW.itemsize
    if not found or head + found != _HEADER.format(count=count).encode() or len(body) % _ROW.itemsize:
        raise DataError(f"{path} is truncated, or no labelled cloud: expected x, y, z and object, binary little-endian")
    rows = np.frombuffer(body, dtype=_ROW)
    return rows["xyz"].astype(np.float64), rows["object"] == 1
