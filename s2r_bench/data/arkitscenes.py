"""ARKitScenes (Baruch et al., NeurIPS 2021), its 3dod part: ARKit depth beside the surface that was fused of a room.

ROOT/Training|Validation/VIDEO/VIDEO_3dod_mesh.ply
ROOT/Training|Validation/VIDEO/VIDEO_frames/lowres_depth/VIDEO_TIME.png               16-bit millimetres, 256x192
ROOT/Training|Validation/VIDEO/VIDEO_frames/lowres_wide_intrinsics/VIDEO_TIME.pincam  w h fx fy cx cy
ROOT/Training|Validation/VIDEO/VIDEO_frames/lowres_wide.traj      TIME, axis-angle (3), translation (3): world to camera

ROOT may be a folder above (3dod). Intrinsics are those of the very time, else of 1 ms before or after; a pose is the
nearest within 5 ms. The clean side is the mesh, ray-cast at a frame's pose: it was fused from these captures, so what
ARKit gets wrong in the same way from everywhere is in both sides. A scene is a video, so LASA's kept-back scenes are
known here as well. Validation tests; of Training every tenth video validates.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.cad.formats import read_mesh
from s2r_bench.data.checks.finding import Finding, error, refuse_errors, warning
from s2r_bench.data.pairing import Progress, View, split_scenes, write_pairs
from s2r_bench.data.png import depth_of_png
from s2r_bench.errors import DataError
from s2r_bench.geometry.render import RayScene
from s2r_bench.types import DepthArray, FloatArray

SENSOR = "ARKit depth (ARKitScenes)"
PARTS = {"Training": "train", "Validation": "test"}
UNIT = 0.001
EVERY = 10  # frames of a video, as LASA takes them
MAX_APART_M = 0.05
POSE_S = 0.005
SIDES_M = (1.0, 50.0)  # of a room's mesh
SAMPLE = 4  # depth maps of a video that a check decodes
GET = "https://github.com/apple/ARKitScenes (download_data.py 3dod, after reading its licence)"


@dataclass(frozen=True)
class Video:
    """One video of a room.

    Attributes:
        id: ARKitScenes' number.
        part: "train" or "test".
        folder: its folder.
    """

    id: str
    part: str
    folder: Path

    @property
    def mesh(self) -> Path:
        """The fused surface."""
        return self.folder / f"{self.id}_3dod_mesh.ply"

    @property
    def frames(self) -> Path:
        """The folder of depth maps, intrinsics and poses."""
        return self.folder / f"{self.id}_frames"

    def depth_maps(self) -> list[tuple[str, Path]]:
        """(TIME, path), in order of time."""
        found = []
        for path in sorted((self.frames / "lowres_depth").glob("*.png")):
            match = re.fullmatch(rf"{self.id}_(\d+\.\d+)", path.stem)
            if match:
                found.append((match.group(1), path))
        return sorted(found, key=lambda one: float(one[0]))


def videos(source: Path) -> list[Video]:
    """The videos at `source`.

    Raises:
        DataError: there is none.
    """
    base = next(
        (place for place in (source, source / "3dod") if any((place / part).is_dir() for part in PARTS)), source
    )
    found = [
        Video(folder.name, PARTS[part], folder)
        for part in PARTS
        if (base / part).is_dir()
        for folder in sorted((base / part).iterdir())
        if folder.is_dir() and folder.name.isdigit()
    ]
    if not found:
        raise DataError(f"{source} holds no Training/VIDEO and no Validation/VIDEO of ARKitScenes' 3dod part; {GET}")
    return found


def check(source: Path) -> list[Finding]:
    """What is missing or damaged in each video; a sample of its depth maps is decoded, its mesh is read.

    Raises:
        DataError: there is no video.
    """
    found = [finding for video in videos(source) for finding in _of_video(video)]
    return sorted(found, key=lambda finding: finding.severity)


def prepare(source: Path, out: Path, every: int = EVERY, progress: Progress | None = None) -> dict[str, Any]:
    """Write a pair folder of every n-th frame; run again, it goes on where it was broken off.

    Args:
        source: see the module.
        out: the new folder.
        every: n.
        progress: called with a stage's name, frames done and frames in all.

    Raises:
        DataError: a file is missing or damaged; the message names the first and says how many there are.
    """
    refuse_errors(check(source))
    every_video = videos(source)
    parts = {video.id: video.part for video in every_video}
    if set(parts.values()) != {"train", "test"}:
        parts = dict.fromkeys(parts, "")
    chosen = split_scenes(parts)
    views = [view for video in every_video for view in _views(video, every)]
    splits = {split: [v.name for v in views if chosen[v.scene] == split] for split in ("train", "val", "test")}
    done = write_pairs(
        out,
        views,
        splits,
        identity={"set": "arkitscenes", "frames": len(views), "every": every},
        sensor=SENSOR,
        max_apart=MAX_APART_M,
        progress=progress,
    )
    return {"pairs": done.pairs, "splits": done.splits, "dropped": done.dropped}


def read_trajectory(path: Path) -> tuple[FloatArray, FloatArray]:
    """(N,) seconds, ascending, and (N, 4, 4) camera-to-world.

    Raises:
        DataError: missing, or its lines are not seven numbers.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing")
    try:
        table = np.array([line.split() for line in path.read_text().splitlines() if line.strip()], dtype=np.float64)
        table = table.reshape(-1, 7)
        if not len(table) or not np.isfinite(table).all():
            raise ValueError("no lines, or a number is not finite")
    except (ValueError, UnicodeDecodeError) as wrong:
        raise DataError(f"{path}: lines must hold time, axis-angle (3) and translation (3) ({wrong})") from None
    table = table[np.argsort(table[:, 0], kind="stable")]
    poses = np.tile(np.eye(4), (len(table), 1, 1))
    for pose, row in zip(poses, table, strict=True):
        turn = _rotation(row[1:4])
        pose[:3, :3], pose[:3, 3] = turn.T, -turn.T @ row[4:7]
    return table[:, 0], poses


