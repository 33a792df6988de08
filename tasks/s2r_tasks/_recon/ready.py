"""The steps of `recon` where captured objects come as arrays: scan, surface and labels are taken as they are stored.

Nothing is fused, cut out or labelled here, and nothing below the floor's cut is taken away: the arrays have no metres.
Where an array holds more points than the options keep of one, the object's id draws which; else all are kept, in their
order. The corpus and all networks are the pipeline's own.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.data.ready import Points, ReadyObject
from s2r_bench.geometry.labels import LabelledPoints
from s2r_bench.geometry.occupancy import SolidQuality
from s2r_bench.seeds import rng_of
from s2r_bench.shelf import Shelf
from s2r_bench.steps.code import code_of
from s2r_bench.types import CATEGORIES, CadModel
from s2r_bench.worlds.base import HoldsReadyObjects, ObjectSplit
from s2r_tasks._recon.clouds import FEWEST_POINTS, Cloud
from s2r_tasks._recon.options import DataOptions, ReconOptions
from s2r_tasks._recon.pipeline import Pipeline
from s2r_tasks._recon.shapes import Shape


class ReadyPipeline(Pipeline):
    """One run's view of the shelf, in a world that hands over captured objects."""

    def __init__(self, options: ReconOptions, world: HoldsReadyObjects, shelf: Shelf, device: str = "cpu") -> None:
        super().__init__(options, world, shelf, device)
        self._ready = world
        self._scans: dict[str, dict[str, Cloud]] = {}

    def shapes(self, split: ObjectSplit, categories: Sequence[str] = CATEGORIES) -> list[Shape]:
        """Shapes of a part of the world that have an inside; of captured objects, with the stored labels."""
        if split != "corpus":
            self._read(split)
        return super().shapes(split, categories)

    def _captured(self, split: ObjectSplit) -> dict[str, Cloud]:
        self._read(split)
        return self._scans[split]

    def _read(self, split: ObjectSplit) -> None:
        """Read a part's arrays once."""
        if split in self._scans:
            return
        shapes, scans = [], {}
        for model in self.models(split):
            found = self._ready.ready(model)
            shapes.append(shape_of_ready(model, found, self.options.data))
            if len(found.scan) >= FEWEST_POINTS:
                scans[model.id] = _kept(found.scan, self.options.data.stored, "scan", model.id)
        self._shapes[split], self._scans[split] = shapes, scans

    def _shelved(
        self,
        kind: str,
        inputs: Mapping[str, Any],
        make: Callable[[Path], None],
        what: str,
        *steps: str,
        wait: bool = True,
    ) -> Path:
        about = {**inputs, "ready": code_of(sys.modules[__name__])}
        return super()._shelved(kind, about, make, what, *steps, wait=wait)


def shape_of_ready(model: CadModel, found: ReadyObject, data: DataOptions) -> Shape:
    """The shape that an object's arrays are of; one without a point inside counts as an open shell.

    Its half sides are those of the surface's samples, which the CAD's own exceed by a hair.
    """
    volume = _places(len(found.volume), data.volume, "volume", model.id)
    near = _places(len(found.near), data.near, "near", model.id)
    # nobody has the mesh, so nothing is known of it but whether the labels have an inside
    quality = SolidQuality("winding", True, False, 0, 0, 0.0, 0.0, open_shell=not found.volume_inside.any())
    points = LabelledPoints(
        found.volume[volume], found.volume_inside[volume], found.near[near], found.near_inside[near], quality
    )
    sides = found.surface.max(0).astype(np.float64) - found.surface.min(0)
    return Shape(model.id, model.category, _kept(found.surface, data.surface, "surface", model.id), points, sides / 2)


def _kept(points: Points, most: int, *about: str) -> Points:
    return points[_places(len(points), most, *about)]


def _places(count: int, most: int, *about: str) -> NDArray[np.int64]:
    """Which of `count` points are kept, in their order."""
    if count <= most:
        return np.arange(count)
    return np.sort(rng_of("recon ready", *about).permutation(count)[:most])
