"""Test views and one answer for each, as tensors: what all figures of the task are computed from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from s2r_bench.errors import DataError
from s2r_bench.geometry.points import incidence_angle
from s2r_bench.types import DepthFrame
from s2r_metrics import depth as depth_metrics


@dataclass(frozen=True, eq=False)
class Setting:
    """The clean side of the views; what does not change between answers is computed once.

    Attributes:
        frames: clean frames, beyond-range pixels already 0.
        clean: (N, H, W) float32 metres.
        edges: (N, H, W) bool, near a depth edge.
        angle: (N, H, W) float32 degrees between surface normal and ray; -1 where unknown.
    """

    frames: tuple[DepthFrame, ...]
    clean: Tensor
    edges: Tensor
    angle: Tensor

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, indices: Sequence[int]) -> "Setting":
        """The views at `indices`, in that order."""
        pick = torch.as_tensor(list(indices), dtype=torch.long)
        frames = tuple(self.frames[index] for index in indices)
        return Setting(frames, self.clean[pick], self.edges[pick], self.angle[pick])


@dataclass(frozen=True, eq=False)
class Views:
    """A setting and one depth map for each of its views: a capture, a simulation, or the clean depth itself.

    Attributes:
        setting: the clean side.
        depth: (N, H, W) float32 metres, 0 = no value.
        limit: residuals of this size or more count as holes, metres.
        scope: (N, H, W) bool to score within, besides clean > 0; None for everywhere.
    """

    setting: Setting
    depth: Tensor
    limit: float
    scope: Tensor | None = None

    @cached_property
    def domain(self) -> Tensor:
        """(N, H, W) bool: pixels that count at all."""
        known = self.setting.clean > 0
        return known if self.scope is None else known & self.scope

    @cached_property
    def clean(self) -> "Views":
        """The same views with the clean depth itself as the answer."""
        return Views(self.setting, self.setting.clean, self.limit)

    @cached_property
    def memory(self) -> dict[object, Any]:
        """What was computed of these views and is asked for again (fused clouds)."""
        return {}

    @cached_property
    def _split(self) -> tuple[Tensor, Tensor]:
        return depth_metrics.residuals(self.setting.clean, self.depth, self.limit)

    @property
    def residual(self) -> Tensor:
        """(N, H, W) float32 metres, 0 where not `valid`."""
        return self._split[0]

    @cached_property
    def valid(self) -> Tensor:
        """(N, H, W) bool: pixels that count and are no hole."""
        return self._split[1] & self.domain

    def take(self, indices: Sequence[int]) -> "Views":
        """The views at `indices`, in that order."""
        pick = torch.as_tensor(list(indices), dtype=torch.long)
        scope = None if self.scope is None else self.scope[pick]
        return Views(self.setting.take(indices), self.depth[pick], self.limit, scope)


def setting_of(frames: Sequence[DepthFrame], max_range: float) -> Setting:
    """The clean side of the test views; values beyond `max_range` metres are dropped.

    Raises:
        DataError: no views, or views of several sizes.
    """
    if not frames:
        raise DataError("fidelity: the split to score holds no pairs")
    near = tuple(frame.with_depth(np.where(frame.depth <= max_range, frame.depth, np.float32(0))) for frame in frames)
    clean = stacked(near)
    angles = []
    for frame in near:
        radians, known = incidence_angle(frame.depth, frame.K)
        angles.append(np.where(known, np.degrees(radians), -1).astype(np.float32))
    return Setting(near, clean, depth_metrics.edge_mask(clean), torch.from_numpy(np.stack(angles)))


def stacked(frames: Sequence[DepthFrame]) -> Tensor:
    """(N, H, W) float32 metres.

    Raises:
        DataError: frames of several sizes; names two of them.
    """
    odd = next((frame for frame in frames if frame.size != frames[0].size), None)
    if odd is not None:
        raise DataError(
            f"fidelity needs frames of one size; {frames[0].id} is {frames[0].size} and {odd.id} is {odd.size}"
        )
    return torch.from_numpy(np.stack([frame.depth for frame in frames]))


def neighbours(frames: Sequence[DepthFrame]) -> list[tuple[int, int]]:
    """Pairs (i, j): j is the next view of i's sequence, in the order of the frames."""
    last: dict[tuple[str, str], int] = {}
    found = []
    for index, frame in enumerate(frames):
        key = (frame.scene, frame.sequence)
        if key in last:
            found.append((last[key], index))
        last[key] = index
    return found


def sequences(frames: Sequence[DepthFrame]) -> dict[str, list[int]]:
    """The indices of each sequence's views, in order, by the name `scene/sequence`."""
    found: dict[str, list[int]] = {}
    for index, frame in enumerate(frames):
        found.setdefault(f"{frame.scene}/{frame.sequence}", []).append(index)
    return found
