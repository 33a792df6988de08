"""One depth map as a picture: colour for distance beside its points, lit and seen from the side. The same for all.

Nothing but the depth may tell sources apart. So every source is rounded to the millimetre, masked where there is no
clean depth, drawn in the colours and from the side that the *clean* depth of its view gives, and written by one encoder
without metadata; `even_out` makes the files equally long, since noise compresses badly.
"""

import io
import struct
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from s2r_bench.geometry.points import back_project, normals_from_depth
from s2r_bench.types import DepthArray, FloatArray

Image = NDArray[np.uint8]
PANEL = 480  # width of either half, pixels, at least; views are enlarged by whole numbers
TURN_DEG = (24.0, 16.0)  # to the right of the camera, and above it
LIGHT = np.array([-0.4, -0.55, -0.73])  # in the camera's frame: from above, left and behind the viewer
HOLE, OUTSIDE = (27, 27, 27), (154, 163, 173)
UNKNOWN_SHADE = 0.42  # of points whose normal cannot be known, as at the rims of holes
MILLIMETRE = np.float32(0.001)
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_PADDING = b"npAd"  # ancillary, private, safe to copy: every decoder passes it over


def picture(clean: DepthArray, depth: DepthArray, K: FloatArray) -> Image:
    """(h, 2w, 3) uint8: the depth in colours on the left, its points seen from the side on the right.

    Args:
        clean: (H, W) metres, 0 = none: gives colours, viewpoint and mask.
        depth: (H, W) metres of what is shown.
        K: (3, 3) intrinsics.
    """
    scale = max(1, round(PANEL / clean.shape[1]))
    shown = np.where(clean > 0, np.rint(depth / MILLIMETRE) * MILLIMETRE, 0).astype(np.float32)
    return np.concatenate([_coloured(clean, shown, scale), _turned(clean, shown, K, scale)], axis=1)


def png(image: Image) -> bytes:
    """The image as PNG without any metadata."""
    from matplotlib.image import imsave

    stream = io.BytesIO()
    imsave(stream, image, format="png", metadata={"Software": None}, pil_kwargs={"compress_level": 9})
    return stream.getvalue()


def even_out(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """PNG files, all padded to the length of the longest by a chunk that decoders pass over.

    Raises:
        ValueError: one of them is no PNG.
    """
    longest = max(map(len, files.values()), default=0)
    return {name: _padded(data, longest - len(data)) for name, data in files.items()}


def _padded(data: bytes, more: int) -> bytes:
    if not data.endswith(_END):
        raise ValueError("this is no PNG: it does not end as one")
    body = _PADDING + bytes(more)
    chunk = struct.pack(">I", more) + body + struct.pack(">I", zlib.crc32(body))
    return data[: -len(_END)] + chunk + _END


def _coloured(clean: DepthArray, shown: DepthArray, scale: int) -> Image:
    from matplotlib import colormaps

    low, high = _span(clean)
    share = np.clip((shown - low) / (high - low), 0, 1)
    image: Image = (colormaps["viridis"](share)[..., :3] * 255).round().astype(np.uint8)
    image[shown <= 0] = HOLE
    image[clean <= 0] = OUTSIDE
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


def _span(clean: DepthArray) -> tuple[float, float]:
    known = clean[clean > 0]
    if not len(known):
        return 0.0, 1.0
    low, high = np.quantile(known, [0.01, 0.99])
    return float(low), float(max(high, low + 0.01))


def _turned(clean: DepthArray, shown: DepthArray, K: FloatArray, scale: int) -> Image:
    """The points of `shown` from a camera that went round the middle of the clean points."""
    height, width = clean.shape
    image = np.full((height * scale, width * scale, 3), HOLE, dtype=np.uint8)
    known = shown > 0
    if not known.any() or not (clean > 0).any():
        return image
    middle = np.median(back_project(clean, K)[clean > 0], axis=0).astype(np.float64)
    points = back_project(shown, K)[known].astype(np.float64)
    seen = (points - middle) @ _turn().T + middle
    row, column, distance, which = _splats(seen, K, scale, (height, width))
    order = np.argsort(-distance, kind="stable")  # far first: where points meet, the last one written stays
    shade = (_shade(shown, K)[known] * 255).round().astype(np.uint8)
    image[row[order], column[order]] = shade[which[order], None]
    return image


def _turn() -> NDArray[np.float64]:
    """(3, 3) turn of the points, OpenCV axes, that shows them from the right and above."""
    yaw, pitch = np.radians(TURN_DEG[0]), np.radians(TURN_DEG[1])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    return np.asarray(about_x @ about_y)


def _splats(
    seen: NDArray[np.float64], K: FloatArray, scale: int, size: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Row, column, distance and index of each point's square of pixels, as wide as a pixel of the view is now."""
    ahead = np.flatnonzero(seen[:, 2] > 0.05)
    flat = seen[ahead] @ K.T
    at = (flat[:, :2] / flat[:, 2:] + 0.5) * scale
    side = np.arange(scale + 1) - scale / 2
    column = np.floor(at[:, 0, None, None] + side[None, None, :])
    row = np.floor(at[:, 1, None, None] + side[None, :, None])
    row, column = np.broadcast_arrays(row, column)
    distance = np.broadcast_to(seen[ahead, 2, None, None], row.shape)
    which = np.broadcast_to(ahead[:, None, None], row.shape)
    inside = (row >= 0) & (column >= 0) & (row < size[0] * scale) & (column < size[1] * scale)
    return row[inside].astype(np.int64), column[inside].astype(np.int64), distance[inside], which[inside]


def _shade(shown: DepthArray, K: FloatArray) -> NDArray[np.float64]:
    """(H, W) brightness of the surface, lit from above and behind the camera that took the view."""
    normals = normals_from_depth(shown, K)
    light = 0.2 + 0.8 * np.clip(normals @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    return np.where((normals != 0).any(-1), light, UNKNOWN_SHADE)
