"""A projector's dots and the window that has to see enough of them (the sensor model of Handa et al. 2014).

A structured-light camera measures disparity at the dots of its pattern, by the window of pixels around each: where too
few dots of the window are seen, or too few agree, there is no value. What is found at a dot serves the pixels near it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from s2r_bench.seeds import rng_of
from s2r_bench.types import BoolArray, FloatArray

CELL = 3  # pixels; one dot in each cell of CELL x CELL
REACH = 4  # windows are (2 REACH + 1)^2 pixels
LENIENCE = 1.2  # of n dots in a window, more than n / LENIENCE must be seen, and as many must agree
AGREEMENT_PX = 0.1  # weighted distance from the window's mean disparity up to which a dot agrees
SPREAD_PX = 3.0  # how far from a dot its disparity serves


@dataclass(frozen=True, eq=False)
class DotPattern:
    """Rows and columns of the dots, (h, w) int each: the one dot of every cell."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


@lru_cache(maxsize=4)
def dot_pattern(height: int, width: int, seed: int) -> DotPattern:
    """Random dots, one a cell: every pixel has a dot within SPREAD_PX. A surrogate of the sensor's own pattern.

    Args:
        height: of the image in pixels, at least CELL.
        width: likewise.
        seed: the pattern belongs to the sensor's make, not to a frame.
    """
    shape = (max(height // CELL, 1), max(width // CELL, 1))
    within = rng_of("dots", seed, height, width).integers(0, CELL, (2, *shape))
    cells = np.indices(shape) * CELL
    rows = np.minimum(cells[0] + within[0], height - 1)
    return DotPattern(rows, np.minimum(cells[1] + within[1], width - 1))


def trusted(disparity: FloatArray, pattern: DotPattern) -> BoolArray:
    """(h, w) which dots have a window that supports them.

    Of the n dots in a dot's window more than n / LENIENCE must be seen, and as many must lie close to the mean of the
    seen ones: |d - mean| / (LENIENCE^2 r^2) < AGREEMENT_PX at distance r, without the weight at the centre itself.

    Args:
        disparity: (H, W) pixels; 0 where nothing is seen.
        pattern: the dots.
    """
    value = disparity[pattern.rows, pattern.columns]
    count, seen, total = (np.zeros(value.shape) for _ in range(3))
    for there, inside, _ in _windows(pattern):
        shifted = np.where(inside, value[there], 0.0)
        count += inside
        seen += shifted > 0
        total += shifted
    mean = total / np.maximum(seen, 1)
    agreeing = np.zeros(value.shape)
    for there, inside, weight in _windows(pattern):
        shifted = value[there]
        agreeing += inside & (shifted > 0) & (np.abs(shifted - mean) * weight < AGREEMENT_PX)
    return (value > 0) & (seen > count / LENIENCE) & (agreeing > count / LENIENCE)


def filled(disparity: FloatArray, pattern: DotPattern) -> FloatArray:
    """(H, W) disparity as the dots give it: that of the nearest trusted dot within SPREAD_PX, 0 where there is none."""
    from scipy.ndimage import distance_transform_edt

    good = trusted(disparity, pattern)
    empty = np.ones(disparity.shape, dtype=bool)
    empty[pattern.rows[good], pattern.columns[good]] = False
    if empty.all():
        return np.zeros_like(disparity)
    away, (rows, columns) = distance_transform_edt(empty, return_indices=True)
    spread: FloatArray = np.where(away <= SPREAD_PX, disparity[rows, columns], 0.0)
    return spread


def _windows(
    pattern: DotPattern,
) -> Iterator[tuple[tuple[NDArray[np.int64], NDArray[np.int64]], BoolArray, FloatArray]]:
    """The dots around each dot, one neighbouring cell at a time: its index, whether it is in the window, its weight."""
    height, width = pattern.rows.shape
    cells = -(-REACH // CELL)  # a window reaches into that many cells on each side, as a dot stands anywhere in its own
    i, j = np.indices((height, width))
    for down in range(-cells, cells + 1):
        for across in range(-cells, cells + 1):
            there = np.clip(i + down, 0, height - 1), np.clip(j + across, 0, width - 1)
            exists = (i + down == there[0]) & (j + across == there[1])
            v, u = pattern.rows[there] - pattern.rows, pattern.columns[there] - pattern.columns
            inside = exists & (np.abs(v) <= REACH) & (np.abs(u) <= REACH)
            squared = (v**2 + u**2).astype(np.float64)
            weight = 1 / (LENIENCE**2 * np.maximum(squared, 1))
            yield there, inside, np.where(squared == 0, 1.0, weight)
