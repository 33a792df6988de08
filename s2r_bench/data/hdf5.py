"""Columns of an HDF5 file, each checked for its name, shape and kind; what is wrong is said with the file's name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError

T = TypeVar("T")
_KINDS = {"f": "floating point", "iu": "integer"}


@dataclass(frozen=True)
class Column:
    """One array that a file is to hold; the first axis counts rows, of which all columns have as many.

    Attributes:
        shape: as expected; None is any length.
        kinds: NumPy's letters of the kinds it may be of: "f" or "iu".
        needed: whether the file is wrong without it.
    """

    shape: tuple[int | None, ...]
    kinds: str
    needed: bool = True


def read_columns(path: Path, columns: Mapping[str, Column]) -> dict[str, NDArray[Any]]:
    """The arrays of a file, by name; those that are neither needed nor there are left out.

    Raises:
        DataError: missing, empty, truncated or no HDF5, a needed array is absent, or one has another shape or kind.
    """
    return _inside(path, lambda file: {name: found[()] for name, found in _checked(path, file, columns).items()})


def count_rows(path: Path, columns: Mapping[str, Column]) -> int:
    """How many rows a file holds. Its arrays are checked by what they are said to be, not read.

    Raises:
        DataError: as `read_columns`.
    """
    return _inside(path, lambda file: len(next(iter(_checked(path, file, columns).values()))))


def _inside(path: Path, use: Callable[[Any], T]) -> T:
    import h5py

    if not path.is_file():
        raise DataError(f"{path} is missing")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes)")
    try:
        # no lock: several readers, and network disks that have none
        with h5py.File(path, "r", locking=False) as file:
            return use(file)
    except (OSError, RuntimeError) as wrong:  # what HDF5 says of a truncated file or a damaged chunk
        reason = str(wrong).splitlines()[0][:200]
        raise DataError(f"{path} cannot be read as HDF5: {reason}; download it again") from None


def _checked(path: Path, file: Any, columns: Mapping[str, Column]) -> dict[str, Any]:
    """The file's data sets of these names, not read yet."""
    import h5py

    found: dict[str, Any] = {}
    for name, column in columns.items():
        if name not in file:
            if column.needed:
                raise DataError(f"{path} has no array {name!r}; it holds: {', '.join(sorted(file)) or 'nothing'}")
            continue
        data = file[name]
        is_array = isinstance(data, h5py.Dataset)
        if not is_array or not _fits(data.shape, column.shape) or data.dtype.kind not in column.kinds:
            has = f"{data.dtype} {data.shape}" if is_array else "a group"
            raise DataError(f"{path}: {name!r} is {has}, expected {_KINDS[column.kinds]} {_text(column.shape)}")
        found[name] = data
    rows = {name: len(data) for name, data in found.items()}
    if len(set(rows.values())) > 1:
        raise DataError(f"{path}: arrays of different length: {rows}")
    if 0 in rows.values():
        raise DataError(f"{path} holds no rows")
    return found


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(want in (None, have) for have, want in zip(shape, wanted, strict=True))


def _text(shape: tuple[int | None, ...]) -> str:
    """A shape for people: `(N, 2048, 3)`."""
    letters = iter("NPCD")
    return "(" + ", ".join(next(letters) if length is None else str(length) for length in shape) + ")"


def refuse_non_finite(path: Path, name: str, values: NDArray[Any]) -> None:
    """Refuse an array with NaN or infinity, naming its first bad row.

    Raises:
        DataError: there is one.
    """
    bad = ~np.isfinite(values).reshape(len(values), -1).all(1)
    if bad.any():
        raise DataError(f"{path}: row {int(bad.argmax())} of {name!r} is NaN or infinite ({int(bad.sum())} such rows)")


def refuse_other_labels(path: Path, name: str, labels: NDArray[Any], classes: int) -> None:
    """Refuse an array of labels that leave 0..classes-1, naming the first.

    Raises:
        DataError: there is one.
    """
    bad = (labels < 0) | (labels >= classes)
    if bad.any():
        first = int(labels.reshape(-1)[int(bad.reshape(-1).argmax())])
        raise DataError(f"{path}: {name!r} holds {first}, expected labels 0 to {classes - 1}")
