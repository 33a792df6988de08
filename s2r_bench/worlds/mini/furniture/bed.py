"""Beds: single and double, day beds with slats, bunk beds, four-posters, cots."""

from s2r_bench.worlds.mini.furniture.assembly import Assembly, Span
from s2r_bench.worlds.mini.furniture.bases import plinth, short_legs
from s2r_bench.worlds.mini.furniture.dice import Dice
from s2r_bench.worlds.mini.furniture.fronts import drawers


def bed(dice: Dice) -> Assembly:
    """A bed of random kind and measures; the head is at the back."""
    made = Assembly()
    style = dice.pick(["bed", "bunk", "poster", "cot"], [0.7, 0.1, 0.1, 0.1])
    width = dice.between(0.8, 1.0) if style == "bunk" else dice.pick([dice.between(0.8, 1.2), dice.between(1.3, 1.8)])
    length = dice.between(1.85, 2.1)
    if style == "cot":
        width, length = dice.between(0.6, 0.75), dice.between(1.1, 1.4)
    x, z = (-width / 2, width / 2), (-length / 2, length / 2)
    if style == "bunk":
        _bunk(made, x, z, dice)
        return made
    top = _lying(made, x, z, dice)
    if style == "cot":
        _rails(made, x, (0.25, top + dice.between(0.3, 0.45)), z, dice)
    else:
        _board(made, x, (0.0, top + dice.between(0.25, 0.65)), z[0], dice)
        if dice.chance(0.45):
            _board(made, x, (0.0, top + dice.between(-0.05, 0.25)), z[1] + 0.03, dice)
        if style == "poster":
            _posts(made, x, z, dice)
    return made


def _lying(made: Assembly, x: Span, z: Span, dice: Dice) -> float:
    """Base, mattress, pillows, blanket; returns the height of the mattress."""
    base = dice.pick(["legs", "plinth", "drawers"], [0.6, 0.2, 0.2])
    low = {"legs": dice.between(0.12, 0.32), "plinth": dice.between(0.06, 0.14), "drawers": 0.3}[base]
    if base == "legs":
        short_legs(made, x, z, low, dice)
    else:
        plinth(made, x, z, low, 0.03 if base == "drawers" else dice.between(0.05, 0.15))
    if base == "drawers":
        first = len(made.parts)
        drawers(made, (z[0] + 0.05, z[1] - 0.05), (0.04, low - 0.02), x[1] - 0.03, 1, dice)
        made.swing(first, 0.0, 0.0, 90)
    rail = dice.between(0.06, 0.16)
    made.block(x, (low, low + rail), z)
    top = low + rail + dice.between(0.12, 0.26)
    inset = dice.between(0.0, 0.04)
    lying_x, lying_z = (x[0] + inset, x[1] - inset), (z[0] + inset, z[1] - inset)
    made.cushion(lying_x, (low + rail - 0.03, top), lying_z, dice.between(0.02, 0.06))
    _bedding(made, lying_x, top, lying_z, dice)
    return top


def _bedding(made: Assembly, x: Span, top: float, z: Span, dice: Dice) -> None:
    wide = x[1] - x[0]
    count = dice.pick([0, 1, 2]) if wide > 1.25 else dice.pick([0, 1])
    for i in range(count):
        half = min(0.36, 0.44 * wide / count)
        at = x[0] + wide * (i + 0.5) / count
        first = len(made.parts)
        made.cushion(
            (at - half, at + half), (top - 0.02, top + dice.between(0.07, 0.15)), (z[0] + 0.03, z[0] + 0.42), 0.06
        )
        made.lean(first, top, z[0] + 0.03, dice.between(-14, 0))
    if dice.chance(0.5):
        start = z[0] + (z[1] - z[0]) * dice.between(0.3, 0.7)
        made.cushion(
            (x[0] - 0.02, x[1] + 0.02),
            (top - 0.12, top + dice.between(0.02, 0.06)),
            (start, z[1] + 0.01),
            0.03,
            "panel",
        )


