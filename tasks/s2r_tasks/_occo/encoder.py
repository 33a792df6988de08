"""What every encoder of clouds promises, and what a network that stands on one looks like."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """Clouds (B, N, C), the first three channels xyz, to one feature each.

    Attributes:
        entry: names of the weights that meet the cloud's channels, and how many times in a row each channel does.
        prefix: of its names in published checkpoints.
        features: width of `forward`. pooled_features: width of `pooled`.
    """

    entry: ClassVar[Mapping[str, int]]
    prefix: ClassVar[str] = ""
    features: int
    pooled_features: int

    @abstractmethod
    def forward(self, cloud: Tensor) -> Tensor:
        """(B, features): the largest over all points, from which completion is learned."""

    @abstractmethod
    def pooled(self, cloud: Tensor) -> Tensor:
        """(B, pooled_features): what a classifier sees."""


class Network(nn.Module):
    """A network with one encoder, which may be pretrained; all else in it is trained from scratch."""

    encoder: Encoder
