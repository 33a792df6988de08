"""Views of slanted floors with a box on them, and captures with bias, noise and holes: made at once, of no world."""

import numpy as np

from s2r_bench.types import DepthFrame, DepthPair, FloatArray

SIZE = (48, 64)
K = np.array([[58.5, 0, 32], [0, 58.5, 24], [0, 0, 1.0]])
PAIRS = 6


class MadePairs:
    """Six views; the capture is 0.2 % too far, its noise is 0.4 % of the depth, and it misses a strip by the box."""

    scenes = frozenset({"made"})
    digest = "made-1"

    def __len__(self) -> int:
        return PAIRS

    def __getitem__(self, index: int) -> DepthPair:
        """Pair `index`."""
        if not 0 <= index < PAIRS:
            raise IndexError(f"there is no pair {index}: there are {PAIRS}")
        return made_pair(index)


def made_pair(index: int) -> DepthPair:
    """A pair decided by `index` alone; those from `PAIRS` on are in no training set."""
    dice = np.random.default_rng(index)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    clean = 2.2 - 0.02 * rows + 0.002 * columns
    left, top = dice.integers(8, 30, 2)
    clean[top : top + 16, left : left + 20] = 1.1
    clean[:2] = 0
    captured = clean * (1 + 0.002 + 0.004 * dice.standard_normal(SIZE))
    captured[top : top + 16, left - 4 : left] = 0
    captured[clean == 0] = 0
    return DepthPair(_frame(clean, index), _frame(captured, index))


def made_frames(count: int = 3) -> list[DepthFrame]:
    """Clean views that no training set holds."""
    return [made_pair(PAIRS + index).clean for index in range(count)]


def _frame(depth: FloatArray, index: int) -> DepthFrame:
    return DepthFrame(depth.astype(np.float32), K.copy(), np.eye(4), "made", "0", f"{index:03d}")
