"""The contract of a task: it is handed an arm and a world, and gives scores. Every arm walks the same path."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol, runtime_checkable

from s2r_bench.options import Options
from s2r_bench.records import Score
from s2r_bench.shelf import Shelf
from s2r_bench.simulator import Card, PairSet
from s2r_bench.types import DepthFrame
from s2r_bench.worlds.base import World

# (frames, draw) -> simulated frames. Draw 0 is the run's own; higher draws serve the diversity figures. Results come
# from a simulated set on disk where one is finished, so that asking twice costs nothing.
Simulate = Callable[[Sequence[DepthFrame], int], list[DepthFrame]]


@dataclass(frozen=True, eq=False)
class Arm:
    """What is compared: a simulator, or one of a task's own reference arms.

    Attributes:
        name: the method's name ("ours"), or a reference's ("floor", "ceiling").
        simulate: None for a reference arm.
        card: None for a reference arm.
        device: where a task's own networks go.
        identity: changes whenever what it simulates could; tasks name what they keep of an arm by it.
        diagnose: what the simulator says of itself on held-out pairs (`s2r_bench.simulator.Diagnosable`), if it does.
    """

    name: str
    simulate: Simulate | None = None
    card: Card | None = None
    diagnose: Callable[[PairSet, int], dict[str, float]] | None = None
    identity: str = ""
    device: str = "cpu"


@dataclass(frozen=True)
class TaskResult:
    """Scores, what has none and why, and files kept for the report (name -> path under the run's folder).

    `left_out`: group of metrics -> why it says nothing of this arm. Unlike a failure, nothing went wrong.
    """

    scores: list[Score]
    failures: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MetricInfo:
    """What a reader of records must know of a metric to show it.

    Attributes:
        title: as it stands in a table, without unit or arrow.
        unit: of the shown number ("mm", "%", "").
        scale: shown number = stored number times this (stored numbers are unscaled: metres, shares).
        better: "lower", "higher", "target" (nearer to `target`), or "none" for figures that only describe.
        group: block of the tables.
        target: the ideal value where `better` is "target".
        digits: after the point, as shown.
    """

    title: str
    unit: str
    scale: float
    better: Literal["lower", "higher", "target", "none"]
    group: str
    target: float = 0.0
    digits: int = 1


class Task(Protocol):
    """A member of the room `s2r_tasks` ends with `task: type[Task] = Mine`.

    Attributes:
        protocol: name and version, stamped on records; changes whenever a number can change.
        references: arms that the task brings itself, floor first.
        metrics: every metric's name in the scores, in the order of the tables.

    Reports also look for `judged` (the group of the metrics that count, "distributional"), `anchors` (the arms that are
    0 and 1 of the gap closed, floor and ceiling), `base` (the arm that all others should be better than, the lower
    anchor), `by_category` (show each category of samples, False) and `counted` (metric -> a function of the folders of
    two arms' runs that gives their difference, for figures that are no mean over samples).

    A task may have `asked` (reference arm -> name of an option): that arm exists only where the option is set.
    """

    protocol: ClassVar[str]
    references: ClassVar[tuple[str, ...]]
    metrics: ClassVar[Mapping[str, MetricInfo]]
    options_type: ClassVar[type[Options]]

    def __init__(self, options: Options) -> None: ...

    def run(self, arm: Arm, world: World, seed: int, workdir: Path, shelf: Shelf | None = None) -> TaskResult:
        """Score one arm. `workdir` is the run's folder: artifacts go below it.

        `shelf` keeps what several cells share (clean clouds, a pretrained network); nothing else is written.
        """
        ...


def references_of(task: Task) -> tuple[str, ...]:
    """The reference arms of a task with its options: those it always has, then those that a set option asks for."""
    asked: Mapping[str, str] = getattr(task, "asked", {})
    options = getattr(task, "options", None)
    return (*task.references, *(arm for arm, option in asked.items() if getattr(options, option, None)))


def own_arms(task: Task) -> tuple[str, ...]:
    """All names of reference arms of a task, whether its options ask for them or not: no method may have one."""
    asked: Mapping[str, str] = getattr(task, "asked", {})
    return (*task.references, *asked)


@runtime_checkable
class OwnData(Protocol):
    """A task whose test data are not the pairs of a split says what it reads of a world."""

    def inputs(self, world: World) -> dict[str, str]:
        """Digests that change whenever the data of the task does.

        Raises:
            UsageError: the world does not have what the task needs.
        """
        ...

    def scenes(self, world: World) -> frozenset[str]:
        """Ids of the scenes that are scored, for the leakage guard."""
        ...
