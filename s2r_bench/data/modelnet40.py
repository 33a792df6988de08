"""ModelNet40 as sampled clouds: `modelnet40_ply_hdf5_2048`, the HDF5 files that point networks are trained on.

ROOT/train_files.txt, test_files.txt    one file a line, with a folder in front that is not looked at
ROOT/ply_data_train0.h5 ...             data (n, 2048, 3) float32 in the unit sphere, label (n, 1) integer
ROOT/shape_names.txt                    the 40 classes, in the order of their labels

ROOT may be the folder above. The meshes themselves: `s2r_bench.cad.modelnet40`.
"""

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from s2r_bench.cad.modelnet40 import CLASSES
from s2r_bench.data.clouds import CloudSet, CloudSplit, LabelledClouds
from s2r_bench.data.hdf5 import Column, read_columns, refuse_non_finite, refuse_other_labels
from s2r_bench.errors import DataError

FOLDER = "modelnet40_ply_hdf5_2048"
COUNTS = {"train": 9840, "test": 2468}  # three fewer to train on than there are meshes
POINTS = 2048


def read_modelnet40(root: Path, *, published: bool = True) -> CloudSet:
    """Both splits.

    Args:
        root: the folder with the files, or the one above it.
        published: the files must hold as many objects as the published ones, of 2,048 points each.

    Raises:
        DataError: a file is missing or damaged, or is not what it should be; the message names it.
    """
    return CloudSet(_read(root, "train", published=published), _read(root, "test", published=published))


def cloud_files(root: Path, split: CloudSplit) -> list[Path]:
    """The files of a split that its list names, in this order; whether they are there is not looked at.

    Raises:
        DataError: a list is missing or empty, or the classes are not ModelNet40's.
    """
    folder = _folder(root)
    _check_names(folder / "shape_names.txt")
    return [folder / base_name(line) for line in listed(folder / f"{split}_files.txt")]


def _folder(root: Path) -> Path:
    return root / FOLDER if (root / FOLDER).is_dir() else root


def listed(path: Path) -> list[str]:
    """The lines of a text file, without blank ones.

    Raises:
        DataError: it is missing, or has none.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing")
    lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    if not any(lines):
        raise DataError(f"{path} holds no lines")
    return [line for line in lines if line]


def base_name(line: str) -> str:
    r"""The file's own name in a line that has folders in front, whatever system wrote it.

    >>> base_name("data/modelnet40_ply_hdf5_2048/ply_data_train0.h5"), base_name("data\\ply_data_all_0.h5")
    ('ply_data_train0.h5', 'ply_data_all_0.h5')
    """
    return PurePosixPath(line.replace("\\", "/")).name


def _check_names(path: Path) -> None:
    names = listed(path)
    if tuple(names) != CLASSES:
        at = next((k for k, pair in enumerate(zip(names, CLASSES, strict=False)) if pair[0] != pair[1]), -1)
        told = f"line {at + 1} is {names[at]!r}, expected {CLASSES[at]!r}" if at >= 0 else f"{len(names)} names"
        raise DataError(f"{path} does not name ModelNet40's 40 classes in alphabetical order: {told}")


def _read(root: Path, split: CloudSplit, *, published: bool) -> LabelledClouds:
    columns = {"data": Column((None, POINTS if published else None, 3), "f"), "label": Column((None, 1), "iu")}
    points: list[NDArray[np.float32]] = []
    labels: list[NDArray[np.int64]] = []
    for path in cloud_files(root, split):
        found = read_columns(path, columns)
        refuse_non_finite(path, "data", found["data"])
        refuse_other_labels(path, "label", found["label"], len(CLASSES))
        if points and found["data"].shape[1] != points[0].shape[1]:
            raise DataError(f"{path}: clouds of {found['data'].shape[1]} points, in earlier files {points[0].shape[1]}")
        points.append(found["data"].astype(np.float32, copy=False))
        labels.append(found["label"][:, 0].astype(np.int64))
    count = sum(len(part) for part in labels)
    if published and count != COUNTS[split]:
        raise DataError(
            f"{_folder(root) / f'{split}_files.txt'}: its files hold {count} objects, the published ones "
            f"{COUNTS[split]}: download them again, or say published=False for data of your own"
        )
    return LabelledClouds("modelnet40", split, np.concatenate(points), np.concatenate(labels), CLASSES)
