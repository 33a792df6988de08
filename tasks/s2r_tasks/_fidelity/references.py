"""Answers that need no simulator: the clean depth itself, and captures against captures."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from s2r_bench.errors import DataError
from s2r_bench.seeds import seed_of
from s2r_bench.simulator import PairSet
from s2r_bench.types import DepthFrame, DepthPair
from s2r_bench.worlds.base import World
from s2r_tasks._fidelity.views import Setting, Views, neighbours
from s2r_tasks._fidelity.warp import correspond

Recapture = Callable[[PairSet, int, int], Any]


def recapture_of(world: World) -> Recapture | None:
    """The world's way to capture a view a second time; None where it has none."""
    method = getattr(world, "recapture", None)
    return method if world.owns_sensor and callable(method) else None


def captured_again(recapture: Recapture, pairs: PairSet, index: int, seed: int, draw: int) -> DepthFrame:
    """Another capture of view `index` in its own session: what a sensor repeats and what it does not.

    Raises:
        DataError: the world gave another kind of value or another size.
    """
    given = recapture(pairs, index, seed_of(seed, "recapture", draw))
    frame = given.captured if isinstance(given, DepthPair) else given
    if not isinstance(frame, DepthFrame):
        raise DataError(f"the world's recapture gave {type(frame).__name__}, expected a DepthFrame")
    return frame


def through_neighbours(captured: Views) -> Views:
    """Each view answered by the capture of a neighbouring view, carried over through the clean depth.

    At pixels whose surface point the neighbour sees too, depth is this view's clean depth plus the neighbour's
    residual there, or a hole where the neighbour has one. Only those pixels are in scope.
    """
    setting = captured.setting
    depth = torch.zeros_like(captured.depth)
    scope = torch.zeros_like(captured.domain)
    for index, other in _partners(setting).items():
        match = correspond(setting.frames[index], setting.frames[other])
        residual = captured.residual[other].reshape(-1)[match.index]
        valid = captured.valid[other].reshape(-1)[match.index] & match.seen
        depth[index] = torch.where(valid, setting.clean[index] + residual, torch.zeros_like(residual))
        scope[index] = match.seen
    return Views(setting, depth, captured.limit, scope)


def _partners(setting: Setting) -> dict[int, int]:
    """View -> the next view of its sequence; the last one takes the one before."""
    partner = dict(neighbours(setting.frames))
    for index, following in neighbours(setting.frames):
        partner.setdefault(following, index)
    return partner


def parity(setting: Setting) -> tuple[list[int], list[int]]:
    """Indices of the odd and of the even views, counted within each sequence."""
    count: dict[tuple[str, str], int] = {}
    halves: tuple[list[int], list[int]] = ([], [])
    for index, frame in enumerate(setting.frames):
        key = (frame.scene, frame.sequence)
        halves[count.get(key, 0) % 2].append(index)
        count[key] = count.get(key, 0) + 1
    return halves[1], halves[0]


def clean_answer(setting: Setting) -> list[DepthFrame]:
    """The clean frames themselves."""
    return [frame.with_depth(np.array(frame.depth)) for frame in setting.frames]
