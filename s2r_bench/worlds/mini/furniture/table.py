"""Tables: dining, coffee, side, console tables and desks."""

from s2r_bench.worlds.mini.furniture.assembly import Assembly, Span
from s2r_bench.worlds.mini.furniture.bases import four_legs, pedestal, stretchers
from s2r_bench.worlds.mini.furniture.dice import Dice
from s2r_bench.worlds.mini.furniture.fronts import handle

SIZES: dict[str, tuple[Span, Span, Span]] = {
    "dining": ((1.1, 1.9), (0.75, 1.0), (0.70, 0.78)),
    "coffee": ((0.7, 1.3), (0.45, 0.75), (0.32, 0.48)),
    "side": ((0.35, 0.6), (0.35, 0.55), (0.42, 0.66)),
    "console": ((0.8, 1.4), (0.3, 0.42), (0.74, 0.9)),
    "desk": ((1.0, 1.6), (0.55, 0.8), (0.70, 0.78)),
}


def table(dice: Dice) -> Assembly:
    """A table of random kind and measures."""
    made = Assembly()
    use = dice.pick(list(SIZES))
    width, depth, height = (dice.between(*span) for span in SIZES[use])
    thick = dice.between(0.025, 0.07)
    is_round = use in {"dining", "coffee", "side"} and dice.chance(0.35)
    if is_round:
        width = depth = min(width, 1.3) if use == "dining" else depth
    half, low = (width / 2, depth / 2), height - thick
    _top(made, half, (low, height), is_round, dice)
    styles = ["legs", "pedestal"] if is_round else ["legs", "legs", "trestle", "panels", "sled", "pedestal"]
    style = dice.pick(styles)
    if style == "legs":
        scale = 0.68 if is_round else 1.0
        _legs(made, (half[0] * scale, half[1] * scale), low, dice)
    elif style == "pedestal":
        pedestal(made, low, dice.between(0.5, 0.8) * min(half), dice)
    elif style == "trestle":
        _trestles(made, half, low, dice)
    elif style == "panels":
        _panels(made, half, low, dice)
    else:
        _sleds(made, half, low, dice)
    if use == "desk" and not is_round and style != "pedestal" and dice.chance(0.6):
        _drawers(made, half, low, dice)
    return made


def _top(made: Assembly, half: tuple[float, float], y: Span, is_round: bool, dice: Dice) -> None:
    if is_round:
        made.disc((0, 0), y, half[0])
    elif dice.chance(0.2):
        count = dice.count(4, 8)
        pitch = 2 * half[1] / count
        for i in range(count):
            made.block((-half[0], half[0]), y, (-half[1] + i * pitch, -half[1] + (i + 0.85) * pitch), "panel")
        for side in (-1, 1):
            made.block(
                (side * half[0] * 0.7 - 0.02, side * half[0] * 0.7 + 0.02), (y[0] - 0.03, y[0]), (-half[1], half[1])
            )
    else:
        corner = dice.pick([0.0, dice.between(0.01, 0.05), dice.between(0.08, 0.2)])
        made.slab((-half[0], half[0]), y, (-half[1], half[1]), corner)


def _legs(made: Assembly, half: tuple[float, float], low: float, dice: Dice) -> None:
    thick = dice.between(0.04, 0.085)
    inset = dice.between(0.01, 0.08) + thick / 2
    splay = dice.between(0.03, min(0.1, inset + 0.05)) if dice.chance(0.35) else 0.0
    spread = (half[0] - inset, half[1] - inset)
    feet = four_legs(made, spread, low, thick, splay, dice)
    if dice.chance(0.55):
        deep = dice.between(0.05, 0.12)
        for side in (-1, 1):
            made.block((-spread[0], spread[0]), (low - deep, low), (side * spread[1] - 0.014, side * spread[1] + 0.014))
            made.block((side * spread[0] - 0.014, side * spread[0] + 0.014), (low - deep, low), (-spread[1], spread[1]))
    if dice.chance(0.3):
        stretchers(made, feet, dice.between(0.12, 0.35) * low, thick * 0.7, dice)
    elif dice.chance(0.3):
        y = dice.between(0.18, 0.4) * low
        made.block((-spread[0], spread[0]), (y, y + 0.03), (-spread[1], spread[1]), "panel")


def _trestles(made: Assembly, half: tuple[float, float], low: float, dice: Dice) -> None:
    thick = dice.between(0.045, 0.08)
    at, open_to = half[0] * dice.between(0.6, 0.85), half[1] * dice.between(0.5, 0.85)
    crossed = dice.chance(0.5)
    for side in (-1, 1):
        x = side * at
        made.block((x - thick / 2, x + thick / 2), (low - 0.05, low), (-half[1] * 0.9, half[1] * 0.9))
        for lean in (-1, 1):
            top = -lean * open_to if crossed else lean * 0.05
            made.bar((x, 0, lean * open_to), (x, low - 0.02, top), thick)
    beam = low * dice.between(0.2, 0.5)
    made.block((-at, at), (beam, beam + 0.06), (-0.02, 0.02))
    if not crossed:
        for side in (-1, 1):
            made.block((side * at - 0.015, side * at + 0.015), (beam, beam + 0.04), (-open_to * 0.6, open_to * 0.6))


def _panels(made: Assembly, half: tuple[float, float], low: float, dice: Dice) -> None:
    thick = dice.between(0.03, 0.06)
    inset = dice.pick([0.0, dice.between(0.02, 0.15)])
    for side in (-1, 1):
        x = side * (half[0] - inset - thick / 2)
        made.block((x - thick / 2, x + thick / 2), (0, low), (-half[1], half[1]), "panel")
    back = dice.between(0.25, 0.9)
    made.block(
        (-half[0] + inset, half[0] - inset), (low * (1 - back), low), (-half[1] + 0.02, -half[1] + 0.05), "panel"
    )


def _sleds(made: Assembly, half: tuple[float, float], low: float, dice: Dice) -> None:
    tube = dice.between(0.035, 0.065)
    deep = half[1] * dice.between(0.75, 0.98) - tube / 2
    for side in (-1, 1):
        x = side * (half[0] * dice.between(0.82, 0.95) - tube / 2)
        made.block((x - tube / 2, x + tube / 2), (0, tube), (-deep, deep))
        made.block((x - tube / 2, x + tube / 2), (low - tube, low), (-deep, deep))
        for z in (-deep, deep):
            made.bar((x, 0, z), (x, low, z), tube)
    made.block((-half[0] * 0.85, half[0] * 0.85), (low - tube, low), (-tube / 2, tube / 2))


def _drawers(made: Assembly, half: tuple[float, float], low: float, dice: Dice) -> None:
    """A drawer unit under one side of a desk."""
    width = dice.between(0.32, 0.45)
    count = dice.count(1, 4)
    bottom = dice.pick([0.04, low - 0.16 * count]) if count > 2 else low - 0.13 * count
    bottom = max(bottom, 0.04)
    x0 = half[0] - width - 0.06 if dice.chance(0.5) else -half[0] + 0.06
    front = half[1] - dice.between(0.03, 0.08)
    made.block((x0, x0 + width), (bottom, low), (-half[1] + 0.05, front - 0.02), "panel")
    pitch = (low - bottom) / count
    for i in range(count):
        y = (bottom + i * pitch + 0.004, bottom + (i + 1) * pitch - 0.004)
        made.block((x0 + 0.003, x0 + width - 0.003), y, (front - 0.02, front), "panel")
        handle(made, (x0, x0 + width), y, front, dice)
