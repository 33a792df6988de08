"""The virtual sensor: an active-stereo depth camera, simulated from light to disparity.

A projector throws a fixed pattern of random dots; two infrared cameras, side by side, see the scene in its light. What
makes such cameras fail happens here for the same reasons: surfaces that the projector does not reach have no texture
to match, what only one camera sees has no partner, dark or steep or far surfaces return too few photons, shiny ones
none or too many, a matching window that straddles an edge fattens it and swallows what is thinner than itself, and
disparity has a finest step. The sensor works at a higher resolution than it delivers; every n-th pixel is kept.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, rng_of
from s2r_bench.types import DepthArray, FloatArray
from s2r_bench.worlds.mini.light import Image, View, dot_pattern, view_from
from s2r_bench.worlds.mini.matching import PADDING, MatchingOptions, disparity_map
from s2r_bench.worlds.mini.scene import Stage


class SensorOptions(Options):
    """Everything that decides how the virtual sensor sees."""

    oversampling: int = Field(4, ge=1, description="pixels at which the sensor works, per delivered pixel and axis")
    baseline_m: float = Field(0.075, gt=0, description="between the two cameras, metres")
    projector_m: float = Field(-0.03, description="of the projector from the left camera, towards the right, metres")
    pattern_fill: float = Field(0.25, gt=0, lt=1, description="share of the pattern's cells that are lit")
    pattern_focal: float = Field(0.9, gt=0, description="pattern cells per sensor pixel at equal distance")
    pattern_blur: float = Field(0.6, ge=0, description="blur of the dots, standard deviation in cells")
    pattern_seed: int = Field(7, description="the pattern is a property of the sensor's make, not of a frame")
    light_e: float = Field(3000.0, gt=0, description="electrons a dot returns from a white surface at 1 m")
    ambient_e: float = Field(150.0, ge=0, description="electrons from a white surface in ambient light")
    read_noise_e: float = Field(14.0, ge=0, description="standard deviation of the read noise, electrons")
    full_well_e: float = Field(6000.0, gt=0, description="electrons at which a pixel saturates; 255 grey levels")
    exposure_limit: float = Field(4.0, ge=1, description="automatic exposure changes the light by at most this factor")
    near_m: float = Field(0.45, gt=0, description="nearest depth delivered, metres")
    far_m: float = Field(4.5, gt=0, description="farthest depth delivered, metres")
    scale_bias: float = Field(0.003, ge=0, description="relative error of baseline x focal length, per session (std)")
    disparity_bias_px: float = Field(0.04, ge=0, description="offset of all disparities, sensor pixels, per session")
    warp_px: float = Field(0.07, ge=0, description="smooth error of disparity over the image, per session (std)")
    rectification_px: float = Field(0.15, ge=0, description="rows by which the cameras are misaligned, per session")
    matching: MatchingOptions = MatchingOptions()


@dataclass(frozen=True, eq=False)
class Capture:
    """One view as the sensor gave it, and as it is; all (H, W) at delivered size.

    Attributes:
        captured: float32 metres, 0 where the sensor has no value.
        clean: float32 metres, ray-cast, 0 where nothing is hit.
        instance: int32, index into the scene's `names`; -1 where nothing is hit.
    """

    captured: DepthArray
    clean: DepthArray
    instance: NDArray[np.int32]


@dataclass(frozen=True)
class Calibration:
    """By how much a session's calibration is off: unknown to whoever uses the depth."""

    scale: float
    offset_px: float
    rows_px: float
    warp_px: tuple[float, ...]


