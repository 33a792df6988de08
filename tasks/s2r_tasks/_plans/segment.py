"""What `segment` trains and stores: a completion an arm and seed, and a segmentation a fold."""

from collections.abc import Mapping

from s2r_bench.plan import Stored, Training
from s2r_tasks._plans._occo import completion, views
from s2r_tasks._segment.options import SegmentOptions

FLOAT = 4  # bytes


def trainings(options: SegmentOptions, facts: Mapping[str, int], budget: int | None) -> list[Training]:
    """The folds start from every arm's completion, and those of `random-init` from nothing."""
    train = options.finetune
    steps = None if options.epochs else train.steps
    note = (
        f"{options.epochs} passes over a fold's blocks, which are counted when they are cut" if options.epochs else ""
    )
    own = SegmentOptions().networks
    published = (options.networks.points, options.networks.dgcnn) == (own.points, own.dgcnn)
    timing = "dgcnn-segment" if published else ""
    folds = len(options.folds)
    return [
        completion(options.pretrain, options.networks),
        Training("segmentation", steps, train.batch, "round", folds, True, timing=timing, note=note),
    ]


def stored(options: SegmentOptions, facts: Mapping[str, int]) -> list[Stored]:
    """Partial clouds of all views, and the blocks of all rooms."""
    size = options.networks.points * (options.networks.channels * FLOAT + 1)
    return [views(options.pretrain), Stored("a block of a room", size, None, "all", note="points, channels, labels")]
