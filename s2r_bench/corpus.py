"""From CAD models to realistic scans: place, render, simulate, fuse; one folder an object.

OUT/settings.json                      what decides the result; a run into the same folder must agree with it
OUT/CATEGORY/ID/object.json            what the object is, its box and object frame, how much its views show, counts
OUT/CATEGORY/ID/cameras.json           a pair folder: open it with `open_pairs(OUT/CATEGORY/ID)`
OUT/CATEGORY/ID/clean/000.png ...      rendered depth of the placed model, 16-bit millimetres
OUT/CATEGORY/ID/simulated/000.png ...  the same views as the simulator's sensor would have captured them
OUT/CATEGORY/ID/cloud.ply, mesh.ply    the simulated views fused and cut out (the CAD's box x 1.2). In a room all that
                                       the box holds stays; the cloud's property `object` says what is the object's
OUT/CATEGORY/ID/occupancy.npz          if asked for: labelled points of the CAD in the object frame
OUT/manifest.json, failures.csv        objects, failures with their reasons, counts; written last, by whichever shard is
OUT/_run/                              what each shard did, objects that were refused, measured times

Poses, cloud and mesh stand in the CAD's own frame: metres, y up. `object.json` holds centre and half extent of the
[-1, 1] frame in which reconstruction is scored. An object's folder appears in one step when it is finished, so a killed
run, started again, makes the missing objects and ends in the same bytes. What comes of an object is decided by the
settings, its id and its mesh: shards and workers change nothing but `_run`.
"""

import csv
import errno
import io
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from s2r_bench.cad import Failure
from s2r_bench.contact_sheet import contact_sheet
from s2r_bench.errors import DataError, EnvironmentLacksError, UsageError
from s2r_bench.files import read_json, write_json, write_text
from s2r_bench.geometry.order import mesh_digest
from s2r_bench.pipeline import Finished, Item, Pipeline
from s2r_bench.records import content_key
from s2r_bench.scan import ScanSettings, file_name
from s2r_bench.seeds import seed_of
from s2r_bench.simulator import Simulator
from s2r_bench.types import CadModel
from s2r_bench.worlds.pair_folder import FolderPairs

__all__ = ["CorpusReport", "Shard", "contact_sheet", "open_pairs", "simulate_corpus"]

SCHEMA = 1
BOOKS = "_run"
Progress = Callable[[int, str], None]


@dataclass(frozen=True)
class Shard:
    """The part of a corpus that one of `count` runs makes: number `index`, counted from 1.

    An object's shard is decided by its id, so runs share nothing but the output folder.
    """

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise UsageError(f"a shard is I/N with I from 1 to N, as 2/8; not {self.index}/{self.count}")

    @classmethod
    def parsed(cls, text: str) -> "Shard":
        """From `I/N`.

        Raises:
            UsageError: another form, or out of range.
        """
        first, slash, second = text.partition("/")
        if not (slash and first.isdigit() and second.isdigit()):
            raise UsageError(f"--shard takes I/N, as 2/8 for the second of eight; not {text!r}")
        return cls(int(first), int(second))

    def holds(self, model_id: str) -> bool:
        """Whether a model belongs to it. Ids that become one file name go together."""
        return seed_of("shard", file_name(model_id)) % self.count == self.index - 1

    @property
    def name(self) -> str:
        """As part of file names."""
        return f"{self.index}-of-{self.count}"


@dataclass
class CorpusReport:
    """What a run over a corpus, or over a shard of it, did.

    Attributes:
        out: where everything lies.
        made: ids simulated now.
        kept: ids that an earlier run had finished.
        failures: id -> why there is no scan of it.
        views: simulated now.
        seconds: "all" by the clock, and of it (of all workers together) "prepare", "simulate" and "finish".
        complete: all shards are done and the manifest is written.
    """

    out: Path
    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    views: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    complete: bool = False

    @property
    def views_per_second(self) -> float:
        """From CAD to written scan, everything included; 0 if nothing was made."""
        return self.views / self.seconds["all"] if self.views and self.seconds.get("all") else 0.0


def simulate_corpus(
    simulator: Simulator,
    models: Iterable[CadModel | Failure],
    out: Path,
    settings: ScanSettings,
    *,
    shard: Shard | None = None,
    workers: int = 1,
    method: str = "",
    checkpoint: str = "",
    progress: Progress | None = None,
) -> CorpusReport:
    """Scan every model with a simulated sensor.

    Args:
        simulator: fitted or loaded.
        models: as `s2r_bench.cad.iter_models` gives them; its failures are carried into the manifest.
        out: new, or of an earlier run with the same settings, which is then continued.
        settings: what decides the scans.
        shard: make these models only; the manifest is written when all shards are done.
        workers: processes that place, render and fuse; the simulator stays in this one.
        method: its name in the manifest; the simulator's title if empty.
        checkpoint: digest of its weights, for the manifest.
        progress: called after each object with the number of objects so far and its id.

    Raises:
        UsageError: `out` holds a corpus of other settings, or a number is out of range.
        DataError: `models` is empty.
        EnvironmentLacksError: the disk is full, or a worker died; finished objects stay.
        S2RError: the simulator broke its contract.
    """
    _check(settings, workers)
    described = _described(settings, simulator, method, checkpoint)
    shard = shard or Shard()
    with _disk(out):
        _settle(out, described)
        job = _Job(out, described, shard, progress)
        start = perf_counter()
        try:
            with Pipeline(simulator, settings, workers, job.done) as pipeline:
                for model in models:
                    if shard.holds(model.id):
                        job.add(model, pipeline)
        finally:
            job.report.seconds["all"] = perf_counter() - start
            job.note_times(workers)
        return job.finish()


