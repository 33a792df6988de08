"""A checkpoint folder describes itself: what `save` wrote, and `simulator.json`, written last.

DIR/simulator.json   method, options, scenes it was trained on, sensor, world, code version, fit report, file digests
DIR/...              the method's own files (safetensors, json, npz)
"""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from s2r_bench import __version__
from s2r_bench.blame import at
from s2r_bench.errors import DataError, S2RError, UsageError
from s2r_bench.files import read_json, sha256, write_json
from s2r_bench.options import Options
from s2r_bench.records import content_key
from s2r_bench.simulator import FitReport, Simulator
from s2r_bench.steps.methods import Method, find, served

SCHEMA = 1
FILE = "simulator.json"


@dataclass(frozen=True)
class Origin:
    """How a simulator came to be.

    Attributes:
        method: what `s2r_bench.steps.methods.find` finds it by.
        name: as in tables.
        code: digest of the method's source when it was fitted.
        preset: whose numbers it was fitted with.
        options: its resolved options.
        world: the world whose pairs it saw, "" if none.
        sensor: the sensor it imitates, "" if none.
        trained_scenes: ids of the scenes it saw.
        seen_scenes: what its card declared as seen before the fit (`Card.seen_scenes`).
        seed: of the fit.
        camera: {"K": 3x3, "height": H, "width": W} of the first pair it saw; CAD models are seen by that camera.
        report: what the fit cost.
    """

    method: str
    name: str
    code: str
    preset: str
    options: dict[str, Any]
    world: str = ""
    sensor: str = ""
    trained_scenes: tuple[str, ...] = ()
    seen_scenes: tuple[str, ...] = ()
    seed: int = 0
    camera: dict[str, Any] | None = None
    report: FitReport = field(default_factory=FitReport)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A simulator that can simulate; it is loaded when it is first used.

    Attributes:
        method: its class and names.
        origin: how it came to be.
        options: what it runs with.
        device: where its networks go.
        folder: its checkpoint, None where it is untrained.
        weights: digest of the checkpoint's files, "" where it has none.
    """

    method: Method
    origin: Origin
    options: Options
    device: str
    folder: Path | None = None
    weights: str = ""

    @property
    def identity(self) -> str:
        """Changes whenever what it simulates could."""
        return content_key([self.method.name, self.method.code, self.options.model_dump(mode="json"), self.weights])

    @cached_property
    def simulator(self) -> Simulator:
        """The simulator, loaded.

        Raises:
            DataError: the method cannot load its files.
        """
        simulator = self.method.cls(self.options, self.device)
        if self.folder is not None:
            try:
                simulator.load(self.folder)
            except (S2RError, OSError):
                raise
            except Exception as wrong:  # whatever a method's decoder raises: the checkpoint is at fault
                why = f"{type(wrong).__name__}: {wrong}{at(wrong)}"
                raise DataError(f"{self.folder} cannot be loaded by {self.method.name}: {why}") from wrong
        return simulator


def save_checkpoint(simulator: Simulator, folder: Path, origin: Origin) -> Path:
    """Write a checkpoint into `folder`, which appears whole or not at all, and return it."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        _save_into(part, simulator, origin)
        if folder.exists():
            shutil.rmtree(folder)
        part.replace(folder)
    except BaseException:  # a full disk, or a `save` that fails, leaves nothing behind
        shutil.rmtree(part, ignore_errors=True)
        raise
    return folder


def _save_into(part: Path, simulator: Simulator, origin: Origin) -> None:
    part.mkdir(parents=True)
    simulator.save(part)
    describe(part, origin)


