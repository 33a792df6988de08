"""Which points lie inside a CAD mesh that may have holes, parts turned inside out, doubled faces, overlapping parts.

No single test survives all of these. What does: weld vertices, drop doubled faces, turn the faces outwards where they
are not (open parts by ray casting, Takayama et al. 2014), then the fast winding number above one half (Barill et al.
2018).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.geometry.crop import inside_box
from s2r_bench.geometry.surface import face_normals, sample_faces
from s2r_bench.types import BoolArray, FloatArray, Mesh

Method = Literal["auto", "winding", "parity"]
Faces = NDArray[np.int64]

WELD = 1e-6  # vertices nearer than this share of the longest side are one
RAYS = 10  # cast from each face to find its outside
DOUBT = 0.2  # a winding number farther from a whole one tells that a part is open near by
OPEN = 0.05  # share of the surface, in doubt or missing, above which a mesh is an open shell; small holes stay below
SAMPLES = 4096  # points of the box, and of the surface, at which the winding number is looked at
PROBES = 50_000  # faces at whose sides it is looked at, at most
PROBE_STEP = 1e-4  # from the face, as a share of the longest side
INVERTED = -0.75  # a winding number below it just outside a face: the face looks inwards


@dataclass(frozen=True)
class SolidQuality:
    """What was found of a mesh, and how far its inside can be trusted.

    Attributes:
        method: "winding" or "parity", the one that answers.
        watertight: each edge joins an even number of faces, after welding and dropping.
        reoriented: faces had to be turned.
        duplicate_faces: dropped because another face has the same corners, in whatever order; of a wall between two
            parts that touch, both.
        degenerate_faces: dropped because corners coincide.
        doubtful_share: of points in the mesh's box, those with |w - round(w)| > 0.2 for the winding number w.
        doubtful_surface: of the surface, by area, the share with such points right behind or before it.
        open_shell: `doubtful_surface` is above 0.05: the shell is open, or touching parts that were turned inside out
            could not be told apart; the inside is a guess.
    """

    method: Literal["winding", "parity"]
    watertight: bool
    reoriented: bool
    duplicate_faces: int
    degenerate_faces: int
    doubtful_share: float
    doubtful_surface: float
    open_shell: bool


class Solid:
    """A mesh that can be asked for its inside; see `solid_of`."""

    def __init__(self, mesh: Mesh, quality: SolidQuality, inside: Callable[[FloatArray], BoolArray]) -> None:
        """From the cleaned mesh, what was found of it, and the test itself: (N, 3) float64 -> (N,) bool."""
        self.mesh = mesh
        self.quality = quality
        self._inside = inside
        self._box = mesh.bounds

    def contains(self, points: FloatArray | NDArray[np.float32]) -> BoolArray:
        """(N,) bool: which of the points (N, 3), frame of the mesh, lie inside.

        Raises:
            ValueError: the points are not (N, 3), or NaN or infinite.
        """
        points = np.asarray(points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 3:
            raise ValueError(f"points must be (N, 3), not {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError("a point is NaN or infinite")
        inside = np.zeros(len(points), dtype=np.bool_)
        near = np.flatnonzero(inside_box(points, self._box))  # nothing lies inside beyond the box
        if len(near):
            inside[near] = self._inside(points[near])
        return inside


def solid_of(mesh: Mesh, method: Method = "auto") -> Solid:
    """A test of inside and outside for a mesh as CAD libraries have them.

    Parts may overlap, lie within each other or be open in places; a point within any of them is inside. Holes of
    single faces do no harm. A mesh whose shell is open is not refused but flagged (`quality.open_shell`): what counts
    as its inside is then a matter of taste.

    Args:
        mesh: any frame and unit.
        method: "winding" always works. "parity" counts the surfaces that one ray crosses: several times faster, and
            wrong but for closed meshes whose parts do not overlap. "auto": parity where the mesh is one such part,
            else winding.

    Raises:
        ValueError: unknown method.
        DataError: no faces, indices outside of the vertices, or no face with area; with "parity": not watertight, or
            parts overlap.
    """
    if method not in ("auto", "winding", "parity"):
        raise ValueError(f"method is auto, winding or parity, not {method!r}")
    clean, doubled, degenerate = _cleaned(mesh)
    edges = _edges(clean.faces, len(clean.vertices))
    if method == "parity" and not edges.watertight:
        raise DataError("parity needs a watertight mesh, and this one has open edges; use the winding number")
    found = _Field(clean)
    reoriented = not edges.consistent or found.inverted
    if reoriented:
        clean = _reoriented(clean)
        found = _Field(clean)
    chosen: Literal["winding", "parity"] = _chosen(method, edges.watertight, clean, found)
    quality = SolidQuality(
        method=chosen,
        watertight=edges.watertight,
        reoriented=reoriented,
        duplicate_faces=doubled,
        degenerate_faces=degenerate,
        doubtful_share=found.doubtful_share,
        doubtful_surface=found.doubtful_surface,
        open_shell=found.doubtful_surface > OPEN,
    )
    return Solid(clean, quality, _parity(clean) if chosen == "parity" else found.inside)


class _Edges(NamedTuple):
    watertight: bool  # an even number of faces at each edge
    consistent: bool  # nowhere more than one face too many that runs the same way along an edge


class _Field:
    """Winding numbers of a mesh, with what they say of it."""

    def __init__(self, mesh: Mesh) -> None:
        import igl

        normals = face_normals(mesh)
        area = np.linalg.norm(normals, axis=1)
        solid = np.flatnonzero(area > 0)  # faces without area wind around nothing
        low, high = mesh.bounds
        self._middle = (low + high) / 2  # the tree computes with 32 bits, which are finest around 0
        self._tree = igl.FastWindingNumberBVH()
        self._tree.init(mesh.vertices - self._middle, np.ascontiguousarray(mesh.faces[solid]))
        normals[solid] *= PROBE_STEP * float((high - low).max()) / area[solid, None]
        sample = self(np.random.default_rng(0).uniform(low, high, (SAMPLES, 3)))
        spread, on = sample_faces(mesh, SAMPLES, 0)
        self.doubtful_share = float(_doubtful(sample).mean())
        sides = self(spread - normals[on]), self(spread + normals[on])
        self.doubtful_surface = float((_doubtful(sides[0]) | _doubtful(sides[1])).mean())
        # small parts may get none of the spread points, but have faces of their own
        chosen = solid[:: -(-len(solid) // PROBES)]
        centre = mesh.vertices[mesh.faces[chosen]].mean(axis=1)
        behind, before = self(centre - normals[chosen]), self(centre + normals[chosen])
        self.inverted = bool((before < INVERTED).any() or (sides[1] < INVERTED).any())
        self.overlapping = bool(max(sample.max(), behind.max(), sides[0].max()) > 1.5)

    def __call__(self, points: FloatArray) -> FloatArray:
        """(N,) winding numbers of the points (N, 3)."""
        return np.asarray(self._tree.winding_number(np.ascontiguousarray(points - self._middle)))

    def inside(self, points: FloatArray) -> BoolArray:
        return np.asarray(self(points) > 0.5)


def _doubtful(winding: FloatArray) -> BoolArray:
    return np.asarray(np.abs(winding - np.rint(winding)) > DOUBT)


def _cleaned(mesh: Mesh) -> tuple[Mesh, int, int]:
    """The mesh welded, without doubled and degenerate faces, and how many of each it had."""
    import igl

    _check(mesh)
    used = mesh.vertices[np.unique(mesh.faces)]
    extent = float((used.max(0) - used.min(0)).max())
    vertices, _, _, faces = igl.remove_duplicate_vertices(
        np.ascontiguousarray(mesh.vertices), np.ascontiguousarray(mesh.faces), WELD * extent
    )
    corners = np.sort(faces, axis=1)
    whole = faces[(corners[:, 0] < corners[:, 1]) & (corners[:, 1] < corners[:, 2])]
    single = _without_doubles(whole, len(vertices))
    kept, inverse = np.unique(single, return_inverse=True)
    clean = Mesh(np.ascontiguousarray(vertices[kept]), inverse.reshape(-1, 3).astype(np.int64))
    if not face_normals(clean).any():
        raise DataError(f"none of the mesh's {len(mesh.faces)} faces has an area, so it has no inside")
    return clean, len(whole) - len(single), len(faces) - len(whole)


def _without_doubles(faces: Faces, size: int) -> Faces:
    """One of each set of faces (M, 3) with the same corners, or none where two parts touch with equal faces."""
    corners = np.sort(faces, axis=1)
    order = np.lexsort(corners.T)  # stable: of equal faces the first stays
    fresh = np.ones(len(order), dtype=np.bool_)
    fresh[1:] = (corners[order[1:]] != corners[order[:-1]]).any(1)
    first = np.sort(order[fresh])
    single = faces[first]
    if len(single) == len(faces) or _edges(single, size).watertight:
        return single
    # a wall between two parts is there twice, once a side: to keep one of the two would open both parts
    turns = np.where((faces == corners).all(1) | (np.roll(faces, 1, 1) == corners).all(1), 1, -1)
    turns = np.where((np.roll(faces, 2, 1) == corners).all(1), 1, turns)
    net = np.zeros(len(faces))
    net[order[fresh]] = np.add.reduceat(turns[order], np.flatnonzero(fresh))
    united = faces[first[net[first] != 0]]
    return united if len(united) and _edges(united, size).watertight else single


def _check(mesh: Mesh) -> None:
    if len(mesh.faces) == 0:
        raise DataError(f"a mesh without faces has no inside (it has {len(mesh.vertices)} vertices)")
    if int(mesh.faces.min()) < 0 or int(mesh.faces.max()) >= len(mesh.vertices):
        raise DataError(f"the mesh has face indices outside of its {len(mesh.vertices)} vertices")


def _edges(faces: Faces, size: int) -> _Edges:
    """What the edges of the faces (M, 3) of a mesh of `size` vertices tell."""
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    code = np.minimum(start, end) * size + np.maximum(start, end)
    _, edge = np.unique(code, return_inverse=True)
    surplus = np.bincount(edge, weights=np.where(start < end, 1, -1))
    return _Edges(bool((np.bincount(edge) % 2 == 0).all()), bool((np.abs(surplus) <= 1).all()))


def _reoriented(mesh: Mesh) -> Mesh:
    """The mesh with its faces turned outwards.

    Patches of faces are made consistent first. A patch that is closed but for small holes is then turned so that its
    volume is positive, which is exact; the others to the side from which rays go farther.
    """
    import igl

    faces, patch = igl.bfs_orient(mesh.faces)
    along = (faces == mesh.faces).all(1)
    volume, gap = _patch_volumes(Mesh(mesh.vertices, faces), patch)
    inverted = (volume < 0)[patch]
    unsure = (gap > OPEN)[patch]
    if unsure.any():
        inverted = np.where(unsure, _raycast_flips(mesh) ^ ~along, inverted)
    return Mesh(mesh.vertices, np.where(inverted[:, None], faces[:, ::-1], faces))


def _patch_volumes(mesh: Mesh, patch: Faces) -> tuple[FloatArray, FloatArray]:
    """Of each patch its signed volume about its middle, and its gap: |sum of normals| / area, 0 where it is closed."""
    normals = face_normals(mesh)
    area = np.linalg.norm(normals, axis=1)
    whole = np.maximum(np.bincount(patch, weights=area), np.finfo(np.float64).tiny)
    centre = mesh.vertices[mesh.faces].mean(axis=1)
    middle = (
        np.stack([np.bincount(patch, weights=area * centre[:, axis]) for axis in range(3)], axis=1) / whole[:, None]
    )
    total = np.stack([np.bincount(patch, weights=normals[:, axis]) for axis in range(3)], axis=1)
    volume = np.bincount(patch, weights=np.einsum("ij,ij->i", centre - middle[patch], normals))
    return volume / 6, np.linalg.norm(total, axis=1) / whole


def _raycast_flips(mesh: Mesh) -> BoolArray:
    """(M,) bool: the faces that look to the side from which rays do not go far."""
    import igl.embree

    low, high = mesh.bounds
    unit = (mesh.vertices - (low + high) / 2) / (high - low).max()  # the ray caster computes with 32 bits
    flipped, _ = igl.embree.reorient_facets_raycast(unit, mesh.faces, RAYS * len(mesh.faces), RAYS)
    return np.asarray(flipped)


def _chosen(method: Method, watertight: bool, mesh: Mesh, found: _Field) -> Literal["winding", "parity"]:
    if method == "parity" and found.overlapping:
        raise DataError("parity needs parts that do not overlap, and some of this mesh do; use the winding number")
    if method != "auto":
        return method
    # a small overlap of two parts may slip through the samples, so a mesh of several parts is never trusted to parity
    alone = watertight and not found.overlapping and _components(mesh) == 1
    return "parity" if alone else "winding"


def _components(mesh: Mesh) -> int:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    start, end = mesh.faces[:, [0, 1]].ravel(), mesh.faces[:, [1, 2]].ravel()
    size = len(mesh.vertices)
    links = coo_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(size, size))
    return int(connected_components(links, directed=False, return_labels=False))


def _parity(mesh: Mesh) -> Callable[[FloatArray], BoolArray]:
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    tensor = o3d.core.Tensor.from_numpy
    low, high = mesh.bounds
    # 32 bits: vertices and points are taken from the middle of the box, where these are finest
    middle = (low + high) / 2
    faces = np.ascontiguousarray(mesh.faces, dtype=np.uint32)
    scene.add_triangles(tensor((mesh.vertices - middle).astype(np.float32)), tensor(faces))

    def inside(points: FloatArray) -> BoolArray:
        query = (points - middle).astype(np.float32)
        return np.asarray(scene.compute_occupancy(tensor(query)).numpy() > 0.5)

    return inside
