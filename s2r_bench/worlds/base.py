"""What a world promises, and how one is opened by name or folder."""

import importlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

from s2r_bench.data.clouds import CloudSplit, LabelledClouds
from s2r_bench.data.images import ObjectImage
from s2r_bench.data.ready import ReadyObject
from s2r_bench.errors import UsageError
from s2r_bench.seeds import FrameSeed
from s2r_bench.simulator import PairSet
from s2r_bench.types import CadModel, DepthFrame

if TYPE_CHECKING:
    from s2r_bench.data.s3dis.archive import BlockArchive
    from s2r_bench.data.s3dis.room import RoomSet

Split = Literal["train", "val", "test"]
WORLDS = ("mini", "kinect", "lasa", "s3dis")


class World(Protocol):
    """A pair set with disjoint splits, CAD corpora, and the name of its sensor.

    Attributes:
        name: as in records and tables.
        sensor: what made the captures; "virtual sensor" in a simulated world, never "real" there.
        owns_sensor: whether the world can capture anything it is given (then an oracle arm exists).
        preset: "tiny", "small" or "paper"; stamped on every record.
    """

    name: str
    sensor: str
    owns_sensor: ClassVar[bool]
    preset: str

    def pairs(self, split: Split) -> PairSet:
        """The pairs of a split, made or found; scenes (and objects) of two splits never meet."""
        ...

    def cads(self) -> list[CadModel]:
        """The CAD corpus: the "synthetic data set" that downstream tasks pretrain on."""
        ...


@runtime_checkable
class OwnsSensor(Protocol):
    """A world that can capture its own views, again and again."""

    @property
    def key(self) -> str:
        """Changes whenever what it makes or captures would."""
        ...

    def capture(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """Captures of these views; DataError for a view that it did not make."""
        ...


ObjectSplit = Literal["corpus", "captured-train", "captured-test"]


@runtime_checkable
class HoldsObjects(Protocol):
    """A world with single objects: CAD models to learn from, and captured ones to learn from and be scored on."""

    @property
    def key(self) -> str:
        """Changes whenever its objects or captures do."""
        ...

    def objects(self, split: ObjectSplit) -> list[CadModel]:
        """The objects of a part; no object is in two parts. Frame: y up, floor at y = 0, metres."""
        ...

    def object_scene(self, model: CadModel) -> str:
        """The id of the scene in which an object is seen."""
        ...

    def object_views(self, model: CadModel, views: int, seed: int) -> tuple[DepthFrame, ...]:
        """Clean views of an object in its surroundings; the world frame is the object's frame."""
        ...

    def captured_views(
        self, models: Sequence[CadModel], views: int, seeds: Sequence[int]
    ) -> list[tuple[DepthFrame, ...]]:
        """Captures of objects in their surroundings, in the same frames; one seed an object."""
        ...


@runtime_checkable
class HoldsReadyObjects(HoldsObjects, Protocol):
    """A world whose captured objects come as arrays: their models have empty meshes, and nobody has views of them."""

    labels: str
    """Whose labels they are, for records."""

    def ready(self, model: CadModel) -> ReadyObject:
        """The arrays of a captured object, read when asked for.

        Raises:
            DataError: it is none, or a file is missing or damaged.
        """
        ...


@runtime_checkable
class HoldsImages(Protocol):
    """A world with single objects that has colour images of them, or of some of them."""

    @property
    def images_key(self) -> str:
        """Changes whenever an image or its projection does."""
        ...

    def object_images(self, model: CadModel) -> Sequence[ObjectImage]:
        """The images of an object in a fixed order, as `ObjectImage.seen` makes them; empty where it has none."""
        ...


@runtime_checkable
class HoldsLabelledRooms(Protocol):
    """A world with rooms of six areas, every point of which has a class: a network learns on some areas, not on one."""

    rooms_sensor: str
    """What captured the rooms; "virtual sensor" in a simulated world."""

    @property
    def rooms_key(self) -> str:
        """Changes whenever the rooms do; asking makes none."""
        ...

    def labelled_rooms(self) -> "RoomSet | BlockArchive":
        """The rooms, made or found; or blocks that others have cut of them.

        Raises:
            DataError: they are damaged, or not what they should be.
        """
        ...


@runtime_checkable
class HoldsScans(Protocol):
    """A world with scanned objects of several classes, cut out of where they stand, background included."""

    @property
    def scans_key(self) -> str:
        """Changes whenever they do."""
        ...

    def scans(self, split: CloudSplit) -> LabelledClouds:
        """The objects of a split; no object is in both, and none is in the corpus."""
        ...

    def scan_scenes(self, split: CloudSplit) -> frozenset[str]:
        """The ids of the scenes in which they stand."""
        ...


@runtime_checkable
class KeepsScenesBack(Protocol):
    """A world whose benchmark scores certain scenes: a simulator that is scored here may not have learned from them.

    They count whether or not a task scores them: figures of a method are compared across tasks.
    """

    kept_back_why: str
    """One clause for the refusal: why they are kept back."""

    @property
    def kept_back(self) -> frozenset[str]:
        """Their scene ids."""
        ...


def is_made(world: World, splits: Iterable[Split]) -> bool:
    """Whether the pairs are there already. Only a world that makes its own says no: by a method `is_made(split)`."""
    asked = getattr(world, "is_made", None)
    return asked is None or all(asked(split) for split in splits)


def open_world(name: str, *, preset: str = "tiny", home: Path, options: Mapping[str, Any] | None = None) -> World:
    """The world `name`, or the folder of pairs, or of S3DIS, at that path; else what was prepared under that name.

    Args:
        name: one of WORLDS, or a path.
        preset: sizes; see `World.preset`.
        home: where generated data is cached (S2R_HOME).
        options: the world's own options (`--set world.NAME=VALUE`).

    Raises:
        UsageError: neither a world nor a folder.
        DataError: the folder holds neither pairs nor S3DIS.
    """
    options = dict(options or {})
    if name in WORLDS:
        module = importlib.import_module(f"s2r_bench.worlds.{name}")
        world: World = module.open(preset=preset, home=home, options=options)
        return world
    if (Path(name) / "cameras.json").is_file() and (Path(name) / "lists.json").is_file():
        lasa = importlib.import_module("s2r_bench.worlds.lasa")
        world = lasa.open(preset=preset, home=home, options=options, folder=Path(name))
        return world
    if Path(name).is_dir() and not (Path(name) / "cameras.json").is_file():
        from s2r_bench.data.s3dis.layout import layout_of

        if layout_of(Path(name)) is not None:
            s3dis = importlib.import_module("s2r_bench.worlds.s3dis")
            world = s3dis.open(preset=preset, home=home, options=options, folder=Path(name))
            return world
    if Path(name).is_dir():
        module = importlib.import_module("s2r_bench.worlds.custom")
        world = module.open(folder=Path(name), preset=preset, home=home, options=options)
        return world
    prepared = home / "data" / name
    if Path(name).name == name and (prepared / "cameras.json").is_file():
        custom = importlib.import_module("s2r_bench.worlds.custom")
        world = custom.open(folder=prepared, preset=preset, home=home, options=options)
        return world
    raise UsageError(
        f"there is no world or folder {name!r}. Worlds: {', '.join(WORLDS)}; or give a folder of pairs, or of S3DIS"
    )
