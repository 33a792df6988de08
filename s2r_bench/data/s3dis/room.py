"""A room: its points with colour, class and instance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s2r_bench.data.s3dis.classes import CLASSES, area_of
from s2r_bench.types import FloatArray


@dataclass(frozen=True, eq=False)
class Room:
    """One room of S3DIS.

    Attributes:
        name: area and room, such as `Area_1_hallway_1`.
        points: (N, 3) float64 metres, z up, in the area's frame.
        colours: (N, 3) uint8.
        labels: (N,) uint8 index into CLASSES.
        instances: (N,) int64: which object of the room a point is of.
        notes: what was mended or read otherwise than it stands in the files.
    """

    name: str
    points: FloatArray
    colours: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    instances: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.points)
        shapes = (self.points.shape, self.colours.shape, self.labels.shape, self.instances.shape)
        if count == 0 or shapes != ((count, 3), (count, 3), (count,), (count,)):
            raise ValueError(f"{self.name}: points, colours, labels and instances do not fit together: {shapes}")
        if self.labels.max() >= len(CLASSES):
            raise ValueError(f"{self.name}: label {int(self.labels.max())}, expected 0 to {len(CLASSES) - 1}")

    @property
    def area(self) -> int:
        """1 to 6."""
        return area_of(self.name)
