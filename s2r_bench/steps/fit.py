"""Fit a simulator to the training pairs of a world: continue where a killed fit stopped, never fit twice."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from s2r_bench.errors import UsageError
from s2r_bench.files import write_json
from s2r_bench.options import Options
from s2r_bench.records import RunRecord, RunSpec
from s2r_bench.seeds import rng_of
from s2r_bench.simulator import Budget, HoldsOut, PairSet, TakesSensor
from s2r_bench.steps.checkpoint import Fitted, Origin, open_checkpoint, save_checkpoint, simulation_only, taken
from s2r_bench.steps.environment import environment, peak_memory_mb, reset_peak_memory
from s2r_bench.steps.leakage import declared
from s2r_bench.steps.methods import Method, served
from s2r_bench.store import Cell, Overwrite, Store
from s2r_bench.types import DepthPair
from s2r_bench.worlds.base import OwnsSensor, Split, World


@dataclass(frozen=True)
class FitJob:
    """All that a fit needs.

    Attributes:
        method: what to fit.
        world: whose training pairs it sees.
        options: the method's, resolved.
        seed: decides weights, order and noise.
        budget: optimiser steps; None = the preset's number.
        device: "cpu" or "cuda".
        world_options: the world's own options, for the record.
    """

    method: Method
    world: World
    options: Options
    seed: int = 0
    budget: Budget = field(default_factory=Budget)
    device: str = "cpu"
    world_options: dict[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> RunSpec:
        """What identifies the fit. Options that only matter in simulation are left out."""
        options, _ = taken(self.options, simulation_only(self.method))
        return RunSpec(
            kind="train",
            task="",
            method=self.method.name,
            world=self.world.name,
            preset=self.world.preset,
            protocol="train/1",
            seed=self.seed,
            options={"method": options, "steps": self.budget.steps, "world": self._of_pairs()},
            inputs={"pairs": self.world.pairs("train").digest, "code": self.method.code},
        )

    def _of_pairs(self) -> dict[str, Any]:
        """The world's options without those that its pairs do not depend on, where it names some (`beside_pairs`)."""
        beside: frozenset[str] = getattr(self.world, "beside_pairs", frozenset())
        return {name: value for name, value in self.world_options.items() if name.partition(".")[0] not in beside}


def fit(job: FitJob, store: Store, *, overwrite: Overwrite = "failed", config: dict[str, Any] | None = None) -> Path:
    """The checkpoint folder of a fitted simulator; a finished fit is returned, a killed one continued.

    Raises:
        UsageError: the method is never fitted.
        S2RError: what the method or the data raised; the run's `error.json` keeps it.
    """
    if not served(job.method).trained:
        raise UsageError(f"{job.method.name} is not trained: it can simulate as it is")
    with store.cell(job.spec, overwrite=overwrite, config=config) as cell:
        folder = cell.folder / "checkpoint"
        if cell.cached is None:
            store.tell(f"fitting {job.method.name} to {job.world.name} ({len(job.world.pairs('train'))} pairs)")
            with logged_to(cell.folder / "log.jsonl"):
                _fit(job, cell, folder)
    return folder


def ready(
    job: FitJob, store: Store, *, overwrite: Overwrite = "failed", config: dict[str, Any] | None = None
) -> Fitted:
    """The method of `job`, ready to simulate: as it is, or fitted first if it is trained and was not yet."""
    if not served(job.method, sensor=job.world.owns_sensor).trained:
        origin = Origin(
            job.method.word,
            job.method.name,
            job.method.code,
            job.world.preset,
            _plain(job.options),
            seen_scenes=tuple(sorted(declared(job.method))),
        )
        return Fitted(job.method, origin, job.options, job.device)
    folder = fit(job, store, overwrite=overwrite, config=config)
    _, now = taken(job.options, simulation_only(job.method))
    return open_checkpoint(folder, job.device, now)


