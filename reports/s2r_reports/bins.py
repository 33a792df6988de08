"""Figures of the whole set that are taken by bin: of range, of incidence, of distance between pixels."""

import re
from collections.abc import Mapping, Sequence
from math import inf
from typing import TypeVar

BY_BIN = ("w1_range", "bias_range", "spread_range", "std_range", "diversity", "spread_angle", "autocorrelation")
CAPTURED = "captured"
"""The arm that stands for the captures' own figures."""
CellT = TypeVar("CellT")


def captured(metric: str) -> str:
    """The name under which a run keeps the captures' own figure."""
    return f"{CAPTURED}_{metric}"


def in_order(
    cells: Mapping[tuple[str, str, str], CellT], metrics: Sequence[str], arms: Sequence[str], judged: Sequence[str]
) -> dict[tuple[str, str, str], CellT]:
    """(arm, metric, bin) -> figure: by metric, then arm, then bin, last what the captures themselves have.

    Args:
        cells: the same in any order, with the captures' own figures as metrics of the arms.
        metrics: which.
        arms: in table order.
        judged: those whose runs tell of the captures; the first that does is taken, the others say the same.
    """
    labels = sorted({name for _, _, name in cells}, key=leading)
    found: dict[tuple[str, str, str], CellT] = {}
    for metric in metrics:
        found |= {(a, metric, bin): cells[a, metric, bin] for a in arms for bin in labels if (a, metric, bin) in cells}
        for bin in labels:
            told = [cells[key] for arm in judged if (key := (arm, captured(metric), bin)) in cells]
            if told:
                found[CAPTURED, metric, bin] = told[0]
    return found


def leading(name: str) -> tuple[float, str]:
    """A bin's place on its axis: the number that its name begins with, names without one last.

    >>> sorted(["10 px", "2 px", "rest"], key=leading)
    ['2 px', '10 px', 'rest']
    """
    number = re.match(r"-?[0-9.]+", name)
    return (float(number.group()) if number else inf, name)
