"""One table's numbers: a figure for every arm with its interval, which is best, and how sure that is.

A run's figure is the mean over its rows (samples, bins); an arm's is the mean over its runs. Every reader of records
uses these rules; nothing of it is stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from s2r_bench import registry
from s2r_bench.errors import UsageError
from s2r_bench.records import RunSpec
from s2r_bench.task import MetricInfo
from s2r_reports.bins import BY_BIN, captured, in_order
from s2r_reports.frames import Entry, arm_names, long_frame
from s2r_reports.pairs import Counted, Leads, lead, oriented
from s2r_reports.statistics import Interval, interval, share_interval

if TYPE_CHECKING:
    import pandas as pd

HIDDEN = "described"
"""The group of metrics that are drawn as curves and exported, but not listed in tables."""
LEAST_GAP = 0.05  # of the first anchor's figure: a smaller gap says nothing
LAST = ("ceiling", "oracle")
REFERENCES = ("floor", *LAST)  # of a task that is not installed here


@dataclass(frozen=True)
class Cell:
    """A figure of an arm, unscaled.

    Attributes:
        interval: mean and interval.
        samples: how many samples it is the mean of (1 for a figure of the whole set).
        seeds: how many runs.
        bold: best of the arms, and the paired interval against the next best excludes zero.
    """

    interval: Interval
    samples: int
    seeds: int
    bold: bool = False


@dataclass(frozen=True)
class Judging:
    """How a task's figures are compared: attributes `judged`, `anchors`, `base`, `by_category`, `counted` of its class.

    Attributes:
        group: the metrics that count.
        anchors: the arms that are 0 and 1 of the gap closed.
        base: the arm that every other one should be better than; the lower anchor if the task names none.
        by_category: whether figures are also shown for each category of samples.
        counted: metrics whose difference between two arms the task counts itself.
    """

    group: str = "distributional"
    anchors: tuple[str, str] = ("floor", "ceiling")
    base: str = "floor"
    by_category: bool = False
    counted: Mapping[str, Counted] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """All figures of one group of runs.

    Attributes:
        facts: what the caption states: task, world, sensor, preset, protocol, devices, seeds, interval.
        arms: in table order, floor first, ceiling last.
        references: which of the arms are not compared (the task's own).
        metrics: those that are scored and occur, in the task's order.
        cells: (arm, metric) -> figure; a missing key is a figure that the arm does not have.
        failures: arm -> samples without a score, all seeds together.
        seeds: arm -> how many runs.
        notes: what is missing or particular, in words.
        costs: arm -> name -> mean over its runs.
        judging: which figures count, and between which arms they are placed.
        gaps: (arm, metric) -> share of the anchors' gap that the arm closes, where figures are taken per sample.
        categories: (arm, metric, category) -> figure, where the task asks for it.
        bins: (arm, metric, bin) -> figure, of `BY_BIN`; the arm `CAPTURED` is the captures' own figure.
        leads: (metric, category) -> how much better the second anchor is than the first, paired.
        over_base: (arm, metric) -> how much better the arm is than `judging.base`, paired.
        pairs: the same of any two arms, counted when asked for.
    """

    facts: Mapping[str, str]
    arms: tuple[str, ...]
    references: frozenset[str]
    metrics: Mapping[str, MetricInfo]
    cells: Mapping[tuple[str, str], Cell]
    failures: Mapping[str, int]
    seeds: Mapping[str, int]
    notes: tuple[str, ...] = ()
    costs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    judging: "Judging" = field(default_factory=lambda: Judging())
    gaps: Mapping[tuple[str, str], Interval] = field(default_factory=dict)
    categories: Mapping[tuple[str, str, str], Cell] = field(default_factory=dict)
    bins: Mapping[tuple[str, str, str], Cell] = field(default_factory=dict)
    leads: Mapping[tuple[str, str], Interval] = field(default_factory=dict)
    over_base: Mapping[tuple[str, str], Interval] = field(default_factory=dict)
    pairs: Leads = field(default_factory=lambda: Leads({}, {}, {}, {}))


def summaries(entries: Sequence[Entry]) -> list[Summary]:
    """One summary for each set of runs that may stand in one table, in order of appearance."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.group, []).append(entry)
    return [_summary(group) for group in found.values()]


def metrics_of(task: str) -> tuple[Mapping[str, MetricInfo], tuple[str, ...]]:
    """A task's metric descriptions and its reference arms, also those that an option asks for (`s2r_bench.task`).

    Of a task that is not installed here: none, and the usual ones.
    """
    try:
        member = registry.module(registry.TASKS, task)
    except (UsageError, ImportError):
        return {}, REFERENCES
    cls = getattr(member, "task", None)
    return getattr(cls, "metrics", {}), (*getattr(cls, "references", REFERENCES), *getattr(cls, "asked", {}))


def asked_of(task: str) -> frozenset[str]:
    """The reference arms that only an option brings: tables without them lack nothing."""
    try:
        cls = getattr(registry.module(registry.TASKS, task), "task", None)
    except (UsageError, ImportError):
        return frozenset()
    return frozenset(getattr(cls, "asked", {}))


def judging_of(task: str) -> Judging:
    """How the figures of a task are compared; the defaults for a task that is not installed here."""
    try:
        cls = getattr(registry.module(registry.TASKS, task), "task", None)
    except (UsageError, ImportError):
        return Judging()
    usual = Judging()
    anchors = getattr(cls, "anchors", usual.anchors)
    return Judging(
        getattr(cls, "judged", usual.group),
        anchors,
        getattr(cls, "base", anchors[0]),
        getattr(cls, "by_category", usual.by_category),
        getattr(cls, "counted", usual.counted),
    )


def table_of(frame: "pd.DataFrame", arm: str, metric: str) -> "pd.DataFrame":
    """(samples x seeds) of an arm's metric, bins averaged; samples that a seed lacks are left out."""
    rows = frame[(frame["arm"] == arm) & (frame["metric"] == metric)]
    return rows.pivot_table(index="sample", columns="seed", values="value", aggfunc="mean").dropna()


def _summary(every: Sequence[Entry]) -> Summary:
    names = arm_names(every)
    entries, doubles = _one_each(every, names)
    frame = long_frame(entries)
    known, references = metrics_of(entries[0].record.spec.task)
    arms = _ordered(list(dict.fromkeys(names[entry.record.spec.key] for entry in entries)), references)
    present = set(frame["metric"])
    scored = {metric: info for metric, info in known.items() if metric in present and info.group != HIDDEN}
    scored |= {metric: MetricInfo(metric, "", 1, "none", "other", digits=4) for metric in sorted(present - set(known))}
    tables = {(arm, metric): table_of(frame, arm, metric) for arm in arms for metric in scored}
    tables = {key: table for key, table in tables.items() if table.size}
    judging = judging_of(entries[0].record.spec.task)
    own = frozenset(arm for arm in arms if arm in references)
    asked = asked_of(entries[0].record.spec.task)
    expected = [name for name in references if name not in asked]
    cells = {key: _cell(table) for key, table in tables.items()}
    for metric, info in scored.items():
        best = _sure_best(metric, info, [arm for arm in arms if arm not in own and arm not in judging.anchors], tables)
        if best:
            cells[best, metric] = _bold(cells[best, metric])
    by_arm = {arm: [entry for entry in entries if names[entry.record.spec.key] == arm] for arm in arms}
    counted = {m: info for m, info in scored.items() if info.group == judging.group and info.better != "none"}
    parts = _by_category(frame, arms, counted) if judging.by_category else {}
    pairs = Leads(tables, counted, judging.counted, {arm: _folders(runs) for arm, runs in by_arm.items()})
    return Summary(
        facts=_facts(entries),
        arms=tuple(arms),
        references=own,
        metrics=scored,
        cells=cells,
        failures={arm: sum(len(entry.record.failures) for entry in runs) for arm, runs in by_arm.items()},
        seeds={arm: len({entry.record.spec.seed for entry in runs}) for arm, runs in by_arm.items()},
        notes=(*_notes(by_arm, expected), *_mixed_devices(by_arm), *doubles),
        costs={arm: _costs(runs) for arm, runs in by_arm.items()},
        judging=judging,
        gaps=_gaps(tables, arms, counted, judging.anchors),
        categories={key: _cell(table) for key, table in parts.items()},
        bins=_bins(frame, arms, own, [metric for metric in BY_BIN if metric in known]),
        leads=_leads(parts, counted, judging.anchors),
        over_base=pairs.over(judging.base),
        pairs=pairs,
    )


def _by_category(
    frame: "pd.DataFrame", arms: Sequence[str], metrics: Mapping[str, MetricInfo]
) -> dict[tuple[str, str, str], "pd.DataFrame"]:
    """(arm, metric, category) -> (samples x seeds)."""
    found: dict[tuple[str, str, str], pd.DataFrame] = {}
    for category in dict.fromkeys(frame["category"]):
        part = frame[frame["category"] == category]
        tables = {(arm, metric, category): table_of(part, arm, metric) for arm in arms for metric in metrics}
        found |= {key: table for key, table in tables.items() if table.size}
    return found


def _bins(
    frame: "pd.DataFrame", arms: Sequence[str], references: frozenset[str], metrics: Sequence[str]
) -> dict[tuple[str, str, str], Cell]:
    """(arm, metric, bin) -> figure, in the order of the bins' axes."""
    wanted = [own for metric in metrics for own in (metric, captured(metric))]
    rows = frame[frame["metric"].isin(wanted) & (frame["category"] != "")]
    unscaled = {metric: MetricInfo(metric, "", 1, "none", HIDDEN) for metric in wanted}
    cells = {key: _cell(table) for key, table in _by_category(rows, arms, unscaled).items()}
    # the reference "ceiling" may answer half of the views only: its captured side is not the whole one
    judged = [arm for arm in arms if arm not in references] or arms
    return in_order(cells, metrics, arms, judged)


def _gaps(
    tables: Mapping[tuple[str, str], "pd.DataFrame"],
    arms: Sequence[str],
    metrics: Mapping[str, MetricInfo],
    anchors: tuple[str, str],
) -> dict[tuple[str, str], Interval]:
    """Gap closed with its interval, on the samples and seeds that arm and anchors share."""
    found = {}
    for metric, info in metrics.items():
        for arm in arms:
            keys = [(name, metric) for name in (anchors[0], arm, anchors[1])]
            if not all(key in tables for key in keys):
                continue
            turned = [tables[key].map(lambda value, info=info: oriented(info, value)) for key in keys]
            samples = turned[0].index.intersection(turned[1].index).intersection(turned[2].index)
            seeds = turned[0].columns.intersection(turned[1].columns).intersection(turned[2].columns)
            low, own, high = (table.loc[samples, seeds].to_numpy(dtype=np.float64) for table in turned)
            if low.size and low.mean() - high.mean() > LEAST_GAP * abs(low.mean()):
                found[arm, metric] = share_interval(low, own, high)
    return found


def _leads(
    parts: Mapping[tuple[str, str, str], "pd.DataFrame"], metrics: Mapping[str, MetricInfo], anchors: tuple[str, str]
) -> dict[tuple[str, str], Interval]:
    """How much better the second anchor is in each category: positive is better, with the paired interval."""
    found = {}
    for metric, category in dict.fromkeys((metric, category) for _, metric, category in parts):
        low, high = (parts.get((anchor, metric, category)) for anchor in anchors)
        if low is None or high is None:
            continue
        ahead = lead(metrics[metric], high, low)
        if ahead is not None:
            found[metric, category] = ahead
    return found


def _folders(runs: Sequence[Entry]) -> dict[int, Path]:
    return {entry.record.spec.seed: entry.folder for entry in runs if entry.folder is not None}


def _one_each(entries: Sequence[Entry], names: Mapping[str, str]) -> tuple[list[Entry], list[str]]:
    """One run for each arm and seed, the last that was given, and a note for each that was left out."""
    chosen = {(names[entry.record.spec.key], entry.record.spec.seed): entry for entry in entries}
    kept = [entry for entry in entries if entry in chosen.values()]
    left = {(names[e.record.spec.key], e.record.spec.seed): e.record.spec.key for e in entries if e not in kept}
    return kept, [f"{arm}, seed {seed}: several runs; {key} is not shown" for (arm, seed), key in left.items()]


def _ordered(arms: list[str], references: Sequence[str]) -> list[str]:
    first = [name for name in references if name in arms and name not in LAST]
    last = [name for name in LAST if name in arms]
    return first + sorted(arm for arm in arms if arm not in first + last) + last


def _cell(table: "pd.DataFrame") -> Cell:
    return Cell(interval(table.to_numpy(dtype=np.float64)), *table.shape)


def _bold(cell: Cell) -> Cell:
    return Cell(cell.interval, cell.samples, cell.seeds, True)


def _sure_best(
    metric: str, info: MetricInfo, arms: Sequence[str], tables: Mapping[tuple[str, str], "pd.DataFrame"]
) -> str | None:
    """The best arm, if its paired lead over the next best is beyond chance."""
    have = [arm for arm in arms if (arm, metric) in tables]
    if info.better == "none" or len(have) < 2:
        return None
    means = {arm: float(tables[arm, metric].map(lambda value: oriented(info, value)).to_numpy().mean()) for arm in have}
    best, second = sorted(have, key=means.__getitem__)[:2]
    ahead = lead(info, tables[best, metric], tables[second, metric])
    return best if ahead is not None and ahead.excludes_zero and ahead.mean > 0 else None


def _facts(entries: Sequence[Entry]) -> dict[str, str]:
    spec = entries[0].record.spec
    seeds = sorted({entry.record.spec.seed for entry in entries})
    sensors = list(dict.fromkeys(entry.sensor for entry in entries))
    return {
        "task": spec.task,
        "world": spec.world,
        "sensor": ", ".join(sensors),
        "preset": spec.preset,
        "protocol": ", ".join([spec.protocol, *_settings(spec)]),
        "devices": _devices(entries),
        "seeds": f"{len(seeds)} ({', '.join(map(str, seeds))})",
        "interval": "95 %; bootstrap over samples and seeds for figures taken per sample, else Student's t over seeds",
    }


def _devices(entries: Sequence[Entry]) -> str:
    """Kinds of the devices that scored the runs, with the names of those that have one: "cpu, cuda (NVIDIA H100)"."""
    names: dict[str, dict[str, None]] = {}
    for kind, name in sorted({entry.device for entry in entries}):
        names.setdefault(kind, {}).update({name: None} if name else {})
    return ", ".join(f"{kind} ({', '.join(found)})" if found else kind for kind, found in names.items())


def _mixed_devices(by_arm: Mapping[str, Sequence[Entry]]) -> list[str]:
    """What ran where, if not all ran on one kind of device: figures of two kinds differ by more than their arms."""
    arms: dict[str, list[str]] = {}
    for arm, runs in by_arm.items():
        for kind in sorted({entry.device[0] for entry in runs}):
            arms.setdefault(kind, []).append(arm)
    if len(arms) < 2:
        return []
    return [
        "runs of several kinds of device: " + "; ".join(f"{kind}: {', '.join(arms[kind])}" for kind in sorted(arms))
    ]


def _settings(spec: RunSpec) -> list[str]:
    """What of a task's options tells its tables apart: shots, ways, labels, how scores follow a published script."""
    options = spec.options.get("task", {})
    found = [f"{name} {options[name]}" for name in ("shots", "ways") if options.get(name) is not None]
    if "label_budget" in options:
        words = " ".join(f"{value}" for name, value in options["label_budget"].items() if name != "stratified")
        found.append(f"label budget {words} (our interpretation: the paper states none)")
    if "folds" in options:
        found.append(f"folds {', '.join(map(str, options['folds']))} of 6")
    published = options.get("score", {}).get("protocol")
    return [*found, *([f"scores {published}"] if published else [])]


def _notes(by_arm: Mapping[str, Sequence[Entry]], references: Sequence[str]) -> list[str]:
    notes = [f"no run of the reference {name!r}" for name in references if name not in by_arm]
    every = {entry.record.spec.seed for runs in by_arm.values() for entry in runs}
    for arm, runs in by_arm.items():
        lacking = sorted(every - {entry.record.spec.seed for entry in runs})
        if lacking:
            notes.append(f"{arm}: no run of seed {', '.join(map(str, lacking))}")
        leaks = {scene for entry in runs for scene in entry.record.spec.options.get("leakage", [])}
        if leaks:
            notes.append(f"{arm} was trained on {len(leaks)} of the scenes that it is scored on (leakage allowed)")
        left_out = {group: why for entry in runs for group, why in entry.record.left_out.items()}
        for why in dict.fromkeys(left_out.values()):
            groups = [group for group, reason in left_out.items() if reason == why]
            notes.append(f"{arm}: no {' and '.join(groups)} figures: {why}")
        reasons = {f"{sample}: {why}" for entry in runs for sample, why in entry.record.failures.items()}
        if reasons:
            notes.append(f"{arm}: {len(reasons)} samples or figures without a score, such as {min(reasons)}")
    return notes


def _costs(runs: Sequence[Entry]) -> dict[str, float]:
    names = dict.fromkeys(name for entry in runs for name in entry.record.costs)
    return {
        name: float(np.mean([entry.record.costs[name] for entry in runs if name in entry.record.costs]))
        for name in names
    }
