"""The paper's world: depth of LASA's CADs beside real ARKit depth, and captured objects to reconstruct.

`s2r-bench data prepare lasa` makes the pair folder from `lasa_depth`, and the objects, below `objects/`, from LASA's
raw scenes. Splits: `s2r_bench.data.lasa.split`. The published lists are there as option `split=published`; since they
train on scenes that LASA validates on, a simulator that was trained on them is refused unless leakage is allowed.

Captured objects are those of the six categories: of scenes that LASA validates on to be scored, of the others to learn
from. A view of one is a frame of its room in which it is in sight, as LASA picks images: its middle at most 5 m away
and 40 % of its box within the image. The corpus is option `cads`, else ShapeNet, ABO and 3D-FUTURE (the paper's) where
they are prepared, else the Sweet Home 3D library. A corpus model is seen alone, by the cameras that saw a captured
training object of its category, drawn nearer or farther by the ratio of their longest sides.
"""

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from s2r_bench.cad import read_models
from s2r_bench.data.clouds import content_digest
from s2r_bench.data.lasa.objects import PlacedObject, read_placed
from s2r_bench.data.lasa.pairs import LISTS, OBJECTS
from s2r_bench.data.lasa.sights import kept_sights, moved
from s2r_bench.data.lasa.split import VALIDATION_SCENES, WHY
from s2r_bench.data.s3dis.archive import BlockArchive
from s2r_bench.data.s3dis.room import RoomSet
from s2r_bench.errors import DataError, UsageError
from s2r_bench.files import read_json
from s2r_bench.geometry.render import RayScene
from s2r_bench.seeds import rng_of
from s2r_bench.shelf import Shelf
from s2r_bench.steps.code import code_of
from s2r_bench.types import CATEGORIES, CadModel, DepthFrame, Mesh
from s2r_bench.worlds.base import ObjectSplit
from s2r_bench.worlds.custom import PairFolderWorld, PairWorldOptions
from s2r_bench.worlds.pair_folder import FolderPairs, FrameEntry
from s2r_bench.worlds.rooms import SENSOR, RoomsOptions, S3disRooms, found_rooms


class LasaOptions(PairWorldOptions):
    """Options of the world.

    Attributes:
        split: "clean", or "published": the lists of `lasa_depth`, whose validation part then validates and tests.
        rooms: where S3DIS is, which the task `segment` labels.
        preprocessed: DisCo's arrays, whose objects of LASA are then the captured ones (`s2r_bench.worlds.lasa_arrays`).
    """

    split: Literal["clean", "published"] = "clean"
    rooms: RoomsOptions = RoomsOptions()
    preprocessed: Path | None = None


