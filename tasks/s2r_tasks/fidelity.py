"""Simulates the clean side of held-out pairs and compares it with the captures (paper table 4, and beyond).

Protocol fidelity/1
  Views: every pair of the split, or `frames` of them, evenly spaced. Pixels without clean depth, or with clean depth
  beyond `max_range`, are not scored. The residual of a pixel is depth - clean depth where there is a depth and the
  difference is below 0.2 m; every other pixel is a hole.
  Distributional: Wasserstein-1 of the residuals by 0.5 m of range and by incidence angle (bins that hold 500 captured
  residuals), bias (median), robust spread and standard deviation by bin, hole rates (all, within 2 px of a depth edge,
  elsewhere), autocorrelation at 1, 2 and 4 px (a constant residual counts as 0), accuracy of a fixed classifier on
  patches (0.5 = cannot be told from captures), and the standard deviation over four draws. `..._diff` figures are
  absolute differences to the captures' own.
  2-D: hole IoU, mean and median absolute error on jointly valid pixels, W1 within a frame; one score a view.
  3-D: the views of a sequence fused to one point a voxel, within one box, that of the fused clean depth scaled to
  [-0.5, 0.5]: Chamfer-L2 (squared, both directions added), F-score at 1 % of the side and at 10 mm, IoU of the occupied
  cells of a 64^3 grid; and how far a view's points miss the next view's, beyond what clean depth misses.
  Of a simulator whose card says that its output is clouds, only the 3-D figures are taken.
  floor: the clean depth is the answer. ceiling: captures against captures. Where the world can capture a view twice,
  a second capture of each view in the same session (same calibration, other noise) is the answer. Else the
  distributional and fused figures compare the odd views of each sequence with its even views (the odd ones are the
  answer), and the 2-D figures compare each view with its neighbour's capture carried over through the clean depth, on
  pixels that both views see. Either way the captures' calibration is known, which no simulator's can be.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from s2r_bench.errors import UsageError
from s2r_bench.options import Options
from s2r_bench.records import Score
from s2r_bench.shelf import Shelf
from s2r_bench.simulator import PairSet
from s2r_bench.task import Arm, MetricInfo, Task, TaskResult
from s2r_bench.worlds.base import World
from s2r_tasks._fidelity.definitions import METRICS, NOT_OF_CLOUDS

if TYPE_CHECKING:
    from s2r_tasks._fidelity.scoring import Ruler, Sheet
    from s2r_tasks._fidelity.views import Views


class FidelityOptions(Options):
    """Everything that can change a number of this task.

    Attributes:
        split: whose pairs are scored.
        frames: at most this many views, evenly spaced; None = all.
        residual_limit: a residual of this size is a hole, metres.
        range_bin: width of the range bins, metres.
        max_range: clean depth beyond it is not scored, metres.
        angles: edges of the incidence bins, degrees.
        lags: of the autocorrelation, pixels.
        patch: side of the classifier's patches, pixels.
        patches: at most this many a side.
        draws: how many draws the diversity takes; below 2 it is left out.
        diversity_frames: on how many views.
        voxel: of the fused clouds, metres.
        cloud_points: at most this many points of a cloud are compared.
        radius: F-score radius as a share of the box.
        fine_radius: radius of the second F-score, metres.
        grid: occupancy cells along the box.
        kept_views: views kept for the report.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {"frames": 12, "patches": 400, "diversity_frames": 4, "cloud_points": 20_000},
    }

    split: Literal["train", "val", "test"] = "test"
    frames: int | None = Field(default=None, ge=1)
    residual_limit: float = Field(default=0.2, gt=0)
    range_bin: float = Field(default=0.5, gt=0)
    max_range: float = Field(default=5.0, gt=0)
    angles: tuple[float, ...] = (0.0, 30.0, 50.0, 65.0, 80.0)
    lags: tuple[int, ...] = (1, 2, 4)
    patch: int = Field(default=16, ge=8)
    patches: int = Field(default=2000, ge=16)
    draws: int = Field(default=4, ge=0)
    diversity_frames: int = Field(default=8, ge=1)
    voxel: float = Field(default=0.01, gt=0)
    cloud_points: int = Field(default=100_000, ge=100)
    radius: float = Field(default=0.01, gt=0)
    fine_radius: float = Field(default=0.01, gt=0)
    grid: int = Field(default=64, ge=4)
    kept_views: int = Field(default=4, ge=0)


