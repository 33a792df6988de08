"""Chairs: dining, arm, office, cantilever and bar chairs."""

from dataclasses import dataclass

from s2r_bench.worlds.mini.furniture.assembly import Assembly, Span
from s2r_bench.worlds.mini.furniture.bases import four_legs, pedestal, star_base, stretchers
from s2r_bench.worlds.mini.furniture.dice import Dice


@dataclass(frozen=True)
class Seat:
    """The seat's size: half width and depth, and the heights of its lower and upper face."""

    half: float
    depth: float
    low: float
    high: float

    @property
    def front(self) -> float:
        """Z of the front edge."""
        return self.depth / 2


def chair(dice: Dice) -> Assembly:
    """A chair of random kind and measures."""
    made = Assembly()
    bar_stool = dice.chance(0.1)
    high = dice.between(0.62, 0.78) if bar_stool else dice.between(0.40, 0.50)
    thick = dice.between(0.03, 0.06)
    seat = Seat(dice.between(0.19, 0.28), dice.between(0.36, 0.52), high - thick, high)
    base = dice.pick(["legs", "sled", "pedestal", "star"], [0.6, 0.14, 0.1, 0.16])
    _seat(made, seat, dice)
    if base == "legs":
        _legs(made, seat, dice, bar_stool)
    elif base == "sled":
        _sled(made, seat, dice)
    elif base == "pedestal":
        pedestal(made, seat.low, dice.between(0.18, 0.26), dice)
    else:
        star_base(made, seat.low, dice.between(0.24, 0.32), dice)
    back_height = dice.between(0.16, 0.3) if bar_stool else dice.between(0.34, 0.62)
    _back(made, seat, back_height, dice)
    if dice.chance(0.42):
        _arms(made, seat, dice)
    return made


def _seat(made: Assembly, seat: Seat, dice: Dice) -> None:
    x, z, y = (-seat.half, seat.half), (-seat.depth / 2, seat.front), (seat.low, seat.high)
    kind = dice.pick(["board", "round", "slats", "upholstered"], [0.4, 0.2, 0.12, 0.28])
    if kind == "slats":
        count = dice.count(4, 7)
        pitch = seat.depth / count
        for i in range(count):
            made.block(x, y, (z[0] + i * pitch, z[0] + (i + dice.between(0.6, 0.75)) * pitch), "panel")
        for side in (-1, 1):
            made.block((side * seat.half * 0.8 - 0.015, side * seat.half * 0.8 + 0.015), (seat.low - 0.02, seat.low), z)
        return
    made.slab(x, y, z, dice.between(0.05, 0.16) if kind == "round" else dice.between(0.0, 0.03))
    if kind == "upholstered":
        made.cushion(x, (seat.high - 0.01, seat.high + dice.between(0.03, 0.08)), z, 0.03)


def _legs(made: Assembly, seat: Seat, dice: Dice, bar_stool: bool) -> None:
    thick = dice.between(0.032, 0.058)
    inset = dice.between(0.01, 0.05) + thick / 2
    splay = dice.between(0.03, 0.1) if dice.chance(0.45) else 0.0
    feet = four_legs(made, (seat.half - inset, seat.front - inset), seat.low, thick, splay, dice)
    if bar_stool or dice.chance(0.45):
        stretchers(made, feet, dice.between(0.25, 0.6) * seat.low, thick * 0.75, dice)


def _sled(made: Assembly, seat: Seat, dice: Dice) -> None:
    tube = dice.between(0.026, 0.042)
    cantilever = dice.chance(0.5)
    for side in (-1, 1):
        x = side * (seat.half - tube)
        front, rear = seat.front - tube, -seat.front + tube
        made.bar((x, tube / 2, rear), (x, tube / 2, front), tube, sides=8)
        made.bar((x, 0, front), (x, seat.low, front), tube, sides=8)
        made.bar((x, seat.low - tube / 2, rear), (x, seat.low - tube / 2, front), tube, sides=8)
        if not cantilever:
            made.bar((x, 0, rear), (x, seat.low, rear), tube, sides=8)
    cross = -seat.front + tube
    made.bar((-seat.half + tube, tube / 2, cross), (seat.half - tube, tube / 2, cross), tube, sides=8)