def open_pairs(folder: Path) -> FolderPairs:
    """The clean and simulated views of one object's folder, as pairs."""
    return FolderPairs(folder, captured="simulated")


class _Job:
    """One run over a corpus: the settings, what came of each object so far."""

    def __init__(self, out: Path, described: dict[str, Any], shard: Shard, progress: Progress | None) -> None:
        self.out, self.described, self.shard, self.progress = out, described, shard, progress
        self.report = CorpusReport(out)
        self.objects: list[dict[str, Any]] = []
        self.folders: set[Path] = set()
        self.count = 0

    def add(self, model: CadModel | Failure, pipeline: Pipeline) -> None:
        """Begin to scan one model, or keep what an earlier run found, or note why there is no scan."""
        if isinstance(model, Failure):
            return self._failed(model.id, model.reason)
        folder = self.out / file_name(model.category) / file_name(model.id)
        if folder in self.folders:
            return self._failed(model.id, f"another model has the same id and category, {model.category}")
        self.folders.add(folder)
        identity = content_key([self.described, model.id, model.category, mesh_digest(model.mesh)])
        try:
            known, reason = self._known(folder, identity), self._refused(folder, identity)
        except DataError as damaged:
            return self._failed(model.id, str(damaged))
        if known is not None:
            self.report.kept.append(model.id)
            return self._took(model.id, folder, known)
        if reason is not None:
            return self._failed(model.id, reason)
        return pipeline.add(Item(model, folder, {"schema": SCHEMA, "identity": identity}))

    def done(self, item: Item, came: Finished | DataError) -> None:
        """Take what came of an object."""
        if isinstance(came, DataError):
            reason = str(came)
            write_json(self._refusal(item.folder), {**item.stamp, "id": item.model.id, "reason": reason})
            return self._failed(item.model.id, reason)
        self.report.made.append(item.model.id)
        self.report.views += len(came.facts["views"])
        for name, seconds in came.seconds.items():
            self.report.seconds[name] = self.report.seconds.get(name, 0.0) + seconds
        return self._took(item.model.id, item.folder, came.facts)

    def finish(self) -> CorpusReport:
        """Write what this shard did, and the manifest if no shard is missing.

        Raises:
            DataError: there was no model at all.
        """
        if not self.objects and not self.report.failures and self.shard.count == 1:
            raise DataError(f"no CAD model to simulate was given; {self.out} stays without objects")
        failures = [{"id": name, "reason": reason} for name, reason in self.report.failures.items()]
        part = {"objects": self.objects, "failures": failures}
        if self.shard.count == 1:
            _write_manifest(self.out, self.described, [part])
            self.report.complete = True
            return self.report
        write_json(self.out / BOOKS / f"part-{self.shard.name}.json", part)
        self.report.complete = self._merge()
        return self.report

    def note_times(self, workers: int) -> None:
        """Add this run to the times that were measured for the shard."""
        path = self.out / BOOKS / f"times-{self.shard.name}.json"
        before = read_json(path)["runs"] if path.is_file() else []
        run = {
            "made": len(self.report.made),
            "kept": len(self.report.kept),
            "failures": len(self.report.failures),
            "views": self.report.views,
            "workers": workers,
            "seconds": {name: round(seconds, 3) for name, seconds in self.report.seconds.items()},
            "views_per_second": round(self.report.views_per_second, 3),
        }
        write_json(path, {"runs": [*before, run]})

    def _merge(self) -> bool:
        """Write the manifest of all shards; False if one has not finished."""
        parts = []
        for index in range(1, self.shard.count + 1):
            path = self.out / BOOKS / f"part-{Shard(index, self.shard.count).name}.json"
            if not path.is_file():
                return False
            parts.append(read_json(path))
        _write_manifest(self.out, self.described, parts)
        return True

    def _known(self, folder: Path, identity: str) -> dict[str, Any] | None:
        """What is known of an object that is finished; what an older model left in its place goes."""
        if (folder / "object.json").is_file():
            facts = read_json(folder / "object.json")
            if facts.get("identity") == identity:
                return facts
            shutil.rmtree(folder)  # the model has changed since
        elif folder.exists():
            raise UsageError(f"{folder} is in the way: it holds no object.json, so it was not made here; move it away")
        return None

    def _refused(self, folder: Path, identity: str) -> str | None:
        """Why an earlier run refused an object; what is noted of an older model in its place goes."""
        path = self._refusal(folder)
        if not path.is_file():
            return None
        noted = read_json(path)
        if noted.get("identity") == identity:
            return str(noted.get("reason"))
        path.unlink()
        return None

    def _refusal(self, folder: Path) -> Path:
        """Where it is noted that an object was refused, so that a run that goes on does not try it again."""
        return self.out / BOOKS / "refused" / f"{folder.relative_to(self.out).as_posix()}.json"

    def _took(self, name: str, folder: Path, facts: dict[str, Any]) -> None:
        self.objects.append({"folder": folder.relative_to(self.out).as_posix(), **facts})
        self._told(name)

    def _failed(self, name: str, reason: str) -> None:
        known = self.report.failures.get(name)  # two models of one name may fail, in whatever order that is noticed
        self.report.failures[name] = reason if known in (None, reason) else "; ".join(sorted([str(known), reason]))
        self._told(name)

    def _told(self, name: str) -> None:
        self.count += 1
        if self.progress is not None:
            self.progress(self.count, name)


