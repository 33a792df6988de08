"""Light on its way from the projector to a camera: what each pixel sees, and the projector's dots."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from s2r_bench.geometry.camera import pixel_rays
from s2r_bench.seeds import rng_of
from s2r_bench.types import DepthArray, FloatArray
from s2r_bench.worlds.mini.scene import Stage

Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class View:
    """Geometry of one infrared image, (H, W): what each pixel sees, in that camera's frame.

    Attributes:
        rays: (H, W, 3) directions with z = 1.
        depth: z-depth, metres; 0 where nothing is hit.
        cosine: of the angle between the surface's normal and the direction to the projector.
        lobe: brightness of a mirror-like surface towards this camera, about 6 at its peak.
        body: index into the stage's meshes; -1 where nothing is hit.
    """

    rays: Image
    depth: DepthArray
    cosine: Image
    lobe: Image
    body: NDArray[np.int32]


@lru_cache(maxsize=4)
def dot_pattern(fill: float, blur: float, seed: int, cells: int = 1536) -> Image:
    """(cells, cells) brightness of the projector's dots: random cells lit, blurred, brightest about 1."""
    import cv2

    lit = (rng_of("mini-pattern", seed).random((cells, cells)) < fill).astype(np.float32)
    dots = cv2.GaussianBlur(lit, (0, 0), blur) if blur > 0 else lit
    return np.asarray(dots / np.percentile(dots, 99), dtype=np.float32)


def view_from(stage: Stage, K: FloatArray, pose: FloatArray, size: tuple[int, int], offset: float) -> View:
    """Cast a camera's rays.

    Args:
        stage: scene with materials.
        K: (3, 3) of the camera.
        pose: (4, 4) world_from_cam.
        size: (height, width).
        offset: metres from the camera to the projector, towards the right.
    """
    seen = stage.rays.render(K, pose, size)
    rays = pixel_rays(K, size).astype(np.float32)
    normals = seen.normals @ pose[:3, :3].astype(np.float32)
    to_camera = _unit(-rays)
    to_light = -rays * seen.depth[..., None]
    to_light[..., 0] += offset
    to_light = _unit(to_light)
    half = _unit(to_camera + to_light)
    cosine = np.clip(np.einsum("hwc,hwc->hw", normals, to_light), 0, 1)
    lobe = 6 * np.clip(np.einsum("hwc,hwc->hw", normals, half), 0, 1) ** 64
    return View(rays, seen.depth, cosine, lobe, seen.instance)


def _unit(vectors: Image) -> Image:
    """(H, W, 3) of length 1; `numpy.linalg.norm` over a short last axis is slow."""
    length = np.sqrt(np.einsum("hwc,hwc->hw", vectors, vectors))
    return np.asarray(vectors / np.maximum(length, 1e-6)[..., None], dtype=np.float32)
