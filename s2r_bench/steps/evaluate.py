"""Score arms on a task, one cell an arm and seed: done cells are returned, a failed cell does not stop the others."""

import errno
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from s2r_bench import registry
from s2r_bench.data.splits import shared_scenes
from s2r_bench.errors import EnvironmentLacksError, LeakageError, S2RError, UsageError
from s2r_bench.files import write_json
from s2r_bench.options import Options
from s2r_bench.records import RunRecord, RunSpec
from s2r_bench.shelf import Shelf
from s2r_bench.simulator import Budget, Diagnosable
from s2r_bench.steps.checkpoint import Fitted, is_checkpoint, open_checkpoint
from s2r_bench.steps.code import code_of
from s2r_bench.steps.environment import environment, peak_memory_mb, reset_peak_memory
from s2r_bench.steps.fit import FitJob, logged_to, ready, with_sensor
from s2r_bench.steps.leakage import EVERY, declared
from s2r_bench.steps.methods import Method, find, refuse_shared_names, served
from s2r_bench.steps.simulated import BATCH, CAPTURE_BATCH, Progress, SimulatedSet, unseen
from s2r_bench.store import Cell, Overwrite, State, Store
from s2r_bench.task import Arm, OwnData, Task, own_arms, references_of
from s2r_bench.worlds.base import KeepsScenesBack, Split, World, is_made

Status = Literal["done", "cached", "failed"]


CURVE = "artifacts/training_curve.json"


