"""Runs the figures over an answer. A figure that has no value becomes a failure with its reason, never a number."""

from collections.abc import Callable, Iterable, Sequence

from s2r_bench.records import Score
from s2r_tasks._fidelity import clouds, distribution, maps
from s2r_tasks._fidelity.clouds import CloudOptions
from s2r_tasks._fidelity.distribution import Bins, Missing
from s2r_tasks._fidelity.patches import patch_accuracy
from s2r_tasks._fidelity.references import parity, through_neighbours
from s2r_tasks._fidelity.views import Views


class Sheet:
    """Scores and failures as they come in."""

    def __init__(self) -> None:
        self.scores: list[Score] = []
        self.failures: dict[str, str] = {}

    def add(self, figure: str, make: Callable[[], Iterable[Score]]) -> None:
        """Take all scores of a figure, or note why there are none."""
        try:
            self.scores.extend(list(make()))
        except (Missing, ValueError) as reason:
            self.failures[f"{distribution.ALL}/{figure}"] = str(reason)


class Ruler:
    """The figures with their settings, the same for every arm."""

    def __init__(
        self, ranges: Bins, angles: Bins, lags: Sequence[int], patch: int, patches: int, cloud: CloudOptions
    ) -> None:
        self.ranges = ranges
        self.angles = angles
        self.lags = tuple(lags)
        self.patch = patch
        self.patches = patches
        self.cloud = cloud

    def distributional(self, sheet: Sheet, answer: Views, captured: Views) -> None:
        """Residual and hole statistics of an answer against those of the captures; views need not be the same."""
        sheet.add("range", lambda: distribution.binned(self.ranges, answer, captured))
        sheet.add("angle", lambda: distribution.binned(self.angles, answer, captured))
        sheet.add("w1", lambda: distribution.overall(answer, captured))
        sheet.add("holes", lambda: distribution.holes(answer, captured))
        sheet.add("autocorrelation", lambda: distribution.correlations(answer, captured, self.lags))
        sheet.add("two_sample_accuracy", lambda: [self._told_apart(answer, captured)])

    def in_maps(self, sheet: Sheet, answer: Views, captured: Views) -> None:
        """Figures of each view against its own capture."""
        sheet.scores.extend(maps.frame_scores(answer, captured, sheet.failures))

    def in_space(self, sheet: Sheet, answer: Views, captured: Views) -> None:
        """Figures of the fused clouds, and multi-view disagreement."""
        sheet.scores.extend(clouds.fused_scores(answer, captured, self.cloud, sheet.failures))
        mine, truth = clouds.consistency(answer), clouds.consistency(captured)
        sheet.add("consistency", lambda: clouds.consistency_scores(mine, truth))

    def all(self, sheet: Sheet, answer: Views, captured: Views) -> None:
        """Everything, for an answer to every captured view."""
        self.distributional(sheet, answer, captured)
        self.in_maps(sheet, answer, captured)
        self.in_space(sheet, answer, captured)

    def captures_only(self, sheet: Sheet, captured: Views) -> Views:
        """Captures against captures, where no view can be captured twice. Returns the answer used for the maps.

        Distribution and fused clouds: odd views against even views. Maps: each view against its neighbour's capture
        carried over through the clean depth, on pixels that both see.
        """
        odd, even = (captured.take(half) for half in parity(captured.setting))
        if len(odd.setting):
            self.distributional(sheet, odd, even)
        else:
            sheet.failures[distribution.ALL] = "one view a sequence: no odd and even views to compare"
        carried = through_neighbours(captured)
        self.in_maps(sheet, carried, captured)
        sheet.scores.extend(clouds.halves_scores(captured, self.cloud, sheet.failures))
        each = clouds.consistency(captured)
        sides = [{view.id: each[view.id] for view in half.setting.frames if view.id in each} for half in (odd, even)]
        sheet.add("consistency", lambda: clouds.consistency_scores(sides[0], sides[1]))
        return carried

    def _told_apart(self, answer: Views, captured: Views) -> Score:
        accuracy = patch_accuracy(answer, captured, self.patch, self.patches)
        return Score(distribution.ALL, "", "two_sample_accuracy", accuracy)
