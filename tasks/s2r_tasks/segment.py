"""Scene segmentation: pretrain on simulated views of CADs (OcCo), learn few labels of rooms, 6-fold (paper table 3).

Protocol segment/1
  Data: rooms of six areas, a class for every point: S3DIS (13 classes), or the mini world's captured rooms (9 classes).
  A fold tests on one area and learns from the others. Options may ask for some of the folds; records count them.
  Pretraining: OcCo completion with an encoder in the segmentation's form, on views of the world's CAD corpus, those of
  half of the objects simulated by the arm; the arm `no-sim` simulates nothing. `random-init` is not pretrained at all.
  `published`, where `published_weights` names a checkpoint: its encoder, and nothing is pretrained.
  Transfer: the encoder's weights, of the first layer the columns of xyz; a report is kept, and less than 15 % of all
  weights is an error. (The released OcCo code copies 0.03 %.) The corpus' frame has y up, the rooms' z: the first
  layer's columns are turned.
  Labels: `label_budget` of each training area, drawn by the seed, the same in all arms. The default, a tenth of the
  rooms, is our interpretation: the paper does not say how it used S3DIS "few-shot".
  Blocks: columns of 1 m x 1 m, stride 0.5 m, at least 100 points, of 4096 drawn points with 9 channels: xyz from the
  column's middle and the floor, colours (0 where a sensor sees none), xyz as a share of the room.
  Network: DGCNN's segmentation; cross-entropy, no augmentation. Last weights are scored, never the best ones.
  Figures: mean IoU over classes of the confusion matrices of all folds together (first), the mean of the folds' own,
  overall accuracy, mean accuracy; IoU by class; mean IoU by room. Classes that do not occur are left out.
  strict: every point of a test room gets one label, by the votes of all blocks that hold it, and counts once.
  published, published-apart: drawn points of blocks count, as in OcCo's or PointNet's scripts.
  Kept: confusion matrices of all folds and rooms, what was learned from, the transfer report, one labelled room a fold.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from s2r_bench.data.s3dis.classes import CLASSES
from s2r_bench.errors import UsageError
from s2r_bench.options import Options
from s2r_bench.shelf import Shelf
from s2r_bench.task import Arm, MetricInfo, Task, TaskResult, references_of
from s2r_bench.types import CATEGORIES
from s2r_bench.worlds.base import HoldsLabelledRooms, World
from s2r_tasks._occo.published_start import PUBLISHED, check_named, weights_key
from s2r_tasks._segment.options import SegmentOptions

if TYPE_CHECKING:
    from s2r_metrics.segmentation import Difference

GROUP = "segmentation"
OTHERS = "other conventions"
BY_CLASS = "IoU by class"
LEARNED = "of the training"
KEPT = "artifacts/rooms.npz"
EVERY_CLASS = tuple(dict.fromkeys((*CLASSES, *CATEGORIES)))


class Segment:
    """Rooms labelled by a network that learned shapes from an arm's views."""

    protocol: ClassVar[str] = "segment/1"
    references: ClassVar[tuple[str, ...]] = ("random-init",)
    asked: ClassVar[Mapping[str, str]] = {PUBLISHED: "published_weights"}
    judged: ClassVar[str] = GROUP
    anchors: ClassVar[tuple[str, str]] = ("no-sim", "oracle")
    base: ClassVar[str] = "random-init"
    counted: ClassVar[Mapping[str, Callable[[Sequence[Path], Sequence[Path]], "Difference"]]]
    metrics: ClassVar[Mapping[str, MetricInfo]] = {
        "miou_pooled": MetricInfo("mIoU, folds pooled", "%", 100, "higher", GROUP),
        "miou_fold_mean": MetricInfo("mIoU, mean of folds", "%", 100, "higher", GROUP),
        "oa": MetricInfo("OA", "%", 100, "higher", GROUP),
        "macc": MetricInfo("mAcc", "%", 100, "higher", GROUP),
        "miou_rooms": MetricInfo("mIoU, mean of rooms", "%", 100, "higher", GROUP),
        **{f"iou_{name}": MetricInfo(name, "%", 100, "higher", BY_CLASS) for name in EVERY_CLASS},
        "miou_absent_as_zero": MetricInfo("mIoU, absent classes as 0", "%", 100, "higher", OTHERS),
        "n_classes_present": MetricInfo("classes that occur", "", 1, "none", OTHERS, digits=0),
        "folds": MetricInfo("folds", "", 1, "none", LEARNED, digits=0),
        "rooms_learned": MetricInfo("rooms learned from, a fold", "", 1, "none", LEARNED),
        "blocks_learned": MetricInfo("blocks learned from, a fold", "", 1, "none", LEARNED),
        "transferred": MetricInfo("weights that were pretrained", "%", 100, "none", LEARNED),
    }
    options_type: ClassVar[type[Options]] = SegmentOptions

    def __init__(self, options: Options) -> None:
        if not isinstance(options, SegmentOptions):
            raise UsageError(f"segment takes SegmentOptions, not {type(options).__name__}")
        check_named(options.published_weights)
        self.options = options

    def inputs(self, world: World) -> dict[str, str]:
        """Keys of the rooms, of the objects that are pretrained on, and of a checkpoint that is given.

        Raises:
            UsageError, DataError: one of them is not there.
        """
        weights = self.options.published_weights
        given = {"published_weights": weights_key(weights)} if weights else {}
        return {"rooms": _rooms_of(world).rooms_key, "objects": str(getattr(world, "key", "")), **given}

    def scenes(self, world: World) -> frozenset[str]:
        """The rooms that are tested on: all areas of the folds. No simulator learns from any."""
        _rooms_of(world)
        return frozenset(f"{world.name}/Area_{fold}" for fold in self.options.folds)

    def run(self, arm: Arm, world: World, seed: int, workdir: Path, shelf: Shelf | None = None) -> TaskResult:
        """Score one arm; what cells share lies on `shelf` (by default below `workdir`).

        Raises:
            UsageError: the world has no labelled rooms, or the arm neither simulates nor is a reference.
            DataError: rooms are missing or damaged, or pretrained weights do not fit.
        """
        from s2r_tasks._segment.pipeline import Pipeline

        own = references_of(self)
        if arm.simulate is None and arm.name not in own:
            raise UsageError(f"{arm.name!r} has no simulator; segment's own arms are: {', '.join(own)}")
        return Pipeline(self.options, _rooms_of(world), shelf or Shelf(workdir / "shelf"), arm.device).scored(
            arm, seed, workdir
        )


def _rooms_of(world: World) -> HoldsLabelledRooms:
    if not isinstance(world, HoldsLabelledRooms):
        raise UsageError(
            f"the world {world.name!r} has no rooms with labelled points, which segment needs; use mini, s3dis, or the "
            "folder of S3DIS"
        )
    return world


def difference(runs: Sequence[Path], others: Sequence[Path]) -> "Difference":
    """By how much an arm's pooled mIoU is above another's, with the paired interval over rooms and seeds.

    Args:
        runs: folders of the arm's runs, one a seed.
        others: those of the other arm, in the same order of seeds.

    Raises:
        DataError: a run has kept no matrices, or the runs are of other rooms or classes.
    """
    from s2r_tasks._segment.matrices import compared

    return compared(*([run / KEPT for run in folders] for folders in (runs, others)))


Segment.counted = {"miou_pooled": difference}

task: type[Task] = Segment
