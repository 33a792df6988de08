"""Three feature planes of a cube: where points fall on them, pooling, sampling, and convolutions that let them talk.

Points lie in the object frame, longest side of the shape in [-1, 1]. Planes are (B, 3, C, R, R), in the order
xz, xy, yz; rows go with the second axis of the pair, columns with the first.
"""

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
    return torch.stack([plane.view(count, side, side, -1).permute(0, 3, 1, 2) for plane in planes], 1)


def pooled(features: Tensor, index: Tensor, side: int) -> Tensor:
    """(B, N, C): the largest feature of each point's cell, added over the planes (local pooling)."""
    total = torch.zeros_like(features)
    for plane in range(3):
        cell, rows = _gathered(features, index[:, plane], side, "amax")
        total = total + cell.gather(0, rows).view_as(features)
    return total


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
        first, second = planes.mean(-2), planes.mean(-1)  # lines along the first and the second axis of a plane
        (x_of_xz, x_of_xy, y_of_yz), (z_of_xz, y_of_xy, z_of_yz) = first.unbind(1), second.unbind(1)
        # each plane beside the others in their order; AXES says along which axis they meet
        columns = [*_lines([x_of_xy, x_of_xz], one), *_lines([y_of_xy], two)]
        rows = [*_lines([z_of_yz, y_of_yz], two.transpose(2, 3)), *_lines([z_of_xz], one.transpose(2, 3))]
        return stacked(flat) + torch.stack(columns, 1) + torch.stack(rows, 1).transpose(3, 4)


def _lines(lines: list[Tensor], weight: Tensor) -> list[Tensor]:
    """A 3 x 3 convolution, zeros around, of planes that are (B, C, R) along columns and constant across."""
    side, width = lines[0].shape[-1], len(weight)
    taps = torch.cat([weight[:, :, 1:].sum(2), weight.sum(2), weight[:, :, :2].sum(2)])
    found = nn.functional.conv1d(torch.cat(lines), taps, padding=1)[:, :, None]
    top, middle, bottom = torch.split(found, width, 1)
    return list(torch.cat([top, middle.expand(-1, -1, side - 2, -1), bottom], 2).chunk(len(lines)))


class PlaneNorm(nn.GroupNorm):
    """Group normalisation of each plane."""

    def forward(self, planes: Tensor) -> Tensor:
        """(B, 3, C, R, R) -> the same shape."""
        return stacked(super().forward(planes.flatten(0, 1)))
