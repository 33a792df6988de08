"""S3DIS as Pointcept prepares it: `ROOT/Area_1/hallway_1/{coord,color,segment,instance}.npy`, normals beside.

coord (N, 3) floating point metres, color (N, 3) 0 to 255, segment and instance (N,) or (N, 1) integers. Its order of
classes is ours.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.data.s3dis.classes import AREAS, CLASSES
from s2r_bench.data.s3dis.raw import room_folders
from s2r_bench.data.s3dis.room import Room
from s2r_bench.errors import DataError

FILES = ("coord", "color", "segment", "instance")


def pointcept_rooms(root: Path, *, areas: Collection[int] = AREAS, published: bool = True) -> dict[str, Path]:
    """Room -> its folder, by area and name; no array is read. Arguments and errors: as `raw_rooms`."""
    rooms = room_folders(root, areas, published=published)
    for folder in rooms.values():
        missing = [f"{name}.npy" for name in FILES if not (folder / f"{name}.npy").is_file()]
        if missing:
            raise DataError(f"{folder} lacks {', '.join(missing)}; Pointcept's preprocessing of S3DIS writes them")
    return rooms


def read_pointcept_room(folder: Path) -> Room:
    """The room in a folder such as `Area_1/hallway_1`.

    Raises:
        DataError: an array is missing or damaged, does not fit the others, or holds what it should not.
    """
    arrays = {name: _load(folder / f"{name}.npy") for name in FILES}
    count = len(arrays["coord"])
    for name, array in arrays.items():
        flat = array.reshape(-1) if name in ("segment", "instance") else array
        wanted = (count,) if flat.ndim == 1 else (count, 3)
        kinds = "f" if name == "coord" else "fiu" if name == "color" else "iu"
        if count == 0 or flat.shape != wanted or array.dtype.kind not in kinds:
            raise DataError(f"{folder / name}.npy is {array.dtype} {array.shape}; coord.npy has {count} points")
        arrays[name] = flat
    _check_values(folder, arrays)
    return Room(
        f"{folder.parent.name}_{folder.name}",
        arrays["coord"].astype(np.float64),
        arrays["color"].astype(np.uint8),
        arrays["segment"].astype(np.uint8),
        arrays["instance"].astype(np.int64),
    )


def _load(path: Path) -> NDArray[Any]:
    if not path.is_file():
        raise DataError(f"{path} is missing")
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as wrong:
        raise DataError(f"{path} cannot be read as an array ({str(wrong)[:100]})") from None
    if not isinstance(array, np.ndarray) or array.ndim == 0:
        raise DataError(f"{path} holds no array with points")
    return array


def _check_values(folder: Path, arrays: dict[str, NDArray[Any]]) -> None:
    if not np.isfinite(arrays["coord"]).all():
        raise DataError(f"{folder / 'coord.npy'} holds NaN or infinite coordinates")
    colours, labels = arrays["color"], arrays["segment"]
    if not ((colours >= 0) & (colours <= 255)).all():
        raise DataError(f"{folder / 'color.npy'} holds {colours.min()} to {colours.max()}, expected 0 to 255")
    if labels.min() < 0 or labels.max() >= len(CLASSES):
        held = f"{labels.min()} to {labels.max()}"
        raise DataError(f"{folder / 'segment.npy'} holds {held}, expected labels 0 to {len(CLASSES) - 1}")
