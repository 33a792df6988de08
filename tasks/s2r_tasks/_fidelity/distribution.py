"""How the residuals and holes of two sets of views are distributed, and how far they are apart."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from s2r_bench.records import Score
from s2r_metrics import depth as depth_metrics
from s2r_metrics.samples import median, residual_wasserstein, robust_spread
from s2r_tasks._fidelity.views import Setting, Views

ALL = "all"
MIN_PIXELS = 500
"""A bin is scored where the captured side holds this many residuals."""


@dataclass(frozen=True)
class Bins:
    """Half-open bins [edges[i], edges[i + 1]) of a quantity of the setting, with the name of each."""

    name: str
    edges: tuple[float, ...]
    labels: tuple[str, ...]
    of: Callable[[Setting], Tensor]

    def masks(self, views: Views) -> Iterator[tuple[str, Tensor]]:
        """Label and (N, H, W) bool of each bin."""
        values = self.of(views.setting)
        for label, low, high in zip(self.labels, self.edges[:-1], self.edges[1:], strict=True):
            yield label, (values >= low) & (values < high)


def range_bins(width: float, max_range: float) -> Bins:
    """Bins of the clean depth, `width` metres each."""
    edges = [width * index for index in range(int(max_range / width + 0.5) + 1)]
    labels = [f"{low:.1f}-{high:.1f} m" for low, high in itertools.pairwise(edges)]
    edges[-1] = max(edges[-1], max_range) + 1e-6  # a pixel at exactly the largest range belongs to the last bin
    return Bins("range", tuple(edges), tuple(labels), lambda setting: setting.clean)


def angle_bins(edges: Sequence[float]) -> Bins:
    """Bins of the incidence angle, degrees."""
    labels = [f"{low:g}-{high:g} deg" for low, high in itertools.pairwise(edges)]
    return Bins("angle", tuple(edges), tuple(labels), lambda setting: setting.angle)


class Missing(Exception):
    """A figure that has no value, and why."""


def binned(bins: Bins, answer: Views, captured: Views) -> Iterator[Score]:
    """W1, bias, spread and std of each bin, the captured ones, and the absolute differences; then the mean W1.

    Raises:
        Missing: in a bin that the captures fill, the answer has no valid pixel; or no bin is filled.
    """
    distances = []
    sides = zip(bins.masks(answer), bins.masks(captured), strict=True)
    for (label, where_answer), (_, where_captured) in sides:
        truth = captured.residual[where_captured & captured.valid]
        if len(truth) < MIN_PIXELS:
            continue
        mine = answer.residual[where_answer & answer.valid]
        if not len(mine):
            raise Missing(f"no valid pixel at {label}, where the captures have {len(truth)}")
        distances.append(residual_wasserstein(mine, truth))
        yield Score(ALL, label, f"w1_{bins.name}", distances[-1])
        yield from _moments(bins.name, label, mine, truth)
    if not distances:
        raise Missing(f"no {bins.name} bin holds {MIN_PIXELS} captured residuals")
    yield Score(ALL, "", f"w1_{bins.name}_mean", sum(distances) / len(distances))


def _moments(by: str, label: str, mine: Tensor, truth: Tensor) -> Iterator[Score]:
    figures: dict[str, Callable[[Tensor], float]] = {"bias": median, "spread": robust_spread}
    if by == "range":
        figures["std"] = lambda sample: float(sample.double().std(correction=0))
    for name, figure in figures.items():
        yield from compared(f"{name}_{by}", label, figure(mine), figure(truth))


def compared(metric: str, category: str, mine: float, truth: float) -> Iterator[Score]:
    """A figure of the answer, the captured one, and their absolute difference."""
    yield Score(ALL, category, metric, mine)
    yield Score(ALL, category, f"captured_{metric}", truth)
    yield Score(ALL, category, f"{metric}_diff", abs(mine - truth))


def overall(answer: Views, captured: Views) -> Iterator[Score]:
    """W1 over all pixels.

    Raises:
        Missing: a side has no valid pixel.
    """
    mine, truth = answer.residual[answer.valid], captured.residual[captured.valid]
    if not len(mine) or not len(truth):
        raise Missing("no valid pixel in the answer" if not len(mine) else "no valid pixel in the captures")
    yield Score(ALL, "", "w1", residual_wasserstein(mine, truth))


def holes(answer: Views, captured: Views) -> Iterator[Score]:
    """Hole rates: of all pixels, at depth edges, and elsewhere. A place that has no pixels gives no score."""
    places: dict[str, Callable[[Views], Tensor]] = {
        "hole_rate": lambda views: views.domain,
        "hole_rate_edge": lambda views: views.domain & views.setting.edges,
        "hole_rate_flat": lambda views: views.domain & ~views.setting.edges,
    }
    for metric, place in places.items():
        mine, truth = place(answer), place(captured)
        if mine.any() and truth.any():
            rates = depth_metrics.hole_rate(answer.valid, mine), depth_metrics.hole_rate(captured.valid, truth)
            yield from compared(metric, "", *rates)


def correlations(answer: Views, captured: Views, lags: Sequence[int]) -> Iterator[Score]:
    """Residual autocorrelation at each lag. A constant residual (the clean depth as an answer) counts as 0."""
    for lag in lags:
        yield from compared("autocorrelation", f"{lag} px", _correlation(answer, lag), _correlation(captured, lag))


def _correlation(views: Views, lag: int) -> float:
    try:
        return depth_metrics.autocorrelation(views.residual, views.valid, lag)
    except ValueError:
        return 0.0


def diversity(draws: Sequence[Views], bins: Bins) -> Iterator[Score]:
    """Standard deviation over draws of the same views, mean over pixels valid in all of them, by bin."""
    everywhere = torch.stack([views.valid for views in draws]).all(0)
    spread = torch.stack([views.residual for views in draws]).std(0)
    for label, where in bins.masks(draws[0]):
        chosen = spread[where & everywhere]
        if len(chosen) >= MIN_PIXELS:
            yield Score(ALL, label, "diversity", float(chosen.double().mean()))
