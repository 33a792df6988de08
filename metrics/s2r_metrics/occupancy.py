"""Overlap of volumes: the per-object IoU that DisCo calls mIoU, and occupied voxels of point clouds.

Three figures share the name mIoU in this field. Here: `volume_iou` of one object, averaged over objects by whoever
reads the records. `s2r_metrics.miou` is the other one, from a confusion matrix pooled over a data set.
"""

import torch
from torch import Tensor

from s2r_metrics import _checks


def volume_iou(a: Tensor, b: Tensor) -> float:
    """|a and b| / |a or b| of two bool tensors of one shape; 1 where both are empty volumes.

    (DisCo's script adds 1e-5 after the division and gives NaN for two empty volumes; neither is copied.)

    Raises:
        ValueError: not bool, of different shapes, or without elements.

    >>> volume_iou(torch.tensor([True, True, False, False]), torch.tensor([True, False, True, False]))
    0.3333333333333333
    """
    return float(volume_ious(a[None], b[None])[0])


def volume_ious(a: Tensor, b: Tensor) -> Tensor:
    """`volume_iou` of each of B objects: two bool tensors (B, ...) of one shape give (B,) float64 on their device.

    Raises:
        ValueError: not bool, of different shapes, or without elements.

    >>> volume_ious(torch.tensor([[True, True], [False, False]]), torch.tensor([[True, False], [False, False]]))
    tensor([0.5000, 1.0000], dtype=torch.float64)
    """
    if a.dtype != torch.bool or b.dtype != torch.bool:
        raise ValueError(f"occupancy must be bool, not {a.dtype} and {b.dtype}; threshold it first")
    _checks.same_shape(a, b)
    _checks.finite("occupancy", a)
    first, second = a.reshape(len(a), -1), b.reshape(len(b), -1)
    union = (first | second).sum(1)
    shares = (first & second).sum(1).double() / union.double()
    return torch.where(union > 0, shares, torch.ones_like(shares))


def voxelise(points: Tensor, low: Tensor, side: float, grid: int) -> Tensor:
    """(grid, grid, grid) bool: the cells of a cube (corner `low`, edge `side`) that hold a point of `points` (n, 3).

    Points outside the cube are left out.

    >>> int(voxelise(torch.tensor([[0.1, 0.1, 0.1], [0.2, 0.1, 0.1], [2.0, 0, 0]]), torch.zeros(3), 1.0, 2).sum())
    1
    """
    _checks.cloud("points", points)
    if not side > 0 or grid < 1:
        raise ValueError(f"side and grid must be above 0, not {side} and {grid}")
    cell = ((points.double() - low.to(points.device).double()) * (grid / side)).floor().long()
    cell = cell[((cell >= 0) & (cell < grid)).all(1)]
    volume = torch.zeros((grid, grid, grid), dtype=torch.bool, device=points.device)
    volume[cell[:, 0], cell[:, 1], cell[:, 2]] = True
    return volume
