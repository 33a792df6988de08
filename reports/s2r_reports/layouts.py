"""The paper's tables, laid out as printed: what was measured here, and the paper's own figures apart from it."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from s2r_reports import paper
from s2r_reports.frames import Entry, arm_names
from s2r_reports.statistics import Interval
from s2r_reports.summary import Cell, Summary
from s2r_reports.tables import EMPTY, Grid
from s2r_reports.variants import ROWS_OF_BASE, ablation

THREE = {"miou": "iou", "chamfer_l2": "chamfer_l2", "f_score": "f_score"}
TITLES = {
    "1": "few-shot reconstruction",
    "2": "zero-shot reconstruction",
    "3": "classification and segmentation",
    "4": "simulated against captured clouds",
    "5": "ablations, zero-shot reconstruction of tables",
    "II": "patch size, zero-shot reconstruction of tables",
    "III": "width of the discriminator, zero-shot reconstruction of tables",
    "IV": "loss weights, zero-shot reconstruction of tables",
}
SHOWN = {
    "miou": "mIoU (%)",
    "chamfer_l2": "Chamfer L2 x1000",
    "f_score": "F-score (%)",
    "accuracy": "Acc. (%)",
}
ABLATIONS = ("5", "II", "III", "IV")
ALL = "all"


@dataclass(frozen=True)
class Layout:
    """One of the paper's tables for one of our groups of runs.

    Attributes:
        table: its number.
        task: the paper's word for the task.
        figures: the paper's metric -> ours, in the order of a cell.
        arms: the paper's row -> our arm.
    """

    table: str
    task: str
    figures: Mapping[str, str]
    arms: Mapping[str, str]

    @property
    def name(self) -> str:
        """What a heading calls it."""
        return f"layout of the paper's table {self.table}: {TITLES[self.table]}"


@dataclass(frozen=True)
class Beside:
    """A figure here and in the paper, both scaled as the paper prints them; None where one has none."""

    table: str
    method: str
    category: str
    figure: str
    better: str
    here: Cell | None
    scale: float
    claimed: float | None

    @property
    def shown(self) -> float | None:
        """Our mean, scaled."""
        return None if self.here is None else self.here.interval.mean * self.scale


def layouts(entries: Sequence[Entry], summary: Summary) -> list[Layout]:
    """The paper's tables that a group's runs are of; none for protocols that the paper has no table of."""
    task, options = summary.facts["task"], entries[0].record.spec.options.get("task", {})
    own = _rows(entries, summary)
    if task == "fidelity":
        found = [Layout("4", "fidelity", {**THREE, "miou": "voxel_iou"}, own)]
    elif task == "classify" and (options.get("ways"), options.get("shots")) == (5, 10):
        found = [Layout("3", "classification", {"accuracy": "accuracy"}, own)]
    elif task == "segment":
        found = [Layout("3", "segmentation", {"miou": "miou_pooled"}, own)]
    elif task == "recon":
        found = _of_recon(entries, str(options.get("shots", "0")), own)
    else:
        found = []
    return [one for one in found if any(ours in summary.metrics for ours in one.figures.values())]


def _rows(entries: Sequence[Entry], summary: Summary) -> dict[str, str]:
    """The paper's row -> arm; of several variants of `ours`, the one with no switch turned is the paper's."""
    names = arm_names(entries)
    found = {arm: arm for arm in summary.arms if arm not in summary.references}
    for entry in entries:
        spec, arm = entry.record.spec, names[entry.record.spec.key]
        switches = ablation(spec.method, spec.options.get("method", {}), spec.preset)
        if arm in found and arm != spec.method and switches.get("5") == ROWS_OF_BASE["5"]:
            found = {spec.method if row == arm else row: own for row, own in found.items()}
    return found


def _of_recon(entries: Sequence[Entry], shots: str, own: Mapping[str, str]) -> list[Layout]:
    share = float(shots) if shots.replace(".", "", 1).isdigit() else 1.0
    if share >= 1:
        return []  # with all captured objects: the paper has no such table
    if share > 0:
        return [Layout("1", "recon", THREE, own)]
    return [Layout("2", "recon", THREE, own), *_ablations(entries)]


def _ablations(entries: Sequence[Entry]) -> Iterator[Layout]:
    """Tables of which there is more than the method itself; a row that two arms could be is left out."""
    names = arm_names(entries)
    rows: dict[str, dict[str, set[str]]] = {table: {} for table in ABLATIONS}
    for entry in entries:
        spec = entry.record.spec
        for table, row in ablation(spec.method, spec.options.get("method", {}), spec.preset).items():
            rows[table].setdefault(row, set()).add(names[spec.key])
    for table, found in rows.items():
        arms = {row: next(iter(some)) for row, some in found.items() if len(some) == 1}
        if len(arms) > 1:
            yield Layout(table, "recon", THREE, arms)


def beside(layout: Layout, summary: Summary) -> list[Beside]:
    """Every figure of a layout: the paper's rows in its order, then arms that the paper does not have."""
    claimed = paper.of_table(layout.table, layout.task)
    methods = dict.fromkeys([method for method, _, _ in claimed] + list(layout.arms))
    categories = list(dict.fromkeys(category for _, category, _ in claimed))
    found = []
    for method in methods:
        for category in categories:
            for figure, ours in layout.figures.items():
                info = summary.metrics.get(ours)
                here = _cell(summary, layout.arms.get(method), ours, category)
                scale, better = (info.scale, info.better) if info else (1.0, "none")
                value = claimed.get((method, category, figure))
                found.append(Beside(layout.table, method, category, figure, better, here, scale, value))
    return found


