"""What every metric refuses: empty input, NaN or infinity, and shapes that do not fit."""

import torch
from torch import Tensor


def finite(name: str, values: Tensor) -> None:
    """Refuse an empty or non-finite tensor.

    Raises:
        ValueError: it holds nothing, or NaN, or infinity.
    """
    if values.numel() == 0:
        raise ValueError(f"{name} is empty")
    if values.is_floating_point() and not bool(torch.isfinite(values).all()):
        raise ValueError(f"{name} holds NaN or infinite values")


def cloud(name: str, points: Tensor) -> None:
    """Refuse what is not a non-empty finite (n, 3) floating-point cloud.

    Raises:
        ValueError: another shape or kind, empty, or not finite.
    """
    if points.ndim != 2 or points.shape[1] != 3 or not points.is_floating_point():
        raise ValueError(f"{name} must be (n, 3) floating point, not {points.dtype} {tuple(points.shape)}")
    finite(name, points)


def same_shape(a: Tensor, b: Tensor) -> None:
    """Refuse two tensors of different shape (they are never broadcast).

    Raises:
        ValueError: the shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"shapes differ: {tuple(a.shape)} and {tuple(b.shape)}")
