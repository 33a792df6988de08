"""A captured object that comes as arrays: its scan, its surface and labelled points, without a mesh or views."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s2r_bench.types import BoolArray

Points = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ReadyObject:
    """One object, in the object frame of `s2r_bench.geometry.crop`: the CAD's longest side spans [-1, 1], y is up.

    Attributes:
        scan: (P, 3) what the sensor saw of it; points may lie beyond the cube.
        surface: (S, 3) samples of the whole surface of its CAD.
        volume, volume_inside: (N, 3) points uniform in [-1, 1]^3, and (N,) whether each is inside.
        near, near_inside: (M, 3) points near the surface, and (M,) the same.
    """

    scan: Points
    surface: Points
    volume: Points
    volume_inside: BoolArray
    near: Points
    near_inside: BoolArray
