"""S3DIS's download as a whole: what is wrong with it, and its rooms as arrays, which need no parsing.

Text files become Pointcept's layout (`s2r_bench.data.s3dis.pointcept`): OUT/Area_1/hallway_1/coord.npy, color.npy,
segment.npy, instance.npy. Arrays and blocks that others made keep their layout. OUT/contents.json is written last:
layout, rooms of each area, and what was mended in the text files.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench import workers
from s2r_bench.data.adopt import link
from s2r_bench.data.checks.finding import Finding, error, of_error, refuse_errors, warning
from s2r_bench.data.claim import claim, release
from s2r_bench.data.pairing import Progress
from s2r_bench.data.s3dis.archive import FOLDER, POINTS, BlockArchive
from s2r_bench.data.s3dis.classes import AREAS, ROOMS, area_of
from s2r_bench.data.s3dis.layout import Layout, areas_in, layout_of, root_of
from s2r_bench.data.s3dis.pointcept import FILES, pointcept_rooms, read_pointcept_room
from s2r_bench.data.s3dis.raw import raw_rooms, read_raw_room
from s2r_bench.errors import DataError
from s2r_bench.files import read_json, whole, write_json

CONTENTS = "contents.json"
CHUNK = 32  # rooms handed to the processes at a time
SIDES_M = (0.5, 150.0)  # of a room; hallways are long
GET = "http://buildingparser.stanford.edu/dataset.html (Stanford3dDataset_v1.2_Aligned_Version.zip, after a form)"
LISTED = {"raw": raw_rooms, "pointcept": pointcept_rooms}
READ = {"raw": read_raw_room, "pointcept": read_pointcept_room}


def check(source: Path) -> list[Finding]:
    """Areas, rooms and files that are missing, counts, empty files; one room of each area is read whole.

    Raises:
        DataError: there is no S3DIS.
    """
    layout = _layout(source)
    found = _blocks_wrong(source) if layout == "archive" else _rooms_wrong(source, layout)
    return sorted(found, key=lambda finding: finding.severity)


def prepare(source: Path, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Write the rooms to `out`, on all cores; run again, it goes on where it was broken off.

    Args:
        source: the download in any layout.
        out: the new folder.
        progress: called with a stage's name, rooms (or files) done and their number.

    Returns:
        {"layout", "rooms": area -> number, "notes": what was mended}.

    Raises:
        DataError: a file is missing or damaged; the message names the first and says how many there are.
    """
    layout = _layout(source)
    refuse_errors(check(source))
    tell = progress or (lambda stage, done, total: None)
    if layout == "archive":
        return _adopted(source, out, tell)
    rooms = LISTED[layout](source, areas=areas_in(source), published=False)
    claim(out, {"set": "s3dis", "layout": layout, "rooms": sorted(rooms)}, CONTENTS)
    notes: list[str] = []
    items = list(rooms.items())
    for start in range(0, len(items), CHUNK):
        some = items[start : start + CHUNK]
        for said in workers.each(partial(_written, out=out, layout=layout), some, workers.count(), "reading rooms"):
            notes += said
        tell("rooms", start + len(some), len(items))
    facts = {"layout": "pointcept", "rooms": _by_area(rooms), "notes": notes}
    write_json(out / CONTENTS, facts)
    release(out)
    return facts


def describe(place: Path) -> dict[str, Any]:
    """Layout, rooms of each area, and points, where they are known without reading text.

    Raises:
        DataError: there is no S3DIS.
    """
    layout = _layout(place)
    if layout == "archive":
        blocks = BlockArchive(place, points=_points_of(place))
        rooms = dict.fromkeys(blocks.rooms, place)
        return {"layout": layout, "rooms": _by_area(rooms), "blocks": len(blocks)}
    rooms = LISTED[layout](place, areas=areas_in(place), published=False)
    told: dict[str, Any] = {"layout": layout, "rooms": _by_area(rooms)}
    if layout == "pointcept":
        told["points"] = sum(len(np.load(folder / "coord.npy", mmap_mode="r")) for folder in rooms.values())
    return told


def _layout(source: Path) -> Layout:
    found = layout_of(source) if source.is_dir() else None
    if found is None:
        raise DataError(
            f"{source} holds no S3DIS: expected Area_1/ROOM/Annotations/CLASS_1.txt, Area_1/ROOM/coord.npy, or "
            f"{FOLDER}/ply_data_all_0.h5; {GET}"
        )
    return found


def _by_area(rooms: Mapping[str, Path]) -> dict[str, int]:
    areas = [area_of(name) for name in rooms]
    return {f"Area_{area}": areas.count(area) for area in sorted(set(areas))}


