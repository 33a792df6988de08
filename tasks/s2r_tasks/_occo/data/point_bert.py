"""Episodes in the files that Point-BERT, Point-MAE and others exchange: `5way_10shot/0.pkl` to `9.pkl`.

A file is a pickle of {"train": [...], "test": [...]}; an item is (points (P, 3 or more), local label, label in the data
set). A pickle may run anything when it is read, so it goes through a reader that knows arrays of numbers, numbers,
text, lists, tuples and dicts and refuses every other name; even NumPy's own constructors are stood in for. What is
written here can be read by any version of NumPy.
"""

import io
import pickle  # read by `_Reader` alone, which refuses what is not a plain value
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.files import write_bytes
from s2r_tasks._occo.data.episode_clouds import EpisodeClouds

KEYS = {"train": "support", "test": "query"}
# what a pickled array may name -> the stand-in below
_KNOWN = {
    "numpy.ndarray": "_array_of",
    "numpy.dtype": "_dtype",
    "numpy.core.multiarray._reconstruct": "_empty_array",
    "numpy._core.multiarray._reconstruct": "_empty_array",
    "numpy.core.multiarray.scalar": "_scalar",
    "numpy._core.multiarray.scalar": "_scalar",
    "numpy.core.numeric._frombuffer": "_from_buffer",
    "numpy._core.numeric._frombuffer": "_from_buffer",
    "_codecs.encode": "_latin1",
    "builtins.bytearray": "_bytes",
}


def find_point_bert(root: Path, ways: int, shots: int, fold: int) -> Path:
    """The file of a fold (0 to 9), in either spelling of its folder: `5way_10shot` or `5way10shot`.

    Raises:
        DataError: it is in neither.
    """
    names = (f"{ways}way_{shots}shot", f"{ways}way{shots}shot")
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
    try:
        tree = _Reader(io.BytesIO(path.read_bytes())).load()
    except _RefusedError as wrong:
        raise DataError(
            f"{path} is refused: it holds {wrong}, and only arrays of numbers, numbers, text, lists, tuples and dicts "
            "are read from a pickle"
        ) from None
    except Exception as wrong:  # a damaged pickle raises whatever its bytes happen to mean
        raise DataError(f"{path} cannot be read as a pickle: {type(wrong).__name__} {str(wrong)[:100]}") from None
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
    array = value.array if isinstance(value, _Array) else None
    if array is None or array.ndim != 2 or array.shape[1] < 3 or array.dtype.kind != "f":
        told = type(value).__name__ if array is None else f"{array.dtype} {array.shape}"
        raise ValueError(f"the points of item {at} of {key!r} are {told}, expected floating point (P, 3 or more)")
    return array.astype(np.float32)


def _whole(value: Any, key: str, at: int) -> int:
    """An int, also of an array with one element."""
    if isinstance(value, _Array) and value.array is not None and value.array.size == 1:
        value = value.array.reshape(()).item()
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"a label of item {at} of {key!r} is {type(value).__name__}, expected a whole number")
    return value


class _RefusedError(Exception):
    """A name in a pickle that is not read."""


class _Array:
    """What becomes an array: holds none until its state has come."""

    __slots__ = ("array",)

    def __init__(self, array: NDArray[Any] | None = None) -> None:
        self.array = array

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        self.array = _numbers(data, kind, shape, "F" if fortran else "C")


class _Dtype:
    """A kind of number: its code, and the order of its bytes, which comes later."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]

    def plain(self) -> np.dtype[Any]:
        """The NumPy type, of numbers only."""
        if not isinstance(self.code, str) or len(self.code) > 3:
            raise _RefusedError(f"an array of {self.code!r}")
        kind = np.dtype(self.code)
        if kind.kind not in "fiu":
            raise _RefusedError(f"an array of {kind}")
        return kind.newbyteorder(">") if self.order == ">" else kind


def _numbers(data: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
    plain = kind.plain() if isinstance(kind, _Dtype) else None
    if plain is None or not isinstance(data, bytes | bytearray):
        raise _RefusedError(f"an array made of {type(data).__name__} and {type(kind).__name__}")
    return np.frombuffer(data, plain).reshape(shape, order="F" if order == "F" else "C").copy()


class _Reader(pickle.Unpickler):
    """Gives for each known name one of its own methods: nothing that a pickle could change or misuse."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name; every other is refused."""
        stand_in = _KNOWN.get(f"{module}.{name}")
        if stand_in is None:
            raise _RefusedError(f"{module}.{name}")
        return getattr(self, stand_in)

    def persistent_load(self, pid: Any) -> Any:
        """Nothing lies outside of the file."""
        raise _RefusedError(f"a reference to {pid!r} outside of it")

    def _empty_array(self, *_: Any) -> _Array:
        return _Array()

    def _array_of(self, shape: Any, code: str, data: Any) -> _Array:
        return _Array(_numbers(data, _Dtype(code), shape, "C"))

    def _from_buffer(self, data: Any, kind: Any, shape: Any, order: Any) -> _Array:
        return _Array(_numbers(data, kind, shape, order))

    def _dtype(self, code: str, *_: Any) -> _Dtype:
        return _Dtype(code)

    def _scalar(self, kind: Any, data: Any) -> Any:
        return _numbers(data, kind, (), "C").item()

    def _latin1(self, text: Any, encoding: Any) -> bytes:
        if not isinstance(text, str) or encoding != "latin1":
            raise _RefusedError(f"text in {encoding!r}")
        return text.encode("latin1")

    def _bytes(self, *parts: Any) -> bytes:
        if not all(isinstance(part, bytes) for part in parts):
            raise _RefusedError("builtins.bytearray of something else than bytes")
        return b"".join(parts)


class _Writer(pickle.Pickler):
    """Writes arrays as calls of numpy.ndarray(shape, type, bytes), a name that no version has moved."""

    def reducer_override(self, value: Any) -> Any:
        """How an array is written; everything else as usual."""
        if isinstance(value, np.ndarray):
            return np.ndarray, (value.shape, value.dtype.str, bytearray(value.tobytes()))
        return NotImplemented
