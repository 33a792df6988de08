"""Few-shot episodes: a few classes, a few objects of each to learn from, others to be scored on.

An episode is a function of (seed, run) and of what is in the data set: NumPy's PCG64 from the seed sequence
[seed, run] draws K of the C classes, which get the labels 0 to K-1 in the order in which they were drawn; then, class
by class in that order, an order of its training objects, of which the first N are the support. The query is

    train_rest   the last Q of the same order (CrossPoint takes its queries from the training split too)
    test         Q of the class's test objects, drawn after all supports
    test_all     all of the class's test objects

so the support does not depend on where the query comes from, and fewer shots are a part of more, asked about the same
objects. Where a class has fewer than Q left, all of them are taken, and the episode says how many are lacking.
"""

import logging
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from s2r_bench.data.clouds import CloudSet, CloudSplit
from s2r_bench.errors import DataError, UsageError

QuerySource = Literal["train_rest", "test", "test_all"]
SOURCES = ("train_rest", "test", "test_all")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EpisodeSettings:
    """K ways, N shots, Q queries a class, and from where the queries are taken."""

    ways: int = 5
    shots: int = 10
    queries: int = 20
    query_source: QuerySource = "train_rest"

    def __post_init__(self) -> None:
        if self.ways < 2 or self.shots < 1 or self.queries < 1 or self.query_source not in SOURCES:
            raise UsageError(
                f"{self}: an episode has 2 ways or more, 1 shot and 1 query or more, and its queries are of "
                f"{', '.join(SOURCES)}"
            )

    @property
    def query_split(self) -> CloudSplit:
        """The split of which the queries are indices; the support is always of train."""
        return "train" if self.query_source == "train_rest" else "test"


@dataclass(frozen=True)
class Episode:
    """One draw.

    Attributes:
        run: its number.
        class_ids: the data set's label of each local label 0 to K-1.
        support: for each class, N indices into the training split.
        query: for each class, indices into the split of the settings' `query_split`.
        shortfall: class name -> how many queries are lacking; usually empty.
    """

    run: int
    class_ids: tuple[int, ...]
    support: tuple[tuple[int, ...], ...]
    query: tuple[tuple[int, ...], ...]
    shortfall: dict[str, int] = field(default_factory=dict)


def episode(data: CloudSet, seed: int, run: int, settings: EpisodeSettings | None = None) -> Episode:
    """The episode of a seed and a run.

    Raises:
        DataError: a drawn class has fewer than N training objects, or none left to ask about.
        UsageError: more ways than the data set has classes, or a seed or run below 0.
    """
    settings = settings or EpisodeSettings()
    if settings.ways > len(data.classes) or min(seed, run) < 0:
        raise UsageError(
            f"{settings.ways} ways of the {len(data.classes)} classes of {data.name}, seed {seed}, run {run}: ways are "
            "at most the classes, seed and run 0 or more"
        )
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, run])))
    drawn = rng.choice(len(data.classes), settings.ways, replace=False)
    class_ids = tuple(int(label) for label in drawn)
    orders = [rng.permutation(data.train.of_class(label)) for label in class_ids]
    queries = _queries(data, class_ids, orders, settings, rng)
    for label, order, query in zip(class_ids, orders, queries, strict=True):
        if len(order) < settings.shots or len(query) == 0:
            raise DataError(
                f"{data.name}: class {data.classes[label]!r} has {len(order)} objects in train and {len(query)} to ask "
                f"about ({settings.query_source}); {settings.shots} shots need as many in train and 1 query"
            )
    shortfall = _shortfall(data, class_ids, queries, settings)
    if shortfall:
        logger.warning(
            "%s, seed %d, run %d: fewer than %d queries: %s", data.name, seed, run, settings.queries, shortfall
        )
    support = tuple(_ints(order[: settings.shots]) for order in orders)
    return Episode(run, class_ids, support, tuple(_ints(query) for query in queries), shortfall)


def _queries(
    data: CloudSet,
    class_ids: tuple[int, ...],
    orders: list[NDArray[np.int64]],
    settings: EpisodeSettings,
    rng: np.random.Generator,
) -> list[NDArray[np.int64]]:
    if settings.query_source == "train_rest":
        return [order[settings.shots :][-settings.queries :] for order in orders]
    of_test = [data.test.of_class(label) for label in class_ids]
    if settings.query_source == "test_all":
        return of_test
    return [rng.permutation(indices)[: settings.queries] for indices in of_test]


def _shortfall(
    data: CloudSet, class_ids: tuple[int, ...], queries: list[NDArray[np.int64]], settings: EpisodeSettings
) -> dict[str, int]:
    if settings.query_source == "test_all":
        return {}
    lacking = {data.classes[k]: settings.queries - len(query) for k, query in zip(class_ids, queries, strict=True)}
    return {name: count for name, count in lacking.items() if count > 0}


def _ints(indices: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(index) for index in indices)
