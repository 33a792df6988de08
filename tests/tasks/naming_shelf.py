"""A shelf that names folders and makes none, for tests of what decides a folder's name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from s2r_bench.records import content_key
from s2r_bench.shelf import Shelf


class NamingShelf(Shelf):
    """Keeps in `found` the key of each folder asked for, by its kind without the task's name, and its origin."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.found: dict[str, str] = {}

    def folder(
        self, kind: str, inputs: Mapping[str, Any], make: Callable[[Path], None], what: str = "", wait: bool = True
    ) -> Path:
        origin = str(inputs.get("origin", "")).partition("/")[0]
        key = content_key({"kind": kind, **inputs})
        self.found[f"{kind.partition('-')[2]} {origin}".strip()] = key
        return self.root / key
