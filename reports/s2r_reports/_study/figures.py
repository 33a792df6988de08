"""The figures of a study: shares with intervals, d' and bias, agreement of participants.

Signal detection: a capture is the signal, "captured" the answer yes. H = share of captures picked, F = share of a
source's samples picked, both as (picked + 1/2) / (shown + 1) (log-linear correction, Hautus 1995), so that 0 and 1 stay
finite. d' = z(H) - z(F): 0 where a source cannot be told from captures. c = -(z(H) + z(F)) / 2: above 0 where
participants say "captured" more rarely than would be even.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s2r_bench.seeds import rng_of
from s2r_reports.statistics import DRAWS, LEVEL, MIN_SAMPLES, Interval

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Detection:
    """How well one source's samples are told from captures."""

    d_prime: Interval
    bias: float


def quantile(share: float | Counts) -> Counts:
    """The standard normal's quantile function, z."""
    from scipy.special import ndtri  # scipy.stats would take seconds to import

    return np.asarray(ndtri(share), np.float64)


def wilson(picked: int, shown: int) -> Interval:
    """A share and its Wilson interval at LEVEL, as if all answers were independent.

    >>> wilson(5, 10).low, wilson(5, 10).high
    (0.236593090512564, 0.7634069094874361)

    Raises:
        ValueError: nothing was shown.
    """
    if not 0 <= picked <= shown or shown < 1:
        raise ValueError(f"{picked} of {shown} is no share")
    z = float(quantile((1 + LEVEL) / 2))
    share = picked / shown
    middle = (share + z * z / (2 * shown)) / (1 + z * z / shown)
    half = z / (1 + z * z / shown) * float(np.sqrt(share * (1 - share) / shown + z * z / (4 * shown * shown)))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def over_participants(picked: Counts, shown: Counts) -> Interval:
    """A share and its interval when participants are resampled: one person's answers hang together.

    Args:
        picked: (participants,) how many of the source's samples each picked.
        shown: (participants,) how many each has seen, at least one.
    """
    share = float(picked.sum() / shown.sum())
    if len(picked) < MIN_SAMPLES:
        return Interval(share)
    weights = _weights(len(picked))
    return _bounded(share, (weights @ picked) / (weights @ shown))


def detection(captured: tuple[Counts, Counts], source: tuple[Counts, Counts]) -> Detection:
    """The d' and bias of one source against the captures, d' with an interval from resampled participants.

    Args:
        captured: (picked, shown), each (participants,).
        source: the same of the source.
    """
    d_prime, bias = _signal(*(float(side.sum()) for side in (*captured, *source)))
    if len(captured[0]) < MIN_SAMPLES:
        return Detection(Interval(float(d_prime)), float(bias))
    weights = _weights(len(captured[0]))
    drawn, _ = _signal(*(weights @ side for side in (*captured, *source)))
    return Detection(_bounded(float(d_prime), drawn), float(bias))


def fleiss_kappa(counts: Counts) -> float | None:
    """Agreement beyond chance of equally many raters on each sample; None where it does not exist.

    It does not with fewer than two raters, or where all of them gave one answer throughout (chance agrees fully).
    With two raters it is Scott's pi.

    Args:
        counts: (samples, answers) how many raters gave each answer; rows sum to the number of raters.

    >>> fleiss_kappa(np.array([[3.0, 0], [0, 3]]))
    1.0

    Raises:
        ValueError: rows of different sums.
    """
    raters = counts.sum(1)
    if len(counts) == 0 or raters[0] < 2:
        return None
    if (raters != raters[0]).any():
        raise ValueError("every sample needs equally many raters")
    each = ((counts**2).sum(1) - raters) / (raters * (raters - 1))
    chance = float(((counts.sum(0) / counts.sum()) ** 2).sum())
    return None if chance == 1 else float((each.mean() - chance) / (1 - chance))


def _signal(
    hits: float | Counts, captures: float | Counts, alarms: float | Counts, others: float | Counts
) -> tuple[Counts, Counts]:
    hit, alarm = quantile((hits + 0.5) / (captures + 1)), quantile((alarms + 0.5) / (others + 1))
    return np.asarray(hit - alarm), np.asarray(-(hit + alarm) / 2)


def _weights(participants: int) -> Counts:
    """(DRAWS, participants) how often each is drawn; the same draws for every figure of a study."""
    rng = rng_of(0, "study", "participants")
    return rng.multinomial(participants, np.full(participants, 1 / participants), size=DRAWS).astype(np.float64)


def _bounded(mean: float, drawn: Counts) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn[np.isfinite(drawn)], [tail, 1 - tail])
    return Interval(mean, float(low), float(high))
