"""Depth in three like channels: the code of the authors' release, whose autoencoder is made for colour.

    s = 2 ln(d / 0.05 m) / ln(100) - 1   for 0.05 m <= d <= 4.9 m, else s = +1     (condition, the same in each channel)
    r = (s_captured - s_clean) / 2                                                 (target, the same in each channel)
    D = mean over the three channels of 0.05 m * exp((s + 2 r + 1) / 2 * ln(100)),  0 beyond 4.8 m

What is decoded are three maps that need not be alike: each is taken to metres, and then their mean. There is no map of
validity, so no hole is ever made: a pixel has a depth where the clean side has one within range. The release reads its
mask off the real scan, also in simulation; a simulator knows no scan, so only the clean side decides here. A residual
where nothing was captured is 0 and weighs little in training, as in `maps`.
Source: data/dataset_train_stage1.py, eval_stage1.py and rgbd_fusion/lasa_eval_fusion.py of the authors' release.
"""

import numpy as np
import torch
from torch import Tensor

from s2r_baselines._diffusion.maps import MapCode
from s2r_baselines._diffusion.options import CodeOptions
from s2r_bench.depth_code import ResidualCode
from s2r_bench.types import DepthFrame, DepthPair

CHANNELS = 3
NEAREST_M, FARTHEST_M = 0.05, 4.9  # of clean depth that has a code of its own
CUT_M = 4.8  # what the release fuses
MISSING = 1.0  # the code of everything else


class AlikeCode(MapCode):
    """One map to be coded in all channels, and `CHANNELS` maps back.

    Condition maps are (1, H, W), target maps (1, H, W) with weights of the same shape, drawn maps (3, H, W).
    """

    @property
    def condition_channels(self) -> int:
        """Channels of `condition`."""
        return 1

    def condition(self, frame: DepthFrame) -> Tensor:
        """(1, H, W) float32: the clean depth's code, `MISSING` out of range."""
        clean = torch.from_numpy(frame.depth)
        return torch.where(_in_range(clean), self.depth.encode(clean), MISSING)[None].float()

    def target(self, pair: DepthPair) -> tuple[Tensor, Tensor]:
        """(1, H, W) target map and (1, H, W) loss weights, without the map of validity."""
        maps, weight = super().target(pair)
        return maps[:1], weight[:1]

    def decode(self, frame: DepthFrame, maps: Tensor) -> np.ndarray:
        """Depth (H, W) float32 metres from drawn maps (3, H, W); 0 where clean or drawn depth is out of range."""
        clean = torch.from_numpy(frame.depth).double()
        metres = self.metres(clean, maps.double().cpu())
        within = _in_range(clean) & (metres > 0) & (metres <= CUT_M)
        return torch.where(within, metres, 0.0).float().numpy()

    def metres(self, clean: Tensor, value: Tensor) -> Tensor:
        """Mean depth (H, W) in metres that maps (3, H, W) mean at clean depth (H, W), on a level if there are any."""
        return self.on_level(torch.stack([self.free_metres(clean, one) for one in value]).mean(0))


def refilled(before: Tensor, after: Tensor) -> Tensor:
    """`after`, a resized condition map (1, H, W), `MISSING` wherever a missing pixel of `before` had a share in it."""
    missing = (before >= MISSING).float()
    share = torch.nn.functional.interpolate(missing[None], after.shape[-2:], mode="bilinear", align_corners=False)[0]
    return torch.where(share > 0, MISSING, after)


def map_code(options: CodeOptions, residual: ResidualCode | None, levels: tuple[float, ...] | None = None) -> MapCode:
    """The code of maps that the options ask for."""
    return (AlikeCode if options.channels == "alike" else MapCode)(options, residual, levels)


def drawn_maps(options: CodeOptions) -> int:
    """How many maps a stage draws for a frame, and hands to the next."""
    return CHANNELS if options.channels == "alike" else 2


def _in_range(clean: Tensor) -> Tensor:
    metres = clean.float()  # 4.9 in double precision is another number
    return (metres >= NEAREST_M) & (metres <= FARTHEST_M)
