"""Depth maps as images of surfaces: values between pixels, finer grids, and what a second viewpoint sees.

Everything here works on inverse depth (1 / metres, 0 = no value): that of a plane is linear in the image.
"""

import numpy as np

from s2r_bench.types import BoolArray, DepthArray, FloatArray

JUMP = 0.05  # neighbours whose inverse depths differ by a larger share belong to two surfaces


def inverse_of(depth: DepthArray | FloatArray) -> FloatArray:
    """1 / depth, same shape, 0 where there is no value; its own inverse."""
    known = depth > 0
    inverse: FloatArray = np.where(known, 1.0 / np.where(known, depth, 1.0), 0.0)
    return inverse


def sampled(inverse: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Inverse depth at positions between pixels; positions beyond the border are moved onto it.

    Linear between the four pixels around a position if they lie on one surface; else that of the nearest pixel, so that
    nothing appears halfway between two surfaces.

    Args:
        inverse: (H, W).
        rows: real-valued, any shape.
        columns: of the same shape.
    """
    height, width = inverse.shape
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, left = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    below, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    v, u = rows - top, columns - left
    a, b, c, d = inverse[top, left], inverse[top, right], inverse[below, left], inverse[below, right]
    low, high = np.minimum(np.minimum(a, b), np.minimum(c, d)), np.maximum(np.maximum(a, b), np.maximum(c, d))
    mixed = (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d)
    nearest = np.where(v < 0.5, np.where(u < 0.5, a, b), np.where(u < 0.5, c, d))
    found: FloatArray = np.where((low > 0) & (high - low < JUMP * high), mixed, nearest)
    return found


def jittered(inverse: FloatArray, spread_px: FloatArray | float, dice: np.random.Generator) -> FloatArray:
    """(H, W) inverse depth from beside each pixel.

    Args:
        inverse: (H, W).
        spread_px: standard deviation of the distance in each direction, one for all or (H, W).
        dice: draws it, every pixel on its own.
    """
    draws = dice.standard_normal((2, *inverse.shape)) * spread_px
    rows, columns = np.indices(inverse.shape, dtype=np.float64)
    return sampled(inverse, rows + draws[0], columns + draws[1])


def finer(inverse: FloatArray, step: int) -> FloatArray:
    """(H * step, W * step) inverse depth; every `step`-th pixel of every `step`-th row, from (0, 0), is the old one."""
    if step == 1:
        return inverse
    height, width = inverse.shape
    rows, columns = np.arange(height * step) / step, np.arange(width * step) / step
    return sampled(inverse, *np.meshgrid(rows, columns, indexing="ij"))


def nearest_from(inverse: FloatArray, shift: float, before: int, width: int) -> FloatArray:
    """(H, width) inverse depth of the nearest surface in each pixel of a view from a point on the camera's x axis.

    Args:
        inverse: (H, W).
        shift: focal length in pixels times the metres by which that point lies to the right: a surface at column u
            stands at u - shift * inverse there.
        before: the view's column 0 is column -before of the camera's image.
        width: of the view.
    """
    from scipy.ndimage import grey_closing

    rows, columns = np.nonzero(inverse > 0)
    values = inverse[rows, columns]
    there = np.rint(columns - shift * values).astype(np.int64) + before
    inside = (there >= 0) & (there < width)
    view = np.zeros((len(inverse), width))
    np.maximum.at(view, (rows[inside], there[inside]), values[inside])
    # a surface that is wider over there than here leaves single columns out
    closed: FloatArray = grey_closing(view, size=(1, 3))
    return closed


def seen_from(inverse: FloatArray, shift: float, slack_px: float = 1.5) -> BoolArray:
    """(H, W) whether each pixel's surface is seen from a point on the camera's x axis: false in a projector's shadow.

    Args:
        inverse: (H, W).
        shift: see `nearest_from`; focal length times a projector's offset to the right.
        slack_px: what stands in front must be nearer by more than this, in pixels of disparity to that point.
    """
    if shift == 0:
        return inverse > 0
    width = inverse.shape[1]
    reach = int(np.ceil(abs(shift) * inverse.max(initial=0))) + 1
    view = nearest_from(inverse, shift, reach, width + 2 * reach)
    there = np.rint(np.arange(width) - shift * inverse).astype(np.int64) + reach
    front = np.take_along_axis(view, there, axis=1)
    return (inverse > 0) & (abs(shift) * (front - inverse) <= slack_px)
