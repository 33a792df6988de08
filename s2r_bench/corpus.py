"""From CAD models to realistic scans: stage, render, simulate, fuse; one folder an object.

OUT/settings.json                      what decides the result; a run into the same folder must agree with it
OUT/CATEGORY/ID/object.json            what the object is, its box and object frame, counts
OUT/CATEGORY/ID/cameras.json           a pair folder: open it with `open_pairs(OUT/CATEGORY/ID)`
OUT/CATEGORY/ID/clean/000.png ...      rendered depth of the staged model, 16-bit millimetres
OUT/CATEGORY/ID/simulated/000.png ...  the same views as the simulator's sensor would have captured them
OUT/CATEGORY/ID/cloud.ply, mesh.ply    the simulated views fused and cut out (the CAD's box x 1.2)
OUT/manifest.json                      objects, failures with their reasons, counts; written last

Poses, cloud and mesh stand in the CAD's own frame: metres, y up. `object.json` holds centre and half extent of the
[-1, 1] frame in which reconstruction is scored. An object's folder appears in one step when it is finished, so a killed
run, started again, makes the missing objects and ends in the same bytes.
"""

import errno
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.cad import Failure
from s2r_bench.contact_sheet import contact_sheet
from s2r_bench.errors import DataError, EnvironmentLacksError, UsageError
from s2r_bench.files import read_json, write_json
from s2r_bench.geometry.order import mesh_digest
from s2r_bench.records import content_key
from s2r_bench.scan import ScanSettings, file_name, scan
from s2r_bench.simulator import Simulator
from s2r_bench.types import CadModel, FloatArray
from s2r_bench.worlds.pair_folder import FolderPairs

__all__ = ["CorpusReport", "contact_sheet", "open_pairs", "simulate_corpus"]

SCHEMA = 1
Progress = Callable[[int, str], None]


@dataclass
class CorpusReport:
    """What a run over a corpus did.

    Attributes:
        out: where everything lies.
        made: ids simulated now.
        kept: ids that an earlier run had finished.
        failures: id -> why there is no scan of it.
    """

    out: Path
    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def simulate_corpus(
    simulator: Simulator,
    models: Iterable[CadModel | Failure],
    out: Path,
    *,
    run_seed: int,
    views: int,
    K: FloatArray,
    size: tuple[int, int],
    voxel: float = 0.01,
    fuse: bool = True,
    method: str = "",
    checkpoint: str = "",
    progress: Progress | None = None,
) -> CorpusReport:
    """Scan every model with a simulated sensor.

    Args:
        simulator: fitted or loaded.
        models: as `s2r_bench.cad.iter_models` gives them; its failures are carried into the manifest.
        out: new, or of an earlier run with the same settings, which is then continued.
        run_seed: decides surroundings, paths and noise.
        views: per object.
        K: (3, 3) intrinsics in pixels.
        size: (height, width).
        voxel: edge of the fusion's voxels, metres.
        fuse: also write cloud.ply and mesh.ply.
        method: its name in the manifest; the simulator's title if empty.
        checkpoint: digest of its weights, for the manifest.
        progress: called after each object with the number of objects so far and its id.

    Raises:
        UsageError: `out` holds a corpus of other settings, or a number is out of range.
        DataError: `models` is empty.
        EnvironmentLacksError: the disk is full; finished objects stay.
        S2RError: the simulator broke its contract.
    """
    if views < 1 or voxel <= 0 or min(size) < 1:
        raise UsageError(f"views must be at least 1, voxel and size positive; not {views}, {voxel}, {size}")
    settings = ScanSettings(run_seed, views, np.asarray(K, dtype=np.float64), size, voxel, fuse)
    described = _described(settings, simulator, method, checkpoint)
    with _disk(out):
        _settle(out, described)
        job = _Job(simulator, out, settings, described)
        for done, model in enumerate(models, start=1):
            job.add(model)
            if progress is not None:
                progress(done, model.id)
        return job.finish()


def open_pairs(folder: Path) -> FolderPairs:
    """The clean and simulated views of one object's folder, as pairs."""
    return FolderPairs(folder, captured="simulated")


class _Job:
    """One run over a corpus: the settings, what came of each object so far."""

    def __init__(self, simulator: Simulator, out: Path, settings: ScanSettings, described: dict[str, Any]) -> None:
        self.simulator, self.out, self.settings, self.described = simulator, out, settings, described
        self.report = CorpusReport(out)
        self.objects: list[dict[str, Any]] = []
        self.folders: set[Path] = set()

    def add(self, model: CadModel | Failure) -> None:
        """Scan one model, or keep the scan that is there, or note why there is none."""
        if isinstance(model, Failure):
            self.report.failures[model.id] = model.reason
            return
        folder = self.out / file_name(model.category) / file_name(model.id)
        if folder in self.folders:
            self.report.failures[model.id] = f"another model has the same id and category, {model.category}"
            return
        try:
            facts, made = self._scan(model, folder)
        except DataError as wrong:
            self.report.failures[model.id] = str(wrong)
            return
        self.folders.add(folder)
        self.objects.append({"folder": folder.relative_to(self.out).as_posix(), **facts})
        (self.report.made if made else self.report.kept).append(model.id)

    def finish(self) -> CorpusReport:
        """Write the manifest.

        Raises:
            DataError: there was no model at all.
        """
        if not self.objects and not self.report.failures:
            raise DataError(f"no CAD model to simulate was given; {self.out} stays without objects")
        counts: dict[str, int] = {}
        for entry in self.objects:
            counts[entry["category"]] = counts.get(entry["category"], 0) + 1
        manifest = {
            **self.described,
            "counts": {"objects": len(self.objects), "failures": len(self.report.failures), "categories": counts},
            "objects": self.objects,
            "failures": [{"id": name, "reason": reason} for name, reason in self.report.failures.items()],
        }
        write_json(self.out / "manifest.json", manifest)
        return self.report

    def _scan(self, model: CadModel, folder: Path) -> tuple[dict[str, Any], bool]:
        identity = content_key([self.described, model.id, model.category, mesh_digest(model.mesh)])
        if (folder / "object.json").is_file():
            facts = read_json(folder / "object.json")
            if facts.get("identity") == identity:
                return facts, False
            shutil.rmtree(folder)  # the model has changed since
        elif folder.exists():
            raise UsageError(f"{folder} is in the way: it holds no object.json, so it was not made here; move it away")
        work = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        try:
            facts = {"schema": SCHEMA, "identity": identity, **scan(work, model, self.simulator, self.settings)}
            write_json(work / "object.json", facts)
            work.rename(folder)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
        return facts, True


def _described(settings: ScanSettings, simulator: Simulator, method: str, checkpoint: str) -> dict[str, Any]:
    return {
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


def _settle(out: Path, described: dict[str, Any]) -> None:
    """Note the settings of a new corpus; refuse to mix two in one folder."""
    path = out / "settings.json"
    if not path.is_file():
        write_json(path, described)
        return
    there = read_json(path)
    for name in described:
        if there.get(name) != described[name]:
            raise UsageError(
                f"{out} holds a corpus made with {name} = {there.get(name)!r}, this run has {described[name]!r}; "
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
