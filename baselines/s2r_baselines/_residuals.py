"""What the trivial references share: the residual of a pair in code units, its mask, and its geometric bins."""

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from s2r_bench.errors import DataError
from s2r_bench.geometry.points import incidence_angle
from s2r_bench.types import BoolArray, DepthFrame, DepthPair, FloatArray

RANGE_EDGES_M = np.array([0.0, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0, np.inf])
ANGLE_EDGES_DEG = np.array([0.0, 20.0, 40.0, 55.0, 65.0, 75.0, 90.1])


def relative_residual(pair: DepthPair, limit_m: float) -> tuple[FloatArray, BoolArray]:
    """(H, W) of ln(captured / clean), 0 where not seen, and (H, W) whether it was captured within `limit_m`."""
    clean, captured = pair.clean.depth.astype(np.float64), pair.captured.depth.astype(np.float64)
    seen = (clean > 0) & (captured > 0) & (np.abs(captured - clean) < limit_m)
    ratio = np.where(seen, captured, 1.0) / np.where(seen, clean, 1.0)
    return np.log(ratio), seen


def bins_of(frame: DepthFrame) -> np.ndarray:
    """(H, W) int: a bin of range and incidence angle for each pixel; unknown angles count as frontal."""
    angle, known = incidence_angle(frame.depth, frame.K)
    degrees = np.degrees(np.where(known, angle, 0.0))
    ranges = np.digitize(frame.depth, RANGE_EDGES_M[1:-1])
    angles = np.digitize(degrees, ANGLE_EDGES_DEG[1:-1])
    joined: np.ndarray = ranges * (len(ANGLE_EDGES_DEG) - 1) + angles
    return joined


BIN_COUNT = (len(RANGE_EDGES_M) - 1) * (len(ANGLE_EDGES_DEG) - 1)


def load_array(path: Path, name: str) -> np.ndarray:
    """Array `name` of an npz file; DataError names the file where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays[name])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as wrong:
        raise DataError(f"{path} is missing or damaged ({wrong}); fit again") from None
