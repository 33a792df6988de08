"""Models through the three steps of a scan, in the order in which they come, with workers for the first and the last.

Placing, rendering, fusing and writing take a core each and need no simulator; simulating may need a GPU that is there
once. So the simulator stays in this process, and models that come next are prepared while it works.
"""

import shutil
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from s2r_bench.errors import DataError, EnvironmentLacksError
from s2r_bench.files import write_json
from s2r_bench.scan import Prepared, ScanSettings, finish, prepare, simulate
from s2r_bench.simulator import Simulator
from s2r_bench.types import CadModel, DepthFrame
from s2r_bench.workers import main_left_alone

AHEAD = 2  # models for each worker that are begun before their turn: more of them only fill the memory
Seconds = dict[str, float]
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Item:
    """One model to scan: where its folder will be, and what is stamped on it."""

    model: CadModel
    folder: Path
    stamp: dict[str, Any]


@dataclass(frozen=True)
class Finished:
    """What is known of a finished object, and the seconds that "prepare", "simulate" and "finish" took."""

    facts: dict[str, Any]
    seconds: Seconds


class Pipeline:
    """Takes models one after another; `done` is called for each, in the same order, with what came of it.

    Leave it as a context manager, which waits for what is under way. A model that cannot be scanned (DataError) goes to
    `done`; every other error ends the run.
    """

    def __init__(
        self,
        simulator: Simulator,
        settings: ScanSettings,
        workers: int,
        done: Callable[[Item, Finished | DataError], None],
    ) -> None:
        self.simulator, self.settings, self.done = simulator, settings, done
        self._ahead = AHEAD * workers if workers > 1 else 0
        self._workers = workers
        self._stack = ExitStack()
        self._preparing: deque[tuple[Item, Future[tuple[Prepared, Seconds]]]] = deque()
        self._finishing: deque[tuple[Item, Seconds, Future[tuple[dict[str, Any], Seconds]]]] = deque()

    def __enter__(self) -> "Pipeline":
        if self._workers > 1:
            self._stack.enter_context(main_left_alone())
            pool = ProcessPoolExecutor(self._workers, mp_context=get_context("spawn"))
            self._executor: Executor = self._stack.enter_context(pool)
        else:
            self._executor = _Here()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, where: TracebackType | None
    ) -> None:
        with self._stack:
            if kind is None:
                self._drain(0)
                self._harvest(0)
            else:
                self._executor.shutdown(wait=True, cancel_futures=True)

    def add(self, item: Item) -> None:
        """Begin with a model, and go on with those that came before."""
        self._preparing.append((item, self._submit(_prepare, item.model, self.settings)))
        self._drain(self._ahead)

    def _drain(self, left: int) -> None:
        """Simulate what is prepared until only `left` are waiting."""
        while len(self._preparing) > left:
            item, coming = self._preparing.popleft()
            seconds: Seconds = {}
            try:
                prepared, seconds = _result(coming)
                start = perf_counter()
                simulated = simulate(self.simulator, prepared.clean, self.settings.seed)
                seconds["simulate"] = perf_counter() - start
                finishing = self._submit(_finish, item, prepared, simulated, self.settings, self.simulator.card.title)
            except DataError as wrong:
                finishing = Future()
                finishing.set_exception(wrong)
            self._finishing.append((item, seconds, finishing))
            self._harvest(self._ahead)

    def _harvest(self, left: int) -> None:
        """Hand over what is finished until only `left` are waiting."""
        while len(self._finishing) > left:
            item, seconds, coming = self._finishing.popleft()
            try:
                facts, more = _result(coming)
            except DataError as wrong:
                self.done(item, wrong)
                continue
            self.done(item, Finished(facts, seconds | more))

    def _submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        try:
            return self._executor.submit(work, *args, **kwargs)
        except BrokenProcessPool:
            raise _died() from None


def _result(coming: Future[T]) -> T:
    try:
        return coming.result()
    except BrokenProcessPool:
        raise _died() from None


def _died() -> EnvironmentLacksError:
    return EnvironmentLacksError(
        "a process died that was rendering or fusing (out of memory?); run again to continue, with fewer --workers"
    )


class _Here(Executor):
    """Does everything at once in this process. What interrupts it is raised where it happens."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        coming: Future[T] = Future()
        try:
            coming.set_result(work(*args, **kwargs))
        except DataError as wrong:
            coming.set_exception(wrong)
        return coming


def _prepare(model: CadModel, settings: ScanSettings) -> tuple[Prepared, Seconds]:
    start = perf_counter()
    prepared = prepare(model, settings)
    return prepared, {"prepare": perf_counter() - start}


def _finish(
    item: Item, prepared: Prepared, simulated: tuple[DepthFrame, ...], settings: ScanSettings, sensor: str
) -> tuple[dict[str, Any], Seconds]:
    """Write an object's folder, which appears in one step."""
    start = perf_counter()
    work = item.folder.with_name(f"{item.folder.name}.part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        facts = {**item.stamp, **finish(work, prepared, simulated, settings, sensor)}
        write_json(work / "object.json", facts)
        work.rename(item.folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return facts, {"finish": perf_counter() - start}
