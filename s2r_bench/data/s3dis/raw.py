"""S3DIS as it is given out: `Stanford3dDataset_v1.2_Aligned_Version/Area_1/hallway_1/Annotations/chair_1.txt`.

Each file of `Annotations` is one object, its class the word before the underscore, its lines `x y z r g b`. A class
that is none of the 13 (`stairs`) is read as clutter. The room's own text file is not read: it repeats the points
without their classes. Areas also hold files (`Area_1_alignmentAngle.txt`), and folders those of file browsers: they are
passed over.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from s2r_bench.data.s3dis.classes import AREAS, CLASSES, OTHER, ROOMS
from s2r_bench.data.s3dis.room import Room
from s2r_bench.data.s3dis.text import read_rows
from s2r_bench.errors import DataError

FOLDERS = ("Stanford3dDataset_v1.2_Aligned_Version", "Stanford3dDataset_v1.2")


def raw_rooms(root: Path, *, areas: Collection[int] = AREAS, published: bool = True) -> dict[str, Path]:
    """Room -> its folder, by area and name; no file is opened.

    Args:
        root: the folder with Area_1 to Area_6, or the one above it.
        areas: of these only.
        published: every area must hold as many rooms as the published one (44, 40, 23, 49, 68, 48).

    Raises:
        DataError: an area or a room's Annotations is missing, or the number of rooms is another.
    """
    base = next((root / name for name in FOLDERS if (root / name).is_dir()), root)
    rooms = room_folders(base, areas, published=published)
    for folder in rooms.values():
        if not (folder / "Annotations").is_dir():
            raise DataError(f"{folder} has no folder Annotations; expected {folder.name}/Annotations/chair_1.txt ...")
    return rooms


def room_folders(base: Path, areas: Collection[int], *, published: bool) -> dict[str, Path]:
    """Room -> folder of `base/Area_1/ROOM` and so on.

    Raises:
        DataError: an area is missing, or has another number of rooms than the published one.
    """
    rooms: dict[str, Path] = {}
    for area in sorted(areas):
        folder = base / f"Area_{area}"
        if not folder.is_dir():
            raise DataError(f"{folder} is missing; expected Area_1 to Area_6 in {base}")
        found = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
        if published and len(found) != ROOMS[area]:
            raise DataError(
                f"{folder} holds {len(found)} rooms, the published area {ROOMS[area]}: unpack it again, or say "
                "published=False for a part of it"
            )
        if not found:
            raise DataError(f"{folder} holds no rooms")
        rooms |= {f"Area_{area}_{path.name}": path for path in found}
    return rooms


def read_raw_room(folder: Path) -> Room:
    """The room in a folder such as `Area_1/hallway_1`; its objects in the order of their files' names.

    Raises:
        DataError: no annotations, or a file that cannot be read; the message names file and line.
    """
    files = sorted(path for path in (folder / "Annotations").glob("*.txt") if not path.name.startswith("."))
    if not files:
        raise DataError(f"{folder / 'Annotations'} holds no text files; expected chair_1.txt and so on")
    tables, labels, notes = [], [], []
    for path in files:
        table, mended = read_rows(path)
        name = path.stem.partition("_")[0]
        if name not in CLASSES:
            notes.append(f"{path}: {name!r} is none of the 13 classes and was read as {CLASSES[OTHER]}")
        notes += mended
        tables.append(table)
        labels.append(CLASSES.index(name) if name in CLASSES else OTHER)
    sizes = [len(table) for table in tables]
    rows = np.concatenate(tables)
    return Room(
        f"{folder.parent.name}_{folder.name}",
        np.ascontiguousarray(rows[:, :3]),
        rows[:, 3:].astype(np.uint8),
        np.repeat(np.array(labels, dtype=np.uint8), sizes),
        np.repeat(np.arange(len(files), dtype=np.int64), sizes),
        tuple(notes),
    )
