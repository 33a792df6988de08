"""One function over many things on all cores, with the answers that one core would give."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from s2r_bench.errors import EnvironmentLacksError

FEWEST_FOR_POOL = 16  # starting processes costs as much as some work
Thing = TypeVar("Thing")
Answer = TypeVar("Answer")


def count(wanted: int = 0) -> int:
    """Processes to use: `wanted`, else S2R_WORKERS, else the cores this process may use."""
    told = wanted or int(os.environ.get("S2R_WORKERS", "0") or 0)
    return told or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def each(function: Callable[[Thing], Answer], things: Sequence[Thing], workers: int, what: str) -> list[Answer]:
    """`[function(thing) for thing in things]`, in as many processes.

    Args:
        function: of a module, so that it can be sent; pure.
        things: that can be sent, as the answers.
        workers: processes; with 1, or few things, everything happens here.
        what: the work, for the error.

    Raises:
        EnvironmentLacksError: a process died. What `function` raises comes through.
    """
    if workers <= 1 or len(things) < FEWEST_FOR_POOL:
        return [function(thing) for thing in things]
    context = multiprocessing.get_context("spawn")
    try:
        with main_left_alone(), ProcessPoolExecutor(workers, mp_context=context) as pool:
            return list(pool.map(function, things, chunksize=4))
    except BrokenProcessPool:
        raise EnvironmentLacksError(
            f"a process died that was {what} (out of memory?); run again to continue, with S2R_WORKERS=1 to use less"
        ) from None


@contextmanager
def main_left_alone() -> Iterator[None]:
    """Spawned workers do not run the caller's script again: they need the function's module only."""
    main = sys.modules["__main__"]
    kept = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    try:
        for name in kept:
            setattr(main, name, None)
        yield
    finally:
        for name, value in kept.items():
            setattr(main, name, value)
