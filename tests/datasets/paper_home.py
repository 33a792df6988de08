"""All data sets that the paper's suites read, small, in their published layouts, where a plan and a run look for them.

HOME/data/lasa                      prepared from lasa_depth, lasa_pose and raw scenes
HOME/data/shapenet, abo, 3d-future  prepared from a model or two of each of the categories that LASA's tree has
HOME/data/modelnet40                prepared from ModelNet40/CLASS/train|test/CLASS_0001.off
HOME/data/scanobjectnn              prepared from h5_files/main_split/training_objectdataset.h5, test_objectdataset.h5
HOME/data/s3dis                     prepared from Area_N/ROOM/Annotations/CLASS_1.txt, three areas of a room each
"""

import gzip
import json
from pathlib import Path

import h5py
import numpy as np
from lasa_tree import box, write_depth_set, write_raw

from s2r_bench.data.prepare import prepare
from s2r_bench.types import Mesh

SIZES = {"chair": (0.5, 0.9, 0.6), "table": (0.7, 0.7, 1.2)}
SYNSETS = {"chair": "03001627", "table": "04379243"}


def write_paper_home(home: Path, sources: Path) -> Path:
    """Everything at `home`; downloads are made below `sources`."""
    prepare("lasa", write_depth_set(sources / "lasa"), home)
    prepare("lasa", write_raw(sources / "raw"), home)
    prepare("shapenet", write_shapenet(sources / "shapenet"), home)
    prepare("abo", write_abo(sources / "abo"), home)
    prepare("3d-future", write_future(sources / "future"), home)
    prepare("modelnet40", write_modelnet(sources / "modelnet40"), home)
    prepare("scanobjectnn", write_scans(sources / "scanobjectnn"), home)
    prepare("s3dis", write_rooms(sources / "s3dis"), home)
    return home


def of_category(category: str, number: int) -> Mesh:
    """A box of a size that such furniture has; another one for each number."""
    return box((0, 0, 0), np.array(SIZES[category]) * (1 + 0.1 * number))


def exported(path: Path, mesh: Mesh) -> None:
    """Written by the ending of the file's name."""
    import trimesh

    path.parent.mkdir(parents=True, exist_ok=True)
    trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).export(path)


def write_shapenet(root: Path) -> Path:
    """Chairs of version 2: SYNSET/MODEL/models/model_normalized.obj; tables of version 1: SYNSET/MODEL/model.obj."""
    for category, synset in SYNSETS.items():
        for number in range(2):
            name = "models/model_normalized.obj" if category == "chair" else "model.obj"
            exported(root / synset / f"{category}{number}" / name, of_category(category, number))
    return root


def write_abo(root: Path) -> Path:
    """3dmodels/original/LAST/ID.glb with both tables."""
    rows = ["3dmodel_id,path,meshes,extent_x,extent_y,extent_z"]
    products = []
    for category in SIZES:
        name = f"B0{category.upper()}"
        exported(root / "3dmodels" / "original" / name[-1] / f"{name}.glb", of_category(category, 2))
        x, y, z = np.array(SIZES[category]) * 1.2
        rows.append(f"{name},{name[-1]}/{name}.glb,1,{x},{y},{z}")
        products.append(
            json.dumps({"item_id": name, "3dmodel_id": name, "product_type": [{"value": category.upper()}]})
        )
    for place, lines in (
        ("3dmodels/metadata/3dmodels.csv.gz", rows),
        ("listings/metadata/listings_a.json.gz", products),
    ):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(gzip.compress("\n".join(lines).encode()))
    return root


def write_future(root: Path) -> Path:
    """3D-FUTURE-model/UUID/raw_model.obj and model_info.json."""
    rows = []
    for category, (above, kind) in {"chair": ("Chair", "Dining Chair"), "table": ("Table", "Dining Table")}.items():
        name = f"uuid-{category}"
        for file in ("raw_model.obj", "normalized_model.obj"):
            exported(root / "3D-FUTURE-model" / name / file, of_category(category, 3))
        rows.append({"model_id": name, "super-category": above, "category": kind, "style": None})
    (root / "3D-FUTURE-model" / "model_info.json").write_text(json.dumps(rows))
    return root


def write_modelnet(root: Path) -> Path:
    """Two classes of ModelNet40's meshes, z up as there."""
    for category in SIZES:
        for split, numbers in (("train", (1, 2, 3)), ("test", (4,))):
            for number in numbers:
                mesh = of_category(category, number)
                place = root / "ModelNet40" / category / split / f"{category}_{number:04d}.off"
                place.parent.mkdir(parents=True, exist_ok=True)
                lines = [f"{x:.4f} {y:.4f} {z:.4f}" for x, z, y in mesh.vertices]
                lines += [f"3 {a} {b} {c}" for c, b, a in mesh.faces]
                place.write_text("\n".join([f"OFF{len(mesh.vertices)} {len(mesh.faces)} 0", *lines]) + "\n")
    return root


def write_scans(root: Path) -> Path:
    """ScanObjectNN: 15 classes, 4 objects of each to learn from, 2 to test."""
    rng = np.random.default_rng(0)
    for name, count in (("training", 60), ("test", 30)):
        path = root / "h5_files" / "main_split" / f"{name}_objectdataset.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            file["data"] = rng.normal(size=(count, 40, 3)).astype(np.float32)
            file["label"] = (np.arange(count) % 15).astype(np.int64)
            file["mask"] = rng.integers(-1, 3, (count, 40)).astype(np.int32)
    return root


def write_rooms(root: Path) -> Path:
    """S3DIS: three areas of a room each."""
    rng = np.random.default_rng(0)
    for area in (1, 2, 3):
        notes = root / f"Area_{area}" / "office_1" / "Annotations"
        notes.mkdir(parents=True)
        for name in ("floor_1", "chair_1"):
            rows = np.concatenate([rng.uniform(0, 1.8, (200, 3)), rng.integers(0, 256, (200, 3))], axis=1)
            np.savetxt(notes / f"{name}.txt", rows, fmt="%.3f %.3f %.3f %d %d %d")
    return root