def _written(room: tuple[str, Path], out: Path, layout: Layout) -> list[str]:
    """Write one room, and give what was mended in it; what a broken-off run has written stays."""
    name, folder = room
    target = out / f"Area_{area_of(name)}" / folder.name
    notes = target / "notes.json"  # written last
    if notes.is_file():
        return [str(line) for line in read_json(notes)["notes"]]
    if layout == "pointcept":
        read_pointcept_room(folder)
        for file in FILES:
            link(folder / f"{file}.npy", target / f"{file}.npy")
        write_json(notes, {"notes": []})
        return []
    found = read_raw_room(folder)
    assert found.colours is not None
    labels, instances = found.labels.astype(np.int16), found.instances.astype(np.int16)
    arrays: list[NDArray[Any]] = [found.points.astype(np.float32), found.colours, labels, instances]
    for file, array in zip(FILES, arrays, strict=True):
        with whole(target / f"{file}.npy") as part, part.open("wb") as stream:
            np.save(stream, array)
    mended = [note.replace(f"{folder.parent.parent}/", "") for note in found.notes]
    write_json(notes, {"notes": mended})
    return mended


def _adopted(source: Path, out: Path, tell: Progress) -> dict[str, Any]:
    blocks = BlockArchive(source, points=_points_of(source))
    files = [*blocks.files, *(blocks.folder / name for name in ("room_filelist.txt", "all_files.txt"))]
    claim(out, {"set": "s3dis", "layout": "archive", "files": [path.name for path in files]}, CONTENTS)
    for done, path in enumerate(files, 1):
        if path.is_file():  # all_files.txt need not be there
            link(path, out / FOLDER / path.name)
        tell("files", done, len(files))
    facts = {"layout": "archive", "rooms": _by_area(dict.fromkeys(blocks.rooms, source)), "blocks": len(blocks)}
    write_json(out / CONTENTS, facts)
    release(out)
    return facts


def _rooms_wrong(source: Path, layout: Layout) -> Iterator[Finding]:
    there = areas_in(source)
    for area in AREAS:
        if area not in there:
            yield warning(
                root_of(source) / f"Area_{area}", "the area is missing", "world.rooms.complete=false reads a part"
            )
            continue
        try:
            rooms = LISTED[layout](source, areas=(area,), published=False)
        except DataError as wrong:
            yield of_error(wrong, source, f"Unpack it again: {GET}")
            continue
        if len(rooms) != ROOMS[area]:
            folder = next(iter(rooms.values())).parent
            message = f"it holds {len(rooms)} rooms, the published area {ROOMS[area]}"
            yield warning(folder, message, "world.rooms.complete=false reads a part")
        for number, folder in enumerate(rooms.values()):
            yield from _room_wrong(folder, layout, whole_read=number == 0)


def _room_wrong(folder: Path, layout: Layout, *, whole_read: bool) -> Iterator[Finding]:
    files = sorted(folder.glob("Annotations/*.txt" if layout == "raw" else "*.npy"))
    empty = [path for path in files if path.stat().st_size == 0 and not path.name.startswith(".")]
    for path in empty:
        yield error(path, "it is empty (0 bytes)", f"Unpack it again: {GET}")
    if layout == "raw" and not files:
        yield error(folder / "Annotations", "it holds no text files", f"Unpack it again: {GET}")
    if empty or not files or not whole_read:
        return
    try:
        room = READ[layout](folder)
    except DataError as wrong:
        yield of_error(wrong, folder, f"Unpack it again: {GET}")
        return
    longest = float(np.ptp(room.points, axis=0).max())
    if not SIDES_M[0] <= longest <= SIDES_M[1]:
        yield error(folder, f"the room is {longest:.4g} long, which is no room in metres", "Expected metres")


def _blocks_wrong(source: Path) -> Iterator[Finding]:
    try:
        blocks = BlockArchive(source, points=_points_of(source))
        if blocks.columns["data"].shape[1] != POINTS:
            message = f"its blocks have {blocks.columns['data'].shape[1]} points, published {POINTS}"
            yield warning(blocks.folder, message, "world.rooms.block_points says so")
        for first in blocks.starts[:-1]:
            blocks.read([int(first)])
        blocks.class_counts()
    except DataError as wrong:
        yield of_error(wrong, source, f"Unpack it again: {GET}")


def _points_of(source: Path) -> int:
    """Points of a block of the first file that can be asked; the published number where none can."""
    import h5py

    folder = source / FOLDER if (source / FOLDER).is_dir() else source
    for path in sorted(folder.glob("ply_data_all_*.h5")):
        try:
            with h5py.File(path, "r", locking=False) as file:
                shape: tuple[int, ...] = getattr(file.get("data"), "shape", ())
        except OSError:
            continue
        if len(shape) == 3:
            return int(shape[1])
    return POINTS
