"""Pure functions from tensors to numbers. Each states its formula, its source and its unit.

Inputs live on any device and are never written to; empty or non-finite input is refused with ValueError; numbers come
back unscaled in their own unit (factors such as 1000 or 100 % belong to tables).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2r_metrics.image import psnr
    from s2r_metrics.labels import accuracy, confusion, confusions, mean_accuracy, miou, overall_accuracy
    from s2r_metrics.neighbours import backend_name
    from s2r_metrics.occupancy import volume_iou, volume_ious
    from s2r_metrics.pointcloud import (
        CloudComparison,
        chamfer_distance,
        chamfer_l2,
        compare_clouds,
        f_score,
        nearest,
        precision_recall,
        sided_distance,
    )
    from s2r_metrics.samples import residual_wasserstein
    from s2r_metrics.segmentation import Difference, FoldFigures, fold_figures, pooled_difference

_HOMES = {
    "CloudComparison": "pointcloud",
    "Difference": "segmentation",
    "FoldFigures": "segmentation",
    "accuracy": "labels",
    "backend_name": "neighbours",
    "chamfer_distance": "pointcloud",
    "chamfer_l2": "pointcloud",
    "compare_clouds": "pointcloud",
    "confusion": "labels",
    "confusions": "labels",
    "f_score": "pointcloud",
    "fold_figures": "segmentation",
    "mean_accuracy": "labels",
    "miou": "labels",
    "nearest": "pointcloud",
    "overall_accuracy": "labels",
    "pooled_difference": "segmentation",
    "precision_recall": "pointcloud",
    "psnr": "image",
    "residual_wasserstein": "samples",
    "sided_distance": "pointcloud",
    "volume_iou": "occupancy",
    "volume_ious": "occupancy",
}

__all__ = [
    "CloudComparison",
    "Difference",
    "FoldFigures",
    "accuracy",
    "backend_name",
    "chamfer_distance",
    "chamfer_l2",
    "compare_clouds",
    "confusion",
    "confusions",
    "f_score",
    "fold_figures",
    "mean_accuracy",
    "miou",
    "nearest",
    "overall_accuracy",
    "pooled_difference",
    "precision_recall",
    "psnr",
    "residual_wasserstein",
    "sided_distance",
    "volume_iou",
    "volume_ious",
]


def __getattr__(name: str) -> Any:
    """Import a function's module when it is first asked for, so that listing names never imports torch."""
    if name not in _HOMES:
        raise AttributeError(f"s2r_metrics has no {name!r}; it has: {', '.join(__all__)}")
    return getattr(importlib.import_module(f"s2r_metrics.{_HOMES[name]}"), name)
