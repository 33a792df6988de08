"""One seed reaches everything: every draw is a function of the run's seed and of *what* is drawn, never of order.

A frame simulated alone, in a batch, on another machine or after a restart gets the same draw.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from s2r_bench.types import DepthFrame

if TYPE_CHECKING:
    import torch


def seed_of(*parts: object) -> int:
    """A 63-bit seed from the given parts (strings, numbers).

    >>> seed_of(0, "chair") == seed_of(0, "chair") != seed_of(1, "chair")
    True
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def rng_of(*parts: object) -> np.random.Generator:
    """A NumPy generator seeded with `seed_of(*parts)`."""
    return np.random.default_rng(seed_of(*parts))


def torch_rng(*parts: object) -> "torch.Generator":
    """A CPU torch generator seeded with `seed_of(*parts)`; draw on the CPU, then move: devices then agree."""
    import torch

    return torch.Generator().manual_seed(seed_of(*parts))


@dataclass(frozen=True)
class FrameSeed:
    """The seeds of one frame: `view` for its own noise, `session` for what its sequence shares (bias, calibration)."""

    view: int
    session: int


def frame_seeds(frames: Sequence[DepthFrame], run_seed: int) -> list[FrameSeed]:
    """One seed a frame, from the run's seed and the frame's own names."""
    return [
        FrameSeed(
            view=seed_of(run_seed, "view", frame.id),
            session=seed_of(run_seed, "session", frame.scene, frame.sequence),
        )
        for frame in frames
    ]
