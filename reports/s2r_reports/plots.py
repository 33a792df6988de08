"""Charts of finished figures: methods with their intervals, figures over shots, cost against quality."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import log
from pathlib import Path
from textwrap import fill
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
MOST_ACROSS, MOST_UP = 44, 30  # letters of a line over a panel, and beside it
COSTS = (
    ("fit_seconds", "seconds to fit"),
    ("simulate_seconds_per_frame", "seconds to simulate a frame"),
    ("parameters", "parameters"),
    ("peak_memory_mb", "peak memory, MB"),
)
# Okabe and Ito 2008 ("Color universal design"), told apart with any colour vision; without yellow, which paper hides
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
BRIGHT = ("#4ba6e2", "#ff8c42", "#2fc79b", "#e6a1c9", "#f2b632", "#a8d8f5")  # the same hues for dark pages
MARKS = ("o", "s", "^", "v", "P", "X", "*")  # a second sign of which arm it is, for print without colours
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
    return found | _hues(contenders)


def _hues(arms: Sequence[str]) -> dict[str, str]:
    import matplotlib as mpl

    some = BRIGHT if mpl.rcParams["axes.facecolor"] == DARK["page"] else COLOURS
    return {arm: some[place % len(some)] for place, arm in enumerate(arms)}


def marks(arms: Sequence[str]) -> dict[str, str]:
    """Arm -> mark; `ours` has the first."""
    ordered = sorted(arms, key=lambda arm: arm != "ours")
    return {arm: MARKS[place % len(MARKS)] for place, arm in enumerate(ordered)}


def comparison(title: str, summary: Summary, path: Path) -> Path:
    """Write a panel a figure that counts (the first MOST_PANELS): every arm's mean with its interval."""
    names, palette, arms = _panelled(summary), colours(summary), charted(summary)
    figure, axes = _panels(len(names), title, 0.42 + 0.3 * len(arms) + 0.7)
    for place, (axis, name) in enumerate(zip(axes, names, strict=True)):
        info = summary.metrics[name]
        for row, arm in enumerate(arms):
            cell = summary.cells.get((arm, name))
            if cell is not None:
                _across(axis, row, cell.interval, info, palette[arm], "D" if cell.bold else "o")
        for arm in summary.judging.anchors:
            if (arm, name) in summary.cells:
                at = summary.cells[arm, name].interval.mean * info.scale
                axis.axvline(at, color=palette[arm], lw=0.8, ls=":", zorder=0)
        _rows(axis, arms, place % _columns(len(names)) == 0)
        _titled(axis, label(info))
    return _write(figure, path)


def has_leads(summary: Summary) -> bool:
    """Whether any arm is compared with the one that all should be better than, with an interval."""
    return any(lead.low is not None for lead in summary.over_base.values())


def leads(title: str, summary: Summary, path: Path) -> Path:
    """Write a panel a figure that counts: how much better each arm is than the base, on the same samples and seeds.

    Samples differ far more than arms do, so intervals of means overlap where this difference is sure. A mark is filled
    where its interval excludes zero.
    """
    base = summary.judging.base
    names, palette = _panelled(summary), colours(summary)
    arms = [arm for arm in charted(summary) if any((arm, name) in summary.over_base for name in names) and arm != base]
    figure, axes = _panels(len(names), title, 0.42 + 0.3 * len(arms) + 0.7)
    for place, (axis, name) in enumerate(zip(axes, names, strict=True)):
        info = summary.metrics[name]
        for row, arm in enumerate(arms):
            lead = summary.over_base.get((arm, name))
            if lead is not None:
                _across(axis, row, lead, info, palette[arm], "o", lead.excludes_zero)
        axis.axvline(0, color=palette.get(base, "#848e98"), lw=1, zorder=0)
        _rows(axis, arms, place % _columns(len(names)) == 0)
        unit = {"%": " (points)", "": ""}.get(info.unit, f" ({info.unit})")
        _titled(axis, f"{info.title}{unit}: better \u2192")
    return _write(figure, path)


def _panelled(summary: Summary) -> list[str]:
    return gap.judged(summary)[:MOST_PANELS]


