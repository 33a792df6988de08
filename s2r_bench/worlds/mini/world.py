"""The mini world: procedural rooms seen by a virtual sensor. Nothing is downloaded; all is made from a seed."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from s2r_bench.errors import DataError, UsageError
from s2r_bench.geometry.camera import intrinsics
from s2r_bench.simulator import PairSet
from s2r_bench.types import CATEGORIES, BoolArray, CadModel, DepthFrame, DepthPair
from s2r_bench.worlds.base import Split
from s2r_bench.worlds.mini.build import build_pairs, cached_stage, capture_frame
from s2r_bench.worlds.mini.cameras import arc_poses
from s2r_bench.worlds.mini.furniture import FurnitureModel, furniture_of, make_object
from s2r_bench.worlds.mini.options import FIRST_OBJECT, MiniOptions
from s2r_bench.worlds.mini.rooms import make_stage
from s2r_bench.worlds.mini.scene import Stage
from s2r_bench.worlds.pair_folder import FolderPairs

ObjectSplit = Literal["corpus", "captured-train", "captured-test"]


@dataclass(frozen=True, eq=False)
class ObjectCapture:
    """Views of one object alone on a floor; the world frame is the object's frame.

    Attributes:
        model: what was captured.
        pairs: clean and captured depth, one a view.
        masks: (H, W) bool for each view: where the clean view shows the object, not the floor or wall.
    """

    model: CadModel
    pairs: tuple[DepthPair, ...]
    masks: tuple[BoolArray, ...]


class MiniWorld:
    """Keeps the `World` contract; owns its sensor, so anything can be captured, again and again."""

    name: str = "mini"
    sensor: str = "virtual sensor"
    owns_sensor: ClassVar[bool] = True

    def __init__(self, options: MiniOptions, preset: str, home: Path) -> None:
        self.options = options
        self.preset = preset
        self.folder = home / "worlds" / "mini" / options.key

    def pairs(self, split: Split) -> FolderPairs:
        """The pairs of a split; generated on first use (tiny: about a minute for all splits on two cores).

        Raises:
            UsageError: there is no such split.
            EnvironmentLacksError: a generating process died.
        """
        if split not in ("train", "val", "test"):
            raise UsageError(f"the mini world has no split {split!r}; there are: train, val, test")
        folder = self.folder / f"pairs-{split}"
        if not self.is_made(split):
            with _Bar(f"mini: {split} rooms") as bar:
                build_pairs(self.options, split, folder, bar.update)
        return FolderPairs(folder, split)

    def is_made(self, split: Split) -> bool:
        """Whether the pairs of a split are there already; a plan asks, and makes none."""
        return (self.folder / f"pairs-{split}" / "cameras.json").is_file()

    def cads(self) -> list[CadModel]:
        """The CAD corpus: objects that occur in no room and in no other split, category by category."""
        return self.objects("corpus")

    def objects(self, split: ObjectSplit) -> list[CadModel]:
        """The objects of a part: the corpus, or those whose captures train or test a downstream task."""
        counts = {
            "corpus": self.options.corpus_per_category,
            "captured-train": self.options.captured_train_per_category,
            "captured-test": self.options.captured_test_per_category,
        }
        if split not in counts:
            raise UsageError(f"the mini world has no objects {split!r}; there are: {', '.join(counts)}")
        first = FIRST_OBJECT[split] + (self.options.seed * 10_000) % 90_000
        return [make_object(category, first + i) for category in CATEGORIES for i in range(counts[split])]

    def recapture(self, pairs: PairSet, index: int, seed: int) -> DepthFrame:
        """Capture the view of pair `index` again in the same session: the same calibration, other noise.

        With the world's own seed the stored capture comes back (but for its rounding to 0.1 mm).

        Raises:
            DataError: the pair is not one of this world's.
        """
        frame = pairs[index].clean
        split, _, number = frame.scene.rpartition("-")
        step = pairs.step if isinstance(pairs, FolderPairs) else 1
        if split not in ("train", "val", "test") or not number.isdigit():
            raise DataError(f"{frame.id} is no view of the mini world: its rooms are named as train-0003")
        whole = self._whole(frame, step)
        stage = cached_stage(self.options, split, int(number))
        seen = capture_frame(self.options, stage, whole, seed, self.options.seed)
        return whole.with_depth(seen.captured).strided(step)

    def capture_object(self, model: CadModel, views: int, seed: int) -> ObjectCapture:
        """Stage an object on a floor and capture it from an arc of `views` cameras.

        Args:
            model: any mesh in the object frame; procedural furniture gets a material for each kind of part.
            views: how many.
            seed: of materials, cameras and noise.
        """
        scene = make_stage(f"object-{model.id}", model.mesh, model.id, seed, _parts(model))
        stage = Stage(scene)
        K = intrinsics(self.options.width, self.options.height, self.options.focal_px)
        empty = np.zeros(self.options.size, np.float32)
        pairs, masks = [], []
        for i, pose in enumerate(arc_poses(stage, views, seed)):
            frame = DepthFrame(empty, K, pose, scene.id, f"capture-{seed}", f"v{i:03d}")
            seen = capture_frame(self.options, stage, frame, seed)
            pairs.append(DepthPair(frame.with_depth(seen.clean), frame.with_depth(seen.captured)))
            masks.append(np.asarray(seen.instance == 1))
        return ObjectCapture(model, tuple(pairs), tuple(masks))

    def _whole(self, frame: DepthFrame, step: int) -> DepthFrame:
        """The frame at the size at which the world captures."""
        K = frame.K.copy()
        K[:2] *= step
        empty = np.zeros(self.options.size, np.float32)
        return DepthFrame(empty, K, frame.world_from_cam, frame.scene, frame.sequence, frame.frame)


def _parts(model: CadModel) -> FurnitureModel | None:
    if model.source != "s2r-bench procedural":
        return None
    return furniture_of(model.id)


class _Bar:
    """A progress bar on standard error, on a terminal only."""

    def __init__(self, what: str) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._progress = Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)
        self._task = self._progress.add_task(what, total=None)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, done: int, of: int) -> None:
        self._progress.update(self._task, completed=done, total=of)
