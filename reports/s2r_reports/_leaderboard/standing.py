"""Tables of a leaderboard: who is surely better than whom, what place that gives, and what is bold.

One entry is surely better than another on a figure if the paired interval of their difference, on the samples and seeds
that both have, excludes zero; where they share too little for such an interval, if their own intervals do not overlap.
An entry's place is 1 + how many entries are surely better on the first figure that counts, so that entries which cannot
be told apart share one. Bold is the best figure, where it is surely better than that of every other ranked entry.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from s2r_bench.task import MetricInfo
from s2r_reports._leaderboard.checking import BUILT_IN, VIRTUAL, Here
from s2r_reports._leaderboard.figures import Scored
from s2r_reports._leaderboard.form import Board, Entry
from s2r_reports.families import amount
from s2r_reports.pairs import lead, oriented
from s2r_reports.statistics import Interval
from s2r_reports.summary import Cell


@dataclass(frozen=True, eq=False)
class Row:
    """One entry in one table."""

    entry: Entry
    scored: Scored

    @property
    def board(self) -> Board:
        """What it scored."""
        return self.scored.board

    def cell(self, metric: str) -> Cell | None:
        """Its figure."""
        return self.scored.summary.cells.get((self.scored.arm, metric))

    def cost(self, name: str) -> float | None:
        """The mean of a cost over its runs."""
        return self.scored.summary.costs[self.scored.arm].get(name)

    @property
    def leaked(self) -> int:
        """On how many of the scored scenes it was trained."""
        return max(run.leaked_scenes for run in self.board.runs)

    @property
    def devices(self) -> str:
        """What scored its runs."""
        return ", ".join(dict.fromkeys(run.device for run in self.board.runs if run.device))


def surely_better(info: MetricInfo, one: Row, other: Row, metric: str) -> bool:
    """Whether `one` is better than `other` beyond chance."""
    paired = lead(info, one.scored.table(metric), other.scored.table(metric))
    if paired is not None and paired.low is not None:
        return paired.low > 0
    mine, theirs = one.cell(metric), other.cell(metric)
    return mine is not None and theirs is not None and _clear(info, mine.interval, theirs.interval)


def _clear(info: MetricInfo, mine: Interval, theirs: Interval) -> bool:
    """Whether two intervals do not overlap, the first on the better side."""
    ends = [_turned(info, one) for one in (mine, theirs)]
    return ends[0] is not None and ends[1] is not None and ends[0][1] < ends[1][0]


def _turned(info: MetricInfo, one: Interval) -> tuple[float, float] | None:
    """An interval turned so that lower is better."""
    if one.low is None or one.high is None:
        return None
    ends = sorted(oriented(info, value) for value in (one.low, one.high))
    inside = info.better == "target" and one.low < info.target < one.high
    return (0.0 if inside else ends[0], ends[1])


@dataclass(frozen=True, eq=False)
class Table:
    """Entries that may be compared: one task, protocol, world, preset, data and settings.

    Attributes:
        rows: as they were given.
        apart: in what it is not of this installation's benchmark; "" where it is.
        settings: the task's options, all of them.
    """

    rows: Sequence[Row]
    apart: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def board(self) -> Board:
        """One of its boards: task, protocol, world and keys are those of all."""
        return self.rows[0].board

    @cached_property
    def metrics(self) -> dict[str, MetricInfo]:
        """All that occur, in the task's order."""
        found: dict[str, MetricInfo] = {}
        for row in self.rows:
            found |= {name: info for name, info in row.scored.summary.metrics.items() if row.cell(name) is not None}
        order = list(self.rows[0].scored.summary.metrics)
        return dict(sorted(found.items(), key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order)))

    @cached_property
    def judged(self) -> list[str]:
        """The metrics that count."""
        group = self.rows[0].scored.summary.judging.group
        return [name for name, info in self.metrics.items() if info.group == group and info.better != "none"]

    @property
    def first(self) -> str | None:
        """The metric that decides places."""
        return self.judged[0] if self.judged else None

    @property
    def anchors(self) -> tuple[str, str]:
        """The arms that are 0 and 1 of the gap."""
        return self.rows[0].scored.summary.judging.anchors

    @property
    def base(self) -> str:
        """The arm that every entry should be better than."""
        return self.rows[0].scored.summary.judging.base

    @property
    def world(self) -> str:
        """The world with its sensor; the built-in one always with the words virtual sensor."""
        sensor = VIRTUAL if self.board.world.lower() == BUILT_IN else self.board.sensor
        return f"{self.board.world} ({sensor})"

    @cached_property
    def unranked(self) -> dict[Row, str]:
        """Entries without a place, and why."""
        found = {}
        for row in self.rows:
            why = self._why_not(row)
            if why:
                found[row] = why
        return found

    def _why_not(self, row: Row) -> str:
        if row.leaked:
            return f"trained on {row.leaked} of the scored scenes"
        if self.first is None:
            return "no figure of this version's"
        if row.cell(self.first) is None:
            why = next(iter(row.board.runs[0].left_out.values()), "")
            return f"no figure that decides places{f' ({why})' if why else ''}"
        return self._odd(row, self.first)

    def _odd(self, row: Row, metric: str) -> str:
        """In what its samples are not those that most arms have, entries and their anchors; "" where they are."""
        usual, own = self._usual[metric], set(row.scored.table(metric).index)
        lacking, more = len(usual - own), len(own - usual)
        if lacking:
            return f"no score for {lacking} of {len(usual)} samples"
        return f"{more} samples that others do not have" if more else ""

    @cached_property
    def _usual(self) -> dict[str, frozenset[str]]:
        """Metric -> the samples that most arms have."""
        found = {}
        for metric in self.metrics:
            arms = [row.scored.table(metric, arm) for row in self.rows for arm in (row.scored.arm, *row.board.anchors)]
            counts = Counter(str(sample) for table in arms for sample in table.index)
            whole = sum(bool(table.size) for table in arms)
            found[metric] = frozenset(sample for sample, count in counts.items() if 2 * count > whole)
        return found

    @cached_property
    def ranked(self) -> list[Row]:
        """Entries with a place, best mean first."""
        if self.first is None:
            return []
        info, first = self.metrics[self.first], self.first
        rows = [row for row in self.rows if row not in self.unranked]
        return sorted(rows, key=lambda row: (_mean(info, row, first), row.entry.slug))

    @cached_property
    def places(self) -> dict[Row, int]:
        """1 + how many are surely better on the first metric."""
        if self.first is None:
            return {}
        info, first = self.metrics[self.first], self.first
        return {
            row: 1 + sum(surely_better(info, other, row, first) for other in self.ranked[:at])
            for at, row in enumerate(self.ranked)
        }

    @cached_property
    def ordered(self) -> list[Row]:
        """All entries: by place, then by mean; those without a place last, by name."""
        rest = sorted(self.unranked, key=lambda row: row.entry.slug)
        return [*sorted(self.ranked, key=self.places.__getitem__), *rest]

    def bold(self, metric: str) -> Row | None:
        """The entry that is surely better than every other ranked one on a metric; None where there is none."""
        return self._bold[metric]

    @cached_property
    def _bold(self) -> dict[str, Row | None]:
        return {metric: self._sure_best(metric) for metric in self.metrics}

    def _sure_best(self, metric: str) -> Row | None:
        info = self.metrics[metric]
        # means over other samples are in no order with these
        have = [row for row in self.ranked if row.cell(metric) is not None and not self._odd(row, metric)]
        if info.better == "none" or len(have) < 2:
            return None
        best, *others = sorted(have, key=lambda row: _mean(info, row, metric))
        return best if all(surely_better(info, best, other, metric) for other in others) else None

    def anchor_cells(self, arm: str, metric: str) -> list[Cell]:
        """An anchor's figures, one for each entry whose runs of it differ from the others'."""
        found = [row.scored.summary.cells.get((arm, metric)) for row in self.rows]
        return list(dict.fromkeys(cell for cell in found if cell is not None))


