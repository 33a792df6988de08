"""Small trees in the layouts in which ScanObjectNN, ModelNet40 and S3DIS are given out."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from s2r_bench.cad.modelnet40 import CLASSES as MODELNET
from s2r_bench.data.s3dis.classes import CLASSES as S3DIS


def write_h5(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, compression="gzip")
    return path


@pytest.fixture
def h5():
    """A function that writes one file of named arrays."""
    return write_h5


def clouds(count, points, classes, seed=0):
    """Arrays as ScanObjectNN's files hold them."""
    rng = np.random.default_rng(seed)
    return {
        "data": rng.normal(size=(count, points, 3)).astype(np.float32),
        "label": (np.arange(count) % classes).astype(np.int64),
        "mask": rng.integers(-1, 3, (count, points)).astype(np.int32),
    }


@pytest.fixture
def scan_tree(tmp_path):
    """A function that writes both splits of a variant; an argument `change` edits the arrays of the test split."""

    def write(folder="main_split", suffix="", *, counts=(45, 30), points=32, change=None):
        for seed, (name, count) in enumerate(zip(("training", "test"), counts, strict=True)):
            arrays = clouds(count, points, 15, seed)
            if change is not None and name == "test":
                change(arrays)
            write_h5(tmp_path / "h5_files" / folder / f"{name}_objectdataset{suffix}.h5", **arrays)
        return tmp_path

    return write


@pytest.fixture
def modelnet_h5(tmp_path):
    """A function that writes modelnet40_ply_hdf5_2048 with two files to train on and one to test."""

    def write(points=16):
        folder = tmp_path / "modelnet40_ply_hdf5_2048"
        for seed, (name, count) in enumerate((("train0", 50), ("train1", 30), ("test0", 40))):
            arrays = clouds(count, points, 40, seed)
            label = arrays["label"].astype(np.uint8)[:, None]
            write_h5(folder / f"ply_data_{name}.h5", data=arrays["data"], label=label, normal=arrays["data"])
        (folder / "shape_names.txt").write_text("\n".join(MODELNET) + "\n")
        for split, names in (("train", ("train0", "train1")), ("test", ("test0",))):
            lines = [f"data/modelnet40_ply_hdf5_2048/ply_data_{name}.h5" for name in names]
            (folder / f"{split}_files.txt").write_text("\n".join(lines) + "\n")
        return folder

    return write


POINTS = "0 0 0\n1 0 0\n0 2 0\n0 0 3\n"
FACES = "3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n"


@pytest.fixture
def off_tree(tmp_path):
    """A function that writes ModelNet40/CLASS/train|test/CLASS_0001.off, with either header in turn."""

    def write(classes=("chair", "night_stand"), train=2, test=1):
        root = tmp_path / "ModelNet40"
        for name in classes:
            for number in range(train + test):
                path = root / name / ("train" if number < train else "test") / f"{name}_{number + 1:04d}.off"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"OFF{'' if number % 2 else chr(10)}4 4 0\n{POINTS}{FACES}")
        (root / ".DS_Store").write_bytes(b"\0")
        return root

    return write


def rows(count, seed, low=(0, 0, 0), high=(2.0, 1.6, 2.5)):
    """(N, 6) points of a box with colours, in thousandths as the files hold them."""
    rng = np.random.default_rng(seed)
    xyz = np.round(rng.uniform(low, high, (count, 3)), 3)
    return np.concatenate([xyz - [12.0, 3.0, 0.5], rng.integers(0, 256, (count, 3))], axis=1)


def text(table):
    return "".join(f"{x:.3f} {y:.3f} {z:.3f} {r:.0f} {g:.0f} {b:.0f}\n" for x, y, z, r, g, b in table).encode()


@pytest.fixture
def raw_tree(tmp_path):
    """A function that writes areas of one room each (`hallway_6`), and returns the tables by file."""

    def write(areas=(1, 5)):
        root, tables = tmp_path / "Stanford3dDataset_v1.2_Aligned_Version", {}
        for area in areas:
            notes = root / f"Area_{area}" / "hallway_6" / "Annotations"
            notes.mkdir(parents=True)
            (root / f"Area_{area}" / f"Area_{area}_alignmentAngle.txt").write_text("## disjoint Space\nhallway_6 0\n")
            (root / f"Area_{area}" / ".DS_Store").write_bytes(b"\0\1")
            (notes / ".DS_Store").write_bytes(b"\0\1")
            for seed, name in enumerate(("ceiling_1", "chair_1", "chair_2", "floor_1", "stairs_1")):
                tables[area, name] = rows(400, 10 * area + seed)
                (notes / f"{name}.txt").write_bytes(text(tables[area, name]))
            (notes.parent / "hallway_6.txt").write_bytes(b"not read")
        return root, tables

    return write


@pytest.fixture
def pointcept_tree(tmp_path):
    """A function that writes Area_1 and Area_2 of one room each as Pointcept does; labels may be (N, 1)."""

    def write(column=True):
        for area in (1, 2):
            folder = tmp_path / "s3dis" / f"Area_{area}" / "office_1"
            folder.mkdir(parents=True)
            table = rows(500, area)
            labels = np.arange(500, dtype=np.int16) % len(S3DIS)
            np.save(folder / "coord.npy", table[:, :3].astype(np.float32))
            np.save(folder / "color.npy", table[:, 3:].astype(np.uint8))
            np.save(folder / "segment.npy", labels[:, None] if column else labels)
            np.save(folder / "instance.npy", labels[:, None] if column else labels)
            np.save(folder / "normal.npy", table[:, :3].astype(np.float32))
        return tmp_path / "s3dis"

    return write


@pytest.fixture
def archive_tree(tmp_path):
    """A function that writes indoor3d_sem_seg_hdf5_data with blocks that know their number: data[k] == k."""

    def write(counts=(5, 5, 3), points=8, listing=True):
        folder: Path = tmp_path / "indoor3d_sem_seg_hdf5_data"
        total, first = sum(counts), 0
        for number, count in enumerate(counts):
            ids = np.arange(first, first + count)
            data = np.broadcast_to(ids[:, None, None], (count, points, 9)).astype(np.float32)
            labels = ((ids[:, None] + np.arange(points)) % len(S3DIS)).astype(np.uint8)
            write_h5(folder / f"ply_data_all_{number}.h5", data=data, label=labels)
            first += count
        lines = [f"indoor3d_sem_seg_hdf5_data/ply_data_all_{number}.h5" for number in range(len(counts))]
        if listing:
            (folder / "all_files.txt").write_text("\n".join(lines) + "\n")
        rooms = [f"Area_{1 + k * 6 // total}_hallway_{k % 2 + 1}" for k in range(total)]
        (folder / "room_filelist.txt").write_text("\n".join(rooms) + "\n")
        return folder

    return write