def _board(made: Assembly, x: Span, y: Span, z: float, dice: Dice) -> None:
    """A head or foot board whose back is at z - 0.03."""
    style = dice.pick(["panel", "slats", "rods", "cushion", "ladder"])
    post = dice.between(0.03, 0.06)
    back = (z - 0.03, z)
    if style == "panel":
        made.slab(x, (y[0], y[1]), back, 0.0)
        return
    if style == "cushion":
        made.block(x, y, (z - 0.03, z - 0.01))
        made.cushion(x, (y[1] * 0.4, y[1]), (z - 0.02, z + dice.between(0.03, 0.1)), 0.04)
        return
    for edge in (x[0] + post / 2, x[1] - post / 2):
        made.bar((edge, y[0], z - 0.015), (edge, y[1], z - 0.015), post)
    made.block(x, (y[1] - 0.05, y[1] - 0.005), back)
    low = min(0.35, 0.5 * y[1])
    if style == "ladder":
        for i in range(dice.count(1, 3)):
            level = y[1] - 0.05 - (i + 1) * 0.13
            if level > low:
                made.block(x, (level, level + 0.05), (z - 0.025, z - 0.005), "panel")
        return
    made.block(x, (low, low + 0.05), back)
    count = round((x[1] - x[0]) / dice.between(0.09, 0.16))
    for i in range(1, count):
        at = x[0] + (x[1] - x[0]) * i / count
        wide = 0.045 if style == "slats" else 0.018
        made.bar((at, low, z - 0.015), (at, y[1] - 0.02, z - 0.015), wide, 0.016, sides=4 if style == "slats" else 8)


def _rails(made: Assembly, x: Span, y: Span, z: Span, dice: Dice) -> None:
    """Bars all round (a cot)."""
    pitch, bar = dice.between(0.07, 0.1), dice.between(0.014, 0.022)
    for edge in x:
        made.block((edge - 0.015, edge + 0.015), (y[1] - 0.04, y[1]), z)
        for i in range(round((z[1] - z[0]) / pitch) + 1):
            at = z[0] + (z[1] - z[0]) * i / round((z[1] - z[0]) / pitch)
            made.bar((edge, y[0], at), (edge, y[1] - 0.02, at), bar)
    for edge in z:
        made.block(x, (y[1] - 0.04, y[1]), (edge - 0.015, edge + 0.015))
        for i in range(round((x[1] - x[0]) / pitch)):
            at = x[0] + (x[1] - x[0]) * (i + 0.5) / round((x[1] - x[0]) / pitch)
            made.bar((at, y[0], edge), (at, y[1] - 0.02, edge), bar)


def _posts(made: Assembly, x: Span, z: Span, dice: Dice) -> None:
    """Four posts and the beams between their heads."""
    post, top = dice.between(0.04, 0.07), dice.between(1.7, 2.05)
    for edge in x:
        made.block((edge - post / 2, edge + post / 2), (top - post, top), z)
        for at in z:
            made.bar((edge, 0, at), (edge, top, at), post)
    for at in z:
        made.block(x, (top - post, top), (at - post / 2, at + post / 2))


def _bunk(made: Assembly, x: Span, z: Span, dice: Dice) -> None:
    post, top = dice.between(0.045, 0.07), dice.between(1.5, 1.75)
    upper = dice.between(1.15, 1.3)
    for edge in x:
        for at in z:
            made.bar((edge, 0, at), (edge, top, at), post)
    for level in (dice.between(0.28, 0.4), upper):
        made.block(x, (level - 0.1, level), z)
        made.cushion((x[0] + 0.02, x[1] - 0.02), (level - 0.01, level + 0.14), (z[0] + 0.02, z[1] - 0.02), 0.04)
    for edge in x:
        for level in (top - 0.05, (top + upper) / 2 + 0.06):
            made.block((edge - 0.012, edge + 0.012), (level - 0.07, level), (z[0], z[1] - dice.between(0.0, 0.5)))
    for at in z:
        made.block(x, (top - 0.1, top - 0.03), (at - 0.012, at + 0.012))
    rung = dice.between(0.24, 0.3)
    for i in range(1, int(upper / rung) + 1):
        made.bar((x[1], i * rung, z[1] - 0.4), (x[1], i * rung, z[1]), 0.03)
    made.bar((x[1], 0, z[1] - 0.4), (x[1], top - 0.1, z[1] - 0.4), 0.04)
