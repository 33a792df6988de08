"""Six areas that differ as buildings do: in what their rooms are for, how large and how full they are.

The areas of S3DIS are offices, lecture halls and lounges of three buildings; a network that is tested on an area has
seen none of its kind of room in just that mixture. Here each area has its own sizes, heights, density and furniture.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from s2r_bench.data.s3dis.classes import AREAS
from s2r_bench.types import CATEGORIES
from s2r_bench.worlds.mini.furniture.assembly import Span

SHELL = ("ceiling", "floor", "wall")
LABELLED_CLASSES: tuple[str, ...] = (*SHELL, *CATEGORIES)


@dataclass(frozen=True)
class Style:
    """What the rooms of an area have in common.

    Attributes:
        share: rooms of this area for each room of an average one.
        side: lengths of the rooms' walls, metres. height: of their ceilings, metres.
        pieces: how many pieces of furniture are tried, the least and the most.
        weights: of the categories in CATEGORIES, which is how often each is picked.
        skew_deg: how much furniture stands askew, standard deviation.
    """

    share: float
    side: Span
    height: Span
    pieces: tuple[int, int]
    weights: tuple[float, ...]
    skew_deg: float


STYLES: Mapping[int, Style] = dict(
    zip(
        AREAS,
        (
            #     share  side        height      pieces   chair sofa table cabinet bed shelf     askew
            Style(1.0, (2.7, 3.6), (2.4, 2.6), (6, 10), (5.0, 0.5, 3.0, 2.0, 0.5, 2.0), 4.0),  # small offices
            Style(1.0, (3.4, 4.8), (2.8, 3.3), (7, 11), (2.0, 3.0, 2.0, 1.0, 0.5, 1.0), 8.0),  # high living rooms
            Style(0.5, (2.8, 4.0), (2.3, 2.5), (5, 8), (1.5, 0.5, 1.0, 2.0, 3.0, 1.0), 3.0),  # low bedrooms
            Style(1.2, (2.6, 4.2), (2.4, 3.0), (8, 13), (1.0, 0.5, 1.0, 3.0, 0.5, 4.0), 2.0),  # crowded stores
            Style(1.3, (3.8, 5.2), (2.6, 3.2), (5, 9), (4.0, 2.0, 2.0, 0.5, 0.5, 1.0), 15.0),  # large and sparse
            Style(1.0, (2.8, 4.0), (2.4, 2.7), (6, 10), (2.0, 1.0, 2.0, 2.0, 1.0, 2.0), 6.0),  # a bit of each
        ),
        strict=True,
    )
)


def room_count(area: int, average: int) -> int:
    """How many rooms an area has, where an average one has so many; at least one.

    >>> [room_count(area, 6) for area in AREAS]
    [6, 6, 3, 7, 8, 6]
    """
    return max(1, round(STYLES[area].share * average))


def room_names(average: int) -> tuple[str, ...]:
    """Names of all rooms, as `Area_3_room_02`, by area and number.

    >>> room_names(1)
    ('Area_1_room_01', 'Area_2_room_01', 'Area_3_room_01', 'Area_4_room_01', 'Area_5_room_01', 'Area_6_room_01')
    """
    return tuple(f"Area_{area}_room_{k + 1:02d}" for area in AREAS for k in range(room_count(area, average)))
