"""The steps of `segment` in order; each looks on the shelf first, under the hash of all that decides it."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2r_bench.data.s3dis.archive import BlockArchive
from s2r_bench.data.s3dis.classes import area_of
from s2r_bench.data.s3dis.room import RoomSet
from s2r_bench.errors import DataError, UsageError
from s2r_bench.files import read_json, whole, write_json
from s2r_bench.records import Score
from s2r_bench.shelf import Shelf
from s2r_bench.steps.code import code_of, code_of_parts
from s2r_bench.task import Arm, TaskResult
from s2r_bench.worlds.base import HoldsLabelledRooms, HoldsObjects
from s2r_tasks._occo.data.budget import Subset, subset_for
from s2r_tasks._occo.pretraining import pretrained, pretrained_state
from s2r_tasks._occo.published_start import PUBLISHED, published_start, weights_key, weights_name
from s2r_tasks._segment import blocks as block_steps
from s2r_tasks._segment import figures, scoring, training
from s2r_tasks._segment.blocks import BlockSource, KeptBlocks, cut_rooms
from s2r_tasks._segment.matrices import read_matrices, write_matrices
from s2r_tasks._segment.options import SegmentOptions
from s2r_tasks._segment.scoring import Labelled

ARTIFACTS = "artifacts"
MATRICES = "rooms.npz"
SUBSET = "subset.json"
MOST_NAMED = 5  # lines told at once


@dataclass(frozen=True)
class Start:
    """Pretrained weights: what decides them, what reports call them, how they are read, which axis was up for them."""

    key: str
    name: str
    state: Callable[[], Mapping[str, Tensor]]
    up: Literal["y", "z"] = "y"


class Pipeline:
    """One run's view of the shelf."""

    def __init__(self, options: SegmentOptions, world: HoldsLabelledRooms, shelf: Shelf, device: str = "cpu") -> None:
        self.options, self.world, self.shelf, self.device = options, world, shelf, device

    def scored(self, arm: Arm, seed: int, workdir: Path) -> TaskResult:
        """Pretrain where the arm simulates; then train and score every fold.

        Raises:
            UsageError: the world has no objects to pretrain on, or strict scores are asked of blocks that others cut.
            DataError: an area without rooms, damaged files, or too few weights that come across.
        """
        self._check()
        start = self._pretrained(arm, seed)
        rooms: dict[str, Tensor] = {}
        subsets, failures, artifacts = [], dict[str, str](), dict[str, str]()
        for fold in self.options.folds:
            subset = self._subset(fold, seed)
            folder = self._finetuned(arm, seed, fold, subset, start)
            found = self._labelled(arm, seed, fold, folder)
            rooms |= read_matrices(found / MATRICES, self.classes)
            failures |= read_json(found / "failures.json")
            artifacts |= _copied(found, workdir, f"Area_{fold}")
            subsets.append(subset)
        if start is not None:
            artifacts |= self._keep_report(folder, workdir)
        told = figures.figures(rooms, self.classes, self.options.score.protocol)
        artifacts |= self._keep(workdir, rooms, subsets)
        scores = [*told.scores, *self._counts(subsets, folder if start is not None else None)]
        return TaskResult(scores, failures | told.failures, artifacts)

    @cached_property
    def data(self) -> RoomSet | BlockArchive:
        """The rooms, or the blocks that others cut."""
        return self.world.labelled_rooms()

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Their classes."""
        return self.data.classes

    @cached_property
    def source(self) -> BlockSource:
        """The blocks that are learned from, of all areas."""
        if isinstance(self.data, BlockArchive):
            return self.data
        return KeptBlocks(self.blocks_folder(), self.options.networks.points)

    def blocks_folder(self) -> Path:
        """Folder of the blocks of all rooms."""
        cut, rooms = self.options.cut.cut(self.options.networks.points), self.data
        assert isinstance(rooms, RoomSet)  # an archive is cut already

        def make(folder: Path) -> None:
            cut_rooms(folder, rooms, cut)
            notes = KeptBlocks(folder, cut.points).notes
            for line in notes[:MOST_NAMED]:
                self.shelf.tell(f"segment: {line}")
            if len(notes) > MOST_NAMED:
                self.shelf.tell(f"segment: and {len(notes) - MOST_NAMED} more such lines in {folder / 'blocks.json'}")

        about = {"rooms": self.world.rooms_key, "cut": [cut.block, cut.stride, cut.points, cut.least]}
        code = {"code": code_of(block_steps)}
        return self._shelved(
            "segment-blocks", about | code, make, "segment: cutting rooms into blocks", "blocks_folder"
        )

    def _check(self) -> None:
        archive = isinstance(self.data, BlockArchive)
        if archive and self.options.score.protocol != "published":
            raise UsageError(
                f"task.score.protocol={self.options.score.protocol} labels whole rooms, and these are blocks that "
                "others cut of them: take task.score.protocol=published, or the raw or Pointcept's layout of S3DIS"
            )
        areas = {area_of(name) for name in self.data.rooms}
        lacking = [fold for fold in self.options.folds if fold not in areas]
        if lacking or len(areas) < 2:
            raise DataError(f"there are rooms of areas {sorted(areas)}; folds {self.options.folds} test on others")

    def _shelved(
        self, kind: str, inputs: Mapping[str, Any], make: Callable[[Path], None], what: str, *steps: str
    ) -> Path:
        """A folder of the shelf; in its key goes the code of those methods of this class that decide its content.

        What they call in this file is counted with them. The code of other files is the caller's to add.
        """
        code = code_of_parts(sys.modules[__name__], "__init__", *steps)
        return self.shelf.folder(kind, {**inputs, "pipeline": code}, make, what)

    def _pretrained(self, arm: Arm, seed: int) -> Start | None:
        """What the arm starts from; None where it is fresh weights."""
        o = self.options
        if arm.name == PUBLISHED and arm.simulate is None:
            path, network = o.published_weights, o.networks.segmenter(len(self.classes))
            key = f"{PUBLISHED}/{weights_key(path)}/{o.published_up}"
            state = published_start(path, network, o.networks)  # before any fold is cut or trained
            return Start(key, weights_name(path), lambda: state, o.published_up)
        if arm.simulate is None:
            return None
        if not isinstance(self.world, HoldsObjects):
            raise UsageError("this world has no CAD objects whose views could be simulated; use mini or s3dis")
        folder = pretrained(arm, self.world, self.shelf, o.networks, o.pretrain, seed, self.device)
        return Start(folder.name, f"occo-pretrained/{folder.name}", lambda: pretrained_state(folder))

    def _subset(self, fold: int, seed: int) -> Subset:
        """What may be learned from: of a fold and a seed the same for all arms, saved."""
        rooms = self.source.rooms
        areas = tuple(sorted({area_of(name) for name in rooms} - {fold}))
        return self._chosen(self._subset_folder(rooms, areas, fold, seed) / SUBSET, rooms, areas, seed)

    def _subset_folder(self, rooms: Sequence[str], areas: tuple[int, ...], fold: int, seed: int) -> Path:
        def make(folder: Path) -> None:
            self._chosen(folder / SUBSET, rooms, areas, seed)

        budget = self.options.label_budget.model_dump(mode="json")
        about = {"blocks": self._blocks_name, "budget": budget, "areas": list(areas), "seed": seed}
        code = {"code": code_of(sys.modules[subset_for.__module__])}
        what = f"segment: labels to learn from, fold {fold}, seed {seed}"
        return self._shelved("segment-subset", about | code, make, what, "_subset_folder")

    def _chosen(self, path: Path, rooms: Sequence[str], areas: tuple[int, ...], seed: int) -> Subset:
        """The subset in a file; it is drawn where there is none."""
        budget = self.options.label_budget
        counts = self.source.class_counts() if budget.type == "k_shot" else None
        return subset_for(path, budget, rooms, areas, seed=seed, class_counts=counts, classes=self.classes)

    @cached_property
    def _blocks_name(self) -> str:
        return self.source.folder.name if isinstance(self.source, KeptBlocks) else self.world.rooms_key

    def _finetuned(self, arm: Arm, seed: int, fold: int, subset: Subset, start: Start | None) -> Path:
        """Folder of a fold's trained network."""
        o, classes = self.options, len(self.classes)
        inputs = {
            "blocks": self._blocks_name,
            "subset": list(subset.blocks),
            "start": start.key if start else None,
            "seed": seed,
            "networks": o.networks.model_dump(mode="json"),
            "finetune": o.finetune.model_dump(mode="json"),
            "epochs": o.epochs,
            "upright": o.upright,
            "code": code_of(training),
        }

        def make(folder: Path) -> None:
            blocks = self.source.read(subset.blocks)
            if start is None:
                training.finetune(folder, blocks, classes, o, seed, self.device)
            else:
                training.finetune(folder, blocks, classes, o, seed, self.device, start.state(), start.name, start.up)

        what = f"segment: {arm.name}, seed {seed}, tested on area {fold}: learning from {len(subset.blocks)} blocks"
        return self._shelved("segment-finetuned", inputs, make, what, "_finetuned")

    def _labelled(self, arm: Arm, seed: int, fold: int, trained: Path) -> Path:
        """Folder of a fold's confusion matrices, one a room, and of what is kept to be looked at."""
        o = self.options
        inputs = {
            "trained": trained.name,
            "rooms": self.world.rooms_key,
            "blocks": self._blocks_name,
            "fold": fold,
            "score": o.score.model_dump(mode="json"),
            "cut": o.cut.model_dump(mode="json"),
            "code": code_of(scoring),
        }

        def make(folder: Path) -> None:
            network = training.load_segmenter(trained, o, len(self.classes), self.device)
            matrices: dict[str, Tensor] = {}
            failures: dict[str, str] = {}
            for labelled in self._of_fold(network, fold, failures):
                if len(matrices) < o.score.kept:
                    _keep_room(folder / f"room_{labelled.room}.npz", labelled, self.classes)
                matrices[labelled.room] = labelled.matrix
            if not matrices:
                raise DataError(f"no room of area {fold} can be scored: {next(iter(failures.values()), 'it has none')}")
            write_json(folder / "failures.json", failures)
            write_matrices(folder / MATRICES, matrices, self.classes)

        what = f"segment: {arm.name}, seed {seed}: labelling the rooms of area {fold}"
        return self._shelved("segment-labelled", inputs, make, what, "_labelled")

    def _of_fold(self, network: torch.nn.Module, fold: int, failures: dict[str, str]) -> Iterator[Labelled]:
        data, o = self.data, self.options
        if isinstance(data, BlockArchive):
            blocks = data.read(data.of_areas([fold]))
            yield from scoring.scored_blocks(network, blocks, len(self.classes), o, self.device)
            return
        for name in data.rooms:
            if area_of(name) != fold:
                continue
            room = data.read(name)
            try:
                yield scoring.scored_room(network, room, o, self.device)
            except DataError as wrong:  # no window of it holds points enough: the same for every arm
                failures[name] = str(wrong)

    # what is told

    def _counts(self, subsets: Sequence[Subset], trained: Path | None) -> Iterator[Score]:
        """How many folds, and from how much they learned, on average."""
        yield Score("all", "", "folds", float(len(subsets)))
        yield Score("all", "", "rooms_learned", float(np.mean([len(one.rooms) for one in subsets])))
        yield Score("all", "", "blocks_learned", float(np.mean([len(one.blocks) for one in subsets])))
        share = 0.0 if trained is None else float(read_json(trained / training.TRANSFER)["percent"]) / 100
        yield Score("all", "", "transferred", share)

    def _keep_report(self, trained: Path, workdir: Path) -> dict[str, str]:
        """The transfer report: of all folds the same."""
        write_json(workdir / ARTIFACTS / training.TRANSFER, read_json(trained / training.TRANSFER))
        return {"transfer_report": f"{ARTIFACTS}/{training.TRANSFER}"}

    def _keep(self, workdir: Path, rooms: Mapping[str, Tensor], subsets: Sequence[Subset]) -> dict[str, str]:
        """Confusion matrices of folds and rooms, and what was learned from."""
        folds = {f"Area_{area}": matrix.tolist() for area, matrix in figures.of_areas(rooms).items()}
        about = {"classes": list(self.classes), "rows": "true class", "columns": "predicted class"}
        write_json(workdir / ARTIFACTS / "confusion.json", about | {"folds": folds})
        write_matrices(workdir / ARTIFACTS / MATRICES, rooms, self.classes)
        learned = {
            f"Area_{fold}": {"rooms": one.rooms, "blocks": len(one.blocks), "shortfall": one.shortfall}
            for fold, one in zip(self.options.folds, subsets, strict=True)
        }
        budget = self.options.label_budget.model_dump(mode="json")
        write_json(workdir / ARTIFACTS / "learned.json", {"label_budget": budget, "folds": learned})
        names = {"confusion": "confusion.json", "rooms": MATRICES, "learned": "learned.json"}
        return {name: f"{ARTIFACTS}/{file}" for name, file in names.items()}


def _keep_room(path: Path, labelled: Labelled, classes: Sequence[str]) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "points": labelled.points,
        "labels": labelled.labels,
        "predicted": labelled.predicted,
        "classes": np.array(list(classes)),
    }
    with whole(path) as part, part.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # the stub takes any name for its flag


def _copied(folder: Path, workdir: Path, area: str) -> dict[str, str]:
    """The labelled rooms that a fold kept, as artifacts of the run."""
    found = {}
    for path in sorted(folder.glob(f"room_{area}_*.npz")):
        with whole(workdir / ARTIFACTS / path.name) as part:
            part.write_bytes(path.read_bytes())
        found[path.stem] = f"{ARTIFACTS}/{path.name}"
    return found
