"""A 1x1 convolution without bias, batch normalisation and LeakyReLU, on rows of points."""

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2


class PointLayer(nn.Sequential):
    """The layer that DGCNN is made of. `0.weight` and `1.*` are its published names.

    Its methods take rows, (..., width_in): a matrix product is what a 1x1 convolution is. `forward` is the plain form,
    on (B, width_in, N) or, for `dims` = 2, on (B, width_in, N, k).
    """

    def __init__(self, width_in: int, width_out: int, dims: int = 1) -> None:
        layers: tuple[nn.Module, nn.Module]
        if dims == 2:
            layers = nn.Conv2d(width_in, width_out, 1, bias=False), nn.BatchNorm2d(width_out)
        else:
            layers = nn.Conv1d(width_in, width_out, 1, bias=False), nn.BatchNorm1d(width_out)
        super().__init__(*layers, nn.LeakyReLU(SLOPE))

    @property
    def weight(self) -> Tensor:
        """(width_out, width_in) of the convolution."""
        weight = self[0].weight
        assert isinstance(weight, Tensor)
        return weight.flatten(1)

    @property
    def norm(self) -> nn.modules.batchnorm._BatchNorm:
        """The normalisation."""
        norm = self[1]
        assert isinstance(norm, nn.modules.batchnorm._BatchNorm)
        return norm

    def rows(self, x: Tensor) -> Tensor:
        """(..., width_in) -> (..., width_out)."""
        return self.activated(linear(x, self.weight))

    def activated(self, x: Tensor) -> Tensor:
        """What follows the convolution: (..., width_out) -> the same shape."""
        return functional.leaky_relu(normalised(self.norm, x), SLOPE)

    def max_over(self, x: Tensor, dim: int) -> Tensor:
        """`rows(x)`, its largest along `dim`; rectified behind the maximum, where there is less to rectify."""
        return functional.leaky_relu(largest(normalised(self.norm, linear(x, self.weight)), dim), SLOPE)


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """Rows times W^T, in float32 at least: statistics are taken of it."""
    out = functional.linear(x, weight)
    return out.to(torch.promote_types(out.dtype, torch.float32))


def normalised(norm: nn.modules.batchnorm._BatchNorm, x: Tensor) -> Tensor:
    """Batch normalisation of rows (..., C), over all rows; running statistics move as the module's own do."""
    if norm.training:
        count_batch(norm)
    # channels last, without a copy
    image = x.reshape(1, -1, 1, x.shape[-1]).permute(0, 3, 1, 2)
    out = functional.batch_norm(
        image,
        norm.running_mean,
        norm.running_var,
        norm.weight,
        norm.bias,
        norm.training,
        momentum(norm),
        norm.eps,
    )
    return out.permute(0, 2, 3, 1).reshape(x.shape)


def count_batch(norm: nn.modules.batchnorm._BatchNorm) -> None:
    """One more batch seen in training."""
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)


def momentum(norm: nn.modules.batchnorm._BatchNorm) -> float:
    """How far running statistics move towards a batch's; without a fixed one they are the mean of all batches."""
    if norm.momentum is not None:
        return norm.momentum
    return 1.0 / float(norm.num_batches_tracked) if norm.num_batches_tracked is not None else 0.0


def largest(x: Tensor, dim: int) -> Tensor:
    """The maximum along an axis; in training by the form that keeps less, else by the faster one."""
    return x.max(dim).values if torch.is_grad_enabled() else x.amax(dim)