class Fidelity:
    """Simulated against captured depth of the same held-out views."""

    protocol: ClassVar[str] = "fidelity/1"
    references: ClassVar[tuple[str, ...]] = ("floor", "ceiling")
    metrics: ClassVar[Mapping[str, MetricInfo]] = METRICS
    options_type: ClassVar[type[Options]] = FidelityOptions

    def __init__(self, options: Options) -> None:
        if not isinstance(options, FidelityOptions):
            raise UsageError(f"fidelity takes FidelityOptions, not {type(options).__name__}")
        self.options = options

    def run(self, arm: Arm, world: World, seed: int, workdir: Path, shelf: Shelf | None = None) -> TaskResult:
        """Score one arm on the world's held-out views; views and clouds for the report go to `workdir/artifacts`.

        Raises:
            UsageError: an arm without a simulator that is not one of `references`.
            DataError: no pairs, frames of several sizes, or an answer that does not fit its frame.
        """
        from s2r_tasks._fidelity.artifacts import keep_clouds, keep_views, keep_world
        from s2r_tasks._fidelity.references import recapture_of
        from s2r_tasks._fidelity.scoring import Sheet

        if arm.simulate is None and arm.name not in self.references:
            raise UsageError(f"{arm.name!r} has no simulator; fidelity's own arms are: {', '.join(self.references)}")
        pairs = world.pairs(self.options.split)
        chosen = _spread(len(pairs), self.options.frames)
        captured = self._captured(pairs, chosen)
        sheet, ruler = Sheet(), self._ruler()
        if arm.simulate is None and arm.name == "ceiling" and recapture_of(world) is None:
            answer = ruler.captures_only(sheet, captured)
        else:
            answer = self._answered(sheet, ruler, arm, world, pairs, chosen, captured, seed)
        if arm.diagnose is not None:
            said = arm.diagnose(pairs, seed)
            sheet.add("diagnosis", lambda: [Score("all", "", name, value) for name, value in said.items()])
        artifacts = keep_views(workdir, answer, captured, self.options.kept_views)
        artifacts |= keep_clouds(workdir, answer, captured, ruler.cloud) | keep_world(workdir, world)
        return TaskResult(sheet.scores, sheet.failures, artifacts, dict(NOT_OF_CLOUDS) if _makes_clouds(arm) else {})

    def _captured(self, pairs: PairSet, chosen: Sequence[int]) -> "Views":
        from s2r_tasks._fidelity.views import Views, setting_of, stacked

        every = [pairs[index] for index in chosen]
        setting = setting_of([pair.clean for pair in every], self.options.max_range)
        return Views(setting, stacked([pair.captured for pair in every]), self.options.residual_limit)

    def _answered(
        self,
        sheet: "Sheet",
        ruler: "Ruler",
        arm: Arm,
        world: World,
        pairs: PairSet,
        chosen: Sequence[int],
        captured: "Views",
        seed: int,
    ) -> "Views":
        """Score draw 0 on every view, then the spread over draws on some; returns draw 0."""
        from s2r_tasks._fidelity.answers import answers_of
        from s2r_tasks._fidelity.distribution import diversity

        options = self.options
        answers = answers_of(arm, world, pairs, chosen, captured.setting, seed, options.residual_limit)
        answer = answers.draw(range(len(chosen)), 0)
        if _makes_clouds(arm):
            ruler.in_space(sheet, answer, captured)
            return answer
        ruler.all(sheet, answer, captured)
        if answers.stochastic and options.draws >= 2:
            some = _spread(len(chosen), options.diversity_frames)
            draws = [answer.take(some), *(answers.draw(some, number) for number in range(1, options.draws))]
            sheet.add("diversity", lambda: diversity(draws, ruler.ranges))
        return answer

    def _ruler(self) -> "Ruler":
        from s2r_tasks._fidelity.clouds import CloudOptions
        from s2r_tasks._fidelity.distribution import angle_bins, range_bins
        from s2r_tasks._fidelity.scoring import Ruler

        o = self.options
        cloud = CloudOptions(o.voxel, o.cloud_points, o.radius, o.fine_radius, o.grid, o.max_range)
        return Ruler(range_bins(o.range_bin, o.max_range), angle_bins(o.angles), o.lags, o.patch, o.patches, cloud)


def _makes_clouds(arm: Arm) -> bool:
    return arm.card is not None and arm.card.output == "cloud"


def _spread(total: int, count: int | None) -> list[int]:
    """At most `count` of `total` indices, evenly spaced from the first."""
    if count is None or count >= total:
        return list(range(total))
    return [place * total // count for place in range(count)]


task: type[Task] = Fidelity
