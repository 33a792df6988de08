"""Places in which a CAD model is seen: alone before a wall, or among the furniture of a procedural room.

A place has a frame of its own (y up, cameras walk on the +z side). What leaves it (poses, clouds, meshes) stands in the
CAD's frame, so that a fused cloud lies on the CAD without any transform.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from s2r_bench.geometry.render import RayScene
from s2r_bench.seeds import seed_of
from s2r_bench.staging import Scene, object_box, orbit, stage
from s2r_bench.types import BoolArray, CadModel, FloatArray, Mesh
from s2r_bench.worlds.mini.cameras import arc_poses
from s2r_bench.worlds.mini.furniture import FurnitureModel
from s2r_bench.worlds.mini.rooms import OBJECTS_PER_ROOM, Crowd, room_around
from s2r_bench.worlds.mini.scans import TARGET, target_box
from s2r_bench.worlds.mini.scene import Stage

FIRST_OBJECT = 10_000_000  # numbers of furniture that no split of the mini world has: nobody was trained on these rooms
ROOMS = 100_000
# more before the model than in the mini world, which hides few targets, and little of them
CROWD = Crowd(in_front=0.6, at_target=True, tallest=1.25, widest=1.3)
IN_SIGHT = 0.25  # of the middle of the model: the rule of views decides, a path only must not be blind
DISTANCES = (1.0, 1.0, 1.25, 1.25, 1.6, 0.8)  # of the cameras, path after path, in the rooms' usual distance


@dataclass(frozen=True, eq=False)
class Place:
    """A CAD model where it stands, ready to be rendered.

    Attributes:
        scene: the model and its surroundings in the CAD's frame.
        rays: the same in the place's frame.
        own: (M,) bool: which of the ray scene's meshes are the model's.
        box: (2, 3) of the model, the place's frame; its floor is the lower y.
        cad_from_place: (4, 4) rigid.
        path: (views, attempt) -> poses (4, 4) in the place's frame.
    """

    scene: Scene
    rays: RayScene
    own: BoolArray
    box: FloatArray
    cad_from_place: FloatArray
    path: Callable[[int, int], Sequence[FloatArray]]


def alone(model: CadModel, seed: int) -> Place:
    """A model on a floor before a wall, with up to two blocks before it (`s2r_bench.staging`).

    Raises:
        DataError: as `stage`.
    """
    scene = stage(model, seed)
    own = np.zeros(len(scene.meshes), dtype=np.bool_)
    own[0] = True

    def path(views: int, attempt: int) -> list[FloatArray]:
        return orbit(scene, views, seed_of(seed, model.id, attempt) if attempt else seed_of(seed, model.id))

    rays = RayScene(scene.meshes)
    return Place(scene, rays, own, scene.box, np.eye(4), path)


def in_room(model: CadModel, seed: int) -> Place:
    """A model as the target of a furnished room of the mini world's kind, which occurs nowhere else.

    Args:
        model: any mesh; it stands on the floor with its lowest point.
        seed: decides the room and the paths, together with the model's id.

    Raises:
        DataError: no faces, or no furniture's size.
    """
    box = object_box(model)
    standing = standing_pose(box)
    target = _one_part(model, standing)
    slot = seed_of(seed, "corpus slot", model.id) % ROOMS
    first = FIRST_OBJECT + OBJECTS_PER_ROOM * slot
    room, room_from_object = room_around(
        target, f"corpus-{model.id}", seed_of(seed, "corpus room", model.id), first, CROWD
    )
    room_from_cad = room_from_object @ standing
    cad_from_room = inverse_rigid(room_from_cad)
    stage = Stage(room)
    around = tuple(body.mesh.moved(cad_from_room) for body in room.bodies if body.instance != TARGET)

    def path(views: int, attempt: int) -> list[FloatArray]:
        distance = DISTANCES[attempt % len(DISTANCES)]
        return arc_poses(stage, views, seed_of(seed, "corpus path", model.id, attempt), distance, IN_SIGHT)

    scene = Scene((used_part(model.mesh), *around), box, None)
    reach = target_box(stage)
    return Place(scene, stage.rays, stage.instance == TARGET, reach, cad_from_room, path)


def standing_pose(box: FloatArray) -> FloatArray:
    """(4, 4) that moves a box (2, 3) onto y = 0, the middle of its footprint onto the origin."""
    pose = np.eye(4)
    pose[:3, 3] = -box.mean(0)
    pose[1, 3] = -box[0, 1]
    return pose


def used_part(mesh: Mesh) -> Mesh:
    """The mesh without vertices that no face uses."""
    used, inverse = np.unique(mesh.faces, return_inverse=True)
    return Mesh(mesh.vertices[used], inverse.reshape(-1, 3).astype(np.int64))


def _one_part(model: CadModel, standing: FloatArray) -> FurnitureModel:
    """The model as furniture of one part, in the frame that rooms take."""
    moved = used_part(model.mesh).moved(standing)
    return FurnitureModel(replace(model, mesh=moved), (moved,), ("frame",))


def inverse_rigid(rigid: FloatArray) -> FloatArray:
    """Of a rigid transform (4, 4), exactly a rotation again."""
    back = np.eye(4)
    back[:3, :3] = rigid[:3, :3].T
    back[:3, 3] = -rigid[:3, :3].T @ rigid[:3, 3]
    return back
