"""Cabinets: sideboards, chests of drawers, bedside cabinets, wardrobes, cupboards with an open niche."""

from s2r_bench.worlds.mini.furniture.assembly import Assembly, Span
from s2r_bench.worlds.mini.furniture.bases import plinth, short_legs
from s2r_bench.worlds.mini.furniture.dice import Dice
from s2r_bench.worlds.mini.furniture.fronts import doors, drawers

SIZES: dict[str, tuple[Span, Span, Span]] = {
    "sideboard": ((1.0, 1.8), (0.36, 0.5), (0.55, 0.85)),
    "chest": ((0.6, 1.1), (0.38, 0.52), (0.7, 1.15)),
    "bedside": ((0.36, 0.55), (0.32, 0.45), (0.42, 0.65)),
    "wardrobe": ((0.8, 1.6), (0.5, 0.62), (1.7, 2.1)),
    "cupboard": ((0.6, 1.1), (0.34, 0.46), (1.2, 1.7)),
}


def cabinet(dice: Dice) -> Assembly:
    """A cabinet of random kind and measures; closed compartments are solid, open ones hollow."""
    made = Assembly()
    use = dice.pick(list(SIZES))
    width, depth, height = (dice.between(*span) for span in SIZES[use])
    x, z = (-width / 2, width / 2), (-depth / 2, depth / 2)
    base = dice.pick(["legs", "plinth", "floor"], [0.5, 0.3, 0.2])
    bottom = {"legs": dice.between(0.08, 0.22), "plinth": dice.between(0.05, 0.1), "floor": 0.0}[base]
    if base == "legs":
        short_legs(made, x, z, bottom, dice)
    elif base == "plinth":
        plinth(made, x, z, bottom, dice.between(0.02, 0.05))
    board = dice.between(0.025, 0.045)
    _carcass(made, x, (bottom, height), z, board)
    _columns(made, (x[0] + board, x[1] - board), (bottom + board, height - board), z, use, dice)
    if dice.chance(0.35):
        over = dice.between(0.01, 0.03)
        made.block((x[0] - over, x[1] + over), (height, height + 0.025), (z[0], z[1] + over + 0.02), "panel")
    return made


def _carcass(made: Assembly, x: Span, y: Span, z: Span, board: float) -> None:
    made.block((x[0], x[0] + board), y, z)
    made.block((x[1] - board, x[1]), y, z)
    made.block(x, (y[0], y[0] + board), z)
    made.block(x, (y[1] - board, y[1]), z)
    made.block(x, y, (z[0], z[0] + 0.02))


def _columns(made: Assembly, x: Span, y: Span, z: Span, use: str, dice: Dice) -> None:
    count = {"sideboard": dice.count(2, 4), "wardrobe": dice.count(1, 3)}.get(use, dice.count(1, 2))
    pitch = (x[1] - x[0]) / count
    same = dice.pick(["drawers", "doors", None])
    for i in range(count):
        span = (x[0] + i * pitch, x[0] + (i + 1) * pitch)
        if i:
            made.block((span[0] - 0.013, span[0] + 0.013), y, z)
        _column(made, span, y, z, same or dice.pick(["drawers", "doors", "open"]), dice)


def _column(made: Assembly, x: Span, y: Span, z: Span, kind: str, dice: Dice) -> None:
    tall = y[1] - y[0]
    if tall > 0.5 and dice.chance(0.35):
        cut = y[0] + tall * dice.between(0.3, 0.7)
        made.block(x, (cut - 0.013, cut + 0.013), z)
        _compartment(made, x, (y[0], cut), z, kind, dice)
        _compartment(made, x, (cut, y[1]), z, dice.pick(["open", "drawers", "doors"]), dice)
    else:
        _compartment(made, x, y, z, kind, dice)


def _compartment(made: Assembly, x: Span, y: Span, z: Span, kind: str, dice: Dice) -> None:
    tall, wide = y[1] - y[0], x[1] - x[0]
    if kind == "open":
        for i in range(1, max(1, round(tall / dice.between(0.28, 0.45)))):
            level = y[0] + tall * i / max(1, round(tall / 0.35))
            if level < y[1] - 0.1:
                made.block(x, (level - 0.012, level + 0.012), (z[0], z[1] - 0.02), "panel")
        return
    made.block(x, y, (z[0], z[1] - 0.004), "panel")
    front = z[1] - 0.004 if dice.chance(0.5) else z[1] - 0.02
    if kind == "drawers":
        drawers(made, x, y, front, max(1, round(tall / dice.between(0.14, 0.28))), dice)
    else:
        doors(made, x, y, front, 2 if wide > 0.62 else 1, dice)
