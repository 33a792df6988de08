r"""EdgeConv (Wang et al. 2019) without its edges.

The layer sees concat(x_j - x_i, x_i) of each point i and its neighbours j, and W = [W1 | W2]. So

    W (x_j - x_i, x_i) = W1 x_j + (W2 - W1) x_i = v_j + b_i

takes a matrix product a point, not an edge. Normalisation scales each channel and LeakyReLU is monotone, so the maximum
over j is that of v_j (of -v_j where the scale is negative, which is why a sign moves into W), and both follow it. What
normalisation needs in training, mean and variance over all edges, follows from the points as well:

    mean = mean_edges(v_j) + mean(b_i)
    var  = var_edges(v_j) + var(b_i) + 2 cov(m_i, b_i),    m_i the mean of v_j over the neighbours of i

where a mean over edges weighs a point by how often it is a neighbour. Sums run in float64, as terms may cancel.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from s2r_tasks._occo.layers import SLOPE, PointLayer, count_batch, linear, momentum


class EdgeLayer(PointLayer):
    """One layer on edges: from points (R, width) and the rows (R, k) of their neighbours."""

    def __init__(self, width: int, width_out: int) -> None:
        super().__init__(2 * width, width_out, dims=2)

    def edge_max(self, points: Tensor, rows: Tensor) -> Tensor:
        """(R, width_out): the largest over each point's edges. Nothing of the size of all edges is made."""
        sign = torch.where(self.norm.weight.detach() < 0, -1.0, 1.0).to(points.dtype)
        near, own = self._terms(points, sign)
        mean, scale = self._normalisation(near, own, rows, sign)
        best = functional.embedding_bag(rows, near, mode="max")
        return functional.leaky_relu((best + own - mean) * scale + self.norm.bias, SLOPE)

    def edges(self, points: Tensor, rows: Tensor) -> Tensor:
        """(R, k, width_out): all edges, for another layer to follow."""
        sign = torch.ones_like(self.norm.weight)
        near, own = self._terms(points, sign)
        mean, scale = self._normalisation(near, own, rows, sign)
        own = (own - mean) * scale + self.norm.bias
        return functional.leaky_relu_(functional.embedding(rows, near * scale) + own[:, None], SLOPE)

    def _terms(self, points: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
        near, own = (self.weight * sign[:, None]).chunk(2, 1)
        return linear(points, near), linear(points, own - near)

    def _normalisation(self, near: Tensor, own: Tensor, rows: Tensor, sign: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and scale of each channel, the channel taken times its sign."""
        norm = self.norm
        if norm.training or norm.running_mean is None or norm.running_var is None:
            mean, var = moments(near, own, rows)
            _track(norm, mean * sign, var, rows.numel())
        else:
            mean, var = norm.running_mean * sign, norm.running_var
        return mean, norm.weight * sign * (var + norm.eps).rsqrt()


def moments(near: Tensor, own: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and (biased) variance of near_j + own_i over all edges i, j; (R, C), (R, C), (R, k) -> (C,), (C,)."""
    weights = torch.bincount(rows.flatten(), minlength=len(near))[:, None].double() / rows.numel()
    gathered = functional.embedding_bag(rows, near, mode="mean").double()
    v, b = near.double(), own.double()
    mean_v, mean_b = (weights * v).sum(0), b.mean(0)
    v, gathered, b = v - mean_v, gathered - mean_v, b - mean_b
    var = (weights * v.square()).sum(0) + b.square().mean(0) + 2 * (gathered * b).mean(0)
    return (mean_v + mean_b).to(near.dtype), var.clamp_min(0).to(near.dtype)


@torch.no_grad()
def _track(norm: nn.modules.batchnorm._BatchNorm, mean: Tensor, var: Tensor, count: int) -> None:
    if norm.running_mean is None or norm.running_var is None:
        return
    count_batch(norm)
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), momentum(norm))
    norm.running_var.lerp_((var * (count / max(count - 1, 1))).to(norm.running_var.dtype), momentum(norm))
