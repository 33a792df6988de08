"""In which of its three layouts a folder holds S3DIS, and which areas; files are looked at, not read."""

from pathlib import Path
from typing import Literal

from s2r_bench.data.s3dis.archive import FOLDER
from s2r_bench.data.s3dis.classes import AREAS
from s2r_bench.data.s3dis.pointcept import FILES
from s2r_bench.data.s3dis.raw import FOLDERS

Layout = Literal["raw", "pointcept", "archive"]


def layout_of(folder: Path) -> Layout | None:
    """In which layout a folder holds rooms of S3DIS; None where it holds none."""
    folder = root_of(folder)
    if any(any((folder / place).glob("ply_data_all_*.h5")) for place in (FOLDER, ".")):
        return "archive"
    for area in AREAS:
        for room in sorted((folder / f"Area_{area}").glob("*/")):
            if (room / f"{FILES[0]}.npy").is_file():
                return "pointcept"
            if (room / "Annotations").is_dir():
                return "raw"
    return None


def root_of(folder: Path) -> Path:
    """The folder with the areas: `folder`, or the one in it that is given out."""
    return next((folder / name for name in FOLDERS if (folder / name).is_dir()), folder)


def areas_in(folder: Path) -> tuple[int, ...]:
    """The areas that a folder of rooms holds."""
    return tuple(area for area in AREAS if (root_of(folder) / f"Area_{area}").is_dir())
