"""What samples can be drawn from: kept views of finished runs, or folders of simulated pairs, also fused."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from s2r_bench import registry
from s2r_bench.errors import DataError, UsageError
from s2r_bench.files import read_json
from s2r_bench.types import DepthArray, DepthFrame, FloatArray
from s2r_bench.worlds.pair_folder import FolderPairs, FrameEntry
from s2r_reports._study.layout import CAPTURED, Captures, Show
from s2r_reports.frames import UNKNOWN_SENSOR, Entry, arm_names
from s2r_reports.views import artifacts, read_arrays

TASK = "fidelity"  # the task whose runs keep clean, captured and simulated depth of the same views
NAME = re.compile(r"[\w][\w .+()-]{0,59}")


@dataclass(frozen=True, eq=False)
class Shown:
    """One view of one source: clean and shown depth, (H, W) metres, and the (3, 3) intrinsics."""

    clean: DepthArray
    depth: DepthArray
    K: FloatArray


@dataclass(frozen=True, eq=False)
class Fusable:
    """The views of one place or object of one source, with poses: clean frames and shown ones, camera by camera."""

    clean: Sequence[DepthFrame]
    depth: Sequence[DepthFrame]


@dataclass(frozen=True)
class Candidate:
    """What may become a sample: of which view (or place, or object), from which run or folder, and how to get it."""

    view: str
    origin: str
    load: Callable[[], Shown | Fusable] = field(compare=False)


@dataclass(frozen=True)
class Pools:
    """Source -> candidates, captures apart, and what made the captures."""

    sources: Mapping[str, Sequence[Candidate]]
    captured: Sequence[Candidate]
    sensor: str

    @property
    def captures(self) -> Captures:
        """Real only where a sensor is named that is neither virtual nor a simulator."""
        name = self.sensor.lower()
        unsure = name == UNKNOWN_SENSOR or "virtual" in name or "simulat" in name
        return "virtual" if unsure else "real"


def pools_of_runs(entries: Sequence[Entry]) -> Pools:
    """What finished runs of `fidelity` kept; the task's reference arms (floor, ceiling) are no sources.

    Raises:
        DataError: no such run, or none that kept views.
        UsageError: the runs are of several worlds, presets or options, which do not belong into one study.
    """
    references = registry.module(registry.TASKS, TASK).task.references
    chosen = [e for e in entries if e.record.spec.task == TASK and e.record.spec.method not in references]
    if not chosen:
        raise DataError(f"no finished run of {TASK} to take views from; `s2r-bench evaluate -t {TASK}` makes some")
    groups = {entry.group: f"{e.world}, {e.preset}, {e.protocol}" for entry in chosen for e in [entry.record.spec]}
    if len(groups) > 1:
        raise UsageError(
            f"these runs are of {len(groups)} kinds ({'; '.join(sorted(groups.values()))}, or of other options): "
            "choose one with --world, --preset or the runs' keys"
        )
    names, sources, captured = arm_names(chosen), dict[str, list[Candidate]](), dict[str, Candidate]()
    for entry in sorted(chosen, key=lambda one: (names[one.record.spec.key], one.record.spec.seed)):
        found = sources.setdefault(_proper(names[entry.record.spec.key]), [])
        for path in sorted(artifacts(entry).glob("view_*.npz")):
            view = str(_arrays(path)["id"])
            found.append(Candidate(view, entry.record.spec.key, _loader(path, "simulated")))
            captured.setdefault(view, Candidate(view, entry.record.spec.key, _loader(path, "captured")))
    without = [name for name, found in sources.items() if not found]
    if without:
        raise DataError(
            f"{without[0]}: its runs kept no views ({len(without)} such methods); "
            f"run them again with `s2r-bench evaluate -t {TASK} --overwrite always`, or leave them out with -m"
        )
    return Pools(sources, list(captured.values()), chosen[0].sensor)


def pools_of_folders(
    folders: Mapping[str, Path], captured: Path | FolderPairs, split: str, show: Show = "views"
) -> Pools:
    """Source -> the views of a folder that `s2r-bench simulate` wrote; captures from a folder of pairs.

    Args:
        folders: source's name -> a pair folder, or a folder of simulated CAD models (manifest.json).
        captured: a folder of either kind whose captured side is what the sensor gave, or such pairs.
        split: of which frames, in folders that have splits.
        show: "views": every view is a candidate; "clouds": all views of a sequence (of a model) are one.

    Raises:
        UsageError: a name that cannot stand in a table.
        DataError: a folder that is neither, or is damaged.
    """
    sources = {_proper(name): _candidates(folder, split, show)[0] for name, folder in folders.items()}
    captures, sensor = _candidates(captured, split, show)
    return Pools(sources, captures, sensor)


def _candidates(given: Path | FolderPairs, split: str, show: Show) -> tuple[list[Candidate], str]:
    """The views of a folder and what it calls its sensor."""
    folder = given if isinstance(given, Path) else given.folder
    if isinstance(given, FolderPairs) or (folder / "cameras.json").is_file():
        pairs = given if isinstance(given, FolderPairs) else FolderPairs(folder, split)
        return _views(pairs, folder) if show == "views" else _places(pairs, folder), pairs.cameras.sensor
    if not (folder / "manifest.json").is_file():
        raise DataError(f"{folder} holds neither cameras.json nor manifest.json; `s2r-bench simulate -o` writes such")
    manifest = read_json(folder / "manifest.json")
    found = []
    for entry in manifest.get("objects", []):
        inner = folder / str(entry["folder"])
        pairs = FolderPairs(inner, captured="simulated" if (inner / "simulated").is_dir() else None)
        if show == "views":
            found += _views(pairs, folder)
        else:
            found.append(Candidate(str(entry["folder"]), folder.name, _fusable(pairs, range(len(pairs)))))
    return found, f"{manifest.get('method', folder.name)}, simulated"


def _views(pairs: FolderPairs, folder: Path) -> list[Candidate]:
    def loader(index: int) -> Callable[[], Shown]:
        def load() -> Shown:
            pair = pairs[index]
            return Shown(pair.clean.depth, pair.captured.depth, pair.clean.K)

        return load

    entries = [pairs.cameras.entries[name] for name in pairs.names]
    ids = [f"{entry.scene}/{entry.sequence}/{_own_name(entry)}" for entry in entries]
    return [Candidate(view, folder.name, loader(index)) for index, view in enumerate(ids)]


def _places(pairs: FolderPairs, folder: Path) -> list[Candidate]:
    """All views of a sequence as one candidate."""
    found: dict[str, list[int]] = {}
    for index, name in enumerate(pairs.names):
        entry = pairs.cameras.entries[name]
        found.setdefault(f"{entry.scene}/{entry.sequence}", []).append(index)
    return [Candidate(place, folder.name, _fusable(pairs, some)) for place, some in found.items()]


def _fusable(pairs: FolderPairs, indices: Sequence[int]) -> Callable[[], Fusable]:
    def load() -> Fusable:
        some = [pairs[index] for index in indices]
        return Fusable([pair.clean for pair in some], [pair.captured for pair in some])

    return load


def _own_name(entry: FrameEntry) -> str:
    """The frame's name without scene and sequence, which `simulate` puts before it in the names of its files."""
    before = f"{entry.scene}/{entry.sequence}/".replace("/", "__")
    before = "".join(letter if letter.isalnum() or letter in "-_@." else "_" for letter in before)
    return entry.name.removeprefix(before)


def _loader(path: Path, side: str) -> Callable[[], Shown]:
    def load() -> Shown:
        arrays = _arrays(path)
        return Shown(*(np.asarray(arrays[name]) for name in ("clean", side, "K")))

    return load


def _arrays(path: Path) -> Mapping[str, object]:
    arrays = read_arrays(path)
    if arrays is None or not {"id", "K", "clean", "captured", "simulated"} <= set(arrays):
        raise DataError(
            f"{path} is damaged, or of a version that kept no intrinsics; run again with --overwrite always"
        )
    return arrays


def _proper(name: str) -> str:
    if not NAME.fullmatch(name) or name == CAPTURED:
        raise UsageError(
            f"{name!r} cannot be a source's name: up to 60 letters, digits, spaces and . + ( ) - _, "
            f"beginning with a letter or digit, and not {CAPTURED!r}"
        )
    return name
