"""What a mesh is like, for people who bring their own: closed or a polygon soup, how big, how many parts."""

from dataclasses import dataclass

import numpy as np

from s2r_bench.types import Mesh


@dataclass(frozen=True)
class MeshReport:
    """Facts about one mesh.

    Attributes:
        vertices: number of vertices.
        faces: number of triangles.
        size_m: width (x), height (y), depth (z) of the box, metres.
        watertight: every edge belongs to exactly two faces; only then is inside and outside exact.
        open_edges: share of edges that belong to one face only (0 closed, near 1 a soup of loose triangles).
    """

    vertices: int
    faces: int
    size_m: tuple[float, float, float]
    watertight: bool
    open_edges: float


def mesh_report(mesh: Mesh) -> MeshReport:
    """Report on a mesh whose equal vertices are welded (as `read_models` gives them)."""
    edges = np.sort(np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    size = mesh.bounds[1] - mesh.bounds[0]
    return MeshReport(
        vertices=len(mesh.vertices),
        faces=len(mesh.faces),
        size_m=(float(size[0]), float(size[1]), float(size[2])),
        watertight=bool((uses == 2).all()),
        open_edges=float((uses == 1).mean()),
    )
