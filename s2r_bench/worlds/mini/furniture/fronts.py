"""Fronts of cabinets: drawers, doors, handles."""

from s2r_bench.worlds.mini.furniture.assembly import Assembly, Span
from s2r_bench.worlds.mini.furniture.dice import Dice


def handle(made: Assembly, x: Span, y: Span, front: float, dice: Dice, *, style: str | None = None) -> None:
    """A handle in the middle of a front whose face is at z = `front`: a bar, a knob, or none."""
    style = style or dice.pick(["bar", "knob", "none"])
    middle_x, middle_y = (x[0] + x[1]) / 2, (y[0] + y[1]) / 2
    if style == "bar":
        half = min(0.1, 0.3 * (x[1] - x[0]))
        made.bar((middle_x - half, middle_y, front + 0.028), (middle_x + half, middle_y, front + 0.028), 0.014)
        for side in (-1, 1):
            at = middle_x + side * (half - 0.012)
            made.bar((at, middle_y, front), (at, middle_y, front + 0.028), 0.012)
    elif style == "knob":
        made.bar((middle_x, middle_y, front), (middle_x, middle_y, front + 0.03), 0.03, sides=10)


def upright_handle(made: Assembly, x: float, y: Span, front: float) -> None:
    """A long upright bar beside the edge of a door."""
    made.bar((x, y[0], front + 0.03), (x, y[1], front + 0.03), 0.015)
    for at in y:
        made.bar((x, at, front), (x, at, front + 0.036), 0.013)


def drawers(made: Assembly, x: Span, y: Span, front: float, count: int, dice: Dice) -> None:
    """Drawer fronts of about equal height with gaps between them."""
    pitch = (y[1] - y[0]) / count
    gap = dice.between(0.003, 0.01)
    style = dice.pick(["bar", "knob", "none"])
    thick = dice.between(0.016, 0.025)
    for i in range(count):
        span = (y[0] + i * pitch + gap, y[0] + (i + 1) * pitch - gap)
        made.block((x[0] + gap, x[1] - gap), span, (front, front + thick), "panel")
        handle(made, x, span, front + thick, dice, style=style)


def doors(made: Assembly, x: Span, y: Span, front: float, count: int, dice: Dice) -> None:
    """Doors side by side: flat, or a frame around a set-back panel."""
    pitch = (x[1] - x[0]) / count
    gap = dice.between(0.003, 0.008)
    framed = dice.chance(0.4)
    handled = dice.chance(0.7)
    thick = dice.between(0.018, 0.026)
    for i in range(count):
        span = (x[0] + i * pitch + gap, x[0] + (i + 1) * pitch - gap)
        face = (y[0] + gap, y[1] - gap)
        _door(made, span, face, (front, front + thick), framed)
        if handled:
            at = span[1] - 0.04 if i % 2 == 0 else span[0] + 0.04
            middle = (y[0] + y[1]) / 2
            half = min(0.15, 0.2 * (y[1] - y[0]))
            upright_handle(made, at, (middle - half, middle + half), front + thick)


def _door(made: Assembly, x: Span, y: Span, z: Span, framed: bool) -> None:
    rim = 0.07
    if not framed or x[1] - x[0] < 3 * rim or y[1] - y[0] < 3 * rim:
        made.block(x, y, z, "panel")
        return
    made.block((x[0], x[1]), (y[0], y[0] + rim), z, "panel")
    made.block((x[0], x[1]), (y[1] - rim, y[1]), z, "panel")
    made.block((x[0], x[0] + rim), (y[0] + rim, y[1] - rim), z, "panel")
    made.block((x[1] - rim, x[1]), (y[0] + rim, y[1] - rim), z, "panel")
    made.block((x[0] + rim, x[1] - rim), (y[0] + rim, y[1] - rim), (z[0], z[1] - 0.012), "panel")
