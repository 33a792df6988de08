"""What this installation makes of results from elsewhere: its own protocol, settings and digests of the data.

Runs name pairs by a digest of their files, which is quick, and changes with whatever wrote the files: another encoder
of PNG, another last digit of a pose. What leaves a machine names them by what made them, where a built-in world did
(its options and version; pixels may differ in the last millimetre), else by the values in them (`depth_digest`).

Names and options come from a stranger's file: no world is opened but a built-in one or one that was prepared here, with
its own options, and nothing is made, read or downloaded that is not here already.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench import registry
from s2r_bench.errors import S2RError
from s2r_bench.options import PRESETS, Options
from s2r_bench.records import RunSpec, content_key
from s2r_bench.simulator import PairSet
from s2r_bench.steps.evaluate import evaluation_splits, open_task, task_inputs
from s2r_bench.task import Task
from s2r_bench.types import DepthFrame
from s2r_bench.worlds.base import WORLDS, OwnsSensor, Split, World, is_made, open_world

PAIRS, MADE, DEPTH = "pairs/", "made/", "depth/"  # before a split, in names of digests: of files, recipe, values
DEPTH_UNIT = 1e-4  # metres, to which values are rounded before they are counted: a tenth of what files hold
CAMERA_UNIT = 1e-5  # of intrinsics (pixels) and poses (metres, and cosines)


@dataclass(frozen=True)
class Asked:
    """Where results from elsewhere were scored: names, and all options of the task."""

    task: str
    protocol: str
    world: str
    preset: str
    settings: Mapping[str, Any]
    world_options: Mapping[str, Any]


@dataclass(frozen=True)
class Known:
    """The same here.

    Attributes:
        protocol: the task's; "" where there is no such task.
        settings: the asked ones with what they do not name; None where they cannot be used.
        keys: digests of the data, as runs here name them; None where they are not known.
        why: why something is not known.
        contents: name of a key of files -> name and digest that do not depend on the files.
    """

    protocol: str = ""
    settings: Mapping[str, Any] | None = None
    keys: Mapping[str, str] | None = None
    why: str = ""
    contents: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def known(asked: Asked, home: Path) -> Known:
    """What this installation has for results from elsewhere."""
    if asked.task not in registry.names(registry.TASKS):
        return Known(why=f"there is no task {asked.task!r} here")
    preset = asked.preset if asked.preset in PRESETS else "tiny"
    protocol = open_task(asked.task, preset, {})[0].protocol
    if protocol != asked.protocol:
        return Known(protocol, why="another protocol")
    if asked.preset not in PRESETS:
        return Known(protocol, why=f"there is no preset {asked.preset!r} here")
    try:
        task = open_task(asked.task, preset, asked.settings)[0]
    except S2RError as wrong:
        return Known(protocol, why=str(wrong))
    options = getattr(task, "options", None)
    settings = options.model_dump(mode="json") if isinstance(options, Options) else {}
    why = _not_looked_at(asked, home)
    if why:
        return Known(protocol, settings, why=why)
    try:
        world = open_world(asked.world, preset=preset, home=home)
        if not is_made(world, evaluation_splits(task)):
            return Known(protocol, settings, why=f"the data of {asked.world} have not been made here")
        return Known(protocol, settings, task_inputs(task, world), contents=_contents(task, world))
    except (S2RError, OSError) as wrong:
        return Known(protocol, settings, why=str(wrong))


def contents_of(spec: RunSpec, home: Path) -> dict[str, tuple[str, str]]:
    """Name of a key of files of a run of one's own -> name and digest that do not depend on the files.

    Empty where the key names no files, and where the data are not here any more as they were scored.
    """
    try:
        task = open_task(spec.task, spec.preset, spec.options.get("task", {}))[0]
        names = [PAIRS + split for split in evaluation_splits(task) if PAIRS + split in spec.inputs]
        if not names:
            return {}
        world = open_world(spec.world, preset=spec.preset, home=home, options=spec.options.get("world", {}))
        if not is_made(world, evaluation_splits(task)):
            return {}
        same = {name for name, digest in task_inputs(task, world).items() if spec.inputs.get(name) == digest}
        return {name: digest for name, digest in _contents(task, world).items() if name in same}
    except (S2RError, OSError):
        return {}


def _contents(task: Task, world: World) -> dict[str, tuple[str, str]]:
    return {PAIRS + split: _content(world, split) for split in evaluation_splits(task)}


def _content(world: World, split: Split) -> tuple[str, str]:
    if world.owns_sensor and isinstance(world, OwnsSensor):
        return MADE + split, content_key([world.key, split])
    return DEPTH + split, depth_digest(world.pairs(split))


def depth_digest(pairs: PairSet) -> str:
    """Of the depth, cameras and names of pairs, whatever the files look like in which they lie."""
    text = hashlib.sha256()
    for index in range(len(pairs)):
        pair = pairs[index]
        text.update(f"{pair.id} {pair.clean.size};".encode())
        for camera in (pair.clean.K, pair.clean.world_from_cam):
            text.update(np.rint(camera / CAMERA_UNIT).astype("<i8").tobytes())
        for side in (pair.clean, pair.captured):
            text.update(_counted(side))
    return text.hexdigest()[:16]


def _counted(frame: DepthFrame) -> bytes:
    return np.rint(frame.depth.astype(np.float64) / DEPTH_UNIT).astype("<i4").tobytes()


def _not_looked_at(asked: Asked, home: Path) -> str:
    """Why the data are not looked at; "" where they may be."""
    prepared = asked.world == Path(asked.world).name and (home / "data" / asked.world / "cameras.json").is_file()
    if asked.world not in WORLDS and (not prepared or Path(asked.world).exists()):
        return f"{asked.world} is neither a built-in world nor one that was prepared here"
    if asked.world_options:
        return f"{asked.world} has options of its own"
    places = [text for text in _texts(asked.settings) if text and _exists(text)]
    return f"its settings name {places[0]!r}, which is not opened" if places else ""


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:  # longer than a name may be
        return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
