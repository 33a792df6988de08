"""Tables with benches, boxes and drums, and tables on one crossed frame with a second board."""

from s2r_bench.worlds.mini.furniture.assembly import Assembly
from s2r_bench.worlds.mini.furniture.dice import Dice


def _with_benches(made: Assembly, dice: Dice) -> None:
    """A table whose two frames carry a bench on either side."""
    half, deep = dice.between(0.6, 0.9), dice.between(0.3, 0.4)
    high, thick = dice.between(0.7, 0.76), dice.between(0.04, 0.06)
    seat, out, bench = dice.between(0.4, 0.46), deep + dice.between(0.12, 0.2), dice.between(0.22, 0.3)
    made.block((-half, half), (high - thick, high), (-deep, deep), "panel")
    post = dice.between(0.06, 0.09)
    for side in (-1, 1):
        x = side * half * 0.68
        made.block((x - post / 2, x + post / 2), (seat - 0.1, seat - 0.04), (-out - bench, out + bench))
        for lean in (-1, 1):
            made.bar((x, 0, lean * (out + bench * 0.4)), (x, high - thick, lean * deep * 0.6), post)
    for side in (-1, 1):
        z = (out, out + bench) if side > 0 else (-out - bench, -out)
        made.block((-half, half), (seat - 0.04, seat), z, "panel")


def _body(made: Assembly, dice: Dice) -> None:
    """A closed box or drum under a top: a chest to put things on."""
    high, thick = dice.between(0.36, 0.6), dice.between(0.03, 0.06)
    over = dice.between(0.0, 0.08)
    if dice.chance(0.45):
        radius = dice.between(0.25, 0.42)
        made.disc((0, 0), (0.0, high - thick), radius - over, taper=dice.between(0.85, 1.1), kind="frame")
        made.disc((0, 0), (high - thick, high), radius)
        return
    half, deep = dice.between(0.35, 0.65), dice.between(0.25, 0.42)
    gap = dice.pick([0.0, 0.05])
    if gap:
        made.block((-half + 0.1, half - 0.1), (0, gap), (-deep + 0.1, deep - 0.1))
    made.block((-half + over, half - over), (gap, high - thick), (-deep + over, deep - over))
    made.slab((-half, half), (high - thick, high), (-deep, deep), dice.pick([0.0, 0.06]))


def _crossed(made: Assembly, dice: Dice) -> None:
    """Two crossed pairs of broad legs seen from the front, and a second board half-way up."""
    half, deep = dice.between(0.5, 0.85), dice.between(0.28, 0.42)
    high, thick = dice.between(0.5, 0.76), dice.between(0.035, 0.07)
    leg, at = dice.between(0.06, 0.1), half * dice.between(0.6, 0.85)
    made.slab((-half, half), (high - thick, high), (-deep, deep), dice.pick([0.0, 0.1]))
    low = high - thick
    for side in (-1, 1):
        z = side * (deep - leg)
        made.bar((-at, 0, z), (at, low, z), leg, 0.05)
        made.bar((at, 0, z), (-at, low, z), leg, 0.05)
    middle = low / 2
    reach = at * dice.between(0.5, 0.9)
    made.block((-reach, reach), (middle - 0.02, middle + 0.02), (-deep + leg / 2, deep - leg / 2), "panel")


MAKES = (_with_benches, _body, _crossed)
