"""Scanned objects with a class: single pieces of furniture, captured in a furnished room and cut out by their box.

What stands, lies or runs within the box is in the cloud too: floor, wall, neighbours. Classes are the six categories,
three of which are divided where a person would use another word: desk and table, wardrobe and cabinet, armchair and
sofa. An object and its neighbours occur nowhere else in the world.

HOME/worlds/mini/KEY/scans-PART-KEY/SCENE.npz     one object: `points` (N, 3) float32 metres, `object` (N,) bool
HOME/worlds/mini/KEY/scans-PART-KEY/clouds.npz    all of them; written last, and the others go
"""

import zipfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2r_bench import workers
from s2r_bench.data.clouds import CloudSplit, LabelledClouds
from s2r_bench.errors import DataError, UsageError
from s2r_bench.files import held, whole
from s2r_bench.geometry.camera import intrinsics
from s2r_bench.geometry.crop import grown_box, inside_box
from s2r_bench.geometry.points import back_project
from s2r_bench.seeds import FrameSeed, rng_of, seed_of
from s2r_bench.types import FloatArray
from s2r_bench.worlds.mini.cameras import arc_poses
from s2r_bench.worlds.mini.furniture.kinds import kind_of
from s2r_bench.worlds.mini.options import FIRST_OBJECT, MiniOptions, Part
from s2r_bench.worlds.mini.rooms import OBJECTS_PER_ROOM, make_room
from s2r_bench.worlds.mini.scene import Stage
from s2r_bench.worlds.mini.sensor import VirtualSensor

CLASSES = ("armchair", "bed", "cabinet", "chair", "desk", "shelf", "sofa", "table", "wardrobe")
_CATEGORY = {"armchair": "sofa", "desk": "table", "wardrobe": "cabinet"}
_OWN_CLASS = frozenset(_CATEGORY)  # kinds that are no member of their category's class
SLOTS = 100_000 // OBJECTS_PER_ROOM
PARTS: dict[CloudSplit, Part] = {"train": "scanned-train", "test": "scanned-test"}
TARGET = 1  # the instance of a room's target
CLOUDS = "clouds.npz"


@dataclass(frozen=True)
class ScanJob:
    """One object to scan: the class, the numbers that are set aside for its room, and where its cloud goes."""

    options: MiniOptions
    part: Part
    label: str
    slot: int
    folder: Path

    @property
    def scene(self) -> str:
        """The scene id, as `scanned-train-desk-0042`."""
        return f"{self.part}-{self.label}-{self.slot:04d}"

    @property
    def path(self) -> Path:
        """The file of its cloud."""
        return self.folder / f"{self.scene}.npz"


def scan_jobs(options: MiniOptions, split: CloudSplit, folder: Path) -> list[ScanJob]:
    """The objects of a split, class by class.

    Raises:
        UsageError: more objects of a class than there are numbers for.
    """
    part, wanted = PARTS[split], getattr(options.scans, f"{split}_per_class")
    jobs = []
    for place, label in enumerate(CLASSES):
        found: list[ScanJob] = []
        for number in count():
            # classes take turns: no two share a room's numbers
            slot = place + len(CLASSES) * number
            if slot >= SLOTS:
                raise UsageError(f"the mini world has {len(found)} scanned objects {label!r}, {wanted} are asked for")
            slot = (slot + 3000 * options.seed) % SLOTS
            if is_of_class(label, FIRST_OBJECT[part] + OBJECTS_PER_ROOM * slot):
                found.append(ScanJob(options, part, label, slot, folder))
            if len(found) == wanted:
                break
        jobs += found
    return jobs


def is_of_class(label: str, number: int) -> bool:
    """Whether that number, of the category behind the class, is of it."""
    category = _CATEGORY.get(label, label)
    kind = kind_of(category, number)
    return kind == label if label in _OWN_CLASS else kind not in _OWN_CLASS


def scan(job: ScanJob) -> None:
    """Write the cloud of an object if it is not there; it may hold no point."""
    import cv2

    cv2.setNumThreads(1)
    if job.path.is_file():
        return
    options, scans = job.options, job.options.scans
    room_seed = seed_of(options.seed, "scan room", job.scene)
    first = FIRST_OBJECT[job.part] + OBJECTS_PER_ROOM * job.slot
    stage = Stage(make_room(job.scene, room_seed, first, _CATEGORY.get(job.label, job.label)))
    box = grown_box(target_box(stage), scans.margin)
    points, on_object = _captured(options, stage, box)
    points, on_object = fused(points - box.mean(0), on_object, scans.voxel)
    with whole(job.path) as part, part.open("wb") as stream:
        np.savez(stream, points=points.astype(np.float32), object=on_object)


