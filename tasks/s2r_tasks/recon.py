"""Reconstruction: pretrain on simulated scans of CADs, reconstruct captured objects (DisCo; paper tables 1 and 2).

Protocol recon/1
  Data: the world's CAD corpus, and captured objects for training and test; no object is in two of them. Each object is
  seen from an arc of views; the views are fused, cut out by the CAD's box (1.2 times as long, nothing below 1.5 cm),
  and moved into the object frame, where the CAD's longest side spans [-1, 1]. Where captured objects come as arrays
  (`HoldsReadyObjects`), their scan, labels and surface are the stored ones, and the record's inputs say so (`labels`).
  Pretraining: `sim_fraction` of each category's corpus objects, chosen by the hash of their ids, have clouds of the
  arm's simulated views; the others have clean clouds. Every cloud of every arm is perturbed alike (DisCo: clusters
  dropped with probability 0.5, jitter 0.02). The arm `no-sim` simulates nothing: all its clouds are clean.
  Few shots: that share or number of the captured training objects of each category, in an order drawn by the seed and
  the same in all arms, is mixed into every batch (`real_share`) and the pretrained network is trained further.
  Network: DisCo, re-implemented: triplane autoencoder (trained once on the corpus' CADs, shared by all arms and seeds;
  it never sees a captured object's CAD, unlike the published one) and a triplane diffusion that sees the partial cloud.
  Where it is made for images (`denoiser.images.views`: 5 at `paper`, 0 at the other sizes) and the world has some, it
  also sees up to so many of the object; where there are none, zero features under identity matrices stand for them, and
  the record says `images`: none. Last weights are scored, never the best ones.
  Figures, each object alone: IoU at uniform points of [-1, 1]^3 (inside: logit at least 0); Chamfer-L2 (both mean
  squared distances added) and F-score at 0.01 (strictly closer) between samples of the CAD's surface and of the mesh
  on the grid [-1.1, 1.1]^3, coordinates halved. Captured clouds of the test objects are the same for all arms.
  strict: seeded; an empty reconstruction scores IoU 0, F-score 0 and the Chamfer distance of one point in the middle.
  disco: the published script's arithmetic: 1e-5 is added to the IoU, and what makes the script crash or give NaN (an
  empty mesh, F-score 0) is a failure, not a number. Sizes of grid and samples are options; `paper` has the published.
  References: empty, the category's mean box, the category's mean shape. Gap closed: between `no-sim` and `oracle`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from s2r_bench.errors import UsageError
from s2r_bench.options import Options
from s2r_bench.shelf import Shelf
from s2r_bench.task import Arm, MetricInfo, Task, TaskResult
from s2r_bench.worlds.base import HoldsObjects, HoldsReadyObjects, World
from s2r_tasks._recon.options import ReconOptions
from s2r_tasks._recon.trivial import NAMES

GROUP = "reconstruction"
LEARNED = "of the training"


class Recon:
    """Captured objects reconstructed by a network that learned from an arm's scans."""

    protocol: ClassVar[str] = "recon/1"
    references: ClassVar[tuple[str, ...]] = NAMES
    judged: ClassVar[str] = GROUP
    anchors: ClassVar[tuple[str, str]] = ("no-sim", "oracle")
    by_category: ClassVar[bool] = True
    metrics: ClassVar[Mapping[str, MetricInfo]] = {
        "iou": MetricInfo("mIoU", "%", 100, "higher", GROUP),
        "chamfer_l2": MetricInfo("Chamfer L2 x1000", "", 1000, "lower", GROUP, digits=2),
        "f_score": MetricInfo("F-score at 1 %", "%", 100, "higher", GROUP),
        "corpus_objects": MetricInfo("corpus objects learned from", "", 1, "none", LEARNED, digits=0),
        "captured_objects": MetricInfo("captured objects learned from", "", 1, "none", LEARNED, digits=0),
        "imaged_objects": MetricInfo("scored objects with images", "", 1, "none", LEARNED, digits=0),
    }
    options_type: ClassVar[type[Options]] = ReconOptions

    def __init__(self, options: Options) -> None:
        if not isinstance(options, ReconOptions):
            raise UsageError(f"recon takes ReconOptions, not {type(options).__name__}")
        self.options = options

    def inputs(self, world: World) -> dict[str, str]:
        """The world's key, with which objects and captures go; whose labels came with objects; images, if looked at."""
        found = {"objects": _objects_of(world).key}
        if isinstance(world, HoldsReadyObjects):
            found["labels"] = world.labels
        if self.options.denoiser.images.views:
            from s2r_tasks._recon.images import seen_as

            found["images"] = seen_as(self.options.denoiser.images, world)
        return found

    def scenes(self, world: World) -> frozenset[str]:
        """The scenes in which the test objects stand."""
        holds = _objects_of(world)
        return frozenset(holds.object_scene(model) for model in holds.objects("captured-test"))

    def run(self, arm: Arm, world: World, seed: int, workdir: Path, shelf: Shelf | None = None) -> TaskResult:
        """Score one arm; what cells share lies on `shelf` (by default below `workdir`).

        Raises:
            UsageError: the world has no single objects, or the arm neither simulates nor is a reference.
            DataError: no cloud to learn from.
        """
        from s2r_tasks._recon.pipeline import Pipeline

        if arm.simulate is None and arm.name not in self.references:
            raise UsageError(f"{arm.name!r} has no simulator; recon's own arms are: {', '.join(self.references)}")
        shelf = shelf or Shelf(workdir / "shelf")
        if isinstance(world, HoldsReadyObjects):
            from s2r_tasks._recon.ready import ReadyPipeline

            pipeline: Pipeline = ReadyPipeline(self.options, world, shelf, arm.device)
        else:
            pipeline = Pipeline(self.options, _objects_of(world), shelf, arm.device)
        return pipeline.trivial(arm.name, workdir) if arm.simulate is None else pipeline.scored(arm, seed, workdir)


def _objects_of(world: World) -> HoldsObjects:
    if not isinstance(world, HoldsObjects):
        raise UsageError(f"the world {world.name!r} has no captured single objects, which recon needs; use mini")
    return world


task: type[Task] = Recon
