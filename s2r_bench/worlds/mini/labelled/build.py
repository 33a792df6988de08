"""Captures the labelled rooms and keeps them: a file a room, `rooms.json` last, so that a killed run loses one room.

    HOME/worlds/mini/KEY/rooms-KEY/Area_1_room_01.npz     points (N, 3) float32 metres, z up; labels (N,) uint8;
                                                          instances (N,) int32; no pickle
    HOME/worlds/mini/KEY/rooms-KEY/rooms.json             classes, sensor, and for each room its points and their hash

A captured point is labelled by what it truly lies on. Where the sensor's depth agrees with the true one, that is what
the pixel's ray meets. Where it does not (an edge that was fattened over what is behind it), it is the nearest surface;
a point that is near none was made up, and is left out. Then the points of each voxel become one, of the label that
most of them have.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench import workers
from s2r_bench.data.s3dis.classes import area_of
from s2r_bench.data.s3dis.room import Room, RoomSet
from s2r_bench.errors import DataError
from s2r_bench.files import held, read_json, sha256, whole, write_json
from s2r_bench.geometry.camera import intrinsics
from s2r_bench.geometry.points import world_points
from s2r_bench.seeds import seed_of
from s2r_bench.types import DepthFrame, FloatArray
from s2r_bench.worlds.mini.build import capture_frame
from s2r_bench.worlds.mini.labelled.areas import LABELLED_CLASSES, room_names
from s2r_bench.worlds.mini.labelled.interiors import Interior, make_interior
from s2r_bench.worlds.mini.labelled.stands import stand_poses
from s2r_bench.worlds.mini.options import MiniOptions
from s2r_bench.worlds.mini.scene import Stage

SCHEMA = 1
INDEX = "rooms.json"
AGREES_M = 0.10  # of captured and true depth: more than the sensor errs on a plane, less than furniture stands apart
NOTHING_M = 0.20  # farther from any surface is a point that lies on none
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # (x, y up, z) to (x, -z, y)


def labelled_rooms(options: MiniOptions, folder: Path) -> RoomSet:
    """The rooms in `folder`, made now as far as they are not there.

    Raises:
        EnvironmentLacksError: a generating process died.
        DataError: the index is damaged, or of other rooms.
    """
    if not (folder / INDEX).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder.with_name(folder.name + ".lock")):
            if not (folder / INDEX).is_file():
                _build(options, folder)
    names = room_names(options.labelled.rooms)
    found = read_json(folder / INDEX)
    if found.get("schema") != SCHEMA or list(found.get("rooms", {})) != list(names):
        raise DataError(f"{folder / INDEX} is not the index of {len(names)} labelled rooms; delete {folder}")
    paths = {name: folder / f"{name}.npz" for name in names}
    return RoomSet(LABELLED_CLASSES, paths, read_room, options.labelled_key)


def read_room(path: Path) -> Room:
    """The room in a file.

    Raises:
        DataError: missing or damaged; the message names the file and what to do.
    """
    remedy = f"delete {path} and {path.with_name(INDEX).name} beside it and run again"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            points, labels, instances = (arrays[name] for name in ("points", "labels", "instances"))
        if points.dtype != np.float32 or not np.isfinite(points).all():
            raise ValueError("points are not finite float32")
        return Room(
            path.stem,
            points.astype(np.float64),
            None,
            labels.astype(np.uint8),
            instances.astype(np.int64),
            classes=LABELLED_CLASSES,
        )
    except Exception as wrong:  # NumPy and zipfile have many for a damaged file
        raise DataError(f"{path} is missing or damaged ({wrong}); {remedy}") from None


def build_room(name: str, options: MiniOptions, folder: Path) -> None:
    """Capture a room and write its file, unless it is there."""
    import cv2

    path = folder / f"{name}.npz"
    if path.is_file():
        return
    cv2.setNumThreads(1)
    interior = make_interior(options, area_of(name), int(name.rpartition("_")[2]) - 1)
    points, labels, instances = captured_points(options, interior)
    with whole(path) as part, part.open("wb") as stream:
        np.savez_compressed(stream, points=points, labels=labels, instances=instances)


def captured_points(
    options: MiniOptions, interior: Interior
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.int32]]:
    """Points (N, 3) of all views, z up, one a voxel, with class and instance."""
    stage, surfaces = Stage(interior.scene), _Surfaces(interior)
    clouds, bodies = [], []
    for frame in stand_frames(options, stage, interior.size):
        seen = capture_frame(options, stage, frame, options.seed)
        captured = frame.with_depth(seen.captured)
        agrees = (np.abs(seen.captured - seen.clean) <= AGREES_M)[captured.valid]
        met = stage.rays.render(frame.K, frame.world_from_cam, frame.size).instance[captured.valid]
        points = world_points(captured)
        nearest, away = surfaces.nearest(points)
        kept = agrees | (away <= NOTHING_M)
        clouds.append(points[kept])
        bodies.append(np.where(agrees, met, nearest)[kept])
    means, body = fused(np.concatenate(clouds), np.concatenate(bodies), options.labelled.voxel)
    labels = np.array(interior.classes, dtype=np.uint8)[body]
    return (means @ Z_UP.T).astype(np.float32), labels, stage.instance[body].astype(np.int32)


def stand_frames(options: MiniOptions, stage: Stage, size: tuple[float, float, float]) -> list[DepthFrame]:
    """The cameras of a room as frames without depth yet; a stand is a session of its own."""
    scene, sizes = stage.scene.id, options.labelled
    poses = stand_poses(stage, size, sizes.stands, sizes.views, seed_of(options.seed, "stands", scene))
    K = intrinsics(options.width, options.height, options.focal_px)
    empty = np.zeros(options.size, np.float32)
    return [
        DepthFrame(empty, K, pose, scene, f"stand-{stand}", f"{scene}-s{stand}-v{view:03d}")
        for stand, views in enumerate(poses)
        for view, pose in enumerate(views)
    ]


def fused(points: NDArray[np.float32], bodies: NDArray[np.int32], voxel: float) -> tuple[FloatArray, NDArray[np.int64]]:
    """One point for each occupied voxel: the mean (M, 3) of those that most of its points belong to, and their body.

    >>> points = np.array([[0.1, 0, 0], [0.2, 0, 0], [0.6, 0, 0], [1.5, 0, 0]], np.float32)
    >>> fused(points, np.array([7, 7, 3, 3], np.int32), 1.0)[1].tolist()
    [7, 3]
    """
    cells = np.floor(points / voxel).astype(np.int64)
    cells -= cells.min(0)
    extent = cells.max(0) + 1
    code = (cells[:, 0] * extent[1] + cells[:, 1]) * extent[2] + cells[:, 2]
    pairs, inverse, count = np.unique(code * (bodies.max() + 1) + bodies, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(inverse, weights=points[:, axis]) for axis in range(3)], axis=1)
    voxels, body = np.divmod(pairs, bodies.max() + 1)
    # by voxel, then the largest count first; of equals the body of the lower number
    order = np.lexsort((body, -count, voxels))
    kept = order[np.unique(voxels[order], return_index=True)[1]]
    return np.asarray(sums[kept] / count[kept, None]), body[kept].astype(np.int64)


class _Surfaces:
    """The nearest body of points."""

    def __init__(self, interior: Interior) -> None:
        import open3d as o3d

        self._scene: Any = o3d.t.geometry.RaycastingScene()
        self._tensor: Any = o3d.core.Tensor
        for body in interior.scene.bodies:
            vertices = np.ascontiguousarray(body.mesh.vertices, dtype=np.float32)
            faces = np.ascontiguousarray(body.mesh.faces, dtype=np.uint32)
            self._scene.add_triangles(self._tensor.from_numpy(vertices), self._tensor.from_numpy(faces))

    def nearest(self, points: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """(N,) number of the nearest body, and how far it is, metres."""
        if not len(points):
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        answer = self._scene.compute_closest_points(self._tensor.from_numpy(np.ascontiguousarray(points)))
        away = np.linalg.norm(answer["points"].numpy() - points, axis=1)
        return answer["geometry_ids"].numpy().astype(np.int32), away.astype(np.float32)


def _build(options: MiniOptions, folder: Path) -> None:
    names = room_names(options.labelled.rooms)
    make = partial(build_room, options=options, folder=folder)
    workers.each(make, names, workers.count(options.workers), "capturing the labelled rooms")
    rooms: dict[str, Any] = {}
    for name in names:
        path = folder / f"{name}.npz"
        rooms[name] = {"points": len(read_room(path).points), "sha256": sha256(path)}
    about = {"sensor": "virtual sensor", "up": "z", "classes": list(LABELLED_CLASSES)}
    write_json(folder / INDEX, {"schema": SCHEMA, **about, "rooms": rooms})
