"""Few-shot classification of scanned objects: pretrained by completion of simulated views (OcCo; paper table 3).

Protocol classify/2
  Pretraining (OcCo): views of the world's CAD corpus are back-projected, one partial cloud a view, cut out by the CAD's
  box; a network learns to complete each to the CAD's surface. `sim_fraction` of each category's objects, chosen by the
  hash of their ids, have the arm's simulated views; the others have clean ones. Objects, views and order are the same
  in all arms. The arm `no-sim` simulates nothing: all its views are clean.
  Episodes: `ways` classes, `shots` scanned objects of each to learn from, `queries` others to be scored on, `runs`
  times; drawn once by `episode_seed`, saved, and the same for all arms and seeds. Queries come from what the supports
  leave of the training split (CrossPoint's way): the published test split has too few objects of two classes.
  Scanned objects: the world's, or ScanObjectNN on disk (`scanobjectnn`), or Point-BERT's episode files (`episodes`).
  Learners: finetune, all weights, cross entropy with smoothed labels, running statistics begun with the support's,
  scored after the last epoch; and a linear SVM on the frozen encoder's features (largest and mean over the points).
  Both from the same pretrained encoder.
  random-init: the same networks without pretraining, the task's own reference.
  Figures: accuracy of each episode, so that arms are compared episode by episode. The best epoch by the queries, which
  the literature reports, is kept beside it where it is asked for (`finetune.watched`), and never judged.
  Not stated in the paper, options here: what half of the data means (objects), where queries come from, the learner.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from s2r_bench.errors import UsageError
from s2r_bench.options import Options
from s2r_bench.shelf import Shelf
from s2r_bench.task import Arm, MetricInfo, Task, TaskResult
from s2r_bench.worlds.base import HoldsObjects, World
from s2r_tasks._classify.data import data_key, scored_scenes
from s2r_tasks._classify.options import ClassifyOptions

GROUP = "few-shot accuracy"
LEARNED = "of the pretraining"
ORACLE = "chosen by the queries"


class Classify:
    """Scanned objects classified from a few of each class by a network that learned from an arm's views."""

    protocol: ClassVar[str] = "classify/2"
    references: ClassVar[tuple[str, ...]] = ("random-init",)
    judged: ClassVar[str] = GROUP
    anchors: ClassVar[tuple[str, str]] = ("no-sim", "oracle")
    base: ClassVar[str] = "random-init"
    metrics: ClassVar[Mapping[str, MetricInfo]] = {
        "accuracy": MetricInfo("accuracy, finetuned", "%", 100, "higher", GROUP),
        "svm_accuracy": MetricInfo("accuracy, linear SVM", "%", 100, "higher", GROUP),
        "best_epoch_accuracy": MetricInfo("accuracy, best epoch", "%", 100, "none", ORACLE),
        "views": MetricInfo("views learned from", "", 1, "none", LEARNED, digits=0),
        "views_left_out": MetricInfo("views left out", "", 1, "none", LEARNED, digits=0),
        "encoder_transferred": MetricInfo("encoder transferred", "%", 100, "none", LEARNED),
    }
    options_type: ClassVar[type[Options]] = ClassifyOptions

    def __init__(self, options: Options) -> None:
        if not isinstance(options, ClassifyOptions):
            raise UsageError(f"classify takes ClassifyOptions, not {type(options).__name__}")
        self.options = options

    def inputs(self, world: World) -> dict[str, str]:
        """The corpus' world, and what decides the scanned objects."""
        if not isinstance(world, HoldsObjects):
            raise UsageError(f"the world {world.name!r} has no CAD corpus with views to pretrain on; use mini")
        return {"objects": world.key, "scans": data_key(world, self.options)}

    def scenes(self, world: World) -> frozenset[str]:
        """The scenes in which the world's own scanned objects stand."""
        return scored_scenes(world, self.options)

    def run(self, arm: Arm, world: World, seed: int, workdir: Path, shelf: Shelf | None = None) -> TaskResult:
        """Score one arm; what cells share lies on `shelf` (by default below `workdir`).

        Raises:
            UsageError: the world lacks what is needed, or the arm neither simulates nor is a reference.
            DataError: no view to learn from, or too few scanned objects.
        """
        from s2r_tasks._classify.pipeline import Pipeline

        if arm.simulate is None and arm.name not in self.references:
            raise UsageError(f"{arm.name!r} has no simulator; classify's own arms are: {', '.join(self.references)}")
        return Pipeline(self.options, world, shelf or Shelf(workdir / "shelf"), arm.device).scored(arm, seed, workdir)


task: type[Task] = Classify
