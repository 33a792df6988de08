"""Rocking chairs, director's chairs on crossed legs, and low easy chairs with open arms."""

from itertools import pairwise

from s2r_bench.worlds.mini.furniture.assembly import Assembly
from s2r_bench.worlds.mini.furniture.dice import Dice


def _rocker(made: Assembly, dice: Dice) -> None:
    """Four posts on two runners that turn up at their ends, a tall back of broad slats, open arms."""
    half, depth = dice.between(0.24, 0.3), dice.between(0.42, 0.5)
    seat, top = dice.between(0.36, 0.42), dice.between(1.0, 1.15)
    post = dice.between(0.035, 0.05)
    front, rear = depth / 2 - post, -depth / 2 + post
    made.slab((-half, half), (seat - 0.04, seat), (-depth / 2, depth / 2), 0.03)
    for side in (-1, 1):
        x = side * (half - post / 2)
        path = [(-depth * 0.95, 0.1), (-depth * 0.4, 0.02), (depth * 0.4, 0.02), (depth * 0.85, 0.08)]
        for (z0, y0), (z1, y1) in pairwise(path):
            made.bar((x, y0, z0), (x, y1, z1), post, 0.04)
        made.bar((x, 0.02, front), (x, seat + 0.22, front), post, sides=8)
        made.bar((x, 0.02, rear), (x, seat, rear), post, sides=8)
        made.block((x - 0.03, x + 0.03), (seat + 0.2, seat + 0.23), (rear, front + 0.06))
    first = len(made.parts)
    for side in (-1, 1):
        made.bar((side * (half - post / 2), seat - 0.02, rear), (side * (half - post / 2), top, rear), post, sides=8)
    count = dice.count(3, 4)
    pitch = (top - seat - 0.12) / count
    for i in range(count):
        low = seat + 0.12 + i * pitch
        made.block((-half + post, half - post), (low, low + 0.6 * pitch), (rear - 0.012, rear + 0.012), "panel")
    made.lean(first, seat, rear, dice.between(12, 22))


def _director(made: Assembly, dice: Dice) -> None:
    """Crossed legs in front and behind, cloth for seat and back between two open sides, arms on posts."""
    half, deep = dice.between(0.25, 0.31), dice.between(0.19, 0.24)
    seat, arm = dice.between(0.42, 0.5), dice.between(0.18, 0.24)
    top, post = dice.between(0.36, 0.46), dice.between(0.03, 0.04)
    for z in (-deep + post / 2, deep - post / 2):
        made.bar((-half, post, z), (half, seat, z), post, 0.024)
        made.bar((half, post, z), (-half, seat, z), post, 0.024)
    for side in (-1, 1):
        x = side * (half - post / 2)
        made.block((x - post / 2, x + post / 2), (0, post), (-deep - 0.04, deep + 0.04))
        made.block((x - post / 2, x + post / 2), (seat - post, seat), (-deep, deep))
        made.bar((x, seat, deep - post / 2), (x, seat + arm, deep - post / 2), post)
        made.bar((x, seat, -deep + post / 2), (x, seat + top, -deep + post / 2), post)
        made.block((x - 0.035, x + 0.035), (seat + arm, seat + arm + 0.025), (-deep, deep + 0.02))
    made.block((-half, half), (seat - 0.012, seat + 0.012), (-deep, deep), "soft")
    cloth = dice.between(0.14, 0.2)
    made.block((-half, half), (seat + top - cloth, seat + top - 0.01), (-deep, -deep + 0.024), "soft")


def _easy(made: Assembly, dice: Dice) -> None:
    """A low, wide frame that is open all round: a seat that falls backwards, a long leaning back, broad arms."""
    half, depth = dice.between(0.3, 0.36), dice.between(0.6, 0.72)
    low, bar = dice.between(0.3, 0.36), dice.between(0.035, 0.05)
    arm, thick = dice.between(0.5, 0.56), dice.between(0.05, 0.09)
    front, rear = depth / 2, -depth / 2
    for side in (-1, 1):
        x = side * (half - bar / 2)
        made.bar((x, 0, front - bar), (x, arm, front - bar), bar)
        made.bar((x, 0, rear - 0.05), (x, arm, rear + 0.15), bar)
        made.block((x - 0.05, x + 0.05), (arm, arm + 0.03), (rear, front))
        made.block((x - bar / 2, x + bar / 2), (low - 0.08, low - 0.03), (rear + 0.05, front - bar))
    inner = half - bar
    first = len(made.parts)
    made.slab((-inner, inner), (low - thick, low), (rear + 0.08, front), 0.03, "soft")
    made.lean(first, low, front, dice.between(5, 10))
    first = len(made.parts)
    back = (rear + 0.05, rear + 0.05 + thick)
    if dice.chance(0.5):
        made.slab((-inner, inner), (low - 0.05, low + dice.between(0.5, 0.62)), back, 0.0, "soft")
    else:
        high, count = dice.between(0.5, 0.62), dice.count(4, 6)
        for i in range(count):
            y = low + high * i / count
            made.block((-inner, inner), (y, y + 0.55 * high / count), (back[0], back[0] + 0.03), "panel")
        for x in (-inner * 0.8, inner * 0.8):
            made.bar((x, low - 0.08, back[0]), (x, low + high, back[0]), 0.03)
    made.lean(first, low, rear + 0.05, dice.between(18, 28))


MAKES = (_rocker, _director, _easy)
