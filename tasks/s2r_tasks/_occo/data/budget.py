"""How many labels of S3DIS may be learnt from: all, some rooms of each area, a share, or some blocks a class.

"5-way 10-shot" has no literal meaning for 13 classes and six folds, and the paper does not say what it did (its
baseline is 8 to 11 points below those of all labels), so it is an option. A draw is a function of the seed and of the
names of rooms and areas; a larger budget of one kind contains every smaller one at the same seed. The same subset
serves all arms: it is saved.

    {type: full}
    {type: rooms, per_area: 2}
    {type: fraction, value: 0.1, unit: room, stratified: true}   of each area where stratified, else of all together
    {type: k_shot, blocks_per_class: 10}                          in which the class covers 5 % or more; their union
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from s2r_bench.data.clouds import content_digest
from s2r_bench.data.s3dis.classes import CLASSES, area_of
from s2r_bench.errors import DataError, UsageError
from s2r_bench.files import read_json, write_json
from s2r_bench.seeds import rng_of

SCHEMA = 1
COVERS = 20  # a class is shown by a block of which it covers 1 / COVERS, 5 %


class _Budget(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Full(_Budget):
    """Every block of the training areas."""

    type: Literal["full"] = "full"


class Rooms(_Budget):
    """All blocks of so many rooms of each training area."""

    type: Literal["rooms"] = "rooms"
    per_area: int = Field(ge=1)


class Fraction(_Budget):
    """A share of the rooms or of the blocks, at least one; in each area alike where stratified."""

    type: Literal["fraction"] = "fraction"
    value: float = Field(gt=0, le=1)
    unit: Literal["room", "block"] = "room"
    stratified: bool = True


class KShot(_Budget):
    """So many blocks of each class that show it."""

    type: Literal["k_shot"] = "k_shot"
    blocks_per_class: int = Field(ge=1)


Budget = Annotated[Full | Rooms | Fraction | KShot, Field(discriminator="type")]
TABLE_3 = Fraction(value=0.1)  # our reading of the paper's table; it does not say


def parse_budget(fields: Any) -> Full | Rooms | Fraction | KShot:
    """The budget that a mapping names.

    Raises:
        UsageError: there is no such type, or a value is missing or out of range.

    >>> parse_budget({"type": "rooms", "per_area": 2})
    Rooms(type='rooms', per_area=2)
    """
    try:
        found: Full | Rooms | Fraction | KShot = TypeAdapter(Budget).validate_python(fields)
    except ValidationError as wrong:
        told = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in wrong.errors())
        raise UsageError(f"no label budget: {told}; there are: full, rooms, fraction, k_shot") from None
    return found


@dataclass(frozen=True)
class Subset:
    """The blocks that may be learnt from.

    Attributes:
        budget: as it was asked for.
        seed: from which it was drawn.
        areas: that are trained on.
        digest: of the list of rooms, one for each block of the data set.
        blocks: indices into that list, ascending.
        rooms: that the blocks are of, sorted.
        shortfall: class -> how many blocks of it are lacking (k_shot); usually empty.
    """

    budget: dict[str, Any]
    seed: int
    areas: tuple[int, ...]
    digest: str
    blocks: tuple[int, ...]
    rooms: tuple[str, ...]
    shortfall: dict[str, int] = field(default_factory=dict)


def choose(
    budget: Full | Rooms | Fraction | KShot,
    rooms: Sequence[str],
    areas: Collection[int],
    *,
    seed: int,
    class_counts: NDArray[np.int64] | None = None,
    classes: Sequence[str] = CLASSES,
) -> Subset:
    """The subset of a budget.

    Args:
        budget: how much.
        rooms: the room of every block of the data set, of all areas.
        areas: those that are trained on.
        seed: decides the draw.
        class_counts: (B, classes) points of each class in each block; k_shot needs them.
        classes: their names, in this order.

    Raises:
        DataError: there are no blocks of these areas, or fewer rooms in one than are asked for.
        UsageError: k_shot without `class_counts`.
    """
    of_areas: dict[int, list[int]] = {area: [] for area in sorted(areas)}
    for index, area in enumerate(map(area_of, rooms)):
        if area in of_areas:
            of_areas[area].append(index)
    empty = [area for area, blocks in of_areas.items() if not blocks]
    if empty or not of_areas:
        raise DataError(f"there are no blocks of area {empty[0] if empty else 'any'} among {len(rooms)}")
    shortfall: dict[str, int] = {}
    if isinstance(budget, KShot):
        blocks, shortfall = _k_shot(budget, of_areas, class_counts, len(rooms), seed, classes)
    elif isinstance(budget, Fraction) and budget.unit == "block":
        blocks = [block for name, pool in _strata(of_areas, budget) for block in _share(pool, budget.value, seed, name)]
    else:
        kept = _rooms(budget, rooms, of_areas, seed)
        blocks = [index for pool in of_areas.values() for index in pool if rooms[index] in kept]
    chosen = tuple(sorted(blocks))
    return Subset(
        budget.model_dump(),
        seed,
        tuple(of_areas),
        content_digest("\n".join(rooms).encode()),
        chosen,
        tuple(sorted({rooms[index] for index in chosen})),
        shortfall,
    )


def subset_for(
    path: Path,
    budget: Full | Rooms | Fraction | KShot,
    rooms: Sequence[str],
    areas: Collection[int],
    *,
    seed: int,
    class_counts: NDArray[np.int64] | None = None,
    classes: Sequence[str] = CLASSES,
) -> Subset:
    """The subset in a file; where there is none it is drawn and written. Arguments: as `choose`.

    Raises:
        DataError: as `choose`, or the file is damaged, or of another budget, seed, fold or data set.
    """
    if not path.is_file():
        found = choose(budget, rooms, areas, seed=seed, class_counts=class_counts, classes=classes)
        write_json(path, {"schema": SCHEMA, **asdict(found)})
        return found
    found = read_subset(path)
    wanted = (budget.model_dump(), seed, tuple(sorted(areas)), content_digest("\n".join(rooms).encode()))
    if (found.budget, found.seed, found.areas, found.digest) != wanted:
        has = (found.budget, found.seed, found.areas, found.digest)
        raise DataError(f"{path} is of budget, seed, areas and rooms {has}, not of {wanted}; give another file")
    if not found.blocks or min(found.blocks) < 0 or max(found.blocks) >= len(rooms):
        raise DataError(f"{path} names blocks outside of the {len(rooms)} there are")
    if {area_of(rooms[index]) for index in found.blocks} - set(areas):
        raise DataError(f"{path} names blocks of areas that are not trained on")
    return found


def read_subset(path: Path) -> Subset:
    """The subset in a file.

    Raises:
        DataError: missing, damaged, or of another schema.
    """
    fields = read_json(path)
    try:
        if fields.pop("schema") != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        for name in ("areas", "blocks", "rooms"):
            fields[name] = tuple(fields[name])
        return Subset(**fields)
    except (KeyError, TypeError, ValueError) as wrong:
        raise DataError(f"{path} is no subset of S3DIS: {type(wrong).__name__} {wrong}") from None


def _rooms(
    budget: Full | Rooms | Fraction | KShot, rooms: Sequence[str], of_areas: dict[int, list[int]], seed: int
) -> set[str]:
    """The rooms of which all blocks are taken."""
    names = {area: sorted({rooms[index] for index in pool}) for area, pool in of_areas.items()}
    if isinstance(budget, Rooms):
        few = [area for area, pool in names.items() if len(pool) < budget.per_area]
        if few:
            raise DataError(
                f"area {few[0]} has {len(names[few[0]])} rooms with blocks, {budget.per_area} are asked for"
            )
        return {room for area, pool in names.items() for room in _order(pool, seed, area)[: budget.per_area]}
    if isinstance(budget, Fraction):
        return {room for name, pool in _strata(names, budget) for room in _share(pool, budget.value, seed, name)}
    return {room for pool in names.values() for room in pool}


def _strata(pools: dict[int, list[Any]], budget: Fraction) -> list[tuple[object, list[Any]]]:
    """What a share is taken of: each area's pool, or all of them as one."""
    if budget.stratified:
        return list(pools.items())
    return [("all", [one for pool in pools.values() for one in pool])]


