"""One group of runs with all that a report says of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    drawn: Pictures = field(default_factory=Pictures)

    @property
    def heading(self) -> str:
        """Task, shots where the task has any, world and preset."""
        facts, shots = self.summary.facts, self.entries[0].record.spec.options.get("task", {}).get("shots")
        told = f", shots {shots}" if shots is not None else ""
        return f"{facts['task']}{told} on {Path(facts['world']).name} ({facts['preset']})"

    @property
    def anchor(self) -> str:
        """Its name within a page."""
        return f"g-{self.entries[0].group[:8]}"

    @cached_property
    def finding(self) -> Finding | None:
        """What its runs say, if they say anything."""
        return finding(self.summary)

    @cached_property
    def laid_out(self) -> list[layouts.Layout]:
        """The paper's tables that its runs are of."""
        return layouts.layouts(self.entries, self.summary)

    @cached_property
    def agreements(self) -> list[ranking.Agreement]:
        """How far its order of methods is the paper's."""
        return ranking.agreements([one for layout in self.laid_out for one in layouts.beside(layout, self.summary)])

    @property
    def more(self) -> list[Grid]:
        """Its tables beside those of `tables.grids`: the paper's layouts, and the agreement of orders."""
        grids = [layouts.grid(layout, self.summary) for layout in self.laid_out]
        return [*grids, ranking.grid(self.agreements)] if self.agreements else grids
