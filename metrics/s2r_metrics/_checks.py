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
    # NaN passes through least and largest: one pass, where isfinite of all values makes several and a copy in each
    if values.is_floating_point() and not all(bool(torch.isfinite(end)) for end in torch.aminmax(values.detach())):
        raise ValueError(f"{name} holds NaN or infinite values")


def cloud(name: str, points: Tensor) -> None:
    """Refuse what is not a non-empty finite (n, 3) floating-point cloud.

    Raises:
        ValueError: another shape or kind, empty, or not finite.
    """
    if points.ndim != 2 or points.shape[1] != 3 or not points.is_floating_point():
        raise ValueError(f"{name} must be (n, 3) floating point, not {points.dtype} {tuple(points.shape)}")
    finite(name, points)


def cloud_pair(a: Tensor, b: Tensor) -> None:
    """Refuse what is not two clouds, (n, 3) and (m, 3), or two batches of as many, (B, n, 3) and (B, m, 3).

    Raises:
        ValueError: another shape or kind, empty, not finite, batches of different length, or two devices.
    """
    if a.device != b.device:
        raise ValueError(f"clouds are on two devices: {a.device} and {b.device}")
    for name, points in (("a", a), ("b", b)):
        if points.ndim not in (2, 3) or points.shape[-1] != 3 or not points.is_floating_point():
            shape = tuple(points.shape)
            raise ValueError(f"{name} must be (n, 3) or (B, n, 3) floating point, not {points.dtype} {shape}")
        finite(name, points)
    if a.ndim != b.ndim or a.shape[:-2] != b.shape[:-2]:
        raise ValueError(f"a and b must be two clouds or batches of one length: {tuple(a.shape)}, {tuple(b.shape)}")


def same_shape(a: Tensor, b: Tensor) -> None:
    """Refuse two tensors of different shape (they are never broadcast).

    Raises:
        ValueError: the shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"shapes differ: {tuple(a.shape)} and {tuple(b.shape)}")
