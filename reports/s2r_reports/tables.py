"""Summaries as tables: Markdown, CSV, LaTeX and the terminal, one grid of text behind all of them."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from s2r_bench.task import MetricInfo
from s2r_reports import gap
from s2r_reports.bins import CAPTURED
from s2r_reports.statistics import Interval
from s2r_reports.summary import Cell, Summary, metrics_of

ARROWS = {"lower": " ↓", "higher": " ↑", "target": " →", "none": ""}
EMPTY = "-"
AXES = {"m": "range", "px": "distance between pixels"}
"""What the bins of a figure are of, by the unit in their names."""
MAX_ARM_COLUMNS = 8
"""With more arms than this, arms become rows."""


@dataclass(frozen=True)
class Grid:
    """A table as text: `rows` of cells under `head`.

    Attributes:
        bold: (row, column) of the cells to stress.
        sections: row -> heading that stands before it.
        folded: whether a page shows it when asked to only.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    bold: frozenset[tuple[int, int]] = frozenset()
    sections: Mapping[int, str] = field(default_factory=dict)
    folded: bool = False

    @property
    def square(self) -> bool:
        """Whether rows and columns name the same arms: turned, such a table would say the opposite of its title."""
        return self.head[1:] == tuple(row[0] for row in self.rows)

    def transposed(self) -> "Grid":
        """Rows and columns exchanged; the first column becomes the head. Sections have no place in it."""
        every = [self.head, *self.rows]
        turned = [tuple(row[column] for row in every) for column in range(len(self.head))]
        bold = frozenset((column - 1, row + 1) for row, column in self.bold)
        return Grid(self.title, turned[0], tuple(turned[1:]), bold, folded=self.folded)


def caption(summary: Summary) -> str:
    """What every table states: world, sensor, preset, protocol, devices, seeds, interval."""
    facts = summary.facts
    return (
        f"World {facts['world']} (captures: {facts['sensor']}), preset {facts['preset']}, "
        f"protocol {facts['protocol']}, devices: {facts['devices']}, seeds: {facts['seeds']}. "
        f"Mean ± half the interval ({facts['interval']}). "
        "Bold: best arm, where the paired interval against the next best excludes zero; "
        "references and anchors of the gap are not compared."
    )


def grids(summary: Summary) -> list[Grid]:
    """One grid for each group of metrics, then leads over the base, gap closed, pairs, and what the runs were."""
    groups = dict.fromkeys(info.group for info in summary.metrics.values())
    tables = [_figures(summary, group) for group in groups]
    tables += _categories(summary)
    tables += _by_bin(summary)
    if summary.over_base:
        tables.append(_over_base(summary))
    if set(summary.judging.anchors) <= set(summary.arms) and gap.contenders(summary) and gap.judged(summary):
        tables.append(_gaps(summary))
    if len(gap.contenders(summary)) > 1 and gap.judged(summary):
        tables.append(_pairwise(summary))
    tables.append(_runs(summary))
    if len(summary.arms) <= MAX_ARM_COLUMNS:
        return tables
    return [table if table.square else table.transposed() for table in tables]


def label(info: MetricInfo) -> str:
    """Title, unit and direction of a metric."""
    unit = f" ({info.unit})" if info.unit else ""
    aim = f" {info.target * info.scale:g}" if info.better == "target" else ""
    return f"{info.title}{unit}{ARROWS[info.better]}{aim}"


def cell_text(info: MetricInfo, cell: Cell | None) -> str:
    """Mean and half interval, scaled as shown; no interval where runs do not differ at all."""
    if cell is None:
        return EMPTY
    text = f"{cell.interval.mean * info.scale:.{info.digits}f}"
    half = cell.interval.half
    return text if not half else f"{text} ±{half * info.scale:.{info.digits}f}"


def percent(share: float) -> str:
    """A share as it is spoken of: "43 %"."""
    return f"{100 * share:.0f} %"


