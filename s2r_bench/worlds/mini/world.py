"""The mini world: procedural rooms seen by a virtual sensor. Nothing is downloaded; all is made from a seed."""

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from s2r_bench import workers
from s2r_bench.data.clouds import CloudSplit, LabelledClouds
from s2r_bench.data.s3dis.archive import BlockArchive
from s2r_bench.data.s3dis.room import RoomSet
from s2r_bench.errors import DataError, UsageError
from s2r_bench.seeds import FrameSeed, frame_seeds
from s2r_bench.simulator import PairSet
from s2r_bench.types import CATEGORIES, CadModel, DepthFrame
from s2r_bench.worlds.base import ObjectSplit, Split
from s2r_bench.worlds.mini.build import build_pairs
from s2r_bench.worlds.mini.corpus import corpus_key, corpus_models
from s2r_bench.worlds.mini.furniture import make_object
from s2r_bench.worlds.mini.labelled.build import labelled_rooms
from s2r_bench.worlds.mini.objects import OBJECT, CaptureJob, captured_depths, object_frames, object_stage
from s2r_bench.worlds.mini.options import FIRST_OBJECT, MiniOptions
from s2r_bench.worlds.mini.scans import scan_scenes, scanned
from s2r_bench.worlds.pair_folder import FolderPairs


class MiniWorld:
    """Keeps the `World` contract; owns its sensor, so anything can be captured, again and again."""

    name: str = "mini"
    sensor: str = "virtual sensor"
    owns_sensor: ClassVar[bool] = True
    rooms_sensor: str = "virtual sensor"

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
        """The objects of a part: the corpus, or those whose captures train or test a downstream task.

        The corpus is procedural, or what `corpus.path` holds.

        Raises:
            UsageError: there is no such part.
            DataError: nothing at `corpus.path` can be read.
        """
        counts = {
            "corpus": self.options.corpus_per_category,
            "captured-train": self.options.captured_train_per_category,
            "captured-test": self.options.captured_test_per_category,
        }
        if split not in counts:
            raise UsageError(f"the mini world has no objects {split!r}; there are: {', '.join(counts)}")
        if split == "corpus" and self.options.corpus.path:
            return corpus_models(self.options.corpus)
        first = FIRST_OBJECT[split] + (self.options.seed * 10_000) % 90_000
        return [make_object(category, first + i) for category in CATEGORIES for i in range(counts[split])]

    @property
    def rooms_key(self) -> str:
        """Changes whenever the labelled rooms do."""
        return self.options.labelled_key

    def labelled_rooms(self) -> RoomSet | BlockArchive:
        """Captured rooms of six areas, every point with its class; made on first use (tiny: a minute on two cores).

        Their furniture and scenes are no other split's. The world's key does not depend on them.

        Raises:
            EnvironmentLacksError: a generating process died.
        """
        return labelled_rooms(self.options, self.folder / f"rooms-{self.rooms_key}")

    def recapture(self, pairs: PairSet, index: int, seed: int) -> DepthFrame:
        """Capture the view of pair `index` again in the same session: the same calibration, other noise.

        With the world's own seed the stored capture comes back (but for its rounding to 0.1 mm).

        Raises:
            DataError: the pair is not one of this world's.
        """
        frame = pairs[index].clean
        view = frame_seeds([frame], seed)[0].view
        return self.capture([frame], [FrameSeed(view, frame_seeds([frame], self.options.seed)[0].session)])[0]

    @property
    def key(self) -> str:
        """Changes whenever what it makes or captures would, or the corpus that it was given."""
        own = self.options.key
        return f"{own}-{corpus_key(self.options.corpus)}" if self.options.corpus.path else own

    def object_scene(self, model: CadModel) -> str:
        """The id of the scene in which an object is seen alone."""
        return f"{OBJECT}{model.id}"

    def object_views(self, model: CadModel, views: int, seed: int) -> tuple[DepthFrame, ...]:
        """Clean depth of one object on a floor, from an arc; the world frame is the object's frame.

        Args:
            model: any mesh in the object frame.
            views: how many.
            seed: of the surroundings and the cameras; of the materials too, when the views are captured.
        """
        return tuple(object_frames(self.options, object_stage(model, seed), views, seed))

    def captured_views(
        self, models: Sequence[CadModel], views: int, seeds: Sequence[int]
    ) -> list[tuple[DepthFrame, ...]]:
        """The same views as the virtual sensor captures them, one session an object."""
        clean = [self.object_views(model, views, seed) for model, seed in zip(models, seeds, strict=True)]
        frames = [frame for some in clean for frame in some]
        seen = iter(self.capture(frames, frame_seeds(frames, self.options.seed)))
        return [tuple(itertools.islice(seen, len(some))) for some in clean]

    @property
    def scans_key(self) -> str:
        """Changes whenever the scanned objects do."""
        return self.options.scans_key

    def scans(self, split: CloudSplit) -> LabelledClouds:
        """Scanned objects of nine classes, room axes, centred, metres; made on first use (see `mini.scans`).

        Raises:
            DataError, UsageError, EnvironmentLacksError: as `mini.scans.scanned`.
        """
        return scanned(self.options, split, self.folder / f"scans-{split}-{self.scans_key}")

    def scan_scenes(self, split: CloudSplit) -> frozenset[str]:
        """The ids of the scenes in which they stand."""
        return scan_scenes(self.options, split)

    def capture(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """Capture views of this world: of its rooms, or of `object_views`. Each is decided by its own seeds.

        Raises:
            DataError: a frame that this world did not make.
        """
        whole = [self._whole(frame) for frame in frames]
        jobs = [CaptureJob(self.options, frame, seed) for frame, seed in zip(whole, seeds, strict=True)]
        depths = captured_depths(jobs, workers.count(self.options.workers))
        return [
            big.with_depth(depth).strided(big.size[1] // frame.size[1])
            for big, frame, depth in zip(whole, frames, depths, strict=True)
        ]

    def _whole(self, frame: DepthFrame) -> DepthFrame:
        """The frame at the size at which the world captures: `frame` may have every second pixel of it, say."""
        step = self.options.width // frame.size[1]
        if step < 1 or frame.size != (self.options.height // step, self.options.width // step):
            raise DataError(f"{frame.id} has {frame.size} pixels; this world captures {self.options.size}")
        K = frame.K.copy()
        K[:2] *= step
        empty = np.zeros(self.options.size, np.float32)
        return DepthFrame(empty, K, frame.world_from_cam, frame.scene, frame.sequence, frame.frame)


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
