"""Shelves: bookcases, racks on posts, leaning ladder shelves, cube grids, with and without things on them."""

from itertools import pairwise

from s2r_bench.worlds.mini.furniture.assembly import Assembly, Span
from s2r_bench.worlds.mini.furniture.dice import Dice


def shelf(dice: Dice) -> Assembly:
    """A shelf of random kind and measures."""
    made = Assembly()
    style = dice.pick(["bookcase", "rack", "ladder", "grid"], [0.4, 0.25, 0.15, 0.2])
    width, depth = dice.between(0.5, 1.3), dice.between(0.24, 0.42)
    height = dice.between(0.7, 1.95)
    x, z = (-width / 2, width / 2), (-depth / 2, depth / 2)
    board = dice.between(0.026, 0.05)
    if style == "grid":
        _grid(made, x, height, z, board, dice)
        return made
    levels = _levels(height, board, dice)
    if style == "ladder":
        _ladder(made, x, (max(height, 1.3), levels), z, board, dice)
        return made
    if style == "bookcase":
        for span in ((x[0], x[0] + board), (x[1] - board, x[1])):
            made.block(span, (0, height), z)
        if dice.chance(0.6):
            made.block(x, (0.03, height), (z[0], z[0] + 0.02), "panel")
    else:
        _posts(made, x, height, z, dice)
    for level in levels:
        made.block(x, (level - board, level), (z[0] + 0.002, z[1] - 0.002), "panel")
    _things(made, (x[0] + board, x[1] - board), levels, (z[0] + 0.015, z[1] - 0.01), dice)
    return made


def _levels(height: float, board: float, dice: Dice) -> list[float]:
    """Upper faces of the boards, from low to high; the last is the top."""
    count = max(2, round(height / dice.between(0.26, 0.42)))
    low = dice.between(0.06, 0.2) if dice.chance(0.7) else board
    return [low + (height - low) * i / count for i in range(count + 1)]


def _posts(made: Assembly, x: Span, height: float, z: Span, dice: Dice) -> None:
    post, sides = dice.between(0.03, 0.05), dice.pick([4, 8])
    corners = [(a, b) for a in (x[0] + post / 2, x[1] - post / 2) for b in (z[0] + post / 2, z[1] - post / 2)]
    for a, b in corners:
        made.bar((a, 0, b), (a, height, b), post, sides=sides)
    if dice.chance(0.4):
        back = z[0] + 0.006
        made.bar((x[0], 0.1, back), (x[1], height * 0.9, back), 0.02, 0.006)
        made.bar((x[1], 0.1, back), (x[0], height * 0.9, back), 0.02, 0.006)
    if dice.chance(0.3):
        for a in (x[0] + post / 2, x[1] - post / 2):
            made.bar((a, 0.12, z[0]), (a, height - 0.1, z[1]), 0.012)


def _ladder(made: Assembly, x: Span, sizes: tuple[float, list[float]], z: Span, board: float, dice: Dice) -> None:
    """Boards that get narrower upwards between two leaning rails."""
    height, levels = sizes
    scale = height / levels[-1]
    rail, slope = dice.between(0.03, 0.05), dice.between(0.11, 0.24)
    rear = z[1] - slope * height
    for edge in (x[0] + rail / 2, x[1] - rail / 2):
        made.bar((edge, 0, z[1]), (edge, height, rear), rail, rail * 1.6)
        if dice.chance(0.8):
            made.bar((edge, 0, rear - 0.02), (edge, height, rear - 0.02), rail)
    for level in levels[:-1]:
        y = level * scale
        front = z[1] - slope * y + 0.02
        made.block(x, (y - board, y), (rear - 0.02, front), "panel")


def _grid(made: Assembly, x: Span, height: float, z: Span, board: float, dice: Dice) -> None:
    """Equal cubes; some have a back or a box in them."""
    across = max(1, round((x[1] - x[0]) / dice.between(0.3, 0.42)))
    up = max(2, round(height / dice.between(0.3, 0.42)))
    wide, tall = (x[1] - x[0]) / across, height / up
    for i in range(across + 1):
        at = x[0] + i * wide
        made.block((at - board / 2, at + board / 2), (0, height), z)
    for j in range(up + 1):
        level = max(j * tall, board / 2)
        made.block(x, (level - board / 2, level + board / 2), z)
    for i in range(across):
        for j in range(up):
            cell_x, cell_y = (x[0] + i * wide, x[0] + (i + 1) * wide), (j * tall, (j + 1) * tall)
            filled = dice.pick(["", "back", "box"], [0.55, 0.2, 0.25])
            if filled == "back":
                made.block(cell_x, cell_y, (z[0], z[0] + 0.02), "panel")
            elif filled == "box":
                inner = (cell_x[0] + 0.03, cell_x[1] - 0.03)
                made.block(
                    inner, (cell_y[0], cell_y[0] + tall * dice.between(0.5, 0.85)), (z[0] + 0.01, z[1] - 0.03), "soft"
                )


def _things(made: Assembly, x: Span, levels: list[float], z: Span, dice: Dice) -> None:
    """Books and boxes that stand on some boards."""
    if dice.chance(0.35):
        return
    for level, above in pairwise(levels):
        room = above - level - 0.05
        at = x[0] + dice.between(0.0, 0.3)
        while room > 0.1 and at < x[1] - 0.1 and dice.chance(0.72):
            wide = dice.between(0.03, 0.12) if dice.chance(0.7) else dice.between(0.15, 0.28)
            if at + wide > x[1]:
                break
            made.block(
                (at, at + wide),
                (level, level + room * dice.between(0.5, 0.98)),
                (z[0], z[0] + (z[1] - z[0]) * dice.between(0.6, 0.95)),
                "soft",
            )
            at += wide + dice.pick([0.001, dice.between(0.0, 0.2)])
