"""The figures by which a sensor model is fitted: spread by range, holes by where they lie, and grain.

What is compared is what physical constants decide, each robust against what they do not: spreads are half the distance
of the 16th and 84th percentile of ln(captured / clean), so a bias or a few wild pixels do not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2r_baselines._residuals import RANGE_EDGES_M, relative_residual
from s2r_bench.errors import DataError
from s2r_bench.geometry.points import incidence_angle
from s2r_bench.types import BoolArray, DepthArray, DepthFrame, DepthPair, FloatArray

STEEP_RAD = np.radians(60.0)
BAND = 0.02  # how far from an edge a pixel counts as beside it, share of the image's width
JUMP = 0.1  # an edge: one side is this share nearer than the other
FEWEST = 100  # pixels of a class; classes with fewer do not count
RANGES = len(RANGE_EDGES_M) - 1
PLACES = RANGES + 3  # classes of pixels for holes: surfaces by range, steep ones, left of edges, right of edges


@dataclass(frozen=True, eq=False)
class Figures:
    """Figures of a set of captures.

    Attributes:
        spread: (RANGES,) of ln(captured / clean), NaN where there are too few pixels.
        holes: (PLACES,) share of clean pixels without a capture, NaN where there are too few.
        grain: correlation of the residuals of horizontal neighbours, NaN where unknown.
    """

    spread: FloatArray
    holes: FloatArray
    grain: float


def figures_of(captures: Sequence[tuple[DepthFrame, DepthArray]], limit_m: float) -> Figures:
    """Figures of captured depth (H, W), metres, beside its clean frame.

    Args:
        captures: clean frame and captured depth, of the same size.
        limit_m: captures farther than this from the clean depth count as missing.

    Raises:
        DataError: there is no frame.
    """
    if not captures:
        raise DataError("there are no training pairs to fit a sensor model to")
    residuals: list[FloatArray] = []
    ranges: list[np.ndarray] = []
    counts, lost = np.zeros(PLACES), np.zeros(PLACES)
    products: list[FloatArray] = []
    for clean, captured in captures:
        residual, seen = relative_residual(DepthPair(clean, clean.with_depth(captured)), limit_m)
        place = places(clean)
        counts += np.bincount(place[clean.valid], minlength=PLACES)
        lost += np.bincount(place[clean.valid & ~seen], minlength=PLACES)
        residuals.append(residual[seen])
        ranges.append(np.digitize(clean.depth[seen], RANGE_EDGES_M[1:-1]))
        both = seen[:, 1:] & seen[:, :-1] & (place[:, 1:] < RANGES) & (place[:, :-1] < RANGES)
        products.append(np.stack([residual[:, 1:][both], residual[:, :-1][both]]))
    holes = np.where(counts >= FEWEST, lost / np.maximum(counts, 1), np.nan)
    return Figures(_spreads(np.concatenate(residuals), np.concatenate(ranges)), holes, _grain(products))


def places(frame: DepthFrame) -> np.ndarray:
    """(H, W) int class of each pixel: its range, or RANGES for steep, +1 for left of an edge, +2 for right of one."""
    place = np.digitize(frame.depth, RANGE_EDGES_M[1:-1])
    angle, known = incidence_angle(frame.depth, frame.K)
    place[known & (angle > STEEP_RAD)] = RANGES
    left, right = beside_edges(frame.depth)
    place[right] = RANGES + 2
    place[left] = RANGES + 1
    return place


def beside_edges(depth: DepthArray, band: float = BAND) -> tuple[BoolArray, BoolArray]:
    """Where the background lies beside something nearer: (H, W) to the left of it, and (H, W) to the right of it."""
    from scipy.ndimage import minimum_filter1d

    reach = max(1, round(band * depth.shape[1]))
    far = np.where(depth > 0, depth, np.inf)
    # the nearest depth of a pixel and the `reach` pixels on its right; on its left
    rightwards = minimum_filter1d(far, reach + 1, axis=1, mode="nearest", origin=-((reach + 1) // 2))
    leftwards = minimum_filter1d(far, reach + 1, axis=1, mode="nearest", origin=reach - (reach + 1) // 2)
    valid = depth > 0
    return valid & (rightwards < depth * (1 - JUMP)), valid & (leftwards < depth * (1 - JUMP))


def distance(one: Figures, other: Figures) -> float:
    """How far two sets of figures lie apart; 0 for equal ones.

    Mean squared difference of ln(spread) over the ranges, plus four times that of the square root of the hole rates
    over the classes (a rate's own error is about constant there), plus the squared difference of grain. What the
    `other` lacks does not count; a spread that only `one` lacks counts as wrong by a factor of e.
    """
    wanted = np.isfinite(other.spread)
    ratio = np.log(np.maximum(one.spread, 1e-6)) - np.log(np.maximum(other.spread, 1e-6))
    spread = np.where(np.isfinite(ratio), ratio, 1.0)[wanted] ** 2
    known = np.isfinite(one.holes) & np.isfinite(other.holes)
    holes = (np.sqrt(one.holes[known]) - np.sqrt(other.holes[known])) ** 2
    grain = (one.grain - other.grain) ** 2 if np.isfinite(one.grain) and np.isfinite(other.grain) else 0.0
    return float((spread.mean() if spread.size else 0.0) + 4 * (holes.mean() if holes.size else 0.0) + grain)


def half_spread(values: FloatArray) -> float:
    """Half the distance of the 16th and 84th percentile: the standard deviation where values are Gaussian."""
    low, high = np.percentile(values, [15.866, 84.134])
    return float(high - low) / 2


def _spreads(residuals: FloatArray, ranges: np.ndarray) -> FloatArray:
    order = np.argsort(ranges, kind="stable")
    parts = np.split(residuals[order], np.searchsorted(ranges[order], np.arange(1, RANGES)))
    return np.array([half_spread(part) if len(part) >= FEWEST else np.nan for part in parts])


def _grain(products: Sequence[FloatArray]) -> float:
    first, second = np.concatenate(products, axis=1)
    if len(first) < FEWEST:
        return float("nan")
    kept = (np.abs(first - np.median(first)) < 5 * half_spread(first) + 1e-9) & (
        np.abs(second - np.median(second)) < 5 * half_spread(second) + 1e-9
    )
    first, second = first[kept] - first[kept].mean(), second[kept] - second[kept].mean()
    power = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / power) if power > 0 else float("nan")
