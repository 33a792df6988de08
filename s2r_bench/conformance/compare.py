"""Whether draws are equal, and how far apart they are."""

from collections.abc import Sequence

import numpy as np

from s2r_bench.conformance.outcome import Fault
from s2r_bench.types import DepthFrame


def must_equal(first: Sequence[DepthFrame], other: Sequence[DepthFrame], what: str) -> None:
    """Raise a `Fault` that says where two draws differ."""
    if len(first) != len(other):
        raise Fault(f"{what}: {len(first)} frames and {len(other)}")
    for a, b in zip(first, other, strict=True):
        if not same(a, b):
            apart = a.depth != b.depth
            worst = 1000 * float(np.nanmax(np.abs(a.depth - b.depth), initial=0))
            raise Fault(f"{what}: {a.id} differs in {int(apart.sum())} of {apart.size} pixels, by up to {worst:.3g} mm")


def same(a: DepthFrame, b: DepthFrame) -> bool:
    """Whether two depth maps are equal, bit for bit."""
    return np.array_equal(a.depth, b.depth, equal_nan=True)


def distance(first: Sequence[DepthFrame], other: Sequence[DepthFrame], clean: Sequence[DepthFrame]) -> float:
    """Mean of |a - b| / clean over the pixels that have a clean value; a hole on one side counts 1."""
    apart = [
        np.abs(a.depth - b.depth)[frame.valid] / frame.depth[frame.valid]
        for a, b, frame in zip(first, other, clean, strict=True)
    ]
    return float(np.concatenate(apart).mean())
