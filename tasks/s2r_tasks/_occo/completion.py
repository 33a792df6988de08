"""OcCo's pretraining: complete what a view leaves out. The network, its loss, and the weight of the fine cloud.

L = CD(coarse, complete) + alpha CD(fine, complete), where CD is half the sum of the mean distances (not squared) to the
nearest point, from either cloud to the other.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from s2r_metrics.pointcloud import compare_clouds
from s2r_tasks._occo.decoder import DecoderOptions, FoldingDecoder
from s2r_tasks._occo.encoder import Encoder, Network

ALPHAS = ((10_000, 0.01), (20_000, 0.1), (50_000, 0.5))
"""alpha up to a step of the published training; behind the last it is 1."""
PUBLISHED_STEPS = 153_750  # 98 430 pairs in batches of 32, 50 epochs
SMALLEST = 1e-12  # a root has no gradient at 0; distances below 1e-6 count as that


class Completion(Network):
    """Partial clouds (B, N, C) to coarse (B, coarse, 3) and fine (B, fine, 3) complete ones."""

    def __init__(self, encoder: Encoder, options: DecoderOptions) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = FoldingDecoder(encoder.features, options)

    def forward(self, partial: Tensor) -> tuple[Tensor, Tensor]:
        """Coarse and fine cloud."""
        coarse, fine = self.decoder(self.encoder(partial))
        return coarse, fine


def alpha(step: int, steps: int) -> float:
    """Weight of the fine cloud at a step (from 0) of a training of `steps`: the published schedule, to scale.

    Trainings of four steps or more walk through all its stages.

    >>> [alpha(step, 153_750) for step in (0, 10_000, 10_001, 50_000, 50_001)]
    [0.01, 0.01, 0.1, 0.5, 1.0]
    >>> [alpha(step, 4) for step in range(4)]
    [0.01, 0.1, 0.5, 1.0]
    """
    for number, (until, value) in enumerate(ALPHAS):
        if step <= number or step * PUBLISHED_STEPS <= until * steps:
            return value
    return 1.0


def root_chamfer(a: Tensor, b: Tensor) -> Tensor:
    """CD of two batches of clouds, (B, n, 3) and (B, m, 3), mean over the batch: 0-d float64, differentiable.

    >>> float(root_chamfer(torch.zeros(1, 1, 3), torch.tensor([[[0.0, 0, 2], [0, 0, 4]]])))
    2.5
    """
    found = compare_clouds(a, b)
    there, back = (squared.clamp_min(SMALLEST).sqrt().mean() for squared in (found.forward, found.backward))
    return (there + back) / 2


def completion_loss(coarse: Tensor, fine: Tensor, complete: Tensor, weight: float | Tensor) -> Tensor:
    """L of a batch; NaN where the network gives such, so that whoever trains it can say so."""
    if not bool(torch.isfinite(coarse).all() & torch.isfinite(fine).all()):
        return (coarse.sum() + fine.sum()) * torch.nan
    return root_chamfer(coarse, complete) + weight * root_chamfer(fine, complete)


def training_loss(network: nn.Module, batch: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
    """`completion_loss` for a training loop; `batch`: partial (B, N, C), complete (B, M, 3), alpha 0-d."""
    coarse, fine = network(batch["partial"])
    return completion_loss(coarse, fine, batch["complete"], batch["alpha"])
