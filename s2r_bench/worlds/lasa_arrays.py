"""The world `lasa` with captured objects out of DisCo's preprocessed arrays, for those who have no raw scenes.

Pairs and corpus are those of `s2r_bench.worlds.lasa`. Captured objects are what `train.lst` and `val.lst` of the
folders arkit_CATEGORY name. They have no meshes and no views; a task takes their arrays or nothing.

Where raw scenes were prepared too, corpus models are seen by the cameras that saw a captured training object, as there.
Where not, nobody knows which frame saw which object: then the set's own camera walks around the model on the arc of
`s2r_bench.staging.orbit`.
"""

import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from s2r_bench.data.clouds import content_digest
from s2r_bench.data.lasa.captured import stored_objects
from s2r_bench.data.lasa.disco import DiscoSplit
from s2r_bench.data.lasa.objects import LICENCE, PlacedObject
from s2r_bench.data.lasa.pairs import OBJECTS
from s2r_bench.data.ready import ReadyObject
from s2r_bench.errors import DataError, UsageError
from s2r_bench.geometry.render import RayScene
from s2r_bench.staging import Scene, orbit
from s2r_bench.steps.code import code_of
from s2r_bench.types import CadModel, DepthFrame, Mesh
from s2r_bench.worlds.base import ObjectSplit
from s2r_bench.worlds.lasa import LasaOptions, LasaWorld, sizes_of

UNKNOWN = "unknown"
_SPLITS: dict[str, DiscoSplit] = {"captured-train": "train", "captured-test": "val"}
_READ = ("4_pointcloud", "5_partial_points")  # below other_data/CATEGORY


class LasaArraysWorld(LasaWorld):
    """A LASA world whose captured objects are ready (a `HoldsReadyObjects`)."""

    labels: str = "stored by DisCo"

    def __init__(self, folder: Path, preset: str, home: Path, options: LasaOptions, root: Path) -> None:
        """Read the lists of `root`, which holds occ_data and other_data; arrays are read when asked for.

        Raises:
            DataError: the folder is no prepared one, or the lists are missing or not disjoint.
        """
        super().__init__(folder, preset, home, options)
        self._root, self._lists = root, stored_objects(root)
        self._stored = {one.id: one for some in self._lists.values() for one in some}

    def objects(self, split: ObjectSplit) -> list[CadModel]:
        """The corpus; or the captured objects of a list, without meshes.

        Raises:
            DataError: there is no corpus.
        """
        if split == "corpus":
            return super().objects(split)
        if split not in _SPLITS:
            raise UsageError(f"there are no objects {split!r}; there are: corpus, {', '.join(_SPLITS)}")
        return [CadModel(one.id, one.category, _no_mesh(), "LASA", LICENCE) for one in self._lists[_SPLITS[split]]]

    def ready(self, model: CadModel) -> ReadyObject:
        """The arrays of a captured object.

        Raises:
            DataError: it is none, or a file is missing, damaged or of another frame; the message names it.
        """
        if model.id not in self._stored:
            raise DataError(f"{model.id} is no captured object of {self._root}")
        return self._stored[model.id].read()

    def object_scene(self, model: CadModel) -> str:
        """The scene of a captured object, "unknown" where the download has no 10_tranmat; "corpus" for any other."""
        stored = self._stored.get(model.id)
        return "corpus" if stored is None else stored.scene() or UNKNOWN

    def object_views(self, model: CadModel, views: int, seed: int) -> tuple[DepthFrame, ...]:
        """Clean views of a corpus model, alone.

        Raises:
            DataError: it is a captured object.
        """
        if model.id in self._stored:
            raise self._no_views(model)
        if self._placed:
            return super().object_views(model, views, seed)
        rays, size = RayScene([model.mesh]), self._cameras.size
        K = next(iter(self._cameras.entries.values())).K
        poses = orbit(Scene((model.mesh,), model.mesh.bounds, None), views, seed)
        return tuple(
            DepthFrame(rays.depth(K, pose, size), K, pose, "corpus", model.id, f"orbit-{index}").strided(self.step)
            for index, pose in enumerate(poses)
        )

    def captured_views(
        self, models: Sequence[CadModel], views: int, seeds: Sequence[int]
    ) -> list[tuple[DepthFrame, ...]]:
        """None: the arrays hold no views.

        Raises:
            DataError: always, unless nothing is asked for.
        """
        if models:
            raise self._no_views(models[0])
        return []

    def _no_views(self, model: CadModel) -> DataError:
        return DataError(
            f"{self._root} holds arrays: nobody has views of {model.id}; prepare LASA's raw scenes for views"
        )

    @cached_property
    def _placed(self) -> dict[str, PlacedObject]:
        if not (self.folder / OBJECTS / "index.csv").is_file():
            return {}
        return super()._placed

    @cached_property
    def _key(self) -> str:
        lines = [
            code_of(sys.modules[__name__]),
            *(f"{split} {one.id}" for split in _SPLITS.values() for one in self._lists[split]),
        ]
        for folder in sorted({one.folder for one in self._stored.values()}):
            lines += sizes_of(self._root / "occ_data" / folder)
            for part in _READ:
                lines += sizes_of(self._root / "other_data" / folder / part)
        return content_digest(super()._key.encode(), "\n".join(lines).encode())


def _no_mesh() -> Mesh:
    return Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64))