def _cell(summary: Summary, arm: str | None, metric: str, category: str) -> Cell | None:
    if arm is None:
        return None
    return summary.cells.get((arm, metric)) if category == ALL else summary.categories.get((arm, metric, category))


def grid(layout: Layout, summary: Summary) -> Grid:
    """The table as printed, in two parts: measured here, and the paper's."""
    every = beside(layout, summary)
    here = f"measured here: {summary.facts['world']}, preset {summary.facts['preset']}"
    theirs = paper.said_of(layout.task, summary.facts["world"])
    categories = list(dict.fromkeys(one.category for one in every))
    cell = " / ".join(SHOWN[figure] for figure in layout.figures)
    parts = {
        here: {(one.method, one.category): _joined(every, one, True) for one in every},
        theirs: {(one.method, one.category): _joined(every, one, False) for one in every},
    }
    if len(categories) > 1:
        rows, sections = _down(parts, categories)
        return Grid(f"{layout.name}; {cell}", ("", *categories), tuple(rows), sections=sections)
    methods = list(dict.fromkeys(one.method for one in every))
    rows = [(cell, *(part[method, categories[0]] for method in methods)) for part in parts.values()]
    told = {method: value for (method, _, _), value in paper.of_table(layout.table, "discriminator").items()}
    if told:  # tables II and III print it too; runs of recon keep no such figure
        shown = (_text(told.get(method), "accuracy") for method in methods)
        rows.append(("accuracy of the discriminator (%)", *shown))
    return Grid(layout.name, ("", *methods), tuple(rows), sections={0: here, 1: theirs})


def _down(
    parts: Mapping[str, Mapping[tuple[str, str], str]], categories: Sequence[str]
) -> tuple[list[tuple[str, ...]], dict[int, str]]:
    """A row a method that the part has any figure of."""
    rows: list[tuple[str, ...]] = []
    sections = {}
    for title, part in parts.items():
        sections[len(rows)] = title
        for method in dict.fromkeys(method for method, _ in part):
            cells = [part[method, category] for category in categories]
            if any(text != EMPTY for text in cells):
                rows.append((method, *cells))
    return rows, sections


def _joined(every: Sequence[Beside], one: Beside, here: bool) -> str:
    same = [other for other in every if (other.method, other.category) == (one.method, one.category)]
    values = [other.shown if here else other.claimed for other in same]
    if all(value is None for value in values):
        return EMPTY
    return " / ".join(_text(value, other.figure) for value, other in zip(values, same, strict=True))


def _text(value: float | None, figure: str) -> str:
    return EMPTY if value is None else f"{value:.{paper.DIGITS[figure]}f}"


HEAD = (
    *("table", "task", "world", "sensor", "preset", "protocol", "method", "category", "figure"),
    *("here", "here_low", "here_high", "paper", "paper_world"),
)


def csv_text(found: Sequence[tuple[Summary, Sequence[Layout]]]) -> str:
    """Both sides of every layout, as the paper scales them, one row a figure; "" without any layout."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEAD)
    rows = 0
    for summary, some in found:
        facts = [summary.facts[name] for name in ("task", "world", "sensor", "preset", "protocol")]
        for layout in some:
            for one in beside(layout, summary):
                known = one.here.interval if one.here else None
                if known is None and one.claimed is None:
                    continue
                ours = [None if known is None else _scaled(v, one.scale) for v in _ends(known)]
                world = paper.WORLDS[layout.task][1]
                writer.writerow([one.table, *facts, one.method, one.category, one.figure, *ours, one.claimed, world])
                rows += 1
    return stream.getvalue() if rows else ""


def _ends(known: Interval | None) -> tuple[float | None, ...]:
    return (None, None, None) if known is None else (known.mean, known.low, known.high)


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale
