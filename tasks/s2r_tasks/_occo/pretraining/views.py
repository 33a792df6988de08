"""Partial clouds of corpus objects, one a view: depth, simulated or clean, back-projected and cut out by the CAD's box.

One file an object, so that a kill loses little; points stand in the object's frame as the world has it, in metres. The
cameras are those of `recon`: what an arm has simulated for one task serves the other.
"""

import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.geometry.crop import grown_box, inside_box
from s2r_bench.geometry.points import world_points
from s2r_bench.records import content_key
from s2r_bench.seeds import rng_of
from s2r_bench.shelf import Shelf
from s2r_bench.steps.code import code_of
from s2r_bench.task import Arm
from s2r_bench.types import CadModel, DepthFrame
from s2r_bench.worlds.base import HoldsObjects
from s2r_tasks._occo.pretraining.options import PretrainOptions
from s2r_tasks._recon.clouds import Frames, simulated, write_missing
from s2r_tasks._recon.shapes import half_simulated

Cloud = NDArray[np.float32]
Views = Mapping[str, Sequence[Cloud]]
"""Model id -> its views' clouds (N, 3), N may be 0."""


def views_of(arm: Arm, world: HoldsObjects, shelf: Shelf, options: PretrainOptions, seed: int) -> Views:
    """Clean views, and the arm's in place of those of the objects that are simulated."""
    assert arm.simulate is not None  # `pretrained` refuses the others
    simulate, models = arm.simulate, world.objects("corpus")
    chosen = half_simulated(models, options.sim_fraction)
    some = [model for model in models if model.id in chosen]
    clean = simulated(world, options.views, None)
    found = _shelved(world, shelf, options, models, clean, "clean", "occo: clean views")
    frames = simulated(world, options.views, lambda seen: simulate(seen, 0))
    origin, what = f"simulated/{arm.identity}/{seed}", f"occo: views by {arm.name}, seed {seed}"
    made = _shelved(world, shelf, options, some, frames, origin, what)
    return {model.id: made.get(model.id, found[model.id]) for model in models}


def make_views(folder: Path, models: Sequence[CadModel], frames: Frames, options: PretrainOptions) -> None:
    """Write `folder/ID.npz` with `points` (N, 3) and `counts` (views,) for each model; what is there stays."""

    def arrays(model: CadModel, seen: Sequence[DepthFrame]) -> dict[str, NDArray[Any]]:
        clouds = [view_cloud(model, frame, options) for frame in seen]
        counts = np.array([len(cloud) for cloud in clouds], np.int64)
        return {"points": np.concatenate(clouds), "counts": counts}

    write_missing(folder, models, frames, arrays)


def read_views(folder: Path, models: Sequence[CadModel], views: int) -> dict[str, list[Cloud]]:
    """What `make_views` left.

    Raises:
        DataError: a file is missing or damaged; the message names it.
    """
    found = {}
    for model in models:
        path = folder / f"{model.id}.npz"
        try:
            with np.load(path, allow_pickle=False) as arrays:
                points, counts = arrays["points"], arrays["counts"]
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as wrong:
            raise DataError(f"{path} is missing or damaged ({wrong}); delete its folder and run again") from None
        whole_views = points.shape == (int(counts.sum()), 3) and counts.shape == (views,)
        if not whole_views or not np.isfinite(points).all():
            raise DataError(f"{path} does not hold {views} clouds of finite points; delete its folder and run again")
        found[model.id] = np.split(points.astype(np.float32), np.cumsum(counts)[:-1])
    return found


def view_cloud(model: CadModel, frame: DepthFrame, options: PretrainOptions) -> Cloud:
    """(N, 3) of one view, object frame in metres: what lies in the grown box, cut at the floor; at most `stored`."""
    box = grown_box(model.mesh.bounds, options.margin)
    box[0, 1] = max(box[0, 1], options.floor)
    points = world_points(frame)
    points = points[inside_box(points, box)]
    if len(points) <= options.stored:
        return points
    kept = rng_of("occo view", frame.id).permutation(len(points))[: options.stored]
    return np.asarray(points[np.sort(kept)])


def _shelved(
    world: HoldsObjects,
    shelf: Shelf,
    options: PretrainOptions,
    models: Sequence[CadModel],
    frames: Frames,
    origin: str,
    what: str,
) -> dict[str, list[Cloud]]:
    if not models:
        return {}
    inputs = {
        "origin": origin,
        "world": world.key,
        "models": content_key([model.id for model in models]),
        "options": [options.views, options.margin, options.floor, options.stored],
        "code": code_of(sys.modules[__name__]),
    }
    folder = shelf.folder("occo-views", inputs, lambda folder: make_views(folder, models, frames, options), what)
    return read_views(folder, models, options.views)
