"""RGB-D sequences with poses in two published layouts: 7-Scenes and TUM. Colour is not read.

7-Scenes   seq-01/frame-000000.depth.png (16-bit millimetres, 65535 = no value), frame-000000.pose.txt (4x4
           camera-to-world, metres); K = 585, 585, 320, 240
TUM RGB-D  depth/TIME.png (16-bit, 5000 units a metre, 0 = no value), depth.txt (time, file), groundtruth.txt (time,
           tx ty tz qx qy qz qw of the camera in the world); K = 525, 525, 319.5, 239.5 unless another is given
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, overload

import numpy as np

from s2r_bench.data.trees import Reader, read_tree
from s2r_bench.errors import DataError, UsageError
from s2r_bench.types import DepthFrame, FloatArray

Layout = Literal["auto", "7scenes", "tum"]
SEVEN_SCENES_K = ((585.0, 0.0, 320.0), (0.0, 585.0, 240.0), (0.0, 0.0, 1.0))
TUM_K = ((525.0, 0.0, 319.5), (0.0, 525.0, 239.5), (0.0, 0.0, 1.0))
MAX_APART_S = 0.02  # a depth map and its pose may lie so far apart in time


@dataclass(frozen=True, eq=False)
class RecordedFrame:
    """One depth map of a sequence, not yet read."""

    name: str
    sequence: str
    read: Reader
    file: str
    world_from_cam: FloatArray


@dataclass(frozen=True, eq=False)
class Recording:
    """Depth frames with poses, in order of time within each sequence.

    Attributes:
        frames: every frame that has a pose.
        K: (3, 3) intrinsics in pixels, pixel centres at integer coordinates.
        metres_per_unit: of the PNG files.
        invalid: value that means "no depth", besides 0.
        sensor: as known of the layout.
        skipped: depth maps without a usable pose.
    """

    frames: tuple[RecordedFrame, ...]
    K: FloatArray
    metres_per_unit: float
    invalid: int
    sensor: str
    skipped: int


class RecordedDepth(Sequence[DepthFrame]):
    """The frames of a recording as `DepthFrame`s, read one at a time; a thousand of them do not fit in memory."""

    def __init__(self, recording: Recording, frames: Sequence[RecordedFrame], poses: Sequence[FloatArray]) -> None:
        """Take `frames` of the recording with `poses` (4, 4) in place of their own."""
        self.recording, self.frames, self.poses = recording, frames, poses

    def __len__(self) -> int:
        return len(self.frames)

    @overload
    def __getitem__(self, index: int) -> DepthFrame: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[DepthFrame]: ...

    def __getitem__(self, index: int | slice) -> DepthFrame | Sequence[DepthFrame]:
        """Read one frame; DataError names a damaged file."""
        if isinstance(index, slice):
            return RecordedDepth(self.recording, self.frames[index], self.poses[index])
        frame = self.frames[index]
        depth = _decoded(frame, self.recording)
        return DepthFrame(depth, self.recording.K, self.poses[index], "recording", frame.sequence, frame.name)


def read_recording(source: Path, layout: Layout = "auto", K: FloatArray | None = None) -> Recording:
    """Find depth maps and poses in a folder or archive.

    Args:
        source: a scene or a sequence, unpacked or as downloaded (zip, tar, tgz).
        layout: "7scenes", "tum", or "auto": by the files' names.
        K: (3, 3) intrinsics, where they are not the layout's usual ones.

    Raises:
        DataError: nothing there, another layout, damaged poses, or no frame with a pose.
        UsageError: there is no such layout.
    """
    if layout not in ("auto", "7scenes", "tum"):
        raise UsageError(f"there is no layout {layout!r}; there are: auto, 7scenes, tum")
    tree = read_tree(source, (".png", ".txt"))
    seven = any(name.endswith(".depth.png") for name in tree)
    tum = any(PurePosixPath(name).name == "groundtruth.txt" for name in tree)
    if layout == "7scenes" or (layout == "auto" and seven):
        found = _seven_scenes(source, tree)
    elif layout == "tum" or (layout == "auto" and tum):
        found = _tum(source, tree)
    else:
        raise DataError(
            f"{source} has neither *.depth.png with *.pose.txt (7-Scenes) nor depth.txt with groundtruth.txt (TUM)"
        )
    if K is None:
        return found
    return Recording(
        found.frames, np.asarray(K, float), found.metres_per_unit, found.invalid, found.sensor, found.skipped
    )


def _seven_scenes(source: Path, tree: dict[str, Reader]) -> Recording:
    frames: list[RecordedFrame] = []
    skipped = 0
    for file in tree:
        if not file.endswith(".depth.png"):
            continue
        pose_file = file.removesuffix(".depth.png") + ".pose.txt"
        pose = _pose_of(tree, pose_file) if pose_file in tree else None
        if pose is None:
            skipped += 1
            continue
        path = PurePosixPath(file)
        sequence = path.parent.name or source.stem
        number = path.name.removesuffix(".depth.png").rpartition("-")[2]
        frames.append(RecordedFrame(f"{sequence}_{number}", sequence, tree[file], file, pose))
    return _recording(source, frames, skipped, SEVEN_SCENES_K, 0.001, 65535, "Kinect v1")


def _tum(source: Path, tree: dict[str, Reader]) -> Recording:
    frames: list[RecordedFrame] = []
    skipped = 0
    for listing in [name for name in tree if PurePosixPath(name).name == "depth.txt"]:
        root = PurePosixPath(listing).parent
        truth = (root / "groundtruth.txt").as_posix()
        if truth not in tree:
            raise DataError(f"{source}: {listing} has no groundtruth.txt beside it; poses are needed")
        times, poses = _trajectory(tree[truth](), truth)
        sequence = root.name or source.name.partition(".")[0]
        for number, (time, file) in enumerate(_listed(tree[listing](), listing)):
            nearest = int(np.abs(times - time).argmin())
            inner = (root / file).as_posix()
            if abs(times[nearest] - time) > MAX_APART_S or inner not in tree:
                skipped += 1
                continue
            frames.append(RecordedFrame(f"{sequence}_{number:06d}", sequence, tree[inner], inner, poses[nearest]))
    return _recording(source, frames, skipped, TUM_K, 0.0002, 0, "Kinect v1")


def _recording(
    source: Path,
    frames: list[RecordedFrame],
    skipped: int,
    K: tuple[tuple[float, ...], ...],
    unit: float,
    invalid: int,
    sensor: str,
) -> Recording:
    if not frames:
        raise DataError(f"{source}: no depth map has a pose ({skipped} without one); is the download complete?")
    return Recording(tuple(frames), np.array(K), unit, invalid, f"{sensor} ({source.stem})", skipped)


def _pose_of(tree: dict[str, Reader], file: str) -> FloatArray | None:
    """A 4x4 pose; None where tracking was lost (NaN or infinite values)."""
    try:
        pose = np.array(tree[file]().split(), dtype=np.float64).reshape(4, 4)
    except ValueError as wrong:
        raise DataError(f"{file} does not hold the 16 numbers of a pose ({wrong})") from None
    return pose if np.isfinite(pose).all() else None


def _trajectory(data: bytes, name: str) -> tuple[FloatArray, FloatArray]:
    """(N,) seconds and (N, 4, 4) camera-to-world."""
    try:
        table = np.array([row.split() for row in _rows(data)], dtype=np.float64).reshape(-1, 8)
    except ValueError as wrong:
        raise DataError(f"{name}: lines must hold time, tx ty tz, qx qy qz qw ({wrong})") from None
    if len(table) == 0:
        raise DataError(f"{name} holds no poses")
    x, y, z, w = (table[:, 4:] / np.linalg.norm(table[:, 4:], axis=1, keepdims=True)).T
    poses = np.tile(np.eye(4), (len(table), 1, 1))
    poses[:, :3, :3] = np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], -1),
            np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], -1),
            np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], -1),
        ],
        1,
    )
    poses[:, :3, 3] = table[:, 1:4]
    return table[:, 0], poses


def _listed(data: bytes, name: str) -> list[tuple[float, str]]:
    try:
        return [(float(time), file) for time, file in (row.split() for row in _rows(data))]
    except ValueError as wrong:
        raise DataError(f"{name}: lines must hold a time and a file name ({wrong})") from None


def _rows(data: bytes) -> list[str]:
    lines = (line.strip() for line in data.decode("utf-8", "replace").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _decoded(frame: RecordedFrame, recording: Recording) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    import cv2

    data = frame.read()
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if b"IEND" in data[-12:] else None
    if image is None or image.dtype != np.uint16 or image.ndim != 2:
        raise DataError(f"{frame.file} is no whole 16-bit depth PNG; download the sequence again")
    units = np.where(image == recording.invalid, 0, image) if recording.invalid else image
    return units.astype(np.float32) * np.float32(recording.metres_per_unit)
