"""S3DIS's rooms beside the built-in world: shapes are learned from its CADs and its sensor, labels from scans.

S3DIS has neither clean and captured depth of one view nor CAD models, so a simulator is fitted, and a network
pretrained, in the mini world; what is learned and tested with labels is real. The three layouts in which S3DIS is given
out are told apart by their files.
"""

import os
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from s2r_bench.data.clouds import content_digest
from s2r_bench.data.s3dis.archive import FOLDER, POINTS, BlockArchive
from s2r_bench.data.s3dis.classes import AREAS, CLASSES
from s2r_bench.data.s3dis.pointcept import FILES, pointcept_rooms, read_pointcept_room
from s2r_bench.data.s3dis.raw import FOLDERS, raw_rooms, read_raw_room
from s2r_bench.data.s3dis.room import Room, RoomSet
from s2r_bench.errors import DataError
from s2r_bench.options import Options
from s2r_bench.steps.code import code_of
from s2r_bench.worlds.mini import MiniOptions, MiniWorld

Layout = Literal["raw", "pointcept", "archive"]
SENSOR = "Matterport camera (S3DIS)"


class S3disOptions(Options):
    """Where the rooms are; the other options are the mini world's, as `world.mini.NAME`.

    Attributes:
        folder: of the rooms, where it is not given otherwise.
        complete: every area must hold as many rooms as the published one; false for a part of it, whose areas are those
            that are there.
        block_points: of an archive of blocks; another number than 4096 is for archives of one's own.
        mini: options of the mini world.
    """

    folder: Path | None = None
    complete: bool = True
    block_points: int = Field(POINTS, ge=1)
    mini: dict[str, Any] = Field(default_factory=dict)


class S3disWorld(MiniWorld):
    """The mini world under another name, but for its labelled rooms, which are S3DIS's."""

    name: str = "s3dis"
    rooms_sensor: str = SENSOR

    def __init__(self, options: MiniOptions, preset: str, home: Path, rooms: Path, own: S3disOptions) -> None:
        """Tell the layout; no room is read.

        Raises:
            DataError: the folder holds no S3DIS.
        """
        super().__init__(options, preset, home)
        self.sensor = f"{MiniWorld.sensor}; labelled rooms: {SENSOR}"
        self.rooms_folder, self.own = rooms, own
        found = layout_of(rooms)
        if found is None:
            raise DataError(
                f"{rooms} holds no S3DIS: expected Area_1/ROOM/Annotations/CLASS_1.txt, Area_1/ROOM/coord.npy "
                f"(Pointcept's), or ply_data_all_0.h5 ({FOLDER})"
            )
        self.layout: Layout = found

    @property
    def rooms_key(self) -> str:
        """Of the layout, its reader's code, and names and sizes of all files that are read.

        A change within a file that leaves its size as it was is not seen.
        """
        return self._rooms_key

    @cached_property
    def _rooms_key(self) -> str:
        base, patterns = self.rooms_folder, _PATTERNS[self.layout]
        files = sorted({path for pattern in patterns for path in base.rglob(pattern) if path.is_file()})
        code = code_of(sys.modules[_READERS[self.layout]])
        lines = [f"{path.relative_to(base).as_posix()} {path.stat().st_size}" for path in files]
        return content_digest("\n".join([self.layout, code, str(self.own.block_points), *lines]).encode())

    def labelled_rooms(self) -> RoomSet | BlockArchive:
        """The rooms, read when asked for; or the archive's blocks.

        Raises:
            DataError: files are missing, or rooms where `complete` asks for all; the message names the folder.
        """
        if self.layout == "archive":
            return BlockArchive(self.rooms_folder, points=self.own.block_points)
        listed = raw_rooms if self.layout == "raw" else pointcept_rooms
        reader: Callable[[Path], Room] = read_raw_room if self.layout == "raw" else read_pointcept_room
        areas = AREAS if self.own.complete else _areas_in(self.rooms_folder)
        paths = listed(self.rooms_folder, areas=areas, published=self.own.complete)
        return RoomSet(CLASSES, paths, reader, self.rooms_key)


def open(
    *, preset: str, home: Path, options: Mapping[str, Any] | None = None, folder: Path | None = None
) -> S3disWorld:
    """The rooms in `folder`, else in option `folder`, else in the environment's S2R_S3DIS, else in `HOME/data/s3dis`.

    Raises:
        UsageError: an unknown option.
        DataError: there is no S3DIS there.
    """
    own = S3disOptions.preset(preset, options)
    place = folder or own.folder or Path(os.environ.get("S2R_S3DIS") or home / "data" / "s3dis")
    if not place.is_dir():
        raise DataError(
            f"world 's3dis' is not on this machine (looked in {place}). Get Stanford3dDataset_v1.2_Aligned_Version "
            "(its own terms, a form) yourself and give its folder: -d PATH, or set S2R_S3DIS; docs/data.md"
        )
    return S3disWorld(MiniOptions.preset(preset, own.mini), preset, Path(home), place, own)


def layout_of(folder: Path) -> Layout | None:
    """In which layout a folder holds rooms of S3DIS; None where it holds none."""
    if any((folder / name).is_dir() for name in FOLDERS):
        folder = next(folder / name for name in FOLDERS if (folder / name).is_dir())
    if any(any((folder / place).glob("ply_data_all_*.h5")) for place in (FOLDER, ".")):
        return "archive"
    for area in AREAS:
        for room in sorted((folder / f"Area_{area}").glob("*/")):
            if (room / f"{FILES[0]}.npy").is_file():
                return "pointcept"
            if (room / "Annotations").is_dir():
                return "raw"
    return None


_READERS: Mapping[Layout, str] = {
    "raw": read_raw_room.__module__,
    "pointcept": read_pointcept_room.__module__,
    "archive": BlockArchive.__module__,
}
_PATTERNS: Mapping[Layout, tuple[str, ...]] = {
    "raw": ("Area_*/*/Annotations/*.txt",),
    "pointcept": tuple(f"Area_*/*/{name}.npy" for name in FILES),
    "archive": ("ply_data_all_*.h5", "room_filelist.txt", "all_files.txt"),
}


def _areas_in(folder: Path) -> tuple[int, ...]:
    base = next((folder / name for name in FOLDERS if (folder / name).is_dir()), folder)
    return tuple(area for area in AREAS if (base / f"Area_{area}").is_dir())
