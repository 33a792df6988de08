"""Points labelled inside or outside of a CAD, kept on disk by the mesh's content: made once, the same for every arm."""

import json
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.files import whole
from s2r_bench.geometry.occupancy import SolidQuality, solid_of
from s2r_bench.geometry.order import mesh_digest
from s2r_bench.geometry.surface import sample_surface
from s2r_bench.records import content_key
from s2r_bench.seeds import rng_of, seed_of
from s2r_bench.steps.code import code_of
from s2r_bench.types import BoolArray, Mesh

SLACK = 1e-4  # by which a mesh may miss the object frame's cube


@dataclass(frozen=True, eq=False)
class LabelledPoints:
    """Points of the object frame with what they are.

    Attributes:
        volume: (N, 3) float32, uniform in [-1, 1]^3.
        volume_inside: (N,) bool.
        near: (M, 3) float32, on the surface plus Gaussian noise; they may lie beyond the cube.
        near_inside: (M,) bool.
        quality: of the mesh; see `SolidQuality.open_shell` before you trust the labels.
    """

    volume: NDArray[np.float32]
    volume_inside: BoolArray
    near: NDArray[np.float32]
    near_inside: BoolArray
    quality: SolidQuality


def labelled_points(
    mesh: Mesh, *, volume: int, near: int, near_std: float, seed: int, folder: Path | None
) -> LabelledPoints:
    """Labelled points of a mesh in the object frame, from `folder` where this code has left them there already.

    Args:
        mesh: in the object frame (`ObjectFrame.to_object`): its box lies in [-1, 1]^3, its longest side spans it.
        volume: number of points uniform in the cube.
        near: number of points near the surface.
        near_std: standard deviation of each coordinate's noise there, in units of the object frame.
        seed: of the points.
        folder: where files are kept, made if missing; None: nothing is kept.

    Raises:
        ValueError: a negative number or deviation.
        DataError: the mesh is not in the object frame, or has no inside (see `solid_of`).
    """
    if min(volume, near) < 0 or not 0 <= near_std < np.inf:
        raise ValueError(f"volume, near and near_std must be at least 0, not {volume}, {near}, {near_std}")
    if folder is None:
        return _made(mesh, volume, near, near_std, seed)
    key = content_key([_code(), mesh_digest(mesh), volume, near, near_std, seed])
    path = folder / f"{key}.npz"
    kept = _read(path)
    if kept is None:
        kept = _made(mesh, volume, near, near_std, seed)
        _write(path, kept)
    return kept


@cache  # it is asked for with every mesh
def _code() -> str:
    """Digest of all code that decides a label, so that files of a former one are not taken."""
    return code_of(sys.modules[__name__])


def _made(mesh: Mesh, volume: int, near: int, near_std: float, seed: int) -> LabelledPoints:
    solid = solid_of(mesh)
    _check_frame(solid.mesh)
    rng = rng_of(seed, "labels")
    # labels are of the rounded points, which are the ones that are kept
    spread = rng.uniform(-1, 1, (volume, 3)).astype(np.float32)
    noise = rng.normal(0, near_std, (near, 3))
    close = (sample_surface(solid.mesh, near, seed_of(seed, "surface")) + noise).astype(np.float32)
    return LabelledPoints(spread, solid.contains(spread), close, solid.contains(close), solid.quality)


def _check_frame(mesh: Mesh) -> None:
    low, high = mesh.bounds
    if np.abs(mesh.bounds).max() > 1 + SLACK or abs(float((high - low).max()) - 2) > SLACK:
        raise DataError(
            f"labels are for meshes in the object frame, whose longest side spans [-1, 1]; this box is {low} to {high}"
        )


def _write(path: Path, labels: LabelledPoints) -> None:
    arrays = {
        "volume": labels.volume,
        "volume_inside": np.packbits(labels.volume_inside),
        "near": labels.near,
        "near_inside": np.packbits(labels.near_inside),
        "quality": np.array(json.dumps(asdict(labels.quality))),
    }
    with whole(path) as part, part.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]  # the stub takes any name for its flag


def _read(path: Path) -> LabelledPoints | None:
    """What the file holds; None where there is none or it is damaged: it can be made again."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return _unpacked(arrays)
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        return None


def _unpacked(arrays: Mapping[str, Any]) -> LabelledPoints:
    points = {name: arrays[name] for name in ("volume", "near")}
    inside = {
        name: np.unpackbits(arrays[f"{name}_inside"], count=len(points[name])).astype(np.bool_) for name in points
    }
    quality = SolidQuality(**json.loads(str(arrays["quality"])))
    return LabelledPoints(points["volume"], inside["volume"], points["near"], inside["near"], quality)
