"""Intervals: bootstrap over samples and seeds where a figure has samples, Student's t over seeds where it has none."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
LEVEL = 0.95
DRAWS = 2000
MIN_SAMPLES = 5


@dataclass(frozen=True)
class Interval:
    """A mean with the interval of it at LEVEL; no interval (None) where nothing was repeated."""

    mean: float
    low: float | None = None
    high: float | None = None

    @property
    def half(self) -> float | None:
        """Half the interval's width."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside; False where there is no interval."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def interval(values: Table) -> Interval:
    """Mean of (samples, seeds) and its interval.

    Five samples or more: samples and seeds are resampled together, 2000 times, percentiles. Else, two seeds or more:
    Student's t over the seeds' means. Else none.

    Raises:
        ValueError: no values, or not all finite.
    """
    if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"values must be finite (samples, seeds), not {values.shape}")
    samples, seeds = values.shape
    mean = float(values.mean())
    if samples >= MIN_SAMPLES:
        low, high = _bootstrap(values)
        return Interval(mean, low, high)
    if seeds >= 2:
        half = _t_half(values.mean(0))
        return Interval(mean, mean - half, mean + half)
    return Interval(mean)


def share_interval(low: Table, values: Table, high: Table) -> Interval:
    """(low - values) / (low - high) of means, each (samples, seeds) of the same samples and seeds, and its interval.

    Samples and seeds are resampled together for all three; no interval with fewer than five samples.

    Raises:
        ValueError: shapes differ.
    """
    if not low.shape == values.shape == high.shape:
        raise ValueError(f"shapes differ: {low.shape}, {values.shape}, {high.shape}")
    mean = float((low.mean() - values.mean()) / (low.mean() - high.mean()))
    if low.shape[0] < MIN_SAMPLES:
        return Interval(mean)
    floor, arm, ceiling = (_resampled(table) for table in (low, values, high))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = (floor - arm) / (floor - ceiling)
    tail = (1 - LEVEL) / 2
    bottom, top = np.quantile(shares[np.isfinite(shares)], [tail, 1 - tail])
    return Interval(mean, float(bottom), float(top))


def _bootstrap(values: Table) -> tuple[float, float]:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(_resampled(values), [tail, 1 - tail])
    return float(low), float(high)


def _resampled(values: Table) -> Table:
    """(DRAWS,) means over resampled samples and seeds; the same draws for every table of one shape."""
    samples, seeds = values.shape
    draw = np.random.default_rng(0)
    by_sample = draw.multinomial(samples, np.full(samples, 1 / samples), size=DRAWS) / samples
    by_seed = draw.multinomial(seeds, np.full(seeds, 1 / seeds), size=DRAWS) / seeds
    means: Table = np.einsum("bs,bs->b", by_sample @ values, by_seed)
    return means


def _t_half(values: NDArray[np.float64]) -> float:
    from scipy.special import stdtrit  # Student's t quantile; scipy.stats would take seconds to import

    count = len(values)
    return float(stdtrit(count - 1, (1 + LEVEL) / 2) * values.std(ddof=1) / np.sqrt(count))
