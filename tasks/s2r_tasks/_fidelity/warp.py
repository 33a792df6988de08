"""The next view of a sequence, seen from this one: which pixel of it shows the same surface point."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from s2r_bench.geometry.camera import pixel_rays
from s2r_bench.types import DepthFrame

SAME_SURFACE_M = 0.03


@dataclass(frozen=True, eq=False)
class Correspondence:
    """For each pixel of view i the pixel of view j that sees the same point of the clean surface.

    Attributes:
        seen: (H, W) bool: j sees the point too.
        index: (H, W) int64 flat pixel index in j; 0 where not seen.
        gain: (H, W) float32: metres of depth in j for each metre of depth in i, along i's ray.
    """

    seen: Tensor
    index: Tensor
    gain: Tensor


def correspond(view: DepthFrame, other: DepthFrame) -> Correspondence:
    """Project the clean points of `view` into `other`; occlusion is decided by the clean depths (3 cm)."""
    rays = pixel_rays(view.K, view.size)
    other_from_view = np.linalg.inv(other.world_from_cam) @ view.world_from_cam
    turned = rays @ other_from_view[:3, :3].T
    points = turned * view.depth[..., None] + other_from_view[:3, 3]
    front = (view.depth > 0) & (points[..., 2] > 1e-3)
    image = np.where(front[..., None], points, 1.0) @ other.K.T
    pixel = np.rint(image[..., :2] / image[..., 2:])
    height, width = other.size
    inside = front & (pixel >= 0).all(-1) & (pixel[..., 0] < width) & (pixel[..., 1] < height)
    index = np.where(inside, pixel[..., 1] * width + pixel[..., 0], 0).astype(np.int64)
    there = other.depth.reshape(-1)[index]
    seen = inside & (there > 0) & (np.abs(there - points[..., 2]) < SAME_SURFACE_M)
    return Correspondence(
        torch.from_numpy(seen), torch.from_numpy(index), torch.from_numpy(turned[..., 2].astype(np.float32))
    )


def disagreement(
    match: Correspondence, residual: Tensor, valid: Tensor, next_residual: Tensor, next_valid: Tensor
) -> float:
    """Mean |gain r_i(p) - r_j(q)| in metres over matched pixels that are valid in both views; NaN if there are none.

    It is how far this view's points miss the next view's, less what the clean surfaces themselves miss (rounding to
    pixels on slanted surfaces), so that clean depth gives exactly 0.
    """
    both = match.seen & valid & next_valid.reshape(-1)[match.index]
    missed = match.gain * residual - next_residual.reshape(-1)[match.index]
    return float(missed[both].abs().double().mean())