def with_sensor(fitted: Fitted, world: World) -> Fitted:
    """`fitted`, with the world's own sensor in hand where its card asks for the truth."""
    if "truth" not in fitted.method.cls.card.needs:
        return fitted
    if not isinstance(world, OwnsSensor):
        raise UsageError(f"{fitted.method.name} needs a world that owns its sensor; {world.name!r} does not")
    # its draws are the world's: another world, or the same with another sensor, is another simulator
    own = replace(fitted, weights=world.key)
    if isinstance(own.simulator, TakesSensor):
        own.simulator.take_sensor(world.capture)
    return own


def _fit(job: FitJob, cell: Cell, folder: Path) -> RunRecord:
    reset_peak_memory(job.device)
    seen = tuple(sorted(declared(job.method)))  # one that cannot be read is told before the fit, not after
    pairs = _shown(job, "train")
    simulator = job.method.cls(job.options, job.device)
    if isinstance(simulator, HoldsOut):
        with suppress(UsageError):  # a folder of pairs may have no such split
            simulator.hold_out(_shown(job, "val"))
    report = simulator.fit(pairs, job.budget, job.seed, cell.work)
    origin = Origin(
        method=job.method.word,
        name=job.method.name,
        code=job.method.code,
        preset=job.world.preset,
        options=_plain(job.options),
        world=job.world.name,
        sensor=job.world.sensor,
        trained_scenes=tuple(sorted(pairs.scenes)),
        seen_scenes=seen,
        seed=job.seed,
        camera=camera_of(pairs),
        report=report,
    )
    save_checkpoint(simulator, folder, origin)
    facts = environment(job.device)
    write_json(cell.folder / "env.json", facts)
    costs = {
        "fit_seconds": report.seconds,
        "fit_steps": float(report.steps),
        "parameters": float(report.parameters),
        "peak_memory_mb": peak_memory_mb(job.device),
    }
    record = cell.finish(RunRecord(job.spec, (), environment=facts, costs=costs))
    shutil.rmtree(cell.folder / "work", ignore_errors=True)
    return record


def _shown(job: FitJob, split: Split) -> PairSet:
    """The pairs of a split as the method may see them."""
    pairs = job.world.pairs(split)
    return ShuffledPairs(pairs, job.seed) if job.method.cls.card.training == "unpaired" else pairs


def camera_of(pairs: PairSet) -> dict[str, Any]:
    """Intrinsics and size of the first pair."""
    frame = pairs[0].clean
    return {"K": frame.K.tolist(), "height": frame.size[0], "width": frame.size[1]}


class ShuffledPairs:
    """Clean and captured frames in unrelated order, for methods that learn without pairs.

    Pair i joins clean frame i with the captured frame that follows it in a random cycle over all frames, so that no
    frame meets its own capture. Cameras of another size or intrinsics are passed over.
    """

    def __init__(self, pairs: PairSet, seed: int) -> None:
        """Shuffle `pairs` by `seed`."""
        order = rng_of(seed, "unpaired", len(pairs)).permutation(len(pairs)).tolist()
        self._pairs = pairs
        self._next = {here: there for here, there in zip(order, order[1:] + order[:1], strict=True)}

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> DepthPair:
        """Clean frame `index` with a capture of another view; the capture's names say where it is from."""
        clean = self._pairs[index].clean
        other = self._next[index]
        while other != index:
            captured = self._pairs[other].captured
            if captured.size == clean.size and bool((captured.K == clean.K).all()):
                return DepthPair(clean, captured)
            other = self._next[other]
        return DepthPair(clean, self._pairs[index].captured)

    @property
    def scenes(self) -> frozenset[str]:
        """The scene ids that occur in it."""
        return self._pairs.scenes

    @property
    def digest(self) -> str:
        """That of the pairs."""
        return self._pairs.digest


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Add what the package logs meanwhile to a file of JSON lines."""
    handler = _JsonLines(path, encoding="utf-8", delay=True)
    loggers = [logging.getLogger(name) for name in ("s2r_bench", "s2r_baselines", "s2r_tasks")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(min(logger.level or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()


class _JsonLines(logging.FileHandler):
    def format(self, record: logging.LogRecord) -> str:
        import json

        line = {"time": round(record.created, 3), "level": record.levelname, "from": record.name}
        return json.dumps({**line, "message": record.getMessage()})


def _plain(options: Options) -> dict[str, Any]:
    return options.model_dump(mode="json")
