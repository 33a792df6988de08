"""What a piece of code opens and writes, by Python's own audit events; and a process that ends at the n-th write."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass
class Watched:
    """What was seen.

    Attributes:
        folder: where writes are counted: files opened for writing, and files renamed.
        on_write: called before each of them with its number, from 1.
        opened: all other paths that were opened.
        writes: how many there were in `folder`.
    """

    folder: Path
    on_write: Callable[[int], None] = lambda number: None
    opened: set[Path] = field(default_factory=set)
    writes: int = 0

    def wrote(self, path: Any) -> bool:
        """Count a write to `path`, if it is in the folder."""
        if not _resolved(path).is_relative_to(self.folder):
            return False
        self.writes += 1
        self.on_write(self.writes)
        return True


_watching: list[Watched] = []
_hooked: list[bool] = []


@contextmanager
def watched(folder: Path, on_write: Callable[[int], None] = lambda number: None) -> Iterator[Watched]:
    """Watch this process while the block runs. Libraries that open files in C are seen only when they rename them."""
    if not _hooked:
        sys.addaudithook(_hook)  # there is no way to take one off: it looks at nothing while nobody watches
        _hooked.append(True)
    seen = Watched(folder.resolve(), on_write)
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.remove(seen)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _watching or event not in ("open", "os.rename"):
        return
    for seen in list(_watching):
        if event == "os.rename" and not isinstance(args[1], int):
            seen.wrote(args[1])
        elif event == "open" and isinstance(args[0], str | bytes | os.PathLike):
            path, mode, flags = args
            writing = (
                any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool((flags or 0) & WRITING)
            )
            if not (writing and seen.wrote(path)):
                seen.opened.add(_resolved(path))


def _resolved(path: Any) -> Path:
    return Path(os.fsdecode(path)).resolve()
