"""Files are written whole or not at all, and known by their content."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from s2r_bench.errors import DataError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to; it takes the place of `path` when the block ends, or goes when that fails.

    A reader sees the old file or the new one, never a part.

    Raises:
        OSError: the disk is full; it names `path`, in whatever error of its own a library wrapped that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    except BaseException as wrong:
        part.unlink(missing_ok=True)
        if is_full_disk(wrong):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from wrong
        raise


def is_full_disk(wrong: BaseException) -> bool:
    """Whether an error says that the disk is full; libraries wrap it in errors of their own."""
    if isinstance(wrong, OSError) and wrong.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return "No space left on device" in str(wrong)


def write_bytes(path: Path, data: bytes) -> Path:
    """Write `data` to `path` in one step."""
    with whole(path) as part:
        part.write_bytes(data)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text in one step."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> Path:
    """Write `value` as JSON in one step; NaN and infinity are refused (ValueError)."""
    return write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`.

    Raises:
        DataError: missing, empty, no JSON, or no object; the message names the file.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing")
    text = path.read_text(encoding="utf-8", errors="replace")
    if not text.strip():
        raise DataError(f"{path} is empty (0 bytes)")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as wrong:
        raise DataError(f"{path} is not JSON ({wrong})") from None
    if not isinstance(value, dict):
        raise DataError(f"{path} holds a {type(value).__name__}, expected a JSON object")
    return value


def sha256(path: Path) -> str:
    """Hex digest of a file's content, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def held(path: Path, wait: bool = True) -> Iterator[bool]:
    """One process at a time, where the system has file locks; a killed process leaves none behind.

    Gives whether it is held, which only `wait=False` leaves open: then another process has it.
    """
    try:
        import fcntl
    except ImportError:
        yield True
        return
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
