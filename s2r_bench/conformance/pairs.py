"""Training pairs that remember what was asked of them, and the same pairs in other orders and under other names."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.simulator import PairSet
from s2r_bench.types import DepthFrame, DepthPair


class HeldPairs:
    """Pairs in memory: nothing leads from them to a folder, a world or another split (a `PairSet`).

    Attributes:
        all: the pairs, for whoever looks at them without being counted.
        reads: indices that were read, in order.
        strange: what was asked for that a `PairSet` does not promise: names of attributes, indices out of range.
    """

    def __init__(self, pairs: Sequence[DepthPair], digest: str) -> None:
        """Hold copies of `pairs`, so that whoever writes to them spoils no one else's."""
        self.all = [DepthPair(copied(pair.clean), copied(pair.captured)) for pair in pairs]
        self._digest = digest
        self.reads: list[int] = []
        self.strange: list[str] = []

    def __len__(self) -> int:
        return len(self.all)

    def __getitem__(self, index: int) -> DepthPair:
        """Pair `index`: always the same object."""
        if not -len(self) <= index < len(self):
            self.strange.append(f"pair {index} of {len(self)}")
            raise IndexError(f"there is no pair {index}: there are {len(self)}")
        self.reads.append(int(index) % len(self))
        return self.all[index]

    def __getattr__(self, name: str) -> Any:
        # Python and torch ask for names of their own; a leading underscore is not a way out either
        if not (name.startswith("__") and name.endswith("__")):
            self.__dict__.setdefault("strange", []).append(f"attribute {name!r}")
        raise AttributeError(f"a PairSet has no {name!r} (s2r_bench/simulator.py says what it has)")

    @property
    def scenes(self) -> frozenset[str]:
        """The scene ids of its clean frames."""
        return frozenset(pair.clean.scene for pair in self.all)

    @property
    def digest(self) -> str:
        """That of the pairs it was made of."""
        return self._digest


def copied(frame: DepthFrame) -> DepthFrame:
    """A frame that shares no array with `frame`."""
    return replace(frame, depth=frame.depth.copy(), K=frame.K.copy(), world_from_cam=frame.world_from_cam.copy())


def held(pairs: PairSet, most: int) -> HeldPairs:
    """At most `most` of `pairs`, evenly spread."""
    chosen = spread(len(pairs), most)
    return HeldPairs([pairs[index] for index in chosen], f"{pairs.digest}-{len(chosen)}")


def spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` indices, evenly spread.

    >>> spread(10, 4), spread(3, 4)
    ([0, 3, 6, 9], [0, 1, 2])
    """
    return [int(index) for index in np.unique(np.linspace(0, count - 1, min(count, most)).round())]


def again(pairs: HeldPairs) -> HeldPairs:
    """Copies of the same pairs, of which nothing was read yet."""
    return HeldPairs(pairs.all, pairs.digest)


def turned(pairs: HeldPairs) -> HeldPairs:
    """The same pairs in another order: each clean frame stays with its captured one."""
    order = [*range(1, len(pairs)), 0]
    return HeldPairs([pairs.all[index] for index in order], pairs.digest)


def renamed(pairs: HeldPairs) -> HeldPairs:
    """The same depths in the same order; each captured frame has the names and the pose of the next one."""
    captured = [pair.captured for pair in pairs.all]
    others = captured[1:] + captured[:1]
    swapped = [replace(other, depth=own.depth, K=own.K) for own, other in zip(captured, others, strict=True)]
    return HeldPairs([DepthPair(p.clean, new) for p, new in zip(pairs.all, swapped, strict=True)], pairs.digest)


def write_pairs(pairs: HeldPairs, path: Path) -> None:
    """Write pairs for another process."""
    frames = [frame for pair in pairs.all for frame in (pair.clean, pair.captured)]
    write_frames(frames, path, digest=pairs.digest)


def read_pairs(path: Path) -> HeldPairs:
    """What `write_pairs` wrote."""
    frames = read_frames(path)
    with np.load(path, allow_pickle=False) as arrays:
        digest = str(arrays["digest"])
    return HeldPairs([DepthPair(*two) for two in zip(frames[::2], frames[1::2], strict=True)], digest)


def write_frames(frames: Sequence[DepthFrame], path: Path, **more: str) -> None:
    """Write frames, of any sizes, to an npz file."""
    arrays: dict[str, Any] = {name: np.array(text) for name, text in more.items()}
    for index, frame in enumerate(frames):
        names = np.array([frame.scene, frame.sequence, frame.frame])
        arrays |= {f"{index}.depth": frame.depth, f"{index}.K": frame.K, f"{index}.names": names}
        arrays[f"{index}.pose"] = frame.world_from_cam
    with path.open("wb") as file:
        np.savez(file, count=np.array(len(frames)), **arrays)


def read_frames(path: Path) -> list[DepthFrame]:
    """What `write_frames` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return [
            DepthFrame(
                *(arrays[f"{index}.{part}"] for part in ("depth", "K", "pose")), *map(str, arrays[f"{index}.names"])
            )
            for index in range(int(arrays["count"]))
        ]
