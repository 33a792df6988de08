"""Episodes in the files that Point-BERT, Point-MAE and others exchange: `5way_10shot/0.pkl` to `9.pkl`.

A file is a pickle of {"train": [...], "test": [...]}; an item is (points (P, 3 or more), local label, label in the data
set). It is read as plain values, never unpickled (`s2r_bench.data.plain_pickle`). What is written here can be read by
any version of NumPy.
"""

import io
import pickle  # to write; nothing is ever read with it
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.data.plain_pickle import NUMBERS, read_pickle
from s2r_bench.errors import DataError
from s2r_bench.files import write_bytes
from s2r_tasks._occo.data.episode_clouds import EpisodeClouds

KEYS = {"train": "support", "test": "query"}


def folder_name(ways: int, shots: int) -> str:
    """The folder of the episodes of so many classes with so many objects of each.

    >>> folder_name(5, 10)
    '5way_10shot'
    """
    return f"{ways}way_{shots}shot"


def find_point_bert(root: Path, ways: int, shots: int, fold: int) -> Path:
    """The file of a fold (0 to 9), in either spelling of its folder: `5way_10shot` or `5way10shot`.

    Raises:
        DataError: it is in neither.
    """
    names = (folder_name(ways, shots), f"{ways}way{shots}shot")
    found = next((root / name / f"{fold}.pkl" for name in names if (root / name / f"{fold}.pkl").is_file()), None)
    if found is None:
        raise DataError(f"{root} holds no {names[0]}/{fold}.pkl (nor {names[1]}/{fold}.pkl)")
    return found


def read_point_bert(path: Path) -> EpisodeClouds:
    """The episode in a file.

    Raises:
        DataError: missing, damaged, with anything in it that is no plain value (its name is told), or no episode.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing")
    tree = read_pickle(path.read_bytes(), str(path), NUMBERS)
    try:
        return _episode(tree, path.name)
    except ValueError as wrong:
        raise DataError(f"{path} holds no Point-BERT episode: {wrong}") from None


def write_point_bert(path: Path, clouds: EpisodeClouds) -> Path:
    """Write the episode, in one step."""
    tree = {
        key: [
            (cloud, int(label), int(clouds.class_ids[label])) for cloud, label in zip(*clouds.side(side), strict=True)
        ]
        for key, side in KEYS.items()
    }
    stream = io.BytesIO()
    _Writer(stream, protocol=4).dump(tree)
    return write_bytes(path, stream.getvalue())


def _episode(tree: Any, name: str) -> EpisodeClouds:
    if not isinstance(tree, dict) or set(tree) != set(KEYS):
        raise ValueError("it is no dict with the keys 'train' and 'test'")
    classes: dict[int, int] = {}
    sides: list[NDArray[Any]] = []
    for key in KEYS:
        items = tree[key]
        if not isinstance(items, list | tuple) or not items:
            raise ValueError(f"{key!r} is no list with items")
        points, labels = [], []
        for at, item in enumerate(items):
            if not isinstance(item, list | tuple) or len(item) != 3:
                raise ValueError(f"item {at} of {key!r} is no (points, local label, global label)")
            cloud, local, label = _cloud(item[0], key, at), _whole(item[1], key, at), _whole(item[2], key, at)
            if classes.setdefault(local, label) != label:
                raise ValueError(f"item {at} of {key!r}: local label {local} is of class {label} and {classes[local]}")
            points.append(cloud)
            labels.append(local)
        if len({cloud.shape for cloud in points}) > 1:
            raise ValueError(f"the clouds of {key!r} have different shapes")
        sides += [np.stack(points), np.array(labels, dtype=np.int64)]
    return EpisodeClouds(sides[0], sides[1], sides[2], sides[3], _class_ids(classes), f"Point-BERT, {name}")


def _class_ids(classes: dict[int, int]) -> tuple[int, ...]:
    if sorted(classes) != list(range(len(classes))):
        raise ValueError(f"local labels are {sorted(classes)}, expected 0 to {len(classes) - 1}")
    return tuple(classes[local] for local in range(len(classes)))


def _cloud(value: Any, key: str, at: int) -> NDArray[np.float32]:
    array = value if isinstance(value, np.ndarray) else None
    if array is None or array.ndim != 2 or array.shape[1] < 3 or array.dtype.kind != "f":
        told = type(value).__name__ if array is None else f"{array.dtype} {array.shape}"
        raise ValueError(f"the points of item {at} of {key!r} are {told}, expected floating point (P, 3 or more)")
    return array.astype(np.float32)


def _whole(value: Any, key: str, at: int) -> int:
    """An int, also of an array with one element."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(()).item()
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"a label of item {at} of {key!r} is {type(value).__name__}, expected a whole number")
    return value


class _Writer(pickle.Pickler):
    """Writes arrays as calls of numpy.ndarray(shape, type, bytes), a name that no version has moved."""

    def reducer_override(self, value: Any) -> Any:
        """How an array is written; everything else as usual."""
        if isinstance(value, np.ndarray):
            return np.ndarray, (value.shape, value.dtype.str, bytearray(value.tobytes()))
        return NotImplemented
