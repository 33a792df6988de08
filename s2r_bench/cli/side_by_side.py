"""Cells of a grid in processes side by side, each with its share of the cores.

Training a small network keeps one core busy and two half idle, so it is the cells that are shared out. What cells have
in common is made by whoever asks first, while the others wait for it or go on with what they need besides: so there is
one cell more than cores.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any

from s2r_bench import workers
from s2r_bench.blame import kept
from s2r_bench.cli.prepare import request
from s2r_bench.cli.session import Session
from s2r_bench.config import SuiteConfig
from s2r_bench.errors import EnvironmentLacksError

if TYPE_CHECKING:
    from s2r_bench.steps.evaluate import Outcome
    from s2r_bench.store import Overwrite

MOST = 4  # each takes a gigabyte or two
CellName = tuple[int, int]
"""Which contender of the grid, and which seed."""


@dataclass(frozen=True)
class Brief:
    """All that a process needs to open the same grid as its parent."""

    session: Session
    config: SuiteConfig
    overwrite: "Overwrite"
    refit: "Overwrite"
    threads: int


def jobs_for(wanted: int | None, device: str, cells: int) -> int:
    """Processes for so many cells: as asked for, else S2R_JOBS, else one more than cores up to `MOST`; one on a GPU."""
    told = wanted or int(os.environ.get("S2R_JOBS", "0") or 0)
    return max(1, min(told or (min(workers.count() + 1, MOST) if device == "cpu" else 1), cells))


def run_side_by_side(brief: Brief, cells: Sequence[CellName], jobs: int) -> Iterator["Outcome"]:
    """One outcome as soon as each cell is known, in no fixed order.

    Args:
        brief: of the grid.
        cells: of the grid, in the order in which they are begun.
        jobs: processes; each gets `brief.threads` threads.

    Raises:
        EnvironmentLacksError: a process died.
        S2RError, OSError: what stops every other cell too.
    """
    todo = deque(cells)
    hands = [_Hand(brief) for _ in range(jobs)]
    try:
        for hand in hands:
            hand.take(todo)
        while busy := {hand.line: hand for hand in hands if hand.cell is not None}:
            for line in wait(list(busy)):
                hand = busy[line]  # type: ignore[index]
                yield hand.answer()
                hand.take(todo)
    finally:
        for hand in hands:
            hand.stop()


class _Hand:
    """One process, and the cell that it is at."""

    def __init__(self, brief: Brief) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, far = context.Pipe()
        self.cell: CellName | None = None
        self.process = context.Process(target=_serve, args=(far, brief))
        with workers.main_left_alone(), _share_of_cores(brief.threads):
            self.process.start()
        far.close()

    def take(self, todo: deque[CellName]) -> None:
        """Begin the next cell, if there is one."""
        self.cell = todo.popleft() if todo else None
        if self.cell is not None:
            self.line.send(self.cell)

    def answer(self) -> "Outcome":
        """What became of the cell."""
        try:
            found = self.line.recv()
        except EOFError:
            raise EnvironmentLacksError(
                "a process died that was scoring a cell (out of memory?); run again to continue, with --jobs 1 to "
                "use less"
            ) from None
        if isinstance(found, Exception):
            raise found
        outcome: Outcome = found
        return outcome

    def stop(self) -> None:
        """End the process; what it has finished is saved."""
        self.process.terminate()
        self.process.join()
        self.line.close()


def _serve(line: Connection, brief: Brief) -> None:
    """The other end: run cells as they come in, until there is nobody to tell of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it too, and ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.stdout = sys.stderr  # results are the parent's to print; what is printed here is talk
    import torch

    from s2r_bench.steps.evaluate import Grid

    torch.set_num_threads(brief.threads)
    session = replace(brief.session)
    session.listen()
    grid = Grid(request(session, brief.config, brief.overwrite, brief.refit), session.store)
    while True:
        try:
            cell = line.recv()
        except EOFError:
            return
        line.send(_sendable(grid.cell, cell))


def _sendable(run: Any, cell: CellName) -> Any:
    """The outcome of a cell or the error that stops all, with errors that a pipe can carry."""
    try:
        outcome = run(*cell)
    except Exception as wrong:
        return _plain(wrong)
    return outcome if outcome.error is None else replace(outcome, error=_plain(outcome.error))


def _plain(wrong: Exception) -> Exception:
    """The error itself where a pipe can carry it, else its text; with where it came from."""
    try:
        ForkingPickler.loads(ForkingPickler.dumps(kept(wrong)))
        return wrong
    except Exception:  # it holds what cannot be sent
        return kept(wrong, RuntimeError(f"{type(wrong).__name__}: {wrong}"))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)  # nobody is left to read what this process would say


@contextmanager
def _share_of_cores(threads: int) -> Iterator[None]:
    """Processes started in here, and the pools that they start, use so many cores."""
    told = {"OMP_NUM_THREADS": str(threads), "S2R_WORKERS": str(threads)}
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
