"""Three feature planes of a cube: where points fall on them, pooling, sampling, and convolutions that let them talk.

Points lie in the object frame, longest side of the shape in [-1, 1]. Planes are (B, 3, C, R, R), in the order
xz, xy, yz; rows go with the second axis of the pair, columns with the first. On a CPU they are kept with channels
innermost (`laid_out`), so that convolutions need not turn what they read.
"""

from typing import Any

import torch
from torch import Tensor, nn

AXES = ((0, 2), (0, 1), (1, 2))
PADDING = 0.1  # the planes reach this share beyond the cube (published)


def place(points: Tensor) -> Tensor:
    """(..., 3) object frame -> plane coordinate in [0, 1), clamped: p / 2 / (1 + padding) + 1/2."""
    return (points / (2 * (1 + PADDING + 1e-5)) + 0.5).clamp(0, 1 - 1e-6)


def cells(points: Tensor, side: int) -> Tensor:
    """(B, 3, N) int64: the cell of each point (B, N, 3) on each plane of side x side, row by row."""
    index = (place(points) * side).long()
    return torch.stack([index[..., u] + side * index[..., v] for u, v in AXES], 1)


def spread(features: Tensor, index: Tensor, side: int, reduce: str) -> Tensor:
    """(B, 3, C, side, side): point features (B, N, C) gathered on the planes by "mean" or "amax"; empty cells are 0."""
    count = len(features)
    planes = [_gathered(features, index[:, plane], side, reduce)[0] for plane in range(3)]
    return torch.stack([plane.view(count, side, side, -1) for plane in planes], 1).permute(0, 1, 4, 2, 3)


def pooled(features: Tensor, index: Tensor, side: int) -> Tensor:
    """(B, N, C): the largest feature of each point's cell, added over the planes (local pooling)."""
    found: Tensor = _Pooled.apply(features, index, side)  # type: ignore[no-untyped-call]
    return found


class _Pooled(torch.autograd.Function):
    """`pooled` with its gradient, which goes to those who are the largest of their cell, in equal parts.

    PyTorch's own gradient of the largest of a cell takes three times as long.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, index: Tensor, side: int) -> Tensor:
        total, kept = torch.zeros_like(features), []
        for plane in range(3):
            cell, rows = _gathered(features, index[:, plane], side, "amax")
            largest = cell.gather(0, rows).view_as(features)
            total += largest
            kept += [rows[:, :1], features == largest]
        ctx.save_for_backward(*kept)
        ctx.cells = len(features) * side * side
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        flat = gradients[0].reshape(-1, gradients[0].shape[-1])
        total = torch.zeros_like(flat)
        for column, largest in zip(ctx.saved_tensors[::2], ctx.saved_tensors[1::2], strict=True):
            rows, mine = column.expand_as(flat), largest.view_as(flat)
            empty = flat.new_zeros(ctx.cells, flat.shape[1])
            share = empty.scatter_add(0, rows, flat) / empty.scatter_add(0, rows, mine.to(flat)).clamp_min(1)
            total.addcmul_(share.gather(0, rows), mine.to(flat))
        return total.view_as(gradients[0]), None, None


def _gathered(features: Tensor, index: Tensor, side: int, reduce: str) -> tuple[Tensor, Tensor]:
    """(B * side * side, C) of one plane, and the row there of each point's features, (B * N, C).

    Points in rows, and an index that is the same along a row: the case that PyTorch has a fast kernel for.
    """
    count, _, width = features.shape
    start = side * side * torch.arange(count, device=index.device)
    rows = (index + start[:, None]).reshape(-1, 1).expand(-1, width)
    empty = features.new_zeros(count * side * side, width)
    return empty.scatter_reduce(0, rows, features.reshape(-1, width), reduce, include_self=False), rows


def sampled(planes: Tensor, points: Tensor) -> Tensor:
    """(B, N, 3 C): the planes' features at points (B, N, 3), bilinear, corners aligned, border repeated."""
    at = 2 * place(points) - 1
    grid = torch.stack([at[..., list(pair)] for pair in AXES], 1).flatten(0, 1)[:, :, None]
    found = nn.functional.grid_sample(
        planes.flatten(0, 1), grid, mode="bilinear", padding_mode="border", align_corners=True
    )
    count, _, width = planes.shape[:3]
    return found[..., 0].reshape(count, 3 * width, -1).transpose(1, 2)


def resized(planes: Tensor, side: int) -> Tensor:
    """Planes of another side, bilinear."""
    flat = nn.functional.interpolate(planes.flatten(0, 1), (side, side), mode="bilinear", align_corners=False)
    return stacked(flat)


def stacked(flat: Tensor) -> Tensor:
    """(3 B, C, R, R) -> (B, 3, C, R, R): three planes an item again."""
    return flat.view(-1, 3, *flat.shape[1:])


def joined(*planes: Tensor) -> Tensor:
    """Channels of planes of one side beside each other."""
    return stacked(torch.cat([some.flatten(0, 1) for some in planes], 1))


