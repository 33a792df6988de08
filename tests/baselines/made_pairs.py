"""Small made pairs that tests of learned simulators train on."""

import numpy as np

from s2r_bench.types import DepthFrame, DepthPair

K = np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])


def frame(depth, name="0"):
    """A frame of scene "s" at the origin."""
    return DepthFrame(np.asarray(depth, np.float32), K, np.eye(4), "s", "0", name)


def noisy_pair(seed=0, size=(48, 64), *, apart=0.0, missing=0):
    """A slope from 1 m to 3 m (`apart` metres farther for each seed), captured with 0.4 % of noise and 10 % of holes.

    `missing`: rows at the top that neither side has.
    """
    dice = np.random.default_rng(seed)
    clean = (1.0 + apart * seed + np.linspace(0, 2, size[1])[None] + np.zeros(size)).astype(np.float32)
    captured = (clean * (1 + 0.004 * dice.standard_normal(size))).astype(np.float32)
    captured[dice.random(size) < 0.1] = 0
    clean[:missing] = captured[:missing] = 0
    return DepthPair(frame(clean, str(seed)), frame(captured, str(seed)))


class MadePairs:
    """A set of the pairs that `make` gives for each number."""

    scenes = frozenset({"s"})
    digest = "x"

    def __init__(self, make=noisy_pair, count=4):
        self.make, self.count = make, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.make(index)
