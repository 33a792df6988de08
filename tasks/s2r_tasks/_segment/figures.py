"""Figures of the folds that were run, from one confusion matrix a room."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from s2r_bench.data.s3dis.classes import area_of
from s2r_bench.records import Score
from s2r_metrics.labels import class_iou, miou
from s2r_metrics.segmentation import fold_figures


@dataclass(frozen=True)
class Figures:
    """Scores, and why others do not exist."""

    scores: tuple[Score, ...]
    failures: dict[str, str]


def of_areas(rooms: Mapping[str, Tensor]) -> dict[int, Tensor]:
    """Area -> the sum of its rooms' matrices, areas ascending."""
    areas = sorted({area_of(name) for name in rooms})
    return {area: torch.stack([m for name, m in rooms.items() if area_of(name) == area]).sum(0) for area in areas}


def figures(rooms: Mapping[str, Tensor], classes: Sequence[str], protocol: str) -> Figures:
    """All figures of a run; a class that neither truth nor prediction holds has no IoU and is left out of a mean.

    Where published scripts are followed, a mean over classes of which one is absent is what it is there: NaN, which is
    no number. It becomes a failure.
    """
    areas = of_areas(rooms)
    folds = torch.stack(list(areas.values()))
    found, failures = list(_figures(rooms, areas, classes)), dict[str, str]()
    if protocol != "strict":
        absent = {f"Area_{area}": _absent(matrix, classes) for area, matrix in areas.items()}
        absent["all"] = _absent(folds.sum(0), classes)
        for sample, names in absent.items():
            metric = "miou_pooled" if sample == "all" else "miou_fold_mean"
            if names:
                found = [one for one in found if (one.sample, one.metric) != (sample, metric)]
                failures[f"{sample}/{metric}"] = (
                    f"no point is or is called {', '.join(names)}: published scripts give NaN"
                )
    return Figures(tuple(found), failures)


def _figures(rooms: Mapping[str, Tensor], areas: Mapping[int, Tensor], classes: Sequence[str]) -> Iterator[Score]:
    folds = torch.stack(list(areas.values()))
    pooled = fold_figures(folds)
    for metric in ("miou_pooled", "oa", "macc", "miou_absent_as_zero", "n_classes_present"):
        yield Score("all", "", metric, float(getattr(pooled, metric)))
    # a row a fold: their mean is the figure, and they can be compared in pairs
    yield from (Score(f"Area_{area}", "", "miou_fold_mean", miou(matrix)) for area, matrix in areas.items())
    yield from (Score(name, "", "miou_rooms", miou(matrix)) for name, matrix in rooms.items())
    ious = class_iou(folds.sum(0)).tolist()
    for name, iou in zip(classes, ious, strict=True):
        if iou == iou:  # NaN where the class is absent
            yield Score("all", "", f"iou_{name}", iou)


def _absent(matrix: Tensor, classes: Sequence[str]) -> list[str]:
    return [name for name, iou in zip(classes, class_iou(matrix).tolist(), strict=True) if iou != iou]
