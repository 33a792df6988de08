"""What is trained on real scans: DGCNN's classifier of objects and its segmentation of blocks."""

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from s2r_bench.options import Options
from s2r_tasks._occo.dgcnn import GraphEncoder
from s2r_tasks._occo.encoder import Encoder, Network
from s2r_tasks._occo.layers import SLOPE, PointLayer, linear


class HeadOptions(Options):
    """Sizes of a head; defaults are the published ones, the same for both. `hidden`: widths of its two layers."""

    hidden: tuple[int, int] = (512, 256)
    dropout: float = Field(0.5, ge=0, lt=1)


class Classifier(Network):
    """Logits (B, classes) of clouds (B, N, C)."""

    def __init__(self, encoder: Encoder, options: HeadOptions, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = ClassHead(encoder.pooled_features, options, classes)

    def forward(self, cloud: Tensor) -> Tensor:
        """Logits of each cloud."""
        logits: Tensor = self.head(self.encoder.pooled(cloud))
        return logits


class ClassHead(nn.Module):
    """Features (B, width) to logits (B, classes)."""

    def __init__(self, width: int, options: HeadOptions, classes: int) -> None:
        super().__init__()
        wide, narrow = options.hidden
        self.linear1, self.bn6 = nn.Linear(width, wide, bias=False), nn.BatchNorm1d(wide)
        self.linear2, self.bn7 = nn.Linear(wide, narrow), nn.BatchNorm1d(narrow)
        self.linear3 = nn.Linear(narrow, classes)
        self.dropout = nn.Dropout(options.dropout)

    def forward(self, feature: Tensor) -> Tensor:
        """Logits of each feature."""
        x = self.dropout(functional.leaky_relu(self.bn6(self.linear1(feature)), SLOPE))
        x = self.dropout(functional.leaky_relu(self.bn7(self.linear2(x)), SLOPE))
        logits: Tensor = self.linear3(x)
        return logits


class Segmenter(Network):
    """Logits (B, N, classes) of blocks (B, N, C)."""

    encoder: GraphEncoder

    def __init__(self, encoder: GraphEncoder, options: HeadOptions, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = PointHead(encoder.features, encoder.local_features, options, classes)

    def forward(self, block: Tensor) -> Tensor:
        """Logits of each point."""
        local = self.encoder.local(block)
        logits: Tensor = self.head(self.encoder.last.max_over(local, 1), local)
        return logits


class PointHead(nn.Module):
    """A cloud's feature (B, width) and its points' (B, N, local) to logits (B, N, classes)."""

    def __init__(self, width: int, local: int, options: HeadOptions, classes: int) -> None:
        super().__init__()
        wide, narrow = options.hidden
        self.conv7 = PointLayer(width + local, wide)
        self.conv8 = PointLayer(wide, narrow)
        self.dropout = nn.Dropout(options.dropout)
        self.conv9 = nn.Conv1d(narrow, classes, 1, bias=False)

    def forward(self, feature: Tensor, local: Tensor) -> Tensor:
        """Logits of each point."""
        # what the cloud's feature adds is the same for all its points: once a cloud
        of_cloud, of_point = torch.split(self.conv7.weight, [feature.shape[1], local.shape[2]], 1)
        x = self.conv7.activated(linear(local, of_point) + linear(feature, of_cloud)[:, None])
        x = self.dropout(self.conv8.rows(x))
        return linear(x, self.conv9.weight.flatten(1))
