"""LASA's raw scenes: the CAD of every annotated object, where it stands in its room.

ROOT/SCENE/SCENE_bbox.npy                              bboxes (N, 7: centre, size, yaw), types, uids
ROOT/SCENE/instances/CATEGORY_UID/CATEGORY_UID_gt_mesh_2.obj   the CAD, in the frame of its box, metres
ROOT/SCENE/instances/CATEGORY_UID/alignment.txt        4x4, from the CAD to the RGB-D scan

ROOT/SCENE/SCENE_arkit_mesh.ply                        the RGB-D scan of the room, which need not be there

ROOT may be a folder above, a zip or a tar; other files of a scene are not read. A mesh's axes are those of the box, z
up, in the order y, z, x; the yaw of a box counts clockwise seen from above (LASA's crop_pointcloud.py). LASA's own
object frame negates one axis more and so is a mirror image; ours is turned to the same front without it.

What is written is a CAD corpus: `OUT/CATEGORY/SCENE_CATEGORY_UID.npz` with V and F in metres, y up, standing on y = 0,
`OUT/index.csv`, and `OUT/placed.json` with each object's scene and its place in it. Rooms are written beside it, by
`s2r_bench.data.lasa.rooms`.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench import workers
from s2r_bench.cad.formats import parse_mesh, read_mesh
from s2r_bench.cad.frame import standing
from s2r_bench.data.checks.finding import Finding, error, refuse_errors, warning
from s2r_bench.data.claim import claim, release
from s2r_bench.data.pairing import Progress, pose_of_text
from s2r_bench.data.plain_pickle import read_object_array
from s2r_bench.data.trees import Reader, read_tree
from s2r_bench.errors import DataError
from s2r_bench.files import read_json, whole, write_json, write_text
from s2r_bench.types import CadModel, FloatArray, Mesh

# LASA's sub-categories of the six that are scored (DisCo's taxonomy)
CATEGORIES = {
    "chair": "chair",
    "stool": "chair",
    "sofa": "sofa",
    "table": "table",
    "cabinet": "cabinet",
    "dishwasher": "cabinet",
    "refrigerator": "cabinet",
    "oven": "cabinet",
    "bed": "bed",
    "shelf": "shelf",
}
OTHERS = ("stove", "sink", "washer", "toilet", "bathtub", "fireplace", "tv_monitor")
LICENCE = "LASA's own terms"
PLACED = "placed.json"
GET = "it is given out after a form: https://github.com/GAP-LAB-CUHK-SZ/LASA"
# object axes from those of the box: (x, y, z) -> (-y, z, -x), a turn
_OBJECT_FROM_BOX = np.array([[0.0, -1, 0], [0, 0, 1], [-1, 0, 0]])
_MESH = re.compile(r"(?:^|.*/)([^/]+)/instances/([^/]+)/\2_gt_mesh_2\.obj$")
_ALIGNED = re.compile(r"(?:^|.*/)([^/]+)/instances/([^/]+)/alignment\.txt$")
_BOXES = re.compile(r"(?:^|.*/)([^/]+)/\1_bbox\.npy$")
_ROOM = re.compile(r"(?:^|.*/)([^/]+)/\1_arkit_mesh\.ply$")


@dataclass(frozen=True, eq=False)
class RawTree:
    """The files of raw scenes.

    Attributes:
        source: where they lie.
        meshes, alignments: (scene, object) -> (path in the source, its reader).
        boxes: scene -> the same.
        rooms: scene -> the same, of its scan.
    """

    source: Path
    meshes: dict[tuple[str, str], tuple[str, Reader]] = field(default_factory=dict)
    alignments: dict[tuple[str, str], tuple[str, Reader]] = field(default_factory=dict)
    boxes: dict[str, tuple[str, Reader]] = field(default_factory=dict)
    rooms: dict[str, tuple[str, Reader]] = field(default_factory=dict)


@dataclass(frozen=True)
class PlacedObject:
    """Where an object of the written corpus stands.

    Attributes:
        id: SCENE_CATEGORY_UID.
        category: of the six.
        scene: ARKitScenes video.
        object_from_scene: (4, 4), from the frame of the RGB-D scan and its cameras to the object's own.
        path: of its npz file.
    """

    id: str
    category: str
    scene: str
    object_from_scene: FloatArray
    path: Path

    def model(self) -> CadModel:
        """The CAD in its object frame.

        Raises:
            DataError: the file is damaged.
        """
        return CadModel(self.id, self.category, read_mesh(self.path), "LASA", LICENCE)


def holds_objects(names: Mapping[str, Reader]) -> bool:
    """Whether some files are of raw scenes."""
    return any(_MESH.match(name) or _BOXES.match(name) for name in names)


def raw_tree(source: Path) -> RawTree:
    """Sort out what lies at `source`.

    Raises:
        DataError: nothing is there, or a damaged archive, or no raw scene.
    """
    names = read_tree(source, ("_gt_mesh_2.obj", "alignment.txt", "_bbox.npy", "_arkit_mesh.ply"))
    if not holds_objects(names):
        raise DataError(f"{source} holds no SCENE/instances/OBJECT/OBJECT_gt_mesh_2.obj; {GET}")
    tree = RawTree(source)
    for name, read in names.items():
        mesh, aligned, boxes, room = (one.match(name) for one in (_MESH, _ALIGNED, _BOXES, _ROOM))
        if mesh:
            tree.meshes[mesh.group(1), mesh.group(2)] = (name, read)
        elif aligned:
            tree.alignments[aligned.group(1), aligned.group(2)] = (name, read)
        elif boxes:
            tree.boxes[boxes.group(1)] = (name, read)
        elif room:
            tree.rooms[room.group(1)] = (name, read)
    return tree


def check_objects(tree: RawTree) -> list[Finding]:
    """What is missing, or has another form; meshes are not parsed here, but when they are prepared."""
    return sorted([*_missing(tree), *_boxes_wrong(tree)], key=lambda finding: finding.severity)


def prepare_objects(source: Path, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Write the objects of the six categories to `out`; run again, a broken-off preparation goes on.

    Args:
        source: see the module.
        out: the new folder.
        progress: called with a stage's name, objects done and objects in all.

    Returns:
        {"objects", "categories", "left_out"}: how many, of which category, and object -> why it was left out.

    Raises:
        DataError: a file is missing or damaged; the message names the first and says how many there are.
    """
    tree = raw_tree(source)
    refuse_errors(check_objects(tree))
    wanted = sorted(key for key in tree.meshes if _category(key[1]) in CATEGORIES)
    claim(out, {"set": "lasa objects", "objects": len(wanted)}, "index.csv")
    boxes = {scene: _boxes_of(tree, scene) for scene in sorted({scene for scene, _ in wanted})}
    left_out: dict[str, str] = {}
    rows: list[dict[str, str]] = []
    placed: dict[str, Any] = {}
    with ThreadPoolExecutor(workers.count()) as pool:
        answers = pool.map(lambda key: _written(tree, key, boxes[key[0]], out), wanted)
        for done, (key, answer) in enumerate(zip(wanted, answers, strict=True), 1):
            if isinstance(answer, str):
                left_out["_".join(key)] = answer
            else:
                category = CATEGORIES[_category(key[1])]
                name = "_".join(key)
                rows.append(
                    {"file": f"{category}/{name}.npz", "category": category, "library": "LASA", "licence": LICENCE}
                )
                placed[name] = {"category": category, "scene": key[0], "object_from_scene": answer.tolist()}
            if progress is not None:
                progress("objects", done, len(wanted))
    if not rows:
        raise DataError(f"{source}: no object of {len(wanted)} can be used; first: {next(iter(left_out.items()), '')}")
    write_json(out / PLACED, placed)
    text = io.StringIO()
    writer = csv.DictWriter(text, ["file", "category", "library", "licence"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(out / "index.csv", text.getvalue())
    release(out)
    counts = {name: sum(row["category"] == name for row in rows) for name in dict.fromkeys(CATEGORIES.values())}
    return {"objects": len(rows), "categories": counts, "left_out": left_out}


def read_placed(folder: Path) -> tuple[PlacedObject, ...]:
    """The objects that `prepare_objects` wrote, in the order of their ids; no mesh is read.

    Raises:
        DataError: the folder is not finished, or a field is missing; the message names the file.
    """
    path = folder / PLACED
    if not (folder / "index.csv").is_file():
        raise DataError(f"{folder} holds no prepared objects of LASA: run `s2r-bench data prepare lasa --from RAW`")
    try:
        return tuple(
            PlacedObject(
                name,
                str(entry["category"]),
                str(entry["scene"]),
                np.asarray(entry["object_from_scene"], dtype=np.float64).reshape(4, 4),
                folder / str(entry["category"]) / f"{name}.npz",
            )
            for name, entry in sorted(read_json(path).items())
        )
    except (KeyError, TypeError, ValueError) as wrong:
        raise DataError(
            f"{path} lacks a field or holds one of another form ({wrong}); prepare the objects again"
        ) from None


def in_object_frame(mesh: Mesh, aligned: FloatArray, box: FloatArray) -> tuple[Mesh, FloatArray]:
    """A CAD in its object frame, and the way there from the scene.

    Args:
        mesh: as its file holds it: axes y, z, x of the box.
        aligned: (4, 4) of alignment.txt, in the axes of the box.
        box: (7,) centre, size, yaw.

    Returns:
        The mesh in metres, y up, standing on y = 0, its footprint's middle on the origin; and (4, 4)
        object_from_scene.
    """
    in_box = mesh.vertices[:, [2, 0, 1]] @ aligned[:3, :3].T + aligned[:3, 3]
    turned = in_box @ _OBJECT_FROM_BOX.T
    vertices = standing(turned)
    cos, sin = np.cos(box[6]), np.sin(box[6])
    box_from_scene = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    object_from_scene = np.eye(4)
    object_from_scene[:3, :3] = _OBJECT_FROM_BOX @ box_from_scene
    object_from_scene[:3, 3] = vertices[0] - turned[0] - object_from_scene[:3, :3] @ box[:3]
    return Mesh(vertices, mesh.faces), object_from_scene


def _written(tree: RawTree, key: tuple[str, str], boxes: Mapping[str, FloatArray], out: Path) -> FloatArray | str:
    """Write one object; its (4, 4) object_from_scene, or why it is left out."""
    box = boxes.get(key[1].rpartition("_")[2])
    if box is None:
        return f"{tree.boxes[key[0]][0]} has no box of its uid"
    name, read = tree.meshes[key]
    try:
        mesh = parse_mesh(read(), ".obj", str(tree.source / name))
    except DataError as wrong:
        return str(wrong)
    where, aligned = tree.alignments[key]
    placed, object_from_scene = in_object_frame(mesh, pose_of_text(aligned(), str(tree.source / where)), box)
    size = placed.bounds[1] - placed.bounds[0]
    longest = float(size.max() / box[3:6].max())
    if not 0.5 < longest < 2:
        return f"its longest side is {longest:.3g} times that of its box (another unit, or another object's mesh?)"
    path = out / CATEGORIES[_category(key[1])] / f"{'_'.join(key)}.npz"
    if not path.is_file():
        with whole(path) as part, part.open("wb") as stream:
            np.savez_compressed(stream, V=placed.vertices.astype(np.float32), F=placed.faces.astype(np.int32))
    return object_from_scene


def _category(name: str) -> str:
    return name.rpartition("_")[0]


def _missing(tree: RawTree) -> Iterator[Finding]:
    for scene, name in tree.meshes:
        folder = tree.source / tree.meshes[scene, name][0]
        if _category(name) not in CATEGORIES and _category(name) not in OTHERS:
            known = ", ".join([*CATEGORIES, *OTHERS])
            yield warning(
                folder.parent, f"{_category(name)!r} is no category of LASA", f"Known: {known}; it is left out"
            )
        elif (scene, name) not in tree.alignments:
            yield error(folder.parent / "alignment.txt", "the file is missing", "Unpack the scene again")
    for scene in sorted({scene for scene, _ in tree.meshes}):
        if scene not in tree.boxes:
            some = next(path for (where, _), (path, _) in tree.meshes.items() if where == scene)
            folder = (tree.source / some).parents[2]
            yield error(folder / f"{scene}_bbox.npy", "the file is missing", "Unpack the scene again")
    for scene, name in tree.alignments:
        if (scene, name) not in tree.meshes:
            folder = (tree.source / tree.alignments[scene, name][0]).parent
            yield warning(folder / f"{name}_gt_mesh_2.obj", "the object has no mesh", "It is left out")


def _boxes_wrong(tree: RawTree) -> Iterator[Finding]:
    for scene, (name, _) in tree.boxes.items():
        try:
            _boxes_of(tree, scene)
        except DataError as wrong:
            message = str(wrong).removeprefix(f"{tree.source / name}: ").removeprefix(f"{tree.source / name} ")
            yield error(tree.source / name, message, "Unpack the scene again")


def _boxes_of(tree: RawTree, scene: str) -> dict[str, FloatArray]:
    """Uid -> (7,) box."""
    name, read = tree.boxes[scene]
    found = read_object_array(read(), str(tree.source / name))
    try:
        boxes = np.asarray(found["bboxes"], dtype=np.float64).reshape(-1, 7)
        uids = [str(uid) for uid in found["uids"]]
    except (KeyError, TypeError, ValueError, IndexError) as wrong:
        raise DataError(f"{tree.source / name}: expected bboxes (N, 7) and uids ({wrong})") from None
    if len(boxes) != len(uids) or not np.isfinite(boxes).all():
        raise DataError(f"{tree.source / name}: {len(boxes)} boxes for {len(uids)} uids, or a number is not finite")
    return dict(zip(uids, boxes, strict=True))
