"""What is fixed on training pairs: scale of the coded residual, levels of the camera, calibration of draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from s2r_baselines._diffusion.maps import MapCode
from s2r_bench.depth_code import ResidualCode, ResidualForm, residual_of
from s2r_bench.depth_levels import fitted_levels
from s2r_bench.errors import DataError
from s2r_bench.simulator import PairSet
from s2r_bench.types import DepthPair

CODE_SAMPLE_PAIRS = 64
CALIBRATION_PAIRS = 24
LEVEL_ROUNDS = 4
Levels = tuple[float, ...]


@dataclass(frozen=True)
class Calibration:
    """Two constants fixed on the training pairs: `gain` of the coded residual, `threshold` of validity."""

    gain: float = 1.0
    threshold: float = 0.0

    @classmethod
    def fitted(cls, drawn: Tensor, wanted: Tensor, *, spread: bool) -> "Calibration":
        """From drawn and wanted maps (2, N) of the same frames; `spread`: whether the first map is a residual."""
        seen = wanted[1] > 0
        threshold = _quantile(drawn[1], 1 - float(seen.float().mean()))
        kept = drawn[1] > threshold
        if not (spread and seen.any() and kept.any()):
            return cls(threshold=threshold)
        return cls(gain=_half_width(wanted[0][seen]) / max(_half_width(drawn[0][kept]), 1e-6), threshold=threshold)

    def apply(self, maps: Tensor) -> Tensor:
        """Calibrated maps (2, H, W): validity is positive where a value is."""
        return torch.stack([maps[0] * self.gain, maps[1] - self.threshold])


def calibrated(codes: MapCode, pairs: Sequence[DepthPair], drawn: Sequence[Tensor]) -> Calibration:
    """The calibration at which draws have the captures' hole rate, and spread where a residual is coded.

    Args:
        codes: of the maps.
        pairs: some training pairs.
        drawn: (2, H, W) uncalibrated maps drawn for the clean side of each.
    """
    known = [torch.from_numpy(pair.clean.valid) for pair in pairs]
    maps = torch.cat([some[:, where] for some, where in zip(drawn, known, strict=True)], 1)
    truth = torch.cat([codes.target(pair)[0][:, where] for pair, where in zip(pairs, known, strict=True)], 1)
    found = Calibration.fitted(maps, truth, spread=codes.residual is not None)
    if codes.residual is None or codes.levels is None:
        return found
    clean = torch.cat(
        [torch.from_numpy(pair.clean.depth)[where].double() for pair, where in zip(pairs, known, strict=True)]
    )
    return _with_levels(found, codes, clean, maps, truth)


def fitted_residual(
    probe: MapCode, pairs: PairSet, spread: float, form: ResidualForm = "asinh", *, by_range: bool = True
) -> ResidualCode:
    """The residual's code with its constants fixed on some of `pairs`.

    Args:
        probe: a code without residual, which says what counts as captured.
        pairs: training pairs.
        spread: standard deviation of the coded residual.
        form: of the code.
        by_range: whether its scale follows range.

    Raises:
        DataError: captured and clean depth are the same everywhere, or never close: there is no noise to model.
    """
    depths, residuals = [], []
    for index in spaced(len(pairs), CODE_SAMPLE_PAIRS):
        pair = pairs[index]
        clean, captured = (torch.from_numpy(frame.depth).double() for frame in (pair.clean, pair.captured))
        seen = probe.seen(pair)
        depths.append(clean[seen])
        residuals.append(residual_of(probe.depth, clean, captured)[seen])
    try:
        return ResidualCode.fitted(torch.cat(depths), torch.cat(residuals), form, spread, by_range=by_range)
    except ValueError as wrong:
        raise DataError(str(wrong)) from None


def camera_levels(pairs: PairSet) -> Levels | None:
    """The discrete depths of the camera behind `pairs`; None where depth varies freely."""
    levels = fitted_levels(pairs[index].captured.depth for index in spaced(len(pairs), CODE_SAMPLE_PAIRS))
    return None if levels is None else tuple(levels.tolist())


def spaced(count: int, most: int) -> list[int]:
    """At most `most` of `count` indices, evenly spaced."""
    indices: list[int] = np.linspace(0, count - 1, min(count, most)).astype(int).tolist()
    return indices


def _with_levels(found: Calibration, codes: MapCode, clean: Tensor, drawn: Tensor, wanted: Tensor) -> Calibration:
    """The gain once more, for residuals that end on levels: rounding adds to the spread, the more the farther."""
    kept, seen = drawn[1] > found.threshold, wanted[1] > 0
    if codes.residual is None or not (kept.any() and seen.any()):
        return found
    goal, gain = _half_width(wanted[0][seen]), found.gain
    for _ in range(LEVEL_ROUNDS):
        metres = codes.metres(clean[kept], gain * drawn[0][kept].double())
        ended = codes.residual.encode(clean[kept], residual_of(codes.depth, clean[kept], metres))
        gain *= goal / max(_half_width(ended), 1e-6)
    return Calibration(gain, found.threshold)


def _half_width(values: Tensor) -> float:
    """Half the distance between the 10 % and the 90 % quantile."""
    return (_quantile(values, 0.9) - _quantile(values, 0.1)) / 2


def _quantile(values: Tensor, share: float) -> float:
    """A quantile of any number of values (torch's own stops at 16 million)."""
    ordered = values.flatten().sort().values
    return float(ordered[min(int(share * len(ordered)), len(ordered) - 1)])
