"""Depth frames as clouds: what is known of each pixel's point, windows of a frame, and points as a depth map again."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from s2r_bench.depth_code import DepthCode
from s2r_bench.geometry.camera import pixel_rays
from s2r_bench.geometry.points import normals_from_depth
from s2r_bench.types import DepthFrame, DepthPair

GEOMETRY_CHANNELS = 6


def clean_maps(frame: DepthFrame) -> Tensor:
    """(6, H, W) float32: depth, viewing ray (x, y; z is 1), normal; depth and normal are 0 where they are unknown."""
    rays = torch.from_numpy(pixel_rays(frame.K, frame.size)[..., :2]).permute(2, 0, 1)
    normals = torch.from_numpy(normals_from_depth(frame.depth, frame.K)).permute(2, 0, 1)
    return torch.cat([torch.from_numpy(frame.depth)[None], rays.float(), normals])


def pair_maps(pair: DepthPair, limit_m: float) -> Tensor:
    """(7, H, W): the maps of the clean frame, and captured depth, 0 where it is not within `limit_m` of the clean."""
    clean, captured = pair.clean.depth, pair.captured.depth
    seen = (clean > 0) & (captured > 0) & (np.abs(captured - clean) < limit_m)
    return torch.cat([clean_maps(pair.clean), torch.from_numpy(np.where(seen, captured, 0).astype(np.float32))[None]])


@dataclass(frozen=True)
class Windows:
    """Equal windows of frames, each pixel a point of its window's cloud.

    Attributes:
        maps: (B, 6, S, S), as `clean_maps`, or (B, 7, S, S), as `pair_maps`.
    """

    maps: Tensor

    @property
    def depth(self) -> Tensor:
        """(B, P) clean depth in metres, P = S^2."""
        return self.maps[:, 0].flatten(1)

    @property
    def there(self) -> Tensor:
        """(B, P) bool: where there is a clean point."""
        return self.depth > 0

    @property
    def rays(self) -> Tensor:
        """(B, P, 3) viewing rays with z = 1: a point is its depth times its ray."""
        across = self.maps[:, 1:3].flatten(2).transpose(1, 2)
        return functional.pad(across, (0, 1), value=1.0)

    @property
    def points(self) -> Tensor:
        """(B, P, 3) clean points in the camera frame, metres."""
        return self.depth[..., None] * self.rays

    @property
    def captured(self) -> Tensor:
        """(B, P) captured depth in metres, 0 = none (of pairs)."""
        return self.maps[:, 6].flatten(1)

    @property
    def geometry(self) -> Tensor:
        """(B, P, 6): code of depth, viewing ray, normal; 0 where there is no point."""
        known = self.there[..., None]
        code = DepthCode().encode(self.depth)[..., None]
        told = torch.cat([code, self.rays[..., :2], self.maps[:, 3:6].flatten(2).transpose(1, 2)], 2)
        return torch.where(known, told, 0)


def corners(length: int, side: int, start: int) -> list[int]:
    """First pixels of the windows that cover a line of `length` pixels, one of them `start` pixels before its begin.

    Windows that would stick out are moved inside, so that all are whole. `length` is at least `side`.

    >>> corners(96, 32, 0), corners(96, 32, 16), corners(40, 32, 0)
    ([0, 32, 64], [0, 16, 48, 64], [0, 8])
    """
    return sorted({min(max(at, 0), length - side) for at in range(-start, length, side)})


@dataclass(frozen=True)
class Tiling:
    """Windows of `side` pixels that cover a frame. Where some overlap, what they say is averaged.

    Attributes:
        size: (height, width) of the frame, each at least `side`.
        side: of the windows, pixels.
        start: pixels by which they are moved up and to the left.
    """

    size: tuple[int, int]
    side: int
    start: int = 0

    @property
    def places(self) -> list[tuple[slice, slice]]:
        """Rows and columns of each window."""
        rows, columns = (corners(length, self.side, self.start) for length in self.size)
        return [(slice(r, r + self.side), slice(c, c + self.side)) for r in rows for c in columns]

    def cut(self, maps: Tensor) -> Tensor:
        """(B, C, side, side) windows of maps (C, H, W)."""
        return torch.stack([maps[:, rows, columns] for rows, columns in self.places])

    def join(self, windows: Tensor) -> Tensor:
        """(C, H, W) of windows (B, C, side, side)."""
        whole = windows.new_zeros(windows.shape[1], *self.size)
        count = windows.new_zeros(self.size)
        for window, (rows, columns) in zip(windows, self.places, strict=True):
            whole[:, rows, columns] += window
            count[rows, columns] += 1
        return whole / count


def padded(maps: Tensor, side: int) -> Tensor:
    """Maps (C, H, W) continued to the right and downwards by pixels without a point, to at least `side` a side."""
    height, width = maps.shape[-2:]
    return functional.pad(maps, (0, max(side - width, 0), 0, max(side - height, 0)))
