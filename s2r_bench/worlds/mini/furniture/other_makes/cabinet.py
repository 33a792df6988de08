"""Hutches, bodies of two heights side by side, and bodies on high legs."""

from s2r_bench.worlds.mini.furniture.assembly import Assembly
from s2r_bench.worlds.mini.furniture.bases import four_legs
from s2r_bench.worlds.mini.furniture.dice import Dice
from s2r_bench.worlds.mini.furniture.fronts import doors, drawers


def _hutch(made: Assembly, dice: Dice) -> None:
    """A deep closed body that carries a shallow open one."""
    half, deep = dice.between(0.4, 0.7), dice.between(0.4, 0.52)
    low, high = dice.between(0.72, 0.95), dice.between(1.5, 1.9)
    rear, front = -deep / 2, deep / 2
    made.block((-half, half), (0, low), (rear, front))
    doors(made, (-half, half), (0.06, low - 0.03), front, dice.count(2, 3), dice)
    board, shallow = dice.between(0.025, 0.04), rear + deep * dice.between(0.45, 0.65)
    for side in (-1, 1):
        x = side * (half - board / 2)
        made.block((x - board / 2, x + board / 2), (low, high), (rear, shallow))
    made.block((-half, half), (low, high), (rear, rear + 0.02), "panel")
    count = dice.count(2, 3)
    for i in range(1, count + 1):
        level = low + (high - low) * i / count
        made.block((-half, half), (level - board, level), (rear, shallow), "panel")


def _two_heights(made: Assembly, dice: Dice) -> None:
    """A tall body and a low one, with drawers, under one back line."""
    deep = dice.between(0.4, 0.55)
    tall, wide = dice.between(1.0, 1.6), dice.between(0.4, 0.6)
    low, long = dice.between(0.45, 0.75), dice.between(0.6, 1.0)
    side = dice.pick([-1, 1])
    first = (0.0, wide) if side > 0 else (-wide, 0.0)
    second = (-long, 0.0) if side > 0 else (0.0, long)
    made.block(first, (0, tall), (-deep / 2, deep / 2))
    doors(made, first, (0.03, tall - 0.03), deep / 2, 1, dice)
    near = deep / 2 - dice.pick([0.0, 0.08])
    made.block(second, (0, low), (-deep / 2, near))
    drawers(made, second, (0.04, low - 0.03), near, dice.count(2, 3), dice)


def _on_legs(made: Assembly, dice: Dice) -> None:
    """A closed body whose legs are as long as it is high, with a board between them."""
    half, deep = dice.between(0.3, 0.6), dice.between(0.34, 0.48)
    low, high = dice.between(0.45, 0.7), dice.between(1.05, 1.5)
    leg = dice.between(0.045, 0.07)
    made.block((-half, half), (low, high), (-deep / 2, deep / 2))
    doors(made, (-half, half), (low + 0.02, high - 0.02), deep / 2, dice.count(1, 2), dice)
    feet = (half - leg / 2, deep / 2 - leg / 2)
    four_legs(made, feet, low, leg, dice.pick([0.0, 0.04]), dice)
    if dice.chance(0.6):
        level = dice.between(0.12, 0.2)
        made.block((-feet[0], feet[0]), (level, level + 0.03), (-feet[1], feet[1]), "panel")


MAKES = (_hutch, _two_heights, _on_legs)
