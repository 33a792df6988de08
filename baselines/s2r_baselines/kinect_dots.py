"""Kinect v1 as structured light: lateral shift, disparity steps, a dot window and the projector's shadow (Handa 2014).

The chain of Barron and Malik (2013) with the dot-pattern window of Bohg et al. and Handa et al. (2014):

1. the depth map is resampled to the sensor's pixels, `focal_px` wide, by whole steps;
2. a pixel sees the surface beside it, `lateral_px` away (standard deviation, each direction);
3. disparity `focal_px * baseline_m / Z` is rounded to 1 / `steps_per_px` of a pixel;
4. what the projector, `baseline_m` to the right of the camera, cannot reach has no value: shadows lie to the left of
   what throws them. (The simulators from which the chain is known leave this out; BlenSor has it.)
5. a window around each dot of the pattern decides whether its disparity can be trusted (`_sensors/dots.py`);
6. disparity in steps gets noise of `noise_steps` and is rounded again, floor(x + noise + 1/2).

The published constant 35130 (centimetres times steps) is 8 x 585 px x 7.5 cm to a tenth of a per cent. The Kinect's own
dot pattern is not distributed here; random dots, one in each 3 x 3 pixels, stand in for it. Some implementations also
round depth to whole centimetres before step 6, which makes bands that no sensor has: not done here.

Fit: baseline, noise and lateral shift by simulated moments (`_sensors/model.py`).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from s2r_baselines._sensors.dots import dot_pattern, filled
from s2r_baselines._sensors.model import DEPTH_RANGE_M, Constants, PhysicalSensor, SensorOptions
from s2r_baselines._sensors.surface import finer, inverse_of, jittered, seen_from
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, rng_of
from s2r_bench.simulator import Card, Simulator
from s2r_bench.types import DepthFrame, FloatArray


class KinectDotsConstants(Constants):
    """The sensor's constants."""

    focal_px: float = Field(585.0, gt=0, description="focal length at which the sensor works, px (35130 / 8 / 7.5 cm)")
    baseline_m: float = Field(0.075, gt=0, description="projector to camera, m (Gschwandtner 2011)")
    steps_per_px: float = Field(8.0, gt=0, description="disparity steps in a pixel (Barron and Malik 2013)")
    lateral_px: float = Field(0.5, ge=0, description="lateral shift, std in sensor px (Barron and Malik 2013)")
    noise_steps: float = Field(1 / 6, ge=0, description="disparity noise, std in steps (Barron and Malik 2013)")


class KinectDotsOptions(SensorOptions):
    """`dots` and `shadow` switch steps 5 and 4."""

    dots: bool = Field(True, description="the dot-pattern window; false with `shadow` false: Barron and Malik's noise")
    shadow: bool = Field(True, description="holes where the projector does not reach")
    pattern_seed: int = Field(1, description="of the random dots, which belong to the sensor's make")
    constants: KinectDotsConstants = KinectDotsConstants()

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        **SensorOptions.presets,
        "small": {"frames": 16},
        "paper": {"frames": 16},
    }


class KinectDots(PhysicalSensor[KinectDotsConstants]):
    """Structured light from a depth map."""

    card: ClassVar[Card] = Card(
        title="Kinect v1 dots (Handa)",
        source="Barron, Malik: CVPR 2013; Handa et al.: ICRA 2014; Bohg et al.: ICRA 2014",
        training="paired",
        stochastic=True,
        licence="Apache-2.0",
        depth_range_m=DEPTH_RANGE_M,
    )
    options_type: ClassVar[type[Options]] = KinectDotsOptions
    name: ClassVar[str] = "kinect-dots"
    searched: ClassVar[Mapping[str, tuple[float, float]]] = {
        "noise_steps": (0.01, 20.0),
        "lateral_px": (0.05, 4.0),
        "baseline_m": (0.02, 0.3),
    }
    options: KinectDotsOptions

    def capture(self, frame: DepthFrame, seed: FrameSeed, constants: KinectDotsConstants) -> FloatArray:
        """The chain of the module's docstring."""
        dice = rng_of(seed.view, "kinect-dots")
        step = max(1, round(constants.focal_px / frame.K[0, 0]))
        inverse = finer(inverse_of(frame.depth), step)
        seen = jittered(inverse, constants.lateral_px, dice)
        scale = constants.focal_px * constants.baseline_m  # px m
        disparity = np.rint(constants.steps_per_px * scale * seen) / constants.steps_per_px
        if self.options.shadow:
            disparity[~seen_from(inverse, frame.K[0, 0] * step * constants.baseline_m)] = 0
        if self.options.dots:
            disparity = filled(disparity, dot_pattern(*inverse.shape, self.options.pattern_seed))
        return self._depth(disparity[::step, ::step], dice, constants)

    @staticmethod
    def _depth(disparity: FloatArray, dice: np.random.Generator, constants: KinectDotsConstants) -> FloatArray:
        """Step 6: (H, W) metres of disparity in pixels; 0 where it has none."""
        noise = constants.noise_steps * dice.standard_normal(disparity.shape)
        steps = np.floor(disparity * constants.steps_per_px + noise + 0.5)
        known = (disparity > 0) & (steps > 0)
        scale = constants.steps_per_px * constants.focal_px * constants.baseline_m
        return np.where(known, scale / np.where(known, steps, 1.0), 0.0)


simulator: type[Simulator] = KinectDots