def read_pincam(path: Path) -> tuple[FloatArray, tuple[int, int]]:
    """(3, 3) K and (height, width) of a .pincam file.

    Raises:
        DataError: missing, or not six numbers above 0.
    """
    try:
        numbers = [float(word) for word in path.read_text().split()]
        width, height, fx, fy, cx, cy = numbers
        if min(numbers) <= 0 or not np.isfinite(numbers).all():
            raise ValueError("numbers must be above 0")
    except (OSError, ValueError) as wrong:
        raise DataError(f"{path}: expected w h fx fy cx cy ({wrong})") from None
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), (int(height), int(width))


def _rotation(axis_angle: FloatArray) -> FloatArray:
    """(3, 3) of Rodrigues' formula."""
    angle = float(np.linalg.norm(axis_angle))
    x, y, z = axis_angle / angle if angle > 0 else (0.0, 0.0, 0.0)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross))


def _intrinsics(video: Video, time: str) -> Path | None:
    folder = video.frames / "lowres_wide_intrinsics"
    for shift in (0.0, -0.001, 0.001):
        path = folder / f"{video.id}_{float(time) + shift:.3f}.pincam"
        if path.is_file():
            return path
    return None


def _nearest(times: FloatArray, time: float) -> int | None:
    at = bisect_left(times, time)
    near = [k for k in (at - 1, at) if 0 <= k < len(times)]
    best = min(near, key=lambda k: abs(times[k] - time))
    return best if abs(times[best] - time) <= POSE_S + 1e-9 else None


def _views(video: Video, every: int) -> Iterator[View]:
    times, poses = read_trajectory(video.frames / "lowres_wide.traj")
    for index, (time, path) in enumerate(video.depth_maps()):
        pincam, at = _intrinsics(video, time), _nearest(times, float(time))
        if index % every == 0 and pincam is not None and at is not None:
            K, size = read_pincam(pincam)
            name = f"{video.id}_{time.replace('.', '')}"
            yield View(name, video.id, video.id, K, poses[at], partial(_pair, video.mesh, path, K, poses[at], size))