def _figures(summary: Summary, group: str) -> Grid:
    metrics = [(name, info) for name, info in summary.metrics.items() if info.group == group]
    rows = [
        (label(info), *(cell_text(info, summary.cells.get((arm, name))) for arm in summary.arms))
        for name, info in metrics
    ]
    bold = {
        (row, column + 1)
        for row, (name, _) in enumerate(metrics)
        for column, arm in enumerate(summary.arms)
        if (arm, name) in summary.cells and summary.cells[arm, name].bold
    }
    counts = group == summary.judging.group or not gap.judged(summary)
    return Grid(f"{group} figures", ("", *summary.arms), tuple(rows), frozenset(bold), folded=not counts)


def _over_base(summary: Summary) -> Grid:
    """Paired leads; bold where the arm is surely better. Trivial answers are only among the figures."""
    base, compared = summary.judging.base, gap.contenders(summary)
    known, listed = {arm for arm, _ in summary.over_base} - {base}, {*compared, *summary.judging.anchors}
    arms = [arm for arm in summary.arms if arm in known & listed] or [arm for arm in summary.arms if arm in known]
    arms.sort(key=lambda arm: arm not in compared)  # what is compared first, then anchors
    names = [metric for metric in gap.judged(summary) if any(name == metric for _, name in summary.over_base)]
    rows, bold = [], set()
    for row, metric in enumerate(names):
        info, found = summary.metrics[metric], [summary.over_base.get((arm, metric)) for arm in arms]
        unit = f" ({info.unit})" if info.unit else ""
        rows.append((f"{info.title}{unit}", *(_lead_text(info, lead) for lead in found)))
        bold |= {
            (row, column + 1) for column, lead in enumerate(found) if lead and lead.excludes_zero and lead.mean > 0
        }
    title = f"better than {base} by (paired; below 0: worse; bold: surely better)"
    return Grid(title, ("", *arms), tuple(rows), frozenset(bold))


def _lead_text(info: MetricInfo, lead: Interval | None) -> str:
    if lead is None:
        return EMPTY
    shown = [f"{value * info.scale:.{info.digits}f}" for value in (lead.mean, lead.low, lead.high) if value is not None]
    return shown[0] if len(shown) == 1 else f"{shown[0]} ({shown[1]} to {shown[2]})"


def _gaps(summary: Summary) -> Grid:
    arms = gap.contenders(summary)
    found = {arm: gap.gaps(summary, arm) for arm in arms}
    rows = [
        (summary.metrics[name].title, *(_closed(summary, arm, name, found[arm].get(name)) for arm in arms))
        for name in gap.judged(summary)
    ]
    middles = {arm: gap.mean_and_median(found[arm]) for arm in arms}
    for place, word in enumerate(("mean", "median")):
        shown = (EMPTY if middle is None else percent(middle[place]) for middle in middles.values())
        rows.append((f"{word} over figures", *shown))
    low, high = summary.judging.anchors
    return Grid(f"gap closed, ({low} - arm) / ({low} - {high})", ("", *arms), tuple(rows))


def _closed(summary: Summary, arm: str, metric: str, share: float | None) -> str:
    """Gap closed, with its interval where it has one."""
    known = summary.gaps.get((arm, metric))
    if share is None:
        return EMPTY
    if known is None or known.low is None or known.high is None:
        return percent(share)
    return f"{percent(known.mean)} ({percent(known.low)} to {percent(known.high)})"


def _categories(summary: Summary) -> list[Grid]:
    """For each metric, a row a category; last how much better the second anchor is than the first, paired."""
    names = list(dict.fromkeys(category for _, _, category in summary.categories))
    low, high = summary.judging.anchors
    grids = []
    for metric in gap.judged(summary) if names else ():
        info, rows = summary.metrics[metric], []
        for name in names:
            cells = [cell_text(info, summary.categories.get((arm, metric, name))) for arm in summary.arms]
            lead = summary.leads.get((metric, name))
            rows.append((name, *cells, EMPTY if lead is None else cell_text(info, Cell(lead, 0, 0))))
        head = ("", *summary.arms, f"{high} over {low}")
        grids.append(Grid(f"{label(info)} by category", head, tuple(rows), folded=True))
    return grids


