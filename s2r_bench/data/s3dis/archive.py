"""S3DIS as blocks that others cut: `indoor3d_sem_seg_hdf5_data`, about 23,600 of them, 3.5 GB in memory.

ROOT/ply_data_all_0.h5 ...    data (n, 4096, 9) float32, label (n, 4096) uint8; 1,000 blocks each, the last fewer
ROOT/all_files.txt            one file a line, with a folder in front that is not looked at; the published script that
                              cuts blocks does not write it: where it is missing, files go by their numbers
ROOT/room_filelist.txt        the room of each block, one a line

ROOT may be the folder above. Channels: see `blocks.py`. The blocks are read when they are asked for.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2r_bench.data.hdf5 import Column, count_rows, read_columns, refuse_non_finite, refuse_other_labels
from s2r_bench.data.modelnet40 import base_name, listed
from s2r_bench.data.s3dis.blocks import CHANNELS, Blocks, class_counts
from s2r_bench.data.s3dis.classes import CLASSES, area_of
from s2r_bench.errors import DataError

FOLDER = "indoor3d_sem_seg_hdf5_data"
POINTS = 4096


class BlockArchive:
    """The archive: which rooms its blocks are of at once, the blocks when asked for."""

    classes = CLASSES

    def __init__(self, root: Path, *, points: int = POINTS) -> None:
        """Open the archive at `root`; no block is read.

        Args:
            root: the folder with the files, or the one above it.
            points: of a block; another number than 4,096 is for archives of one's own.

        Raises:
            DataError: a file is missing or of another form, or there is not one room for every block.
        """
        self.folder = root / FOLDER if (root / FOLDER).is_dir() else root
        self.columns = {"data": Column((None, points, CHANNELS), "f"), "label": Column((None, points), "iu")}
        self.files = _files(self.folder)
        counts = [count_rows(path, self.columns) for path in self.files]
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        listing = self.folder / "room_filelist.txt"
        self.rooms = tuple(listed(listing))
        if len(self.rooms) != len(self):
            raise DataError(
                f"{listing} names {len(self.rooms)} rooms for the {len(self)} blocks of {len(counts)} files"
            )
        try:
            self.areas = np.array([area_of(room) for room in self.rooms], dtype=np.int64)
        except DataError as wrong:
            raise DataError(f"{listing}: {wrong}") from None

    def __len__(self) -> int:
        return int(self.starts[-1])

    def of_areas(self, areas: Collection[int]) -> NDArray[np.int64]:
        """Indices of the blocks of some areas, ascending."""
        return np.flatnonzero(np.isin(self.areas, list(areas))).astype(np.int64)

    def read(self, indices: Sequence[int] | NDArray[np.int64]) -> Blocks:
        """These blocks, in this order; each file is opened once.

        Raises:
            DataError: a file is damaged; the message names it.
        """
        wanted = np.asarray(indices, dtype=np.int64)
        points = self.columns["data"].shape[1]
        data = np.empty((len(wanted), points or POINTS, CHANNELS), dtype=np.float32)
        labels = np.empty(data.shape[:2], dtype=np.uint8)
        for path, places, rows in self._by_file(wanted):
            found = read_columns(path, self.columns)
            refuse_non_finite(path, "data", found["data"])
            refuse_other_labels(path, "label", found["label"], len(CLASSES))
            data[places], labels[places] = found["data"][rows], found["label"][rows]
        return Blocks(data, labels, tuple(self.rooms[k] for k in wanted))

    def class_counts(self) -> NDArray[np.int64]:
        """(B, 13): how many points of each class each block holds; reads the labels of all files.

        Raises:
            DataError: a file is damaged; the message names it.
        """
        counts = []
        for path in self.files:
            labels = read_columns(path, {"label": self.columns["label"]})["label"]
            refuse_other_labels(path, "label", labels, len(CLASSES))
            counts.append(class_counts(labels.astype(np.uint8)))
        return np.concatenate(counts)

    def _by_file(self, wanted: NDArray[np.int64]) -> Iterator[tuple[Path, NDArray[np.int64], NDArray[np.int64]]]:
        """Each file that holds some of the wanted blocks, their places in the answer, and their rows in the file."""
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"blocks {int(wanted.min())} to {int(wanted.max())} of {len(self)}")
        for path, first, end in zip(self.files, self.starts[:-1], self.starts[1:], strict=True):
            places = np.flatnonzero((wanted >= first) & (wanted < end))
            if len(places):
                yield path, places, wanted[places] - first


def _files(folder: Path) -> list[Path]:
    listing = folder / "all_files.txt"
    if listing.is_file():
        return [folder / base_name(line) for line in listed(listing)]
    numbered = {
        int(match.group(1)): path
        for path in folder.glob("ply_data_all_*.h5")
        if (match := re.fullmatch(r"ply_data_all_(\d+)\.h5", path.name))
    }
    if not numbered:
        raise DataError(f"{folder} holds no all_files.txt and no ply_data_all_0.h5; unpack {FOLDER}.zip there")
    missing = sorted(set(range(max(numbered) + 1)) - set(numbered))
    if missing:
        raise DataError(f"{folder / f'ply_data_all_{missing[0]}.h5'} is missing; there are files up to {max(numbered)}")
    return [numbered[number] for number in sorted(numbered)]