def _mean(info: MetricInfo, row: Row, metric: str) -> float:
    cell = row.cell(metric)
    return float("inf") if cell is None else oriented(info, cell.interval.mean)


def tables(entries: Sequence[Entry], look: Mapping[int, Here]) -> list[Table]:
    """The tables of entries: those of this installation's benchmark first, downstream tasks before others.

    Args:
        entries: checked.
        look: `id` of a board -> what this installation makes of it.
    """
    found: dict[str, list[tuple[Row, Here]]] = {}
    for entry in entries:
        for board in entry.boards:
            here = look[id(board)]
            row = Row(entry, Scored(board, entry.slug))
            found.setdefault(here.group(board), []).append((row, here))
    made = []
    for some in found.values():
        row, here = some[0]
        settings = here.settings if here.settings is not None and here.protocol == row.board.protocol else None
        made.append(Table([one for one, _ in some], here.differs(row.board), dict(settings or row.board.settings)))
    return sorted(made, key=_order)


_PLACES = {"recon": 0, "classify": 1, "segment": 2, "fidelity": 3}
_SIZES = {"paper": 0, "small": 1, "tiny": 2, "smoke": 3}


def _order(table: Table) -> tuple[object, ...]:
    board = table.board
    where = (_PLACES.get(board.task, 9), board.task, board.world, _SIZES.get(board.preset, 9), board.protocol)
    return (bool(table.apart), *where, amount(board.settings.get("shots", 0)), str(board.keys))
