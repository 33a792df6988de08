"""The blocks that are learned from: every room is cut once, for all arms, seeds and folds, and kept a file a room."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from s2r_bench.data.s3dis.blocks import CHANNELS, Blocks, Cut, class_counts, cut_blocks
from s2r_bench.data.s3dis.room import Room, RoomSet
from s2r_bench.errors import DataError
from s2r_bench.files import read_json, whole, write_json

INDEX = "blocks.json"
SEED = 0  # of the points that are drawn: published blocks, too, were drawn once


class BlockSource(Protocol):
    """Blocks that are read when they are asked for: `KeptBlocks`, or an archive that others cut."""

    @property
    def rooms(self) -> tuple[str, ...]:
        """The room of each block."""
        ...

    def class_counts(self) -> NDArray[np.int64]:
        """(B, classes) points of each class in each block."""
        ...

    def read(self, indices: Sequence[int]) -> Blocks:
        """These blocks, in this order."""
        ...


def cut_rooms(folder: Path, rooms: RoomSet, cut: Cut) -> None:
    """Leave the blocks of every room in `folder`; what is there stays, so that a killed run goes on.

    Args:
        folder: exists.
        rooms: those that are cut. One without a block, or that is flat, has none, and the index says why.
        cut: how.

    Raises:
        DataError: a room's files are missing or damaged.
    """
    index: dict[str, Any] = {}
    for name in rooms.rooms:
        path, note = folder / f"{name}.npz", folder / f"{name}.json"
        if not note.is_file():
            write_json(note, _cut_one(path, rooms.read(name), cut))
        index[name] = read_json(note)
    write_json(folder / INDEX, {"classes": list(rooms.classes), "rooms": index})


def _cut_one(path: Path, room: Room, cut: Cut) -> dict[str, Any]:
    told: dict[str, Any] = {"notes": list(room.notes)}
    try:
        blocks = cut_blocks(room, cut, seed=SEED)
    except DataError as wrong:  # a room too small or too thin for a block
        return {**told, "blocks": 0, "counts": [], "why": str(wrong)}
    with whole(path) as part, part.open("wb") as stream:
        np.savez(stream, data=blocks.data, labels=blocks.labels)
    return {**told, "blocks": len(blocks), "counts": class_counts(blocks.labels, len(room.classes)).tolist()}


class KeptBlocks:
    """What `cut_rooms` left in a folder."""

    def __init__(self, folder: Path, points: int) -> None:
        """Read the index; no block is read.

        Raises:
            DataError: the index is missing or damaged.
        """
        self.folder, self.points = folder, points
        try:
            found: Mapping[str, Any] = read_json(folder / INDEX)
            self.classes = tuple(found["classes"])
            self.sizes = {name: int(one["blocks"]) for name, one in found["rooms"].items()}
            self.counts = {name: one["counts"] for name, one in found["rooms"].items()}
            self.notes = tuple(line for one in found["rooms"].values() for line in (*one["notes"], *_why(one)))
        except (DataError, KeyError, TypeError, ValueError) as wrong:
            raise DataError(
                f"{folder / INDEX} is no index of blocks ({wrong}); delete {folder} and run again"
            ) from None
        self.starts = dict(zip(self.sizes, np.cumsum([0, *self.sizes.values()])[:-1].tolist(), strict=True))

    @property
    def rooms(self) -> tuple[str, ...]:
        """The room of each block."""
        return tuple(name for name, count in self.sizes.items() for _ in range(count))

    def class_counts(self) -> NDArray[np.int64]:
        """(B, classes) points of each class in each block."""
        rows = [row for counts in self.counts.values() for row in counts]
        return np.array(rows, dtype=np.int64).reshape(len(rows), len(self.classes))

    def read(self, indices: Sequence[int]) -> Blocks:
        """These blocks, in this order; each room's file is opened once.

        Raises:
            DataError: a file is missing or damaged; the message names it.
        """
        every, wanted = self.rooms, [int(index) for index in indices]
        names = [every[index] for index in wanted]
        held = {name: self._room(name) for name in dict.fromkeys(names)}
        rows = [index - self.starts[name] for index, name in zip(wanted, names, strict=True)]
        data = np.empty((len(wanted), self.points, CHANNELS), np.float32)
        labels = np.empty((len(wanted), self.points), np.uint8)
        for place, (name, row) in enumerate(zip(names, rows, strict=True)):
            data[place], labels[place] = held[name][0][row], held[name][1][row]
        return Blocks(data, labels, tuple(names))

    def _room(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        path = self.folder / f"{name}.npz"
        try:
            with np.load(path, allow_pickle=False) as arrays:
                data, labels = arrays["data"], arrays["labels"]
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as wrong:
            raise DataError(f"{path} is missing or damaged ({wrong}); delete its folder and run again") from None
        if data.shape != (self.sizes[name], self.points, CHANNELS) or labels.shape != data.shape[:2]:
            raise DataError(
                f"{path} holds {data.shape}, not {self.sizes[name]} blocks; delete its folder and run again"
            )
        return data, labels


def _why(one: Mapping[str, Any]) -> list[str]:
    return [one["why"]] if "why" in one else []
