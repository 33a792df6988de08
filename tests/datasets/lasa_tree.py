"""LASA in its published layouts, made on the spot: rooms of boxes with z up, seen by a landscape camera of 256x192."""

import zipfile
from pathlib import Path

import cv2
import numpy as np

from s2r_bench.geometry.camera import look_at
from s2r_bench.geometry.render import RayScene
from s2r_bench.types import Mesh

# scene -> the list that it is in; 41418162 and 42444499 are among LASA's validation scenes
SCENES = {"40753679": "train", "40753686": "train", "41418162": "train", "41069021": "val", "42444499": "val"}
FRAMES = (0, 10, 20, 30, 40, 50)
K = np.array([[211.9489, 0, 128.0], [0, 211.9489, 96.0], [0, 0, 1]])
SIZE = (192, 256)
# name, size along the axes of the box, centre, yaw
OBJECTS = (
    ("chair_a1", (0.5, 0.6, 0.9), (0.7, 0.3, 0.45), 0.4),
    ("table_b2", (1.2, 0.7, 0.7), (-0.7, 0.2, 0.35), -0.3),
    ("sink_c3", (0.4, 0.4, 0.4), (0.0, -0.6, 0.2), 0.0),
)
ZUP_FROM_YUP = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
_FACES = [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4)]


def box(low, high) -> Mesh:
    """A closed box."""
    corners = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    vertices = np.asarray(low) + corners * (np.asarray(high) - np.asarray(low))
    return Mesh(vertices, np.array([*_FACES, (1, 5, 7), (1, 7, 3)], np.int64))


def in_scene(size, centre, yaw) -> Mesh:
    """An object as it stands in its room: LASA's yaw counts clockwise seen from above."""
    mesh = box(-np.array(size) / 2, np.array(size) / 2)
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return Mesh(mesh.vertices @ turn.T + np.array(centre), mesh.faces)


def poses(scene: str) -> list[np.ndarray]:
    """Cameras on an arc; another one in each scene."""
    start = int(scene) % 7 * 0.15
    found = []
    for k in range(len(FRAMES)):
        angle = start + 0.25 * k
        eye = (2.6 * np.sin(angle), 1.5, 2.6 * np.cos(angle))
        found.append(ZUP_FROM_YUP @ look_at(eye, (0.0, 0.4, 0.0)))
    return found


def write_png(path: Path, metres: np.ndarray) -> None:
    """16-bit millimetres."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.rint(metres * 1000).astype(np.uint16))


def write_depth_set(root: Path) -> Path:
    """`lasa_depth` and `lasa_pose` below `root`."""
    lists: dict[str, list[str]] = {"train": [], "val": []}
    cads = RayScene([in_scene(*rest) for _, *rest in OBJECTS])
    room = RayScene([*(in_scene(*rest) for _, *rest in OBJECTS), box((-3, -3, -0.1), (3, 3, 0))])
    for scene, part in SCENES.items():
        rng = np.random.default_rng(int(scene))
        for frame, pose in zip(FRAMES, poses(scene), strict=True):
            clean, seen = cads.depth(K, pose, SIZE), room.depth(K, pose, SIZE)
            noisy = np.where(seen > 0, seen + rng.normal(0, 0.004, SIZE) + 0.002, 0)
            noisy[rng.random(SIZE) < 0.03] = 0
            write_png(root / "lasa_depth" / scene / f"{frame}_gt.png", clean)
            write_png(root / "lasa_depth" / scene / f"{frame}_scan.png", noisy)
            text = "\n".join(" ".join(f"{value:.9f}" for value in row) for row in pose)
            (root / "lasa_pose" / scene).mkdir(parents=True, exist_ok=True)
            (root / "lasa_pose" / scene / f"{frame}.txt").write_text(text + "\n")
            lists[part].append(f"{scene}/{frame}")
    for part, lines in lists.items():
        (root / "lasa_depth" / f"{part}.lst").write_text("\n".join(lines) + "\n")
    return root


def write_room(path: Path, scale: float = 1.0) -> None:
    """SCENE_arkit_mesh.ply: the floor and all objects, in one mesh."""
    import trimesh

    parts = [box((-3, -3, -0.1), (3, 3, 0)), *(in_scene(*rest) for _, *rest in OBJECTS)]
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts)])
    faces = np.concatenate([part.faces + offset for part, offset in zip(parts, offsets, strict=False)])
    vertices = scale * np.concatenate([part.vertices for part in parts])
    trimesh.Trimesh(vertices, faces, process=False).export(path)


def write_raw(root: Path, shift=(0.0, 0.0, 0.0)) -> Path:
    """Raw scenes: meshes `shift`ed in their boxes, which alignment.txt undoes."""
    for scene in SCENES:
        folder = root / scene
        folder.mkdir(parents=True)
        write_room(folder / f"{scene}_arkit_mesh.ply")
        boxes = np.array([[*centre, *size, yaw] for _, size, centre, yaw in OBJECTS])
        names = [name.rpartition("_") for name, *_ in OBJECTS]
        value = {"bboxes": boxes, "types": [name[0] for name in names], "uids": [name[2] for name in names]}
        np.save(folder / f"{scene}_bbox.npy", value, allow_pickle=True)  # type: ignore[arg-type]
        for name, size, *_ in OBJECTS:
            place = folder / "instances" / name
            place.mkdir(parents=True)
            mesh = box(-np.array(size) / 2, np.array(size) / 2)
            stored = (mesh.vertices - shift)[:, [1, 2, 0]]
            lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in stored]
            lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in mesh.faces]
            (place / f"{name}_gt_mesh_2.obj").write_text("\n".join(lines))
            aligned = np.eye(4)
            aligned[:3, 3] = shift
            np.savetxt(place / "alignment.txt", aligned)
    return root


def zipped(folder: Path, path: Path) -> Path:
    """The folder as an archive."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"dataset/{file.relative_to(folder)}")
    return path
