"""Charts of finished figures: methods with their intervals, figures over shots, cost against quality."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2r_bench.files import whole
from s2r_bench.task import MetricInfo
from s2r_reports import gap
from s2r_reports.statistics import Interval
from s2r_reports.summary import Summary
from s2r_reports.tables import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 130
MOST_PANELS = 6
COSTS = (
    ("fit_seconds", "seconds to fit"),
    ("simulate_seconds_per_frame", "seconds to simulate a frame"),
    ("parameters", "parameters"),
    ("peak_memory_mb", "peak memory, MB"),
)
COLOURS = ("#0f7f8f", "#d2691e", "#7a5bb5", "#3c8d40", "#c23b6b", "#a07d00", "#4a6fd0", "#7d7d7d")
LIGHT, DARK = {"ink": "#1b1f24", "page": "#ffffff"}, {"ink": "#e4e8ec", "page": "#14181d"}


@contextmanager
def shade(dark: bool) -> Iterator[None]:
    """Figures made within are for a light page or for a dark one."""
    import matplotlib as mpl

    kind = DARK if dark else LIGHT
    names = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    styled = {name: kind["ink"] for name in names} | {
        name: kind["page"] for name in ("figure.facecolor", "axes.facecolor", "savefig.facecolor", "legend.facecolor")
    }
    with mpl.rc_context({**styled, "axes.spines.top": False, "axes.spines.right": False, "grid.alpha": 0.25}):
        yield


def in_both(draw: Callable[[Path], Path], path: Path) -> tuple[Path, Path]:
    """`draw` for a light page into `path`, and for a dark one into a file beside it."""
    dark = path.with_name(f"{path.stem}-dark{path.suffix}")
    with shade(False):
        draw(path)
    with shade(True):
        draw(dark)
    return path, dark


def colours(summary: Summary) -> dict[str, str]:
    """Arm -> colour: one each for what is compared (`ours` the first), greys for references and the lower anchor."""
    import matplotlib as mpl

    contenders = sorted(gap.contenders(summary), key=lambda arm: arm != "ours")
    low, high = summary.judging.anchors
    found = {arm: "#b0b8c0" for arm in summary.references}
    found |= {low: "#848e98", high: str(mpl.rcParams["text.color"])}
    return found | {arm: COLOURS[place % len(COLOURS)] for place, arm in enumerate(contenders)}


def comparison(title: str, summary: Summary, path: Path) -> Path:
    """Write a panel a figure that counts (the first MOST_PANELS): every arm's mean with its interval."""
    names = gap.judged(summary)[:MOST_PANELS]
    palette, arms = colours(summary), _charted(summary)
    figure, axes = _panels(len(names), title, 0.42 + 0.3 * len(arms) + 0.7)
    for place, (axis, name) in enumerate(zip(axes, names, strict=True)):
        info = summary.metrics[name]
        for row, arm in enumerate(arms):
            cell = summary.cells.get((arm, name))
            if cell is not None:
                low, high = _reach(cell.interval, info)
                mark = "D" if cell.bold else "o"
                axis.errorbar(
                    [cell.interval.mean * info.scale], [row], xerr=[[low], [high]],
                    fmt=mark, color=palette[arm], capsize=3, markersize=6, lw=1.8,
                )  # fmt: skip
        for arm in summary.judging.anchors:
            if (arm, name) in summary.cells:
                at = summary.cells[arm, name].interval.mean * info.scale
                axis.axvline(at, color=palette[arm], lw=0.8, ls=":", zorder=0)
        axis.set_yticks(range(len(arms)), arms if place % _columns(len(names)) == 0 else [""] * len(arms), fontsize=9)
        axis.set_ylim(len(arms) - 0.5, -0.5)
        axis.set_title(label(info), fontsize=9)
        axis.grid(axis="x")
    return _write(figure, path)


def _charted(summary: Summary) -> list[str]:
    """The arms of a chart: trivial answers, which would stretch its scale, stand in the tables alone."""
    kept = {*summary.judging.anchors, summary.judging.base}
    return [arm for arm in summary.arms if arm not in summary.references or arm in kept]


