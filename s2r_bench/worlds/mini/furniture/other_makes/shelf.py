"""Stairs of boxes, boards on one post, and boards between trestles."""

from s2r_bench.worlds.mini.furniture.assembly import Assembly
from s2r_bench.worlds.mini.furniture.dice import Dice


def _stairs(made: Assembly, dice: Dice) -> None:
    """Open boxes in columns, each column higher than the one before."""
    cell, deep = dice.between(0.32, 0.4), dice.between(0.32, 0.42)
    board, columns = dice.between(0.03, 0.045), dice.count(2, 4)
    step = dice.pick([1, 1, 2]) if columns < 4 else 1
    turn = dice.pick([-1, 1])
    z = (-deep / 2, deep / 2)
    backed = dice.chance(0.5)
    for i in range(columns):
        up = 1 + step * i
        x = (i * cell, (i + 1) * cell) if turn > 0 else (-(i + 1) * cell, -i * cell)
        for edge in x:
            made.block((edge - board / 2, edge + board / 2), (0, up * cell), z)
        for j in range(up + 1):
            level = max(j * cell, board / 2)
            made.block((x[0] - board / 2, x[1] + board / 2), (level - board / 2, level + board / 2), z)
        if backed:
            made.block(x, (0, up * cell), (z[0], z[0] + 0.02), "panel")


def _one_post(made: Assembly, dice: Dice) -> None:
    """One broad post with boards that reach out to the left and right in turn, on a heavy foot."""
    high, deep = dice.between(1.3, 1.8), dice.between(0.26, 0.36)
    post, board = dice.between(0.1, 0.2), dice.between(0.03, 0.045)
    reach, count = dice.between(0.35, 0.55), dice.count(4, 6)
    z = (-deep / 2, deep / 2)
    made.block((-reach * 0.8, reach * 0.8), (0, 0.05), z)
    made.block((-post / 2, post / 2), (0, high), (z[0], z[0] + dice.between(0.06, 0.12)))
    both = dice.chance(0.4)
    for i in range(count):
        level = high * (i + 1) / count
        out = reach * dice.between(0.8, 1.0)
        left, right = (out, out) if both else ((out, post / 2) if i % 2 else (post / 2, out))
        made.block((-left, right), (level - board, level), z, "panel")


def _trestles(made: Assembly, dice: Dice) -> None:
    """Two frames like an A seen from the side, with boards between them that are deepest at the bottom."""
    half, high = dice.between(0.35, 0.65), dice.between(1.3, 1.8)
    spread, bar, board = dice.between(0.22, 0.32), dice.between(0.03, 0.045), dice.between(0.028, 0.045)
    for x in (-half + bar / 2, half - bar / 2):
        for lean in (-1, 1):
            made.bar((x, 0, lean * spread), (x, high, lean * 0.04), bar)
    count = dice.count(3, 5)
    over = dice.pick([0.0, 0.1])
    for i in range(count):
        level = high * (i + 0.5) / count
        reach = spread + (0.04 - spread) * level / high
        made.block((-half - over, half + over), (level - board, level), (-reach - 0.02, reach + 0.02), "panel")


MAKES = (_stairs, _one_post, _trestles)
