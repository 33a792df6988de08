"""Poses drawn to the fused model: every frame against the surface of all (point-to-plane ICP, Chen and Medioni 1991).

Published poses are off by a centimetre here and there. A surface fused with them is smeared, and the residual of a
pair then holds the pose's error rather than the sensor's.
"""

from collections.abc import Callable, Sequence

import numpy as np

from s2r_bench.geometry.fuse import voxel_mean
from s2r_bench.geometry.points import world_points
from s2r_bench.types import DepthFrame, FloatArray, Mesh

REACH_M = 0.03  # points farther from the model than that do not count
MODEL_VOXEL_M, POINTS = 0.015, 4000
MAX_SHIFT_M, MAX_TURN = 0.05, np.radians(3.0)  # a larger correction is not believed
MIN_FITNESS = 0.5  # share of points that must lie near the model


def refine_poses(
    frames: Sequence[DepthFrame], model: Mesh, max_depth: float, progress: Callable[[int, int], None] | None = None
) -> tuple[list[FloatArray], int]:
    """Poses (4, 4) of the frames after alignment with the model, and how many were changed.

    A frame keeps its pose where too few of its points lie near the model, or the correction is implausibly large.

    Args:
        frames: with the poses that the model was fused with.
        model: fused surface, world frame, metres.
        max_depth: farther values are left out, metres.
        progress: called with frames done and frames in all.
    """
    target = _model_cloud(model)
    poses: list[FloatArray] = []
    changed = 0
    for index in range(len(frames)):
        frame = frames[index]
        correction = _correction(frame, target, max_depth)
        changed += correction is not None
        pose = frame.world_from_cam if correction is None else correction @ frame.world_from_cam
        poses.append(pose)
        if progress is not None:
            progress(index + 1, len(frames))
    return poses, changed


def _model_cloud(model: Mesh) -> object:
    import open3d as o3d

    mesh = o3d.geometry.TriangleMesh()
    mesh.vertices = o3d.utility.Vector3dVector(model.vertices)
    mesh.triangles = o3d.utility.Vector3iVector(model.faces.astype(np.int32))
    mesh.compute_vertex_normals()
    cloud = o3d.geometry.PointCloud(mesh.vertices)
    cloud.normals = mesh.vertex_normals
    return cloud.voxel_down_sample(MODEL_VOXEL_M)


def _correction(frame: DepthFrame, target: object, max_depth: float) -> FloatArray | None:
    import open3d as o3d

    thin = frame.strided(4 if min(frame.size) > 240 else 1)
    near = thin.with_depth(np.where(thin.depth <= max_depth, thin.depth, np.float32(0)))
    points = world_points(near).astype(np.float64)
    if len(points) < 100:
        return None
    points = voxel_mean(points, 0.02)
    points = points[:: max(1, len(points) // POINTS)]
    source = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points))
    found = o3d.pipelines.registration.registration_icp(
        source,
        target,
        REACH_M,
        np.eye(4),
        o3d.pipelines.registration.TransformationEstimationPointToPlane(),
        o3d.pipelines.registration.ICPConvergenceCriteria(max_iteration=20),
    )
    move = np.asarray(found.transformation)
    # how far the frame's own points move, not its origin: the world's origin may be far away
    shift = float(np.linalg.norm(points.mean(0) @ move[:3, :3].T + move[:3, 3] - points.mean(0)))
    turn = float(np.arccos(np.clip((np.trace(move[:3, :3]) - 1) / 2, -1, 1)))
    if found.fitness < MIN_FITNESS or shift > MAX_SHIFT_M or turn > MAX_TURN:
        return None
    return move