def _by_bin(summary: Summary) -> list[Grid]:
    """For each figure that is taken by bin, a row a bin; last the captures' own."""
    known, _ = metrics_of(summary.facts["task"])
    grids = []
    for metric in dict.fromkeys(metric for _, metric, _ in summary.bins):
        names = list(dict.fromkeys(name for _, own, name in summary.bins if own == metric))
        arms = [arm for arm in (*summary.arms, CAPTURED) if any((arm, metric, name) in summary.bins for name in names)]
        rows = tuple(
            (name, *(cell_text(known[metric], summary.bins.get((arm, metric, name))) for arm in arms)) for name in names
        )
        title = label(known[metric])
        title = title if " by " in title else f"{title} by {AXES.get(names[0].rpartition(' ')[2], 'bin')}"
        grids.append(Grid(title, ("", *arms), rows, folded=True))
    return grids


def _pairwise(summary: Summary) -> Grid:
    arms = gap.contenders(summary)

    def share(arm: str, other: str) -> str:
        wins, total = gap.better_share(summary, arm, other)
        return f"{wins} of {total}" if arm != other and total else EMPTY

    rows = tuple((arm, *(share(arm, other) for other in arms)) for arm in arms)
    title = f"{summary.judging.group} figures on which the arm of the row is better"
    return Grid(title, ("", *arms), rows, folded=True)


def _runs(summary: Summary) -> Grid:
    def costs(name: str, digits: int) -> Callable[[str], str]:
        return lambda arm: f"{summary.costs[arm][name]:.{digits}f}" if name in summary.costs.get(arm, {}) else EMPTY

    lines: Sequence[tuple[str, Callable[[str], str]]] = (
        ("runs (seeds)", lambda arm: str(summary.seeds[arm])),
        ("samples with a score", lambda arm: str(_views(summary, arm))),
        ("samples without a score", lambda arm: str(summary.failures[arm])),
        ("fit, seconds", costs("fit_seconds", 0)),
        ("parameters", costs("parameters", 0)),
        ("simulate, seconds a frame", costs("simulate_seconds_per_frame", 3)),
        ("score, seconds", costs("evaluate_seconds", 1)),
        ("peak memory, MB", costs("peak_memory_mb", 0)),
    )
    rows = [(name, *(figure(arm) for arm in summary.arms)) for name, figure in lines]
    kept = [row for row in rows if any(text != EMPTY for text in row[1:])]
    return Grid("runs and what they cost", ("", *summary.arms), tuple(kept))


def _views(summary: Summary, arm: str) -> int:
    return max((cell.samples for (name, _), cell in summary.cells.items() if name == arm), default=0)


