"""Closed convex solids, and exact inside/outside for unions of them.

Every solid is a loft: a stack of convex rings in parallel planes whose matching edges are parallel, so that all faces
are planar and the mesh *is* the solid. A point is inside a solid when it is behind every face, inside an object when it
is inside any of its solids.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from s2r_bench.types import BoolArray, FloatArray, Mesh


def loft(rings: FloatArray) -> Mesh:
    """The closed solid through a stack of rings.

    Args:
        rings: (L, n, 3) convex polygons in parallel planes, all turning the same way, matching edges parallel.

    Returns:
        A closed mesh of L * n vertices, faces counter-clockwise seen from outside.
    """
    levels, n = rings.shape[:2]
    here = np.arange(n)
    following = (here + 1) % n
    faces = []
    for level in range(levels - 1):
        low, high = level * n, (level + 1) * n
        faces.append(np.stack([low + here, low + following, high + following], axis=1))
        faces.append(np.stack([low + here, high + following, high + here], axis=1))
    fan = np.stack([np.zeros(n - 2, np.int64), np.arange(2, n), np.arange(1, n - 1)], axis=1)
    faces.append(fan)
    faces.append(fan[:, ::-1] + (levels - 1) * n)
    mesh = Mesh(rings.reshape(-1, 3).astype(np.float64), np.concatenate(faces).astype(np.int64))
    return mesh if volume(mesh) > 0 else Mesh(mesh.vertices, np.ascontiguousarray(mesh.faces[:, ::-1]))


def volume(mesh: Mesh) -> float:
    """The signed volume of a closed mesh, m^3; positive when its faces look outwards."""
    corner = mesh.vertices[mesh.faces] - mesh.vertices.mean(axis=0)
    return float(np.einsum("ij,ij->i", corner[:, 0], np.cross(corner[:, 1], corner[:, 2])).sum() / 6)


def polygon(sides: int, width: float, depth: float) -> FloatArray:
    """(sides, 2) corners, centred on 0: a rectangle for 4 sides, else a polygon in the ellipse of that size."""
    if sides == 4:
        corners: FloatArray = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
        return np.asarray(corners * np.array([width / 2, depth / 2]), dtype=np.float64)
    angle = 2 * np.pi * (np.arange(sides) + 0.5) / sides
    return np.asarray(np.stack([np.cos(angle) * width, np.sin(angle) * depth], axis=1) / 2)


def rounded_rectangle(width: float, depth: float, radius: float, steps: int = 4) -> FloatArray:
    """(4 * steps, 2) corners of a rectangle with rounded corners, centred on 0."""
    radius = min(radius, 0.49 * width, 0.49 * depth)
    ring = []
    for quarter, (sx, sy) in enumerate([(1, 1), (-1, 1), (-1, -1), (1, -1)]):
        angle = np.pi / 2 * (quarter + np.linspace(0, 1, steps))
        centre = np.array([sx * (width / 2 - radius), sy * (depth / 2 - radius)])
        ring.append(centre + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    return np.concatenate(ring)


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several, faces renumbered."""
    starts = np.cumsum([0, *[len(mesh.vertices) for mesh in meshes[:-1]]])
    vertices = np.concatenate([mesh.vertices for mesh in meshes])
    return Mesh(vertices, np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]))


def half_spaces(part: Mesh) -> tuple[FloatArray, FloatArray]:
    """Outward unit normals (M, 3) and offsets (M,) of a convex part: inside is normal . x <= offset."""
    corner = part.vertices[part.faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    length = np.linalg.norm(normal, axis=1)
    keep = length > 1e-14  # slivers of a fan carry no direction
    normal = normal[keep] / length[keep, None]
    return normal, np.einsum("ij,ij->i", normal, corner[keep, 0])


def inside_convex(part: Mesh, points: FloatArray) -> BoolArray:
    """(N,) bool: which of the (N, 3) points lie in a closed convex part, its surface included."""
    normal, offset = half_spaces(part)
    return np.asarray(((points @ normal.T) <= offset + 1e-12).all(axis=1))


def occupancy(parts: Sequence[Mesh], points: FloatArray) -> BoolArray:
    """Exact inside/outside of a union of convex parts.

    Args:
        parts: closed convex meshes with outward faces.
        points: (N, 3), metres, frame of the parts.

    Returns:
        (N,) bool.
    """
    points = np.asarray(points, dtype=np.float64)
    inside = np.zeros(len(points), dtype=np.bool_)
    for part in parts:
        low, high = part.bounds
        near: NDArray[np.int64] = np.flatnonzero(~inside & ((points >= low) & (points <= high)).all(axis=1))
        inside[near] = inside_convex(part, points[near])
    return inside