def describe(folder: Path, origin: Origin) -> None:
    """Make a folder with a method's files a checkpoint: write `simulator.json`.

    Raises:
        S2RError: a file is empty.
    """
    files = {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    empty = [name for name in files if (folder / name).stat().st_size == 0]
    if empty:
        raise S2RError(f"{origin.name} saved an empty file {empty[0]!r}: its checkpoint cannot be used")
    described = {"schema": SCHEMA, "version": __version__, **asdict(origin), "files": files}
    write_json(folder / FILE, described)


def is_checkpoint(folder: Path) -> bool:
    """Whether `folder` is a whole checkpoint."""
    return (folder / FILE).is_file()


def read_origin(folder: Path) -> tuple[Origin, str]:
    """How the checkpoint in `folder` came to be, and the digest of its files.

    Raises:
        DataError: no checkpoint, one of another schema, or a file is missing, empty or damaged; the file is named.
    """
    if not is_checkpoint(folder):
        raise DataError(f"{folder} is no checkpoint: it has no {FILE}. `s2r-bench train METHOD` makes one")
    raw = read_json(folder / FILE)
    if raw.get("schema") != SCHEMA:
        raise DataError(f"{folder / FILE} has schema {raw.get('schema')}, this version reads {SCHEMA}; train again")
    try:
        files, report = dict(raw["files"]), raw["report"]
        report["curve"] = tuple(report["curve"])
        raw.setdefault("seen_scenes", [])  # checkpoints of the same schema that are older have none
        values = {name: raw[name] for name in Origin.__dataclass_fields__}
        values |= {name: tuple(raw[name]) for name in ("trained_scenes", "seen_scenes")}
        values |= {"report": FitReport(**report)}
        origin = Origin(**values)
    except (KeyError, TypeError, ValueError) as wrong:
        raise DataError(f"{folder / FILE} is damaged ({wrong}); train again with --overwrite always") from None
    return origin, _digest(folder, files)


def open_checkpoint(folder: Path, device: str = "cpu", overrides: Mapping[str, Any] | None = None) -> Fitted:
    """The simulator in `folder`; its files are checked now and loaded at first use.

    Args:
        folder: what `save_checkpoint` wrote.
        device: where its networks go.
        overrides: options that only matter in simulation (`simulation_only` of the method's options).

    Raises:
        DataError: see `read_origin`.
        UsageError: the method is not there, or an override would need a new fit.
    """
    origin, weights = read_origin(folder)
    method = served(find(origin.method))
    allowed = simulation_only(method)
    for name in overrides or {}:
        if name not in allowed:
            could = f"; these can be: {', '.join(sorted(allowed))}" if allowed else ""
            raise UsageError(f"{origin.name}: {name} was fixed when the checkpoint was trained{could}")
    options = method.options(origin.preset, {**origin.options, **(overrides or {})})
    return Fitted(method, origin, options, device, folder, weights)


def load_checkpoint(folder: Path, device: str = "cpu") -> Simulator:
    """The simulator in `folder`, loaded; errors as in `open_checkpoint`, and DataError where it cannot be loaded."""
    return open_checkpoint(folder, device).simulator


def simulation_only(method: Method) -> frozenset[str]:
    """Options that change `simulate` but not `fit`: another value needs no new fit.

    A method's options name them, dotted where nested, in `simulation_only: ClassVar[frozenset[str]]`.
    """
    return frozenset(getattr(method.cls.options_type, "simulation_only", ()))


def taken(options: Options, names: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """`options` as plain values without `names` (dotted), and the values of `names`."""
    kept = options.model_dump(mode="json")
    out: dict[str, Any] = {}
    for name in sorted(names):
        *above, last = name.split(".")
        inner = kept
        for part in above:
            inner = inner[part]
        out[name] = inner.pop(last)
    return kept, out


def _digest(folder: Path, files: dict[str, str]) -> str:
    for name, expected in files.items():
        path = folder / name
        wrong = ""
        if not path.is_file():
            wrong = "is missing"
        elif path.stat().st_size == 0:
            wrong = "is empty (0 bytes)"
        elif sha256(path) != expected:
            wrong = "differs from what was saved"
        if wrong:
            raise DataError(f"{path} {wrong}: the checkpoint is damaged; train again with --overwrite always")
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]
