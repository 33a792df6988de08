"""PCN's decoder (Yuan et al. 2018): a coarse cloud from a feature, and a small grid folded about each of its points."""

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from s2r_bench.options import Options


class DecoderOptions(Options):
    """Sizes; defaults are the published ones.

    Attributes:
        coarse: points of the coarse cloud. grid: cells along the side of the grid about each of them.
        grid_scale: half the grid's side, in the cloud's unit; 0.05 as in PCN and in OcCo's model, 0.5 as OcCo's
            released PyTorch training sets it.
        hidden: width of the coarse cloud's layers. folding: width of the grid's.
    """

    coarse: int = Field(1024, ge=1)
    grid: int = Field(4, ge=2)
    grid_scale: float = Field(0.05, gt=0)
    hidden: int = Field(1024, ge=1)
    folding: int = Field(512, ge=1)

    @property
    def fine(self) -> int:
        """Points of the fine cloud."""
        return self.coarse * self.grid**2


class FoldingDecoder(nn.Module):
    """A feature (B, features) to a coarse and a fine cloud. No normalisation."""

    grid: Tensor

    def __init__(self, features: int, options: DecoderOptions) -> None:
        super().__init__()
        self.options = options
        hidden, folding = options.hidden, options.folding
        self.folding1 = nn.Sequential(
            nn.Linear(features, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 3 * options.coarse),
        )
        self.folding2 = nn.Sequential(
            nn.Conv1d(2 + 3 + features, folding, 1),
            nn.ReLU(),
            nn.Conv1d(folding, folding, 1),
            nn.ReLU(),
            nn.Conv1d(folding, 3, 1),
        )
        side = torch.linspace(-options.grid_scale, options.grid_scale, options.grid)
        self.register_buffer("grid", torch.cartesian_prod(side, side), persistent=False)

    def forward(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        """(B, coarse, 3) and (B, fine, 3); grid^2 fine points in a row belong to one coarse point, in its order."""
        coarse: Tensor = self.folding1(feature).view(-1, self.options.coarse, 3)
        (first, bias), (second, bias2), (third, bias3) = (_dense(self.folding2[place]) for place in (0, 2, 4))
        # its input is concat(grid, coarse point, feature); each part is multiplied once, not once a fine point
        of_grid, of_point, of_cloud = torch.split(first, [2, 3, feature.shape[1]], 1)
        of_centre = functional.linear(coarse, of_point) + functional.linear(feature, of_cloud, bias)[:, None]
        x = (functional.linear(self.grid, of_grid) + of_centre[:, :, None]).relu()
        x = functional.linear(x, second, bias2).relu()
        fine = functional.linear(x, third, bias3) + coarse[:, :, None]
        return coarse, fine.flatten(1, 2)


def _dense(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """(width_out, width_in) and bias of a 1x1 convolution."""
    assert isinstance(layer, nn.Conv1d)
    assert layer.bias is not None
    return layer.weight.flatten(1), layer.bias
