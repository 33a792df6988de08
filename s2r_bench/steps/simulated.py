"""Simulated frames on disk, one file a frame: asked twice, simulated once; killed half-way, continued.

HOME/runs/simulate/KEY/spec.json              what simulates: the simulator's identity, the seed, the draw
HOME/runs/simulate/KEY/frames/DIGEST.npz      one simulated frame, named by the clean frame it comes from
HOME/runs/simulate/KEY/sets/DIGEST.json       one finished request: its frames in order, seconds; written last
"""

import hashlib
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from s2r_bench.blame import at
from s2r_bench.errors import S2RError
from s2r_bench.files import read_json, write_bytes, write_json
from s2r_bench.records import RunSpec
from s2r_bench.seeds import FrameSeed, frame_seeds, seed_of
from s2r_bench.steps.checkpoint import Fitted
from s2r_bench.store import Store
from s2r_bench.types import DepthArray, DepthFrame
from s2r_bench.worlds.pair_folder import read_depth

BATCH = 8
CAPTURE_BATCH = 256  # a world's own sensor works on all cores
Progress = Callable[[int, int], None]


def unseen(done: int, total: int) -> None:
    """Show no progress."""


class SimulatedSet:
    """What one simulator makes of clean frames with one seed; the `Simulate` callable of a task."""

    def __init__(
        self,
        store: Store,
        fitted: Fitted,
        *,
        world: str,
        preset: str,
        seed: int,
        batch: int = BATCH,
        progress: Progress = unseen,
    ) -> None:
        """Simulate with `fitted`, `batch` frames at a time; results do not depend on the batch."""
        self._store, self._fitted, self._batch, self._progress = store, fitted, batch, progress
        self._world, self._preset, self._seed = world, preset, seed
        self.seconds, self.frames = 0.0, 0

    def __call__(self, frames: Sequence[DepthFrame], draw: int = 0) -> list[DepthFrame]:
        """The simulated `frames`, in their order; draw 0 is the run's own, higher draws are others.

        Raises:
            S2RError: the simulator broke its contract; the message says how.
        """
        folder = self.folder(draw)
        names = [_digest(frame) for frame in frames]
        request = folder / "sets" / f"{hashlib.sha256(' '.join(names).encode()).hexdigest()[:16]}.json"
        paths = [folder / "frames" / f"{name}.npz" for name in names]
        if request.is_file():
            seconds = float(read_json(request)["seconds"])
        else:
            write_json(folder / "spec.json", {"spec": asdict(self._spec(draw)), "origin": asdict(self._fitted.origin)})
            seconds = self._fill(frames, paths, draw)
            write_json(request, {"frames": [frame.id for frame in frames], "files": names, "seconds": seconds})
        self.seconds += seconds
        self.frames += len(frames)
        return [frame.with_depth(read_depth(path)) for frame, path in zip(frames, paths, strict=True)]

    def folder(self, draw: int) -> Path:
        """Where the frames of a draw lie."""
        return self._store.folder(self._spec(draw))

    def _spec(self, draw: int) -> RunSpec:
        return RunSpec(
            kind="simulate",
            task="",
            method=self._fitted.origin.name,
            world=self._world,
            preset=self._preset,
            protocol="simulate/1",
            seed=self._seed,
            options={"draw": draw},
            inputs={"simulator": self._fitted.identity},
        )

    def _fill(self, frames: Sequence[DepthFrame], paths: list[Path], draw: int) -> float:
        """Simulate what is missing; return the seconds that all frames take, at the pace of those simulated."""
        seeds = frame_seeds(frames, self._seed if draw == 0 else seed_of(self._seed, "draw", draw))
        spent, made = 0.0, 0
        for start in range(0, len(frames), self._batch):
            span = slice(start, start + self._batch)
            # a batch with a gap is simulated whole: a continued run then computes what an unbroken one would
            if not all(path.is_file() for path in paths[span]):
                begin = time.perf_counter()
                simulated = simulate_checked(self._fitted, frames[span], seeds[span])
                spent += time.perf_counter() - begin
                made += len(simulated)
                for path, frame in zip(paths[span], simulated, strict=True):
                    if not path.is_file():
                        write_bytes(path, _packed(frame.depth))
            self._progress(min(start + self._batch, len(frames)), len(frames))
        return spent / made * len(frames) if made else 0.0


def simulate_checked(fitted: Fitted, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
    """One batch, held against the contract.

    Raises:
        S2RError: another number of frames, another size, or a value that no depth map may hold.
    """
    name = fitted.origin.name
    try:
        simulated = list(fitted.simulator.simulate(frames, seeds))
    except ValueError as wrong:  # what `DepthFrame` raises of NaN, negative values and wrong shapes
        raise S2RError(f"{name} failed on {frames[0].id}: {wrong}{at(wrong)}") from wrong
    if len(simulated) != len(frames):
        raise S2RError(f"{name} gave {len(simulated)} frames for {len(frames)}")
    for before, after in zip(frames, simulated, strict=True):
        if after.id != before.id or after.size != before.size:
            raise S2RError(f"{name} gave {after.id} {after.size} for {before.id} {before.size}: id and size must stay")
    return simulated


def _digest(frame: DepthFrame) -> str:
    text = hashlib.sha256(f"{frame.id} {frame.depth.shape}".encode())
    for array in (frame.K, frame.world_from_cam, frame.depth):
        text.update(np.ascontiguousarray(array).tobytes())
    return text.hexdigest()[:16]


def _packed(depth: DepthArray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, depth=depth)
    return stream.getvalue()
