"""Three answers that know nothing of the scan: nothing, the full box, and the mean shape of the category."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from s2r_tasks._recon.scoring import Logits
from s2r_tasks._recon.shapes import Shape

CELLS = 24  # along the cube, of the mean shape
NAMES = ("empty", "box", "mean-shape")


def trivial(name: str, corpus: Sequence[Shape]) -> Mapping[str, Logits]:
    """Category -> the answer `name`; the mean shape is where at least half of the corpus' shapes are solid."""
    if name == "empty":
        return {shape.category: _nothing for shape in corpus}
    if name == "box":
        return {category: _box(shapes) for category, shapes in _by_category(corpus).items()}
    return {category: _mean(shapes) for category, shapes in _by_category(corpus).items()}


def _by_category(shapes: Sequence[Shape]) -> dict[str, list[Shape]]:
    return {name: [s for s in shapes if s.category == name] for name in sorted({s.category for s in shapes})}


def _nothing(points: Tensor) -> Tensor:
    return torch.full((len(points),), -1.0)


def _box(shapes: Sequence[Shape]) -> Logits:
    """The box of the category's mean sides: the scanned object's own is not known to a reconstruction."""
    half = torch.from_numpy(np.mean([shape.half_sides for shape in shapes], axis=0)).float()
    return lambda points: (half - points.abs()).amin(1)


def _mean(shapes: Sequence[Shape]) -> Logits:
    solid, seen = np.zeros(CELLS**3), np.zeros(CELLS**3)
    for shape in shapes:
        cell = _cells(torch.from_numpy(shape.points.volume)).numpy()
        np.add.at(solid, cell, shape.points.volume_inside)
        np.add.at(seen, cell, 1)
    share = torch.from_numpy(solid / np.maximum(seen, 1)).float()
    return lambda points: torch.where(points.abs().amax(1) <= 1, share[_cells(points)] - 0.5, torch.tensor(-1.0))


def _cells(points: Tensor) -> Tensor:
    index = ((points.clamp(-1, 1 - 1e-6) + 1) * (CELLS / 2)).long()
    flat: Tensor = (index[:, 0] * CELLS + index[:, 1]) * CELLS + index[:, 2]
    return flat
