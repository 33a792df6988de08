"""Units and axes: from a file's own frame to metres, y up, the floor at y = 0, the footprint's middle on the origin."""

from collections.abc import Sequence
from math import log
from typing import Literal

import numpy as np

from s2r_bench.types import FloatArray, Mesh

Units = Literal["auto", "m", "cm", "mm", "in"]
UpAxis = Literal["auto", "y", "z"]
METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
# conventions of the formats: glTF is y-up metres by its standard, ModelNet's OFF and most PLY scans are z-up
UP_AXIS = {".obj": "y", ".glb": "y", ".npz": "y", ".off": "z", ".ply": "z"}
_UNITS = {".glb": "m", ".npz": "m"}


def guess_units(longest_sides: Sequence[float], ending: str = "") -> str:
    """The unit (m, cm or mm) in which the median object of a corpus is nearest to 1 m, as furniture is.

    A longest side under 10 is metres, up to 316 centimetres, above millimetres. A corpus shares one unit, so the
    median decides: a single small object does not. glTF is metres by its standard and is not guessed.

    >>> guess_units([0.8, 1.9]), guess_units([80.0, 190.0, 45.0]), guess_units([800.0, 1900.0])
    ('m', 'cm', 'mm')
    """
    if ending in _UNITS or not longest_sides:
        return _UNITS.get(ending, "m")
    median = float(np.median(np.asarray(longest_sides)))
    return min(("m", "cm", "mm"), key=lambda unit: abs(log(median * METRES[unit])))


def longest_side(mesh: Mesh) -> float:
    """Longest side of the axis-aligned box, in the mesh's own unit."""
    return float((mesh.bounds[1] - mesh.bounds[0]).max())


def in_object_frame(mesh: Mesh, units: str = "m", up_axis: str = "y") -> Mesh:
    """The mesh in metres, y up, standing on y = 0 with the middle of its footprint at x = z = 0.

    Args:
        mesh: in the file's own frame.
        units: "m", "cm", "mm" or "in".
        up_axis: "y" or "z"; z-up turns about x, so that what faced -y faces +z.
    """
    vertices = mesh.vertices * METRES[units]
    if up_axis == "z":
        vertices = np.stack([vertices[:, 0], vertices[:, 2], -vertices[:, 1]], axis=1)
    return Mesh(standing(vertices), mesh.faces)


def standing(vertices: FloatArray) -> FloatArray:
    """(N, 3) vertices moved so that the floor is y = 0 and the footprint's middle the origin."""
    low, high = vertices.min(0), vertices.max(0)
    middle = (low + high) / 2
    return np.asarray(vertices - np.array([middle[0], low[1], middle[2]]))
