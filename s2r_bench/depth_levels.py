"""The discrete depths that a camera can give, learned from its captures.

Structured-light and stereo cameras measure a disparity in fixed fractions of a pixel, so depth comes in levels whose
distance grows with the square of range (11 mm at 2 m for a Kinect v1). On slanted surfaces that shows as bands, which
no smooth noise has. Levels are looked for in the training captures only; a camera without them is left alone.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from s2r_bench.types import DepthArray

MOST_LEVELS = 4000  # more distinct depths than this are no levels but a continuum
FEWEST_PIXELS = 50  # of a level, so that a stray value does not count as one


def fitted_levels(captures: Iterable[DepthArray], unit_m: float = 1e-4) -> NDArray[np.float64] | None:
    """(L,) the camera's depths in metres, ascending, or None where depth varies freely.

    Args:
        captures: depth maps of training captures, metres, 0 = none.
        unit_m: values closer than this are the same.
    """
    counts: dict[int, int] = {}
    for depth in captures:
        values, found = np.unique(np.rint(depth[depth > 0] / unit_m).astype(np.int64), return_counts=True)
        for value, count in zip(values.tolist(), found.tolist(), strict=True):
            counts[value] = counts.get(value, 0) + count
        if len(counts) > MOST_LEVELS:
            return None
    kept = sorted(value for value, count in counts.items() if count >= FEWEST_PIXELS)
    if len(kept) < 2:
        return None
    return np.asarray(kept, dtype=np.float64) * unit_m


def to_level(depth: NDArray[np.floating], levels: NDArray[np.float64]) -> DepthArray:
    """Each depth moved to its nearest level, same shape, float32; 0, and what lies beyond all levels, stays."""
    above = np.clip(np.searchsorted(levels, depth), 1, len(levels) - 1)
    lower, upper = levels[above - 1], levels[above]
    nearest = np.where(depth - lower <= upper - depth, lower, upper)
    within = (depth >= levels[0]) & (depth <= levels[-1])
    return np.where(within, nearest, depth).astype(np.float32)
