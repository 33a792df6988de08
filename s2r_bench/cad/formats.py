"""Reads a triangle mesh from OBJ, GLB, OFF, PLY or npz; materials and images are left aside, nothing is downloaded."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.cad.off import parse_off
from s2r_bench.errors import DataError
from s2r_bench.types import FloatArray, Mesh

MESH_ENDINGS = (".obj", ".glb", ".off", ".ply", ".npz")


def read_mesh(path: Path) -> Mesh:
    """The mesh in a file, in the file's own units and axes.

    Raises:
        DataError: unreadable, without faces, with vertices that are not finite, or with indices out of range.
    """
    try:
        data = path.read_bytes()
    except OSError as wrong:
        raise DataError(f"{path} cannot be read: {wrong}") from None
    return parse_mesh(data, path.suffix.lower(), str(path))


def parse_mesh(data: bytes, ending: str, name: str) -> Mesh:
    """The mesh in `data`, a file's content.

    Args:
        data: the bytes of the file.
        ending: ".obj", ".glb", ".off", ".ply" or ".npz".
        name: for messages.

    Raises:
        DataError: as `read_mesh`.
    """
    if not data:
        raise DataError(f"{name} is empty (0 bytes)")
    if ending not in MESH_ENDINGS:
        raise DataError(f"{name}: no reader for {ending!r}; there are: {', '.join(MESH_ENDINGS)}")
    try:
        vertices, faces = _read(data, ending)
    except Exception as wrong:  # parsers raise many kinds; each means that the file is not what its name says
        raise DataError(f"{name} cannot be read as {ending[1:].upper()}: {_first_line(wrong)}") from None
    return checked_mesh(vertices, faces, name)


def checked_mesh(vertices: FloatArray, faces: NDArray[np.int64], name: str) -> Mesh:
    """A mesh with equal vertices welded and faces without area dropped.

    Raises:
        DataError: no faces, vertices that are not finite, indices out of range, or no extent.
    """
    if len(vertices) == 0 or len(faces) == 0:
        raise DataError(f"{name} holds {len(vertices)} vertices and {len(faces)} faces; a model needs faces")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise DataError(f"{name}: a face names vertex {int(faces.max())} of {len(vertices)}")
    if not np.isfinite(vertices).all():
        bad = int((~np.isfinite(vertices)).any(1).sum())
        raise DataError(f"{name}: {bad} of {len(vertices)} vertices are NaN or infinite")
    vertices, faces = _welded(vertices, faces)
    if len(faces) == 0 or int((np.ptp(vertices, axis=0) > 0).sum()) < 2:
        raise DataError(f"{name} is degenerate: its faces have no area")
    return Mesh(vertices, faces)


def _welded(vertices: FloatArray, faces: NDArray[np.int64]) -> tuple[FloatArray, NDArray[np.int64]]:
    used, faces = np.unique(faces, return_inverse=True)
    points, index = np.unique(vertices[used], axis=0, return_inverse=True)
    faces = index.reshape(-1)[faces.reshape(-1, 3)].astype(np.int64)
    corners = points[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    faces = faces[(normals != 0).any(1)]
    kept, faces = np.unique(faces, return_inverse=True)
    return points[kept], faces.reshape(-1, 3).astype(np.int64)


def _read(data: bytes, ending: str) -> tuple[FloatArray, NDArray[np.int64]]:
    if ending == ".npz":
        return _read_npz(data)
    if ending == ".obj":
        return _read_obj(data)
    if ending == ".off":
        return parse_off(data)
    import trimesh

    options: dict[str, Any] = {"process": False, "maintain_order": True}
    loaded = trimesh.load(io.BytesIO(data), file_type=ending[1:], **options)
    if isinstance(loaded, trimesh.Scene):
        loaded = loaded.to_geometry() if loaded.geometry else None
    if not isinstance(loaded, trimesh.Trimesh):
        return np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)
    return np.asarray(loaded.vertices, dtype=np.float64), np.asarray(loaded.faces, dtype=np.int64)


def _read_obj(data: bytes) -> tuple[FloatArray, NDArray[np.int64]]:
    """Vertices and faces of a Wavefront file; polygons become fans, negative indices count from the end.

    Read here rather than by trimesh: corpora name material files that are absent, and positions are all that is asked.
    """
    points: list[list[bytes]] = []
    faces: list[tuple[int, int, int]] = []
    for line in data.replace(b"\\\n", b" ").replace(b"\\\r\n", b" ").splitlines():
        if line.startswith(b"v "):
            points.append(line.split()[1:4])
        elif line.startswith(b"f "):
            corners = [int(word.split(b"/", 1)[0]) for word in line.split()[1:]]
            corners = [corner - 1 if corner > 0 else len(points) + corner for corner in corners]
            faces += [(corners[0], corners[i], corners[i + 1]) for i in range(1, len(corners) - 1)]
    if not points:
        raise ValueError("there is no vertex line in it")
    vertices = np.array(points, dtype=np.bytes_).astype(np.float64)
    return vertices, np.array(faces, dtype=np.int64).reshape(-1, 3)


def _read_npz(data: bytes) -> tuple[FloatArray, NDArray[np.int64]]:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return arrays["V"].astype(np.float64), arrays["F"].astype(np.int64)


def _first_line(wrong: Exception) -> str:
    return (str(wrong) or type(wrong).__name__).splitlines()[0][:200]
