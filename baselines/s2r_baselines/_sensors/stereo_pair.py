"""Two infrared images of a scene in a projector's light, made from one depth map by warping: no mesh is needed.

What the right camera sees beside an object and the left one does not is not in the depth map; the surface behind is
continued there. All surfaces are equally bright; their angle and their distance to the camera are what dims them.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from s2r_baselines._sensors.surface import nearest_from, sampled, seen_from
from s2r_bench.seeds import rng_of
from s2r_bench.types import FloatArray

FILL = 0.25  # share of the pattern's cells that are lit
BLUR_CELLS = 0.6
CELLS_PER_PX = 0.9
TILE = 1024  # cells after which the pattern repeats


@dataclass(frozen=True)
class Rig:
    """Where camera and projector stand and how they see.

    Attributes:
        focal_px: of both cameras.
        baseline_m: from the left camera to the right one.
        projector_m: from the left camera to the projector, towards the right.
        light_e: electrons that a dot returns from a surface that faces the camera at 1 m.
        ambient_e: electrons of light without a pattern.
        read_noise_e: standard deviation.
        full_well_e: electrons at which a pixel saturates.
        pattern_seed: of the dots.
    """

    focal_px: float
    baseline_m: float
    projector_m: float
    light_e: float
    ambient_e: float
    read_noise_e: float
    full_well_e: float
    pattern_seed: int


@lru_cache(maxsize=4)
def tile(seed: int) -> NDArray[np.float32]:
    """(TILE, TILE) brightness of the projector's dots, brightest about 1; it repeats without a seam."""
    from scipy.ndimage import gaussian_filter

    lit = (rng_of("stereo dots", seed).random((TILE, TILE)) < FILL).astype(np.float64)
    blurred = gaussian_filter(lit, BLUR_CELLS, mode="wrap")
    return np.asarray(blurred / np.percentile(blurred, 99), dtype=np.float32)


def infrared_pair(
    inverse: FloatArray, cosine: FloatArray, rig: Rig, dice: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Left and right image, (H, W) uint8 each, rectified: a point at column u of the left is at u - f b / Z.

    Args:
        inverse: (H, W) inverse depth of the left camera's pixels, 1 / m, 0 = none.
        cosine: (H, W) of the incidence angle.
        rig: the cameras and the projector.
        dice: draws shot noise and read noise.
    """
    right_inverse, right_cosine = right_view(inverse, cosine, rig.focal_px * rig.baseline_m)
    left = _light(inverse, cosine, rig, rig.projector_m)
    right = _light(right_inverse, right_cosine, rig, rig.projector_m - rig.baseline_m)
    # automatic exposure: the 95th percentile at 70 % of the full well, within a factor of 4
    exposure = float(np.clip(0.7 * rig.full_well_e / (np.percentile(left[::4, ::4], 95) + 1), 0.25, 4))
    return _exposed(exposure * left, rig, dice), _exposed(exposure * right, rig, dice)


def right_view(inverse: FloatArray, cosine: FloatArray, shift: float) -> tuple[FloatArray, FloatArray]:
    """Inverse depth and cosine, (H, W), in the pixels of the right camera.

    Args:
        inverse: of the left camera.
        cosine: of the left camera.
        shift: focal length times baseline, px m.
    """
    height, width = inverse.shape
    near = nearest_from(inverse, shift, 0, width)
    rows, columns = np.indices((height, width)).astype(np.float64)
    exact = near
    for _ in range(2):  # the surface at u + d(u), not the one that was rounded into this pixel
        there = sampled(inverse, rows, columns + shift * exact)
        exact = np.where(np.abs(there - near) * shift < 1, there, near)
    source = np.clip(np.rint(columns + shift * exact), 0, width - 1).astype(np.int64)
    hidden = near == 0
    return np.where(hidden, _continued(near), exact), np.where(hidden, 1.0, np.take_along_axis(cosine, source, 1))


def _continued(inverse: FloatArray) -> FloatArray:
    """Each row's holes with the farther of the values on their two sides; 0 where a side has none."""
    width = inverse.shape[1]
    columns = np.arange(width)
    before = np.maximum.accumulate(np.where(inverse > 0, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(inverse > 0, columns, width)[:, ::-1], axis=1)[:, ::-1]
    framed = np.pad(inverse, ((0, 0), (1, 1)))
    left, right = np.take_along_axis(framed, before + 1, 1), np.take_along_axis(framed, after + 1, 1)
    return np.minimum(left, right)


def _light(inverse: FloatArray, cosine: FloatArray, rig: Rig, projector_m: float) -> FloatArray:
    """Expected electrons at unit exposure, (H, W), of the view whose projector is `projector_m` to its right."""
    import cv2

    shift = rig.focal_px * projector_m
    rows, columns = np.indices(inverse.shape, dtype=np.float32)
    u = np.mod((columns - shift * inverse) * CELLS_PER_PX, TILE).astype(np.float32)
    v = np.mod(rows * CELLS_PER_PX, TILE).astype(np.float32)
    dots = cv2.remap(tile(rig.pattern_seed), u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    returned = cosine * inverse**2 * dots * seen_from(inverse, shift)
    lit: FloatArray = rig.light_e * returned + rig.ambient_e * (inverse > 0)
    return lit


def _exposed(electrons: FloatArray, rig: Rig, dice: np.random.Generator) -> NDArray[np.uint8]:
    """Shot noise (normal, as electrons are many), read noise, saturation, 8 bit."""
    noise = dice.standard_normal(electrons.shape) * np.sqrt(electrons + rig.read_noise_e**2)
    return np.clip((electrons + noise) * (255 / rig.full_well_e), 0, 255).astype(np.uint8)