def _write_manifest(out: Path, described: dict[str, Any], parts: list[dict[str, Any]]) -> None:
    """Everything in the order of folders and ids, whichever shard it comes from."""
    objects = sorted((entry for part in parts for entry in part["objects"]), key=lambda entry: str(entry["folder"]))
    failures = sorted((entry for part in parts for entry in part["failures"]), key=lambda entry: str(entry["id"]))
    if not objects and not failures:
        raise DataError(f"no CAD model to simulate was given; {out} stays without objects")
    counts: dict[str, int] = {}
    for entry in objects:
        counts[entry["category"]] = counts.get(entry["category"], 0) + 1
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerows(
        [("id", "reason"), *((entry["id"], entry["reason"].removeprefix(f"{entry['id']}: ")) for entry in failures)]
    )
    write_text(out / "failures.csv", text.getvalue())
    manifest = {
        **described,
        "counts": {"objects": len(objects), "failures": len(failures), "categories": counts},
        "objects": objects,
        "failures": failures,
    }
    write_json(out / "manifest.json", manifest)


def _check(settings: ScanSettings, workers: int) -> None:
    if settings.views < 1 or settings.voxel <= 0 or min(settings.size) < 1:
        numbers = f"{settings.views}, {settings.voxel}, {settings.size}"
        raise UsageError(f"views must be at least 1, voxel and size positive; not {numbers}")
    if not 0 <= settings.rule.share <= 1 or settings.margin < 1 or settings.occupancy < 0 or workers < 1:
        raise UsageError(
            "the visible share lies between 0 and 1, margin and workers are at least 1, occupancy is not below 0; not "
            f"{settings.rule.share}, {settings.margin}, {workers}, {settings.occupancy}"
        )


def _described(settings: ScanSettings, simulator: Simulator, method: str, checkpoint: str) -> dict[str, Any]:
    described = {
        "schema": SCHEMA,
        "method": method or simulator.card.title,
        "checkpoint": checkpoint,
        "options": simulator.options.model_dump(mode="json"),
        "seed": settings.seed,
        "views": settings.views,
        "K": settings.K.tolist(),
        "height": settings.size[0],
        "width": settings.size[1],
        "voxel_m": settings.voxel,
        "fused": settings.fuse,
    }
    # what is as it always was is not named, so that a corpus of an earlier version can be continued
    usual = ScanSettings(settings.seed, settings.views, settings.K, settings.size, settings.voxel, settings.fuse)
    named: dict[str, Any] = {
        "scene": settings.scene,
        "margin": settings.margin,
        "occupancy": settings.occupancy,
    }
    described |= {name: value for name, value in named.items() if value != getattr(usual, name)}
    if settings.ruled:
        described["visible"] = asdict(settings.rule)
    if settings.rooms is not None:
        described["rooms"] = settings.rooms.digest
    if settings.trajectory is not None:
        described["trajectory"] = settings.trajectory.digest
    return described


def _settle(out: Path, described: dict[str, Any]) -> None:
    """Note the settings of a new corpus; refuse to mix two in one folder."""
    path = out / "settings.json"
    if not path.is_file():
        write_json(path, described)
        return
    there = read_json(path)
    for name in [*described, *(name for name in there if name not in described)]:
        if there.get(name) != described.get(name):
            raise UsageError(
                f"{out} holds a corpus made with {name} = {there.get(name)!r}, this run has {described.get(name)!r}; "
                "give another output folder or delete that one"
            )


@contextmanager
def _disk(out: Path) -> Iterator[None]:
    """Turn a full disk into an error that says what to do."""
    try:
        yield
    except OSError as wrong:
        if wrong.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise EnvironmentLacksError(
            f"the disk that holds {wrong.filename or out} is full ({wrong.strerror}); free some space and run again: "
            f"the finished objects in {out} are kept"
        ) from None
