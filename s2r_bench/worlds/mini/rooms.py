"""Procedural rooms: a floor, two or three walls, a target piece of furniture and others around it."""

from dataclasses import dataclass

import numpy as np

from s2r_bench.seeds import rng_of
from s2r_bench.types import CATEGORIES, FloatArray, Mesh
from s2r_bench.worlds.mini.furniture import KINDS, FurnitureModel, make_furniture
from s2r_bench.worlds.mini.furniture.assembly import Assembly, Span
from s2r_bench.worlds.mini.furniture.dice import Dice
from s2r_bench.worlds.mini.scene import Body, Material, Scene

OBJECTS_PER_ROOM = 16  # object numbers set aside for each room, so that no two rooms share furniture
NEAREST_IN_FRONT_M = 0.3
BESIDE_M = 0.2  # beside a target, what stands before it may reach


@dataclass(frozen=True)
class Crowd:
    """How furniture stands before a target.

    Attributes:
        in_front: share of the tries to place a piece that put it there.
        at_target: across the target's width and before its front face. Else across the room and before the middle of
            the room's front: few targets are hidden then, and deep ones never.
        tallest, widest: metres, of what may stand there.
    """

    in_front: float = 0.2
    at_target: bool = False
    tallest: float = 0.9
    widest: float = 0.9


def make_room(scene_id: str, room_seed: int, first_object: int, category: str) -> Scene:
    """A furnished room; the target stands near the origin and faces +z, where the cameras are.

    Args:
        scene_id: id of the scene.
        room_seed: decides everything but the objects' shapes.
        first_object: object numbers `first_object` to `first_object + OBJECTS_PER_ROOM - 1` belong to this room.
        category: of the target.
    """
    return room_around(make_furniture(category, first_object), scene_id, room_seed, first_object)[0]


def room_around(
    target: FurnitureModel, scene_id: str, room_seed: int, first_object: int, crowd: Crowd | None = None
) -> tuple[Scene, FloatArray]:
    """The same with a target of any shape, and the pose (4, 4) at which the target stands: room from object.

    Args:
        target: object frame (y up, floor at y = 0, centred in x and z); it may be one part.
        scene_id: id of the scene.
        room_seed: see `make_room`.
        first_object: the furniture around the target has the numbers after this one.
        crowd: how furniture stands before the target; the world's own way if not given.
    """
    crowd = crowd or Crowd()
    dice = Dice(rng_of("mini-room", room_seed))
    turn = dice.between(-35, 35) + dice.pick([0, 0, 0, 90, -90])
    placed = [placed_model(target, turn, 0.0, 0.0)]
    size = placed[0][1]
    rear = float(size[0, 2]) - dice.between(0.02, 0.9)
    left, right = -dice.between(1.3, 2.4), dice.between(1.3, 2.4)
    left, right = min(left, float(size[0, 0]) - 0.1), max(right, float(size[1, 0]) + 0.1)
    ahead, narrow = 0.0, 1.0
    if crowd.at_target:
        ahead = max(0.0, float(size[1, 2]) - NEAREST_IN_FRONT_M)
        narrow = min(1.0, (float(size[1, 0]) + BESIDE_M) / max(-left, right))
    objects = [target]
    for number in range(1, dice.count(3, 6) + 1):
        model = make_furniture(dice.pick(CATEGORIES), first_object + number)
        spot = _spot(model, placed, (left, right, rear), dice, crowd, ahead, narrow)
        if spot is not None:
            objects.append(model)
            placed.append(spot)
    bodies = _shell((left, right, rear), dice)
    for instance, (model, (pose, _)) in enumerate(zip(objects, placed, strict=True), start=1):
        bodies.extend(furniture_bodies(model, pose, instance, dice))
    names = ("room", *(model.model.id for model in objects))
    extent = float(np.linalg.norm(size[1] - size[0]))
    return Scene(scene_id, tuple(bodies), names, size.mean(axis=0), extent), placed[0][0]


def make_stage(scene_id: str, mesh: Mesh, name: str, seed: int, parts: FurnitureModel | None = None) -> Scene:
    """One object alone on a floor, sometimes before a wall: for captures of single objects.

    Args:
        scene_id: id of the scene.
        mesh: the object, frame y up, floor at y = 0, facing +z.
        name: id of the CAD model.
        seed: of the materials and the wall.
        parts: the same object in parts; its kinds of parts then get materials of their own.
    """
    dice = Dice(rng_of("mini-stage", seed))
    bounds = mesh.bounds
    rear = float(bounds[0, 2]) - dice.between(0.05, 0.8) if dice.chance(0.6) else -2.5
    bodies = _shell((-2.5, 2.5, rear), dice)
    if parts is None:
        bodies.append(Body(mesh, draw_material(dice), 1))
    else:
        bodies.extend(furniture_bodies(parts, np.eye(4), 1, dice))
    return Scene(scene_id, tuple(bodies), ("room", name), bounds.mean(axis=0), float(np.linalg.norm(np.ptp(bounds, 0))))


