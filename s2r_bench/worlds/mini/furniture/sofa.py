"""Sofas: armchairs to four seats, L-shaped ones, day beds."""

from s2r_bench.worlds.mini.furniture.assembly import Assembly, Span
from s2r_bench.worlds.mini.furniture.bases import plinth, short_legs
from s2r_bench.worlds.mini.furniture.dice import Dice


def sofa(dice: Dice) -> Assembly:
    """A sofa of random kind and measures."""
    made = Assembly()
    seats = seats_of(dice)
    inner = seats * dice.between(0.52, 0.68)
    arm = dice.pick([0.0, dice.between(0.05, 0.1), dice.between(0.12, 0.26)], [0.12, 0.4, 0.48])
    depth = dice.between(0.72, 0.98)
    floor_gap = dice.pick([0.0, dice.between(0.05, 0.2)], [0.25, 0.75])
    seat_low = floor_gap + dice.between(0.1, 0.2)
    x, z = (-inner / 2, inner / 2), (-depth / 2, depth / 2)
    seat_high = min(max(seat_low + dice.between(0.1, 0.2), 0.34), 0.5)
    back = dice.between(0.12, 0.24)
    made.block((x[0] - arm * 0.5, x[1] + arm * 0.5), (floor_gap, seat_low), z, "frame")
    outer = (x[0] - arm, x[1] + arm)
    if floor_gap > 0.0:
        short_legs(made, outer, z, floor_gap, dice)
    _seat_cushions(made, x, (seat_low, seat_high), (z[0] + back * 0.6, z[1]), seats, dice)
    _back(made, x, (seat_low, dice.between(0.62, 0.95)), (z[0], z[0] + back), seats, dice)
    if arm > 0:
        _arms(made, x, arm, (floor_gap, seat_high + dice.between(0.08, 0.26)), z, dice)
    if seats >= 2 and dice.chance(0.35):
        _chaise(made, x, (floor_gap, seat_low, seat_high), z, dice)
    return made


def seats_of(dice: Dice) -> int:
    """How many sit on it: the first thing that is drawn."""
    return dice.pick([1, 2, 3, 4], [0.25, 0.35, 0.3, 0.1])


def _seat_cushions(made: Assembly, x: Span, y: Span, z: Span, seats: int, dice: Dice) -> None:
    count = dice.pick([1, seats])
    pitch = (x[1] - x[0]) / count
    gap = dice.between(0.002, 0.012)
    radius = dice.between(0.02, 0.06)
    for i in range(count):
        made.cushion((x[0] + i * pitch + gap, x[0] + (i + 1) * pitch - gap), (y[0] - 0.01, y[1]), z, radius)


def _back(made: Assembly, x: Span, y: Span, z: Span, seats: int, dice: Dice) -> None:
    first = len(made.parts)
    style = dice.pick(["solid", "cushions", "slats"], [0.35, 0.45, 0.2])
    if style == "slats":
        bar = dice.between(0.02, 0.035)
        made.block(x, (y[1] - 0.07, y[1] - 0.01), (z[0], z[0] + bar))
        count = round((x[1] - x[0]) / dice.between(0.08, 0.18))
        for i in range(count + 1):
            at = x[0] + bar + (x[1] - x[0] - 2 * bar) * i / count
            made.bar((at, y[0] - 0.1, z[0] + bar / 2), (at, y[1] - 0.02, z[0] + bar / 2), bar)
    else:
        thick = z[1] - z[0] if style == "solid" else dice.between(0.05, 0.1)
        made.cushion(x, (y[0] - 0.08, y[1]), (z[0], z[0] + thick), dice.between(0.02, 0.08), "panel")
    if style != "solid":
        count = dice.pick([1, seats])
        pitch = (x[1] - x[0]) / count
        for i in range(count):
            span = (x[0] + i * pitch + 0.008, x[0] + (i + 1) * pitch - 0.008)
            made.cushion(span, (y[0] + 0.05, y[1] - dice.between(0.0, 0.08)), (z[0] + 0.04, z[1] + 0.06), 0.05)
    made.lean(first, y[0], z[0], dice.between(0, 12))


def _arms(made: Assembly, x: Span, width: float, y: Span, z: Span, dice: Dice) -> None:
    style = dice.pick(["block", "rolled", "open"])
    front = z[1] - dice.between(0.0, 0.1)
    for side, edge in ((-1, x[0]), (1, x[1])):
        span = (edge - width, edge) if side < 0 else (edge, edge + width)
        middle = (span[0] + span[1]) / 2
        if style == "block" or (style == "rolled" and width < 0.11):
            made.cushion(span, y, (z[0], front), dice.between(0.005, 0.07), "panel")
        elif style == "rolled":
            made.block((middle - width / 3, middle + width / 3), (y[0], y[1] - width / 2), (z[0], front), "panel")
            made.bar((middle, y[1] - width / 2, z[0]), (middle, y[1] - width / 2, front), width, sides=14, kind="panel")
        else:
            bar = min(width, 0.05)
            made.block((middle - bar, middle + bar), (y[1] - 0.03, y[1]), (z[0], front))
            for at in (z[0] + 0.06, front - 0.04):
                made.bar((middle, 0.0, at), (middle, y[1], at), bar)


def _chaise(made: Assembly, x: Span, y: tuple[float, float, float], z: Span, dice: Dice) -> None:
    """The long part of an L: at one end, forward of the seat."""
    width = dice.between(0.6, 0.8)
    reach = dice.between(0.45, 0.85)
    span = (x[0], x[0] + width) if dice.chance(0.5) else (x[1] - width, x[1])
    front = (z[1] - 0.02, z[1] + reach)
    made.block(span, (y[0], y[1]), front)
    made.cushion(span, (y[1] - 0.01, y[2]), front, dice.between(0.02, 0.06))
    if y[0] > 0:
        plinth(made, span, (z[1] + reach - 0.14, z[1] + reach), y[0], 0.04)
