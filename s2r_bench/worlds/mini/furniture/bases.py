"""What furniture stands on: legs, stretchers, pedestals, star bases, plinths."""

from s2r_bench.worlds.mini.furniture.assembly import Assembly, Span
from s2r_bench.worlds.mini.furniture.dice import Dice

Corner = tuple[float, float]


def four_legs(
    made: Assembly, half: tuple[float, float], height: float, thick: float, splay: float, dice: Dice
) -> list[Corner]:
    """Four legs under the corners (+-half[0], +-half[1]); returns where they are (x, z) half-way up."""
    sides = dice.pick([4, 4, 10])
    taper = dice.between(1.0, 1.7) if dice.chance(0.5) else 1.0
    middle = []
    for sx, sz in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        foot = (sx * (half[0] + splay), 0.0, sz * (half[1] + splay))
        made.bar(foot, (sx * half[0], height, sz * half[1]), thick / taper**0.5, taper=taper, sides=sides)
        middle.append((sx * (half[0] + splay / 2), sz * (half[1] + splay / 2)))
    return middle


def stretchers(made: Assembly, feet: list[Corner], height: float, thick: float, dice: Dice) -> None:
    """Bars between legs at about `height`: all round, at the sides, or as an H."""
    style = dice.pick(["box", "sides", "h"])
    pairs = [(0, 3), (1, 2)] if style != "box" else [(0, 1), (1, 2), (2, 3), (3, 0)]
    for a, b in pairs:
        y = height + dice.between(-0.02, 0.02)
        made.bar((feet[a][0], y, feet[a][1]), (feet[b][0], y, feet[b][1]), thick)
    if style == "h":
        made.bar((feet[0][0], height, 0.0), (feet[1][0], height, 0.0), thick)


def pedestal(made: Assembly, height: float, reach: float, dice: Dice) -> None:
    """A column on a round or square foot."""
    foot = dice.between(0.025, 0.05)
    if dice.chance(0.6):
        made.disc((0, 0), (0.0, foot), reach, taper=dice.between(0.7, 1.0), kind="frame")
    else:
        made.slab((-reach, reach), (0.0, foot), (-reach, reach), dice.between(0.0, 0.06), "frame")
    made.disc((0, 0), (foot, height), dice.between(0.03, 0.06), taper=dice.between(0.7, 1.3), kind="frame")


def star_base(made: Assembly, height: float, reach: float, dice: Dice) -> None:
    """A column on four or five arms, mostly with castors (swivel chairs)."""
    arms = dice.pick([4, 5, 5])
    castor = dice.between(0.025, 0.035) if dice.chance(0.75) else 0.0
    lift = 2 * castor + 0.02
    for i in range(arms):
        first = len(made.parts)
        made.bar((0, lift + 0.03, 0), (0, lift, reach), 0.045, 0.035, taper=0.6)
        if castor:
            made.bar((-0.015, castor, reach - castor), (0.015, castor, reach - castor), 2 * castor, sides=10)
            made.bar((0, castor, reach - castor), (0, lift, reach - castor), 0.012)
        made.swing(first, 0.0, 0.0, 360 * i / arms)
    made.disc((0, 0), (lift - 0.01, height), dice.between(0.028, 0.045), kind="frame")


def plinth(made: Assembly, x: Span, z: Span, height: float, inset: float) -> None:
    """A closed base, set back by `inset`."""
    made.block((x[0] + inset, x[1] - inset), (0.0, height), (z[0] + inset, z[1] - inset))


def short_legs(made: Assembly, x: Span, z: Span, height: float, dice: Dice) -> None:
    """Short legs under the corners of a body, upright or splayed."""
    thick = dice.between(0.035, 0.06)
    inset = dice.between(0.02, 0.06)
    centre = ((x[0] + x[1]) / 2, (z[0] + z[1]) / 2)
    half = ((x[1] - x[0]) / 2 - inset - thick, (z[1] - z[0]) / 2 - inset - thick)
    first = len(made.parts)
    four_legs(made, half, height, thick, dice.pick([0.0, inset]), dice)
    made.shift(first, centre[0], centre[1])
