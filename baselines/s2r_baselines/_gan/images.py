"""Depth maps as images in [-1, 1], and back, where clean and captured ones are no pairs or a hole is a depth.

Channel 0 is the depth code of the diffusion methods. With holes="channel" a missing pixel has the value of the nearest
one that is there, and channel 1 is validity, +1 or -1: then a hole is what that channel says, and no jump to a depth
that nothing has stands at its border. With holes="far" there is channel 0 alone, a missing pixel is +1, the farthest
code, and what lies beyond 98 % of the code's reach (4.9 m; authors' release) is a hole.
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
    def condition_channels(self) -> int:
        """Channels of an image, whichever side it is of."""
        return 2 if self.options.holes == "channel" else 1

    @property
    def residual(self) -> None:
        """Images hold depth itself."""
        return

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
        if self.options.holes == "far":
            return value[None].float()
        return torch.stack([_filled(value, seen), torch.where(seen, 1.0, -1.0)]).float()

    def condition(self, frame: DepthFrame) -> Tensor:
        """The image of a clean frame."""
        return self.encode(frame.depth)

    def decode(self, frame: DepthFrame, image: Tensor) -> DepthArray:
        """Depth (H, W) float32 in metres of an image (C, H, W); 0 where it or the clean frame has no value."""
        metres = self.depth.decode(image[0].double().cpu()).numpy()
        if self.levels is not None:
            metres = to_level(metres, np.asarray(self.levels))
        seen = self.seen(frame.depth).numpy() & self.seen(metres.astype(np.float32)).numpy()
        if len(image) == 2:
            seen &= (image[1] > 0).cpu().numpy()
        made: DepthArray = np.where(seen, metres, 0).astype(np.float32)
        return made


@dataclass(frozen=True)
class FarPairCode:
    """Pairs whose holes are the farthest depth: one channel in, one out.

    Attributes:
        image: code of either side, with holes="far".
        max_residual_m: captures farther than this from the clean depth count as missing.
    """

    image: ImageCode
    max_residual_m: float

    @property
    def residual(self) -> None:
        """Images hold depth itself."""
        return

    @property
    def levels(self) -> tuple[float, ...] | None:
        """The camera's discrete depths."""
        return self.image.levels

    @property
    def condition_channels(self) -> int:
        """Channels of `condition`."""
        return self.image.condition_channels

    def condition(self, frame: DepthFrame) -> Tensor:
        """(1, H, W) of a clean frame."""
        return self.image.encode(frame.depth)

    def target(self, pair: DepthPair) -> tuple[Tensor, Tensor]:
        """(1, H, W) of the capture, and weights of a pixel loss: 0 where the clean depth is missing."""
        clean, captured = pair.clean.depth, pair.captured.depth
        near = (clean > 0) & (np.abs(captured - clean) < self.max_residual_m)
        kept = np.where(near, captured, 0).astype(np.float32)
        return self.image.encode(kept), self.image.seen(clean)[None].float()

    def decode(self, frame: DepthFrame, image: Tensor) -> DepthArray:
        """As `ImageCode.decode`."""
        return self.image.decode(frame, image)


def mirrored(image: Tensor, height: int, width: int) -> Tensor:
    """(..., height, width): the image continued below and to the right by its own reflection, however far."""
    for axis, size in ((-2, height), (-1, width)):
        own = image.shape[axis]
        if size > own:
            image = image.index_select(axis, _reflected(own, size).to(image.device))
    return image


def _filled(value: Tensor, seen: Tensor) -> Tensor:
    """(H, W): the nearest seen value where nothing was seen; as it is where nothing was seen at all."""
    if bool(seen.all()) or not bool(seen.any()):
        return value
    from scipy.ndimage import distance_transform_edt

    rows, columns = distance_transform_edt(~seen.numpy(), return_distances=False, return_indices=True)
    return value[torch.from_numpy(rows).long(), torch.from_numpy(columns).long()]


def _reflected(own: int, size: int) -> Tensor:
    # 0 1 2 1 0 1 2 ...: the border pixel is not repeated
    period = max(2 * (own - 1), 1)
    place = torch.arange(size) % period
    return torch.where(place < own, place, period - place)
