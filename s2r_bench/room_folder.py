"""Rooms of a data set, in which a CAD model takes the place of an object of its category.

    ROOMS/NAME/room.json      {"mesh": "room.ply", "boxes": [{"category": "chair", "centre": [x, y, z],
                               "size": [width, height, depth], "yaw_deg": 0}, ...]}
    ROOMS/NAME/room.ply       the room with all that stands in it (OBJ, GLB, OFF or PLY)
    ROOMS/NAME/cameras.json   poses that were recorded in it, if there are: the cameras file of a pair folder

Metres, y up, one frame for mesh, boxes and poses. A box's width runs along x, its depth along z, its front is +z,
before it is turned about y by `yaw_deg` (positive turns z towards x). The mesh's faces within the box go, and the model
stands on the middle of the box's bottom face, front to front, in its own size: boxes are preferred whose sides are
within 30 % of the model's. Of recorded cameras only the poses are taken, with the intrinsics of the simulated sensor.
Rooms of LASA need no such files: `s2r_bench.data.lasa.rooms`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.cad.formats import read_mesh
from s2r_bench.embedding import DISTANCES, Place, inverse_rigid, standing_pose, used_part
from s2r_bench.errors import DataError
from s2r_bench.files import read_json, sha256
from s2r_bench.records import content_key
from s2r_bench.seeds import rng_of, seed_of
from s2r_bench.staging import Scene, object_box
from s2r_bench.types import BoolArray, CadModel, FloatArray, Mesh
from s2r_bench.worlds.mini.cameras import arc_poses
from s2r_bench.worlds.mini.scene import Body, Material, Stage
from s2r_bench.worlds.mini.scene import Scene as RoomScene
from s2r_bench.worlds.pair_folder import read_cameras

INDEX = "room.json"
FITS = 1.3
CLEARED = 1.1  # of the box whose faces go: a reconstructed object swells over its box
ON_FLOOR_M = 0.02  # faces so low in the box are the floor's, and stay
REACH_M = (0.4, 5.0)  # of a recorded camera from the box: LASA's
CANDIDATES = 3  # recorded poses for each view that is wanted
_PLASTER = Material(0.5)


@dataclass(frozen=True, eq=False)
class Box:
    """Where an object stands in a room.

    Attributes:
        category: of the object.
        room_from_box: (4, 4): origin in the middle of the bottom face, y up, front +z.
        size: (3,) width, height, depth in metres.
    """

    category: str
    room_from_box: FloatArray
    size: FloatArray


@dataclass(frozen=True, eq=False)
class Room:
    """One room: where its mesh lies, its boxes, and the poses (N, 4, 4) that were recorded in it, if there are."""

    name: str
    mesh: Path
    boxes: tuple[Box, ...]
    poses: FloatArray


@dataclass(frozen=True, eq=False)
class Rooms:
    """The rooms of a folder, and a digest of all their files."""

    root: Path
    rooms: tuple[Room, ...]
    digest: str


def read_rooms(root: Path) -> Rooms:
    """The rooms in a folder, in the order of their names; meshes are read when they are needed.

    Raises:
        DataError: no room, or one that is not as it should be; the message names the file.
    """
    indices = sorted(root.glob(f"*/{INDEX}")) if root.is_dir() else []
    if not indices:
        raise DataError(f"{root} holds no room: expected {root}/NAME/{INDEX} (docs/data.md says what it holds)")
    rooms = tuple(_room(path) for path in indices)
    files = [file for room in rooms for file in (room.mesh, *sorted(room.mesh.parent.glob("*.json")))]
    digest = content_key([[file.relative_to(root).as_posix(), sha256(file)] for file in files])
    return Rooms(root, rooms, digest)


def in_recorded_room(model: CadModel, rooms: Rooms, seed: int) -> Place:
    """A model in the place of an object of its category.

    Args:
        model: any mesh; it stands on the box's bottom face with its lowest point.
        rooms: where.
        seed: decides the box and the cameras, together with the model's id.

    Raises:
        DataError: no faces, no furniture's size, no box of this category, or a room whose mesh cannot be read.
    """
    box = object_box(model)
    room, spot = chosen_box(model, box, rooms, seed)
    standing = standing_pose(box)
    target = used_part(model.mesh).moved(standing)
    around = _cleared(
        _mesh_of(room.mesh).moved(inverse_rigid(spot.room_from_box)), np.maximum(spot.size, np.ptp(box, 0))
    )
    bodies = (Body(around, _PLASTER, 0), Body(target, _PLASTER, 1))
    bounds = target.bounds
    scene = RoomScene(room.name, bodies, ("room", model.id), bounds.mean(0), float(np.linalg.norm(np.ptp(bounds, 0))))
    stage = Stage(scene)
    poses = _near(inverse_rigid(spot.room_from_box) @ room.poses, bounds.mean(0))

    def path(views: int, attempt: int) -> Sequence[FloatArray]:
        if len(poses):
            return recorded_poses(poses, CANDIDATES * views, attempt)
        seeds = seed_of(seed, "room path", model.id, attempt)
        return arc_poses(stage, views, seeds, DISTANCES[attempt % len(DISTANCES)])

    cad_from_place = inverse_rigid(standing)
    placed = Scene((used_part(model.mesh), around.moved(cad_from_place)), box, None)
    return Place(placed, stage.rays, stage.instance == 1, bounds, cad_from_place, path)


def chosen_box(model: CadModel, box: FloatArray, rooms: Rooms, seed: int) -> tuple[Room, Box]:
    """A box for a model whose own box is (2, 3): drawn from those that fit, else the one that fits best."""
    found = [(room, one) for room in rooms.rooms for one in room.boxes if one.category == model.category]
    if not found:
        raise DataError(f"{model.id}: no room in {rooms.root} has a box of category {model.category!r} to put it into")
    misfit = [float(np.abs(np.log(np.ptp(box, 0).clip(1e-3) / one.size)).max()) for _, one in found]
    fitting = [one for one, off in zip(found, misfit, strict=True) if off <= np.log(FITS)]
    if not fitting:
        return found[int(np.argmin(misfit))]
    return fitting[int(rng_of(seed, "box", model.id).integers(len(fitting)))]


def recorded_poses(poses: FloatArray, count: int, attempt: int) -> Sequence[FloatArray]:
    """At most `count` of the poses (N, 4, 4), evenly spaced in time; others with each attempt where there are more."""
    step = max(1.0, len(poses) / count)
    first = (attempt * 0.382) % 1 * step  # golden section: later attempts fall between earlier ones
    index = np.unique(np.minimum(first + step * np.arange(min(count, len(poses))), len(poses) - 1).astype(int))
    return list(poses[index])


def _near(poses: FloatArray, target: FloatArray) -> FloatArray:
    """The poses from which the target is ahead, not far to the side and at a fitting distance."""
    there = np.einsum("nij,ni->nj", poses[:, :3, :3], target - poses[:, :3, 3])
    away = np.linalg.norm(there, axis=1)
    good = (away >= REACH_M[0]) & (away <= REACH_M[1]) & (np.abs(there[:, :2]).max(1, initial=0) < there[:, 2])
    return np.asarray(poses[good])


def _cleared(mesh: Mesh, size: FloatArray) -> Mesh:
    """The mesh, box frame, without what stands in the box of this size."""
    middle = mesh.vertices[mesh.faces].mean(1)
    half = CLEARED * size / 2
    inside: BoolArray = (np.abs(middle[:, [0, 2]]) <= half[[0, 2]]).all(1)
    inside &= (middle[:, 1] > ON_FLOOR_M) & (middle[:, 1] <= CLEARED * size[1])
    return used_part(Mesh(mesh.vertices, mesh.faces[~inside]))


@lru_cache(maxsize=2)
def _mesh_of(path: Path) -> Mesh:
    return read_mesh(path)


def _room(index: Path) -> Room:
    fields = read_json(index)
    mesh = index.parent / str(fields.get("mesh", "room.ply"))
    if not mesh.is_file():
        raise DataError(f"{index}: its mesh {mesh} is missing")
    try:
        boxes = tuple(_box(one) for one in fields["boxes"])
    except (KeyError, TypeError, ValueError) as wrong:
        raise DataError(f"{index}: expected boxes with category, centre, size and yaw_deg ({wrong})") from None
    poses = np.zeros((0, 4, 4))
    if (index.parent / "cameras.json").is_file():
        poses = np.stack([entry.world_from_cam for entry in read_cameras(index.parent).entries.values()])
    return Room(index.parent.name, mesh, boxes, poses)


def _box(fields: dict[str, Any]) -> Box:
    centre, size = (np.asarray(fields[name], dtype=np.float64) for name in ("centre", "size"))
    angle = np.deg2rad(float(fields.get("yaw_deg", 0.0)))
    if centre.shape != (3,) or size.shape != (3,) or not np.isfinite([*centre, *size, angle]).all() or min(size) <= 0:
        raise ValueError("centre and size are three finite numbers each, sizes above 0")
    pose = np.eye(4)
    pose[0, [0, 2]] = np.cos(angle), np.sin(angle)
    pose[2, [0, 2]] = -np.sin(angle), np.cos(angle)
    pose[:3, 3] = centre - np.array([0.0, size[1] / 2, 0.0])
    return Box(str(fields["category"]), pose, size)
