"""A board's figures, made of its values by the rules of every report."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from s2r_bench.records import RunRecord, RunSpec, Score, content_key
from s2r_bench.task import MetricInfo
from s2r_reports import gap
from s2r_reports._leaderboard.form import Board, Figure, Run, Span
from s2r_reports.frames import Entry as RunEntry
from s2r_reports.frames import long_frame
from s2r_reports.statistics import Interval
from s2r_reports.summary import HIDDEN, Summary, judging_of, metrics_of, summaries, table_of

if TYPE_CHECKING:
    import pandas as pd

MEAN_TOLERANCE = 1e-6  # relative
END_TOLERANCE = 0.05  # of an interval's width: resampling need not give the same draws under every numpy


def anchors_of(task: str) -> tuple[str, ...]:
    """The arms that come with every entry: 0 and 1 of the gap, and what every arm should be better than."""
    judging = judging_of(task)
    return tuple(dict.fromkeys((*judging.anchors, judging.base)))


def reserved(task: str) -> frozenset[str]:
    """Names that no entry of a task may have: its anchors and its own arms."""
    return frozenset((*anchors_of(task), *metrics_of(task)[1]))


def shown_metrics(task: str) -> dict[str, MetricInfo]:
    """The metrics that an entry holds: all of the task but those that are only drawn as curves."""
    return {name: info for name, info in metrics_of(task)[0].items() if info.group != HIDDEN}


def group_key(board: Board, settings: Mapping[str, Any] | None = None, keys: Mapping[str, str] | None = None) -> str:
    """What must be equal for two boards to be one table; `settings` and `keys` stand in for the board's own."""
    options = [board.settings if settings is None else settings, board.world_options]
    data = dict(board.keys if keys is None else keys)
    return content_key([board.task, board.protocol, board.world, board.preset, data, options])


FILES = "pairs/"
"""Begins the names of keys that are digests of files."""


def by_content(keys: Mapping[str, str], known: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Keys of data, with those of files exchanged for what does not depend on the files, as far as that is known.

    >>> by_content({"pairs/test": "f1", "objects": "w"}, {"pairs/test": ("depth/test", "c1")})
    {'depth/test': 'c1', 'objects': 'w'}
    """
    return dict(known.get(name, (name, digest)) for name, digest in keys.items())


@dataclass(frozen=True)
class Scored:
    """A board with its figures.

    Attributes:
        board: as it is in the entry.
        arm: what the simulator is called in it.
    """

    board: Board
    arm: str

    @cached_property
    def summary(self) -> Summary:
        """The figures of the simulator and its anchors."""
        return summaries(self._runs)[0]

    @cached_property
    def _runs(self) -> list[RunEntry]:
        arms = {self.arm: self.board.runs, **self.board.anchors}
        return [RunEntry(_record(self.board, arm, run)) for arm, runs in arms.items() for run in runs]

    @cached_property
    def _frame(self) -> "pd.DataFrame":
        return long_frame(self._runs)

    def table(self, metric: str, arm: str | None = None) -> "pd.DataFrame":
        """(samples x seeds) of a metric, of the simulator unless an anchor is named."""
        key = (self.arm if arm is None else arm, metric)
        if key not in self._tables:
            self._tables[key] = table_of(self._frame, *key)
        return self._tables[key]

    @cached_property
    def _tables(self) -> "dict[tuple[str, str], pd.DataFrame]":
        return {}

    @property
    def first(self) -> str | None:
        """The first metric that counts: it decides places; None where no metric of the task is known."""
        return next(iter(gap.judged(self.summary)), None)

    def closed(self, metric: str) -> Interval | None:
        """Share of the gap between the anchors that the simulator closes; None where it is not defined."""
        if metric not in gap.judged(self.summary):
            return None
        known = self.summary.gaps.get((self.arm, metric))
        share = gap.gap_closed(self.summary, self.arm, metric)
        return known or (None if share is None else Interval(share))

    def figures(self) -> tuple[Figure, ...]:
        """Every figure of the simulator, for the entry."""
        found = []
        for metric in self.summary.metrics:
            cell = self.summary.cells.get((self.arm, metric))
            if cell is not None:
                closed = self.closed(metric)
                told = None if closed is None else Span(mean=closed.mean, low=closed.low, high=closed.high)
                span = cell.interval
                found.append(
                    Figure(
                        metric=metric,
                        mean=span.mean,
                        low=span.low,
                        high=span.high,
                        samples=cell.samples,
                        seeds=cell.seeds,
                        gap=told,
                    )
                )
        return tuple(found)


def _record(board: Board, arm: str, run: Run) -> RunRecord:
    options = {"task": board.settings, "world": board.world_options}
    spec = RunSpec(
        "evaluate", board.task, arm, board.world, board.preset, board.protocol, run.seed, options, dict(board.keys)
    )
    scores = tuple(
        Score(board.rows[row][0], "", metric, value)  # bins of a sample are averaged; tables by category are not made
        for metric, values in run.scores.items()
        for row, value in zip(values.at, values.values, strict=True)
    )
    facts = {"sensor": board.sensor, "device": run.device}
    failures = dict.fromkeys(run.failures, "no score")
    costs = {str(name): value for name, value in run.costs.items()}
    return RunRecord(spec, scores, failures, facts, costs, dict(run.left_out))


def differences(told: Sequence[Figure], found: Sequence[Figure]) -> Iterator[tuple[str, str]]:
    """(field, what is wrong) of every figure that is not what the values give."""
    ours = {one.metric: one for one in found}
    for place, one in enumerate(told):
        if any(other.metric == one.metric for other in told[:place]):
            yield f"{place}.metric", f"{one.metric} stands twice"
        elif one.metric not in ours:
            yield f"{place}.metric", f"{one.metric} has no values that it could be made of"
        else:
            for field, wrong in _one_apart(one, ours[one.metric]):
                yield f"{place}{field}", f"{one.metric} {wrong}"
    for metric in sorted(ours.keys() - {one.metric for one in told}):
        yield "metric", f"there is no figure of {metric}, though there are values"


def _one_apart(told: Figure, found: Figure) -> Iterator[tuple[str, str]]:
    if (told.samples, told.seeds) != (found.samples, found.seeds):
        counts = f"{told.samples} samples and {told.seeds} seeds"
        yield "", f"is of {counts}, the values give {found.samples} and {found.seeds}"
    for name, wrong in _apart(told, found):
        yield f".{name}", wrong
    if told.gap is None or found.gap is None:
        if told.gap is not found.gap:
            yield (
                ".gap",
                f"has {'a' if told.gap else 'no'} gap closed, the values give {'one' if found.gap else 'none'}",
            )
        return
    for name, wrong in _apart(told.gap, found.gap):
        yield f".gap.{name}", f"gap closed {wrong}"


def _apart(told: Span, found: Span) -> Iterator[tuple[str, str]]:
    if not math.isclose(told.mean, found.mean, rel_tol=MEAN_TOLERANCE, abs_tol=1e-12):
        yield "mean", f"is {told.mean:.6g}, the values give {found.mean:.6g}"
    width = 0.0 if found.low is None or found.high is None else found.high - found.low
    for name in ("low", "high"):
        one, other = getattr(told, name), getattr(found, name)
        if (one is None) != (other is None):
            yield name, f"is {one}, the values give {other}"
        elif one is not None and abs(one - other) > END_TOLERANCE * width + MEAN_TOLERANCE * abs(other) + 1e-12:
            yield name, f"is {one:.6g}, the values give {other:.6g}"
