"""Furniture by other makers: three makes of each category that the CAD corpus does not have.

Whoever scans furniture meets pieces that no CAD library holds: every second captured object is one. What a network
learned of the corpus' makes helps with these only in part, and what it lacks can be learned from captured objects:
that is what few-shot protocols measure. The other half shows what the sensor alone costs.
"""

from collections.abc import Callable, Mapping, Sequence

from s2r_bench.worlds.mini.furniture.assembly import Assembly
from s2r_bench.worlds.mini.furniture.dice import Dice
from s2r_bench.worlds.mini.furniture.other_makes import bed, cabinet, chair, shelf, sofa, table

MAKES: Mapping[str, Sequence[Callable[[Assembly, Dice], None]]] = {
    "chair": chair.MAKES,
    "sofa": sofa.MAKES,
    "table": table.MAKES,
    "cabinet": cabinet.MAKES,
    "bed": bed.MAKES,
    "shelf": shelf.MAKES,
}


def other_make(category: str, dice: Dice) -> Assembly:
    """A piece of furniture of random make and measures, in the frame of `make_furniture`."""
    made = Assembly()
    dice.pick(MAKES[category])(made, dice)
    return made
