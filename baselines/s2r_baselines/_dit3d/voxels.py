"""Clouds in a grid of cells and back: the mean of a cell's points, and trilinear reading at each point's own place.

A point at p has the continuous coordinates clamp(((p - centre) / size + 1/2) * side, 0, side - 1), where centre is the
mean of the points that make the box and size is twice their largest distance from it; its cell is the nearest
integer. Cells stand at integer coordinates, so that what is read at a cell's own place is its value.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Box:
    """A cube for each cloud of a batch: `centre` (B, 1, 3) and `size` (B, 1, 1), in the points' own unit."""

    centre: Tensor
    size: Tensor

    @classmethod
    def around(cls, points: Tensor, there: Tensor) -> "Box":
        """The boxes of clouds (B, P, 3), of the points that are `there` (B, P); an empty cloud has some box."""
        mask = there[..., None]
        count = mask.sum(1, keepdim=True).clamp(min=1)
        centre = torch.where(mask, points, 0).sum(1, keepdim=True) / count
        far = torch.where(mask, points - centre, 0).norm(dim=-1, keepdim=True).amax(1, keepdim=True)
        return cls(centre, 2 * far.clamp(min=1e-6))

    def inward(self, points: Tensor) -> Tensor:
        """Points (B, P, 3) of the space in units of the box: those that made it lie within a ball of radius 1/2."""
        return (points - self.centre) / self.size

    def outward(self, inner: Tensor) -> Tensor:
        """The inverse of `inward`."""
        return inner * self.size + self.centre


@dataclass(frozen=True)
class Cells:
    """Where the points of a batch of clouds lie in grids of side^3 cells.

    Attributes:
        coords: (B, P, 3) continuous coordinates in [0, side - 1].
        index: (B, P) number of each point's cell in its own grid.
        share: (B, P) 1 / the number of points in the cell; 0 for points that are not there.
        side: cells along a grid.
    """

    coords: Tensor
    index: Tensor
    share: Tensor
    side: int

    @classmethod
    def of(cls, points: Tensor, there: Tensor, box: Box, side: int) -> "Cells":
        """The cells of clouds (B, P, 3); only points that are `there` (B, P) count."""
        coords = ((box.inward(points) + 0.5) * side).clamp(0, side - 1)
        x, y, z = coords.round().long().unbind(-1)
        index = (x * side + y) * side + z
        count = _sums(there[..., None].to(points.dtype), index, side)
        share = there / count.gather(1, index[..., None])[..., 0].clamp(min=1)
        return cls(coords, index, share, side)

    @property
    def within(self) -> Tensor:
        """(B, P, 3) place of each point relative to the middle of its cell, in cells."""
        return self.coords - self.coords.round()

    def mean(self, features: Tensor) -> Tensor:
        """(B, C, side, side, side) mean of the features (B, P, C) of each cell's points; 0 where there are none."""
        sums = _sums(features * self.share[..., None], self.index, self.side)
        return sums.transpose(1, 2).reshape(len(features), -1, self.side, self.side, self.side)

    def read(self, grid: Tensor) -> Tensor:
        """(B, P, C) of a grid (B, C, side, side, side), trilinear, at the points' own coordinates."""
        place = 2 * self.coords / max(self.side - 1, 1) - 1
        # grid_sample names the last axis first
        found = functional.grid_sample(grid, place.flip(-1)[:, :, None, None], align_corners=True)
        return found[..., 0, 0].transpose(1, 2)


def _sums(features: Tensor, index: Tensor, side: int) -> Tensor:
    """(B, side^3, C) sums of the features (B, P, C) by cell; item by item, so that none depends on its batch."""
    sums = features.new_zeros(len(features), side**3, features.shape[-1])
    return sums.scatter_add_(1, index[..., None].expand_as(features), features)
