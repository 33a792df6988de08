"""Puts a CAD model where furniture stands, and walks a hand-held camera around it.

The world frame is the model's own frame, moved nowhere: metres, y up. Floor, walls, occluders and cameras are placed
around the model, so that a fused cloud lies on the CAD without any transform. The model's front is +z, walls stand
behind it (-z) and at most on one side.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.geometry.camera import look_at
from s2r_bench.geometry.crop import grown_box
from s2r_bench.seeds import rng_of
from s2r_bench.types import CadModel, FloatArray, Mesh

SMALLEST_M, LARGEST_M = 0.05, 8.0
WALL_HEIGHT_M, FLOOR_HALF_M, THICKNESS_M = 2.6, 6.0, 0.1
ARC_DEG = (64.0, 120.0)
MOST_SIDEWAYS_DEG = 82.0  # beyond, a camera would stand at the wall behind the object
CAMERA_HEIGHT_M = (1.0, 1.6)
RADIUS_M = (1.2, 2.5)

_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.int64)
_BOX_FACES: NDArray[np.int64] = np.array(
    [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ]
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scene:
    """A staged CAD model.

    Attributes:
        meshes: what is rendered, world frame; the first is the object, the rest its surroundings.
        box: (2, 3) axis-aligned box of the object, metres.
        side_wall: x of the face of the wall at the object's side, or None. Its sign says which side.
    """

    meshes: tuple[Mesh, ...]
    box: FloatArray
    side_wall: float | None

    @property
    def target(self) -> FloatArray:
        """(3,) what the cameras look at: the middle of the object."""
        return np.asarray(self.box.mean(0))

    @property
    def surroundings(self) -> tuple[Mesh, ...]:
        """Everything but the object."""
        return self.meshes[1:]


def stage(model: CadModel, seed: int) -> Scene:
    """Stand a model on a floor, with a wall behind it, for half of the seeds a side wall, and up to two occluders.

    Args:
        model: metres, y up; the floor goes under its lowest point.
        seed: decides the surroundings, together with the model's id.

    Raises:
        DataError: the model has no faces, or a size that no furniture has (most often a wrong unit).
    """
    box = object_box(model)
    rng = rng_of(seed, "stage", model.id)
    middle, floor = box.mean(0), float(box[0, 1])
    back = float(box[0, 2]) - rng.uniform(0.02, 0.4)
    meshes = [model.mesh, *_room(middle, floor, back)]
    side_wall = None
    if rng.random() < 0.5:
        side = float(rng.choice([-1.0, 1.0]))
        side_wall = float(middle[0] + side * ((box[1, 0] - box[0, 0]) / 2 + rng.uniform(0.3, 1.0)))
        meshes.append(_side_wall(middle, floor, side_wall, side))
    meshes += [_occluder(rng, box, floor, side_wall) for _ in range(int(rng.choice(3, p=[0.5, 0.35, 0.15])))]
    return Scene(tuple(meshes), box, side_wall)


def object_box(model: CadModel) -> FloatArray:
    """(2, 3) smallest and largest corner of a model's faces, in its own frame.

    Raises:
        DataError: the model has no faces, or a size that no furniture has (most often a wrong unit).
    """
    if len(model.mesh.faces) == 0:
        raise DataError(f"{model.id}: the model has no faces")
    used = model.mesh.vertices[np.unique(model.mesh.faces)]  # a stray vertex must not stretch the box
    box = np.stack([used.min(0), used.max(0)])
    longest = float((box[1] - box[0]).max())
    if not SMALLEST_M <= longest <= LARGEST_M:
        raise DataError(
            f"{model.id}: its longest side is {longest:.3g} m; expected {SMALLEST_M} to {LARGEST_M} m: check the unit"
        )
    return box


def orbit(scene: Scene, views: int, seed: int) -> list[FloatArray]:
    """Poses (4, 4) world_from_cam on an arc of 64 to 120 degrees in front of the object, as a person would walk it.

    Radius 1.2 to 2.5 m by the object's size (more only around objects too wide for that), 1 to 1.6 m above the floor,
    both swaying; the view wanders a few centimetres around the middle of the object and rolls by a few degrees.

    Args:
        scene: where.
        views: how many poses, evenly spaced in time.
        seed: decides the path.
    """
    rng = rng_of(seed, "orbit")
    extent = scene.box[1] - scene.box[0]
    radius = float(np.clip(0.5 + 0.9 * np.linalg.norm(extent), *RADIUS_M)) * rng.uniform(0.93, 1.07)
    radius = max(min(radius, RADIUS_M[1]), float(np.hypot(extent[0], extent[2])) / 2 + 0.6)
    first, last = _arc(rng, scene, radius)
    time = np.linspace(0, 1, views) if views > 1 else np.array([0.5])
    azimuth = np.deg2rad(first + (last - first) * time)
    floor, target = float(scene.box[0, 1]), scene.target
    distance = radius * (1 + _sway(rng, time, 0.04))
    height = floor + np.clip(rng.uniform(*CAMERA_HEIGHT_M) + _sway(rng, time, 0.12), *CAMERA_HEIGHT_M)
    aim = target + np.stack([_sway(rng, time, 0.04) for _ in range(3)], axis=1)
    roll = np.deg2rad(_sway(rng, time, 3.0))
    poses = []
    for index in range(views):
        eye = target + distance[index] * np.array([np.sin(azimuth[index]), 0, np.cos(azimuth[index])])
        eye[1] = height[index]
        poses.append(_rolled(look_at(eye, aim[index]), float(roll[index])))
    return poses


def box_mesh(low: FloatArray, high: FloatArray) -> Mesh:
    """The closed axis-aligned box between two corners (3,), faces counter-clockwise from outside."""
    return Mesh(np.where(_CORNERS == 1, high, low).astype(np.float64), _BOX_FACES)


def _room(middle: FloatArray, floor: float, back: float) -> list[Mesh]:
    x, z = float(middle[0]), float(middle[2])
    ground = box_mesh(
        np.array([x - FLOOR_HALF_M, floor - THICKNESS_M, z - FLOOR_HALF_M]),
        np.array([x + FLOOR_HALF_M, floor, z + FLOOR_HALF_M]),
    )
    wall = box_mesh(
        np.array([x - FLOOR_HALF_M, floor, back - THICKNESS_M]),
        np.array([x + FLOOR_HALF_M, floor + WALL_HEIGHT_M, back]),
    )
    return [ground, wall]


def _side_wall(middle: FloatArray, floor: float, face: float, side: float) -> Mesh:
    ends = sorted([face, face + side * THICKNESS_M])
    return box_mesh(
        np.array([ends[0], floor, middle[2] - FLOOR_HALF_M]),
        np.array([ends[1], floor + WALL_HEIGHT_M, middle[2] + FLOOR_HALF_M]),
    )


def _occluder(rng: np.random.Generator, box: FloatArray, floor: float, side_wall: float | None) -> Mesh:
    """A low block in front of the object, outside of the box that is cut out later."""
    cut = grown_box(box)
    size = rng.uniform([0.15, 0.25, 0.15], [0.45, 0.65, 0.45])
    low = np.array([rng.uniform(cut[0, 0] - size[0], cut[1, 0]), floor, cut[1, 2] + rng.uniform(0.02, 0.25)])
    if side_wall is not None and side_wall > box[1, 0]:
        low[0] = min(low[0], side_wall - size[0])
    elif side_wall is not None:
        low[0] = max(low[0], side_wall)
    return box_mesh(low, low + size)


def _arc(rng: np.random.Generator, scene: Scene, radius: float) -> tuple[float, float]:
    """First and last azimuth in degrees, 0 in front of the object, kept 0.25 m from a wall at the side."""
    low, high = -MOST_SIDEWAYS_DEG, MOST_SIDEWAYS_DEG
    if scene.side_wall is not None:
        room = scene.side_wall - float(scene.target[0])
        reach = float(np.rad2deg(np.arcsin(np.clip((abs(room) - 0.25) / (1.06 * radius), 0.0, 1.0))))
        low, high = (low, min(high, reach)) if room > 0 else (max(low, -reach), high)
    arc = min(rng.uniform(*ARC_DEG), high - low)
    first = rng.uniform(low, high - arc)
    return (first, first + arc) if rng.random() < 0.5 else (first + arc, first)


def _sway(rng: np.random.Generator, time: FloatArray, size: float) -> FloatArray:
    """A slow, smooth wobble of at most `size`: two sines of random phase."""
    phase, speed = rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.6, 3.0, 2)
    return np.asarray(
        size * (0.65 * np.sin(phase[0] + 6 * speed[0] * time) + 0.35 * np.sin(phase[1] + 9 * speed[1] * time))
    )


def _rolled(pose: FloatArray, angle: float) -> FloatArray:
    """The pose turned by `angle` radians around its optical axis."""
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return np.asarray(pose @ turn)