def laid_out(planes: Tensor) -> Tensor:
    """The same planes as convolutions read them fastest: on a CPU with channels innermost, elsewhere as they come."""
    if planes.device.type != "cpu":
        return planes.contiguous()
    return stacked(planes.flatten(0, 1).contiguous(memory_format=torch.channels_last))


class PlaneConv(nn.Module):
    """A convolution of each plane by itself, the same for all three."""

    def __init__(self, width_in: int, width_out: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width_out, kernel, stride, kernel // 2)

    def forward(self, planes: Tensor) -> Tensor:
        """(B, 3, C, R, R) -> (B, 3, C', R', R')."""
        return stacked(self.conv(planes.flatten(0, 1)))


class RollOut(nn.Module):
    """A convolution of each plane beside the two others, averaged along the axis that it lacks (LASA, roll-out).

    What stands beside a plane is constant along one of its axes: lines. They are convolved as lines, in a third of the
    time; only the first and the last cell across see the zeros around the plane, and get answers of their own.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = PlaneConv(3 * width, width)

    def forward(self, planes: Tensor) -> Tensor:
        """(B, 3, C, R, R) -> the same shape."""
        own, one, two = torch.split(self.conv.conv.weight, planes.shape[2], 1)
        flat = nn.functional.conv2d(planes.flatten(0, 1), own.contiguous(), self.conv.conv.bias, padding=1)
        columns, rows = _met(planes, one, two)
        out: Tensor = stacked(_WithLines.apply(flat, columns, rows))  # type: ignore[no-untyped-call]
        return out


def _met(planes: Tensor, one: Tensor, two: Tensor) -> tuple[Tensor, Tensor]:
    """What the two others add to each plane along its two axes, as `_WithLines` takes it.

    Args:
        planes: (B, 3, C, R, R).
        one: weights (C', C, 3, 3) of the first other plane.
        two: those of the second.
    """
    first, second = _Means.apply(planes)  # type: ignore[no-untyped-call]
    (x_of_xz, x_of_xy, y_of_yz), (z_of_xz, y_of_xy, z_of_yz) = first.unbind(1), second.unbind(1)
    # each plane beside the others in their order; AXES says along which axis they meet
    met = nn.functional.pad(torch.stack([x_of_xy, x_of_xz, y_of_xy, z_of_yz, y_of_yz, z_of_xz]), (0, 0, 1, 1))
    windows = torch.cat([met[:, :, :-2], met[:, :, 1:-1], met[:, :, 2:]], -1)  # (6, B, R, 3 C)
    taps = (_taps(one, 2), _taps(two, 2), _taps(two, 3), _taps(one, 3))
    parts = zip(torch.split(windows, [2, 1, 2, 1]), taps, strict=True)
    found = torch.cat([nn.functional.linear(lines, some) for lines, some in parts])
    thirds = found.view(*found.shape[:3], 3, -1).permute(1, 0, 3, 4, 2)  # (B, 6, 3, C', R)
    return thirds[:, :3], thirds[:, 3:]


def _taps(weight: Tensor, across: int) -> Tensor:
    """(3 C', 3 C): what each third of a convolution (C', C, 3, 3), cut along an axis, makes of lines across it."""
    along = 5 - across
    return weight.permute(across, 0, along, 1).flatten(2).flatten(0, 1)


class _Means(torch.autograd.Function):
    """Planes (B, 3, C, R, R) -> their means over rows and over columns, (B, 3, R, C) each."""

    @staticmethod
    def forward(ctx: Any, planes: Tensor) -> tuple[Tensor, Tensor]:
        ctx.side = side = planes.shape[-1]
        return planes.sum(-2).transpose(2, 3) / side, planes.sum(-1).transpose(2, 3) / side

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        first, second = ((some / ctx.side).transpose(2, 3) for some in gradients)
        total: Tensor = first[..., None, :] + second[..., :, None]
        return total


class _WithLines(torch.autograd.Function):
    """What is constant along rows' axis or columns', (B, 3, 3, C, R) each, added to planes (3 B, C, R, R), in place.

    Lines come in thirds of their convolution. All three reach the cells between; the first and the last cell across
    see the zeros around the plane and go without one. Written out, so that lines are spread over planes once.
    """

    @staticmethod
    def forward(ctx: Any, flat: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
        ctx.mark_dirty(flat)
        planes = stacked(flat)
        planes += columns.sum(2)[..., None, :]
        planes += rows.sum(2)[..., :, None]
        for third, cell in ((0, 0), (2, -1)):
            planes[..., cell, :] -= columns[:, :, third]
            planes[..., :, cell] -= rows[:, :, third]
        return flat

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        gradient, lines = stacked(gradients[0]), []
        for axis in (-2, -1):
            total = gradient.sum(axis)
            edges = gradient.select(axis, 0), gradient.select(axis, -1)
            lines.append(torch.stack([total - edges[0], total, total - edges[1]], 2))
        return gradients[0], lines[0], lines[1]


class PlaneNorm(nn.GroupNorm):
    """Group normalisation of each plane."""

    def forward(self, planes: Tensor) -> Tensor:
        """(B, 3, C, R, R) -> the same shape."""
        return stacked(super().forward(planes.flatten(0, 1)))
