"""Figures of one-dimensional samples: how far two of them are apart, and their robust spread."""

import numpy as np
import torch
from torch import Tensor

from s2r_metrics import _checks


def residual_wasserstein(a: Tensor, b: Tensor) -> float:
    """Wasserstein-1 distance of two 1-D samples, in their unit: the integral of |F_a(x) - F_b(x)| dx.

    The samples may differ in size. For equal sizes it is the mean absolute difference of the sorted samples.

    Raises:
        ValueError: a sample is empty, non-finite or not 1-D.

    >>> residual_wasserstein(torch.tensor([0.0, 1.0]), torch.tensor([3.0, 1.0]))
    1.5
    """
    for name, sample in (("a", a), ("b", b)):
        if sample.ndim != 1:
            raise ValueError(f"{name} must be 1-D, not {tuple(sample.shape)}")
        _checks.finite(name, sample)
    kind = torch.promote_types(a.dtype, b.dtype)
    first, second = _ordered(a.to(kind)), _ordered(b.to(kind))
    every = _ordered(torch.cat([first, second]))
    below_a = torch.searchsorted(first, every[:-1], right=True).double() / len(first)
    below_b = torch.searchsorted(second, every[:-1], right=True).double() / len(second)
    return float(((below_a - below_b).abs() * every.double().diff()).sum())


def _ordered(values: Tensor) -> Tensor:
    """The values in ascending order; on the CPU by numpy, whose sort of float32 is ten times as fast."""
    if values.device.type != "cpu":
        return values.detach().sort().values
    wide = values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
    return torch.from_numpy(np.sort(wide.detach().numpy()))


def robust_spread(values: Tensor) -> float:
    """1.4826 x median absolute deviation from the median: the standard deviation of a Gaussian, deaf to outliers.

    >>> round(robust_spread(torch.tensor([-1.0, 0.0, 1.0, 1000.0])), 4)
    1.4826
    """
    _checks.finite("values", values)
    middle = median(values)
    return 1.4826 * median((values.double() - middle).abs())


def median(values: Tensor) -> float:
    """The mean of the two middle values where the count is even (torch.median takes the lower one).

    >>> median(torch.tensor([1.0, 2.0, 3.0, 10.0]))
    2.5
    """
    _checks.finite("values", values)
    ordered = _ordered(values.reshape(-1))
    count = len(ordered)
    return float((ordered[(count - 1) // 2].double() + ordered[count // 2].double()) / 2)
