"""Colour images of single objects, and where points of the object fall in them.

Images are square crops, padded with zeros. A projection is (4, 4) and takes the object frame, in which the CAD's
longest side spans [-1, 1], to (x d, y d, d, 1): d > 0 in front of the camera, and the image's sides at x, y = -1 and 1.
So it holds at any size that the image is brought to.

`read_images` reads them as DisCo's preprocessed data holds them, below one category's folder:

    6_images/MODEL/NAME.jpg (or .png)
    8_proj_matrix/MODEL/NAME.npy        (4, 4), object frame to pixels of the image at 224 x 224, divided by depth

Pixel centres are taken to be at integer coordinates there, as everywhere here: half a pixel of 224 hangs on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.geometry.crop import ObjectFrame
from s2r_bench.types import FloatArray

IMAGES, PROJECTIONS = "6_images", "8_proj_matrix"
ENDINGS = (".jpg", ".jpeg", ".png")
STORED_SIDE = 224  # pixels along the images that stored projections speak of


@dataclass(frozen=True, eq=False)
class ObjectImage:
    """One image of an object.

    Attributes:
        name: unique among the images of its object.
        pixels: (S, S, 3) uint8, red first.
        projection: (4, 4) float64, see the module.
    """

    name: str
    pixels: NDArray[np.uint8]
    projection: FloatArray

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[0] != shape[1] or shape[2] != 3 or not shape[0]:
            raise ValueError(f"{self.name}: pixels must be (S, S, 3) uint8, not {shape} {self.pixels.dtype}")
        if self.projection.shape != (4, 4) or not np.isfinite(self.projection).all():
            raise ValueError(f"{self.name}: projection must be (4, 4) and finite, not {self.projection.shape}")

    @classmethod
    def seen(
        cls, name: str, pixels: NDArray[np.uint8], K: FloatArray, object_from_cam: FloatArray, frame: ObjectFrame
    ) -> "ObjectImage":
        """An image of a known camera.

        Args:
            name: of the image.
            pixels: (S, S, 3) uint8.
            K: (3, 3) intrinsics of this crop in pixels, centres at integer coordinates.
            object_from_cam: (4, 4) pose of the camera in the frame of the CAD as it is stored, metres, OpenCV axes.
            frame: of the CAD.
        """
        stored_from_object = np.eye(4)
        stored_from_object[:3, :3] *= frame.half_extent
        stored_from_object[:3, 3] = frame.centre
        pixel_from_cam = np.eye(4)
        pixel_from_cam[:3, :3] = K
        cam_from_object = np.linalg.inv(object_from_cam) @ stored_from_object
        return cls(name, pixels, _sides_from_pixel(len(pixels)) @ pixel_from_cam @ cam_from_object)


def read_images(category: Path, model: str, names: Sequence[str] | None = None) -> list[ObjectImage]:
    """The images of one model, by name; none where it has no folder of images.

    Args:
        category: the category's folder, which holds `6_images` and `8_proj_matrix`.
        model: the model's id.
        names: files that a split's list names, with or without ending; None: all that are there.

    Raises:
        DataError: an image that is named is missing, one is damaged or not square, or its projection is.
    """
    folder = category / IMAGES / model
    found = {path.stem: path for path in sorted(folder.glob("*")) if path.suffix.lower() in ENDINGS}
    wanted = sorted(found) if names is None else [_stem(name) for name in names]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise DataError(f"{folder / missing[0]} is missing ({', '.join(ENDINGS)}): the list of the split names it")
    return [_read(found[name], category / PROJECTIONS / model / f"{name}.npy") for name in wanted]


def _stem(name: str) -> str:
    return Path(name).stem if Path(name).suffix.lower() in ENDINGS else Path(name).name


def _read(path: Path, matrix: Path) -> ObjectImage:
    pixels = _pixels(path)
    try:
        stored = np.asarray(np.load(matrix, allow_pickle=False), np.float64)
    except (OSError, ValueError, EOFError) as wrong:
        raise DataError(f"{matrix} is missing or damaged ({wrong}): each image needs its projection") from None
    if stored.shape != (4, 4) or not np.isfinite(stored).all():
        raise DataError(f"{matrix} should hold a finite (4, 4) matrix and holds {stored.shape}; get it again")
    # only the first three rows are used, and divided by the third: whatever stands in the last
    stored[3] = [0, 0, 0, 1]
    return ObjectImage(path.stem, pixels, _sides_from_pixel(STORED_SIDE) @ stored)


def _pixels(path: Path) -> NDArray[np.uint8]:
    import cv2

    data = np.frombuffer(path.read_bytes(), np.uint8)
    held = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION) if len(data) else None
    if held is None:
        raise DataError(f"{path} is no image that can be read; get it again")
    if held.shape[0] != held.shape[1]:
        raise DataError(f"{path} is {held.shape[1]} x {held.shape[0]}: images are square crops, padded with zeros")
    return np.ascontiguousarray(held[..., ::-1], np.uint8)


def _sides_from_pixel(side: int) -> FloatArray:
    """(4, 4): pixels, centres at integer coordinates, to the image's sides at -1 and 1; depth stays."""
    scale = np.eye(4)
    scale[0, 0] = scale[1, 1] = 2 / side
    scale[0, 2] = scale[1, 2] = 1 / side - 1
    return scale
