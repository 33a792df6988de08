"""The artefact store: one folder a run, named by the hash of what decides it; `result.json` comes last.

    HOME/runs/KIND/KEY/    config.yaml env.json log.jsonl artifacts/ work/ [error.json] result.json
    HOME/by-name/NAME      links to the latest run of that name
    HOME/index.parquet     a cache over all result.json, made anew when it is stale (s2r_bench.index)

A folder without `result.json` is unfinished: the same command continues it. A failed run keeps `error.json`.
"""

import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Literal

import yaml

from s2r_bench.blame import at
from s2r_bench.errors import S2RError
from s2r_bench.files import read_json, write_json, write_text
from s2r_bench.records import RunRecord, RunSpec

Overwrite = Literal["never", "failed", "always"]
State = Literal["done", "failed", "unfinished", "absent"]
Tell = Callable[[str], None]


def silent(text: str) -> None:
    """Say nothing."""


def default_home() -> Path:
    """Where data and results lie: S2R_HOME, else the platform's place for an application's data."""
    if os.environ.get("S2R_HOME"):
        return Path(os.environ["S2R_HOME"]).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "s2r-bench"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local"))) / "s2r-bench"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "s2r-bench"


@dataclass(frozen=True)
class Cell:
    """One run's folder, held by this process alone.

    Attributes:
        spec: what is run.
        folder: where; everything that the run writes goes below it.
        cached: the record, if the run was finished before.
    """

    spec: RunSpec
    folder: Path
    cached: RunRecord | None = None

    def finish(self, record: RunRecord) -> RunRecord:
        """Write the record: from now on the run is done."""
        (self.folder / "error.json").unlink(missing_ok=True)
        record.write(self.folder)
        return record

    @property
    def work(self) -> Path:
        """For checkpoints of an unfinished run; removed by the runner when the run is done."""
        folder = self.folder / "work"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@dataclass(frozen=True)
class Failure:
    """What a failed run left in its `error.json`."""

    folder: Path
    spec: RunSpec
    kind: str
    message: str
    exit_code: int


class Store:
    """The runs below one home folder."""

    def __init__(self, home: Path, tell: Tell = silent) -> None:
        """Use `home`; `tell` hears of waiting for another process."""
        self.home = home
        self.tell = tell

    def folder(self, spec: RunSpec) -> Path:
        """Where the run lies or will lie."""
        return self.home / "runs" / spec.kind / spec.key

    def state(self, spec: RunSpec) -> State:
        """What is there of the run."""
        folder = self.folder(spec)
        if (folder / "result.json").is_file():
            return "done"
        if (folder / "error.json").is_file():
            return "failed"
        return "unfinished" if folder.is_dir() else "absent"

    @contextmanager
    def cell(
        self, spec: RunSpec, *, overwrite: Overwrite = "failed", config: dict[str, Any] | None = None
    ) -> Iterator[Cell]:
        """Hold the run's folder. An error within is written to `error.json` and goes on to the caller.

        Args:
            spec: what is run.
            overwrite: what to do with what is there. "failed": finished runs are returned, failed ones run again;
                "never": failed ones stay failed; "always": everything is run anew.
            config: the resolved configuration, saved beside the result.

        Raises:
            S2RError: the run failed before, and `overwrite` is "never".
        """
        folder = self.folder(spec)
        with _lock(self.home / "locks" / f"{spec.kind}-{spec.key}.lock", self.tell):
            if overwrite == "always" and folder.is_dir():
                shutil.rmtree(folder)
            if self.state(spec) == "done":
                yield Cell(spec, folder, RunRecord.read(folder / "result.json"))
                return
            if self.state(spec) == "failed" and overwrite == "never":
                raise S2RError(f"{folder} failed before; --overwrite failed runs it again")
            (folder / "error.json").unlink(missing_ok=True)
            folder.mkdir(parents=True, exist_ok=True)
            write_text(folder / "config.yaml", _yaml({"spec": asdict(spec), "config": config or {}}))
            try:
                yield Cell(spec, folder)
            except Exception as wrong:
                _write_error(folder, spec, wrong)
                raise
            self._link(spec)

    def records(self, kind: str = "evaluate") -> list[RunRecord]:
        """All finished runs of a kind, in the order of their names; of equal names the newest comes last."""
        paths = sorted(self.home.glob(f"runs/{kind}/*/result.json"), key=lambda path: (path.stat().st_mtime_ns, path))
        found = [RunRecord.read(path) for path in paths]
        return sorted(found, key=lambda record: (record.spec.task, record.spec.world, name_of(record.spec)))

    def failures(self) -> list[Failure]:
        """All failed runs."""
        paths = sorted(self.home.glob("runs/*/*/error.json"))
        return [_read_failure(path) for path in paths if not (path.parent / "result.json").is_file()]

    def find(self, word: str) -> Path:
        """The folder of the run whose key begins with `word`, or whose by-name link is `word`.

        Raises:
            S2RError: no such run, or several.
        """
        link = self.home / "by-name" / word
        if word and link.exists():
            return link.resolve()
        found = [path for path in self.home.glob("runs/*/*") if path.is_dir() and path.name.startswith(word)]
        if len(found) != 1:
            few = "no run" if not found else f"{len(found)} runs"
            raise S2RError(f"{few} in {self.home} named {word!r}; `s2r-bench results ls` lists them")
        return found[0]

    def _link(self, spec: RunSpec) -> None:
        link = self.home / "by-name" / name_of(spec)
        link.parent.mkdir(parents=True, exist_ok=True)
        part = link.with_name(f".{link.name}.{os.getpid()}")
        try:
            part.unlink(missing_ok=True)
            part.symlink_to(Path("..") / "runs" / spec.kind / spec.key)
            part.replace(link)
        except OSError:  # a file system without links: the names are a convenience only
            part.unlink(missing_ok=True)


def name_of(spec: RunSpec) -> str:
    """A run's name for humans, such as `fidelity-ours-mini-tiny-s0`; not unique."""
    parts = (spec.task or spec.kind, spec.method, Path(spec.world).name, spec.preset, f"s{spec.seed}")
    return "-".join(part.replace("/", "_") for part in parts)


@contextmanager
def _lock(path: Path, tell: Tell) -> Iterator[None]:
    """Hold `path` against other processes; the kernel lets go of it however this process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        if not _try_lock(stream):
            tell(f"another process is at work on {path.stem}; waiting for it")
            while not _try_lock(stream):
                time.sleep(0.2)
        yield


def _try_lock(stream: IO[str]) -> bool:
    try:
        import fcntl
    except ImportError:  # no POSIX locks on this platform: one process at a time is then the user's care
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_error(folder: Path, spec: RunSpec, wrong: Exception) -> None:
    error = {
        "spec": asdict(spec),
        "kind": type(wrong).__name__,
        "message": str(wrong) if isinstance(wrong, S2RError) else f"{wrong}{at(wrong)}",
        "exit_code": wrong.exit_code if isinstance(wrong, S2RError) else 1,
        "traceback": "".join(traceback.format_exception(wrong)),
    }
    try:
        write_json(folder / "error.json", error)
    except OSError:  # a full disk: the caller hears of the first error, which matters more
        return


def _read_failure(path: Path) -> Failure:
    raw = read_json(path)
    return Failure(path.parent, RunSpec(**raw["spec"]), raw["kind"], raw["message"], raw["exit_code"])


def _yaml(value: dict[str, Any]) -> str:
    plain = json.loads(json.dumps(value, default=str))
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
