"""Classification and segmentation figures from integer labels.

`miou` is the data-set figure: one confusion matrix pooled over all points of a fold (add matrices for six folds), then
the mean of the per-class IoU. It is never an average over samples. Figures of several folds: `segmentation.py`.
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
    return confusions(pred.reshape(1, -1), target.reshape(1, -1), classes, ignore=ignore)[0]


def confusions(pred: Tensor, target: Tensor, classes: int, *, ignore: int | None = None) -> Tensor:
    """`confusion` of each of B samples: two integer tensors (B, ...) give (B, classes, classes) int64 on their device.

    Raises:
        ValueError: as `confusion`.

    >>> confusions(torch.tensor([[0, 1], [1, 1]]), torch.tensor([[0, 1], [0, 1]]), 2).tolist()
    [[[1, 0], [0, 1]], [[0, 1], [0, 1]]]
    """
    _labels(pred, target)
    batch, cells = len(pred), classes * classes
    pred, target = pred.reshape(batch, -1).long(), target.reshape(batch, -1).long()
    index = torch.arange(batch, device=pred.device)[:, None] * cells + target * classes + pred
    if ignore is not None:
        kept = target != ignore
        pred, target, index = pred[kept], target[kept], index[kept]
    for name, labels in (("pred", pred), ("target", target)):
        if labels.numel() and (int(labels.min()) < 0 or int(labels.max()) >= classes):
            raise ValueError(f"{name} holds a label outside 0..{classes - 1}")
    counts = torch.bincount(index.reshape(-1), minlength=batch * cells)
    return counts.reshape(batch, classes, classes)


def class_iou(matrix: Tensor) -> Tensor:
    """(..., classes) float64: TP / (TP + FP + FN) of each class; NaN for a class that neither side holds."""
    hits = matrix.diagonal(dim1=-2, dim2=-1)
    return hits.double() / (matrix.sum(-1) + matrix.sum(-2) - hits).double()


def class_accuracy(matrix: Tensor) -> Tensor:
    """(..., classes) float64: TP / (TP + FN) of each class, its recall; NaN for one that the target does not hold."""
    return matrix.diagonal(dim1=-2, dim2=-1).double() / matrix.sum(-1).double()


def miou(matrix: Tensor) -> float:
    """Mean IoU of a confusion matrix over the classes that occur in target or prediction.

    Raises:
        ValueError: not a square matrix, or it counts nothing.

    >>> round(miou(torch.tensor([[1, 1], [0, 1]])), 4)
    0.5
    """
    _matrix(matrix)
    return float(class_iou(matrix).nanmean())


def mean_accuracy(matrix: Tensor) -> float:
    """Mean recall (mAcc) of a confusion matrix over the classes that occur in the target.

    Raises:
        ValueError: as `miou`.

    >>> mean_accuracy(torch.tensor([[1, 1], [0, 1]]))
    0.75
    """
    _matrix(matrix)
    return float(class_accuracy(matrix).nanmean())


def overall_accuracy(matrix: Tensor) -> float:
    """Share of the points on the diagonal (OA).

    Raises:
        ValueError: as `miou`.

    >>> overall_accuracy(torch.tensor([[1, 1], [0, 2]]))
    0.75
    """
    _matrix(matrix)
    return float(matrix.diagonal().sum().double() / matrix.sum().double())


def _matrix(matrix: Tensor) -> None:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a confusion matrix is square, not {tuple(matrix.shape)}")
    if matrix.is_floating_point() or bool((matrix < 0).any()):
        raise ValueError(f"a confusion matrix holds counts, not {matrix.dtype} from {matrix.min()}")
    if int(matrix.sum()) == 0:
        raise ValueError("the confusion matrix counts nothing")


def _labels(pred: Tensor, target: Tensor) -> None:
    _checks.same_shape(pred, target)
    if pred.is_floating_point() or target.is_floating_point():
        raise ValueError(f"labels are integers, not {pred.dtype} and {target.dtype}; take the argmax first")
    _checks.finite("labels", pred)
