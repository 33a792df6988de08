"""From a depth pair to the maps a stage is conditioned on and trained towards, and from a prediction back to depth.

Condition maps (C, H, W): depth code, validity (+1/-1) and, with `geometry`, the code's gradients and the viewing ray
(a camera's distortion and falloff go with the place in the image). Target maps (2, H, W): the coded residual (or the
captured depth's own code) and validity, so that holes are learned and sampled like everything else: at inference
nothing is known but the clean depth.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from s2r_baselines._diffusion.options import CodeOptions
from s2r_bench.depth_code import DepthCode, ResidualCode, apply_residual, residual_of
from s2r_bench.depth_levels import to_level
from s2r_bench.types import DepthFrame, DepthPair

GRADIENT_GAIN = 40.0  # a 60 degree slope at 2 m is about 0.02 of depth code a pixel at 320 px


@dataclass(frozen=True)
class MapCode:
    """The pixel-space side of a stage's code.

    Attributes:
        options: switches.
        residual: constants of the residual code; None: the target is the captured depth's own code ("sd").
        levels: the camera's discrete depths in metres, ascending; None: depth varies freely.
    """

    options: CodeOptions
    residual: ResidualCode | None
    levels: tuple[float, ...] | None = None

    @property
    def depth(self) -> DepthCode:
        """The depth code."""
        return DepthCode(kind=self.options.depth)

    @property
    def condition_channels(self) -> int:
        """Channels of `condition`."""
        return 6 if self.options.geometry else 2

    def condition(self, frame: DepthFrame) -> Tensor:
        """(C, H, W) float32 from clean depth and camera."""
        clean = torch.from_numpy(frame.depth)
        valid = clean > 0
        code = torch.where(valid, self.depth.encode(clean), 1.0)
        maps = [code, torch.where(valid, 1.0, -1.0)]
        if self.options.geometry:
            maps += [*_gradients(code), *_ray(frame)]
        return torch.stack(maps).float()

    def target(self, pair: DepthPair) -> tuple[Tensor, Tensor]:
        """(2, H, W) target maps and (2, H, W) loss weights.

        A residual where nothing was captured is 0 and weighs little: it is never looked at, but has to be denoised
        like the rest. Where the clean depth is missing nothing weighs.
        """
        clean, captured = torch.from_numpy(pair.clean.depth), torch.from_numpy(pair.captured.depth)
        seen = self.seen(pair)
        if self.residual is None:
            value = torch.where(seen, self.depth.encode(captured), self.depth.encode(clean))
        else:
            metres = clean.double()
            coded = self.residual.encode(metres, residual_of(self.depth, metres, captured.double()))
            value = torch.where(seen, coded, 0.0)
        known = clean > 0
        weight = torch.stack([torch.where(seen, 1.0, 0.1) * known, known.float()])
        return torch.stack([value, self._validity(seen)]).float(), weight.float()

    def seen(self, pair: DepthPair) -> Tensor:
        """(H, W) bool: captured within `max_residual_m` of the clean depth."""
        clean, captured = pair.clean.depth, pair.captured.depth
        near = np.abs(captured - clean) < self.options.max_residual_m
        return torch.from_numpy((captured > 0) & (clean > 0) & near)

    def decode(self, frame: DepthFrame, maps: Tensor) -> np.ndarray:
        """Depth (H, W) float32 metres from predicted target maps (2, H, W); 0 beyond the code and where not valid."""
        clean = torch.from_numpy(frame.depth).double()
        metres = self.metres(clean, maps[0].double().cpu())
        within = (clean > 0) & (clean <= self.depth.far) & (metres > self.depth.near) & (metres <= self.depth.far)
        return torch.where(within & (maps[1].cpu() > 0), metres, 0.0).float().numpy()

    def metres(self, clean: Tensor, value: Tensor) -> Tensor:
        """Depth in metres that the first target map means at clean depth `clean`, float64, any shape; on a level."""
        return self.on_level(self.free_metres(clean, value))

    def free_metres(self, clean: Tensor, value: Tensor) -> Tensor:
        """As `metres`, before it is moved to a level."""
        if self.residual is None:
            return self.depth.decode(value)
        return apply_residual(self.depth, clean, self.residual.decode(clean, value))

    def on_level(self, metres: Tensor) -> Tensor:
        """The nearest of the camera's depths, if it has discrete ones; else `metres` as they are."""
        if self.levels is None:
            return metres
        return torch.from_numpy(to_level(metres.numpy(), np.asarray(self.levels))).double()

    def _validity(self, seen: Tensor) -> Tensor:
        """+1 to -1 with the sign of `seen`; "distance" falls linearly to the border, half a pixel off either side."""
        if self.options.validity == "sign":
            return torch.where(seen, 1.0, -1.0)
        from scipy.ndimage import distance_transform_edt

        mask = seen.numpy()
        inside, outside = (
            distance_transform_edt(side) if side.any() else np.zeros(side.shape) for side in (mask, ~mask)
        )
        if mask.all() or not mask.any():
            return torch.full(mask.shape, 1.0 if mask.all() else -1.0)
        signed = np.where(mask, inside - 0.5, 0.5 - outside)
        return torch.from_numpy(np.clip(signed / self.options.reach, -1, 1))


def _gradients(code: Tensor) -> list[Tensor]:
    across = torch.diff(code, dim=1, prepend=code[:, :1])
    down = torch.diff(code, dim=0, prepend=code[:1])
    return [(GRADIENT_GAIN * gradient).clamp(-1, 1) for gradient in (across, down)]


def _ray(frame: DepthFrame) -> list[Tensor]:
    height, width = frame.size
    x = (torch.arange(width, dtype=torch.float64) - frame.K[0, 2]) / frame.K[0, 0]
    y = (torch.arange(height, dtype=torch.float64) - frame.K[1, 2]) / frame.K[1, 1]
    return [x.expand(height, width), y[:, None].expand(height, width)]
