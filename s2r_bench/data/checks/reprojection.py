"""How well clean frames of one sequence agree when one is carried into another, as they stand or under a hypothesis.

If depth, K and poses are right, a point of one clean frame that another sees has the depth that the other holds there.
A wrong assumption breaks that, and undoing the right one mends it: so a misfit can be named, not only noticed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from s2r_bench.types import DepthArray, FloatArray

POINTS_STEP = 6  # every 6th pixel of every 6th row is carried over
CAP_M = 0.1  # occluded points differ by any amount: a difference counts at most so much
MIN_OVERLAP = 0.15  # of the points; two frames that share less say nothing


@dataclass(frozen=True, eq=False)
class View:
    """A clean frame as read: depth (H, W) in metres, K (3, 3), world_from_cam (4, 4)."""

    name: str
    depth: DepthArray
    K: FloatArray
    world_from_cam: FloatArray


@dataclass(frozen=True)
class Hypothesis:
    """What might be wrong, as the change that would mend it."""

    pose: Callable[[FloatArray], FloatArray] = field(default=lambda pose: pose)
    K: Callable[[FloatArray, tuple[int, int]], FloatArray] = field(default=lambda K, size: K)
    depth_scale: float = 1.0


@dataclass(frozen=True)
class Misfit:
    """How far two sets of frames disagree.

    Attributes:
        median_m: median over frame pairs of the median depth difference, metres; infinite where few overlap.
        capped_m: mean over overlapping frame pairs of the mean difference, each capped; infinite where none do.
        overlap: share of frame pairs that see enough of each other.
    """

    median_m: float
    capped_m: float
    overlap: float


AS_IS = Hypothesis()


def misfit(pairs: list[tuple[View, View]], hypothesis: Hypothesis = AS_IS) -> Misfit:
    """Disagreement of the frame pairs under a hypothesis."""
    medians, means = [], []
    for one, other in pairs:
        differences = _differences(one, other, hypothesis)
        if differences is None:
            medians.append(np.inf)
        else:
            medians.append(float(np.median(differences)))
            means.append(float(np.minimum(differences, CAP_M).mean()))
    if not pairs:
        return Misfit(np.inf, np.inf, 0.0)
    return Misfit(float(np.median(medians)), float(np.mean(means)) if means else np.inf, len(means) / len(pairs))


def _differences(one: View, other: View, hypothesis: Hypothesis) -> FloatArray | None:
    """Absolute differences of carried and stored depth, metres; None where the two frames hardly overlap."""
    size = other.depth.shape[0], other.depth.shape[1]
    K, K_other = hypothesis.K(one.K, size), hypothesis.K(other.K, size)
    thin = one.depth[::POINTS_STEP, ::POINTS_STEP]
    row, column = np.nonzero(thin)
    if len(row) == 0:
        return None
    pixels = np.stack([column * POINTS_STEP, row * POINTS_STEP, np.ones(len(row))], axis=1)
    points = (pixels @ np.linalg.inv(K).T) * (thin[row, column, None].astype(np.float64) * hypothesis.depth_scale)
    other_from_one = np.linalg.inv(hypothesis.pose(other.world_from_cam)) @ hypothesis.pose(one.world_from_cam)
    points = points @ other_from_one[:3, :3].T + other_from_one[:3, 3]
    points = points[points[:, 2] > 1e-3]
    image = points @ K_other.T
    at = np.rint(image[:, :2] / image[:, 2:])
    inside = (at >= 0).all(1) & (at[:, 0] < size[1]) & (at[:, 1] < size[0])
    u, v = at[inside].astype(np.int64).T
    stored = other.depth[v, u].astype(np.float64) * hypothesis.depth_scale
    seen = stored > 0
    if seen.sum() < max(MIN_OVERLAP * len(row), 50):
        return None
    # in the unit of the files, so that hypotheses on it can be compared
    return np.asarray(np.abs(stored - points[inside, 2])[seen] / hypothesis.depth_scale)
