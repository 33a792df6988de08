"""Figures between two maps of the same view."""

import math

from torch import Tensor

from s2r_metrics import _checks


def psnr(a: Tensor, b: Tensor, *, peak: float) -> float:
    """10 log10(peak^2 / mean squared difference), in dB; infinite for equal maps.

    `peak` has no default: for depth in metres it is the protocol's depth range, and figures with different peaks do
    not compare.

    Raises:
        ValueError: empty, non-finite or of different shapes, or `peak` not above 0.

    >>> import torch
    >>> round(psnr(torch.zeros(4), torch.full((4,), 0.1), peak=1.0), 4)
    20.0
    """
    _checks.same_shape(a, b)
    _checks.finite("a", a)
    _checks.finite("b", b)
    if not peak > 0:
        raise ValueError(f"peak must be above 0, not {peak}")
    error = float((a.double() - b.double()).square().mean())
    return 10 * math.log10(peak * peak / error) if error else math.inf
