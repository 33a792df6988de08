"""Blocks of a room: columns of 1 m x 1 m over its whole height, of 4,096 points with 9 channels (PointNet, sem_seg).

The room is moved to its lowest corner. Windows start every `stride` metres along x and y,
ceil((extent - 1) / stride) + 1 of them along each; a window holds the points on both of its edges. One with fewer than
100 points is left out. Of more than 4,096 points so many are drawn, with replacement; fewer are all taken, and some of
them again.

    channels 0:3   metres: x and y from the middle of the window (the least of the drawn points + 0.5), z over the floor
    channels 3:6   red, green, blue, 0 to 1; all 0 in rooms without colours
    channels 6:9   x, y, z as a share of the room's extent, 0 to 1
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from s2r_bench.data.s3dis.classes import CLASSES
from s2r_bench.data.s3dis.room import Room
from s2r_bench.errors import DataError
from s2r_bench.seeds import rng_of
from s2r_bench.types import FloatArray

CHANNELS = 9


@dataclass(frozen=True)
class Cut:
    """How rooms are cut.

    Attributes:
        block: edge of a window, metres.
        stride: from one window to the next, metres.
        points: of each block.
        least: a window with fewer points is left out.
        every: every point of a window is in one of its blocks (as many blocks as it takes), instead of one draw.
    """

    block: float = 1.0
    stride: float = 0.5
    points: int = 4096
    least: int = 100
    every: bool = False

    def __post_init__(self) -> None:
        if not (self.block > 0 and 0 < self.stride <= self.block and self.points > 0 and self.least > 0):
            raise ValueError(f"{self} leaves gaps, or has a size that is not above 0")


TRAIN = Cut()
# what papers evaluate on; their numbers do not compare
EVALUATIONS = {
    "archive": Cut(),  # the blocks that one trains with, of another area: OcCo
    "apart": Cut(stride=1.0),  # windows side by side, one draw of each: PointNet, DGCNN
    "every-point": Cut(stride=1.0, least=1, every=True),  # every point of the room is labelled: Pointcept and others
}


@dataclass(frozen=True, eq=False)
class Blocks:
    """Blocks of one or several rooms.

    Attributes:
        data: (B, P, 9) float32.
        labels: (B, P) uint8 index into the rooms' classes.
        rooms: the room of each block.
        sources: (B, P) int64: which point of its room each is; None where that is not known.
    """

    data: NDArray[np.float32]
    labels: NDArray[np.uint8]
    rooms: tuple[str, ...]
    sources: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        count, points = self.labels.shape
        if self.data.shape != (count, points, CHANNELS) or len(self.rooms) != count:
            raise ValueError(f"{len(self.rooms)} rooms, data {self.data.shape}, labels {self.labels.shape}")

    def __len__(self) -> int:
        return len(self.rooms)


def cut_blocks(room: Room, cut: Cut = TRAIN, *, seed: int = 0) -> Blocks:
    """The blocks of a room, by x, then y. What is drawn depends on the seed, the room and the window alone.

    A room narrower than half a window gets one window (the formula gives none).

    Raises:
        DataError: the room is flat, or no window holds enough points.
    """
    points = room.points - room.points.min(0)
    extent = points.max(0)
    if not (extent > 0).all():
        raise DataError(f"{room.name} is flat: it extends {extent.tolist()} m along x, y, z")
    data, sources = [], []
    for window, inside in _windows(points, extent, cut):
        if len(inside) < cut.least:
            continue
        rng = rng_of(seed, "block", room.name, *window)
        for chosen in _drawn(inside, cut, rng):
            colours = None if room.colours is None else room.colours[chosen]
            data.append(_channels(points[chosen], colours, extent, cut.block))
            sources.append(chosen)
    if not data:
        raise DataError(f"{room.name}: no window of {cut.block:g} m holds {cut.least} of its {len(points)} points")
    drawn = np.stack(sources)
    return Blocks(np.stack(data), room.labels[drawn], (room.name,) * len(data), drawn)


def class_counts(labels: NDArray[np.uint8], classes: int = len(CLASSES)) -> NDArray[np.int64]:
    """(B, classes): how many points of each class each of (B, P) blocks holds."""
    return np.stack([np.bincount(row, minlength=classes) for row in labels]).astype(np.int64)


def joined(parts: list[Blocks]) -> Blocks:
    """The blocks of several rooms as one; which points they were is not kept."""
    return Blocks(
        np.concatenate([part.data for part in parts]),
        np.concatenate([part.labels for part in parts]),
        tuple(room for part in parts for room in part.rooms),
    )


def _windows(points: FloatArray, extent: FloatArray, cut: Cut) -> Iterator[tuple[tuple[int, int], NDArray[np.int64]]]:
    """(x, y) number of each window and the indices of the points within, both edges included."""
    along = [max(1, ceil((extent[axis] - cut.block) / cut.stride) + 1) for axis in (0, 1)]
    for i in range(along[0]):
        strip = _between(points[:, 0], i * cut.stride, cut.block)
        for j in range(along[1]):
            yield (i, j), strip[_between(points[strip, 1], j * cut.stride, cut.block)]


def _between(values: FloatArray, start: float, length: float) -> NDArray[np.int64]:
    return np.flatnonzero((values >= start) & (values <= start + length)).astype(np.int64)


def _drawn(inside: NDArray[np.int64], cut: Cut, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """The points of each block of a window."""
    count = len(inside)
    if cut.every:
        lacking = -count % cut.points
        order = np.concatenate([rng.permutation(inside), rng.choice(inside, lacking)])
        yield from order.reshape(-1, cut.points)
    elif count > cut.points:
        yield rng.choice(inside, cut.points)
    else:
        yield np.concatenate([inside, rng.choice(inside, cut.points - count)])


def _channels(
    points: FloatArray, colours: NDArray[np.uint8] | None, extent: FloatArray, block: float
) -> NDArray[np.float32]:
    centred = points.copy()
    centred[:, :2] -= points[:, :2].min(0) + block / 2
    shades = np.zeros_like(points) if colours is None else colours / 255.0
    return np.concatenate([centred, shades, points / extent], axis=1).astype(np.float32)
