"""Gap closed: where an arm stands between two anchors; and which arm is better on how many figures.

gap closed of a figure = (low - arm) / (low - high). In fidelity the anchors are floor and ceiling: 0 = no better than
clean depth, 1 = as near to the captures as captures are to each other; in recon no simulation and true captures.
Computed from each arm's mean; figures on which the ceiling is not clearly better than
the floor (less than 5 % of it) say nothing and are left out.
"""

from collections.abc import Sequence
from statistics import mean, median

from s2r_reports.pairs import oriented
from s2r_reports.summary import LEAST_GAP, Summary


def judged(summary: Summary) -> list[str]:
    """The metrics of a summary that count (`Judging.group`)."""
    group = summary.judging.group
    return [metric for metric, info in summary.metrics.items() if info.group == group and info.better != "none"]


def value(summary: Summary, arm: str, metric: str) -> float | None:
    """The arm's mean, turned so that lower is better and the ideal is 0; None where it has no such figure."""
    cell = summary.cells.get((arm, metric))
    return None if cell is None else oriented(summary.metrics[metric], cell.interval.mean)


def gap_closed(summary: Summary, arm: str, metric: str) -> float | None:
    """Share of the floor-to-ceiling gap that the arm closes; None where it is not defined."""
    if (arm, metric) in summary.gaps:
        return summary.gaps[arm, metric].mean
    values = [value(summary, name, metric) for name in (summary.judging.anchors[0], arm, summary.judging.anchors[1])]
    floor, mine, ceiling = values
    if floor is None or mine is None or ceiling is None or floor - ceiling <= LEAST_GAP * abs(floor):
        return None
    return (floor - mine) / (floor - ceiling)


def gaps(summary: Summary, arm: str) -> dict[str, float]:
    """Metric -> gap closed, for the distributional figures that have one."""
    found = {metric: gap_closed(summary, arm, metric) for metric in judged(summary)}
    return {metric: gap for metric, gap in found.items() if gap is not None}


def mean_and_median(found: dict[str, float]) -> tuple[float, float] | None:
    """Mean and median gap closed over figures; None without any."""
    return (mean(found.values()), median(found.values())) if found else None


def better_share(summary: Summary, arm: str, other: str) -> tuple[int, int]:
    """On how many distributional figures `arm` is better than `other`, and of how many that both have."""
    pairs = [(value(summary, arm, metric), value(summary, other, metric)) for metric in judged(summary)]
    both = [(mine, theirs) for mine, theirs in pairs if mine is not None and theirs is not None]
    return sum(mine < theirs for mine, theirs in both), len(both)


def contenders(summary: Summary) -> Sequence[str]:
    """The arms that are compared: all but the task's own references and the anchors."""
    apart = {*summary.references, *summary.judging.anchors}
    return [arm for arm in summary.arms if arm not in apart]
