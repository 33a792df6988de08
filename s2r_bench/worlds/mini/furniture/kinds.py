"""What a piece of furniture is within its category, without making it: makers draw that first."""

from s2r_bench.seeds import rng_of
from s2r_bench.worlds.mini.furniture.cabinet import SIZES as CABINETS
from s2r_bench.worlds.mini.furniture.dice import Dice
from s2r_bench.worlds.mini.furniture.sofa import seats_of
from s2r_bench.worlds.mini.furniture.table import SIZES as TABLES


def kind_of(category: str, seed: int) -> str:
    """The kind of furniture number `seed` of a category; the category itself where it is not divided.

    A table is "dining", "coffee", "side", "console" or "desk"; a cabinet "sideboard", "chest", "bedside", "wardrobe" or
    "cupboard"; a sofa for one is an "armchair".
    """
    dice = Dice(rng_of("furniture", category, seed))
    if category == "table":
        return dice.pick(list(TABLES))
    if category == "cabinet":
        return dice.pick(list(CABINETS))
    if category == "sofa":
        return "armchair" if seats_of(dice) == 1 else "sofa"
    return category