class LasaWorld(PairFolderWorld):
    """A pair world with captured objects (a `HoldsObjects`), which keeps LASA's validation scenes back.

    It holds labelled rooms (a `HoldsLabelledRooms`) where S3DIS is on the disk; where not, asking for them says so.
    """

    kept_back_why: str = WHY
    rooms_sensor: str = SENSOR
    # one fit serves tasks that differ in these
    beside_pairs: ClassVar[frozenset[str]] = frozenset({"cads", "rooms", "preprocessed"})

    def __init__(self, folder: Path, preset: str, home: Path, options: LasaOptions) -> None:
        """Read the cameras file, and the published lists where they are asked for.

        Raises:
            DataError: the folder is no prepared one.
        """
        super().__init__("lasa", folder, preset, home, options)
        prepared = [home / "data" / name for name in ("shapenet", "abo", "3d-future")]
        given = [] if options.cads else [place for place in prepared if (place / "index.csv").is_file()]
        self._shelf = Shelf(home / "shelf")
        self._corpora = given or ([self._cads] if self._cads else [])
        self._rooms_options, self._home = options.rooms, home
        if options.split == "published":
            self._splits = published_splits(folder, self._cameras.entries)

    @property
    def kept_back(self) -> frozenset[str]:
        """The scenes that no simulator may have learned from that is scored here."""
        return VALIDATION_SCENES

    @property
    def key(self) -> str:
        """Of the cameras, this code, the preset's pixel step, and names and sizes of captures, objects and corpora.

        A change within a file that leaves its size as it was is not seen.
        """
        return self._key

    def cads(self) -> list[CadModel]:
        """The furniture of the six categories of every corpus that is there."""
        return [model for place in self._corpora for model in read_models(place, categories=CATEGORIES).models]

    def objects(self, split: ObjectSplit) -> list[CadModel]:
        """The corpus of option `cads`, or captured objects that have views here.

        Raises:
            DataError: there are none; the message says how to get them.
        """
        if split == "corpus":
            found = self.cads()
            if not found:
                raise DataError(
                    "world 'lasa' has no CAD corpus to learn from: give ShapeNet, ABO, 3D-FUTURE or a folder of meshes "
                    "with --set world.cads=PATH, or prepare one (`s2r-bench data list`)"
                )
            return found
        if split not in ("captured-train", "captured-test"):
            raise UsageError(f"there are no objects {split!r}; there are: corpus, captured-train, captured-test")
        test = split == "captured-test"
        some = [
            one for one in self._placed.values() if (one.scene in VALIDATION_SCENES) == test and self._in_sight(one)
        ]
        if not some:
            raise DataError(
                f"{self.folder}: no object of {split} is in sight of a frame; are pairs and objects of one set?"
            )
        return [one.model() for one in some]

    @property
    def rooms_key(self) -> str:
        """Of S3DIS's files.

        Raises:
            DataError: it is not on this machine.
        """
        return self._rooms.key

    def labelled_rooms(self) -> RoomSet | BlockArchive:
        """The rooms of S3DIS, read when asked for; or an archive's blocks.

        Raises:
            DataError: they are not on this machine, files are missing, or rooms where `rooms.complete` asks for all.
        """
        return self._rooms.rooms()

    def object_scene(self, model: CadModel) -> str:
        """The scene of a captured object; "corpus" for any other."""
        return self._placed[model.id].scene if model.id in self._placed else "corpus"

    def object_views(self, model: CadModel, views: int, seed: int) -> tuple[DepthFrame, ...]:
        """Clean views: of a captured object the CADs of its room, of a corpus model the model alone.

        Raises:
            DataError: no captured training object lends its cameras, or a file is damaged.
        """
        if model.id in self._placed:
            return self._seen(self._placed[model.id], views, captured=False)
        lender = self._lender(model, seed)
        scale = _longest(model.mesh) / _longest(lender.model().mesh)
        rays = RayScene([model.mesh])
        frames = []
        for name in spread(self._in_sight(lender), views):
            entry = self._cameras.entries[name]
            pose = lender.object_from_scene @ entry.world_from_cam
            pose[:3, 3] *= scale
            depth = rays.depth(entry.K, pose, self._cameras.size)
            frames.append(DepthFrame(depth, entry.K, pose, "corpus", model.id, name).strided(self.step))
        return tuple(frames)

    def captured_views(
        self, models: Sequence[CadModel], views: int, seeds: Sequence[int]
    ) -> list[tuple[DepthFrame, ...]]:
        """What ARKit saw of captured objects, in their frames; the seeds decide nothing, for there is one capture.

        Raises:
            DataError: a model was not captured, or a file is damaged.
        """
        unknown = [model.id for model in models if model.id not in self._placed]
        if unknown:
            raise DataError(f"{unknown[0]} was never captured: it is no object of {self.folder / OBJECTS}")
        return [self._seen(self._placed[model.id], views, captured=True) for model in models]

    @cached_property
    def _key(self) -> str:
        lines = [
            f"{self.step} {code_of(sys.modules[__name__])}",
            *sizes_of(self.folder / "captured"),
            *sizes_of(self.folder / OBJECTS),
            *(line for place in self._corpora for line in sizes_of(place)),
        ]
        cameras = self._cameras.path.read_bytes()
        return content_digest(cameras, "\n".join(lines).encode())

    @cached_property
    def _rooms(self) -> S3disRooms:
        return found_rooms(self._rooms_options, self._home, self.name, "world.rooms.path")

    @cached_property
    def _placed(self) -> dict[str, PlacedObject]:
        return {one.id: one for one in read_placed(self.folder / OBJECTS)}

    @cached_property
    def _frames_of(self) -> dict[str, list[FrameEntry]]:
        found: dict[str, list[FrameEntry]] = {}
        for entry in self._cameras.entries.values():
            found.setdefault(entry.scene, []).append(entry)
        return {scene: sorted(entries, key=_time) for scene, entries in found.items()}

    @cached_property
    def _sights(self) -> dict[str, dict[str, list[str]]]:
        return {}

    @cached_property
    def _objects_of(self) -> dict[str, list[PlacedObject]]:
        found: dict[str, list[PlacedObject]] = {}
        for one in self._placed.values():
            found.setdefault(one.scene, []).append(one)
        return found

    def _in_sight(self, one: PlacedObject) -> list[str]:
        """Names of the frames that see an object, in order of time."""
        scene = one.scene
        if scene not in self._sights:
            entries, objects = self._frames_of.get(scene, []), self._objects_of[scene]
            self._sights[scene] = kept_sights(self._shelf, self.folder, self._cameras, scene, entries, objects)
        return self._sights[scene][one.id]

    def _seen(self, one: PlacedObject, views: int, *, captured: bool) -> tuple[DepthFrame, ...]:
        names = spread(self._in_sight(one), views)
        if not names:
            return ()
        pairs = FolderPairs(self.folder, names=names, step=self.step, cameras=self._cameras)
        found = [pairs[index].captured if captured else pairs[index].clean for index in range(len(pairs))]
        return tuple(moved(frame, one) for frame in found)

    def _lender(self, model: CadModel, seed: int) -> PlacedObject:
        """A captured training object of the category, drawn by the seed."""
        every = [one for one in self._placed.values() if one.scene not in VALIDATION_SCENES]
        alike = [one for one in every if one.category == model.category]
        for some in (alike, every):
            for index in rng_of("lasa lender", model.id, seed).permutation(len(some)):
                one: PlacedObject = some[int(index)]
                if self._in_sight(one):
                    return one
        raise DataError(
            f"{self.folder}: no captured training object is in sight of a frame, so no camera can be borrowed"
        )


