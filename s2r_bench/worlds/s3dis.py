"""S3DIS's rooms beside the built-in world: shapes are learned from its CADs and its sensor, labels from scans.

S3DIS has neither clean and captured depth of one view nor CAD models, so a simulator is fitted, and a network
pretrained, in the mini world; what is learned and tested with labels is real. The three layouts in which S3DIS is given
out are told apart by their files.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from s2r_bench.data.s3dis.archive import POINTS, BlockArchive
from s2r_bench.data.s3dis.room import RoomSet
from s2r_bench.errors import DataError
from s2r_bench.options import Options
from s2r_bench.worlds.mini import MiniOptions, MiniWorld
from s2r_bench.worlds.rooms import SENSOR, S3disRooms


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
        self.rooms_folder = rooms
        self._rooms = S3disRooms(rooms, complete=own.complete, block_points=own.block_points)

    @property
    def rooms_key(self) -> str:
        """See `S3disRooms.key`."""
        return self._rooms.key

    def labelled_rooms(self) -> RoomSet | BlockArchive:
        """The rooms, read when asked for; or the archive's blocks.

        Raises:
            DataError: files are missing, or rooms where `complete` asks for all; the message names the folder.
        """
        return self._rooms.rooms()


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