class VirtualSensor:
    """Captures views of a stage. Holds no state between frames: a capture is a function of its arguments."""

    def __init__(self, options: SensorOptions) -> None:
        self.options = options

    def capture(
        self, stage: Stage, K: FloatArray, world_from_cam: FloatArray, size: tuple[int, int], seed: FrameSeed
    ) -> Capture:
        """See a stage.

        Args:
            stage: scene with materials.
            K: (3, 3) of the delivered depth map, which is that of the left camera.
            world_from_cam: (4, 4) pose of the left camera.
            size: (height, width) delivered.
            seed: `view` draws the noise, `session` the calibration error.
        """
        step = self.options.oversampling
        fine_K = K.copy()
        fine_K[:2] *= step
        fine = size[0] * step, size[1] * step
        session = self.calibration(seed.session)
        left, right = self._views(stage, fine_K, world_from_cam, fine, session)
        images = self._images(stage, fine_K, world_from_cam, (left, right), seed.view)
        disparity = disparity_map(*images, self.options.matching)
        captured = self._depth(disparity[::step, ::step], fine_K, session)
        clean = np.ascontiguousarray(left.depth[::step, PADDING::step])
        body = left.body[::step, PADDING::step]
        instance = np.where(body >= 0, stage.instance[body], -1).astype(np.int32)
        return Capture(captured, clean, instance)

    def calibration(self, session: int) -> Calibration:
        """The calibration error of a session."""
        rng = rng_of("mini-calibration", session)
        o = self.options
        return Calibration(
            scale=float(1 + o.scale_bias * rng.standard_normal()),
            offset_px=float(o.disparity_bias_px * rng.standard_normal()),
            rows_px=float(o.rectification_px * rng.standard_normal()),
            warp_px=tuple(float(o.warp_px * w) for w in rng.standard_normal(6)),
        )

    def _views(
        self, stage: Stage, K: FloatArray, pose: FloatArray, size: tuple[int, int], session: Calibration
    ) -> tuple[View, View]:
        """Left view, and right view; each has the columns more on its left that windows and disparities reach into."""
        reach = self.options.matching.disparities + PADDING
        left_K, right_pose, right_K = K.copy(), pose.copy(), K.copy()
        left_K[0, 2] += PADDING
        right_pose[:3, 3] += pose[:3, 0] * self.options.baseline_m
        right_K[0, 2] += reach
        right_K[1, 2] += session.rows_px
        offset = self.options.projector_m
        left = view_from(stage, left_K, pose, (size[0], size[1] + PADDING), offset)
        return left, view_from(stage, right_K, right_pose, (size[0], size[1] + reach), offset - self.options.baseline_m)

    def _images(
        self, stage: Stage, K: FloatArray, pose: FloatArray, views: tuple[View, View], seed: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The two infrared images, 8 bit; the left one padded with black to the width of the right."""
        o = self.options
        height, width = views[0].depth.shape
        before = o.matching.disparities + PADDING  # the projector lights all that either camera sees
        shadow_K = K.copy()
        shadow_K[0, 2] += before
        projector = pose.copy()
        projector[:3, 3] += pose[:3, 0] * o.projector_m
        nearest = stage.rays.depth(shadow_K, projector, (height, width + before + 48))
        offsets = o.projector_m, o.projector_m - o.baseline_m
        light = [
            self._irradiance(stage, view, shadow_K, nearest, offset)
            for view, offset in zip(views, offsets, strict=True)
        ]
        exposure = self._exposure(light[0])
        rng = rng_of("mini-noise", seed)
        left, right = (self._expose(image * exposure, rng) for image in light)
        return np.pad(left, ((0, 0), (right.shape[1] - width, 0))), right

    def _irradiance(self, stage: Stage, view: View, shadow_K: FloatArray, nearest: DepthArray, offset: float) -> Image:
        """Expected electrons at unit exposure, (H, W)."""
        import cv2

        o = self.options
        seen = view.body >= 0
        z = np.where(seen, view.depth, np.float32(1e3))
        x = (view.rays[..., 0] - offset / z).astype(np.float32)  # tangents as the projector sees the point
        y = view.rays[..., 1].astype(np.float32)
        u = x * np.float32(shadow_K[0, 0]) + np.float32(shadow_K[0, 2])
        v = y * np.float32(shadow_K[1, 1]) + np.float32(shadow_K[1, 2])
        # the largest depth around a pixel: a surface must not shade itself through rounding
        lit = cv2.remap(cv2.dilate(nearest, np.ones((3, 3), np.uint8)), u, v, cv2.INTER_NEAREST, borderValue=1e3)
        reached = (lit <= 0) | (z < lit + 0.004 + 0.004 * z)
        cells = np.float32(shadow_K[0, 0] * o.pattern_focal)
        dots = dot_pattern(o.pattern_fill, o.pattern_blur, o.pattern_seed)
        half = np.float32(dots.shape[0] / 2)
        pattern = cv2.remap(dots, x * cells + half, y * cells + half, cv2.INTER_LINEAR)
        albedo, shine = stage.albedo[view.body], stage.shininess[view.body]
        returned = albedo * ((1 - shine) * view.cosine + shine * view.lobe) / (z * z)
        electrons = o.light_e * returned * pattern * reached + o.ambient_e * albedo
        return np.where(seen, electrons, 0).astype(np.float32)

    def _exposure(self, light: Image) -> float:
        """Automatic exposure: brings the 95th percentile to 70 % of the full well, within limits."""
        o = self.options
        bright = float(np.percentile(light[::4, ::4], 95)) + 1.0
        return float(np.clip(0.7 * o.full_well_e / bright, 1 / o.exposure_limit, o.exposure_limit))

    def _expose(self, electrons: Image, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Shot noise, read noise, saturation, 8 bit."""
        o = self.options
        noise = rng.standard_normal(electrons.shape, dtype=np.float32)
        # Poisson noise of hundreds of electrons is normal; with the read noise it is one normal draw
        counted = electrons + noise * np.sqrt(electrons + np.float32(o.read_noise_e**2))
        return np.asarray(np.clip(counted * np.float32(255 / o.full_well_e), 0, 255)).astype(np.uint8)

    def _depth(self, disparity: Image, K: FloatArray, session: Calibration) -> DepthArray:
        """Depth from disparity with the session's wrong calibration; 0 where out of range."""
        o = self.options
        known = disparity > 0
        shifted = np.where(known, disparity + session.offset_px + _warp(session, disparity.shape), 1.0)
        depth = K[0, 0] * o.baseline_m * session.scale / np.maximum(shifted, 0.1)
        return np.where(known & (depth >= o.near_m) & (depth <= o.far_m), depth, 0).astype(np.float32)


def _warp(session: Calibration, size: tuple[int, int]) -> Image:
    """Low-order lens error: the first cosines of the image in both directions, (H, W) sensor pixels."""
    v = np.linspace(0, np.pi, size[0])[:, None]
    u = np.linspace(0, np.pi, size[1])[None, :]
    waves = [np.cos(i * u) * np.cos(j * v) for i, j in ((1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (2, 2))]
    return np.asarray(sum(w * wave for w, wave in zip(session.warp_px, waves, strict=True)) / 6**0.5 * 2, np.float32)
