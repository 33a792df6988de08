"""Maps of pairs: the codes of the diffusion simulators with their constants, and holes that a discriminator can see.

Validity is a map of its own, +1 or -1: a hole needs a place that is no depth, and one that both a generator can reach
(by tanh) and a discriminator can see.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from s2r_baselines._diffusion import options as diffusion
from s2r_baselines._diffusion.maps import MapCode
from s2r_baselines._diffusion.stage import CALIBRATION_PAIRS, Calibration, _with_levels
from s2r_baselines._gan.options import MapOptions
from s2r_bench.depth_code import ResidualCode, residual_of
from s2r_bench.depth_levels import fitted_levels
from s2r_bench.errors import DataError
from s2r_bench.simulator import PairSet
from s2r_bench.types import DepthFrame

CODE_SAMPLE_PAIRS = 64
SPREAD, TANH_SPREAD = 0.5, 0.3  # of the coded residual: free, and where a tanh ends its range
Levels = tuple[float, ...]


def map_code(options: MapOptions, residual: ResidualCode | None, levels: Levels | None) -> MapCode:
    """The pixel-space code with the given constants."""
    shared = diffusion.CodeOptions(
        depth=options.depth, geometry=options.geometry, max_residual_m=options.max_residual_m, validity="sign"
    )
    return MapCode(shared, residual, levels)


def fitted_code(options: MapOptions, pairs: PairSet, spread: float = SPREAD) -> MapCode:
    """The code with its constants fixed on `pairs`.

    Args:
        options: which.
        pairs: training pairs.
        spread: standard deviation of the coded residual: smaller where a tanh ends its range.

    Raises:
        DataError: captured and clean depth are the same everywhere, or never close: there is no noise to model.
    """
    probe = map_code(options, None, None)
    residual = _fitted_residual(probe, pairs, spread) if options.residual else None
    return map_code(options, residual, camera_levels(pairs) if options.levels else None)


def camera_levels(pairs: PairSet) -> Levels | None:
    """The discrete depths of the camera behind `pairs`; None where depth varies freely."""
    levels = fitted_levels(pairs[index].captured.depth for index in spaced(len(pairs), CODE_SAMPLE_PAIRS))
    return None if levels is None else tuple(levels.tolist())


def calibrated(codes: MapCode, pairs: PairSet, draw: Callable[[DepthFrame, int], Tensor]) -> Calibration:
    """Threshold of validity and gain of the residual, as the diffusion simulators fix them.

    Args:
        codes: of the maps.
        pairs: training pairs.
        draw: (clean frame, number of its pair) -> a draw of its maps (2, H, W).
    """
    drawn, wanted, depths = [], [], []
    for index in spaced(len(pairs), CALIBRATION_PAIRS):
        pair = pairs[index]
        known = torch.from_numpy(pair.clean.valid)
        drawn.append(draw(pair.clean, index)[:, known])
        wanted.append(codes.target(pair)[0][:, known])
        depths.append(torch.from_numpy(pair.clean.depth)[known].double())
    maps, truth = torch.cat(drawn, 1), torch.cat(wanted, 1)
    found = Calibration.fitted(maps, truth, spread=codes.residual is not None)
    if codes.residual is None or codes.levels is None:
        return found
    return _with_levels(found, codes, torch.cat(depths), maps, truth)


def unpaired_threshold(pairs: PairSet, draw: Callable[[DepthFrame], Tensor]) -> Calibration:
    """The threshold of validity at which made frames have the captures' hole rate; no two sides are put together."""
    indices = spaced(len(pairs), CALIBRATION_PAIRS)
    clean = [pairs[index].clean for index in indices]
    validity = torch.cat([draw(frame)[1][torch.from_numpy(frame.valid)] for frame in clean])
    known = sum(int(frame.valid.sum()) for frame in clean)
    seen = sum(int(pairs[index].captured.valid.sum()) for index in indices)
    share = min(seen / max(known, 1), 1.0)
    ordered = validity.sort().values
    return Calibration(threshold=float(ordered[min(int((1 - share) * len(ordered)), len(ordered) - 1)]))


def resting(condition: Tensor, *, residual: bool) -> Tensor:
    """(B, 1, H, W): the value that a target map holds where nothing was captured: no residual, or the clean depth."""
    code, validity = condition[:, :1], condition[:, 1:2]
    return torch.zeros_like(code) if residual else torch.where(validity > 0, code, -1.0)


def with_holes(drawn: Tensor, condition: Tensor, rest: Tensor) -> Tensor:
    """Generated maps (B, 2, h, w) as captures are coded: `rest` in holes, and a hole where nothing is.

    Without this the discriminator would tell sides by what stands under a hole, which no depth map holds.
    """
    known = (condition[:, 1:2] + 1) / 2  # a share at coarse scales
    seen = known * (drawn[:, 1:] + 1) / 2
    return torch.cat([rest + seen * (drawn[:, :1] - rest), 2 * seen - 1], 1)


def spaced(count: int, most: int) -> list[int]:
    """At most `most` of `count` indices, evenly spaced."""
    return [int(index) for index in np.linspace(0, count - 1, min(count, most))]


def _fitted_residual(probe: MapCode, pairs: PairSet, spread: float) -> ResidualCode:
    depths, residuals = [], []
    for index in spaced(len(pairs), CODE_SAMPLE_PAIRS):
        pair = pairs[index]
        clean, captured = (torch.from_numpy(frame.depth).double() for frame in (pair.clean, pair.captured))
        seen = probe.seen(pair)
        depths.append(clean[seen])
        residuals.append(residual_of(probe.depth, clean, captured)[seen])
    try:
        return ResidualCode.fitted(torch.cat(depths), torch.cat(residuals), spread=spread)
    except ValueError as wrong:
        raise DataError(str(wrong)) from None
