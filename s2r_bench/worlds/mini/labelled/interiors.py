"""A closed room: floor, ceiling, four walls, and furniture along them or in the middle."""

from dataclasses import dataclass

import numpy as np

from s2r_bench.seeds import rng_of, seed_of
from s2r_bench.types import CATEGORIES, FloatArray
from s2r_bench.worlds.mini.furniture import FurnitureModel, make_furniture
from s2r_bench.worlds.mini.furniture.assembly import Assembly, Span
from s2r_bench.worlds.mini.furniture.dice import Dice
from s2r_bench.worlds.mini.labelled.areas import LABELLED_CLASSES, STYLES, Style
from s2r_bench.worlds.mini.options import FIRST_OBJECT, MiniOptions
from s2r_bench.worlds.mini.rooms import draw_material, furniture_bodies, overlap, placed_at, placed_model
from s2r_bench.worlds.mini.scene import Body, Material, Scene

OBJECTS_PER_INTERIOR = 16  # object numbers set aside for each room
THICK = 0.05  # metres, of floor, ceiling and walls
TRIES = 16
AT_THE_WALL = {"cabinet": 1.0, "shelf": 1.0, "bed": 0.95, "sofa": 0.8, "table": 0.45, "chair": 0.25}
Placed = tuple[FloatArray, FloatArray]  # pose (4, 4), bounds (2, 3)


@dataclass(frozen=True, eq=False)
class Interior:
    """A furnished room, and what each of its bodies is.

    Attributes:
        scene: its frame is that of all scenes: y up; the floor's corner is the origin.
        classes: of each body, index into LABELLED_CLASSES.
        size: width (x), height (y) and depth (z), metres.
    """

    scene: Scene
    classes: tuple[int, ...]
    size: tuple[float, float, float]


def make_interior(options: MiniOptions, area: int, number: int) -> Interior:
    """Room `number` (from 0) of an area; the same world gives the same room, and none shares furniture with another.

    Its scene is named `area-3-room-0002`, which no pair or object of this world is.
    """
    scene_id = f"area-{area}-room-{number + 1:04d}"
    dice, style = Dice(rng_of("mini-interior", seed_of(options.seed, "interior", area, number))), STYLES[area]
    size = dice.between(*style.side), dice.between(*style.height), dice.between(*style.side)
    bodies = _shell(size, dice)
    classes = [LABELLED_CLASSES.index(name) for name in ("floor", "ceiling", "wall", "wall", "wall", "wall")]
    names, placed = ["room"], list[Placed]()
    first = _first_object(options, area, number)
    for count in range(dice.count(*style.pieces)):
        # one of each category in turn begins a room: no area is without one
        category = CATEGORIES[number % len(CATEGORIES)] if count == 0 else dice.pick(CATEGORIES, style.weights)
        model = make_furniture(category, first + count)
        spot = _spot(model, category, placed, size, style, dice)
        if spot is None:
            continue
        placed.append(spot)
        names.append(model.model.id)
        parts = furniture_bodies(model, spot[0], len(names) - 1, dice)
        bodies += parts
        classes += [LABELLED_CLASSES.index(category)] * len(parts)
    middle = np.array(size) / 2
    return Interior(
        Scene(scene_id, tuple(bodies), tuple(names), middle, float(np.linalg.norm(size))), tuple(classes), size
    )


def _first_object(options: MiniOptions, area: int, number: int) -> int:
    """Object numbers of a room: of this area's sixth of the range, of this seed's place in it."""
    slots = 100_000 // (len(STYLES) * OBJECTS_PER_INTERIOR)
    slot = (number + 100 * options.seed) % slots
    return FIRST_OBJECT["labelled"] + ((area - 1) * slots + slot) * OBJECTS_PER_INTERIOR


def _spot(
    model: FurnitureModel,
    category: str,
    placed: list[Placed],
    size: tuple[float, float, float],
    style: Style,
    dice: Dice,
) -> Placed | None:
    """A free place at a wall, its back to it, or anywhere; None where none is found."""
    for _ in range(TRIES):
        at_wall = dice.chance(AT_THE_WALL[category])
        wall = dice.pick([0, 90, 180, -90])  # where the front looks: away from the wall behind
        turn = wall + style.skew_deg * dice.between(-1, 1) if at_wall else dice.between(-180, 180)
        pose, bounds = placed_model(model, turn, 0.0, 0.0)
        x, z = _along(bounds, (0.0, size[0]), 0, dice), _along(bounds, (0.0, size[2]), 2, dice)
        if x is None or z is None or bounds[1, 1] > size[1] - 0.1:
            continue
        if at_wall:
            gap = dice.between(0.01, 0.08)
            x = {90: gap - bounds[0, 0], -90: size[0] - gap - bounds[1, 0]}.get(wall, x)
            z = {0: gap - bounds[0, 2], 180: size[2] - gap - bounds[1, 2]}.get(wall, z)
        spot = placed_at(pose, bounds, x, z)
        if not any(overlap(spot[1], other) for _, other in placed):
            return spot
    return None


def _along(bounds: FloatArray, wall: Span, axis: int, dice: Dice) -> float | None:
    """A place along an axis at which the box stays between two walls; None where it is too long."""
    low, high = wall[0] - bounds[0, axis] + 0.01, wall[1] - bounds[1, axis] - 0.01
    return dice.between(low, high) if low < high else None


def _shell(size: tuple[float, float, float], dice: Dice) -> list[Body]:
    """Floor, ceiling, and the walls at x = 0, x = width, z = 0 and z = depth."""
    width, height, depth = size
    x, z = (-THICK, width + THICK), (-THICK, depth + THICK)
    spans: list[tuple[Span, Span, Span]] = [(x, (-THICK, 0.0), z), (x, (height, height + THICK), z)]
    spans += [(edge, (0.0, height), z) for edge in ((-THICK, 0.0), (width, width + THICK))]
    spans += [(x, (0.0, height), edge) for edge in ((-THICK, 0.0), (depth, depth + THICK))]
    paint = Material(dice.between(0.4, 0.85), 0.0)
    materials = [draw_material(dice), Material(dice.between(0.6, 0.9), 0.0), *[paint] * 4]
    bodies = []
    for (a, b, c), material in zip(spans, materials, strict=True):
        slab = Assembly()
        slab.block(a, b, c)
        bodies.append(Body(slab.parts[0], material, 0))
    return bodies
