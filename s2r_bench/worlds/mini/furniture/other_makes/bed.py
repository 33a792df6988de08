"""Loft beds over a desk, iron beds of thin bars, and day beds closed on three sides."""

from s2r_bench.worlds.mini.furniture.assembly import Assembly
from s2r_bench.worlds.mini.furniture.dice import Dice


def _loft(made: Assembly, dice: Dice) -> None:
    """A bed on high posts with a rail, a ladder in front and a desk underneath."""
    half, long = dice.between(0.45, 0.55), dice.between(0.95, 1.02)
    high, post = dice.between(1.15, 1.5), dice.between(0.06, 0.08)
    top = high + dice.between(0.35, 0.45)
    for x in (-half + post / 2, half - post / 2):
        for z in (-long + post / 2, long - post / 2):
            made.bar((x, 0, z), (x, top, z), post)
        made.block((x - post / 3, x + post / 3), (top - 0.06, top), (-long, long))
        made.block((x - post / 3, x + post / 3), (high - 0.1, high), (-long, long))
    made.block((-half, half), (high - 0.06, high - 0.02), (-long, long), "panel")
    made.cushion((-half + post, half - post), (high - 0.03, high + 0.14), (-long + post, long - post), 0.04)
    for z in (-long + post / 2, long - post / 2):
        made.block((-half, half), (top - 0.06, top), (z - 0.02, z + 0.02))
    for x in (-0.2, 0.2):
        made.bar((x, 0, long + 0.25), (x, high, long), 0.04)
    steps = dice.count(3, 4)
    for i in range(steps):
        y = high * (i + 0.7) / (steps + 0.5)
        made.block((-0.2, 0.2), (y - 0.02, y + 0.02), (long + 0.2 - 0.25 * y / high, long + 0.28 - 0.25 * y / high))
    desk = dice.between(0.68, 0.74)
    made.block((-half, half), (desk - 0.04, desk), (-long, -long + dice.between(0.5, 0.65)), "panel")


def _iron(made: Assembly, dice: Dice) -> None:
    """A frame of thin bars, high at the head, on four posts, with nothing underneath."""
    half, long = dice.between(0.5, 0.9), dice.between(0.95, 1.05)
    post, lying = dice.between(0.035, 0.05), dice.between(0.36, 0.5)
    made.block((-half, half), (lying - 0.06, lying - 0.02), (-long, long))
    made.cushion((-half + 0.02, half - 0.02), (lying - 0.02, lying + dice.between(0.1, 0.16)), (-long, long), 0.04)
    pitch = dice.between(0.12, 0.2)
    for z, top in ((-long, dice.between(1.0, 1.3)), (long, dice.between(0.65, 0.9))):
        for x in (-half + post / 2, half - post / 2):
            made.bar((x, 0, z), (x, top, z), post, sides=8)
        for level in (top - 0.05, lying + 0.2):
            made.block((-half, half), (level - 0.015, level + 0.015), (z - 0.015, z + 0.015))
        count = round(2 * half / pitch)
        for i in range(1, count):
            x = -half + 2 * half * i / count
            made.bar((x, lying, z), (x, top - 0.05, z), 0.022, sides=8)


def _three_sides(made: Assembly, dice: Dice) -> None:
    """A narrow bed on six legs with boards of one height at head, foot and one long side."""
    half, long = dice.between(0.42, 0.55), dice.between(0.95, 1.05)
    top, board = dice.between(0.75, 0.95), dice.between(0.035, 0.06)
    lying, leg = dice.between(0.44, 0.54), dice.between(0.05, 0.07)
    low = lying - dice.between(0.2, 0.26)
    made.block((-half, half), (low, low + 0.08), (-long, long))
    made.cushion((-half + 0.02, half - 0.02), (low + 0.06, lying), (-long + board, long - board), 0.04)
    for x in (-half + leg / 2, half - leg / 2):
        for z in (-long + leg / 2, 0.0, long - leg / 2):
            made.bar((x, 0, z), (x, low, z), leg)
    for z in (-long + board / 2, long - board / 2):
        made.block((-half, half), (low, top), (z - board / 2, z + board / 2), "panel")
    x = dice.pick([-1, 1]) * (half - board / 2)
    made.block((x - board / 2, x + board / 2), (low, top), (-long, long), "panel")
    if dice.chance(0.6):
        near, far = sorted((x, x - 0.18 if x > 0 else x + 0.18))
        for i in range(dice.count(2, 3)):
            made.cushion((near, far), (lying, lying + 0.36), (-long + 0.1 + 0.62 * i, -long + 0.66 + 0.62 * i), 0.06)


MAKES = (_loft, _iron, _three_sides)
