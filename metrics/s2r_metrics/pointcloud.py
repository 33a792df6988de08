"""Distances between point clouds, as DisCo measures them (LASA, disco/scripts/evaluate_reconstruction.py).

`a` is the prediction, `b` the reference. The published protocol puts both into one box, [-0.5, 0.5]^3 along the
reference's longest side; the functions do not rescale. Distances are Euclidean and **not** squared unless a name says
so. Neighbours may be searched in lower precision, but every distance is recomputed in float64 from the neighbour found.

One rule for batches: what gives a float (`chamfer_l2`, `precision_recall`, `f_score`) takes one pair of clouds, (n, 3)
and (m, 3); what gives tensors (`sided_distance`, `nearest`, `chamfer_distance`, `compare_clouds`) also takes B pairs,
(B, n, 3) and (B, m, 3), and puts a B in front of its result. Several figures of one pair: `compare_clouds`, which
searches once for all of them.

The F-score counts each side over its own cloud. kaolin's `f_score` is another figure (it puts predicted points that
hit and reference points that miss into one fraction): 100 predictions on one of two references give 0.995 there and
0.667 here.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from s2r_metrics import _checks
from s2r_metrics.neighbours import Backend, chosen, search

RADIUS = 0.01  # 1 % of the box's side, as published


def sided_distance(a: Tensor, b: Tensor, *, backend: Backend = "auto") -> tuple[Tensor, Tensor]:
    """For each point of `a`, the **squared** distance to its nearest point of `b`, and that point's index.

    Differentiable in both clouds: the gradient goes through the neighbour that was found, as if it were fixed. A
    backend that is named is used or fails; "auto" takes `s2r_metrics.backend_name(a.device)`.

    Args:
        a: (n, 3) or (B, n, 3) floating point, any unit.
        b: (m, 3) or (B, m, 3), same unit and device.
        backend: who searches, see `s2r_metrics.neighbours`.

    Returns:
        (n,) or (B, n) float64 in the squared unit, and (n,) or (B, n) int64; of equal distances, any one's index.

    Raises:
        ValueError: an empty or non-finite cloud, another shape, two devices, an unknown backend, or kaolin off CUDA.
        ImportError: the named backend is not installed.

    >>> sided_distance(torch.tensor([[0.0, 0, 0]]), torch.tensor([[9.0, 0, 0], [3.0, 4.0, 0]]))
    (tensor([25.], dtype=torch.float64), tensor([1]))
    """
    _checks.cloud_pair(a, b)
    return _sided(a, b, chosen(backend, a.device))


def nearest(a: Tensor, b: Tensor, *, backend: Backend = "auto") -> Tensor:
    """For each point of `a` the distance, not squared, to its nearest point of `b`: (n,) or (B, n) float64.

    Unit, arguments and errors as for `sided_distance`. No gradient: a square root has none at 0.

    >>> nearest(torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([[3.0, 4.0, 0.0], [9.0, 0.0, 0.0]]))
    tensor([5.], dtype=torch.float64)
    """
    return sided_distance(a.detach(), b.detach(), backend=backend)[0].sqrt()


@dataclass(frozen=True, eq=False)
class CloudComparison:
    """Both searches between clouds `a` and `b`, and every figure that follows from them.

    forward: (n,) or (B, n) float64, squared distances from `a` to `b`; carries the gradient.
    backward: (m,) or (B, m), from `b` to `a`.
    backend: who searched.
    """

    forward: Tensor
    backward: Tensor
    backend: str

    def chamfer(self) -> Tensor:
        """Mean of `forward` plus mean of `backward`: 0-d or (B,), squared unit, differentiable."""
        return self.forward.mean(-1) + self.backward.mean(-1)

    def precision(self, radius: float = RADIUS) -> Tensor:
        """Share of `a` strictly closer than `radius` to `b`: 0-d or (B,)."""
        return _hits(self.forward, radius)

    def recall(self, radius: float = RADIUS) -> Tensor:
        """Share of `b` strictly closer than `radius` to `a`: 0-d or (B,)."""
        return _hits(self.backward, radius)

    def f_score(self, radius: float = RADIUS) -> Tensor:
        """Harmonic mean of precision and recall: 0-d or (B,); 0 where both are 0."""
        precision, recall = self.precision(radius), self.recall(radius)
        total = precision + recall
        return torch.where(total > 0, 2 * precision * recall / total, torch.zeros_like(total))


def compare_clouds(a: Tensor, b: Tensor, *, backend: Backend = "auto") -> CloudComparison:
    """Search once in each direction, for Chamfer distance and F-scores at any radii of the same clouds.

    Arguments and errors as for `sided_distance`.

    >>> found = compare_clouds(torch.zeros(4, 3), torch.tensor([[0.0, 0, 0], [0.5, 0, 0]]))
    >>> float(found.chamfer()), float(found.precision()), float(found.recall(0.6))
    (0.125, 1.0, 1.0)
    """
    _checks.cloud_pair(a, b)
    name = chosen(backend, a.device)
    return CloudComparison(_sided(a, b, name)[0], _sided(b, a, name)[0], name)


def chamfer_distance(a: Tensor, b: Tensor, *, backend: Backend = "auto") -> Tensor:
    """`chamfer_l2` as a tensor, for batches and for training: 0-d or (B,) float64, squared unit, differentiable.

    Arguments and errors as for `sided_distance`.

    >>> chamfer_distance(torch.zeros(2, 1, 3), torch.tensor([[[0.0, 0, 0.5]], [[0.0, 1.0, 0]]]))
    tensor([0.5000, 2.0000], dtype=torch.float64)
    """
    return compare_clouds(a, b, backend=backend).chamfer()


def chamfer_l2(a: Tensor, b: Tensor) -> float:
    """Mean over a of d^2 plus mean over b of d^2: the sum of both directions, squared, unscaled (tables show x1000).

    >>> chamfer_l2(torch.tensor([[0.0, 0, 0]]), torch.tensor([[0.0, 0, 0.5]]))
    0.5
    """
    return float(_of_one(a, b).chamfer())


def precision_recall(a: Tensor, b: Tensor, *, radius: float = RADIUS) -> tuple[float, float]:
    """Share of `a` closer than `radius` to `b`, and share of `b` closer than `radius` to `a` (strictly closer).

    >>> precision_recall(torch.zeros(4, 3), torch.tensor([[0.0, 0, 0], [0.4, 0, 0]]))
    (1.0, 0.5)
    """
    found = _of_one(a, b)
    return float(found.precision(radius)), float(found.recall(radius))


def f_score(a: Tensor, b: Tensor, *, radius: float = RADIUS) -> float:
    """Harmonic mean of precision and recall at `radius` (published: 1 % of the box side); 0 if both are 0.

    >>> crowd = torch.zeros(100, 3)
    >>> round(f_score(crowd, torch.tensor([[0.0, 0, 0], [0.4, 0, 0]])), 6)
    0.666667
    """
    return float(_of_one(a, b).f_score(radius))


def _of_one(a: Tensor, b: Tensor) -> CloudComparison:
    _checks.cloud("a", a)
    _checks.cloud("b", b)
    return compare_clouds(a.detach(), b.detach())


def _sided(a: Tensor, b: Tensor, backend: str) -> tuple[Tensor, Tensor]:
    single = a.ndim == 2
    first, second = (a[None], b[None]) if single else (a, b)
    index = search(first, second, backend)
    row = index + len(second[0]) * torch.arange(len(second), device=index.device)[:, None]
    # to float64 before the selection, so that its gradient, a sum over all who share a neighbour, is one too
    found = second.double().flatten(0, 1).index_select(0, row.flatten()).view_as(first)
    x, y, z = (found - first).square().unbind(-1)  # torch sums an axis of three slowly
    squared = x + y + z
    return (squared[0], index[0]) if single else (squared, index)


def _hits(squared: Tensor, radius: float) -> Tensor:
    if not radius > 0:
        raise ValueError(f"radius must be above 0, not {radius}")
    # the root, not radius^2: 0.25 is at 0.25 and not closer, whatever a square rounds to
    return (squared.detach().sqrt() < radius).double().mean(-1)