def _back(made: Assembly, seat: Seat, height: float, dice: Dice) -> None:
    first = len(made.parts)
    style = dice.pick(["slats", "ladder", "spindles", "panel", "open", "barrel", "upholstered"])
    rear = -seat.depth / 2
    y0, y1 = seat.low, seat.high + height
    half = seat.half - dice.between(0.0, 0.03)
    if style == "barrel":
        _barrel(made, seat, y1, dice)
        return
    post = dice.between(0.03, 0.05)
    z = rear + post / 2
    if style not in {"panel", "upholstered"} or dice.chance(0.4):
        for side in (-1, 1):
            made.bar(
                (side * (half - post / 2), y0, z), (side * (half - post / 2), y1, z), post, sides=dice.pick([4, 8])
            )
    _fill(made, style, ((-half, half), (seat.high, y1)), (z, post), dice)
    made.lean(first, seat.low, rear, dice.between(2, 16))


def _fill(made: Assembly, style: str, face: tuple[Span, Span], at: tuple[float, float], dice: Dice) -> None:
    (x0, x1), (y0, y1) = face
    z, post = at
    thin = dice.between(0.02, 0.035)
    rail = dice.between(0.04, 0.09)
    gap = dice.between(0.03, 0.14)
    depth = (z - thin / 2, z + thin / 2)
    if style in {"slats", "spindles", "open"}:
        made.block((x0, x1), (y1 - rail, y1), depth)
    if style in {"slats", "spindles"}:
        made.block((x0, x1), (y0 + gap, y0 + gap + 0.03), depth)
        count = dice.count(3, 6)
        for i in range(count):
            x = x0 + (x1 - x0) * (i + 1) / (count + 1)
            wide = dice.between(0.03, 0.05) if style == "slats" else thin
            made.bar((x, y0 + gap, z), (x, y1 - rail / 2, z), wide, thin, sides=4 if style == "slats" else 8)
    elif style == "ladder":
        count = dice.count(2, 5)
        pitch = (y1 - y0 - gap) / count
        for i in range(count):
            top = y1 - i * pitch
            made.block((x0 + post / 2, x1 - post / 2), (top - min(rail, 0.7 * pitch), top), depth, "panel")
    elif style == "panel":
        made.block((x0, x1), (y0 + gap * dice.pick([0, 1]), y1), depth, "panel")
    elif style == "upholstered":
        made.cushion((x0, x1), (y0 - 0.01, y1), (z - 0.03, z + dice.between(0.02, 0.05)), 0.025)


def _barrel(made: Assembly, seat: Seat, top: float, dice: Dice) -> None:
    """A curved back: upright boards around the rear half of the seat."""
    count = dice.count(5, 9)
    sweep = dice.between(110, 200)
    low = seat.low if dice.chance(0.5) else seat.high + dice.between(0.05, 0.15)
    board = 2 * seat.half * 3.1416 * sweep / 360 / count * dice.pick([0.65, 1.04])
    for i in range(count):
        first = len(made.parts)
        made.block((-board / 2, board / 2), (low, top), (-seat.half - 0.014, -seat.half + 0.014), "panel")
        made.swing(first, 0.0, 0.0, (i / (count - 1) - 0.5) * sweep)
    if low > seat.high:
        for side in (-1, 1):
            made.bar(
                (side * seat.half * 0.7, seat.low, -seat.half * 0.71),
                (side * seat.half * 0.7, low + 0.02, -seat.half * 0.71),
                0.025,
                sides=8,
            )


def _arms(made: Assembly, seat: Seat, dice: Dice) -> None:
    rise = dice.between(0.17, 0.26)
    y = seat.high + rise
    wide, thick = dice.between(0.04, 0.075), dice.between(0.026, 0.045)
    reach = dice.between(0.5, 0.95) * seat.depth
    rear, front = -seat.depth / 2, -seat.depth / 2 + reach
    closed = dice.chance(0.2)
    for side in (-1, 1):
        x = side * (seat.half - wide * 0.3 + dice.between(0.0, 0.01))
        made.block((x - wide / 2, x + wide / 2), (y, y + thick), (rear, front), dice.pick(["frame", "soft"]))
        if closed:
            made.block((x - thick / 2, x + thick / 2), (seat.low, y), (rear, front), "panel")
        else:
            made.bar((x, seat.low, front - 0.03), (x, y, front - 0.03), 0.032, sides=dice.pick([4, 8]))
            made.bar((x, seat.low, rear + 0.04), (x, y, rear + 0.04), 0.032)
