"""Writes a pair folder from views that are read or rendered one by one: in parallel, going on after a kill."""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench import workers
from s2r_bench.data.adopt import write_cameras
from s2r_bench.data.claim import claim, release
from s2r_bench.errors import DataError
from s2r_bench.files import write_json
from s2r_bench.types import DepthArray, FloatArray
from s2r_bench.worlds.pair_folder import write_depth

Progress = Callable[[str, int, int], None]
AT_ONCE = 256  # views handed to the threads at a time
FEWEST_PIXELS = 50  # a view with fewer on either side teaches nothing


@dataclass(frozen=True, eq=False)
class View:
    """One pair that is not read yet.

    Attributes:
        name: of its files; unique in the folder, ends in the frame's number.
        scene: the room; splits and the leakage guard go by it.
        sequence: one capture session of that scene.
        K: (3, 3) intrinsics, pixel centres at integer coordinates.
        world_from_cam: (4, 4) pose, OpenCV axes, metres.
        read: gives clean and captured depth, (H, W) float32 metres; DataError names a damaged file.
    """

    name: str
    scene: str
    sequence: str
    K: FloatArray
    world_from_cam: FloatArray
    read: Callable[[], tuple[DepthArray, DepthArray]]


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        cameras: path of the cameras file.
        pairs: number of pairs.
        splits: split -> number of pairs.
        dropped: view -> why it was left out.
    """

    cameras: Path
    pairs: int
    splits: dict[str, int]
    dropped: dict[str, str]


def write_pairs(
    out: Path,
    views: Sequence[View],
    splits: Mapping[str, Sequence[str]],
    *,
    identity: Mapping[str, Any],
    sensor: str,
    others: Mapping[str, Mapping[str, Any]] | None = None,
    metres_per_unit: float = 0.001,
    beside: Collection[str] = (),
    max_apart: float | None = None,
    progress: Progress | None = None,
) -> Written:
    """Write the pair folder `out`: clean/, captured/, and cameras.json when all else is there.

    Args:
        out: the new folder.
        views: of one image size.
        splits: split -> names of views; each has to get one that is usable.
        identity: what decides the content, for going on after a kill.
        sensor: its name in records and tables.
        others: further JSON files of the folder, name -> content; they are there before cameras.json is.
        metres_per_unit: of the files.
        beside: names that may stand in `out` already.
        max_apart: a view is dropped where the median pixel of both sides differs by more, metres: a pose is wrong.
        progress: called with a stage's name, views done and views in all.

    Raises:
        DataError: a file is damaged (it is named), sizes differ, no view is usable, or a split gets none.
    """
    claim(out, identity, "cameras.json", beside)
    tell = progress or (lambda stage, done, total: None)
    dropped, size = _written(out, views, metres_per_unit, max_apart, tell)
    kept = [view for view in views if view.name not in dropped]
    if not kept:
        first = next(iter(dropped.items()), ("", "there is none"))
        raise DataError(f"{out}: no view of {len(views)} is usable; first: {' '.join(first)}")
    known = {view.name for view in kept}
    chosen = {split: [name for name in names if name in known] for split, names in splits.items()}
    empty = [split for split, names in chosen.items() if not names]
    if empty:
        raise DataError(f"{out}: split {empty[0]} gets no view of the {len(kept)} that are usable")
    fields = {
        "K": kept[0].K.tolist(),
        "width": size[1],
        "height": size[0],
        "metres_per_unit": metres_per_unit,
        "sensor": sensor,
        "cam_to_world": {view.name: view.world_from_cam.tolist() for view in kept},
        "frames": {view.name: _entry(view, kept[0].K) for view in kept},
        "splits": chosen,
        "made_from": dict(identity),
    }
    for name, content in (others or {}).items():
        write_json(out / name, dict(content))
    path = write_cameras(out, fields)
    release(out)
    return Written(path, len(kept), {split: len(names) for split, names in chosen.items()}, dropped)


def _entry(view: View, K: FloatArray) -> dict[str, Any]:
    own = {} if np.array_equal(view.K, K) else {"K": view.K.tolist()}
    return {"scene": view.scene, "sequence": view.sequence, **own}


def _written(
    out: Path, views: Sequence[View], unit: float, max_apart: float | None, tell: Progress
) -> tuple[dict[str, str], tuple[int, int]]:
    """Why views were dropped, and the (height, width) of the others."""
    for part in ("clean", "captured"):
        (out / part).mkdir(exist_ok=True)
    dropped: dict[str, str] = {}
    sizes: dict[tuple[int, int], str] = {}
    threads = workers.count()
    with _one_thread_in_opencv(), ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(views), AT_ONCE):
            some = views[start : start + AT_ONCE]
            for view, (why, size) in zip(some, pool.map(partial(_one, out, unit, max_apart), some), strict=True):
                if why:
                    dropped[view.name] = why
                    continue
                sizes.setdefault(size, view.name)
                if len(sizes) > 1:
                    (a, one), (b, other) = sizes.items()
                    raise DataError(
                        f"{out}: {one} has {a[1]}x{a[0]} pixels, {other} {b[1]}x{b[0]}; a pair folder has one size"
                    )
            tell("write pairs", start + len(some), len(views))
    return dropped, next(iter(sizes), (0, 0))


def _one(out: Path, unit: float, max_apart: float | None, view: View) -> tuple[str, tuple[int, int]]:
    """Write one view; what a broken-off run has written is only looked at."""
    clean_path, captured_path = (out / part / f"{view.name}.png" for part in ("clean", "captured"))
    # the captured file is written second: where it is, both are whole
    if captured_path.is_file():
        return "", _png_size(captured_path)
    clean, captured = view.read()
    if clean.shape != captured.shape:
        raise DataError(
            f"{view.name}: clean depth is {clean.shape[1]}x{clean.shape[0]}, captured {captured.shape[1]}x"
            f"{captured.shape[0]}; a pair is one view through one camera"
        )
    for side, depth in (("clean", clean), ("captured", captured)):
        if np.count_nonzero(depth) < FEWEST_PIXELS:
            return f"its {side} depth has hardly a pixel with a value", (0, 0)
    both = (clean > 0) & (captured > 0)
    apart = float(np.median(np.abs(clean[both] - captured[both]))) if both.any() else 0.0
    if max_apart is not None and apart > max_apart:
        return f"its sides differ by {1000 * apart:.0f} mm in the median pixel", (0, 0)
    write_depth(clean_path, clean, unit)
    write_depth(captured_path, captured, unit)
    return "", (clean.shape[0], clean.shape[1])


def _png_size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    return int.from_bytes(head[20:24], "big"), int.from_bytes(head[16:20], "big")


_lock = threading.Lock()


@contextmanager
def _one_thread_in_opencv() -> Iterator[None]:
    """The views are what is spread over cores."""
    import cv2

    with _lock:
        before = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            yield
        finally:
            cv2.setNumThreads(before)


def split_scenes(scenes: Mapping[str, str]) -> dict[str, str]:
    """Scene -> train, val or test, by whole scenes, for data sets that name no validation scenes, or no parts at all.

    Args:
        scenes: scene -> the part it is given out in ("train", "val", "test"), or "" where there are none.

    Every tenth training scene (the last one of ten; at least one) validates where no part does. Without parts the first
    70 % in order train, the next 10 % validate, the rest tests.

    Raises:
        DataError: too few scenes for three parts.
    """
    ordered = sorted(scenes)
    if {"train", "test"} <= set(scenes.values()):
        chosen = dict(scenes)
        train = [scene for scene in ordered if scenes[scene] == "train"]
        if "val" not in scenes.values():
            chosen |= dict.fromkeys(train[9::10] or train[-1:], "val")
    else:
        first = min(max(1, round(0.7 * len(ordered))), len(ordered) - 2)
        second = first + max(1, round(0.1 * len(ordered)))
        parts = ("train", ordered[:first]), ("val", ordered[first:second]), ("test", ordered[second:])
        chosen = {scene: part for part, some in parts for scene in some}
    if set(chosen.values()) != {"train", "val", "test"}:
        raise DataError(
            f"{len(scenes)} scenes ({', '.join(ordered[:3])}) do not make three parts: give more of the data set"
        )
    return chosen


def without_strangers(clean: DepthArray, captured: DepthArray, apart: float) -> DepthArray:
    """The clean depth without the pixels in which something else than the CAD was captured."""
    stranger = (captured > 0) & (np.abs(captured - clean) >= apart)
    return np.where(stranger, np.float32(0), clean)


def pose_of_text(data: bytes, name: str) -> FloatArray:
    """A (4, 4) rigid pose from 16 numbers of text.

    Raises:
        DataError: other numbers, not finite, or no rotation and translation; the message names the file.
    """
    try:
        pose = np.array(data.split(), dtype=np.float64).reshape(4, 4)
    except ValueError as wrong:
        raise DataError(f"{name} does not hold the 16 numbers of a pose ({wrong})") from None
    return checked_pose(pose, name)


def checked_pose(pose: FloatArray, name: str) -> FloatArray:
    """The pose, if it is one.

    Raises:
        DataError: not finite, or no rotation and translation; the message names the file.
    """
    turn = pose[:3, :3]
    if not np.isfinite(pose).all():
        raise DataError(f"{name} holds a pose with NaN or infinite values")
    if np.abs(turn @ turn.T - np.eye(3)).max() > 0.01 or np.linalg.det(turn) < 0:
        raise DataError(f"{name} holds no rigid pose: its 3x3 part is no rotation (a scale, or a mirrored axis?)")
    return pose
