"""Simulate the clean side of a world into a folder of pairs, which is itself a world: `-d OUT` reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2r_bench.errors import DataError, UsageError
from s2r_bench.files import read_json, write_json
from s2r_bench.simulator import PairSet
from s2r_bench.steps.checkpoint import Fitted
from s2r_bench.steps.simulated import Progress, SimulatedSet, unseen
from s2r_bench.store import Store
from s2r_bench.types import DepthFrame
from s2r_bench.worlds.base import Split, World
from s2r_bench.worlds.pair_folder import write_depth

CHUNK = 32


@dataclass(frozen=True)
class Written:
    """A folder of simulated pairs: where, how many frames, how many of them were made now."""

    folder: Path
    frames: int
    made: int


def simulate_world(
    fitted: Fitted,
    world: World,
    split: Split,
    out: Path,
    store: Store,
    *,
    seed: int,
    limit: int | None = None,
    progress: Progress = unseen,
) -> Written:
    """Write the clean frames of a split and what the simulator makes of them to `out`, as a pair folder.

    Args:
        fitted: ready to simulate.
        world: whose clean frames are simulated.
        split: "train", "val" or "test".
        out: a new folder, or an unfinished one of the same request, which is continued.
        store: keeps the simulated frames, so that a killed run continues.
        seed: of the noise.
        limit: only the first so many frames.
        progress: called with the frames done and their total.

    Raises:
        UsageError: `out` holds something else; it is never written over.
        DataError: the split is empty, or a depth does not fit 16 bits.
    """
    pairs = world.pairs(split)
    count = len(pairs) if limit is None else min(limit, len(pairs))
    if not count:
        raise DataError(f"{world.name} has no pairs in split {split!r}")
    request = {
        "method": fitted.origin.name,
        "simulator": fitted.identity,
        "world": world.name,
        "split": split,
        "pairs": pairs.digest,
        "frames": count,
        "seed": seed,
    }
    if _settle(out, request):
        return Written(out, count, 0)
    made, cameras = _write_frames(fitted, world, pairs, count, out, store, seed, progress)
    write_json(out / "cameras.json", cameras | {"sensor": f"{fitted.origin.name}, simulated"})
    write_json(out / "manifest.json", request)
    return Written(out, count, made)


def _settle(out: Path, request: dict[str, Any]) -> bool:
    """Whether `out` holds the finished request. Anything else that it holds is refused.

    Raises:
        UsageError: see above.
    """
    if (out / "manifest.json").is_file() and read_json(out / "manifest.json") == request:
        return True
    if (out / "request.json").is_file():
        there = read_json(out / "request.json")
        for name, value in request.items():
            if there.get(name) != value:
                raise UsageError(
                    f"{out} holds a simulation with {name} = {there.get(name)!r}, this one has {value!r}; "
                    "give another output folder (-o) or delete that one"
                )
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already and holds something else; give another output folder with -o")
    write_json(out / "request.json", request)
    return False


def _write_frames(
    fitted: Fitted,
    world: World,
    pairs: PairSet,
    count: int,
    out: Path,
    store: Store,
    seed: int,
    progress: Progress,
) -> tuple[int, dict[str, Any]]:
    simulate = SimulatedSet(store, fitted, world=world.name, preset=world.preset, seed=seed)
    for part in ("clean", "captured"):
        (out / part).mkdir(parents=True, exist_ok=True)
    made, frames = 0, []
    for start in range(0, count, CHUNK):
        chunk = [pairs[index].clean for index in range(start, min(start + CHUNK, count))]
        for clean, simulated in zip(chunk, simulate(chunk), strict=True):
            frames.append(clean)
            name = _file_name(clean)
            for part, frame in (("clean", clean), ("captured", simulated)):
                path = out / part / f"{name}.png"
                if not path.is_file():
                    write_depth(path, frame.depth)
                    made += part == "captured"
        progress(len(frames), count)
    return made, _cameras(frames)


def _cameras(frames: Sequence[DepthFrame]) -> dict[str, Any]:
    first = frames[0]
    return {
        "K": first.K.tolist(),
        "height": first.size[0],
        "width": first.size[1],
        "metres_per_unit": 0.001,
        "cam_to_world": {_file_name(frame): frame.world_from_cam.tolist() for frame in frames},
        "frames": {
            _file_name(frame): {"scene": frame.scene, "sequence": frame.sequence, "K": frame.K.tolist()}
            for frame in frames
        },
    }


def _file_name(frame: DepthFrame) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_@." else "_" for letter in frame.id.replace("/", "__"))
