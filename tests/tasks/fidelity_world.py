"""A world of two rooms made on the spot: a box before a wall, seen from a camera that moves sideways."""

from collections.abc import Callable, Sequence

import numpy as np

from s2r_bench.simulator import Card
from s2r_bench.task import Arm
from s2r_bench.types import CadModel, DepthFrame, DepthPair

HEIGHT, WIDTH, FOCAL = 48, 64, 60.0
Noise = Callable[[np.ndarray, np.random.Generator], np.ndarray]
CARD = Card("test", "tests", "untrained", True, "Apache-2.0")


def clean_view(scene: str, sequence: str, place: int, shift: float) -> DepthFrame:
    """The box's front at 1.3 m, the wall at 2.2 m, and a strip without a surface at the left of the wall."""
    K = np.array([[FOCAL, 0, (WIDTH - 1) / 2], [0, FOCAL, (HEIGHT - 1) / 2], [0, 0, 1]])
    pose = np.eye(4)
    pose[0, 3] = shift + 0.02 * place
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    x, y = (u - K[0, 2]) / FOCAL, (v - K[1, 2]) / FOCAL
    on_box = (np.abs(x * 1.3 + pose[0, 3]) < 0.3) & (np.abs(y * 1.3) < 0.25)
    depth = np.where(on_box, 1.3, np.where(x * 2.2 + pose[0, 3] < -1.1, 0.0, 2.2)).astype(np.float32)
    return DepthFrame(depth, K, pose, scene, sequence, f"{place:03d}")


def white(sigma: float, holes: float = 0.0, bias: float = 0.0) -> Noise:
    """Independent Gaussian noise and independent holes."""

    def apply(depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        noisy = depth + bias + sigma * rng.standard_normal(depth.shape)
        return np.where((depth > 0) & (rng.random(depth.shape) >= holes), noisy, 0).astype(np.float32)

    return apply


def applied(noise: Noise, frame: DepthFrame, *seed: int) -> DepthFrame:
    """The frame under noise that depends on its name and `seed`."""
    number = int(frame.frame) + 1000 * int(frame.scene == "b")
    return frame.with_depth(noise(frame.depth, np.random.default_rng([number, *seed])))


class Pairs:
    """Pairs whose captured side is the clean one under a noise."""

    def __init__(self, noise: Noise, views: int, seed: int = 99) -> None:
        self.noise, self.seed = noise, seed
        rooms = [("a", "0", 0.0), ("b", "0", 0.1)]
        self.views = [clean_view(*room[:2], place, room[2]) for room in rooms for place in range(views)]

    def __len__(self) -> int:
        return len(self.views)

    def __getitem__(self, index: int) -> DepthPair:
        return DepthPair(self.views[index], applied(self.noise, self.views[index], self.seed))

    @property
    def scenes(self) -> frozenset[str]:
        return frozenset({"a", "b"})

    @property
    def digest(self) -> str:
        return "made up"


class FolderLikeWorld:
    """A world that cannot capture a view twice."""

    name, sensor, owns_sensor, preset = "made-up", "made-up sensor", False, "tiny"

    def __init__(self, noise: Noise, views: int = 8) -> None:
        self.noise, self.count = noise, views

    def pairs(self, split: str) -> Pairs:
        assert split == "test"
        return Pairs(self.noise, self.count)

    def cads(self) -> list[CadModel]:
        return []


class SensorWorld(FolderLikeWorld):
    """A world that can."""

    owns_sensor = True

    def recapture(self, pairs: Pairs, index: int, seed: int) -> DepthFrame:
        return applied(self.noise, pairs.views[index], seed)


def arm(noise: Noise, card: Card = CARD) -> Arm:
    """A simulator that applies a noise, another one at every draw."""

    def simulate(frames: Sequence[DepthFrame], draw: int) -> list[DepthFrame]:
        return [applied(noise, frame, 7, draw) for frame in frames]

    return Arm("test-arm", simulate, card)
