"""What cells share: folders named by the hash of what made them, made once, by one process at a time.

    HOME/shelf/KIND/KEY/    inputs.json, what was made, done.json (last)

A folder without `done.json` is unfinished: whoever asks next continues in it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from s2r_bench.files import held, write_json
from s2r_bench.records import content_key

Tell = Callable[[str], None]
DONE = "done.json"


class Shelf:
    """Folders below `root`; `tell` hears what is made."""

    def __init__(self, root: Path, tell: Tell = lambda text: None) -> None:
        self.root, self.tell = root, tell

    def folder(
        self, kind: str, inputs: Mapping[str, Any], make: Callable[[Path], None], what: str = "", wait: bool = True
    ) -> Path:
        """The finished folder of a kind of thing, made now if it is not there.

        Args:
            kind: names the shelf.
            inputs: all that decides the content, in JSON's types.
            make: fills the folder; called again on a folder that a killed process left, it continues.
            what: told while it is made.
            wait: for another process that is at it; if not, the folder may come back unfinished.
        """
        folder = self.root / kind / content_key({"kind": kind, **inputs})
        if not (folder / DONE).is_file():
            folder.mkdir(parents=True, exist_ok=True)
            with held(folder.with_name(folder.name + ".lock"), wait) as mine:
                if mine and not (folder / DONE).is_file():
                    self.tell(what or f"making {kind}")
                    write_json(folder / "inputs.json", dict(inputs))
                    make(folder)
                    write_json(folder / DONE, {"kind": kind})
        return folder
