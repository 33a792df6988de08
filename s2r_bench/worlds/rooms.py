"""S3DIS's rooms on disk, for worlds that have none of their own: which layout a folder holds, its key, its rooms."""

import os
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from pydantic import Field

from s2r_bench.data.clouds import content_digest
from s2r_bench.data.s3dis.archive import FOLDER, POINTS, BlockArchive
from s2r_bench.data.s3dis.classes import AREAS, CLASSES
from s2r_bench.data.s3dis.layout import Layout, areas_in, layout_of
from s2r_bench.data.s3dis.pointcept import FILES, pointcept_rooms, read_pointcept_room
from s2r_bench.data.s3dis.raw import raw_rooms, read_raw_room
from s2r_bench.data.s3dis.room import Room, RoomSet
from s2r_bench.errors import DataError
from s2r_bench.options import Options
from s2r_bench.steps.code import code_of

SENSOR = "Matterport camera (S3DIS)"


class RoomsOptions(Options):
    """Where labelled rooms come from, in a world that has none of its own. Nothing else of it depends on them."""

    path: str = Field("", description="folder of S3DIS in any layout; empty: S2R_S3DIS, or HOME/data/s3dis")
    complete: bool = Field(True, description="every area must hold as many rooms as published; false: a part of it")
    block_points: int = Field(POINTS, ge=1, description="of an archive of blocks; others than 4096 are your own")


class S3disRooms:
    """The rooms in a folder; none is read before it is asked for."""

    def __init__(self, folder: Path, *, complete: bool, block_points: int) -> None:
        """Tell the layout.

        Args:
            folder: of S3DIS in any of its layouts.
            complete: every area must hold as many rooms as the published one.
            block_points: of an archive of blocks.

        Raises:
            DataError: the folder holds no S3DIS.
        """
        self.folder, self.complete, self.block_points = folder, complete, block_points
        found = layout_of(folder)
        if found is None:
            raise DataError(
                f"{folder} holds no S3DIS: expected Area_1/ROOM/Annotations/CLASS_1.txt, Area_1/ROOM/coord.npy "
                f"(Pointcept's), or ply_data_all_0.h5 ({FOLDER})"
            )
        self.layout: Layout = found

    @cached_property
    def key(self) -> str:
        """Of the layout, its reader's code, and names and sizes of all files that are read.

        A change within a file that leaves its size as it was is not seen.
        """
        patterns = _PATTERNS[self.layout]
        files = sorted({path for pattern in patterns for path in self.folder.rglob(pattern) if path.is_file()})
        code = code_of(sys.modules[_READERS[self.layout]])
        lines = [f"{path.relative_to(self.folder).as_posix()} {path.stat().st_size}" for path in files]
        return content_digest("\n".join([self.layout, code, str(self.block_points), *lines]).encode())

    def rooms(self) -> RoomSet | BlockArchive:
        """The rooms, read when asked for; or the archive's blocks.

        Raises:
            DataError: files are missing, or rooms where `complete` asks for all; the message names the folder.
        """
        if self.layout == "archive":
            return BlockArchive(self.folder, points=self.block_points)
        listed = raw_rooms if self.layout == "raw" else pointcept_rooms
        reader: Callable[[Path], Room] = read_raw_room if self.layout == "raw" else read_pointcept_room
        areas = AREAS if self.complete else areas_in(self.folder)
        return RoomSet(CLASSES, listed(self.folder, areas=areas, published=self.complete), reader, self.key)


def found_rooms(options: RoomsOptions, home: Path, world: str, option: str) -> S3disRooms:
    """The rooms of `options`, else in the environment's S2R_S3DIS, else in `HOME/data/s3dis`.

    Args:
        options: of the world.
        home: S2R_HOME.
        world: its name, for messages.
        option: how its user says where they are.

    Raises:
        DataError: there are none; the message says how to get them.
    """
    place = Path(options.path or os.environ.get("S2R_S3DIS") or home / "data" / "s3dis")
    if not place.is_dir():
        raise DataError(
            f"world {world!r} has no labelled rooms of its own, and S3DIS is not on this machine (looked in {place}). "
            "Get Stanford3dDataset_v1.2_Aligned_Version (its own terms, a form) yourself and say where it is: "
            f"--set {option}=PATH, or set S2R_S3DIS; docs/data.md"
        )
    return S3disRooms(place, complete=options.complete, block_points=options.block_points)


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
