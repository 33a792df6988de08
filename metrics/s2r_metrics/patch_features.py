"""What a square patch of a residual map looks like, as a row of numbers for the two-sample classifier.

All differences are taken after rounding to whole millimetres, as a 16-bit depth PNG stores them: a simulator must not
be told from a sensor by the file format.
"""

import torch
from torch import Tensor

MM = 1000.0
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
LAGS = (1, 2, 4)
MIN_VALID = 0.25


def cut(stack: Tensor, size: int) -> Tensor:
    """(N, rows, columns, size, size): all whole patches of a stack (N, H, W), side by side from pixel (0, 0)."""
    return stack.unfold(1, size, size).unfold(2, size, size)


def features(clean: Tensor, residual: Tensor, valid: Tensor, edges: Tensor) -> Tensor:
    """(P, d) float32 figures of patches: hole pattern, residual distribution, local structure, and the patch's setting.

    Args:
        clean: (P, s, s) clean depth, metres, 0 = none.
        residual: (P, s, s) metres, 0 where not valid.
        valid: (P, s, s) bool.
        edges: (P, s, s) bool, near a depth edge.
    """
    domain = clean > 0
    millimetres = torch.where(valid, (residual * MM).round(), torch.zeros_like(residual)).float()
    columns = [
        *_setting(clean, domain, edges),
        *_holes(valid, domain, edges),
        *_distribution(millimetres, valid),
        *_structure(millimetres, valid),
    ]
    return torch.nan_to_num(torch.stack(columns, 1), nan=0.0)


def _share(part: Tensor, whole: Tensor) -> Tensor:
    return (part & whole).sum((1, 2)) / whole.sum((1, 2)).clamp_min(1)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    return (values * where).sum((1, 2)) / where.sum((1, 2)).clamp_min(1)


def _squash(millimetres: Tensor) -> Tensor:
    """Logarithmic beyond some 5 mm, so that a few outliers do not rule a feature."""
    return torch.asinh(millimetres / 5)


def _setting(clean: Tensor, domain: Tensor, edges: Tensor) -> list[Tensor]:
    return [_mean(clean, domain), _share(edges, domain)]


def _holes(valid: Tensor, domain: Tensor, edges: Tensor) -> list[Tensor]:
    hole = domain & ~valid
    across = (hole[:, :, 1:] != hole[:, :, :-1]).float().mean((1, 2))
    down = (hole[:, 1:] != hole[:, :-1]).float().mean((1, 2))
    lonely = hole[:, :, 1:-1] & ~hole[:, :, 2:] & ~hole[:, :, :-2]
    return [
        _share(hole, domain),
        _share(hole, domain & edges),
        _share(hole, domain & ~edges),
        across,
        down,
        lonely.float().mean((1, 2)),
        (hole.sum((1, 2)) > 0).float(),
    ]


def _distribution(millimetres: Tensor, valid: Tensor) -> list[Tensor]:
    flat = torch.where(valid, millimetres, torch.full_like(millimetres, torch.nan)).flatten(1)
    cuts = torch.nanquantile(flat, torch.tensor(QUANTILES, device=flat.device), dim=1)
    mean = _mean(millimetres, valid)
    spread = _mean((millimetres - mean[:, None, None]).square(), valid).sqrt()
    return [*_squash(cuts), _squash(spread), torch.log1p(spread / (cuts[4] - cuts[0]).clamp_min(1))]


def _structure(millimetres: Tensor, valid: Tensor) -> list[Tensor]:
    columns = []
    for axis in (1, 2):
        for lag in LAGS:
            size = millimetres.shape[axis] - lag
            step = millimetres.narrow(axis, lag, size) - millimetres.narrow(axis, 0, size)
            both = valid.narrow(axis, lag, size) & valid.narrow(axis, 0, size)
            columns.append(_squash(_mean(step.abs(), both)))
            if lag == 1:
                columns.append(_mean((step.abs() <= 1).float(), both))
                columns.append(_squash(_mean(step.square(), both).sqrt()))
        columns.append(_squash(_mean(*_bend(millimetres, valid, axis))))
    return columns


def _bend(millimetres: Tensor, valid: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Size of the second difference along `axis`, and where its three pixels are valid."""
    size = millimetres.shape[axis] - 2
    left, middle, right = (millimetres.narrow(axis, start, size) for start in range(3))
    known = [valid.narrow(axis, start, size) for start in range(3)]
    return (left - 2 * middle + right).abs(), known[0] & known[1] & known[2]
