"""DGCNN's encoders (Wang et al. 2019), as OcCo's PyTorch port has them: for objects, and for blocks of rooms.

Neighbours are searched anew in the features of each layer, and a point is a neighbour of itself. There is no spatial
transformer.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from s2r_bench.options import Options
from s2r_tasks._occo.edges import EdgeLayer
from s2r_tasks._occo.encoder import Encoder
from s2r_tasks._occo.layers import PointLayer, largest
from s2r_tasks._occo.neighbours import BUDGET, global_rows, knn


class ObjectOptions(Options):
    """Sizes of the encoder for objects; defaults are the published ones. `k`: neighbours. `features`: of a cloud."""

    k: int = Field(20, ge=1)
    widths: tuple[int, int, int, int] = (64, 64, 128, 256)
    features: int = Field(1024, ge=1)


class BlockOptions(Options):
    """Sizes of the encoder for blocks; defaults are the published ones. `width`: of all its edge layers."""

    k: int = Field(20, ge=1)
    width: int = Field(64, ge=1)
    features: int = Field(1024, ge=1)


class GraphEncoder(Encoder):
    """What both have in common: features of points, and a last layer that is pooled over the cloud."""

    entry: ClassVar[Mapping[str, int]] = {"conv1.0.weight": 2}
    local_features: int

    def __init__(self, k: int, features: int, budget: int) -> None:
        super().__init__()
        self.k, self.features, self.pooled_features, self.budget = k, features, 2 * features, budget

    @property
    @abstractmethod
    def last(self) -> PointLayer:
        """The layer before the pooling."""

    @abstractmethod
    def local(self, cloud: Tensor) -> Tensor:
        """(B, N, local_features): the edge layers' results side by side."""

    def forward(self, cloud: Tensor) -> Tensor:
        """(B, features): the largest over all points."""
        return self.last.max_over(self.local(cloud), 1)

    def pooled(self, cloud: Tensor) -> Tensor:
        """(B, 2 features): the largest and the mean over all points."""
        points = self.last.rows(self.local(cloud))
        return torch.cat([largest(points, 1), points.mean(1)], 1)

    def _rows(self, features: Tensor) -> Tensor:
        return global_rows(knn(features, self.k, self.budget))

    def _edge_max(self, layer: EdgeLayer, features: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C'), the graph taken of the features themselves."""
        return layer.edge_max(features.flatten(0, 1), self._rows(features)).view(*features.shape[:2], -1)


class ObjectEncoder(GraphEncoder):
    """Four edge layers and a pooled one; 617 856 parameters as published.

    Args:
        options: sizes.
        channels: of a cloud.
        budget: bytes of the search for neighbours.
    """

    def __init__(self, options: ObjectOptions, channels: int = 3, budget: int = BUDGET) -> None:
        super().__init__(options.k, options.features, budget)
        a, b, c, d = options.widths
        self.conv1 = EdgeLayer(channels, a)
        self.conv2 = EdgeLayer(a, b)
        self.conv3 = EdgeLayer(b, c)
        self.conv4 = EdgeLayer(c, d)
        self.local_features = sum(options.widths)
        self.conv5 = PointLayer(self.local_features, options.features)

    @property
    def last(self) -> PointLayer:
        """The layer before the pooling."""
        return self.conv5

    def local(self, cloud: Tensor) -> Tensor:
        """(B, N, local_features): the edge layers' results side by side."""
        found = [cloud]
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            found.append(self._edge_max(layer, found[-1]))
        return torch.cat(found[1:], 2)


class BlockEncoder(GraphEncoder):
    """Three edge layers, the first two of two convolutions each, and a pooled one; 225 024 parameters as published.

    The first graph joins neighbours in the last three channels: xyz relative to the room in the nine channels of S3DIS,
    xyz itself where there is no more. Arguments as for `ObjectEncoder`.
    """

    def __init__(self, options: BlockOptions, channels: int = 9, budget: int = BUDGET) -> None:
        super().__init__(options.k, options.features, budget)
        width = options.width
        self.conv1 = EdgeLayer(channels, width)
        self.conv2 = PointLayer(width, width, dims=2)
        self.conv3 = EdgeLayer(width, width)
        self.conv4 = PointLayer(width, width, dims=2)
        self.conv5 = EdgeLayer(width, width)
        self.local_features = 3 * width
        self.conv6 = PointLayer(self.local_features, options.features)

    @property
    def last(self) -> PointLayer:
        """The layer before the pooling."""
        return self.conv6

    def local(self, cloud: Tensor) -> Tensor:
        """(B, N, local_features): the edge layers' results side by side."""
        edges = self.conv1.edges(cloud.flatten(0, 1), self._rows(cloud[..., -3:]))
        first = self.conv2.max_over(edges, 1).view(*cloud.shape[:2], -1)
        edges = self.conv3.edges(first.flatten(0, 1), self._rows(first))
        second = self.conv4.max_over(edges, 1).view(*cloud.shape[:2], -1)
        return torch.cat([first, second, self._edge_max(self.conv5, second)], 2)
