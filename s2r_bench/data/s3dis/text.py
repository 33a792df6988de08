r"""Rows of `x y z r g b`, from text files in which a few bytes are known to be damaged.

Four such bytes have been reported: `185\x00187` (Area_5/hallway_6, ceiling_1), `103.0\x100000` (Area_5/office_19,
ceiling_1), `-9.1\x160` and `167.\x1000000`. Each is what it should be without the bit of value 0x20: a space, a 0, a 6
and a 0. So a row with a control character is read with that bit restored; if that gives no row, without the character,
then with a space in its place; if none does, it is refused. What was mended is said, with file and line.
"""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from s2r_bench.errors import DataError
from s2r_bench.types import FloatArray

COLUMNS = 6
_BIT = 0x20
# a carriage return within a line is a minus without that bit
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n|\Z)")
_ODD = re.compile(rb"[^0-9eE+\-. \t\r\n]|\r(?!\n|\Z)")


def read_rows(path: Path) -> tuple[FloatArray, tuple[str, ...]]:
    """(N, 6) numbers of a file, and what had to be mended to read them.

    Raises:
        DataError: missing, without rows, or a row that is not three finite coordinates and three colours of 0 to 255;
            the message names file and line.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing")
    data, notes = _mended(path.read_bytes(), path)
    if not data.strip():
        raise DataError(f"{path} holds no points ({len(data)} bytes)")
    table = _parsed(data)
    if table is None:
        raise _refusal(data, path)
    return table, notes


def _mended(data: bytes, path: Path) -> tuple[bytes, tuple[str, ...]]:
    if _ODD.search(data) is None:
        return data, ()
    lines, notes = data.split(b"\n"), []
    for at, line in enumerate(lines):
        if _ODD.search(line) is None:
            continue
        fixed = next((candidate for candidate in _candidates(line) if _is_row(candidate)), None)
        if fixed is None:
            raise _row_error(path, at, line)
        lines[at] = fixed
        notes.append(f"{path}, line {at + 1}: {_short(line)} was read as {_short(fixed)}")
    return b"\n".join(lines), tuple(notes)


def _candidates(line: bytes) -> Iterator[bytes]:
    """What a damaged line may have been, the likeliest first."""
    yield _CONTROL.sub(lambda found: bytes([found.group()[0] | _BIT]), line)
    yield _CONTROL.sub(b"", line)
    yield _CONTROL.sub(b" ", line)


def _parsed(data: bytes) -> FloatArray | None:
    """All rows at once; None where not every line is one."""
    rows = sum(1 for line in data.split(b"\n") if line.strip())
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy warns of words that are no numbers
        try:
            values = np.fromstring(data, dtype=np.float64, sep=" ")
        except (ValueError, DeprecationWarning):
            return None
    if values.size != COLUMNS * rows:
        return None
    table = values.reshape(rows, COLUMNS)
    return table if _are_rows(table) else None


def _are_rows(table: FloatArray) -> bool:
    colours = table[:, 3:]
    return bool(np.isfinite(table).all() and (colours >= 0).all() and (colours <= 255).all())


def _is_row(line: bytes) -> bool:
    words = line.split()
    try:
        values = np.array([float(word) for word in words])
    except ValueError:
        return False
    return len(words) == COLUMNS and _are_rows(values[None])


def _refusal(data: bytes, path: Path) -> DataError:
    """The error of a file that is not all rows; it names the first line that is none."""
    for at, line in enumerate(data.split(b"\n")):
        if line.strip() and not _is_row(line):
            return _row_error(path, at, line)
    return DataError(f"{path} cannot be read as lines of x y z r g b")


def _row_error(path: Path, at: int, line: bytes) -> DataError:
    return DataError(f"{path}, line {at + 1}: {_short(line)} is no point; expected x y z and r g b of 0 to 255")


def _short(line: bytes) -> str:
    return repr(line.strip()[:60])[1:]
