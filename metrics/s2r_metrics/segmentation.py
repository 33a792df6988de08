"""Figures of a cross-validation, such as the six areas of S3DIS, from one confusion matrix a fold.

Two figures are called 6-fold mIoU: PointNet, DGCNN, Pointcept and OpenPoints add the folds' matrices and average the
classes of the sum (`miou_pooled`, ours first); KPConv averages the folds' mIoU (`miou_fold_mean`). A class that neither
truth nor prediction holds has no IoU: OcCo's script makes NaN of it, Pointcept 0, OpenPoints 1. Here it is left out of
the mean, and the figure with 0 stands beside.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from s2r_metrics.labels import class_iou, mean_accuracy, miou, overall_accuracy

DRAWS = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class FoldFigures:
    """Shares, 0 to 1, of the pooled matrix unless another thing is said.

    Attributes:
        miou_pooled: mean IoU over the classes that occur.
        miou_fold_mean: mean over the folds of their mean IoU, each over the classes that occur in it.
        oa: share of the points with the right class.
        macc: mean recall over the classes that occur in the target.
        miou_absent_as_zero: mean IoU over all classes, 0 for one that does not occur.
        n_classes_present: how many occur in target or prediction.
    """

    miou_pooled: float
    miou_fold_mean: float
    oa: float
    macc: float
    miou_absent_as_zero: float
    n_classes_present: int


def fold_figures(matrices: Tensor) -> FoldFigures:
    """Figures of F folds: (F, classes, classes) counts on any device, rows = target, as `confusion` gives.

    Raises:
        ValueError: another shape, no counts, no folds, or a fold that counts nothing.

    >>> import torch
    >>> both = torch.tensor([[[3, 1], [0, 0]], [[0, 0], [1, 1]]])
    >>> figures = fold_figures(both)
    >>> round(figures.miou_pooled, 4), figures.miou_fold_mean, round(figures.oa, 4)
    (0.4667, 0.3125, 0.6667)
    """
    if matrices.ndim != 3 or len(matrices) == 0 or matrices.shape[1] != matrices.shape[2]:
        raise ValueError(f"folds are (F, classes, classes), not {tuple(matrices.shape)}")
    pooled = matrices.sum(0)
    ious = class_iou(pooled)
    return FoldFigures(
        miou_pooled=miou(pooled),
        miou_fold_mean=sum(miou(matrix) for matrix in matrices) / len(matrices),
        oa=overall_accuracy(pooled),
        macc=mean_accuracy(pooled),
        miou_absent_as_zero=float(ious.nan_to_num(0.0).mean()),
        n_classes_present=int((~ious.isnan()).sum()),
    )


def intersection_union_target(matrix: Tensor) -> dict[str, Tensor]:
    """(..., classes) counts of a fold as Pointcept keeps them, from which its script pools folds.

    >>> import torch
    >>> {name: counts.tolist() for name, counts in intersection_union_target(torch.tensor([[3, 1], [0, 2]])).items()}
    {'intersection': [3, 2], 'union': [4, 3], 'target': [4, 2]}
    """
    hits = matrix.diagonal(dim1=-2, dim2=-1)
    target = matrix.sum(-1)
    return {"intersection": hits.clone(), "union": target + matrix.sum(-2) - hits, "target": target}


@dataclass(frozen=True)
class Difference:
    """A difference of two figures, and the interval of it at LEVEL."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0


def pooled_difference(a: Tensor, b: Tensor, *, draws: int = DRAWS, seed: int = 0) -> Difference:
    """Pooled mIoU of `a` minus that of `b`, paired: rooms and seeds are resampled together for both.

    The figure of several seeds is the mean of theirs. A class that a draw of rooms lacks is left out of its mean.

    Args:
        a: (seeds, rooms, classes, classes) counts, rows = target.
        b: of the same seeds and rooms.
        draws: of the bootstrap; percentiles are taken of them.
        seed: of the draws, which are the same for every pair of one shape.

    Raises:
        ValueError: other shapes, no counts, or a seed that counts nothing.

    >>> right, wrong = torch.tensor([[[[2, 0], [0, 2]]] * 6]), torch.tensor([[[[1, 1], [1, 1]]] * 6])
    >>> pooled_difference(right, wrong)
    Difference(mean=0.6666666666666667, low=0.6666666666666667, high=0.6666666666666667)
    """
    for name, counts in (("a", a), ("b", b)):
        if counts.ndim != 4 or counts.shape != a.shape or counts.shape[2] != counts.shape[3] or 0 in counts.shape:
            raise ValueError(f"{name} is (seeds, rooms, classes, classes), both alike; not {tuple(counts.shape)}")
        if counts.is_floating_point() or bool((counts.sum((1, 2, 3)) == 0).any()) or bool((counts < 0).any()):
            raise ValueError(f"{name} holds counts, some for every seed; not {counts.dtype}")
    seeds, rooms = a.shape[:2]
    draw = np.random.default_rng(seed)
    by_room = torch.from_numpy(draw.multinomial(rooms, np.full(rooms, 1 / rooms), size=draws)).double()
    by_seed = torch.from_numpy(draw.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws) / seeds).double()
    even = torch.ones(1, rooms, dtype=torch.float64), torch.full((1, seeds), 1 / seeds, dtype=torch.float64)
    mean = _pooled(a, *even) - _pooled(b, *even)
    found = (_pooled(a, by_room, by_seed) - _pooled(b, by_room, by_seed)).numpy()
    low, high = np.quantile(found[np.isfinite(found)], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(float(mean), float(low), float(high))


def _pooled(counts: Tensor, by_room: Tensor, by_seed: Tensor) -> Tensor:
    """(draws,) mean over seeds of the pooled mIoU, rooms (draws, rooms) and seeds (draws, seeds) weighted."""
    pooled = torch.einsum("dr,srij->dsij", by_room, counts.double().cpu())
    return (class_iou(pooled).nanmean(-1) * by_seed).sum(-1)
