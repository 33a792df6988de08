"""One group of runs with all that a report says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from s2r_reports import layouts, ranking
from s2r_reports.frames import Entry
from s2r_reports.headline import Finding, finding
from s2r_reports.pictures import Pictures
from s2r_reports.summary import Summary
from s2r_reports.tables import Grid


@dataclass(frozen=True)
class Section:
    """A group's runs, its figures and its pictures."""

    entries: Sequence[Entry]
    summary: Summary
    drawn: Pictures

    @property
    def heading(self) -> str:
        """Task, shots where the task has any, world and preset."""
        return heading(self.summary, self.entries)

    @property
    def anchor(self) -> str:
        """Its name within a page."""
        return f"g-{self.entries[0].group[:8]}"

    @cached_property
    def finding(self) -> Finding | None:
        """What its runs say, if they say anything."""
        return finding(self.summary)

    @cached_property
    def layouts(self) -> list[layouts.Layout]:
        """The paper's tables that its runs are of."""
        return layouts.layouts(self.entries, self.summary)

    @cached_property
    def agreements(self) -> list[ranking.Agreement]:
        """How far its order of methods is the paper's."""
        return ranking.agreements([one for layout in self.layouts for one in layouts.beside(layout, self.summary)])

    @property
    def more(self) -> list[Grid]:
        """Its tables beside those of `tables.grids`: the paper's layouts, and the agreement of orders."""
        return more_grids(self.entries, self.summary)


def heading(summary: Summary, entries: Sequence[Entry]) -> str:
    """Task, shots where the task has any, world and preset."""
    shots = entries[0].record.spec.options.get("task", {}).get("shots")
    told = f", shots {shots}" if shots is not None else ""
    return f"{summary.facts['task']}{told} on {Path(summary.facts['world']).name} ({summary.facts['preset']})"


def more_grids(entries: Sequence[Entry], summary: Summary) -> list[Grid]:
    """The paper's layouts of a group, and the agreement of orders."""
    some = layouts.layouts(entries, summary)
    grids = [layouts.grid(layout, summary) for layout in some]
    found = ranking.agreements([one for layout in some for one in layouts.beside(layout, summary)])
    return [*grids, ranking.grid(found)] if found else grids
