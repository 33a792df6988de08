"""Camera paths that were walked with a real camera, laid around a CAD model that stands elsewhere.

What is read (`read_trajectory`):

    FILE.json or DIR/cameras.json   a pair folder's cameras file, {"K": 3x3, "width": W, "height": H, "cam_to_world":
                                    {ID: 4x4, ...}, "frames": {ID: {"sequence": ...}}}; ids in order of time
    FILE.npz                        arrays poses (N, 4, 4), K (3, 3), width, height; sequence (N,) if there are several
    a recording                     7-Scenes or TUM, as `s2r_bench.data.recordings` reads them; of depth only the size

Poses are camera-to-world, metres, OpenCV axes. JSON and npz may say where `up` is (x, y, z) and at which height along
it the `floor` lies. Otherwise up is the direction that the cameras' rows are level to, which takes a path that turns,
and the cameras are taken to be carried CARRIED_M above the floor.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.data.intrinsics import intrinsics_of
from s2r_bench.data.recordings import RecordedDepth, read_recording
from s2r_bench.errors import DataError
from s2r_bench.files import read_json
from s2r_bench.records import content_key
from s2r_bench.seeds import rng_of
from s2r_bench.types import FloatArray

CARRIED_M = 1.4
PLAUSIBLE_M = (0.15, 4.0)  # of the cameras above the floor
FARTHEST_FOCUS_M = 4.0
AHEAD_M = 2.0  # where a path looks that looks at no one place
CANDIDATES = 3  # poses for each view that is wanted: some will not show the object
SIDEWAYS_DEG = 35.0


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Recorded camera paths.

    Attributes:
        paths: sequence -> (N, 4, 4) poses in order of time, y up, the floor at y = 0.
        K: (3, 3) intrinsics in pixels.
        size: (height, width).
    """

    paths: Mapping[str, FloatArray]
    K: FloatArray
    size: tuple[int, int]

    @property
    def digest(self) -> str:
        """Of poses and camera."""
        return content_key([{name: poses.tolist() for name, poses in self.paths.items()}, self.K.tolist(), self.size])


def read_trajectory(path: Path) -> Trajectory:
    """Read recorded paths; see above for what is read.

    Raises:
        DataError: nothing there, no poses, a pose that is not rigid, no telling where up is; it names the file.
    """
    if not path.exists():
        raise DataError(f"there is no trajectory at {path}; give a cameras.json, an npz of poses, or a recording")
    if path.is_dir() and (path / "cameras.json").is_file():
        path = path / "cameras.json"
    if path.suffix == ".json":
        return _of_json(path)
    return _of_npz(path) if path.suffix == ".npz" else _of_recording(path)


def laid_around(trajectory: Trajectory, box: FloatArray, views: int, seed: int, attempt: int) -> list[FloatArray]:
    """A stretch of a recorded path, moved and turned about the vertical so that it looks at an object from the front.

    Heights above the floor and all motion stay as they were recorded.

    Args:
        trajectory: what was recorded.
        box: (2, 3) of the object, y up; it stands on the floor and faces +z.
        views: how many are wanted; up to three times as many candidates come, evenly spaced in time.
        seed: decides sequence, stretch and turn, together with `attempt`.
        attempt: 0, 1, ...: another stretch each time.

    Returns:
        Poses (4, 4) in the frame of the box.
    """
    rng = rng_of(seed, "recorded", attempt)
    poses = trajectory.paths[sorted(trajectory.paths)[int(rng.integers(len(trajectory.paths)))]]
    length = min(len(poses), max(views, int(len(poses) * rng.uniform(0.3, 1.0))))
    start = int(rng.integers(len(poses) - length + 1))
    count = min(length, CANDIDATES * views)
    chosen = poses[start + np.linspace(0, length - 1, count).round().astype(int)]
    focus = focus_of(chosen)
    back = chosen[:, :3, 3].mean(0) - focus
    turn = np.deg2rad(rng.uniform(-SIDEWAYS_DEG, SIDEWAYS_DEG)) - float(np.arctan2(back[0], back[2]))
    move = np.eye(4)
    move[0, [0, 2]] = np.cos(turn), np.sin(turn)
    move[2, [0, 2]] = -np.sin(turn), np.cos(turn)
    target = box.mean(0)
    move[:3, 3] = np.array([target[0], box[0, 1], target[2]]) - move[:3, :3] @ np.array([focus[0], 0.0, focus[2]])
    return [move @ pose for pose in chosen]


def focus_of(poses: FloatArray) -> FloatArray:
    """(3,) the point nearest to all optical axes of poses (N, 4, 4), if it lies before the cameras; else 2 m ahead."""
    eyes, ahead = poses[:, :3, 3], poses[:, :3, 2]
    across = np.eye(3) - ahead[:, :, None] * ahead[:, None, :]
    usual: FloatArray = eyes.mean(0) + AHEAD_M * ahead.mean(0)
    whole = across.sum(0)
    if np.linalg.cond(whole) > 1e4:  # parallel axes meet nowhere
        return usual
    meeting: FloatArray = np.linalg.solve(whole, np.einsum("nij,nj->i", across, eyes))
    depth = np.einsum("nj,nj->n", meeting - eyes, ahead)
    return meeting if 0.3 < np.median(depth) < FARTHEST_FOCUS_M else usual