def shots_curve(title: str, family: Sequence[tuple[str, Summary]], path: Path) -> Path:
    """Write a panel a figure that counts: each arm's mean and interval over shots, which are in ascending order."""
    first = family[-1][1]
    names = [name for name in gap.judged(first) if any(name in summary.metrics for _, summary in family)][:MOST_PANELS]
    arms = list(dict.fromkeys(arm for _, summary in family for arm in summary.arms if arm not in summary.references))
    widest = max((summary for _, summary in family), key=lambda summary: len(summary.arms))
    spare = {arm: COLOURS[place % len(COLOURS)] for place, arm in enumerate(arms)}
    palette = {**spare, **colours(widest)}
    figure, axes = _panels(len(names), title, 3.2)
    handles: dict[str, Any] = {}
    for axis, name in zip(axes, names, strict=True):
        info = first.metrics[name]
        for turn, arm in enumerate(arms):
            shift = 0.05 * (turn - (len(arms) - 1) / 2)
            known = [(place, one.cells.get((arm, name))) for place, (_, one) in enumerate(family)]
            cells = [(place, cell) for place, cell in known if cell is not None]
            reaches = [_reach(cell.interval, info) for _, cell in cells]
            if cells:
                handles[arm] = axis.errorbar(
                    [place + shift for place, _ in cells], [cell.interval.mean * info.scale for _, cell in cells],
                    yerr=[[low for low, _ in reaches], [high for _, high in reaches]], color=palette[arm],
                    fmt="o", ls=":" if arm in first.judging.anchors else "-", capsize=3, markersize=5, lw=1.6,
                )  # fmt: skip
        axis.set_xticks(range(len(family)), [shots for shots, _ in family], fontsize=9)
        axis.set_xlabel("shots", fontsize=9)
        axis.set_title(label(info), fontsize=9)
        axis.grid(axis="y")
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=6, fontsize=9, frameon=False)
    return _write(figure, path)


def has_costs(summary: Summary) -> bool:
    """Whether there is a cost that two arms or more have."""
    return bool(_kept_costs(summary))


def cost_against_quality(title: str, summary: Summary, path: Path) -> Path:
    """Write a panel a cost that two arms or more have: the first figure that counts over it."""
    name, kept = gap.judged(summary)[0], _kept_costs(summary)
    info, palette = summary.metrics[name], colours(summary)
    figure, axes = _panels(len(kept), title, 2.6, across=2)
    handles: dict[str, Any] = {}
    for axis, (key, words) in zip(axes, kept, strict=True):
        costs = _costed(summary, key, name)
        for arm, cost in costs.items():
            found = summary.cells[arm, name].interval
            low, high = _reach(found, info)
            at = found.mean * info.scale
            bars = axis.errorbar(
                [cost], [at], yerr=[[low], [high]], fmt="o", color=palette[arm], capsize=3, markersize=6
            )
            handles[arm] = bars
        _scaled(axis, costs)
        axis.set_xlabel(words, fontsize=9)
        axis.set_ylabel(label(info), fontsize=9)
        axis.margins(x=0.1, y=0.1)
        axis.grid()
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5, fontsize=9, frameon=False)
    return _write(figure, path)


def _kept_costs(summary: Summary) -> list[tuple[str, str]]:
    name = next(iter(gap.judged(summary)), "")
    return [(key, words) for key, words in COSTS if len(_costed(summary, key, name)) > 1]


def _costed(summary: Summary, key: str, metric: str) -> Mapping[str, float]:
    """Arm -> cost, of arms that have both the cost and the figure and are no references."""
    arms = [arm for arm in summary.arms if arm not in summary.references and (arm, metric) in summary.cells]
    return {arm: summary.costs[arm][key] for arm in arms if key in summary.costs.get(arm, {})}


def _scaled(axis: "Axes", costs: Mapping[str, float]) -> None:
    """A logarithmic axis where costs differ by more than ten times; what costs nothing stands at its left end."""
    positive = [cost for cost in costs.values() if cost > 0]
    if not positive or max(positive) <= 10 * min(costs.values()):
        return
    least = min(positive)
    if min(costs.values()) > 0:
        axis.set_xscale("log")
    else:
        axis.set_xscale("symlog", linthresh=least)


def _reach(found: Interval, info: MetricInfo) -> tuple[float, float]:
    """How far the interval goes below and above the mean, as shown; nothing where there is none."""
    if found.low is None or found.high is None:
        return 0.0, 0.0
    return max(0.0, found.mean - found.low) * info.scale, max(0.0, found.high - found.mean) * info.scale


def _columns(count: int) -> int:
    return min(3, count)


def _panels(count: int, title: str, height: float, across: int | None = None) -> "tuple[Figure, list[Axes]]":
    from matplotlib.figure import Figure

    columns = min(across or _columns(count), count)
    rows = -(-count // columns)
    figure = Figure(figsize=(max(3.7 * columns, 4.6), height * rows + 0.5), dpi=DPI, layout="constrained")
    figure.suptitle(title, fontsize=10)
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(count)]


def _write(figure: "Figure", path: Path) -> Path:
    with whole(path) as part:
        figure.savefig(part, format="png")
    return path
