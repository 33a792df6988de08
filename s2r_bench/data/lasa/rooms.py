"""LASA's rooms as surroundings of other CADs: the scan of a room, and where objects stand in it.

OUT/rooms/SCENE.ply     SCENE_arkit_mesh.ply as it was given out: metres, z up, the frame of the poses
OUT/objects/            CADs with their places (`s2r_bench.data.lasa.objects`)
OUT/cameras.json        recorded poses, where the pairs are prepared too
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from s2r_bench import workers
from s2r_bench.cad.formats import parse_mesh
from s2r_bench.data.lasa.objects import RawTree, raw_tree, read_placed
from s2r_bench.data.lasa.pairs import OBJECTS, ROOMS
from s2r_bench.data.pairing import Progress
from s2r_bench.embedding import inverse_rigid
from s2r_bench.errors import DataError
from s2r_bench.files import sha256, write_bytes
from s2r_bench.records import content_key
from s2r_bench.room_folder import Box, Room, Rooms
from s2r_bench.types import FloatArray
from s2r_bench.worlds.pair_folder import read_cameras

SIDES_M = (1.0, 50.0)


def prepare_rooms(source: Path, out: Path, progress: Progress | None = None) -> dict[str, str]:
    """Write the scans of rooms to `out/rooms`; those that are there stay.

    Args:
        source: raw scenes of LASA.
        out: the prepared set.
        progress: called with a stage's name, rooms done and rooms in all.

    Returns:
        Scene -> why its room is left out.
    """
    tree = raw_tree(source)
    scenes = sorted(tree.rooms)
    left_out: dict[str, str] = {}
    with ThreadPoolExecutor(workers.count()) as pool:
        for done, (scene, why) in enumerate(
            zip(scenes, pool.map(partial(_written, tree, out / ROOMS), scenes), strict=True), 1
        ):
            if why:
                left_out[scene] = why
            if progress is not None:
                progress("rooms", done, len(scenes))
    return left_out


def holds_rooms(folder: Path) -> bool:
    """Whether a folder is a prepared LASA with rooms."""
    return (folder / OBJECTS / "index.csv").is_file() and any((folder / ROOMS).glob("*.ply"))


def lasa_rooms(folder: Path) -> Rooms:
    """The rooms of a prepared LASA, for `simulate --scene`; meshes of rooms are read when they are needed.

    A box is that of an object's own CAD, in the place where the object stands.

    Raises:
        DataError: no room of a placed object is there, or a file is damaged.
    """
    poses = _poses(folder)
    boxes: dict[str, list[Box]] = {}
    for one in read_placed(folder / OBJECTS):
        if (folder / ROOMS / f"{one.scene}.ply").is_file():
            low, high = one.model().mesh.bounds
            boxes.setdefault(one.scene, []).append(Box(one.category, inverse_rigid(one.object_from_scene), high - low))
    if not boxes:
        raise DataError(
            f"{folder / ROOMS} holds no SCENE.ply of a placed object: prepare LASA's raw scenes with their "
            "SCENE_arkit_mesh.ply (s2r-bench data prepare lasa --from RAW)"
        )
    rooms = tuple(
        Room(scene, folder / ROOMS / f"{scene}.ply", tuple(some), poses.get(scene, np.zeros((0, 4, 4))))
        for scene, some in sorted(boxes.items())
    )
    files = [[room.mesh.name, room.mesh.stat().st_size] for room in rooms]
    tables = [path for path in (folder / OBJECTS / "placed.json", folder / "cameras.json") if path.is_file()]
    return Rooms(folder, rooms, content_key([files, [sha256(path) for path in tables]]))


def _poses(folder: Path) -> dict[str, FloatArray]:
    """Scene -> (N, 4, 4) recorded poses, in order of time."""
    if not (folder / "cameras.json").is_file():
        return {}
    found: dict[str, list[tuple[int, FloatArray]]] = {}
    for entry in read_cameras(folder).entries.values():
        number = entry.name.rpartition("_")[2]
        found.setdefault(entry.scene, []).append((int(number) if number.isdigit() else 0, entry.world_from_cam))
    return {
        scene: np.stack([pose for _, pose in sorted(some, key=lambda one: one[0])]) for scene, some in found.items()
    }


def _written(tree: RawTree, out: Path, scene: str) -> str:
    """Write one room; why it is left out, else ""."""
    path = out / f"{scene}.ply"
    if path.is_file():
        return ""
    name, read = tree.rooms[scene]
    data = read()
    try:
        low, high = parse_mesh(data, ".ply", str(tree.source / name)).bounds
    except DataError as wrong:
        return str(wrong)
    longest = float((high - low).max())
    if not SIDES_M[0] <= longest <= SIDES_M[1]:
        return f"{tree.source / name}: its longest side is {longest:.4g}, which is no room in metres"
    write_bytes(path, data)
    return ""