def open(*, preset: str, home: Path, options: Mapping[str, Any], folder: Path | None = None) -> LasaWorld:
    """The prepared set: `folder`, else option `folder`, else the environment's S2R_LASA, else `HOME/data/lasa`.

    Raises:
        DataError: there is none; the message holds the command that prepares it.
    """
    chosen = LasaOptions.preset(preset, options)
    place = folder or chosen.folder or Path(os.environ.get("S2R_LASA") or home / "data" / "lasa")
    if not (place / "cameras.json").is_file() or not (place / LISTS).is_file():
        raise DataError(
            f"world 'lasa' is not on this machine (looked in {place}). Get lasa_depth and lasa_pose of Stable-Sim2Real "
            "(links on https://github.com/GAP-LAB-CUHK-SZ/stable-sim2real), and LASA's raw scenes (a form, "
            "https://github.com/GAP-LAB-CUHK-SZ/LASA) yourself, then: s2r-bench data prepare lasa --from PATH"
        )
    if chosen.preprocessed is not None:
        from s2r_bench.worlds.lasa_arrays import LasaArraysWorld

        return LasaArraysWorld(place, preset, home, chosen, chosen.preprocessed)
    return LasaWorld(place, preset, home, chosen)


def published_splits(folder: Path, known: Collection[str]) -> dict[str, list[str]]:
    """The lists of `lasa_depth` as splits; it has no third part, so its validation part tests as well.

    Args:
        folder: the prepared set.
        known: names of its frames; a listed frame that shows nothing was dropped.

    Raises:
        DataError: the file of lists is missing or of another form.
    """
    lists = read_json(folder / LISTS).get("published", {})
    if not isinstance(lists, dict) or not all(lists.get(part) for part in ("train", "val")):
        raise DataError(f"{folder / LISTS} lacks the published lists train and val; prepare the set again")
    train, val = ([name for name in lists[part] if name in known] for part in ("train", "val"))
    return {"train": train, "val": val, "test": val}


def spread(names: Sequence[str], views: int) -> list[str]:
    """At most `views` of the names, evenly spaced.

    >>> spread(["a", "b", "c", "d", "e"], 3), spread(["a"], 3)
    (['a', 'c', 'e'], ['a'])
    """
    if len(names) <= views:
        return list(names)
    return [names[round(place)] for place in np.linspace(0, len(names) - 1, views)]


def _longest(mesh: Mesh) -> float:
    return float((mesh.bounds[1] - mesh.bounds[0]).max())


def _time(entry: FrameEntry) -> tuple[int, str]:
    number = entry.name.rpartition("_")[2]
    return int(number) if number.isdigit() else 0, entry.name


def sizes_of(folder: Path) -> list[str]:
    """Names and sizes of the files below a folder, or of a file."""
    if folder.is_file():
        return [f"{folder.name} {folder.stat().st_size}"]
    return sorted(
        f"{path.relative_to(folder).as_posix()} {path.stat().st_size}" for path in folder.rglob("*") if path.is_file()
    )
