"""OFF files: `OFF`, counts, a vertex a line, a face a line. ModelNet glues the counts to the word: `OFF490 518 0`.

Read here rather than by trimesh, so that a file that ends early says so; positions are all that is asked, colours and
normals after them are passed over.
"""

import re
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from s2r_bench.types import FloatArray

_HEAD = re.compile(rb"\s*(?:ST)?C?N?OFF(?=[\s\d#]|$)")


def parse_off(data: bytes) -> tuple[FloatArray, NDArray[np.int64]]:
    r"""Vertices (N, 3) and triangles (M, 3) of a text OFF file; polygons become fans, blank lines and # are skipped.

    Raises:
        ValueError: another kind of file, or one that holds less than its counts say.

    >>> parse_off(b"OFF3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n")[1].tolist()
    [[0, 1, 2]]
    """
    head = _HEAD.match(data)
    if head is None:
        raise ValueError(f"it does not begin with OFF but with {data[:16]!r}")
    lines = [line for line in (raw.partition(b"#")[0].strip() for raw in data[head.end() :].splitlines()) if line]
    counts = re.match(rb"(\d+)\s+(\d+)(?:\s+\d+)?$", lines[0]) if lines else None
    if counts is None:
        raise ValueError(f"expected the numbers of vertices, faces and edges after OFF, not {lines[:1]}")
    points, faces = int(counts.group(1)), int(counts.group(2))
    if len(lines) - 1 < points + faces:
        raise ValueError(f"it ends early: {len(lines) - 1} lines of {points} vertices and {faces} faces")
    return _positions(lines[1 : points + 1]), _triangles(lines[points + 1 : points + 1 + faces])


def _positions(lines: list[bytes]) -> FloatArray:
    if not lines:
        return np.zeros((0, 3))
    words = b" ".join(lines).split()
    if len(words) != 3 * len(lines):  # more than positions on the lines, or less
        rows = [line.split() for line in lines]
        short = next((k for k, row in enumerate(rows) if len(row) < 3), None)
        if short is not None:
            raise ValueError(f"vertex {short} is {lines[short][:40]!r}, expected x y z")
        words = [word for row in rows for word in row[:3]]
    return np.array(words, dtype=np.bytes_).astype(np.float64).reshape(-1, 3)


def _triangles(lines: list[bytes]) -> NDArray[np.int64]:
    words = b" ".join(lines).split()
    if len(words) == 4 * len(lines) and all(word == b"3" for word in islice(words, 0, None, 4)):
        return np.array(words, dtype=np.bytes_).astype(np.int64).reshape(-1, 4)[:, 1:]
    faces: list[tuple[int, int, int]] = []
    for k, line in enumerate(lines):
        row = line.split()
        corners = [int(word) for word in row[1 : 1 + int(row[0])]]
        if len(corners) < int(row[0]):
            raise ValueError(f"face {k} is {line[:40]!r}, expected {int(row[0])} vertices")
        faces += [(corners[0], corners[i], corners[i + 1]) for i in range(1, len(corners) - 1)]
    return np.array(faces, dtype=np.int64).reshape(-1, 3)
