"""The k nearest points of each point in feature space, in as much memory as the caller allows."""

import torch
from torch import Tensor

BUDGET = 256 * 2**20  # bytes


@torch.no_grad()
def knn(features: Tensor, k: int, budget: int = BUDGET) -> Tensor:
    """(B, N, k) int64: for each point of (B, N, C) the nearest of its own cloud, itself among them, nearest first.

    Of points at one computed distance the lower index comes first, also where the last place is at stake. Distances
    are computed in float32, or in the features' own precision where that is higher; never in half of it.

    Args:
        features: (B, N, C) floating point.
        k: how many.
        budget: bytes that distances may take at a time; queries are cut accordingly, never below one a cloud.

    Raises:
        ValueError: a cloud has fewer than k points.

    >>> knn(torch.tensor([[[0.0], [1.0], [1.0], [5.0]]]), 2).tolist()
    [[[0, 1], [1, 2], [1, 2], [3, 1]]]
    """
    clouds, count = features.shape[:2]
    if not 1 <= k <= count:
        raise ValueError(f"k = {k} neighbours of clouds of {count} points: k is 1 to {count}")
    with torch.autocast(features.device.type, enabled=False):
        points = features.to(torch.promote_types(features.dtype, torch.float32))
        # relative to the corner of each cloud: a block far from its room's origin would lose the digits that matter
        points = points - points.amin(1, keepdim=True)
        squares = points.square().sum(-1)[:, None]
        # a distance, and where many are equal a copy of it, sorted, and the places that it came from
        pair = 3 * points.element_size() + 8
        rows = max(1, budget // (clouds * count * pair))
        # |x|^2 is the same for all candidates of a query
        scores = (torch.baddbmm(squares, part, points.mT, alpha=-2) for part in torch.split(points, rows, 1))
        return torch.cat([_nearest(score, k) for score in scores], 1)


def global_rows(index: Tensor) -> Tensor:
    """(B N, k): neighbours (B, N, k) within each cloud as rows of all clouds' points, (B N, C)."""
    clouds, count = index.shape[:2]
    return (index + count * torch.arange(clouds, device=index.device)[:, None, None]).flatten(0, 1)


def _nearest(scores: Tensor, k: int) -> Tensor:
    values, index = scores.topk(min(k + 1, scores.shape[-1]), largest=False)
    if bool((values[..., 1:] == values[..., :-1]).any()):
        values, index = _ordered(scores, values, index, k)
    return index[..., :k]


def _ordered(scores: Tensor, values: Tensor, index: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The same with equals in the order of their indices: `topk` promises none."""
    if values.shape[-1] > k:  # equals on both sides of the last place: only a full sort says who is in
        cut = values[..., k] == values[..., k - 1]
        full = scores[cut].sort(dim=-1, stable=True)
        values[cut], index[cut] = full.values[:, : k + 1], full.indices[:, : k + 1]
    index, order = index.sort(-1)
    values, order = values.gather(-1, order).sort(dim=-1, stable=True)
    return values, index.gather(-1, order)
