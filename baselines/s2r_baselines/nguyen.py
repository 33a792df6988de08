"""Kinect v1 noise by range and angle: axial and lateral Gaussian noise of each pixel (Nguyen, Izadi and Lovell 2012).

The error along the optical axis has the standard deviation, with range Z in metres and incidence angle t in radians,

    axial(Z, t) = 0.0012 + 0.0019 (Z - 0.4)^2  [+ 0.0001 t^2 / (sqrt(Z) (pi/2 - t)^2)  beyond 60 degrees]   metres,

and a measured point comes from beside the pixel, by a standard deviation of 0.8 + 0.035 t / (pi/2 - t) pixels of a
640-pixel-wide image in each direction. The model has no holes. Neither expression is used beyond `steepest_deg`, where
the measurements ended. Normals are taken from the clean depth; where they are unknown a surface counts as frontal.

Fit: the robust spread of the captures' residuals by range and angle, less what the lateral noise adds on a slope,
against the three terms of the axial noise by weighted non-negative least squares. The lateral noise stays as published:
it was measured at edges of known straight objects, which pairs do not hold.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from s2r_baselines._residuals import BIN_COUNT, bins_of
from s2r_baselines._sensors.figures import FEWEST, half_spread
from s2r_baselines._sensors.model import DEPTH_RANGE_M, Constants, PhysicalSensor, SensorOptions, chosen
from s2r_baselines._sensors.surface import inverse_of, jittered
from s2r_bench.errors import DataError
from s2r_bench.geometry.points import incidence_angle
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, rng_of
from s2r_bench.simulator import Budget, Card, FitReport, PairSet, Simulator
from s2r_bench.types import BoolArray, DepthFrame, DepthPair, FloatArray

FOCAL_PX = 585.0  # of the 640 x 480 depth image in whose pixels the lateral noise was published
LEAST_SHARE = 0.1  # of a spread counts as axial, whatever the lateral noise explains
KNEE_RAD = np.radians(60.0)
AXIAL = ("axial_m", "axial_quadratic", "axial_grazing")


class NguyenConstants(Constants):
    """Coefficients of the published formulas."""

    axial_m: float = Field(0.0012, ge=0, description="axial noise at `nearest_m`, m (Nguyen 2012)")
    axial_quadratic: float = Field(0.0019, ge=0, description="growth with range, 1/m (Nguyen 2012)")
    axial_grazing: float = Field(0.0001, ge=0, description="growth beyond 60 degrees, m^1.5 (Nguyen 2012)")
    nearest_m: float = Field(0.4, ge=0, description="range from which the quadratic counts, m (Nguyen 2012)")
    lateral_px: float = Field(0.8, ge=0, description="lateral noise, pixels at 640 columns (Nguyen 2012)")
    lateral_grazing_px: float = Field(0.035, ge=0, description="its growth with angle, pixels (Nguyen 2012)")
    steepest_deg: float = Field(82.0, gt=60, lt=90, description="noise of steeper surfaces is that at this angle, deg")


class NguyenOptions(SensorOptions):
    """`frames`: training views that are looked at; `rounds` is not used."""

    frames: int = Field(64, ge=1, description="training views that the fit looks at, spread evenly over the pairs")
    constants: NguyenConstants = NguyenConstants()


class Nguyen(PhysicalSensor[NguyenConstants]):
    """Gaussian noise in depth and in the image, every pixel on its own."""

    card: ClassVar[Card] = Card(
        title="Kinect v1 noise (Nguyen)",
        source="Nguyen, Izadi, Lovell: Modeling Kinect sensor noise, 3DIMPVT 2012",
        training="paired",
        stochastic=True,
        licence="Apache-2.0",
        depth_range_m=DEPTH_RANGE_M,
    )
    options_type: ClassVar[type[Options]] = NguyenOptions
    name: ClassVar[str] = "nguyen"
    searched: ClassVar[Mapping[str, tuple[float, float]]] = {}  # the fit has a closed form

    def capture(self, frame: DepthFrame, seed: FrameSeed, constants: NguyenConstants) -> FloatArray:
        """Depth from beside the pixel, plus axial noise."""
        dice = rng_of(seed.view, "nguyen")
        angle, _ = incidence_angle(frame.depth, frame.K)
        spread = lateral_px(angle, constants) * (frame.K[0, 0] / FOCAL_PX)
        depth = inverse_of(jittered(inverse_of(frame.depth), spread, dice))
        noise = axial_m(depth, angle, constants) * dice.standard_normal(frame.size)
        return np.where(depth > 0, depth + noise, 0.0)

    def fitted(
        self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None
    ) -> tuple[NguyenConstants, FitReport]:
        """Least squares on binned spreads: no steps, nothing to resume."""
        bins, terms, variance, residual = (
            np.concatenate(parts)
            for parts in zip(*(self._samples(pair) for pair in chosen(pairs, self.options.frames)), strict=True)
        )
        if len(bins) == 0:
            raise DataError("the training pairs hold no captured pixel near the clean depth: are the sides swapped?")
        design, spreads, weights = [], [], []
        for index in range(BIN_COUNT):
            inside = bins == index
            if inside.sum() < FEWEST:
                continue
            whole = half_spread(residual[inside])
            # medians: beside an edge the slope is that of no surface; and some of a spread is always axial
            spread = max(np.sqrt(max(whole**2 - np.median(variance[inside]), 0.0)), LEAST_SHARE * whole, 1e-6)
            design.append(np.median(terms[inside], axis=0))
            spreads.append(spread)
            weights.append(np.sqrt(inside.sum()) / spread)  # relative errors: near ranges count as much
        if not spreads:
            raise DataError(f"no bin of range and angle has {FEWEST} captured pixels: fit to more or larger frames")
        values = _non_negative(np.array(design), np.array(spreads), np.array(weights))
        # a term that no pixel has (no steep surface was seen) stays as it was
        return self.start.model_copy(update=values), FitReport(parameters=len(values))

    def _samples(self, pair: DepthPair) -> tuple[np.ndarray, FloatArray, FloatArray, FloatArray]:
        """Bin, (N, 3) axial terms, lateral variance in m^2 and residual in m of each captured pixel."""
        clean = pair.clean.depth.astype(np.float64)
        error = pair.captured.depth - clean
        angle, known = incidence_angle(pair.clean.depth, pair.clean.K)
        used = known & pair.captured.valid & (np.abs(error) < self.options.max_residual_m)
        down, across = np.gradient(clean)
        spread = lateral_px(angle, self.start) * (pair.clean.K[0, 0] / FOCAL_PX)
        variance = spread**2 * (down**2 + across**2)
        terms = np.stack(axial_terms(clean, angle, self.start), -1)
        return bins_of(pair.clean)[used], terms[used], variance[used], error[used]


def axial_terms(depth: FloatArray, angle: np.ndarray, constants: NguyenConstants) -> tuple[FloatArray, ...]:
    """What the three axial coefficients multiply, each of the shape of `depth` (metres) and `angle` (radians)."""
    held = np.minimum(angle, np.radians(constants.steepest_deg)).astype(np.float64)
    grazing = held**2 / (np.sqrt(np.maximum(depth, 1e-3)) * (np.pi / 2 - held) ** 2)
    return np.ones_like(depth), (depth - constants.nearest_m) ** 2, np.where(held > KNEE_RAD, grazing, 0.0)


def axial_m(depth: FloatArray, angle: np.ndarray, constants: NguyenConstants) -> FloatArray:
    """Standard deviation along the axis, metres, of `depth` (metres) and incidence `angle` (radians).

    >>> float(axial_m(np.array(2.4), np.array(0.0), NguyenConstants()))
    0.0088
    """
    terms = axial_terms(depth, angle, constants)
    return np.asarray(sum(getattr(constants, name) * term for name, term in zip(AXIAL, terms, strict=True)))


def lateral_px(angle: np.ndarray, constants: NguyenConstants) -> FloatArray:
    """Standard deviation in the image, pixels at 640 columns, of incidence `angle` (radians).

    >>> round(float(lateral_px(np.array(np.pi / 4), NguyenConstants())), 6)
    0.835
    """
    held = np.minimum(angle, np.radians(constants.steepest_deg)).astype(np.float64)
    return np.asarray(constants.lateral_px + constants.lateral_grazing_px * held / (np.pi / 2 - held))


def _non_negative(design: FloatArray, spreads: FloatArray, weights: FloatArray) -> dict[str, float]:
    from scipy.optimize import nnls

    present: BoolArray = design.max(0) > 0
    values, _ = nnls(design[:, present] * weights[:, None], spreads * weights)
    names = [name for name, there in zip(AXIAL, present.tolist(), strict=True) if there]
    return {name: float(value) for name, value in zip(names, values, strict=True)}


simulator: type[Simulator] = Nguyen
