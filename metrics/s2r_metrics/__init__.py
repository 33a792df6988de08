"""Pure functions from tensors to numbers. Each states its formula, its source and its unit.

Inputs live on any device and are never written to; empty or non-finite input is refused with ValueError; numbers come
back unscaled in their own unit (factors such as 1000 or 100 % belong to tables).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2r_metrics.image import psnr
    from s2r_metrics.labels import accuracy, confusion, miou
    from s2r_metrics.occupancy import volume_iou
    from s2r_metrics.pointcloud import chamfer_l2, f_score, nearest
    from s2r_metrics.samples import residual_wasserstein

_HOMES = {
    "accuracy": "labels",
    "chamfer_l2": "pointcloud",
    "confusion": "labels",
    "f_score": "pointcloud",
    "miou": "labels",
    "nearest": "pointcloud",
    "psnr": "image",
    "residual_wasserstein": "samples",
    "volume_iou": "occupancy",
}

__all__ = [
    "accuracy",
    "chamfer_l2",
    "confusion",
    "f_score",
    "miou",
    "nearest",
    "psnr",
    "residual_wasserstein",
    "volume_iou",
]


def __getattr__(name: str) -> Any:
    """Import a function's module when it is first asked for, so that listing names never imports torch."""
    if name not in _HOMES:
        raise AttributeError(f"s2r_metrics has no {name!r}; it has: {', '.join(__all__)}")
    return getattr(importlib.import_module(f"s2r_metrics.{_HOMES[name]}"), name)
