"""Depth maps as images in [-1, 1], and back.

Channel 0 is the depth code of the diffusion methods; a missing pixel is +1, the farthest code. With holes="channel"
channel 1 is validity, +1 or -1: then a hole is what that channel says, and a depth between a surface and "far", as a
smooth network draws it around a hole, is no flying pixel. With holes="far" there is channel 0 alone, and what lies
beyond 98 % of the code's reach (4.9 m; authors' release) is a hole.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from s2r_baselines._gan.options import ImageOptions
from s2r_bench.depth_code import DepthCode
from s2r_bench.depth_levels import to_level
from s2r_bench.types import DepthArray, DepthFrame, DepthPair

FAR_SHARE = 0.98  # of the code's reach: farther is a hole, where the far code means "hole"


@dataclass(frozen=True)
class ImageCode:
    """Both ways between metres and images.

    Attributes:
        options: switches.
        levels: the camera's discrete depths in metres, ascending; None: depth varies freely.
    """

    options: ImageOptions
    levels: tuple[float, ...] | None = None

    @property
    def depth(self) -> DepthCode:
        """The depth code."""
        return DepthCode(kind=self.options.depth)

    @property
    def channels(self) -> int:
        """Channels of an image."""
        return 2 if self.options.holes == "channel" else 1

    @property
    def reach_m(self) -> float:
        """The farthest depth that is no hole."""
        return self.depth.far * (1.0 if self.options.holes == "channel" else FAR_SHARE)

    def seen(self, depth: DepthArray) -> Tensor:
        """(H, W) bool: where there is a value that the code can carry."""
        return torch.from_numpy((depth > self.depth.near) & (depth <= self.reach_m))

    def encode(self, depth: DepthArray) -> Tensor:
        """(C, H, W) float32 in [-1, 1] of a depth map in metres."""
        seen = self.seen(depth)
        value = torch.where(seen, self.depth.encode(torch.from_numpy(depth)), 1.0)
        return torch.stack([value, torch.where(seen, 1.0, -1.0)][: self.channels]).float()

    def captured(self, pair: DepthPair) -> DepthArray:
        """(H, W) the captured depth where it is within `max_residual_m` of the clean depth, else 0. Real pairs only."""
        clean, captured = pair.clean.depth, pair.captured.depth
        near = (clean > 0) & (np.abs(captured - clean) < self.options.max_residual_m)
        kept: DepthArray = np.where(near, captured, 0).astype(np.float32)
        return kept

    def weight(self, pair: DepthPair) -> Tensor:
        """(C, H, W) weights of a pixel loss: 0 where the clean depth is missing.

        With a validity channel, depth weighs where it was captured and validity everywhere; with the far code a hole
        is a value like any other.
        """
        known = self.seen(pair.clean.depth)
        if self.channels == 1:
            return known[None].float()
        return torch.stack([known & self.seen(self.captured(pair)), known]).float()

    def decode(self, frame: DepthFrame, image: Tensor) -> DepthArray:
        """Depth (H, W) float32 in metres of an image (C, H, W); 0 where it or the clean frame has no value."""
        metres = self.depth.decode(image[0].double().cpu()).numpy()
        if self.levels is not None:
            metres = to_level(metres, np.asarray(self.levels))
        seen = self.seen(frame.depth).numpy() & self.seen(metres.astype(np.float32)).numpy()
        if self.channels == 2:
            seen &= (image[1] > 0).cpu().numpy()
        made: DepthArray = np.where(seen, metres, 0).astype(np.float32)
        return made


def mirrored(image: Tensor, height: int, width: int) -> Tensor:
    """(..., height, width): the image continued below and to the right by its own reflection, however far."""
    for axis, size in ((-2, height), (-1, width)):
        own = image.shape[axis]
        if size > own:
            image = image.index_select(axis, _reflected(own, size).to(image.device))
    return image


def _reflected(own: int, size: int) -> Tensor:
    # 0 1 2 1 0 1 2 ...: the border pixel is not repeated
    period = max(2 * (own - 1), 1)
    place = torch.arange(size) % period
    return torch.where(place < own, place, period - place)
