"""Depth PNGs from bytes, wherever they lie: in a folder, a zip or a tar."""

import numpy as np

from s2r_bench.errors import DataError
from s2r_bench.types import DepthArray


def depth_of_png(data: bytes, name: str, metres_per_unit: float) -> DepthArray:
    """(H, W) float32 metres of a 16-bit PNG with one channel.

    Args:
        data: the file's content.
        name: for messages.
        metres_per_unit: 0.001 where the file holds millimetres.

    Raises:
        DataError: it is empty, truncated, no PNG, or has 8 bits or several channels.
    """
    import cv2

    if not data:
        raise DataError(f"{name} is empty (0 bytes)")
    # the decoder returns a half-filled image for a truncated file, so the end marker is looked for first
    if b"IEND" not in data[-12:]:
        raise DataError(f"{name} is truncated: it does not end as a PNG does; download or unpack it again")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise DataError(f"{name} is not a PNG that can be decoded")
    if image.dtype != np.uint16 or image.ndim != 2:
        channels = image.shape[2] if image.ndim == 3 else 1
        raise DataError(f"{name} is {image.dtype} with {channels} channel(s), expected a 16-bit PNG with one (depth)")
    return np.asarray(image.astype(np.float64) * metres_per_unit, dtype=np.float32)


def middle_square(depth: DepthArray) -> DepthArray:
    """The largest square around the middle of a depth map: min(H, W) pixels a side."""
    height, width = depth.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return np.ascontiguousarray(depth[top : top + side, left : left + side])
