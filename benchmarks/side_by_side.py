"""Two sides by turns in one process, and the ratio of their medians: the machine's speed and load cancel."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Ratio:
    """Ours against the reference: medians in milliseconds, their quotient, and how far the results differ."""

    name: str
    ours_ms: float
    reference_ms: float
    ratio: float
    difference: str


def compare(
    name: str,
    ours: Callable,
    reference: Callable,
    repeats: int,
    difference: str,
    clock: Callable[[], float] = time.perf_counter,
) -> Ratio:
    """Each side once unmeasured, then by turns; `clock` gives wall time, or CPU time with `time.process_time`."""
    times = ([], [])
    for side in (ours, reference):
        side()
    for _ in range(repeats):
        for side, spent in zip((ours, reference), times, strict=True):
            begin = clock()
            side()
            spent.append((clock() - begin) * 1000)
    medians = [statistics.median(spent) for spent in times]
    return Ratio(name, round(medians[0], 2), round(medians[1], 2), round(medians[0] / medians[1], 3), difference)