def draw_material(dice: Dice) -> Material:
    """Mostly medium bright and matt; one in eight dark, one in six shiny."""
    albedo = dice.between(0.05, 0.14) if dice.chance(0.125) else dice.between(0.2, 0.9)
    return Material(albedo, dice.between(0.4, 0.85) if dice.chance(1 / 6) else dice.between(0.0, 0.15))


def furniture_bodies(model: FurnitureModel, pose: FloatArray, instance: int, dice: Dice) -> list[Body]:
    """The bodies of a model at `pose`, one for each kind of part, with materials drawn by the dice."""
    bodies = []
    for kind in KINDS:
        mesh = model.of_kind(kind)
        material = draw_material(dice)
        if kind == "soft":
            material = Material(material.albedo, 0.0)
        if mesh is not None:
            bodies.append(Body(mesh.moved(pose), material, instance))
    return bodies


def placed_model(model: FurnitureModel, degrees: float, x: float, z: float) -> tuple[FloatArray, FloatArray]:
    """Pose and (2, 3) bounds of a model turned about the upright axis and set at (x, z)."""
    angle = np.radians(degrees)
    pose = np.eye(4)
    pose[0, [0, 2]] = np.cos(angle), np.sin(angle)
    pose[2, [0, 2]] = -np.sin(angle), np.cos(angle)
    pose[[0, 2], 3] = x, z
    return pose, model.model.mesh.moved(pose).bounds


def _spot(
    model: FurnitureModel,
    placed: list[tuple[FloatArray, FloatArray]],
    walls: tuple[float, float, float],
    dice: Dice,
    crowd: Crowd,
    ahead: float,
    narrow: float,
) -> tuple[FloatArray, FloatArray] | None:
    """A free place: along the walls, or now and then in front of the target, where it hides part of it."""
    left, right, rear = walls
    for _ in range(12):
        front = dice.chance(crowd.in_front)
        pose, bounds = placed_model(model, dice.pick([0, 90, -90, 180]) + dice.between(-12, 12), 0.0, 0.0)
        half = (bounds[1] - bounds[0]) / 2
        x = dice.between(left + half[0], max(right - half[0], left + half[0] + 0.01))
        z = ahead + dice.between(NEAREST_IN_FRONT_M, 1.0) if front else rear + half[2] + dice.between(0.02, 0.6)
        x *= narrow if front else 1.0
        if front and (bounds[1, 1] > crowd.tallest or 2 * half.max() > crowd.widest):
            continue  # a tall or large thing in front would fill the view
        pose, bounds = placed_at(pose, bounds, x, z)
        if not any(overlap(bounds, other) for _, other in placed) and bounds[1, 2] < ahead + 1.5:
            return pose, bounds
    return None


def placed_at(pose: FloatArray, bounds: FloatArray, x: float, z: float) -> tuple[FloatArray, FloatArray]:
    """Pose and bounds, both moved along the floor."""
    shift = np.array([x, 0.0, z])
    moved = pose.copy()
    moved[:3, 3] += shift
    return moved, bounds + shift


def overlap(a: FloatArray, b: FloatArray, gap: float = 0.03) -> bool:
    """Whether two boxes (2, 3) come nearer to each other than `gap` metres, seen from above."""
    return bool(((a[0, [0, 2]] < b[1, [0, 2]] + gap) & (b[0, [0, 2]] < a[1, [0, 2]] + gap)).all())


def _shell(walls: tuple[float, float, float], dice: Dice) -> list[Body]:
    """Floor and walls, 5 cm thick; the side walls stand at times."""
    left, right, rear = walls
    spans: list[tuple[Span, Span, Span]] = [((-4.0, 4.0), (-0.05, 0.0), (rear - 0.05, 5.0))]
    spans.append(((-4.0, 4.0), (0.0, 2.5), (rear - 0.05, rear)))
    sides = dice.pick(["left", "right", "both"], [0.35, 0.35, 0.3])
    if sides != "right":
        spans.append(((left - 0.05, left), (0.0, 2.5), (rear, 3.0)))
    if sides != "left":
        spans.append(((right, right + 0.05), (0.0, 2.5), (rear, 3.0)))
    bodies = []
    for number, (x, y, z) in enumerate(spans):
        slab = Assembly()
        slab.block(x, y, z)
        material = draw_material(dice) if number == 0 else Material(dice.between(0.35, 0.85), 0.0)
        bodies.append(Body(slab.parts[0], material, 0))
    return bodies
