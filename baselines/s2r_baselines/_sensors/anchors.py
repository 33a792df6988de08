"""Sparse ranges made dense: median blocks, a wavy grid of anchors, guided means of the nearest, smoothing."""

import numpy as np
from numpy.typing import NDArray

from s2r_bench.types import DepthArray, FloatArray

WAVES = 2.0  # periods of the grid's bending across the image


def median_blocks(depth: DepthArray, block: int) -> DepthArray:
    """(ceil(H / block), ceil(W / block)) lower median of each block's values, 0 where it has none.

    A median that is one of the values: it lies on a surface, never between two.
    """
    if block == 1:
        return depth
    height, width = -(-depth.shape[0] // block), -(-depth.shape[1] // block)
    padded = np.zeros((height * block, width * block), dtype=depth.dtype)
    padded[: depth.shape[0], : depth.shape[1]] = depth
    cells = padded.reshape(height, block, width, block).swapaxes(1, 2).reshape(height, width, block * block)
    ordered = np.sort(np.where(cells > 0, cells, np.inf), axis=-1)
    middle = np.maximum((cells > 0).sum(-1) - 1, 0) // 2
    median = np.take_along_axis(ordered, middle[..., None], axis=-1)[..., 0]
    return np.where(np.isfinite(median), median, 0).astype(np.float32)


def anchor_grid(
    size: tuple[int, int], stride: float, turn: float, stretch: FloatArray, waves: FloatArray, phase: FloatArray
) -> NDArray[np.int64]:
    """(A, 2) rows and columns of the anchors inside the image, each once.

    Args:
        size: (height, width).
        stride: distance of neighbouring anchors, pixels.
        turn: radians, about the middle of the image.
        stretch: (2,) factors for rows and columns.
        waves: (2,) amplitudes of the bending, strides.
        phase: (2,) 0 to 1, shift of the grid in strides.
    """
    height, width = size
    reach = int(np.ceil(np.hypot(height, width) / stride)) + 1  # a turned grid still covers the corners
    steps = np.arange(-reach, reach + 1)
    row, column = np.meshgrid((steps + phase[0]) * stride * stretch[0], (steps + phase[1]) * stride * stretch[1])
    bent_row = row + waves[0] * stride * np.sin(2 * np.pi * WAVES * column / width)
    bent_column = column + waves[1] * stride * np.sin(2 * np.pi * WAVES * row / height)
    v = np.cos(turn) * bent_row - np.sin(turn) * bent_column + (height - 1) / 2
    u = np.sin(turn) * bent_row + np.cos(turn) * bent_column + (width - 1) / 2
    points: NDArray[np.int64] = np.rint(np.column_stack([v.ravel(), u.ravel()])).astype(np.int64)
    inside = (points >= 0).all(1) & (points < [height, width]).all(1)
    return np.unique(points[inside], axis=0)


def completed(
    depth: DepthArray, anchors: NDArray[np.int64], ranges: FloatArray, stride: float, guide: float, neighbours: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Dense depth from anchors.

    Args:
        depth: (H, W) clean depth that guides, metres.
        anchors: (A, 2) rows and columns.
        ranges: (A,) measured, metres.
        stride: standard deviation of the weight by distance, pixels.
        guide: standard deviation of the weight by ln(depth / range).
        neighbours: how many anchors a pixel is the mean of.

    Returns:
        (H, W) metres; (H, W) pixels to the nearest anchor; (H, W) weighted standard deviation over mean.
    """
    from scipy.spatial import cKDTree

    count = min(neighbours, len(anchors))
    pixels = np.argwhere(np.ones(depth.shape, dtype=bool))
    away, which = cKDTree(anchors).query(pixels, k=list(range(1, count + 1)))
    values = ranges[which]
    clean = depth.reshape(-1, 1)
    unlike = np.log(np.maximum(values, 1e-3) / np.where(clean > 0, clean, 1.0)) / guide
    # where no anchor is alike (a part that all of them missed) the least unlike decide: the part is filled from beside
    unlike = np.minimum(unlike**2 - (unlike**2).min(1, keepdims=True), 100.0)
    weights = np.exp(-0.5 * ((away / stride) ** 2 - (away[:, :1] / stride) ** 2) - 0.5 * unlike)
    weights /= weights.sum(1, keepdims=True)
    mean = (weights * values).sum(1)
    spread = np.sqrt((weights * (values - mean[:, None]) ** 2).sum(1)) / np.maximum(mean, 1e-3)
    return mean.reshape(depth.shape), away[:, 0].reshape(depth.shape), spread.reshape(depth.shape)


def smoothed(depth: FloatArray, blur_px: float) -> FloatArray:
    """(H, W) Gaussian mean of the values around, holes left out of it; holes stay."""
    from scipy.ndimage import gaussian_filter

    if blur_px == 0:
        return depth
    known = (depth > 0).astype(np.float64)
    weight = gaussian_filter(known, blur_px, mode="nearest")
    mean = gaussian_filter(depth, blur_px, mode="nearest") / np.maximum(weight, 1e-9)
    blurred: FloatArray = np.where(depth > 0, mean, 0.0)
    return blurred


def widened(depth: FloatArray, block: int, size: tuple[int, int]) -> FloatArray:
    """(H, W) of `size` from blocks: linear between the blocks' middles, without holes; empty blocks stay empty."""
    import cv2

    if block == 1:
        return depth
    whole = (depth.shape[1] * block, depth.shape[0] * block)
    known = cv2.resize((depth > 0).astype(np.float64), whole, interpolation=cv2.INTER_LINEAR)
    mean = cv2.resize(depth, whole, interpolation=cv2.INTER_LINEAR) / np.maximum(known, 1e-9)
    own = np.kron(depth > 0, np.ones((block, block), dtype=bool))
    wide: FloatArray = np.where(own, mean, 0.0)[: size[0], : size[1]]
    return wide
