"""What is generated, and how the network looks at it: offsets of the clean points, or a cloud of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from s2r_baselines._dit3d.options import CloudOptions
from s2r_baselines._dit3d.views import GEOMETRY_CHANNELS, Windows
from s2r_baselines._dit3d.voxels import Box, Cells

CLEAN_CHANNELS = 4  # place within the cell, and whether the cell holds a point
LEAST_SHARE = 1 / 16  # of a window's pixels: the box of fewer clean points may be far smaller than the captured cloud
UNSEEN_WEIGHT = 0.1  # of an offset that was never captured: it is not looked at, but has to be denoised like the rest


@dataclass(frozen=True)
class OffsetScene:
    """What stays the same while offsets are denoised: the clean points' cells and features (B, C, R, R, R)."""

    cells: Cells
    condition: Tensor


class Offsets:
    """State (B, P, 4) of the clean points: offset / `scale_m` to where each was captured, and +1 or -1: if it was.

    Args:
        options: switches.
        side: cells along the grid.
        scale_m: metres of offset that are 1.
    """

    state = 4

    def __init__(self, options: CloudOptions, side: int, scale_m: float) -> None:
        self.options, self.side, self.scale_m = options, side, scale_m

    @property
    def inputs(self) -> int:
        """Channels of the network's input."""
        return self.state + clean_channels(self.options)

    def target(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """States and their loss weights of windows of pairs."""
        windows = Windows(batch["maps"])
        seen = windows.captured > 0
        far = torch.where(seen, windows.captured - windows.depth, 0) / self.scale_m
        state = torch.cat([far[..., None] * windows.rays, (2.0 * seen - 1)[..., None]], 2)
        weight = torch.ones_like(state)
        weight[..., :3] = torch.where(seen, 1.0, UNSEEN_WEIGHT)[..., None]
        return state, weight * windows.there[..., None]

    def scene(self, windows: Windows) -> OffsetScene:
        """The cells are those of the clean cloud in its own box."""
        points = windows.points
        cells = Cells.of(points, windows.there, Box.around(points, windows.there), self.side)
        return OffsetScene(cells, cells.mean(clean_features(windows, cells, self.options)))

    def predict(self, network: nn.Module, scene: OffsetScene, noisy: Tensor, timesteps: Tensor) -> Tensor:
        """(B, P, 4) what the network says of noisy states."""
        grid: Tensor = network(torch.cat([scene.cells.mean(noisy), scene.condition], 1), timesteps)
        return scene.cells.read(grid.float())

    def moved(self, windows: Windows, state: Tensor) -> Tensor:
        """(B, P, 3) captured points that states mean, metres."""
        return windows.points + self.scale_m * state[..., :3]


@dataclass(frozen=True)
class CloudScene:
    """The clean clouds, in units of their own boxes: a ball of diameter 1."""

    windows: Windows
    box: Box
    clean: Tensor


class Clouds:
    """State (B, N, 3): the captured points themselves, in units of the clean cloud's box, in no order."""

    state = 3

    def __init__(self, options: CloudOptions, side: int) -> None:
        self.options, self.side = options, side

    @property
    def inputs(self) -> int:
        """Channels of the network's input."""
        return self.state + 1 + clean_channels(self.options)

    def target(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """States and their loss weights; "picks" (B, N) are the pixels that were drawn of each window."""
        windows = Windows(batch["maps"])
        scene, picks = self.scene(windows), batch["picks"][..., None]
        points = scene.box.inward(windows.captured[..., None] * windows.rays)
        seen = (windows.captured > 0)[..., None]
        state = torch.where(seen, points, 0).gather(1, picks.expand(-1, -1, 3))
        enough = windows.there.float().mean(1) >= LEAST_SHARE
        weight = seen.gather(1, picks) & enough[:, None, None]
        return state, weight.expand_as(state).to(state.dtype)

    def scene(self, windows: Windows) -> CloudScene:
        """The clean clouds in their boxes."""
        box = Box.around(windows.points, windows.there)
        return CloudScene(windows, box, box.inward(windows.points))

    def predict(self, network: nn.Module, scene: CloudScene, noisy: Tensor, timesteps: Tensor) -> Tensor:
        """(B, N, 3) what the network says of noisy clouds.

        The grid is that of the noisy cloud, made anew at every step; that of the clean one beside it is the same cube.
        """
        every = torch.ones_like(noisy[..., 0], dtype=torch.bool)
        box = Box.around(noisy, every)
        own = Cells.of(noisy, every, box, self.side)
        clean = Cells.of(scene.clean, scene.windows.there, box, self.side)
        features = torch.cat([noisy, torch.ones_like(noisy[..., :1])], 2)
        condition = clean.mean(clean_features(scene.windows, clean, self.options))
        grid: Tensor = network(torch.cat([own.mean(features), condition], 1), timesteps)
        return own.read(grid.float())


Mode = Offsets | Clouds


def clean_channels(options: CloudOptions) -> int:
    """Channels of `clean_features`."""
    return CLEAN_CHANNELS + (GEOMETRY_CHANNELS if options.geometry else 0)


def clean_features(windows: Windows, cells: Cells, options: CloudOptions) -> Tensor:
    """(B, P, C) of clean points: place within the cell, 1, and with `geometry` range, ray and normal."""
    parts = [cells.within, torch.ones_like(cells.within[..., :1])]
    return torch.cat(parts + ([windows.geometry] if options.geometry else []), 2)
