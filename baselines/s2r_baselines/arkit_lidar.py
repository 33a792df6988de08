"""ARKit-like LiDAR depth: sparse anchors on a wavy grid, densified and smoothed; residuals are low in frequency.

What a phone delivers is dense depth of 256 x 192 pixels that a network completes from a sparse grid of laser ranges; no
public model of it is known to us. This one has its parts, with constants of our own choosing:

1. blocks of pixels become one by their median, down to `columns`, so that no depth lies between two surfaces;
2. anchors stand on a grid of `stride_px`, turned, stretched and bent by what a session shares, and moved by the frame;
3. an anchor's range has noise of `noise_m` + `noise_relative` Z, and all of a frame the same relative bias; surfaces
   steeper than `steepest_deg`, and ranges outside `near_m` to `far_m`, give no anchor;
4. each pixel takes the mean of its `neighbours` nearest anchors, weighted by distance (a Gaussian of one stride) and
   by how alike the depths are (`guide`, a Gaussian of ln Z): the clean depth stands in for the colour image that guides
   the phone's own completion;
5. a Gaussian of `blur_px` smooths; what is thinner than the stride vanishes, edges bleed;
6. confidence 2, 1, 0 by the distance and the spread of the anchors; pixels below `least_confidence` are holes; depth is
   rounded to `step_m`.

Fit: noise and bias of the anchors, their distance, and blur by simulated moments (`_sensors/model.py`).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from s2r_baselines._sensors.anchors import anchor_grid, completed, median_blocks, smoothed, widened
from s2r_baselines._sensors.model import DEPTH_RANGE_M, Constants, PhysicalSensor, SensorOptions
from s2r_bench.geometry.points import incidence_angle
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, rng_of
from s2r_bench.simulator import Card, Simulator
from s2r_bench.types import BoolArray, DepthArray, DepthFrame, FloatArray

NEAR_STRIDES, FAR_STRIDES = 1.0, 2.0  # distance of the nearest anchor up to which confidence is 2, and 1
CLOSE, LOOSE = 0.02, 0.1  # relative spread of the anchors, likewise


class ArkitLidarConstants(Constants):
    """The model's constants; pixels are those of 256 columns. All are of our own choosing."""

    stride_px: float = Field(7.0, ge=1, description="distance of anchors, px")
    noise_m: float = Field(0.003, ge=0, description="noise of an anchor at range 0, std in m")
    noise_relative: float = Field(0.003, ge=0, description="its growth with range, share of range")
    bias_relative: float = Field(0.005, ge=0, description="bias that a frame's anchors share, std, share of range")
    blur_px: float = Field(1.5, ge=0, description="smoothing, std in px")
    guide: float = Field(0.1, gt=0, description="difference of ln depth across which anchors count less, std")
    steepest_deg: float = Field(75.0, gt=0, le=90, description="incidence angle beyond which no anchor is measured")
    turn_deg: float = Field(2.0, ge=0, description="turn of the grid, std in degrees, per session")
    stretch: float = Field(0.02, ge=0, description="stretch of the grid, std, per session")
    wave_strides: float = Field(0.3, ge=0, description="amplitude of the grid's waves, std in strides, per session")
    neighbours: int = Field(4, ge=1, description="anchors that a pixel is the mean of")
    step_m: float = Field(0.001, gt=0, description="step of delivered depth, m (ARKitScenes: millimetres)")


class ArkitLidarOptions(SensorOptions):
    """`columns`: width at which the sensor works; larger frames are reduced to about it."""

    columns: int = Field(256, ge=16, description="width of the sensor's depth map, px")
    least_confidence: int = Field(0, ge=0, le=2, description="pixels of lower confidence are holes")
    near_m: float = Field(0.3, ge=DEPTH_RANGE_M[0], description="nearest depth, metres")
    far_m: float = Field(5.0, le=DEPTH_RANGE_M[1], description="farthest depth, metres")
    constants: ArkitLidarConstants = ArkitLidarConstants()

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        **SensorOptions.presets,
        "tiny": {"frames": 16, "rounds": 5},  # a frame has one bias: its spread is not seen in few of them
        "small": {"frames": 32},
        "paper": {"frames": 32},
    }