def _across(
    axis: "Axes", row: int, found: Interval, info: MetricInfo, colour: str, mark: str, filled: bool = True
) -> None:
    """A mean with its interval, lying."""
    import matplotlib as mpl

    low, high = _reach(found, info)
    inside = colour if filled else str(mpl.rcParams["axes.facecolor"])
    axis.errorbar(
        [found.mean * info.scale], [row], xerr=[[low], [high]], fmt=mark, color=colour, markerfacecolor=inside,
        capsize=3, markersize=6, lw=1.8,
    )  # fmt: skip


def _titled(axis: "Axes", text: str) -> None:
    axis.set_title(_broken(text, MOST_ACROSS), fontsize=9)


def _broken(text: str, most: int) -> str:
    """Text in lines of so many letters at most; an arrow stays with the word before it."""
    for arrow in "\u2193\u2191\u2192":
        text = text.replace(f" {arrow}", f"\u00a0{arrow}")
    return fill(text, most)


def _rows(axis: "Axes", arms: Sequence[str], named: bool) -> None:
    axis.set_yticks(range(len(arms)), arms if named else [""] * len(arms), fontsize=9)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", labelsize=9)
    axis.set_ylim(len(arms) - 0.5, -0.5)
    axis.grid(axis="x")


def charted(summary: Summary) -> list[str]:
    """The arms of a chart: lower anchors first, upper ones last, between them the best first.

    Trivial answers, which would stretch its scale, stand in the tables alone.
    """
    kept = {*summary.judging.anchors, summary.judging.base}
    arms = [arm for arm in summary.arms if arm not in summary.references or arm in kept]
    first, last = {summary.judging.anchors[0], summary.judging.base}, summary.judging.anchors[1]
    names = gap.judged(summary)

    def place(arm: str) -> tuple[int, float]:
        known = gap.value(summary, arm, names[0]) if names else None
        return (0 if arm in first else 2 if arm == last else 1), float("inf") if known is None else known

    return sorted(arms, key=place)


def shots_curve(title: str, family: Sequence[tuple[str, Summary]], path: Path) -> Path:
    """Write a panel a figure that counts: each arm's mean and interval over shots, which are in ascending order."""
    first = family[-1][1]
    names = [name for name in gap.judged(first) if any(name in summary.metrics for _, summary in family)][:MOST_PANELS]
    arms = list(dict.fromkeys(arm for _, summary in family for arm in summary.arms if arm not in summary.references))
    widest = max((summary for _, summary in family), key=lambda summary: len(summary.arms))
    palette, signs = {**_hues(arms), **colours(widest)}, marks(arms)
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
                    fmt=signs[arm], ls=":" if arm in first.judging.anchors else "-", capsize=0, markersize=5, lw=1.6,
                    elinewidth=1.0,
                )  # fmt: skip
        axis.set_xticks(range(len(family)), [_shots(shots) for shots, _ in family], fontsize=9)
        axis.tick_params(axis="y", labelsize=9)
        axis.set_xlabel("shots", fontsize=9)
        _titled(axis, label(info))
        axis.grid(axis="y")
    _legend(figure, handles, charted(widest))
    return _write(figure, path)


def _legend(figure: "Figure", handles: Mapping[str, Any], order: Sequence[str]) -> None:
    listed = [arm for arm in dict.fromkeys([*order, *handles]) if arm in handles]
    figure.legend(
        [handles[arm] for arm in listed], listed, loc="outside lower center", ncols=6, fontsize=9, frameon=False
    )


def _shots(shots: str) -> str:
    """Shots as a chart has them.

    >>> [_shots(text) for text in ("0", "0.25", "1.0", "10", "full")]
    ['0', '25 %', '100 %', '10', 'full']
    """
    return f"{100 * float(shots):g} %" if shots.replace(".", "", 1).isdigit() and "." in shots else shots


def has_costs(summary: Summary) -> bool:
    """Whether there is a cost that two arms or more have."""
    return bool(_kept_costs(summary))


