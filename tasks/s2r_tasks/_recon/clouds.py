"""Partial clouds of objects: views fused, cut out, in the object frame. One file an object: a kill loses little.

The cut is LASA's: the box of the CAD, 1.2 times as long in every direction; but nothing below `FLOOR_CUT` above the
floor, for the plane that an object stands on is known and is no part of it. What is left of wall and floor stays.
"""

import itertools
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.files import whole
from s2r_bench.geometry.crop import ObjectFrame, grown_box
from s2r_bench.geometry.fuse import fuse_points
from s2r_bench.seeds import rng_of, seed_of
from s2r_bench.types import CadModel, DepthFrame
from s2r_bench.worlds.base import HoldsObjects
from s2r_tasks._disco.augment import drawn

FLOOR_CUT = 0.015  # metres
FEWEST_POINTS = 32
CHUNK = 64  # objects whose views are handed over at once
Cloud = NDArray[np.float32]
Frames = Callable[[Sequence[CadModel]], list[Sequence[DepthFrame]]]
Arrays = Callable[[CadModel, Sequence[DepthFrame]], Mapping[str, NDArray[Any]]]


def view_seed(model: CadModel) -> int:
    """The seed of an object's surroundings and cameras: its own, the same in all arms and runs."""
    return seed_of("recon views", model.id) % 10**9


def captured(world: HoldsObjects, views: int) -> Frames:
    """Frames by the world's captures."""
    return lambda models: list(world.captured_views(models, views, [view_seed(model) for model in models]))


def simulated(
    world: HoldsObjects, views: int, simulate: Callable[[Sequence[DepthFrame]], list[DepthFrame]] | None
) -> Frames:
    """Frames by an arm; None: the clean views themselves."""

    def frames(models: Sequence[CadModel]) -> list[Sequence[DepthFrame]]:
        clean = [world.object_views(model, views, view_seed(model)) for model in models]
        if simulate is None:
            return list(clean)
        seen = iter(simulate([frame for some in clean for frame in some]))
        return [tuple(itertools.islice(seen, len(some))) for some in clean]

    return frames


def make_clouds(folder: Path, models: Sequence[CadModel], frames: Frames, voxel: float, most: int) -> None:
    """Write `folder/ID.npz` with `points` (N, 3) float32 for each model; what is there stays. N may be 0.

    Args:
        folder: exists.
        models: what was seen.
        frames: gives the views of some models.
        voxel: of the fused cloud, metres.
        most: points kept of a cloud, drawn by the object's id.
    """
    write_missing(folder, models, frames, lambda model, seen: {"points": cloud_of(model, seen, voxel, most)})


def write_missing(folder: Path, models: Sequence[CadModel], frames: Frames, arrays: Arrays) -> None:
    """Write `folder/ID.npz` of the arrays of each model's views; what is there stays."""
    for start in range(0, len(models), CHUNK):
        some = models[start : start + CHUNK]
        paths = [folder / f"{model.id}.npz" for model in some]
        if all(path.is_file() for path in paths):
            continue
        # a chunk with a gap is seen whole: a continued run then asks for what an unbroken one would
        for model, path, seen in zip(some, paths, frames(some), strict=True):
            if not path.is_file():
                with whole(path) as part, part.open("wb") as stream:
                    np.savez(stream, **arrays(model, seen))  # type: ignore[arg-type]  # the stub takes any name for its flag


def read_clouds(folder: Path, models: Sequence[CadModel]) -> dict[str, Cloud]:
    """Model id -> cloud, without those of fewer than `FEWEST_POINTS` points: no network can make anything of them.

    Raises:
        DataError: a file is missing or damaged; the message names it.
    """
    found = {}
    for model in models:
        path = folder / f"{model.id}.npz"
        try:
            with np.load(path, allow_pickle=False) as arrays:
                points = arrays["points"]
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as wrong:
            raise DataError(f"{path} is missing or damaged ({wrong}); delete its folder and run again") from None
        if points.ndim != 2 or points.shape[1:] != (3,) or not np.isfinite(points).all():
            raise DataError(f"{path} holds no cloud (N, 3) of finite numbers; delete its folder and run again")
        if len(points) >= FEWEST_POINTS:
            found[model.id] = points.astype(np.float32)
    return found


def cloud_of(model: CadModel, frames: Sequence[DepthFrame], voxel: float, most: int) -> Cloud:
    """(N, 3) of the views of one object, in its object frame; at most `most` points."""
    box = grown_box(model.mesh.bounds)
    box[0, 1] = max(box[0, 1], FLOOR_CUT)
    try:
        points = fuse_points(frames, voxel, box=box)
    except DataError:  # not a point of it was seen: an answer like any other
        return np.zeros((0, 3), np.float32)
    cloud = ObjectFrame.from_mesh(model.mesh).to_object(points).astype(np.float32)
    return drawn(cloud, most, rng_of("recon cloud", model.id)) if len(cloud) > most else cloud
