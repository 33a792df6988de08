"""Does our order of methods agree with the paper's? Spearman's and Kendall's coefficients, with how many methods."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from math import sqrt

from s2r_reports.layouts import SHOWN, Beside
from s2r_reports.tables import EMPTY, Grid

FEWEST = 3  # methods; two can only agree or not
MOST_PERMUTED = 7  # methods: 5040 orders


@dataclass(frozen=True)
class Agreement:
    """Of one figure of one of the paper's tables.

    Attributes:
        table, figure: which.
        methods: those that both have, best first by ours.
        spearman, kendall: 1 = the same order; None with fewer than FEWEST methods, or where all of a side are equal.
        chance: how often a random order agrees as well or better (Kendall, all orders counted); None where not counted.
    """

    table: str
    figure: str
    methods: tuple[str, ...]
    spearman: float | None
    kendall: float | None
    chance: float | None


def agreements(every: Sequence[Beside]) -> list[Agreement]:
    """One for each figure that both sides have of two methods or more.

    A method's figure is the mean over the categories that all methods of both sides have.
    """
    found = []
    for table, figure in dict.fromkeys((one.table, one.figure) for one in every):
        rows = [one for one in every if (one.table, one.figure) == (table, figure) and one.better != "none"]
        both = [one for one in rows if one.shown is not None and one.claimed is not None]
        methods = list(dict.fromkeys(one.method for one in both))
        if len(methods) < 2:
            continue
        shared = set.intersection(*({one.category for one in both if one.method == name} for name in methods))
        if not shared:
            continue
        sign = -1.0 if both[0].better == "lower" else 1.0
        kept = [one for one in both if one.category in shared]
        ours = [sign * sum(one.shown or 0.0 for one in kept if one.method == name) for name in methods]
        theirs = [sign * sum(one.claimed or 0.0 for one in kept if one.method == name) for name in methods]
        order = sorted(range(len(methods)), key=lambda place: -ours[place])
        found.append(_agreement(table, figure, tuple(methods[place] for place in order), ours, theirs))
    return found


def _agreement(
    table: str, figure: str, methods: tuple[str, ...], ours: Sequence[float], theirs: Sequence[float]
) -> Agreement:
    if len(methods) < FEWEST:
        return Agreement(table, figure, methods, None, None, None)
    tau = kendall(ours, theirs)
    return Agreement(table, figure, methods, spearman(ours, theirs), tau, _chance(ours, theirs, tau))


def spearman(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Pearson's correlation of the ranks, ties sharing theirs; None where one side is all equal.

    >>> spearman([1, 2, 3, 4], [1, 2, 4, 3])
    0.8
    """
    x, y = _ranks(a), _ranks(b)
    middle = (len(x) - 1) / 2
    up = sum((p - middle) * (q - middle) for p, q in zip(x, y, strict=True))
    down = sqrt(sum((p - middle) ** 2 for p in x) * sum((q - middle) ** 2 for q in y))
    return up / down if down else None


def kendall(a: Sequence[float], b: Sequence[float]) -> float | None:
    """tau-b: pairs in the same order less pairs in the other, over pairs, ties corrected for; None if all are tied.

    >>> round(kendall([1, 2, 3, 4], [1, 2, 4, 3]), 4)
    0.6667
    """
    pairs = [(_sign(a[i] - a[j]), _sign(b[i] - b[j])) for i in range(len(a)) for j in range(i)]
    down = sqrt(sum(p * p for p, _ in pairs) * sum(q * q for _, q in pairs))
    return sum(p * q for p, q in pairs) / down if down else None


def _chance(ours: Sequence[float], theirs: Sequence[float], tau: float | None) -> float | None:
    if tau is None or len(ours) > MOST_PERMUTED:
        return None
    taus = [kendall(order, theirs) for order in permutations(ours)]
    return sum(other is not None and other >= tau - 1e-12 for other in taus) / len(taus)


def _ranks(values: Sequence[float]) -> list[float]:
    return [sum(other < one for other in values) + (sum(other == one for other in values) - 1) / 2 for one in values]


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def grid(found: Sequence[Agreement]) -> Grid:
    """The coefficients as a table."""

    def text(value: float | None, digits: int = 2) -> str:
        return EMPTY if value is None else f"{value:.{digits}f}"

    rows = tuple(
        (
            f"table {one.table}, {SHOWN[one.figure]}",
            str(len(one.methods)),
            text(one.spearman),
            text(one.kendall),
            text(one.chance),
            " > ".join(one.methods),
        )
        for one in found
    )
    head = ("", "methods", "Spearman", "Kendall", "by chance", "order here")
    title = f"our order of methods against the paper's (from {FEWEST} methods on; by chance: orders that agree as well)"
    return Grid(title, head, rows, folded=all(one.kendall is None for one in found))
