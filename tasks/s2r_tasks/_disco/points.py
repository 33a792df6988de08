"""From a cloud to planes: sines of the coordinates, a PointNet with local pooling, and a plane network on top."""

import itertools

import torch
from torch import Tensor, nn

from s2r_tasks._disco.planes import (
    PlaneConv,
    PlaneNorm,
    RollOut,
    cells,
    joined,
    laid_out,
    pooled,
    resized,
    spread,
    stacked,
)

FREQUENCIES = 8
EMBEDDED = 6 * FREQUENCIES


def embedded(points: Tensor) -> Tensor:
    """(..., 48): sine and cosine of pi 2^k p for k = 0..7 and each axis; the coordinates themselves are left out."""
    waves = points[..., None] * (torch.pi * 2.0 ** torch.arange(FREQUENCIES, device=points.device))
    found: Tensor = torch.cat([waves.sin(), waves.cos()], -1).flatten(-2)
    return found


class Residual(nn.Module):
    """Two linear layers behind rectifiers, beside a shortcut."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width_in, width_out), nn.Linear(width_out, width_out)
        self.shortcut = nn.Identity() if width_in == width_out else nn.Linear(width_in, width_out, bias=False)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        deep: Tensor = self.second(self.first(x.relu()).relu())
        out: Tensor = deep + self.shortcut(x)
        return out


class PlaneUNet(nn.Module):
    """A UNet over the three planes; each block is convolution, roll-out, convolution, with rectifiers.

    `groups` of a normalisation behind every convolution; 0 = none (published).
    """

    def __init__(self, width_in: int, start: int, width_out: int, depth: int, groups: int = 0) -> None:
        super().__init__()
        widths = [start * 2**level for level in range(depth)]
        self.down = nn.ModuleList(
            _block(before, after, groups) for before, after in zip([width_in, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(_block(low + high, low, groups) for low, high in itertools.pairwise(widths))
        self.last = PlaneConv(start, width_out, 1)

    def forward(self, planes: Tensor) -> Tensor:
        """(B, 3, C, R, R) -> (B, 3, C', R, R)."""
        planes = laid_out(planes)
        kept: list[Tensor] = []
        for level, block in enumerate(self.down):
            if level:
                planes = stacked(nn.functional.max_pool2d(planes.flatten(0, 1), 2))
            planes = block(planes)
            kept.append(planes)
        for level in range(len(self.up) - 1, -1, -1):
            planes = self.up[level](joined(kept[level], resized(planes, kept[level].shape[-1])))
        out: Tensor = self.last(planes)
        return out


class PointPlanes(nn.Module):
    """A cloud as planes (DisCo's ConvPointNet).

    Args:
        side: cells along a plane.
        hidden: width of the point layers.
        width: channels between points and planes.
        start, depth: of the plane network.
        out: channels that come out.
        blocks: point layers, with local pooling between them.
        groups: see `PlaneUNet`.
    """

    def __init__(
        self, side: int, hidden: int, width: int, start: int, depth: int, out: int, blocks: int = 5, groups: int = 0
    ) -> None:
        super().__init__()
        self.side = side
        self.enter = nn.Linear(EMBEDDED, 2 * hidden)
        self.blocks = nn.ModuleList(Residual(2 * hidden, hidden) for _ in range(blocks))
        self.leave = nn.Linear(hidden, width)
        self.planes = PlaneUNet(width, start, out, depth, groups)

    def forward(self, points: Tensor) -> Tensor:
        """(B, N, 3) object frame -> (B, 3, out, side, side)."""
        index = cells(points, self.side)
        features = self.blocks[0](self.enter(embedded(points)))
        for block in list(self.blocks)[1:]:
            features = block(torch.cat([features, pooled(features, index, self.side)], -1))
        planes: Tensor = self.planes(spread(self.leave(features), index, self.side, "mean"))
        return planes


def _block(width_in: int, width_out: int, groups: int) -> nn.Module:
    layers: list[nn.Module] = []
    for layer in (PlaneConv(width_in, width_out), RollOut(width_out), PlaneConv(width_out, width_out)):
        layers += [layer, *([PlaneNorm(groups, width_out)] if groups else []), nn.ReLU()]
    return nn.Sequential(*layers)
