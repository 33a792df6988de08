"""One depth map as a picture: colour for distance beside its points, lit and seen from the side. The same for all.

Nothing but the depth may tell sources apart. So every source is rounded to the millimetre, masked where there is no
clean depth, drawn in the colours and from the side that the *clean* depth of its view gives, and written by one encoder
without metadata; `even_out` makes the files equally long, since noise compresses badly.
"""

import io
import struct
import zlib
from collections.abc import Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray

from s2r_bench.geometry.points import back_project, normals_from_depth
from s2r_bench.types import DepthArray, FloatArray

Image = NDArray[np.uint8]
PANEL = 480  # width of either half, pixels, at least; views are enlarged by whole numbers
TURN_DEG = (24.0, 16.0)  # to the right of the camera, and above it
LIGHT = np.array([-0.5, -0.62, -0.6])  # towards the lamp, in the camera's frame: above, left and behind the viewer
HOLE, OUTSIDE = (27, 27, 27), (154, 163, 173)
DARKEST = 0.12  # of the colour map, for what is farthest: darker would look like a hole
FILLED = 0.96  # of the picture, by the clean points of a view
NEAREST = 0.05  # metres before the camera that went round
WIDEST = 3.0  # a point, in pixels of the view
UNKNOWN_SHADE = 0.6  # of points whose normal cannot be known, as at the rims of holes
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
    colours = _colours(clean, shown)
    front = colours.repeat(scale, axis=0).repeat(scale, axis=1)
    return np.concatenate([front, _turned(clean, shown, colours, K, scale)], axis=1)


def png(image: Image) -> bytes:
    """The image as PNG without any metadata."""
    from matplotlib.image import imsave

    stream, nothing = io.BytesIO(), cast("dict[str, str]", {"Software": None})  # None: leave out what would be written
    imsave(stream, image, format="png", metadata=nothing, pil_kwargs={"compress_level": 6})
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


def _colours(clean: DepthArray, shown: DepthArray) -> Image:
    """(H, W, 3): near is bright, far is dark, so that in the dark what is far recedes."""
    from matplotlib import colormaps

    low, high = _span(clean)
    share = np.clip((high - shown) / (high - low), 0, 1)
    image: Image = (colormaps["viridis"](DARKEST + (1 - DARKEST) * share)[..., :3] * 255).round().astype(np.uint8)
    image[shown <= 0] = HOLE
    image[clean <= 0] = OUTSIDE
    return image


def _span(clean: DepthArray) -> tuple[float, float]:
    known = clean[clean > 0]
    if not len(known):
        return 0.0, 1.0
    low, high = np.quantile(known, [0.01, 0.99])
    return float(low), float(max(high, low + 0.01))


def _turned(clean: DepthArray, shown: DepthArray, colours: Image, K: FloatArray, scale: int) -> Image:
    """The points of `shown` from a camera that went round the middle of the clean points, so far that those fit."""
    size = clean.shape[0] * scale, clean.shape[1] * scale
    image = np.full((*size, 3), HOLE, dtype=np.uint8)
    known = shown > 0
    if not known.any() or not (clean > 0).any():
        return image
    reference = back_project(clean, K)[clean > 0].astype(np.float64)
    middle, turn = np.median(reference, axis=0), _turn()
    flat = _flat((reference - middle) @ turn.T + middle, K)[0]
    low, high = np.quantile(flat, [0.005, 0.995], axis=0)
    zoom = float(np.min(np.array(size[::-1]) * FILLED / np.maximum(high - low, 1e-6)))
    points = back_project(shown, K)[known].astype(np.float64)
    at, distance, ahead = _flat((points - middle) @ turn.T + middle, K)
    at = (at - (low + high) / 2) * zoom + np.array(size[::-1]) / 2
    # a point is as wide as its pixel of the view has become, and a little more where the surface is seen from the side
    width = np.clip(zoom * points[ahead, 2] / distance * 1.25, 1, WIDEST * zoom)
    row, column, which = squares(at, width, size)
    order = np.argsort(-distance[which], kind="stable")  # far first: where points meet, the last one written stays
    lit = (colours * _shade(shown, K)[..., None]).round().astype(np.uint8)[known][ahead]
    image[row[order], column[order]] = lit[which[order]]
    return image


def _turn() -> NDArray[np.float64]:
    """(3, 3) turn of the points, OpenCV axes, that shows them from the right and above."""
    yaw, pitch = np.radians(TURN_DEG[0]), np.radians(TURN_DEG[1])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    return np.asarray(about_x @ about_y)


def _flat(
    points: NDArray[np.float64], K: FloatArray
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """(N, 2) pixel coordinates and (N,) distances of the points before the camera, and which these are."""
    ahead = np.flatnonzero(points[:, 2] > NEAREST)
    on_plane = points[ahead] @ K.T
    return on_plane[:, :2] / on_plane[:, 2:], points[ahead, 2], ahead


def squares(
    at: NDArray[np.float64], width: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Row, column and point of every pixel that lies in a point's square and in the image."""
    first = np.floor(at - width[:, None] / 2 + 0.5).astype(np.int64)
    side = np.maximum(np.rint(width).astype(np.int64), 1)
    step = np.arange(side.max(initial=1))
    row, column = np.broadcast_arrays(first[:, 1, None, None] + step[:, None], first[:, 0, None, None] + step)
    kept = (step[:, None] < side[:, None, None]) & (step < side[:, None, None])
    kept &= (row >= 0) & (column >= 0) & (row < size[0]) & (column < size[1])
    return row[kept], column[kept], np.nonzero(kept)[0]


def _shade(shown: DepthArray, K: FloatArray) -> NDArray[np.float64]:
    """(H, W) brightness of the surface, lit from above and behind the camera that took the view."""
    normals = normals_from_depth(shown, K)
    light = 0.35 + 0.65 * np.clip(normals @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    return np.where((normals != 0).any(-1), light, UNKNOWN_SHADE)
