"""Three feature planes of a cube: where points fall on them, pooling, sampling, and convolutions that let them talk.

Points lie in the object frame, longest side of the shape in [-1, 1]. Planes are (B, 3, C, R, R) in the order xz, xy, yz;
rows go with the second axis of the pair, columns with the first.
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
    count, points, width = features.shape
    rows = features.transpose(1, 2)[:, None].expand(count, 3, width, points)
    where = index[:, :, None].expand_as(rows)
    empty = features.new_zeros(count, 3, width, side * side)
    return empty.scatter_reduce(3, where, rows, reduce, include_self=False).unflatten(3, (side, side))


def pooled(features: Tensor, index: Tensor, side: int) -> Tensor:
    """(B, N, C): the largest feature of each point's cell, added over the planes (local pooling)."""
    planes = spread(features, index, side, "amax").flatten(3)
    where = index[:, :, None].expand(-1, -1, features.shape[2], -1)
    return planes.gather(3, where).sum(1).transpose(1, 2)


def sampled(planes: Tensor, points: Tensor) -> Tensor:
    """(B, N, 3 C): the planes' features at points (B, N, 3), bilinear, corners aligned, border repeated."""
    at = 2 * place(points) - 1
    grid = torch.stack([at[..., list(pair)] for pair in AXES], 1).flatten(0, 1)[:, :, None]
    found = nn.functional.grid_sample(
        planes.flatten(0, 1), grid, mode="bilinear", padding_mode="border", align_corners=True
    )
    count, _, width = planes.shape[:3]
    return found[..., 0].view(count, 3 * width, -1).transpose(1, 2)


def resized(planes: Tensor, side: int) -> Tensor:
    """Planes of another side, bilinear."""
    flat = nn.functional.interpolate(planes.flatten(0, 1), (side, side), mode="bilinear", align_corners=False)
    return flat.unflatten(0, planes.shape[:2])


class PlaneConv(nn.Module):
    """A convolution of each plane by itself, the same for all three."""

    def __init__(self, width_in: int, width_out: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width_out, kernel, stride, kernel // 2)

    def forward(self, planes: Tensor) -> Tensor:
        """(B, 3, C, R, R) -> (B, 3, C', R', R')."""
        out: Tensor = self.conv(planes.flatten(0, 1))
        return out.unflatten(0, planes.shape[:2])


class RollOut(nn.Module):
    """A convolution of each plane beside the two others, averaged along the axis that it lacks (LASA, roll-out)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = PlaneConv(3 * width, width)

    def forward(self, planes: Tensor) -> Tensor:
        """(B, 3, C, R, R) -> the same shape."""
        out: Tensor = self.conv(torch.stack([self._beside(planes, i) for i in range(3)], 1))
        return out

    @staticmethod
    def _beside(planes: Tensor, own: int) -> Tensor:
        side, parts = planes.shape[-1], [planes[:, own]]
        for other in range(3):
            if other == own:
                continue
            (shared,) = set(AXES[own]) & set(AXES[other])
            line = planes[:, other].mean(-2 if AXES[other][0] == shared else -1)
            wide = line[..., None, :] if AXES[own][0] == shared else line[..., :, None]
            parts.append(wide.expand(-1, -1, side, side))
        return torch.cat(parts, 1)


class PlaneNorm(nn.GroupNorm):
    """Group normalisation of each plane."""

    def forward(self, planes: Tensor) -> Tensor:
        """(B, 3, C, R, R) -> the same shape."""
        return super().forward(planes.flatten(0, 1)).unflatten(0, planes.shape[:2])
