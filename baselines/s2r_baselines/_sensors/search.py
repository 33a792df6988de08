"""A pattern search over a few positive numbers, on a logarithmic scale; trials are kept, so that it can be resumed."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from s2r_bench.files import read_json, write_json
from s2r_bench.simulator import FitReport

Trial = Callable[[Mapping[str, float]], float]
FIRST_FACTOR = 2.0
LEVEL = (
    4  # trials in a row that change nothing, after which a direction is given up; the first round's reach 1000 times
)
FILE = "search.json"
logger = logging.getLogger(__name__)


class Search:
    """Multiplies, or else divides, one number after the other by a factor for as long as that helps.

    The factor shrinks to its square root every round. Where a number changes nothing, as a shift that rounds to no
    pixel, steps grow (the factor's square, its cube ...), for `LEVEL` trials at most; such a move is kept only if it
    ends lower.

    Args:
        trial: what is to become small, a pure function of the numbers.
        start: where to start; all above 0.
        bounds: the least and largest value of each.
    """

    def __init__(self, trial: Trial, start: Mapping[str, float], bounds: Mapping[str, tuple[float, float]]) -> None:
        self._trial = trial
        self._start = dict(start)
        self._bounds = bounds
        self._file: Path | None = None
        self._tried: dict[str, float] = {}
        self._known: set[str] = set()
        self._seconds = 0.0
        self._key = ""

    def run(
        self, rounds: int, most: int | None = None, workdir: Path | None = None, identity: Any = None
    ) -> tuple[dict[str, float], FitReport]:
        """The best numbers that were found, and what that cost.

        Args:
            rounds: how often the factor shrinks.
            most: trials at most; None = no limit. The start is always tried.
            workdir: where trials are kept; a search with the same identity does not repeat them.
            identity: all that decides a trial's outcome.
        """
        self._open(workdir, identity)
        best, least = dict(self._start), self._value(self._start)
        curve = [self._row(least)]
        factor = FIRST_FACTOR
        for _ in range(rounds):
            for name in self._start:
                best, least = self._along(name, factor, best, least, most)
            curve.append(self._row(least))
            factor **= 0.5
        logger.info("fitted %s: distance %.4f after %d trials", best, least, len(self._known))
        return best, FitReport(len(self._known), self._seconds, len(self._start), tuple(curve))

    def _along(
        self, name: str, factor: float, best: dict[str, float], least: float, most: int | None
    ) -> tuple[dict[str, float], float]:
        """Move one number up, or else down, for as long as that helps; cross level ground in growing steps."""
        low, high = self._bounds[name]
        for step in (factor, 1 / factor):
            before, here, level = least, best[name], 0
            while (most is None or len(self._known) < most) and level < LEVEL:
                there = float(min(max(here * step ** (level + 1), low), high))
                if there == here:
                    break
                moved = {**best, name: there}
                value = self._value(moved)
                if value > least:
                    break
                here, level = there, level + 1
                if value < least:
                    best, least, level = moved, value, 0
            if least < before:
                break
        return best, least

    def _row(self, least: float) -> dict[str, float | str]:
        return {"stage": "search", "step": float(len(self._known)), "train_loss": least}

    def _value(self, numbers: Mapping[str, float]) -> float:
        words = json.dumps(numbers, sort_keys=True)
        self._known.add(words)
        if words not in self._tried:
            began = time.perf_counter()
            self._tried[words] = self._trial(numbers)
            self._seconds += time.perf_counter() - began
            if self._file is not None:
                write_json(self._file, {"key": self._key, "seconds": self._seconds, "tried": self._tried})
        return self._tried[words]

    def _open(self, workdir: Path | None, identity: Any) -> None:
        if workdir is None:
            return
        self._file = workdir / FILE
        self._key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        if self._file.is_file():
            kept = read_json(self._file)
            if kept.get("key") == self._key:
                self._tried, self._seconds = dict(kept["tried"]), float(kept["seconds"])
