"""Arms in pairs: by how much one is better than another on the samples and seeds that both have."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from s2r_bench.task import MetricInfo
from s2r_reports.statistics import Interval, interval

if TYPE_CHECKING:
    import pandas as pd

Tables = Mapping[tuple[str, str], "pd.DataFrame"]
"""(arm, metric) -> samples x seeds."""


class _Difference(Protocol):
    @property
    def mean(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


Counted = Callable[[Sequence[Path], Sequence[Path]], _Difference]
"""What a task itself makes of a metric: the folders of an arm's runs and of another's, seed by seed -> arm - other."""


def oriented(info: MetricInfo, value: float) -> float:
    """The value turned so that lower is better."""
    return {"lower": value, "higher": -value, "target": abs(value - info.target), "none": 0.0}[info.better]


def paired(a: "pd.DataFrame", b: "pd.DataFrame") -> Interval | None:
    """The interval of a - b on the samples and seeds that both have; None where they share none."""
    difference = (a - b).dropna(axis=1, how="all").dropna()
    return interval(difference.to_numpy(dtype=np.float64)) if difference.size else None


def lead(info: MetricInfo, arm: "pd.DataFrame", other: "pd.DataFrame") -> Interval | None:
    """By how much `arm` is better than `other`: positive is better; None where they share no sample."""
    turned = [table.map(lambda value: oriented(info, value)) for table in (other, arm)]
    return paired(turned[0], turned[1])


class Leads:
    """Who is better than whom on the figures that count.

    Args:
        tables: of all arms and figures.
        metrics: the figures that count.
        counted: those whose difference the task counts itself (pooled figures are no mean of samples).
        runs: arm -> seed -> folder of its run, where that is at hand.
    """

    def __init__(
        self,
        tables: Tables,
        metrics: Mapping[str, MetricInfo],
        counted: Mapping[str, Counted],
        runs: Mapping[str, Mapping[int, Path]],
    ) -> None:
        self._tables, self._metrics, self._counted, self._runs = tables, metrics, counted, runs

    def over(self, base: str) -> dict[tuple[str, str], Interval]:
        """(arm, metric) -> by how much the arm is better than `base`."""
        arms = dict.fromkeys(arm for arm, _ in self._tables if arm != base)
        found = {(arm, metric): self.lead(arm, base, metric) for arm in arms for metric in self._metrics}
        return {key: lead for key, lead in found.items() if lead is not None}

    def every(self) -> Iterator[tuple[str, str, str, Interval]]:
        """(arm, other, metric, by how much the arm is better), both ways round."""
        for metric in self._metrics:
            for arm, other in permutations([arm for arm, name in self._tables if name == metric], 2):
                found = self.lead(arm, other, metric)
                if found is not None:
                    yield arm, other, metric, found

    def lead(self, arm: str, other: str, metric: str) -> Interval | None:
        """By how much `arm` is better than `other`; None where one has no such figure, or they share no sample."""
        tables = [self._tables.get((name, metric)) for name in (arm, other)]
        if tables[0] is None or tables[1] is None:
            return None
        info = self._metrics[metric]
        seeds = sorted(set(self._runs.get(arm, {})) & set(self._runs.get(other, {})))
        if metric not in self._counted or not seeds or info.better == "target":
            return lead(info, tables[0], tables[1])
        found = self._counted[metric](*([self._runs[name][seed] for seed in seeds] for name in (arm, other)))
        if info.better == "higher":
            return Interval(found.mean, found.low, found.high)
        return Interval(-found.mean, -found.high, -found.low)
