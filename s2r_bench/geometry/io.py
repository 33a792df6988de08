"""Clouds and meshes as PLY, binary little-endian: float32 coordinates, uchar-counted int32 triangles."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.files import write_bytes
from s2r_bench.types import FloatArray, Mesh

_FACE = np.dtype([("count", "u1"), ("corners", "<i4", (3,))])
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "<i2", "int16": "<i2", "ushort": "<u2",
    "uint16": "<u2", "int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4", "float": "<f4", "float32": "<f4",
    "double": "<f8", "float64": "<f8",
}  # fmt: skip


def write_cloud(path: Path, points: FloatArray) -> None:
    """Write (N, 3) points, whole or not at all. Coordinates become float32."""
    _write(path, points, None)


def write_mesh(path: Path, mesh: Mesh) -> None:
    """Write a mesh, whole or not at all. Coordinates become float32."""
    _write(path, mesh.vertices, mesh.faces)


def read_cloud(path: Path) -> FloatArray:
    """(N, 3) float64 points of a binary PLY; faces and further properties are passed over.

    Raises:
        DataError: no such file, no binary little-endian PLY, truncated, or values that are not finite.
    """
    return _read(path)[0]


def read_mesh(path: Path) -> Mesh:
    """A triangle mesh from a binary PLY as `write_mesh` writes it.

    Raises:
        DataError: as `read_cloud`; or without triangles.
    """
    points, faces = _read(path)
    if faces is None:
        raise DataError(f"{path} holds no faces; expected a triangle mesh")
    return Mesh(points, faces)


def _write(path: Path, points: FloatArray, faces: NDArray[np.int64] | None) -> None:
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    header += [f"property float {axis}" for axis in "xyz"]
    body = np.ascontiguousarray(points, dtype="<f4").tobytes()
    if faces is not None:
        header += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
        table = np.empty(len(faces), dtype=_FACE)
        table["count"], table["corners"] = 3, faces
        body += table.tobytes()
    write_bytes(path, "\n".join([*header, "end_header\n"]).encode() + body)


def _read(path: Path) -> tuple[FloatArray, NDArray[np.int64] | None]:
    if not path.is_file():
        raise DataError(f"there is no file {path}; expected a PLY")
    head, found, body = path.read_bytes().partition(b"end_header\n")
    lines = [line.split() for line in head.decode("ascii", "replace").splitlines()]
    if not found or ["format", "binary_little_endian", "1.0"] not in lines:
        raise DataError(f"{path} is not a binary little-endian PLY")
    try:
        points, rest = _vertices(lines, body)
        faces = _faces(lines, rest, len(points))
    except (KeyError, ValueError, IndexError) as wrong:
        raise DataError(f"{path} is truncated or holds something else than points and triangles ({wrong})") from None
    if not np.isfinite(points).all():
        raise DataError(f"{path} holds NaN or infinite coordinates")
    return points, faces


def _vertices(lines: list[list[str]], body: bytes) -> tuple[FloatArray, bytes]:
    """The element named first, which must be the vertices; and the bytes after it."""
    first = next(index for index, line in enumerate(lines) if line[:1] == ["element"])
    if lines[first][1] != "vertex":
        raise ValueError(f"the first element is {lines[first][1]}, not vertex")
    names = []
    for line in lines[first + 1 :]:
        if line[:1] != ["property"]:
            break
        names.append((line[2], _TYPES[line[1]]))
    table = np.dtype(names)
    count = int(lines[first][2])
    rows = np.frombuffer(body, dtype=table, count=count)
    return np.stack([rows[axis] for axis in "xyz"], axis=1).astype(np.float64), body[count * table.itemsize :]


def _faces(lines: list[list[str]], body: bytes, vertices: int) -> NDArray[np.int64] | None:
    counts = [int(line[2]) for line in lines if line[:2] == ["element", "face"]]
    if not counts or counts[0] == 0:
        return None
    table = np.frombuffer(body, dtype=_FACE, count=counts[0])
    if (table["count"] != 3).any():
        raise ValueError("a face is no triangle")
    faces = table["corners"].astype(np.int64)
    if faces.min() < 0 or faces.max() >= vertices:
        raise ValueError("a face names a vertex that is not there")
    return faces