@dataclass(frozen=True)
class Request:
    """What is to be scored.

    Attributes:
        task: name of the task, or a path to a file that holds one.
        methods: names, files or checkpoint folders -> options that differ from the preset.
        world: opened.
        seeds: one cell each, for every arm.
        task_options: options that differ from the preset.
        world_options: for the record.
        budget: optimiser steps of methods that have to be fitted first.
        device: "cpu" or "cuda".
        references: whether the task's own arms (floor, ceiling) are scored too.
        allow_leakage: score a simulator on scenes that it was trained on; stamped in the record.
        overwrite: what to do with cells that are there.
        refit: what to do with fits that are there.
        config: the resolved configuration, saved beside every result.
    """

    task: str
    methods: Mapping[str, Mapping[str, Any]]
    world: World
    seeds: Sequence[int] = (0,)
    task_options: Mapping[str, Any] = field(default_factory=dict)
    world_options: Mapping[str, Any] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    device: str = "cpu"
    references: bool = True
    allow_leakage: bool = False
    overwrite: Overwrite = "failed"
    refit: Overwrite = "failed"
    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Contender:
    """One column of the grid: a method with its options, a checkpoint, or (neither) one of the task's references."""

    name: str
    method: Method | None = None
    options: Options | None = None
    checkpoint: Path | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of one cell: its record, or why it failed."""

    arm: str
    seed: int
    status: Status
    folder: Path | None = None
    record: RunRecord | None = None
    error: Exception | None = None
    reference: bool = False

    @property
    def exit_code(self) -> int:
        """0, or that of the error."""
        if self.error is None:
            return 0
        return self.error.exit_code if isinstance(self.error, S2RError) else 1


@dataclass(frozen=True)
class Planned:
    """One cell before it is run; `fit` is None where nothing has to be fitted. "absent" is still to do."""

    arm: str
    seed: int
    fit: State | None
    cell: State


class Grid:
    """The cells of a request. Names, options and checkpoints are checked when it is made, before anything is run."""

    def __init__(self, request: Request, store: Store, progress: Progress = unseen) -> None:
        """Check the request.

        Raises:
            UsageError: a name or option that cannot be used.
            DataError: a checkpoint that cannot be used.
        """
        self.request, self.store, self.progress = request, store, progress
        self.task, self._code = open_task(request.task, request.world.preset, request.task_options)
        references = [Contender(name) for name in references_of(self.task)] if request.references else []
        named = [(word, self._contender(word)) for word in request.methods]
        refuse_shared_names([(word, one.method) for word, one in named if one.method], own_arms(self.task))
        self.contenders = references + [one for _, one in named]

    def __len__(self) -> int:
        return len(self.contenders) * len(self.request.seeds)

    def run(self) -> Iterator[Outcome]:
        """Run what is not done; one outcome as soon as each cell is known.

        Raises:
            UsageError, EnvironmentLacksError: what would stop every other cell too. So does an OSError of a full disk.
        """
        for seed in self.request.seeds:
            for number in range(len(self.contenders)):
                yield self.cell(number, seed)

    def cell(self, contender: int, seed: int) -> Outcome:
        """Run one cell if it is not done; its error is in the outcome.

        Raises:
            UsageError, EnvironmentLacksError, OSError: as `run`.
        """
        one = self.contenders[contender]
        try:
            return self._cell(one, seed)
        except Exception as wrong:  # the grid goes on; the store has kept the traceback
            if _stops_all(wrong):
                raise
            return Outcome(one.name, seed, "failed", error=wrong, reference=one.method is None)

    def longest_first(self) -> list[tuple[int, int]]:
        """(contender, seed) of all cells, those that have to be fitted first, and references last."""
        load = [0 if one.method is None else 1 + one.method.trained for one in self.contenders]
        order = sorted(range(len(load)), key=lambda number: -load[number])
        return [(number, seed) for seed in self.request.seeds for number in order]

    def plan(self) -> list[Planned]:
        """What `run` would find and do; a world that would have to be made first is not made for it."""
        if not self._has_world():
            return [
                Planned(one.name, seed, "absent" if one.method and one.method.trained else None, "absent")
                for seed in self.request.seeds
                for one in self.contenders
            ]
        return [self._planned(one, seed) for seed in self.request.seeds for one in self.contenders]

    def to_do(self) -> list[tuple[int, int]]:
        """(contender, seed) of the cells that are not done, in the order of `longest_first`."""
        every = self.longest_first()
        return [cell for cell in every if not self._is_done(*cell)] if self._has_world() else every

    def _has_world(self) -> bool:
        """Whether the data are there; if not, nothing can be done yet, and asking for keys would make them."""
        fits = any(one.method and one.method.trained and one.checkpoint is None for one in self.contenders)
        learned: tuple[Split, ...] = ("train",) if fits else ()
        return is_made(self.request.world, (*learned, *evaluation_splits(self.task)))

    def _is_done(self, contender: int, seed: int) -> bool:
        try:
            return self._planned(self.contenders[contender], seed).cell == "done"
        except S2RError:  # it is told when its turn comes
            return False

    def _contender(self, word: str) -> Contender:
        given, preset = self.request.methods[word], self.request.world.preset
        if is_checkpoint(Path(word)):
            fitted = open_checkpoint(Path(word), self.request.device, given)
            return Contender(fitted.origin.name, fitted.method, fitted.options, Path(word), given)
        method = served(find(word), sensor=self.request.world.owns_sensor)
        return Contender(method.name, method, method.options(preset, given))

    def _cell(self, one: Contender, seed: int) -> Outcome:
        self._refuse_early(one)
        fitted = self._fitted(one, seed)
        spec = self._spec(one, seed, fitted, self._leaks(fitted))
        with self.store.cell(spec, overwrite=self.request.overwrite, config=self.request.config) as cell:
            if cell.cached is not None:
                return Outcome(one.name, seed, "cached", cell.folder, cell.cached, reference=fitted is None)
            self.store.tell(f"scoring {one.name} on {spec.task}, {spec.world}, seed {seed}")
            with logged_to(cell.folder / "log.jsonl"):
                record = self._score(cell, one, seed, fitted)
        return Outcome(one.name, seed, "done", cell.folder, record, reference=fitted is None)

    def _score(self, cell: Cell, one: Contender, seed: int, fitted: Fitted | None) -> RunRecord:
        request, started = self.request, time.perf_counter()
        reset_peak_memory(request.device)
        arm, simulated = Arm(one.name, device=request.device), None
        if fitted is not None:
            world = request.world
            simulated = SimulatedSet(
                self.store,
                fitted,
                world=world.name,
                preset=world.preset,
                seed=seed,
                batch=CAPTURE_BATCH if "truth" in fitted.method.cls.card.needs else BATCH,
                progress=self.progress,
            )
            own = fitted.simulator if issubclass(fitted.method.cls, Diagnosable) else None
            diagnose = own.diagnose if isinstance(own, Diagnosable) else None
            arm = Arm(one.name, simulated, fitted.method.cls.card, diagnose, fitted.identity, request.device)
        shelf = Shelf(self.store.home / "shelf", self.store.tell)
        result = self.task.run(arm, request.world, seed, cell.folder, shelf)
        facts = {**environment(request.device), "sensor": request.world.sensor}
        write_json(cell.folder / "env.json", facts)
        kept = _kept_curve(fitted, cell.folder) if fitted else {}
        write_json(cell.folder / "artifacts.json", {**result.artifacts, **kept})
        costs = {"evaluate_seconds": time.perf_counter() - started, "peak_memory_mb": peak_memory_mb(request.device)}
        costs |= _costs(fitted, simulated) if fitted and simulated else {}
        scores = tuple(result.scores)
        return cell.finish(RunRecord(cell.spec, scores, result.failures, facts, costs, result.left_out))

    def _fitted(self, one: Contender, seed: int) -> Fitted | None:
        if one.checkpoint is not None:
            return open_checkpoint(one.checkpoint, self.request.device, one.overrides)
        job = self._job(one, seed)
        if job is None:
            return None
        return with_sensor(
            ready(job, self.store, overwrite=self.request.refit, config=self.request.config), self.request.world
        )

    def _job(self, one: Contender, seed: int) -> FitJob | None:
        if one.method is None or one.options is None or one.checkpoint is not None:
            return None
        request = self.request
        return FitJob(
            one.method, request.world, one.options, seed, request.budget, request.device, dict(request.world_options)
        )

    def _spec(self, one: Contender, seed: int, fitted: Fitted | None, leaks: list[str]) -> RunSpec:
        request = self.request
        options: dict[str, Any] = {"task": _task_options(self.task), "world": dict(request.world_options)}
        inputs = task_inputs(self.task, request.world)
        inputs["task"] = self._code
        if fitted is not None:
            options["method"] = fitted.options.model_dump(mode="json")
            inputs["simulator"] = fitted.identity
        if leaks:
            options["leakage"] = leaks
        return RunSpec(
            kind="evaluate",
            task=registry.ALIASES.get(request.task, Path(request.task).stem),
            method=one.name,
            world=request.world.name,
            preset=request.world.preset,
            protocol=self.task.protocol,
            seed=seed,
            options=options,
            inputs=inputs,
        )

    def _leaks(self, fitted: Fitted | None) -> list[str]:
        """Scenes that it has seen and is to be scored on; LeakageError unless that was allowed."""
        if fitted is None:
            return []
        origin = fitted.origin
        # declared then or now: a card that says less than it did has seen no less
        return self._shared(origin.name, {*origin.trained_scenes, *origin.seen_scenes, *declared(fitted.method)})

    def _refuse_early(self, one: Contender) -> None:
        """Before a fit that could take days: the scenes that it declares, and those that the world keeps back.

        Raises:
            LeakageError: it declares scenes that are scored, or its training pairs are of scenes that are kept back,
                and leakage was not allowed.
        """
        if one.method is not None and (seen := declared(one.method)):
            self._shared(one.name, seen)
        fits = one.method is not None and one.method.trained and one.checkpoint is None
        if fits and isinstance(self.request.world, KeepsScenesBack):
            self._shared(one.name, self.request.world.pairs("train").scenes)

    def _shared(self, name: str, trained: Iterable[str]) -> list[str]:
        """The scenes that training and scoring share; LeakageError unless that was allowed."""
        world, trained = self.request.world, set(trained)
        scored, kept_back = task_scenes(self.task, world), frozenset[str]()
        if isinstance(world, KeepsScenesBack):
            kept_back = world.kept_back
        # "mini/*" is every scene of the world mini, whatever its ids are
        whole = f"{Path(world.name).name}/{EVERY}" in trained
        leaks = sorted(scored | kept_back) if whole else shared_scenes(trained, scored | kept_back)
        if leaks and not self.request.allow_leakage:
            why = f" ({world.kept_back_why})" if isinstance(world, KeepsScenesBack) and kept_back & set(leaks) else ""
            raise LeakageError(
                f"{name} was trained on {len(leaks)} of the scenes that it is to be scored on "
                f"({', '.join(leaks[:3])}{', ...' if len(leaks) > 3 else ''}){why}: its scores would say little. "
                "Use a world with disjoint splits, or --allow-leakage, which is stamped on the result"
            )
        return leaks

    def _planned(self, one: Contender, seed: int) -> Planned:
        job = self._job(one, seed)
        state = self.store.state(job.spec) if job is not None and job.method.trained else None
        if state is not None and (state != "done" or self.request.refit == "always"):
            return Planned(one.name, seed, "absent" if state == "done" else state, "absent")
        fitted = self._fitted(one, seed)
        cell = self.store.state(self._spec(one, seed, fitted, self._leaks(fitted)))
        return Planned(one.name, seed, state, "absent" if self.request.overwrite == "always" else cell)


def open_task(name: str, preset: str, overrides: Mapping[str, Any]) -> tuple[Task, str]:
    """A task with its options, and the digest of its source.

    Raises:
        UsageError: no such task, or an option that it does not have.
    """
    member = registry.module(registry.TASKS, name)
    cls = getattr(member, "task", None)
    if cls is None:
        raise UsageError(f"{name} has no line `task: type[Task] = Mine` (s2r_bench/task.py)")
    try:
        task: Task = cls(cls.options_type.preset(preset, overrides))
    except UsageError as wrong:
        raise UsageError(f"{name}: {wrong}") from wrong
    return task, code_of(member)


def evaluation_splits(task: Task) -> tuple[Split, ...]:
    """The splits of pairs that a task scores: that in its options (`split`), else "test"; none with data of its own."""
    if isinstance(task, OwnData):
        return ()
    return (getattr(getattr(task, "options", None), "split", "test"),)


def task_inputs(task: Task, world: World) -> dict[str, str]:
    """Digests of the data that a task scores."""
    if isinstance(task, OwnData):
        return task.inputs(world)
    return {f"pairs/{split}": world.pairs(split).digest for split in evaluation_splits(task)}


def task_scenes(task: Task, world: World) -> set[str]:
    """Ids of the scenes that a task scores."""
    if isinstance(task, OwnData):
        return set(task.scenes(world))
    return {scene for split in evaluation_splits(task) for scene in world.pairs(split).scenes}


def _task_options(task: Task) -> dict[str, Any]:
    options = getattr(task, "options", None)
    return options.model_dump(mode="json") if isinstance(options, Options) else {}


def _kept_curve(fitted: Fitted, folder: Path) -> dict[str, str]:
    """The loss curve of the simulator's own training, beside what the task kept: a report may lie far from its fit."""
    rows = fitted.origin.report.curve
    if not rows:
        return {}
    write_json(folder / CURVE, list(rows))
    return {"training_curve": CURVE}


def _costs(fitted: Fitted, simulated: SimulatedSet) -> dict[str, float]:
    report = fitted.origin.report
    costs = {"fit_seconds": report.seconds, "fit_steps": report.steps, "parameters": report.parameters}
    if simulated.frames:
        costs["simulate_seconds"] = simulated.seconds
        costs["simulate_seconds_per_frame"] = simulated.seconds / simulated.frames
    return {name: float(value) for name, value in costs.items()}


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 where all is done; where every method failed alike, the code of that; else 1."""
    failed = [outcome.exit_code for outcome in outcomes if outcome.exit_code]
    methods = [outcome.exit_code for outcome in outcomes if not outcome.reference]
    if not failed:
        return 0
    return methods[0] if methods and len(set(methods)) == 1 and methods[0] else 1


def _stops_all(wrong: Exception) -> bool:
    full_disk = isinstance(wrong, OSError) and wrong.errno in (errno.ENOSPC, errno.EDQUOT)
    return full_disk or isinstance(wrong, UsageError | EnvironmentLacksError)
