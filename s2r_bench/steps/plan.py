"""A plan of a suite: what is trained how often, what it costs where that is known, what lies on the disk.

Costs are steps x items x seconds an item, of `s2r_bench.timings`; where there is no timing, a plan says "not measured".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2r_bench import registry
from s2r_bench.config import Named, SuiteConfig
from s2r_bench.plan import Scope, Stored, Training
from s2r_bench.steps.checkpoint import is_checkpoint
from s2r_bench.steps.evaluate import open_task
from s2r_bench.steps.methods import Method, find
from s2r_bench.task import references_of
from s2r_bench.timings import TIMINGS, Timing

FOLDER = "_plans"
WORDS: Mapping[Scope, str] = {
    "all": "once for all arms and seeds",
    "arm": "an arm and seed",
    "round": "an arm, seed and round",
}
UNPLANNED = "it brings no plan"


@dataclass(frozen=True)
class TrainingRow:
    """Trainings of one kind in the whole suite. `owner`: a method's name, or the task's. `count` of `one`."""

    owner: str
    one: Training
    count: int

    @property
    def timing(self) -> Timing | None:
        """What an item costs, where that is known."""
        return TIMINGS.get(self.one.timing)

    @property
    def hours(self) -> float | None:
        """Device-hours of all of them; None: not measured, or steps not known."""
        timing, steps = self.timing, self.one.steps
        return None if timing is None or steps is None else steps * self.one.batch * self.count * timing.seconds / 3600


@dataclass(frozen=True)
class StoredRow:
    """What lies on the disk, of one kind. `count`: None where nobody has counted what it is of."""

    owner: str
    one: Stored
    count: int | None

    @property
    def size(self) -> int | None:
        """Bytes of all of them."""
        return None if self.count is None else self.one.size * self.count


@dataclass(frozen=True)
class SuitePlan:
    """All rows of a suite, and the timings that they go by."""

    trainings: tuple[TrainingRow, ...]
    stored: tuple[StoredRow, ...]

    @property
    def timings(self) -> dict[str, Timing]:
        """Timing -> what it is, of those that an hour was counted by."""
        return {row.one.timing: row.timing for row in self.trainings if row.timing and row.hours is not None}

    @property
    def unmeasured(self) -> list[str]:
        """Trainings without hours."""
        return [f"{row.owner}: {row.one.what}" for row in self.trainings if row.hours is None]


def plan_of(rounds: Sequence[SuiteConfig], facts: Mapping[str, int]) -> SuitePlan:
    """The plan of a suite.

    Args:
        rounds: its rounds, which differ in options of the task alone.
        facts: counts that steps and sizes follow from ("pairs", "pixels").

    Raises:
        UsageError: a name or option that cannot be used.
    """
    first, seeds = rounds[0], len(rounds[0].seeds)
    trainings: list[TrainingRow] = []
    stored: list[StoredRow] = []
    for named in first.methods:
        for one in _of_method(named, first, facts):
            if isinstance(one, Training):
                trainings.append(TrainingRow(named.name, one, one.times * seeds))
            else:
                stored.append(StoredRow(named.name, one, _times(one.count, seeds)))
    for one, times in _of_task(rounds, facts):
        arms = seeds * (len(first.methods) + (len(_references(first)) if _for_all(one) else 0))
        often = times if one.scope == "all" else arms * times
        if isinstance(one, Training):
            trainings.append(TrainingRow(first.task.name, one, one.times * often))
        else:
            stored.append(StoredRow(first.task.name, one, _times(one.count, often)))
    return SuitePlan(tuple(trainings), tuple(stored))


def facts_of(config: SuiteConfig, pairs: int | None = None) -> dict[str, int]:
    """The published counts, where the world is the one whose data the suite lists, and what was counted here."""
    own = any(need.world == config.world.name for need in config.data)
    return {**(config.facts if own else {}), **({} if pairs is None else {"pairs": pairs})}


def _of_method(named: Named, config: SuiteConfig, facts: Mapping[str, int]) -> Iterator[Training | Stored]:
    if is_checkpoint(Path(named.name)):
        return
    method = find(named.name)
    if not method.trained:
        return
    module = _plans_of(method)
    if module is None:
        yield Training("its training", None, 0, note=UNPLANNED)
        return
    options = method.options(config.preset, named.options)
    yield from module.trainings(options, facts, config.max_steps)
    yield from _stored(module, options, facts)


def _plans_of(method: Method) -> Any:
    """The plans of a method of this package; a file of one's own has none, whatever its name."""
    return registry.beside(registry.METHODS, FOLDER, method.name) if method.word == method.name else None


def _of_task(rounds: Sequence[SuiteConfig], facts: Mapping[str, int]) -> Iterator[tuple[Training | Stored, int]]:
    """What the task does in all rounds, and in how many of them; what rounds share is counted once."""
    counted: dict[Training | Stored, int] = {}
    for config in rounds:
        module = registry.beside(registry.TASKS, FOLDER, config.task.name)
        if module is None:
            counted[Training("its trainings", None, 0, note=UNPLANNED)] = 1
            continue
        options = getattr(open_task(config.task.name, config.preset, config.task.options)[0], "options", None)
        every: Iterable[Training | Stored] = [*module.trainings(options, facts, None), *_stored(module, options, facts)]
        for one in every:
            counted[one] = counted.get(one, 0) + 1 if one.scope == "round" else 1
    yield from counted.items()


def _stored(module: Any, options: Any, facts: Mapping[str, int]) -> list[Stored]:
    return list(module.stored(options, facts)) if hasattr(module, "stored") else []


def _references(config: SuiteConfig) -> tuple[str, ...]:
    if not config.references:
        return ()
    return references_of(open_task(config.task.name, config.preset, config.task.options)[0])


def _for_all(one: Training | Stored) -> bool:
    return isinstance(one, Training) and one.references


def _times(count: int | None, times: int) -> int | None:
    return None if count is None else count * times
