"""Hand-held-like camera paths: arcs around a target with jitter of place, aim and roll."""

from dataclasses import dataclass

import numpy as np

from s2r_bench.geometry.render import look_at
from s2r_bench.seeds import rng_of
from s2r_bench.types import FloatArray
from s2r_bench.worlds.mini.scene import Stage

NEAREST_M, FARTHEST_M = 1.0, 3.5
FARTHEST_FIT_M = 3.3  # of a whole arc; single views may drift beyond
CLEARANCE_M = 0.45
IN_SIGHT = 0.6


@dataclass(frozen=True)
class Arc:
    """A walk around the target.

    Attributes:
        start_deg: azimuth of the first view; 0 is in front (+z), positive towards +x.
        sweep_deg: azimuth from first to last view.
        radius_m: distance from the target's middle.
        height_m: of the camera above the floor.
        drift_m: how much the radius grows along the way.
    """

    start_deg: float
    sweep_deg: float
    radius_m: float
    height_m: float
    drift_m: float


def arc_poses(stage: Stage, views: int, seed: int, distance: float = 1.0, sight: float = IN_SIGHT) -> list[FloatArray]:
    """The poses (4, 4) of one sequence, in order; `distance` multiplies how far the cameras stand.

    A view must reach the share `sight` of the target's middle region.

    Arcs that meet walls or furniture, or see too little of the target, are drawn again (a few times, then the best is
    kept), so a pose list depends on nothing but the stage and the seed.
    """
    rng = rng_of("mini-arc", seed)
    best: tuple[float, list[FloatArray]] = (-1.0, [])
    for _ in range(10):
        arc = _draw(rng, stage.scene.extent, distance)
        poses = _walk(arc, stage.scene.focus, views, rng)
        free = _clearance(stage, poses, sight)
        if free > best[0]:
            best = (free, poses)
        if free >= 1.0:
            break
    return best[1]


def _draw(rng: np.random.Generator, extent: float, distance: float) -> Arc:
    sweep = rng.uniform(40, 80) * rng.choice([-1, 1])
    middle = rng.uniform(-28, 28)
    fit = min(distance * np.clip(extent * rng.uniform(0.85, 1.25), 1.05, 2.6), FARTHEST_FIT_M)
    return Arc(
        float(middle - sweep / 2), float(sweep), float(fit), float(rng.uniform(0.75, 1.75)), float(rng.normal(0, 0.15))
    )


def _walk(arc: Arc, focus: FloatArray, views: int, rng: np.random.Generator) -> list[FloatArray]:
    poses = []
    sway = rng.uniform(0, 2 * np.pi, 3)
    for share in np.linspace(0, 1, views):
        azimuth = np.radians(arc.start_deg + arc.sweep_deg * share + rng.normal(0, 1.5))
        radius = arc.radius_m + arc.drift_m * share + 0.06 * np.sin(5 * share + sway[0]) + rng.normal(0, 0.015)
        radius = float(np.clip(radius, NEAREST_M, FARTHEST_M))
        height = arc.height_m + 0.08 * np.sin(4 * share + sway[1]) + rng.normal(0, 0.012)
        level = np.sqrt(max(radius**2 - (height - focus[1]) ** 2, (0.75 * radius) ** 2))
        eye = np.array([focus[0] + level * np.sin(azimuth), height, focus[2] + level * np.cos(azimuth)])
        aim = focus + rng.normal(0, 0.05, 3) + 0.08 * np.array([np.sin(3 * share + sway[2]), 0.0, 0.0])
        roll = np.radians(rng.normal(0, 2.5))
        poses.append(look_at(eye, aim, up=(float(np.sin(roll)), float(np.cos(roll)), 0.0)))
    return poses


def _clearance(stage: Stage, poses: list[FloatArray], sight: float) -> float:
    """Share of the views that stand free and whose rays to the target's middle region reach near it."""
    rng = np.random.default_rng(0)
    spread = rng.normal(0, 0.15 * stage.scene.extent, (24, 3))
    good = 0
    for pose in poses:
        eye = pose[:3, 3]
        toward = stage.scene.focus + spread - eye
        distance = np.linalg.norm(toward, axis=1)
        hit = stage.rays.hit_distance(np.repeat(eye[None], len(toward), 0), toward / distance[:, None])
        in_sight = hit > distance - 0.7 * stage.scene.extent
        good += bool(hit.min() > CLEARANCE_M and in_sight.mean() > sight)
    return good / len(poses)
