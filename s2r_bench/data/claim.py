"""A folder that a preparation writes: new, or broken off with the same settings; never one with other content."""

import json
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from s2r_bench.errors import DataError
from s2r_bench.files import write_json

WORK = ".work"  # what a broken-off preparation goes on from


def claim(out: Path, identity: Mapping[str, Any], done: str, beside: Collection[str] = ()) -> None:
    """Make `out` ours.

    Args:
        out: the folder to be written.
        identity: what decides its content; plain JSON.
        done: name of the file that is written last.
        beside: names that may stand there already, made by another preparation.

    Raises:
        DataError: `out` is finished, or holds an unfinished preparation of something else, or other files.
    """
    if (out / done).exists():
        raise DataError(f"{out} holds a prepared data set already; delete it or give another place")
    note = out / WORK / "settings.json"
    if note.is_file():
        if json.loads(note.read_text(encoding="utf-8")) != json.loads(json.dumps(identity)):
            raise DataError(
                f"{out} holds an unfinished preparation with other settings; delete it or give another place"
            )
        return
    if out.exists() and any(path.name not in beside for path in out.iterdir()):
        raise DataError(f"{out} is not empty and not an unfinished preparation; give another place")
    (out / WORK).mkdir(parents=True, exist_ok=True)
    write_json(note, dict(identity))


def release(out: Path) -> None:
    """Take away what only a broken-off preparation needs."""
    shutil.rmtree(out / WORK)
