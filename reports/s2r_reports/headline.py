"""The finding of a group of runs in words: which method is best, by how much, and how much of the gap it closes."""

from collections.abc import Sequence
from dataclasses import dataclass

from s2r_bench.task import MetricInfo
from s2r_reports import gap
from s2r_reports.statistics import Interval
from s2r_reports.summary import Summary
from s2r_reports.tables import percent


@dataclass(frozen=True)
class Standing:
    """One method: its lead over the lower anchor (positive is better) and the share of the gap that it closes."""

    arm: str
    lead: Interval | None
    closed: Interval | None


@dataclass(frozen=True)
class Finding:
    """What one would say of a group of runs.

    Attributes:
        sentence: the finding.
        details: what belongs to it: gap closed, the next best, what the interval covers.
        sure: whether the lead's interval excludes zero.
        metric: the figure that it is about, the first that counts.
        low, high: the arms that are 0 and 1 of the gap.
        standings: the methods that are compared, best first.
    """

    sentence: str
    details: tuple[str, ...]
    sure: bool
    metric: MetricInfo
    low: str
    high: str
    standings: tuple[Standing, ...]


def finding(summary: Summary) -> Finding | None:
    """The group's finding; None without a method to compare, or without the arm that it should beat."""
    low, high = summary.judging.anchors
    metric = next((name for name in gap.judged(summary) if (low, name) in summary.cells), None)
    arms = [arm for arm in gap.contenders(summary) if metric and (arm, metric) in summary.cells]
    if metric is None or not arms:
        return None
    info = summary.metrics[metric]
    arms.sort(key=lambda arm: gap.value(summary, arm, metric) or 0.0)
    standings = tuple(
        Standing(arm, summary.pairs.lead(arm, low, metric), _closed(summary, arm, metric)) for arm in arms
    )
    best = standings[0]
    if best.lead is None:
        return None
    sure = best.lead.excludes_zero
    details = [_gap_words(best, low, high), _next_words(summary, arms, metric), _covered(summary, arms, metric)]
    shown = tuple(text for text in details if text)
    return Finding(_sentence(best.arm, best.lead, low, info), shown, sure, info, low, high, standings)


def amount(info: MetricInfo, lead: Interval) -> str:
    """A lead, or how far one is behind, as it is spoken of: "2.1 points of mIoU (95 % interval 1.0 to 3.2)"."""
    sign = -info.scale if lead.mean < 0 else info.scale
    unit = {"%": " points", "": ""}.get(info.unit, f" {info.unit}")
    told = f"{lead.mean * sign:.{info.digits}f}{unit} of {info.title}"
    if lead.low is None or lead.high is None:
        return told
    low, high = sorted((lead.low * sign, lead.high * sign))
    return f"{told} (95 % interval {low:.{info.digits}f} to {high:.{info.digits}f})"


def _sentence(arm: str, lead: Interval, low: str, info: MetricInfo) -> str:
    much, ahead = amount(info, lead), lead.mean > 0
    if lead.low is None:
        return (
            f"The best simulator, {arm}, is {'ahead of' if ahead else 'behind'} {low} by {much}: one run, no interval"
        )
    if not lead.excludes_zero:
        word = "ahead" if ahead else "behind"
        return f"No simulator is surely better than {low}: the best, {arm}, is {word} by {much}, which may be chance"
    return f"{arm} {'beats' if ahead else 'is the best simulator, and still behind'} {low} by {much}"


def _closed(summary: Summary, arm: str, metric: str) -> Interval | None:
    known = summary.gaps.get((arm, metric))
    share = gap.gap_closed(summary, arm, metric)
    return known or (None if share is None else Interval(share))


def _gap_words(best: Standing, low: str, high: str) -> str:
    if best.closed is None:
        why = f"{high} has no run, or is hardly better than {low}"
        return f"How much of the gap to {high} it closes is not defined: {why}."
    text = f"It closes {percent(best.closed.mean)} of the gap between {low} and {high}"
    if best.closed.low is None or best.closed.high is None:
        return f"{text}."
    return f"{text} (95 % interval {percent(best.closed.low)} to {percent(best.closed.high)})."


def _next_words(summary: Summary, arms: Sequence[str], metric: str) -> str:
    if len(arms) < 2:
        return "No other simulator was run."
    ahead, info = summary.pairs.lead(arms[0], arms[1], metric), summary.metrics[metric]
    if ahead is None:
        return f"The next best, {arms[1]}, shares no sample and seed with it."
    fewer = min(summary.seeds[arm] for arm in arms[:2])
    alike = summary.seeds[arms[0]] == summary.seeds[arms[1]]
    where = "" if alike else f", on the {fewer} seed{'s' * (fewer > 1)} at most that both have"
    much = f"{amount(info, ahead)}{where}"
    if ahead.excludes_zero or ahead.low is None:
        much += "" if ahead.excludes_zero else ", without an interval"
        return f"The next best, {arms[1]}, is {'behind' if ahead.mean > 0 else 'ahead of'} it by {much}."
    return f"The next best, {arms[1]}, cannot be told apart from it: {much}."


def _covered(summary: Summary, arms: Sequence[str], metric: str) -> str:
    """What was repeated, so what the intervals speak of."""
    seeds, samples = summary.seeds[arms[0]], summary.cells[arms[0], metric].samples
    others = [f"{arm} {summary.seeds[arm]}" for arm in arms[1:] if summary.seeds[arm] != seeds]
    of = f"{samples} samples a seed" if samples > 1 else "one figure of the whole set a seed"
    told = f"{seeds} seed{'s' * (seeds > 1)}, {of}"
    told += f" ({', '.join(others)})." if others else "."
    return f"{told} Of one seed, intervals do not cover how much training itself varies." if seeds == 1 else told
