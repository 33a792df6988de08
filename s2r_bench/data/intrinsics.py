"""A camera in a JSON file: {"K": 3x3, "width": W, "height": H}, in pixels, pixel centres at integer coordinates."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.errors import DataError
from s2r_bench.files import read_json
from s2r_bench.types import FloatArray

Intrinsics = tuple[FloatArray, tuple[int, int]]


def read_intrinsics(path: Path) -> Intrinsics:
    """K, (3, 3), and the image size, (height, width), of a file.

    Raises:
        DataError: the file is not there, or lacks a field; the message names it.
    """
    return intrinsics_of(read_json(path), str(path))


def intrinsics_of(fields: Mapping[str, Any], where: str) -> Intrinsics:
    """The same of a mapping that comes from `where`."""
    try:
        K, size = np.asarray(fields["K"], dtype=np.float64), (int(fields["height"]), int(fields["width"]))
        if K.shape != (3, 3) or not np.isfinite(K).all() or min(*size, K[0, 0], K[1, 1]) <= 0:
            raise ValueError("K must be 3x3 and finite, focal lengths and sizes above 0")
    except (KeyError, TypeError, ValueError) as wrong:
        raise DataError(f"{where}: expected K (3x3), width and height ({wrong})") from None
    return K, size
