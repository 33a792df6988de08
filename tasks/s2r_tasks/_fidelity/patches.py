"""Patches of residual and validity, told apart by the fixed classifier of `s2r_metrics.two_sample`."""

import torch
from torch import Tensor

from s2r_bench.seeds import torch_rng
from s2r_bench.types import DepthFrame
from s2r_metrics.patch_features import cut, features
from s2r_metrics.two_sample import two_sample_accuracy
from s2r_tasks._fidelity.views import Views

FOLDS = 4
MIN_KNOWN = 0.5
"""A patch is used where at least this share of it has clean depth."""


def patch_accuracy(answer: Views, captured: Views, size: int, limit: int) -> float:
    """Held-out accuracy of telling answer patches from captured ones; 0.5 = indistinguishable.

    Folds keep scenes apart; with fewer than four scenes, stretches of the frame order. At most `limit` patches a side,
    drawn alike for every arm.

    Raises:
        ValueError: too few views for two folds.
    """
    mine, fold_mine = _table(answer, size, limit)
    truth, fold_truth = _table(captured, size, limit)
    return two_sample_accuracy(mine, truth, fold_mine, fold_truth)


def folds_of(frames: tuple[DepthFrame, ...]) -> list[int]:
    """The fold of each view: by scene where there are enough of them, else by stretch."""
    scenes = sorted({frame.scene for frame in frames})
    if len(scenes) >= FOLDS:
        place = {scene: index % FOLDS for index, scene in enumerate(scenes)}
        return [place[frame.scene] for frame in frames]
    return [index * FOLDS // len(frames) for index in range(len(frames))]


def _table(views: Views, size: int, limit: int) -> tuple[Tensor, Tensor]:
    """(P, d) features and (P,) folds of the chosen patches."""
    domain = cut(views.domain, size)
    count, rows, columns = domain.shape[:3]
    fold = torch.tensor(folds_of(views.setting.frames))[:, None, None].expand(count, rows, columns).reshape(-1)
    known = domain.flatten(0, 2).float().mean((1, 2)) >= MIN_KNOWN
    chosen = known.nonzero()[:, 0]
    if len(chosen) > limit:
        order = torch.randperm(len(chosen), generator=torch_rng("fidelity patches", len(chosen)))
        chosen = chosen[order[:limit]].sort().values
    parts = [cut(stack, size).flatten(0, 2)[chosen] for stack in _stacks(views)]
    return features(*parts), fold[chosen]


def _stacks(views: Views) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    scored = torch.where(views.domain, views.setting.clean, torch.zeros_like(views.setting.clean))
    return scored, views.residual * views.valid, views.valid, views.setting.edges