def _share(pool: list[Any], value: float, seed: int, name: object) -> list[Any]:
    return _order(pool, seed, name)[: max(1, round(value * len(pool)))]


def _order(pool: list[Any], seed: int, name: object) -> list[Any]:
    """The pool in the order in which it is drawn from."""
    return [pool[k] for k in rng_of(seed, "label budget", name).permutation(len(pool))]


def _k_shot(
    budget: KShot,
    of_areas: dict[int, list[int]],
    counts: NDArray[np.int64] | None,
    total: int,
    seed: int,
    classes: Sequence[str],
) -> tuple[list[int], dict[str, int]]:
    if counts is None or counts.shape != (total, len(classes)):
        raise UsageError(f"k_shot needs the points of each class in each block, ({total}, {len(classes)})")
    blocks = np.array([index for pool in of_areas.values() for index in pool])
    chosen: set[int] = set()
    shortfall = {}
    for label, name in enumerate(classes):
        shows = blocks[counts[blocks, label] * COVERS >= np.maximum(counts[blocks].sum(1), 1)]
        drawn = _order(shows.tolist(), seed, name)[: budget.blocks_per_class]
        chosen |= set(drawn)
        if len(drawn) < budget.blocks_per_class:
            shortfall[name] = budget.blocks_per_class - len(drawn)
    return sorted(chosen), shortfall
