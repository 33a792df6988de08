"""Where a camera on a tripod stands in a room, and where it looks: all around, down and up in turn."""

import numpy as np

from s2r_bench.geometry.render import look_at
from s2r_bench.seeds import rng_of
from s2r_bench.types import FloatArray
from s2r_bench.worlds.mini.scene import Stage

CANDIDATES = 60
FROM_WALLS_M, CLEAR_M = 0.5, 0.45
HEIGHT_M = (1.3, 1.75)
PITCHES_DEG = (-36.0, 8.0)  # down to floor and furniture, up to wall and ceiling


def stand_poses(
    stage: Stage, size: tuple[float, float, float], stands: int, views: int, seed: int
) -> list[list[FloatArray]]:
    """For each stand the poses (4, 4) of its views, which depend on nothing but the stage, the sizes and the seed."""
    rng = rng_of("mini-stands", seed)
    eyes = _spread(_free(stage, size, rng), stands)
    return [_around(eye, views, number, rng) for number, eye in enumerate(eyes)]


def _free(stage: Stage, size: tuple[float, float, float], rng: np.random.Generator) -> FloatArray:
    """(N, 3) places away from walls and furniture; where all is full, the freest there is."""
    low = np.array([FROM_WALLS_M, HEIGHT_M[0], FROM_WALLS_M])
    high = np.array([size[0] - FROM_WALLS_M, HEIGHT_M[1], size[2] - FROM_WALLS_M])
    eyes = rng.uniform(low, high, (CANDIDATES, 3))
    clear = stage.rays.distance(eyes)
    free = eyes[clear >= CLEAR_M]
    return free if len(free) else eyes[[int(clear.argmax())]]


def _spread(eyes: FloatArray, count: int) -> list[FloatArray]:
    """The first, then each time the one farthest from those chosen; fewer places than `count` are used again."""
    chosen = [eyes[0]]
    while len(chosen) < count:
        away = np.min([np.linalg.norm(eyes - one, axis=1) for one in chosen], axis=0)
        chosen.append(eyes[int(away.argmax())])
    return chosen


def _around(eye: FloatArray, views: int, number: int, rng: np.random.Generator) -> list[FloatArray]:
    start = rng.uniform(0, 2 * np.pi)
    poses = []
    for k in range(views):
        yaw = start + 2 * np.pi * k / views + np.radians(rng.normal(0, 3))
        # what one stand sees from above, the next sees from below
        pitch = np.radians(PITCHES_DEG[(k + number) % 2] + rng.normal(0, 3))
        toward = np.array([np.cos(pitch) * np.sin(yaw), np.sin(pitch), np.cos(pitch) * np.cos(yaw)])
        poses.append(look_at(eye, eye + toward, up=(0.0, 1.0, 0.0)))
    return poses
