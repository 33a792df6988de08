"""PointNet (Qi et al. 2017) as a two-class discriminator of depth patches, with the clean patch as guidance.

Shared point-wise layers w, w, w, 2w, 16w and a max-pool give the global feature of the judged patch; one point-wise
layer of width w and a max-pool give that of the clean (CAD) patch; both are concatenated before the classifier
(paper section 3.3 and appendix C, width w = 64). The learned input and feature rotations of the original are left
out: sensor noise lies along the viewing axis, so turning the cloud would hide what is looked for.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn


class PatchPointNet(nn.Module):
    """Logits (B, 2) of (captured, generated) from a patch (B, C, N) and its clean patch (B, 3, N), camera axes."""

    def __init__(self, width: int = 64, channels: int = 3, *, guidance: bool = True, dropout: float = 0.3) -> None:
        super().__init__()
        sizes = [channels, width, width, width, 2 * width, 16 * width]
        layers = [layer for a, b in pairwise(sizes) for layer in _pointwise(a, b)]
        self.points = nn.Sequential(*layers)
        self.guidance = nn.Sequential(*_pointwise(3, width)) if guidance else None
        joined = 16 * width + (width if guidance else 0)
        self.head = nn.Sequential(
            nn.Linear(joined, 8 * width),
            nn.BatchNorm1d(8 * width),
            nn.ReLU(),
            nn.Linear(8 * width, 4 * width),
            nn.Dropout(dropout),
            nn.BatchNorm1d(4 * width),
            nn.ReLU(),
            nn.Linear(4 * width, 2),
        )

    def forward(self, patch: Tensor, clean: Tensor) -> Tensor:
        """Logits; index 1 is "generated"."""
        feature = self.points(patch).amax(-1)
        if self.guidance is not None:
            feature = torch.cat([feature, self.guidance(clean).amax(-1)], 1)
        logits: Tensor = self.head(feature)
        return logits


def _pointwise(channels_in: int, channels_out: int) -> list[nn.Module]:
    return [nn.Conv1d(channels_in, channels_out, 1), nn.BatchNorm1d(channels_out), nn.ReLU()]
