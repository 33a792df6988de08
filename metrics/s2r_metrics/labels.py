"""Classification and segmentation figures from integer labels.

`miou` is the data-set figure: one confusion matrix pooled over all points of a fold (add matrices for six folds), then
the mean of the per-class IoU. It is never an average over samples.
"""

import torch
from torch import Tensor

from s2r_metrics import _checks


def accuracy(pred: Tensor, target: Tensor) -> float:
    """Share of equal labels.

    >>> accuracy(torch.tensor([1, 2, 2, 0]), torch.tensor([1, 2, 0, 0]))
    0.75
    """
    _labels(pred, target)
    return float((pred == target).double().mean())


def confusion(pred: Tensor, target: Tensor, classes: int, *, ignore: int | None = None) -> Tensor:
    """(classes, classes) int64: row = target class, column = predicted class; points whose target is `ignore` are out.

    Raises:
        ValueError: no points, different shapes, no integers, or a label outside 0..classes-1.

    >>> confusion(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    _labels(pred, target)
    pred, target = pred.reshape(-1).long(), target.reshape(-1).long()
    if ignore is not None:
        kept = target != ignore
        pred, target = pred[kept], target[kept]
    for name, labels in (("pred", pred), ("target", target)):
        if labels.numel() and (int(labels.min()) < 0 or int(labels.max()) >= classes):
            raise ValueError(f"{name} holds a label outside 0..{classes - 1}")
    return torch.bincount(target * classes + pred, minlength=classes * classes).reshape(classes, classes)


def class_iou(matrix: Tensor) -> Tensor:
    """(classes,) float64: TP / (TP + FP + FN) of each class; NaN for a class that neither side holds."""
    hits = matrix.diagonal().double()
    return hits / (matrix.sum(0) + matrix.sum(1) - matrix.diagonal()).double()


def miou(matrix: Tensor) -> float:
    """Mean IoU of a confusion matrix over the classes that occur in target or prediction.

    Raises:
        ValueError: not a square matrix, or it counts nothing.

    >>> round(miou(torch.tensor([[1, 1], [0, 1]])), 4)
    0.5
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a confusion matrix is square, not {tuple(matrix.shape)}")
    if int(matrix.sum()) == 0:
        raise ValueError("the confusion matrix counts nothing")
    return float(class_iou(matrix).nanmean())


def _labels(pred: Tensor, target: Tensor) -> None:
    _checks.same_shape(pred, target)
    if pred.is_floating_point() or target.is_floating_point():
        raise ValueError(f"labels are integers, not {pred.dtype} and {target.dtype}; take the argmax first")
    _checks.finite("labels", pred)
