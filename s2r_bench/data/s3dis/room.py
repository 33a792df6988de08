"""A room: its points with colour, class and instance; and a set of rooms, each read when it is asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2r_bench.data.s3dis.classes import CLASSES, area_of
from s2r_bench.types import FloatArray


@dataclass(frozen=True, eq=False)
class Room:
    """One room of S3DIS, or of a world whose rooms are named as those are.

    Attributes:
        name: area and room, such as `Area_1_hallway_1`.
        points: (N, 3) float64 metres, z up, in the area's frame.
        colours: (N, 3) uint8; None where the sensor sees none.
        labels: (N,) uint8 index into `classes`.
        instances: (N,) int64: which object of the room a point is of.
        notes: what was mended or read otherwise than it stands in the files.
        classes: what the labels mean.
    """

    name: str
    points: FloatArray
    colours: NDArray[np.uint8] | None
    labels: NDArray[np.uint8]
    instances: NDArray[np.int64]
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = CLASSES

    def __post_init__(self) -> None:
        count = len(self.points)
        colours = (count, 3) if self.colours is None else self.colours.shape
        shapes = (self.points.shape, colours, self.labels.shape, self.instances.shape)
        if count == 0 or shapes != ((count, 3), (count, 3), (count,), (count,)):
            raise ValueError(f"{self.name}: points, colours, labels and instances do not fit together: {shapes}")
        if self.labels.max() >= len(self.classes):
            raise ValueError(f"{self.name}: label {int(self.labels.max())}, expected 0 to {len(self.classes) - 1}")

    @property
    def area(self) -> int:
        """1 to 6."""
        return area_of(self.name)


@dataclass(frozen=True, eq=False)
class RoomSet:
    """Rooms of several areas on disk.

    Attributes:
        classes: what all their labels mean.
        paths: room, such as `Area_1_hallway_1` -> where it lies; by area and name.
        reader: what reads it.
        digest: changes when the rooms do.
    """

    classes: tuple[str, ...]
    paths: Mapping[str, Path]
    reader: Callable[[Path], Room]
    digest: str

    @property
    def rooms(self) -> tuple[str, ...]:
        """Names of all rooms."""
        return tuple(self.paths)

    def read(self, name: str) -> Room:
        """One room.

        Raises:
            DataError: its files are missing or damaged; the message names them.
        """
        return self.reader(self.paths[name])
