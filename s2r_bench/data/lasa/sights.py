"""Which frames see which object of a room, as LASA picks images; found once a room and kept on the shelf.

    HOME/shelf/lasa-sights/KEY/sights.json    {object: [frame, ...]} of one scene, frames in order of time

A frame sees an object whose middle is at most 5 m away, of whose box 40 % lies within the image, and of which more than
100 captured points lie in the box grown by 1.2. To know the last, every capture of the room has to be read. KEY holds
this code, the room's cameras and objects, and size and time of change of every file that was read.
"""

import hashlib
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from s2r_bench.data.lasa.objects import PlacedObject
from s2r_bench.files import read_json, write_json
from s2r_bench.geometry.crop import grown_box, inside_box
from s2r_bench.geometry.points import world_points
from s2r_bench.shelf import Shelf
from s2r_bench.steps.code import code_of
from s2r_bench.types import DepthFrame, FloatArray
from s2r_bench.worlds.pair_folder import Cameras, FolderPairs, FrameEntry

FARTHEST_M = 5.0  # of an object's middle
IN_SIGHT = 0.4  # share of a box's grid that must lie within the image
GRID = 10  # points along a side of it
FEWEST_PIXELS = 100  # captured points in the box
MARGIN = 1.2  # boxes are so much longer when points are looked for in them
FILE = "sights.json"


def kept_sights(
    shelf: Shelf,
    folder: Path,
    cameras: Cameras,
    scene: str,
    entries: Sequence[FrameEntry],
    objects: Sequence[PlacedObject],
) -> dict[str, list[str]]:
    """Object -> names of the frames that see it, in the order of `entries`; made now if the shelf does not have it.

    Args:
        shelf: where it is kept.
        folder: the prepared pairs.
        cameras: theirs.
        scene: the room.
        entries: its frames.
        objects: those that stand in it.

    Raises:
        DataError: a file is missing or damaged.
    """
    if not entries:
        return {one.id: [] for one in objects}
    inputs = {
        "code": _code(),
        "scene": scene,
        "cameras": _of_cameras(cameras, entries),
        "objects": {one.id: f"{_stamp(one.path)} {_digest(one.object_from_scene)}" for one in objects},
        "captures": {entry.name: _stamp_of_capture(folder, entry.name) for entry in entries},
    }

    def make(place: Path) -> None:
        write_json(place / FILE, sights(folder, cameras, entries, objects))

    found = read_json(shelf.folder("lasa-sights", inputs, make) / FILE)
    return {one.id: list(found[one.id]) for one in objects}


def sights(
    folder: Path, cameras: Cameras, entries: Sequence[FrameEntry], objects: Sequence[PlacedObject]
) -> dict[str, list[str]]:
    """As `kept_sights`, always anew. A capture is read once for all objects."""
    bounds = {one.id: one.model().mesh.bounds for one in objects}
    boxes = {name: grown_box(found, MARGIN) for name, found in bounds.items()}
    pairs = FolderPairs(folder, names=[entry.name for entry in entries], cameras=cameras)
    found: dict[str, list[str]] = {one.id: [] for one in objects}
    for index, entry in enumerate(entries):
        near = [
            one
            for one in objects
            if is_in_sight(bounds[one.id], one.object_from_scene @ entry.world_from_cam, entry.K, cameras.size)
        ]
        captured = pairs[index].captured if near else None
        for one in near:
            assert captured is not None  # somebody is near
            points = world_points(moved(captured, one))
            if int(inside_box(points, boxes[one.id]).sum()) > FEWEST_PIXELS:
                found[one.id].append(entry.name)
    return found


def is_in_sight(bounds: FloatArray, object_from_cam: FloatArray, K: FloatArray, size: tuple[int, int]) -> bool:
    """Whether a camera sees enough of a box.

    Args:
        bounds: (2, 3) of the object, in its frame.
        object_from_cam: (4, 4) pose of the camera in that frame.
        K: (3, 3) intrinsics.
        size: (height, width).
    """
    steps = [np.linspace(low, high, GRID) for low, high in bounds.T]
    grid = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3)
    cam = (grid - object_from_cam[:3, 3]) @ object_from_cam[:3, :3]
    if not 0 < float(cam[:, 2].mean()) <= FARTHEST_M:
        return False
    front = cam[cam[:, 2] > 0.05]
    pixels = front @ K.T
    u, v = pixels[:, 0] / pixels[:, 2], pixels[:, 1] / pixels[:, 2]
    inside = (u >= 0) & (u <= size[1] - 1) & (v >= 0) & (v <= size[0] - 1)
    return int(inside.sum()) >= IN_SIGHT * len(grid)


def moved(frame: DepthFrame, one: PlacedObject) -> DepthFrame:
    """The frame in the frame of an object."""
    pose = one.object_from_scene @ frame.world_from_cam
    # two objects of a room share frames, so the object stands in the id
    return DepthFrame(frame.depth, frame.K, pose, frame.scene, one.id, frame.frame)


@cache  # it is asked for with every room
def _code() -> str:
    return code_of(sys.modules[__name__])


def _of_cameras(cameras: Cameras, entries: Sequence[FrameEntry]) -> str:
    text = hashlib.sha256(f"{cameras.size} {cameras.metres_per_unit}".encode())
    for entry in entries:
        text.update(entry.name.encode() + entry.K.tobytes() + entry.world_from_cam.tobytes())
    return text.hexdigest()[:16]


def _digest(matrix: FloatArray) -> str:
    return hashlib.sha256(matrix.tobytes()).hexdigest()[:16]


def _stamp_of_capture(folder: Path, name: str) -> str:
    png, npz = (folder / "captured" / f"{name}{ending}" for ending in (".png", ".npz"))
    return _stamp(png if png.is_file() else npz)


def _stamp(path: Path) -> str:
    """Size and time of change; of a file that is not there, that: reading it says what is wrong."""
    if not path.is_file():
        return "missing"
    known = path.stat()
    return f"{known.st_size} {known.st_mtime_ns}"