class ArkitLidar(PhysicalSensor[ArkitLidarConstants]):
    """Sparse laser ranges, completed."""

    card: ClassVar[Card] = Card(
        title="ARKit-like LiDAR",
        source="this repository",
        training="paired",
        stochastic=True,
        licence="Apache-2.0",
        depth_range_m=DEPTH_RANGE_M,
    )
    options_type: ClassVar[type[Options]] = ArkitLidarOptions
    name: ClassVar[str] = "arkit-lidar"
    searched: ClassVar[Mapping[str, tuple[float, float]]] = {
        "noise_m": (1e-4, 0.1),
        "noise_relative": (1e-4, 0.1),
        "bias_relative": (1e-4, 0.1),
        "blur_px": (0.1, 8.0),
        "stride_px": (1.0, 32.0),
    }
    options: ArkitLidarOptions

    def capture(self, frame: DepthFrame, seed: FrameSeed, constants: ArkitLidarConstants) -> FloatArray:
        """The chain of the module's docstring."""
        block = max(1, round(frame.size[1] / self.options.columns))
        small = median_blocks(frame.depth, block)
        scale = small.shape[1] / self.options.columns  # narrower frames are a narrower sensor, not a part of one
        stride = max(constants.stride_px * scale, 1.0)
        anchors = self._anchors(small.shape, stride, seed, constants)
        K = frame.K.copy()
        K[:2] /= block
        ranges, measured = self._ranges(small, K, anchors, seed, constants)
        if not measured.any():
            return np.zeros(frame.size)
        dense, away, spread = completed(
            small, anchors[measured], ranges[measured], stride, constants.guide, constants.neighbours
        )
        confidence = (away <= FAR_STRIDES * stride) & (spread <= LOOSE)
        confidence = confidence.astype(int) + (confidence & (away <= NEAR_STRIDES * stride) & (spread <= CLOSE))
        given = (small > 0) & (confidence >= self.options.least_confidence)
        depth = smoothed(np.where(small > 0, dense, 0.0), constants.blur_px * scale)
        whole = widened(np.where(given, depth, 0.0), block, frame.size)
        return np.rint(whole / constants.step_m) * constants.step_m

    @staticmethod
    def _anchors(size: tuple[int, ...], stride: float, seed: FrameSeed, constants: ArkitLidarConstants) -> np.ndarray:
        session, view = rng_of(seed.session, "arkit grid"), rng_of(seed.view, "arkit phase")
        turn = np.radians(constants.turn_deg) * session.standard_normal()
        stretch = 1 + constants.stretch * session.standard_normal(2)
        waves = constants.wave_strides * session.standard_normal(2)
        return anchor_grid((size[0], size[1]), stride, turn, stretch, waves, view.random(2))

    def _ranges(
        self,
        depth: DepthArray,
        K: FloatArray,
        anchors: np.ndarray,
        seed: FrameSeed,
        constants: ArkitLidarConstants,
    ) -> tuple[FloatArray, BoolArray]:
        """(A,) metres of each anchor with noise and bias, and (A,) whether it is measured at all."""
        dice = rng_of(seed.view, "arkit noise")
        angle, _ = incidence_angle(depth, K)
        z = depth[anchors[:, 0], anchors[:, 1]].astype(np.float64)
        steep = np.degrees(angle[anchors[:, 0], anchors[:, 1]]) > constants.steepest_deg
        bias = 1 + constants.bias_relative * dice.standard_normal()
        noise = (constants.noise_m + constants.noise_relative * z) * dice.standard_normal(len(z))
        return z * bias + noise, (z >= self.options.near_m) & (z <= self.options.far_m) & ~steep


simulator: type[Simulator] = ArkitLidar
