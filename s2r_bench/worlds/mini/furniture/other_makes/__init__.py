"""Furniture by other makers: three makes of each category that the CAD corpus does not have.

Whoever scans furniture meets pieces that no CAD library holds. What a network learned of the corpus' makes helps with
these only in part, and what it lacks can be learned from captured objects: that is what few-shot protocols measure.
"""

from collections.abc import Callable

from s2r_bench.worlds.mini.furniture.assembly import Assembly
from s2r_bench.worlds.mini.furniture.dice import Dice
from s2r_bench.worlds.mini.furniture.other_makes.bed import bed
from s2r_bench.worlds.mini.furniture.other_makes.cabinet import cabinet
from s2r_bench.worlds.mini.furniture.other_makes.chair import chair
from s2r_bench.worlds.mini.furniture.other_makes.shelf import shelf
from s2r_bench.worlds.mini.furniture.other_makes.sofa import sofa
from s2r_bench.worlds.mini.furniture.other_makes.table import table

OTHER_MAKERS: dict[str, Callable[[Dice], Assembly]] = {
    "chair": chair,
    "sofa": sofa,
    "table": table,
    "cabinet": cabinet,
    "bed": bed,
    "shelf": shelf,
}
