"""Generates the pairs of a split as a pair folder: room by room, resumable, cameras.json last."""

import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from s2r_bench import workers
from s2r_bench.errors import EnvironmentLacksError
from s2r_bench.files import held, write_text
from s2r_bench.geometry.camera import intrinsics
from s2r_bench.seeds import FrameSeed, frame_seeds, seed_of
from s2r_bench.types import CATEGORIES, DepthFrame, FloatArray
from s2r_bench.worlds.mini.cameras import arc_poses
from s2r_bench.worlds.mini.options import FARTHEST_STORED_M, FIRST_OBJECT, METRES_PER_UNIT, MiniOptions, Part
from s2r_bench.worlds.mini.rooms import OBJECTS_PER_ROOM, make_room
from s2r_bench.worlds.mini.scene import Stage
from s2r_bench.worlds.mini.sensor import Capture, VirtualSensor
from s2r_bench.worlds.pair_folder import write_depth

Progress = Callable[[int, int], None]
SEQUENCE = "arc-0"


@dataclass(frozen=True)
class RoomJob:
    """One room of a split, and where its frames go."""

    options: MiniOptions
    split: Part
    index: int
    folder: Path

    @property
    def scene(self) -> str:
        """The scene id, as `train-0003`."""
        return f"{self.split}-{self.index:04d}"


def scene_stage(options: MiniOptions, split: Part, index: int) -> Stage:
    """Build a room of a split (again); the same options give the same room. Targets go round the categories."""
    number = (index + 1000 * options.seed) % (100_000 // OBJECTS_PER_ROOM)
    room_seed = seed_of(options.seed, "room", split, index)
    first = FIRST_OBJECT[split] + OBJECTS_PER_ROOM * number
    return Stage(make_room(f"{split}-{index:04d}", room_seed, first, CATEGORIES[index % len(CATEGORIES)]))


def room_frames(options: MiniOptions, stage: Stage) -> list[DepthFrame]:
    """The cameras of a room as frames without depth yet."""
    scene = stage.scene.id
    poses = arc_poses(stage, options.views, seed_of(options.seed, "arc", scene, SEQUENCE))
    K = intrinsics(options.width, options.height, options.focal_px)
    empty = np.zeros(options.size, np.float32)
    return [DepthFrame(empty, K, pose, scene, SEQUENCE, f"{scene}-v{i:03d}") for i, pose in enumerate(poses)]


def capture_frame(
    options: MiniOptions, stage: Stage, frame: DepthFrame, run_seed: int, session_seed: int | None = None
) -> Capture:
    """The virtual sensor's view from a frame's camera; what lies beyond the stored range counts as nothing.

    `run_seed` decides the view's noise, `session_seed` (None: the same seed) the calibration of its session.
    """
    session = run_seed if session_seed is None else session_seed
    seed = FrameSeed(frame_seeds([frame], run_seed)[0].view, frame_seeds([frame], session)[0].session)
    seen = VirtualSensor(options.sensor).capture(stage, frame.K, frame.world_from_cam, frame.size, seed)
    seen.clean[seen.clean > FARTHEST_STORED_M] = 0
    return seen


def build_room(job: RoomJob) -> dict[str, list[list[float]]]:
    """Write the frames of a room that are not there yet; returns frame name -> pose (4, 4) as lists."""
    import cv2

    cv2.setNumThreads(1)
    stage = scene_stage(job.options, job.split, job.index)
    frames = room_frames(job.options, stage)
    for frame in frames:
        captured = job.folder / "captured" / f"{frame.frame}.png"
        if captured.is_file():
            continue
        seen = capture_frame(job.options, stage, frame, job.options.seed)
        write_depth(job.folder / "clean" / captured.name, seen.clean, METRES_PER_UNIT)
        write_depth(captured, seen.captured, METRES_PER_UNIT)  # last: its presence means that the pair is whole
    return {frame.frame: frame.world_from_cam.tolist() for frame in frames}


def build_pairs(options: MiniOptions, split: Part, folder: Path, progress: Progress | None = None) -> None:
    """Make the pair folder of a split; does nothing if it is there, continues if it was cut off.

    Args:
        options: the world.
        split: "train", "val" or "test".
        folder: where to.
        progress: called with (rooms done, rooms).

    Raises:
        EnvironmentLacksError: a worker process died (memory, most often).
    """
    if (folder / "cameras.json").is_file():
        return
    for part in ("clean", "captured"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    jobs = [RoomJob(options, split, index, folder) for index in range(options.rooms(split))]
    with held(folder.with_name(folder.name + ".lock")):
        if not (folder / "cameras.json").is_file():
            poses = _run(jobs, min(workers.count(options.workers), len(jobs)), progress)
            _write_cameras(options, split, folder, poses)


def _run(jobs: list[RoomJob], processes: int, progress: Progress | None) -> dict[str, dict[str, list[list[float]]]]:
    """Poses of every room by scene id."""
    made: dict[str, dict[str, list[list[float]]]] = {}
    if processes <= 1:
        for job in jobs:
            made[job.scene] = build_room(job)
            _tell(progress, len(made), len(jobs))
        return made
    pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))
    try:
        with workers.main_left_alone():
            waiting: dict[Future[dict[str, list[list[float]]]], str] = {
                pool.submit(build_room, job): job.scene for job in jobs
            }
        for future in as_completed(waiting):
            made[waiting[future]] = future.result()
            _tell(progress, len(made), len(jobs))
    except BrokenProcessPool:
        raise EnvironmentLacksError(
            "a process that generates the mini world died (out of memory?); run again to continue, "
            "with S2R_WORKERS=1 to use less memory"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return made


def _tell(progress: Progress | None, done: int, of: int) -> None:
    if progress is not None:
        progress(done, of)


def _write_cameras(
    options: MiniOptions, split: str, folder: Path, poses: dict[str, dict[str, list[list[float]]]]
) -> None:
    by_name = {name: pose for scene in sorted(poses) for name, pose in poses[scene].items()}
    frames = {name: {"scene": scene, "sequence": SEQUENCE} for scene in sorted(poses) for name in poses[scene]}
    K: FloatArray = intrinsics(options.width, options.height, options.focal_px)
    cameras = {
        "K": K.tolist(),
        "width": options.width,
        "height": options.height,
        "metres_per_unit": METRES_PER_UNIT,
        "sensor": "virtual sensor",
        "splits": {split: list(by_name)},
        "frames": frames,
        "cam_to_world": by_name,
    }
    write_text(folder / "cameras.json", json.dumps(cameras))


@lru_cache(maxsize=4)
def cached_stage(options: MiniOptions, split: Part, index: int) -> Stage:
    """`scene_stage`, the last few kept."""
    return scene_stage(options, split, index)
