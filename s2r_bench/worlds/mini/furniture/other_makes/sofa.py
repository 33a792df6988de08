"""Chesterfields, platforms with loose bolsters, and corner sofas with a back on two sides."""

from s2r_bench.worlds.mini.furniture.assembly import Assembly
from s2r_bench.worlds.mini.furniture.dice import Dice


def _chesterfield(made: Assembly, dice: Dice) -> None:
    """Rolled arms as high as the back, closed down to the floor, a deep low seat."""
    half, depth = dice.between(0.5, 1.1), dice.between(0.85, 1.0)
    roll, seat = dice.between(0.18, 0.28), dice.between(0.38, 0.46)
    top = dice.between(0.68, 0.78)
    z = (-depth / 2, depth / 2)
    made.block((-half, half), (0, seat - 0.12), (z[0] + 0.05, z[1] - 0.05))
    made.cushion((-half + roll * 0.6, half - roll * 0.6), (seat - 0.14, seat), (z[0] + roll * 0.8, z[1]), 0.05)
    made.block((-half, half), (0, top - roll / 2), (z[0] + 0.04, z[0] + roll * 0.8), "panel")
    made.bar((-half, top - roll / 2, z[0] + roll / 2), (half, top - roll / 2, z[0] + roll / 2), roll, sides=14)
    for side in (-1, 1):
        x = side * (half - roll * 0.35)
        made.block((x - roll * 0.3, x + roll * 0.3), (0, top - roll / 2), (z[0] + 0.04, z[1] - 0.04), "panel")
        made.bar((x, top - roll / 2, z[0] + roll / 2), (x, top - roll / 2, z[1] - 0.03), roll, sides=14, kind="panel")


def _platform(made: Assembly, dice: Dice) -> None:
    """A board wider than what lies on it, on two low sledges; a mattress, and bolsters without any frame behind."""
    half, depth = dice.between(0.75, 1.15), dice.between(0.85, 1.05)
    low, board = dice.between(0.14, 0.22), dice.between(0.05, 0.09)
    for side in (-1, 1):
        x = side * half * 0.7
        made.block((x - 0.05, x + 0.05), (0, low), (-depth * 0.42, depth * 0.42))
    made.block((-half, half), (low, low + board), (-depth / 2, depth / 2), "panel")
    used = half - dice.pick([0.02, dice.between(0.2, 0.4)])
    shift = dice.pick([-1, 0, 1]) * (half - used)
    seat = low + board + dice.between(0.14, 0.2)
    span = (shift - used, shift + used)
    made.cushion(span, (low + board, seat), (-depth / 2 + 0.03, depth / 2 - 0.03), 0.04)
    count = dice.count(1, 3)
    pitch = 2 * used / count
    for i in range(count):
        first = len(made.parts)
        rear = -depth / 2 + 0.04
        made.cushion(
            (span[0] + i * pitch + 0.02, span[0] + (i + 1) * pitch - 0.02),
            (seat - 0.02, seat + dice.between(0.24, 0.34)),
            (rear, rear + dice.between(0.16, 0.24)),
            0.06,
        )
        made.lean(first, seat, rear, dice.between(0, 10))


def _corner(made: Assembly, dice: Dice) -> None:
    """Two benches at a right angle, each with its back, closed to the floor."""
    half, depth = dice.between(0.95, 1.3), dice.between(0.75, 0.9)
    reach, width = dice.between(0.55, 1.0), dice.between(0.7, 0.85)
    seat, top, back = dice.between(0.38, 0.46), dice.between(0.68, 0.84), dice.between(0.16, 0.24)
    side = dice.pick([-1, 1])
    z = (-depth / 2, depth / 2)
    wing = (half - width, half) if side > 0 else (-half, -half + width)
    outer = (half - back, half) if side > 0 else (-half, -half + back)
    base = dice.pick([0.0, 0.05])
    for x, along in (((-half, half), z), (wing, (z[0], z[1] + reach))):
        made.block((x[0] + base, x[1] - base), (0, seat - 0.14), (along[0] + base, along[1] - base))
        made.cushion(x, (seat - 0.16, seat), along, 0.04)
    made.cushion((-half, half), (seat - 0.05, top), (z[0], z[0] + back), 0.05, "panel")
    made.cushion(outer, (seat - 0.05, top), (z[0], z[1] + reach), 0.05, "panel")


MAKES = (_chesterfield, _platform, _corner)
