"""Disparity by OpenCV's semi-global matching, every mode pinned."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from s2r_bench.geometry.semiglobal import matched
from s2r_bench.options import Options

Image = NDArray[np.float32]
PADDING = 16  # columns more than the largest disparity, so that no window of a delivered pixel meets the border


class MatchingOptions(Options):
    """Parameters of the matcher, in sensor pixels."""

    disparities: int = Field(96, ge=16, multiple_of=16, description="disparities 0 to this are searched")
    block: int = Field(7, ge=3, le=11, description="side of the matching window, odd")
    smooth_small: float = Field(8.0, ge=0, description="penalty of a step of 1, times block^2 (P1)")
    smooth_large: float = Field(32.0, ge=0, description="penalty of a larger step, times block^2 (P2)")
    uniqueness: int = Field(8, ge=0, le=100, description="per cent by which the best cost must win")
    speckle_window: int = Field(120, ge=0, description="connected regions smaller than this are dropped, pixels")
    speckle_range: int = Field(2, ge=0, description="disparity step that separates regions, pixels")
    left_right: int = Field(1, ge=0, description="largest difference of left-right and right-left disparity")
    prefilter_cap: int = Field(31, ge=1, le=63, description="clip of the gradient pre-filter")
    refine_rounds: int = Field(2, ge=0, description="Gauss-Newton rounds of the sub-pixel fit; 0 leaves the matcher's")
    refine_window: int = Field(21, ge=3, description="window of the sub-pixel fit")
    min_correlation: float = Field(
        0.7, ge=-1, le=1, description="a match whose windows correlate (ZNCC) less is dropped; -1 keeps all"
    )
    disparity_steps: int = Field(16, ge=1, description="the finest disparity delivered is 1 / this")


def disparity_map(left: NDArray[np.uint8], right: NDArray[np.uint8], options: MatchingOptions) -> NDArray[np.float32]:
    """Disparity in pixels, (H, W - disparities - PADDING) float32; 0 where none was found.

    Args:
        left: (H, W) rectified image whose first `disparities` columns are black, then `PADDING` that are not delivered.
        right: (H, W) image that really sees there: a pixel at column c of `left` is looked for from c leftwards.
        options: the matcher's parameters.
    """
    images = left.astype(np.float32), right.astype(np.float32)
    disparity = _refined(*images, matched(left, right, options.disparities, options), options)
    disparity[_correlation(*images, disparity, options.block + 2) < options.min_correlation] = 0
    steps = np.float32(options.disparity_steps)
    return np.ascontiguousarray((np.rint(disparity * steps) / steps)[:, options.disparities + PADDING :])


def _refined(left: Image, right: Image, disparity: Image, options: MatchingOptions) -> Image:
    """The same disparities with a better fraction: the matcher's own leans towards whole pixels.

    Least squares over a window (Lucas and Kanade 1981): what shift makes the right image, warped by the disparity, fit
    the left one best. A pixel moves by at most half a pixel.
    """
    import cv2

    window = (options.refine_window, options.refine_window)
    v, u = np.indices(left.shape, dtype=np.float32)
    slope = cv2.Sobel(right, cv2.CV_32F, 1, 0, ksize=3) / 8
    known = (disparity > 0).astype(np.float32)
    refined = disparity
    for _ in range(options.refine_rounds):
        there = u - refined
        steep = cv2.remap(slope, there, v, cv2.INTER_LINEAR) * known
        error = left - cv2.remap(right, there, v, cv2.INTER_LINEAR)
        shift = -cv2.boxFilter(error * steep, -1, window, normalize=False)
        shift /= cv2.boxFilter(steep * steep, -1, window, normalize=False) + 50
        refined = refined + np.clip(shift, -0.5, 0.5) * known
    return np.asarray(np.clip(refined, disparity - 0.5, disparity + 0.5) * known, dtype=np.float32)


def _correlation(left: Image, right: Image, disparity: Image, side: int) -> Image:
    """Zero-mean normalised correlation of each pixel's window in `left` with its match in `right`."""
    import cv2

    def mean(image: Image) -> Image:
        return np.asarray(cv2.boxFilter(image, -1, (side, side)), dtype=np.float32)

    v, u = np.indices(left.shape, dtype=np.float32)
    match = cv2.remap(right, u - disparity, v, cv2.INTER_LINEAR)
    mean_left, mean_match = mean(left), mean(match)
    spread = (mean(left * left) - mean_left**2) * (mean(match * match) - mean_match**2)
    return np.asarray((mean(left * match) - mean_left * mean_match) / np.sqrt(np.maximum(spread, 1)), dtype=np.float32)
