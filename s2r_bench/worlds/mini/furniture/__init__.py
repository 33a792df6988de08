"""Parametric furniture of six categories: closed solids whose inside and outside are exact."""

from collections.abc import Callable

from s2r_bench.errors import UsageError
from s2r_bench.seeds import rng_of
from s2r_bench.types import CATEGORIES, CadModel
from s2r_bench.worlds.mini.furniture.assembly import KINDS, Assembly, FurnitureModel, Kind
from s2r_bench.worlds.mini.furniture.bed import bed
from s2r_bench.worlds.mini.furniture.cabinet import cabinet
from s2r_bench.worlds.mini.furniture.chair import chair
from s2r_bench.worlds.mini.furniture.dice import Dice
from s2r_bench.worlds.mini.furniture.other_makes import other_make
from s2r_bench.worlds.mini.furniture.parts import occupancy
from s2r_bench.worlds.mini.furniture.shelf import shelf
from s2r_bench.worlds.mini.furniture.sofa import sofa
from s2r_bench.worlds.mini.furniture.table import table

__all__ = [
    "KINDS",
    "OTHER_MAKES",
    "FurnitureModel",
    "Kind",
    "furniture_of",
    "make_furniture",
    "make_object",
    "occupancy",
]

OTHER_MAKES = range(600_001, 800_000, 2)  # numbers whose furniture is of makes that no other number has

_MAKERS: dict[str, Callable[[Dice], Assembly]] = {
    "chair": chair,
    "sofa": sofa,
    "table": table,
    "cabinet": cabinet,
    "bed": bed,
    "shelf": shelf,
}


def make_furniture(category: str, seed: int) -> FurnitureModel:
    """The piece of furniture number `seed` of a category, with its convex parts; the number decides its make too.

    Object frame: y up, floor at y = 0, centred in x and z, front towards +z, metres.

    Raises:
        UsageError: the category is none of the six.
    """
    if category not in _MAKERS:
        raise UsageError(f"there is no furniture category {category!r}; there are: {', '.join(CATEGORIES)}")
    dice = Dice(rng_of("furniture", category, seed))
    made = other_make(category, dice) if seed in OTHER_MAKES else _MAKERS[category](dice)
    return made.finished(category, seed)


def make_object(category: str, seed: int) -> CadModel:
    """The CAD model of `make_furniture(category, seed)`; its id is `category-seed` with six digits."""
    return make_furniture(category, seed).model


def furniture_of(model_id: str) -> FurnitureModel:
    """Make a piece of furniture again from its id, as `chair-000123`.

    Raises:
        UsageError: the id is not of this form.
    """
    category, _, number = model_id.rpartition("-")
    if not number.isdigit():
        raise UsageError(f"{model_id!r} is not the id of procedural furniture; expected CATEGORY-NUMBER")
    return make_furniture(category, int(number))