def _of_json(path: Path) -> Trajectory:
    fields = read_json(path)
    K, size = intrinsics_of(fields, str(path))
    found: dict[str, list[Any]] = {}
    try:
        told = fields.get("frames", {})
        for name, pose in sorted(fields["cam_to_world"].items()):
            frame = told.get(name, {})
            found.setdefault(f"{frame.get('scene', '')}/{frame.get('sequence', '0')}", []).append(pose)
        poses = {name: np.asarray(one, dtype=np.float64) for name, one in found.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise DataError(f"{path}: expected cam_to_world, a pose (4x4) for each frame ({wrong})") from None
    return _levelled(poses, K, size, fields.get("up"), fields.get("floor"), path)


def _of_npz(path: Path) -> Trajectory:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        poses = np.asarray(arrays["poses"], dtype=np.float64)
        sequence = arrays.get("sequence", np.full(len(poses), "0")).astype(str)
        if len(sequence) != len(poses):
            raise ValueError(f"{len(poses)} poses and {len(sequence)} names of sequences")
        fields = {name: arrays[name].tolist() for name in ("K", "width", "height", "up", "floor") if name in arrays}
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as wrong:
        raise DataError(f"{path}: expected arrays poses (N, 4, 4), K, width and height ({wrong})") from None
    K, size = intrinsics_of(fields, str(path))
    paths = {str(name): poses[sequence == name] for name in np.unique(sequence)}
    return _levelled(paths, K, size, fields.get("up"), fields.get("floor"), path)


def _of_recording(path: Path) -> Trajectory:
    recording = read_recording(path)
    found: dict[str, list[FloatArray]] = {}
    for frame in recording.frames:
        found.setdefault(frame.sequence, []).append(frame.world_from_cam)
    size = RecordedDepth(recording, recording.frames[:1], [recording.frames[0].world_from_cam])[0].size
    return _levelled({name: np.stack(poses) for name, poses in found.items()}, recording.K, size, None, None, path)


def _levelled(
    paths: Mapping[str, FloatArray], K: FloatArray, size: tuple[int, int], up: Any, floor: Any, where: Path
) -> Trajectory:
    """The paths with y up and the floor at y = 0."""
    for name, poses in paths.items():
        _check(poses, f"{where}, sequence {name}")
    together = np.concatenate(list(paths.values())) if paths else np.zeros((0, 4, 4))
    if len(together) == 0:
        raise DataError(f"{where} holds no pose")
    level = np.eye(4)
    level[:3, :3] = _upright(_told_up(up, where) if up is not None else _found_up(together, where))
    heights = together[:, :3, 3] @ level[1, :3]
    level[1, 3] = CARRIED_M - float(np.median(heights)) if floor is None else -_number(floor, where)
    middle = float(np.median(heights) + level[1, 3])
    if not PLAUSIBLE_M[0] <= middle <= PLAUSIBLE_M[1]:
        raise DataError(
            f"{where}: the cameras stand {middle:.2f} m above the floor, expected {PLAUSIBLE_M[0]} to "
            f"{PLAUSIBLE_M[1]} m: poses must be metres; check `up` and `floor`"
        )
    return Trajectory({name: level @ poses for name, poses in paths.items()}, K, size)


def _check(poses: FloatArray, where: str) -> None:
    if poses.ndim != 3 or poses.shape[1:] != (4, 4) or not np.isfinite(poses).all():
        raise DataError(f"{where}: poses must be finite and (N, 4, 4), not {poses.shape}")
    turns = poses[:, :3, :3]
    off = np.abs(turns @ turns.transpose(0, 2, 1) - np.eye(3)).max(initial=0)
    if off > 1e-2 or bool((np.linalg.det(turns) < 0).any()):
        raise DataError(f"{where}: a pose is not rigid (rotation and translation, camera to world)")


def _found_up(poses: FloatArray, where: Path) -> FloatArray:
    """The direction to which the rows of all images are level: a hand-held camera rolls little."""
    right, upwards = poses[:, :3, 0], -poses[:, :3, 1].mean(0)
    size, direction = np.linalg.eigh(right.T @ right / len(poses))
    if len(poses) < 2 or size[1] < 4 * size[0] or size[1] < 1e-3:
        raise DataError(
            f'{where}: the path turns too little to tell where up is; add "up": [x, y, z], in the frame of the poses'
        )
    return np.asarray(direction[:, 0] * np.sign(direction[:, 0] @ upwards))


def _told_up(up: Any, where: Path) -> FloatArray:
    try:
        told = np.asarray(up, dtype=np.float64)
        length = float(np.linalg.norm(told))
        if told.shape != (3,) or not 0 < length < np.inf:
            raise ValueError("it has no direction")
    except (TypeError, ValueError) as wrong:
        raise DataError(f"{where}: `up` must be three numbers, not {up!r} ({wrong})") from None
    return np.asarray(told / length)


def _number(floor: Any, where: Path) -> float:
    try:
        told = float(floor)
        if not np.isfinite(told):
            raise ValueError("not finite")
    except (TypeError, ValueError) as wrong:
        raise DataError(f"{where}: `floor` must be a height in metres, not {floor!r} ({wrong})") from None
    return told


def _upright(up: FloatArray) -> FloatArray:
    """(3, 3) a rotation that takes `up` to y."""
    side = np.eye(3)[int(np.abs(up).argmin())]
    x = np.cross(side, up)
    x /= np.linalg.norm(x)
    return np.stack([x, up, np.cross(x, up)])
