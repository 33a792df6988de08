"""Single objects on a stage, and captures of any view of this world, on all cores."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from s2r_bench.errors import DataError, UsageError
from s2r_bench.geometry.camera import intrinsics
from s2r_bench.seeds import FrameSeed
from s2r_bench.types import CadModel, DepthArray, DepthFrame
from s2r_bench.workers import each
from s2r_bench.worlds.mini.build import cached_stage
from s2r_bench.worlds.mini.cameras import arc_poses
from s2r_bench.worlds.mini.furniture import FurnitureModel, furniture_of
from s2r_bench.worlds.mini.options import FARTHEST_STORED_M, MiniOptions
from s2r_bench.worlds.mini.rooms import make_stage
from s2r_bench.worlds.mini.scene import Stage
from s2r_bench.worlds.mini.sensor import VirtualSensor

OBJECT, CAPTURE = "object-", "capture-"


@dataclass(frozen=True, eq=False)
class CaptureJob:
    """One view to capture, at the size at which the world captures."""

    options: MiniOptions
    frame: DepthFrame
    seed: FrameSeed


def object_stage(model: CadModel, seed: int) -> Stage:
    """An object alone on a floor; procedural furniture gets a material for each kind of part."""
    return Stage(make_stage(f"{OBJECT}{model.id}", model.mesh, model.id, seed, _parts(model)))


def object_frames(options: MiniOptions, stage: Stage, views: int, seed: int) -> list[DepthFrame]:
    """Clean views of a stage from an arc; the sequence names the seed, so that the stage can be set up again."""
    K = intrinsics(options.width, options.height, options.focal_px)
    frames = []
    for i, pose in enumerate(arc_poses(stage, views, seed, options.object_distance)):
        depth = stage.rays.depth(K, pose, options.size)
        depth[depth > FARTHEST_STORED_M] = 0
        frames.append(DepthFrame(depth, K, pose, stage.scene.id, f"{CAPTURE}{seed}", f"v{i:03d}"))
    return frames


def captured_depths(jobs: Sequence[CaptureJob], workers: int) -> list[DepthArray]:
    """What the virtual sensor sees of each job's view; equal for any number of workers.

    Raises:
        DataError: a view of another world.
        EnvironmentLacksError: a worker died.
    """
    return each(captured_depth, jobs, workers, "capturing views")


def captured_depth(job: CaptureJob) -> DepthArray:
    """(H, W) float32 metres, 0 where the sensor gives nothing."""
    import cv2

    cv2.setNumThreads(1)
    frame = job.frame
    stage = _stage_of(job)
    seen = VirtualSensor(job.options.sensor).capture(stage, frame.K, frame.world_from_cam, frame.size, job.seed)
    return seen.captured


def _stage_of(job: CaptureJob) -> Stage:
    scene, sequence = job.frame.scene, job.frame.sequence
    split, _, number = scene.rpartition("-")
    if split in ("train", "val", "test") and number.isdigit():
        return cached_stage(job.options, split, int(number))
    if scene.startswith(OBJECT) and sequence.removeprefix(CAPTURE).isdigit():
        return _object_stage_of(scene.removeprefix(OBJECT), int(sequence.removeprefix(CAPTURE)))
    raise DataError(
        f"{job.frame.id} is no view of the mini world: its rooms are named as train-0003, its objects as "
        "object-chair-000123"
    )


@lru_cache(maxsize=4)
def _object_stage_of(model_id: str, seed: int) -> Stage:
    try:
        model = furniture_of(model_id).model
    except UsageError as wrong:
        raise DataError(f"object-{model_id}: only procedural furniture can be captured ({wrong})") from None
    return object_stage(model, seed)


def _parts(model: CadModel) -> FurnitureModel | None:
    return furniture_of(model.id) if model.source == "s2r-bench procedural" else None
