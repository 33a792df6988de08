"""Active stereo: semi-global matching of a synthetic infrared dot pair that is made from the depth map alone.

The depth map, resampled by whole steps to about `focal_px`, is lit by a projector of random dots and seen by two
cameras (`_sensors/stereo_pair.py`): light falls off with the square of range and the cosine of the angle, the projector
throws shadows, shot noise and read noise are added. OpenCV's semi-global matching (Hirschmueller 2008) with uniqueness,
left-right check and speckle filter finds the disparity d, and depth is f b / d. Edges that fatten, thin parts that
vanish, shadows, holes where light is weak, and steps of 1/16 px follow; nothing of them is drawn.

Albedo and shine are not in a depth map: holes of dark and shiny surfaces do not appear. To the left of the frame its
border is continued, so that the left columns have partners, as in a camera that delivers only what both images cover.

On the world `mini`, whose own sensor matches an infrared pair too, this model has the captures' mechanism: its figures
there say little about other sensors. Fit: baseline, light and read noise by simulated moments (`_sensors/model.py`).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from s2r_baselines._sensors.model import DEPTH_RANGE_M, Constants, PhysicalSensor, SensorOptions
from s2r_baselines._sensors.stereo_pair import Rig, infrared_pair
from s2r_baselines._sensors.surface import finer, inverse_of
from s2r_bench.geometry.points import incidence_angle
from s2r_bench.geometry.semiglobal import matched
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, rng_of
from s2r_bench.simulator import Card, Simulator
from s2r_bench.types import DepthFrame, FloatArray


class StereoConstants(Constants):
    """The sensor's constants; light and noise are those of a small infrared camera, in electrons."""

    baseline_m: float = Field(0.05, gt=0, description="left to right camera, m (Intel D435: 50 mm)")
    projector_m: float = Field(0.029, description="left camera to projector, m (about the D435's)")
    light_e: float = Field(3000.0, gt=0, description="electrons of a dot from a facing surface at 1 m (assumed)")
    ambient_e: float = Field(150.0, ge=0, description="electrons of light without dots (assumed)")
    read_noise_e: float = Field(14.0, ge=0, description="read noise, std in electrons (assumed)")
    full_well_e: float = Field(6000.0, gt=0, description="electrons at saturation, 255 grey levels (assumed)")


class MatchingOptions(Options):
    """Parameters of OpenCV's StereoSGBM, in sensor pixels."""

    block: int = Field(7, ge=3, le=11, description="side of the matching window, odd")
    smooth_small: float = Field(8.0, ge=0, description="P1 over block^2")
    smooth_large: float = Field(32.0, ge=0, description="P2 over block^2")
    uniqueness: int = Field(10, ge=0, le=100, description="per cent by which the best match must win")
    left_right: int = Field(1, ge=0, description="largest difference of the two directions, px")
    speckle_window: int = Field(100, ge=0, description="regions of fewer pixels are dropped")
    speckle_range: int = Field(2, ge=0, description="step that separates regions, px")
    prefilter_cap: int = Field(31, ge=1, le=63, description="clip of the pre-filter")


class StereoOptions(SensorOptions):
    """`focal_px`: the size at which the sensor works; small frames are resampled to it."""

    focal_px: float = Field(585.0, gt=0, description="focal length at which images are matched, about, px")
    most_disparity: int = Field(256, ge=16, description="nearer than what this allows nothing is seen, px")
    pattern_seed: int = Field(1, description="of the projector's dots")
    matching: MatchingOptions = MatchingOptions()
    constants: StereoConstants = StereoConstants()

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {"frames": 1, "rounds": 1, "focal_px": 234.0},
        "tiny": {"frames": 4, "rounds": 5},
        "small": {"frames": 8},
        "paper": {"frames": 16},
    }


class Stereo(PhysicalSensor[StereoConstants]):
    """An active-stereo camera in front of a depth map."""

    card: ClassVar[Card] = Card(
        title="Active stereo (SGM)",
        source="this repository; Hirschmueller: Stereo processing by semi-global matching, TPAMI 2008",
        training="paired",
        stochastic=True,
        licence="Apache-2.0",
        depth_range_m=DEPTH_RANGE_M,
    )
    options_type: ClassVar[type[Options]] = StereoOptions
    name: ClassVar[str] = "stereo"
    searched: ClassVar[Mapping[str, tuple[float, float]]] = {
        "light_e": (50.0, 50000.0),
        "read_noise_e": (1.0, 400.0),
        "baseline_m": (0.01, 0.15),
    }
    options: StereoOptions

    def capture(self, frame: DepthFrame, seed: FrameSeed, constants: StereoConstants) -> FloatArray:
        """Light, two images, disparity, depth."""
        step = max(1, round(self.options.focal_px / frame.K[0, 0]))
        rig = self._rig(frame.K[0, 0] * step, constants)
        reach = self._reach(rig)
        angle, _ = incidence_angle(frame.depth, frame.K)  # unknown angles count as frontal
        cosine = np.kron(np.cos(angle), np.ones((step, step), dtype=np.float32))
        padding = ((0, 0), (reach, 0))
        inverse = np.pad(finer(inverse_of(frame.depth), step), padding, mode="edge")
        images = infrared_pair(inverse, np.pad(cosine, padding, mode="edge"), rig, rng_of(seed.view, "stereo"))
        disparity = matched(*images, reach, self.options.matching)[::step, reach::step]
        known = disparity > 0
        return np.where(known, rig.focal_px * rig.baseline_m / np.where(known, disparity, 1.0), 0.0)

    def _rig(self, focal_px: float, constants: StereoConstants) -> Rig:
        return Rig(focal_px=focal_px, pattern_seed=self.options.pattern_seed, **constants.model_dump())

    def _reach(self, rig: Rig) -> int:
        """Disparities that are searched, a multiple of 16: those of `near_m` and beyond."""
        largest = rig.focal_px * rig.baseline_m / self.options.near_m
        return 16 * int(np.ceil((min(largest, self.options.most_disparity) + 1) / 16))


simulator: type[Simulator] = Stereo
