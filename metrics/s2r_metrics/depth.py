"""Figures of depth stacks: residuals, holes, edges, autocorrelation.

A stack is (N, H, W), z-depth in metres, 0 = no value. S is the clean depth, R what is scored against it (a capture or
a simulation). The pixel rule: a pixel counts where S > 0; its residual is R - S where R > 0 and |R - S| < 0.2 m; every
other pixel that counts is a hole. Where the clean depth is 0 nothing is scored.
"""

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from s2r_metrics import _checks

RESIDUAL_LIMIT_M = 0.2
EDGE_JUMP_M = 0.05
EDGE_RADIUS_PX = 2


def residuals(clean: Tensor, depth: Tensor, limit: float = RESIDUAL_LIMIT_M) -> tuple[Tensor, Tensor]:
    """R - S and where it counts: (..., H, W) float32 metres, 0 outside, and (..., H, W) bool.

    Raises:
        ValueError: empty, non-finite or of different shapes.

    >>> residuals(torch.tensor([[2.0, 2.0, 0.0, 2.0]]), torch.tensor([[2.5, 2.25, 1.0, 0.0]]), 0.3)[0]
    tensor([[0.0000, 0.2500, 0.0000, 0.0000]])
    """
    _checks.same_shape(clean, depth)
    _checks.finite("clean", clean)
    _checks.finite("depth", depth)
    difference = depth - clean
    valid = (clean > 0) & (depth > 0) & (difference.abs() < limit)
    return torch.where(valid, difference, torch.zeros_like(difference)), valid


def hole_rate(valid: Tensor, domain: Tensor) -> float:
    """Share of the pixels of `domain` that are not `valid` (bool, one shape).

    >>> hole_rate(torch.tensor([True, False, False]), torch.tensor([True, True, False]))
    0.5
    """
    _checks.same_shape(valid, domain)
    count = int(domain.sum())
    if not count:
        raise ValueError("no pixel to score: the domain is empty")
    return int((domain & ~valid).sum()) / count


def hole_iou(valid_a: Tensor, valid_b: Tensor, domain: Tensor) -> float:
    """|holes of a and b| / |holes of a or b| within `domain` (bool, one shape); 1 where neither has a hole.

    >>> hole_iou(torch.tensor([True, False, False]), torch.tensor([True, True, False]), torch.ones(3).bool())
    0.5
    """
    _checks.same_shape(valid_a, valid_b)
    _checks.same_shape(valid_a, domain)
    holes_a, holes_b = domain & ~valid_a, domain & ~valid_b
    union = int((holes_a | holes_b).sum())
    return int((holes_a & holes_b).sum()) / union if union else 1.0


def autocorrelation(residual: Tensor, valid: Tensor, lag: int) -> float:
    """Correlation of the residual (N, H, W) with itself `lag` pixels to the right and below, over valid pairs.

    sum r(p) r(q) / sqrt(sum r(p)^2 sum r(q)^2), r less its mean over all valid pixels; both directions in one sum.

    Raises:
        ValueError: no two valid pixels are `lag` apart, or the residual is constant.

    >>> stripes = torch.tensor([[[1.0, -1, 1, -1], [1, -1, 1, -1]]])
    >>> autocorrelation(stripes[:, :1], torch.ones(1, 1, 4).bool(), 1)
    -1.0
    """
    _checks.same_shape(residual, valid)
    centred = torch.where(valid, residual.double() - residual[valid].double().mean(), 0.0)
    square, counts = centred.square(), valid.double()
    product = first = second = torch.zeros((), dtype=torch.float64, device=residual.device)
    for axis in (-1, -2):
        size = residual.shape[axis] - lag
        if size <= 0:
            continue
        # invalid pixels are 0 in `centred` and in `counts`, so each sum runs over pairs that are valid on both ends
        product = product + (centred.narrow(axis, 0, size) * centred.narrow(axis, lag, size)).sum()
        first = first + (square.narrow(axis, 0, size) * counts.narrow(axis, lag, size)).sum()
        second = second + (square.narrow(axis, lag, size) * counts.narrow(axis, 0, size)).sum()
    scale = float((first * second).sqrt())
    if not scale > 0:
        raise ValueError(f"no autocorrelation at {lag} px: no pairs of valid pixels, or a constant residual")
    return float(product) / scale


def edge_mask(clean: Tensor, jump: float = EDGE_JUMP_M, radius: int = EDGE_RADIUS_PX) -> Tensor:
    """(N, H, W) bool: pixels within `radius` px of a depth discontinuity of more than `jump` metres.

    Inverse depth is linear in the image on a plane, so a step is measured against what both sides extrapolate to: a
    floor seen at a grazing angle is no edge, however fast its depth changes. A border to missing depth is none either.

    >>> step = torch.full((1, 1, 8), 2.0); step[..., 4:] = 1.0
    >>> edge_mask(step, radius=1).int().tolist()
    [[[0, 0, 0, 1, 1, 0, 0, 0]]]
    """
    _checks.finite("clean", clean)
    found = torch.zeros_like(clean, dtype=torch.bool)
    for axis in (-1, -2):
        if clean.shape[axis] < 2:
            continue
        step = _steps(clean, axis) > jump
        size = clean.shape[axis] - 1
        found.narrow(axis, 0, size).logical_or_(step)
        found.narrow(axis, 1, size).logical_or_(step)
    # both pixels of a step are already marked, so `radius` px on each side need radius - 1 more
    grown = max_pool2d(found.float()[:, None], 2 * radius - 1, stride=1, padding=radius - 1)[:, 0] > 0
    return grown & (clean > 0)


def _steps(clean: Tensor, axis: int) -> Tensor:
    """Size in metres of the step between each pixel and the next along `axis`, beyond what a plane explains."""
    depth = clean.movedim(axis, -1).double()
    known = depth > 0
    inverse = torch.where(known, 1 / depth.clamp_min(1e-6), torch.zeros_like(depth))
    rise = inverse[..., 1:] - inverse[..., :-1]
    pair = known[..., 1:] & known[..., :-1]
    near = torch.maximum(depth[..., 1:], depth[..., :-1])
    before, after = rise.roll(1, -1), rise.roll(-1, -1)
    pair_before, pair_after = pair.roll(1, -1), pair.roll(-1, -1)
    pair_before[..., 0] = False
    pair_after[..., -1] = False
    excess = rise.abs()
    excess = torch.minimum(excess, torch.where(pair_before, (rise - before).abs(), excess))
    excess = torch.minimum(excess, torch.where(pair_after, (rise - after).abs(), excess))
    # metres: |d(1/z)| z_far z_near, with z_near <= z_far
    metres = excess * near * torch.minimum(depth[..., 1:], depth[..., :-1])
    return torch.where(pair, metres, torch.zeros_like(metres)).movedim(-1, axis)
