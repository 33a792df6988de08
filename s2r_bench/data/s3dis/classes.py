"""The 13 classes of S3DIS, its areas and its six folds.

The order of the classes is PointNet's, which DGCNN, OcCo and Pointcept share. OpenPoints and KPConv have chair, table,
bookcase, sofa at 7 to 10: the mean over classes is the same, the columns are not.
"""

import re
from dataclasses import dataclass

from s2r_bench.errors import DataError

CLASSES = (
    *("ceiling", "floor", "wall", "beam", "column", "window", "door"),
    *("table", "chair", "sofa", "bookcase", "board", "clutter"),
)
OTHER = CLASSES.index("clutter")  # what a name that is none of them counts as, such as the stairs of two areas
AREAS = (1, 2, 3, 4, 5, 6)
ROOMS = {1: 44, 2: 40, 3: 23, 4: 49, 5: 68, 6: 48}  # 272 in all; papers say 271


@dataclass(frozen=True)
class Fold:
    """One of the six: an area to test on, the others to train on."""

    test: int
    train: tuple[int, ...]


FOLDS = tuple(Fold(area, tuple(other for other in AREAS if other != area)) for area in AREAS)


def area_of(room: str) -> int:
    """The area that a room's name begins with.

    Raises:
        DataError: it begins with none.

    >>> area_of("Area_5_hallway_6")
    5
    """
    found = re.match(r"Area_([1-6])(?!\d)", room)
    if found is None:
        raise DataError(f"{room!r} is no room of S3DIS: names begin with Area_1 to Area_6")
    return int(found.group(1))
