"""Maps of pairs: the codes of the diffusion simulators with their constants, and holes that a discriminator can see.

Validity is a map of its own, +1 or -1: a hole needs a place that is no depth, and one that both a generator can reach
and a discriminator can see. A generator draws its logit, which cross-entropy teaches: a tanh under L1 is +1 wherever a
hole is less likely than not, which is nearly everywhere, and saturated there it learns no more.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from s2r_baselines._diffusion import options as diffusion
from s2r_baselines._diffusion.constants import (
    CALIBRATION_PAIRS,
    Calibration,
    Levels,
    calibrated,
    camera_levels,
    fitted_residual,
    spaced,
)
from s2r_baselines._diffusion.maps import MapCode
from s2r_baselines._gan.options import MapOptions
from s2r_bench.depth_code import ResidualCode
from s2r_bench.simulator import PairSet
from s2r_bench.types import DepthFrame

SPREAD, TANH_SPREAD = 0.5, 0.3  # of the coded residual: free, and where a tanh ends its range


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
    residual = fitted_residual(probe, pairs, spread) if options.residual else None
    return map_code(options, residual, camera_levels(pairs) if options.levels else None)


def paired_calibration(codes: MapCode, pairs: PairSet, draw: Callable[[DepthFrame, int], Tensor]) -> Calibration:
    """Threshold of validity and gain of the residual, as the diffusion simulators fix them.

    Args:
        codes: of the maps.
        pairs: training pairs.
        draw: (clean frame, number of its pair) -> a draw of its maps (2, H, W).
    """
    chosen = spaced(len(pairs), CALIBRATION_PAIRS)
    some = [pairs[index] for index in chosen]
    return calibrated(codes, some, [draw(pair.clean, index) for pair, index in zip(some, chosen, strict=True)])


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
    """Generated values and logits (B, 2, h, w) as captures are coded: `rest` in holes, and a hole where nothing is.

    Without this the discriminator would tell sides by what stands under a hole, which no depth map holds.
    """
    known = (condition[:, 1:2] + 1) / 2  # a share at coarse scales
    seen = known * drawn[:, 1:].sigmoid()
    return torch.cat([rest + seen * (drawn[:, :1] - rest), 2 * seen - 1], 1)