def cost_against_quality(title: str, summary: Summary, path: Path) -> Path:
    """Write a panel a cost that two arms or more have: the first figure that counts over it.

    Arms of one cost stand side by side.
    """
    from matplotlib.transforms import ScaledTranslation

    name, kept = gap.judged(summary)[0], _kept_costs(summary)
    info, palette = summary.metrics[name], colours(summary)
    signs = marks([arm for arm in summary.arms if arm not in summary.references])
    figure, axes = _panels(len(kept), title, 2.6, across=2)
    handles: dict[str, Any] = {}
    for axis, (key, words) in zip(axes, kept, strict=True):
        costs = _costed(summary, key, name)
        asides = _asides(costs)
        for arm, cost in costs.items():
            found = summary.cells[arm, name].interval
            low, high = _reach(found, info)
            aside = ScaledTranslation(asides[arm] / 72, 0, figure.dpi_scale_trans)
            handles[arm] = axis.errorbar(
                [cost], [found.mean * info.scale], yerr=[[low], [high]], fmt=signs[arm], color=palette[arm],
                capsize=2, markersize=7, lw=1.2, transform=axis.transData + aside,
            )  # fmt: skip
            ends = [found.mean * info.scale - low, found.mean * info.scale + high]
            axis.update_datalim([(cost, end) for end in ends])  # what is moved aside is not counted by itself
        axis.set_xlabel(words, fontsize=9)
        axis.set_ylabel(_broken(label(info), MOST_UP), fontsize=9)
        axis.tick_params(labelsize=9)
        axis.margins(x=0.1, y=0.1)
        _scaled(axis, costs)
        axis.grid()
    _legend(figure, handles, charted(summary))
    return _write(figure, path)


APART_PT = 11.0  # between the marks of two arms, points, at least
ACROSS_PT = 210.0  # about the width of a panel of costs


def _asides(costs: Mapping[str, float]) -> dict[str, float]:
    """Arm -> how far its mark is moved aside, in points, so that marks of about one cost do not hide each other."""
    at = _places(costs)
    groups: list[list[str]] = []
    for arm in sorted(at, key=at.__getitem__):
        if groups and at[arm] - at[groups[-1][-1]] < APART_PT:
            groups[-1].append(arm)
        else:
            groups.append([arm])
    found: dict[str, float] = {}
    for some in groups:
        middle = sum(at[arm] for arm in some) / len(some)
        found |= {arm: middle + APART_PT * (n - (len(some) - 1) / 2) - at[arm] for n, arm in enumerate(some)}
    return found


def _places(costs: Mapping[str, float]) -> dict[str, float]:
    """Arm -> about where it stands on its axis, in points."""
    most = max(costs.values())
    if not _wide(costs):
        return {arm: ACROSS_PT * cost / most if most else 0.0 for arm, cost in costs.items()}
    least = min(cost for cost in costs.values() if cost > 0)
    across = log(most / least)
    return {arm: ACROSS_PT * (log(cost / least) / across if cost else -1) for arm, cost in costs.items()}


def _wide(costs: Mapping[str, float]) -> bool:
    """Whether costs that are any differ by more than ten times."""
    positive = [cost for cost in costs.values() if cost > 0]
    return bool(positive) and max(positive) > 10 * min(positive)


def _kept_costs(summary: Summary) -> list[tuple[str, str]]:
    name = next(iter(gap.judged(summary)), "")
    return [(key, words) for key, words in COSTS if len(_costed(summary, key, name)) > 1]


def _costed(summary: Summary, key: str, metric: str) -> Mapping[str, float]:
    """Arm -> cost, of arms that have both the cost and the figure and are no references."""
    arms = [arm for arm in summary.arms if arm not in summary.references and (arm, metric) in summary.cells]
    return {arm: summary.costs[arm][key] for arm in arms if key in summary.costs.get(arm, {})}


def _scaled(axis: "Axes", costs: Mapping[str, float]) -> None:
    """A logarithmic axis where costs differ by more than ten times; what costs nothing stands at its left end.

    Other axes begin at zero, so that lengths can be compared.
    """
    least, most = min(costs.values()), max(costs.values())
    if not _wide(costs):
        axis.set_xlim(0 if least > 0 else -0.12 * most, 1.1 * most if most > 0 else 1)
    elif least > 0:
        axis.set_xscale("log")
    else:
        axis.set_xscale("symlog", linthresh=min(cost for cost in costs.values() if cost > 0))


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
