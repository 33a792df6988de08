"""PointNet's encoder (Qi et al. 2017), as OcCo pretrains it: a learned turn of the cloud, then point-wise layers."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from s2r_bench.options import Options
from s2r_tasks._occo.encoder import Encoder
from s2r_tasks._occo.layers import largest


class PointNetOptions(Options):
    """Sizes; defaults are the published ones. `features`: of a cloud."""

    widths: tuple[int, int] = (64, 128)
    features: int = Field(1024, ge=4)


class PointNetEncoder(Encoder):
    """One feature a cloud; no graph, and no turn of the features. 946 185 parameters as published."""

    entry: ClassVar[Mapping[str, int]] = {"conv1.weight": 1, "stn.conv1.weight": 1}
    prefix: ClassVar[str] = "feat."

    def __init__(self, options: PointNetOptions, channels: int = 3) -> None:
        super().__init__()
        self.features = self.pooled_features = options.features
        self.stn = _Turn(options, channels)
        self.conv1, self.conv2, self.conv3, self.bn1, self.bn2, self.bn3 = _pointwise(options, channels)

    def forward(self, cloud: Tensor) -> Tensor:
        """(B, features): the largest over all points."""
        turned = torch.cat([cloud[..., :3] @ self.stn(cloud), cloud[..., 3:]], -1)
        x = self.bn1(self.conv1(turned.mT)).relu()
        x = self.bn2(self.conv2(x)).relu()
        return largest(self.bn3(self.conv3(x)), -1)

    def pooled(self, cloud: Tensor) -> Tensor:
        """The same: PointNet's classifier sees the largest alone."""
        feature: Tensor = self(cloud)
        return feature


class _Turn(nn.Module):
    """(B, N, C) -> (B, 3, 3), not forced to be a rotation; near the identity at first."""

    def __init__(self, options: PointNetOptions, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3, self.bn1, self.bn2, self.bn3 = _pointwise(options, channels)
        wide, narrow = options.features // 2, options.features // 4
        self.fc1, self.bn4 = nn.Linear(options.features, wide), nn.BatchNorm1d(wide)
        self.fc2, self.bn5 = nn.Linear(wide, narrow), nn.BatchNorm1d(narrow)
        self.fc3 = nn.Linear(narrow, 9)

    def forward(self, cloud: Tensor) -> Tensor:
        x = self.bn1(self.conv1(cloud.mT)).relu()
        x = self.bn2(self.conv2(x)).relu()
        x = largest(self.bn3(self.conv3(x)).relu(), -1)
        x = self.bn4(self.fc1(x)).relu()
        x = self.bn5(self.fc2(x)).relu()
        turn: Tensor = self.fc3(x).view(-1, 3, 3)
        return turn + torch.eye(3, dtype=turn.dtype, device=turn.device)


_Layers = tuple[nn.Conv1d, nn.Conv1d, nn.Conv1d, nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm1d]


def _pointwise(options: PointNetOptions, channels: int) -> _Layers:
    a, b = options.widths
    c = options.features
    convolutions = nn.Conv1d(channels, a, 1), nn.Conv1d(a, b, 1), nn.Conv1d(b, c, 1)
    return *convolutions, nn.BatchNorm1d(a), nn.BatchNorm1d(b), nn.BatchNorm1d(c)
