"""Figures of a cross-validation, such as the six areas of S3DIS, from one confusion matrix a fold.

Two figures are called 6-fold mIoU: PointNet, DGCNN, Pointcept and OpenPoints add the folds' matrices and average the
classes of the sum (`miou_pooled`, ours first); KPConv averages the folds' mIoU (`miou_fold_mean`). A class that neither
truth nor prediction holds has no IoU: OcCo's script makes NaN of it, Pointcept 0, OpenPoints 1. Here it is left out of
the mean, and the figure with 0 stands beside.
"""

from dataclasses import dataclass

from torch import Tensor

from s2r_metrics.labels import class_iou, mean_accuracy, miou, overall_accuracy


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