@lru_cache(maxsize=2)  # frames come video by video
def _surface(mesh: Path) -> RayScene:
    """A room to render."""
    return RayScene([read_mesh(mesh)])


def _pair(
    mesh: Path, path: Path, K: FloatArray, pose: FloatArray, size: tuple[int, int]
) -> tuple[DepthArray, DepthArray]:
    captured = depth_of_png(path.read_bytes(), str(path), UNIT)
    if captured.shape != size:
        raise DataError(f"{path} is {captured.shape[1]}x{captured.shape[0]}, its .pincam says {size[1]}x{size[0]}")
    return _surface(mesh).depth(K, pose, size), captured


def _of_video(video: Video) -> Iterator[Finding]:
    yield from _mesh_wrong(video)
    maps = video.depth_maps()
    if not maps:
        yield error(video.frames / "lowres_depth", f"it holds no {video.id}_TIME.png", f"Download it again: {GET}")
        return
    trajectory = video.frames / "lowres_wide.traj"
    try:
        times, _ = read_trajectory(trajectory)
    except DataError as wrong:
        yield error(
            trajectory, str(wrong).removeprefix(f"{trajectory} ").removeprefix(f"{trajectory}: "), "Download it again"
        )
        return
    lacking = [path for time, path in maps if _nearest(times, float(time)) is None]
    if len(lacking) == len(maps):
        yield error(trajectory, "no depth map has a pose within 5 ms", "Are trajectory and frames of one video?")
    elif lacking:
        yield warning(
            lacking[0], f"{len(lacking)} of {len(maps)} depth maps have no pose, this is the first", "They are left out"
        )
    cameras = [_intrinsics(video, time) for time, _ in maps]
    blind = [path for (_, path), camera in zip(maps, cameras, strict=True) if camera is None]
    if blind:
        grave = error if len(blind) == len(maps) else warning
        message = f"{len(blind)} of {len(maps)} depth maps have no .pincam, {blind[0].name} is the first"
        yield grave(video.frames / "lowres_wide_intrinsics", message, "They are left out")
    yield from _frames_wrong(maps, cameras)


def _mesh_wrong(video: Video) -> Iterator[Finding]:
    if not video.mesh.is_file():
        yield error(video.mesh, "the mesh is missing", f"Download the 3dod part: {GET}")
        return
    try:
        low, high = read_mesh(video.mesh).bounds
    except DataError as wrong:
        yield error(video.mesh, str(wrong).removeprefix(f"{video.mesh} "), "Download it again")
        return
    longest = float((high - low).max())
    if not SIDES_M[0] <= longest <= SIDES_M[1]:
        yield error(video.mesh, f"its longest side is {longest:.4g}, which is no room in metres", "Expected metres")


def _frames_wrong(maps: list[tuple[str, Path]], cameras: list[Path | None]) -> Iterator[Finding]:
    for index in range(0, len(maps), max(1, len(maps) // SAMPLE)):
        path, camera = maps[index][1], cameras[index]
        try:
            depth = depth_of_png(path.read_bytes(), str(path), UNIT)
            size = read_pincam(camera)[1] if camera else depth.shape
        except DataError as wrong:
            said = str(wrong)
            file = path if said.startswith(str(path)) else camera
            yield error(file, said.removeprefix(f"{file} ").removeprefix(f"{file}: "), "Download the video again")
            continue
        if depth.shape != size:
            message = f"it is {depth.shape[1]}x{depth.shape[0]}, its .pincam says {size[1]}x{size[0]}"
            yield error(path, message, "Are depth and intrinsics of one resolution?")
        seen = depth[depth > 0]
        if len(seen) and not 0.2 < float(np.median(seen)) < 10:
            yield error(path, f"its median is {np.median(seen):.4g} m when read as millimetres", "Expected millimetres")