def target_box(stage: Stage) -> FloatArray:
    """(2, 3) bounds of a room's target."""
    bounds = np.stack([body.mesh.bounds for body in stage.scene.bodies if body.instance == TARGET])
    return np.stack([bounds[:, 0].min(0), bounds[:, 1].max(0)])


def fused(points: FloatArray, on_object: NDArray[np.bool_], voxel: float) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The mean point of each occupied voxel, and whether most of its points are the object's."""
    cells = np.floor(points / voxel).astype(np.int64)
    _, inverse = np.unique(cells, axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    number = np.bincount(inverse)
    means = [np.bincount(inverse, weights=points[:, axis]) / np.maximum(number, 1) for axis in range(3)]
    return np.stack(means, 1), np.bincount(inverse, weights=on_object) * 2 > number


def scanned(options: MiniOptions, split: CloudSplit, folder: Path) -> LabelledClouds:
    """The scanned objects of a split: made if they are not there, continued if that was cut off.

    Raises:
        UsageError: as `scan_jobs`.
        DataError: the file is damaged; the message names it.
        EnvironmentLacksError: a process died.
    """
    path = folder / CLOUDS
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder.with_name(folder.name + ".lock")):
            if not path.is_file():
                jobs = scan_jobs(options, split, folder)
                workers.each(scan, jobs, workers.count(options.workers), "scanning objects")
                _gather(jobs, path)
    return _read(path, split, options.scans.points)


def scan_scenes(options: MiniOptions, split: CloudSplit) -> frozenset[str]:
    """The scenes in which the objects of a split stand."""
    return frozenset(job.scene for job in scan_jobs(options, split, Path()))


def _captured(options: MiniOptions, stage: Stage, box: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Points of all captures within the box, room frame, and whether they are the target's."""
    scene, sensor = stage.scene.id, VirtualSensor(options.sensor)
    K = intrinsics(options.width, options.height, options.focal_px)
    poses = arc_poses(stage, options.scans.views, seed_of(options.seed, "scan arc", scene), options.object_distance)
    session = seed_of(options.seed, "scan session", scene)
    clouds, owners = [np.zeros((0, 3))], [np.zeros(0, np.bool_)]
    for view, pose in enumerate(poses):
        seed = FrameSeed(seed_of(options.seed, "scan view", scene, view), session)
        seen = sensor.capture(stage, K, pose, options.size, seed)
        there = seen.captured > 0
        points = back_project(seen.captured, K)[there].astype(np.float64) @ pose[:3, :3].T + pose[:3, 3]
        inside = inside_box(points, box)
        clouds.append(points[inside])
        owners.append(seen.instance[there][inside] == TARGET)
    return np.concatenate(clouds), np.concatenate(owners)


def _gather(jobs: list[ScanJob], path: Path) -> None:
    """All objects with points enough in one file; `kept` is how many of their points are different ones."""
    points, owners, labels, scenes = [], [], [], []
    for job in jobs:
        with np.load(job.path, allow_pickle=False) as arrays:
            cloud, on_object = arrays["points"], arrays["object"]
        wanted = job.options.scans
        if len(cloud) < wanted.fewest:
            continue
        # in random order, so that the first few are as good as any
        order = rng_of("scan points", job.scene).permutation(len(cloud))[: wanted.points]
        order = np.resize(order, wanted.points)
        points.append(cloud[order])
        owners.append(on_object[order])
        labels.append(CLASSES.index(job.label))
        scenes.append(job.scene)
    if not points:
        raise DataError(f"{path.parent}: none of {len(jobs)} scanned objects has points; is the sensor blind?")
    with whole(path) as part, part.open("wb") as stream:
        np.savez(
            stream, points=np.stack(points), object=np.stack(owners), labels=np.array(labels), scenes=np.array(scenes)
        )
    for job in jobs:
        job.path.unlink()


def _read(path: Path, split: CloudSplit, points: int) -> LabelledClouds:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in ("points", "object", "labels")}
        if found["points"].shape[1:] != (points, 3):
            raise ValueError(f"clouds are {found['points'].shape[1:]}, expected ({points}, 3)")
        return LabelledClouds(
            "mini/scans", split, found["points"], found["labels"].astype(np.int64), CLASSES, found["object"]
        )
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as wrong:
        raise DataError(f"{path} is missing or damaged ({wrong}); delete its folder and run again") from None