def markdown(summary: Summary, more: Sequence[Grid] = ()) -> str:
    """All tables of a summary, and `more`, as Markdown."""
    parts = [caption(summary)]
    for grid in [*grids(summary), *more]:
        lines = [_pipe(grid.head), _pipe(["---", *["---:"] * (len(grid.head) - 1)])]
        for row, cells in enumerate(grid.rows):
            if row in grid.sections:
                lines.append(_pipe([f"*{grid.sections[row]}*", *[""] * (len(grid.head) - 1)]))
            stressed = [f"**{text}**" if (row, column) in grid.bold else text for column, text in enumerate(cells)]
            lines.append(_pipe(stressed))
        parts += [f"**{grid.title}**", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _pipe(cells: Sequence[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |"


def latex(summary: Summary, more: Sequence[Grid] = ()) -> str:
    """All tables of a summary, and `more`, as LaTeX to be read into a document that loads booktabs."""
    parts = [f"% {caption(summary)}"]
    for grid in [*grids(summary), *more]:
        width = len(grid.head)
        lines = [f"% {grid.title}", f"\\begin{{tabular}}{{l{'r' * (width - 1)}}}", "\\toprule"]
        lines += [_row(grid.head), "\\midrule"]
        for row, cells in enumerate(grid.rows):
            if row in grid.sections:
                rule = [] if row == 0 else ["\\midrule"]
                lines += [*rule, f"\\multicolumn{{{width}}}{{l}}{{\\emph{{{tex(grid.sections[row])}}}}} \\\\"]
            lines.append(_row(cells, [(row, column) in grid.bold for column in range(width)]))
        parts.append("\n".join([*lines, "\\bottomrule", "\\end{tabular}"]))
    return "\n\n".join(parts) + "\n"


_TEX = {
    **{letter: f"\\{letter}" for letter in "%_&#${}"},
    **{"±": r"$\pm$", "↓": r"$\downarrow$", "↑": r"$\uparrow$", "→": r"$\to$"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"$<$", ">": r"$>$", "|": r"$|$", "²": r"$^2$", "°": r"$^\circ$"},
}


def tex(text: str) -> str:
    """`text` with every character that means something to LaTeX escaped."""
    return "".join(_TEX.get(letter, letter) for letter in text)


def _row(cells: Sequence[str], stressed: Sequence[bool] = ()) -> str:
    shown = [tex(text) for text in cells]
    shown = (
        [f"\\textbf{{{text}}}" if bold else text for text, bold in zip(shown, stressed, strict=True)]
        if stressed
        else shown
    )
    return " & ".join(shown) + r" \\"


CSV_HEAD = (
    *("task", "world", "sensor", "preset", "protocol", "arm", "metric", "unit", "better", "mean", "low", "high"),
    *("samples", "seeds", "failures", "bold", "gap_closed"),
)


def csv_text(summaries: Sequence[Summary]) -> str:
    """All figures of all summaries, unscaled, one row each, with interval, counts and gap closed."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_HEAD)
    for summary in summaries:
        head = [summary.facts[name] for name in ("task", "world", "sensor", "preset", "protocol")]
        for (arm, metric), cell in summary.cells.items():
            info, found = summary.metrics[metric], cell.interval
            closed = gap.gap_closed(summary, arm, metric) if metric in gap.judged(summary) else None
            figures = [found.mean, found.low, found.high, cell.samples, cell.seeds, summary.failures[arm]]
            writer.writerow([*head, arm, metric, _stored_unit(info), info.better, *figures, int(cell.bold), closed])
    return stream.getvalue()


PAIRS_HEAD = ("task", "world", "sensor", "preset", "protocol", "arm", "other", "metric", "lead", "low", "high")


def pairs_csv(summaries: Sequence[Summary]) -> str:
    """By how much each arm is better than each other, unscaled, paired, with interval: one row a pair and figure."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(PAIRS_HEAD)
    for summary in summaries:
        head = [summary.facts[name] for name in PAIRS_HEAD[:5]]
        for arm, other, metric, lead in summary.pairs.every():
            writer.writerow([*head, arm, other, metric, lead.mean, lead.low, lead.high])
    return stream.getvalue()


def _stored_unit(info: MetricInfo) -> str:
    return {"mm": "m", "%": "share"}.get(info.unit, info.unit)


def terminal(summary: Summary, width: int | None = None, colour: bool = False, more: Sequence[Grid] = ()) -> str:
    """All tables of a summary, and `more`, for a terminal of `width` columns (None: as wide as they are)."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    stream = io.StringIO()
    console = Console(file=stream, width=width or 200, force_terminal=colour, highlight=False)
    for grid in [*grids(summary), *more]:
        table = Table(title=grid.title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for column, name in enumerate(grid.head):
            table.add_column(name, justify="left" if column == 0 else "right", no_wrap=column > 0)
        for row, cells in enumerate(grid.rows):
            if row in grid.sections:
                table.add_row(Text(grid.sections[row], "italic"))
            stressed = [(row, column) in grid.bold for column in range(len(cells))]
            marked = [f"{text}*" if bold else text for text, bold in zip(cells, stressed, strict=True)]
            table.add_row(*map(Text, marked, ["bold" if bold else "" for bold in stressed]))
        console.print(table)
        console.print()
    console.print(Text(caption(summary) + " (* = bold)"))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"
