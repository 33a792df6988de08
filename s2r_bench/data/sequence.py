"""Pairs from a recorded sequence: fuse all frames, render the fused surface at every pose, hold out stretches."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.data.adopt import write_cameras
from s2r_bench.data.claim import WORK, claim, release
from s2r_bench.data.intrinsics import Intrinsics
from s2r_bench.data.recordings import Layout, RecordedDepth, RecordedFrame, Recording, read_recording
from s2r_bench.data.refine import refine_poses
from s2r_bench.data.splits import FRACTIONS, GAP, scene_ids, split_by_fractions, split_by_ranges
from s2r_bench.errors import DataError, UsageError
from s2r_bench.files import whole
from s2r_bench.geometry.fuse import fuse_tsdf
from s2r_bench.geometry.render import RayScene
from s2r_bench.types import DepthArray, FloatArray, Mesh
from s2r_bench.worlds.pair_folder import write_depth

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class SequenceSettings:
    """What decides the pairs.

    Attributes:
        voxel: edge of the fusion's voxels, metres.
        max_depth: farther values are not fused, metres.
        every: write a pair of every n-th frame of each sequence.
        fuse_every: fuse every n-th frame; 1 gives the best surface.
        refine: draw the poses to the fused surface, then fuse again.
        min_coverage: a view is dropped where the fused surface covers less of the captured pixels.
        max_apart: a view is dropped where the median pixel differs by more, metres: its pose is wrong.
    """

    voxel: float = 0.006
    max_depth: float = 4.0
    every: int = 1
    fuse_every: int = 1
    refine: bool = True
    min_coverage: float = 0.7
    max_apart: float = 0.05

    def __post_init__(self) -> None:
        if min(self.every, self.fuse_every) < 1 or min(self.voxel, self.max_depth, self.max_apart) <= 0:
            raise UsageError(f"every and fuse_every are 1 or more, lengths positive: {self}")


@dataclass(frozen=True)
class Prepared:
    """What a preparation gave.

    Attributes:
        cameras: path of the cameras file.
        pairs: number of pairs.
        splits: split -> number of pairs.
        dropped: frame -> why it was left out.
        refined: poses that were changed.
        skipped: depth maps of the source without a pose.
    """

    cameras: Path
    pairs: int
    splits: dict[str, int]
    dropped: dict[str, str]
    refined: int
    skipped: int


def prepare_sequence(
    source: Path,
    out: Path,
    layout: Layout = "auto",
    *,
    settings: SequenceSettings | None = None,
    K: FloatArray | None = None,
    camera: Intrinsics | None = None,
    splits: Mapping[str, tuple[int, int]] | None = None,
    fractions: Sequence[float] = FRACTIONS,
    gap: float = GAP,
    sensor: str | None = None,
    scene: str | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Write a pair folder from an RGB-D sequence with poses; run again, it goes on where it was broken off.

    Args:
        source: folder or archive, see `s2r_bench.data.recordings`.
        out: the new pair folder; cameras.json is written last.
        layout: "7scenes", "tum" or "auto".
        settings: how to fuse and what to keep.
        K: (3, 3) intrinsics where they are not the layout's usual ones.
        camera: K with the image size (height, width) that it is of, instead of K alone.
        splits: split -> first and last frame number, within every sequence; None: by `fractions`.
        fractions: shares of train, val and test in every sequence.
        gap: share of a sequence left out between two stretches.
        sensor: its name in records and tables.
        scene: name of the room; all sequences of the source are of one room.
        progress: called with a stage's name, steps done and steps in all.

    Raises:
        DataError: the source cannot be read, nothing can be fused, or `out` holds other data.
        UsageError: settings or splits that cannot be.
    """
    settings = settings or SequenceSettings()
    recording = read_recording(source, layout, camera[0] if camera else K)
    if camera:
        _check_size(recording, camera[1])
    identity = _identity(source, settings, recording)
    claim(out, identity, "cameras.json")
    kept = _every(recording.frames, settings.every)
    tell = progress or (lambda stage, done, total: None)
    mesh, poses, refined = _surface(out / WORK, recording, settings, tell)
    written, dropped = _render_all(out, recording, kept, poses, mesh, settings, tell)
    if not written:
        raise DataError(f"{source}: no view of {len(kept)} is usable; first: {next(iter(dropped.values()))}")
    fields = _fields(recording, kept, written, poses, scene or source.stem, sensor or recording.sensor)
    sequences = _sequences([frame for frame in kept if frame.name in written])
    chosen = split_by_ranges(sequences, splits) if splits else split_by_fractions(sequences, fractions, gap)
    rooms = {name: scene or source.stem for name in written}
    for name, scene_id in scene_ids(rooms, sequences, chosen).items():
        fields["frames"][name]["scene"] = scene_id
    path = write_cameras(out, {**fields, "splits": chosen, "made_from": identity})
    release(out)
    counts = {split: len(names) for split, names in chosen.items()}
    return Prepared(path, len(written), counts, dropped, refined, recording.skipped)


def _identity(source: Path, settings: SequenceSettings, recording: Recording) -> dict[str, Any]:
    return {**vars(settings), "source": source.name, "frames": len(recording.frames), "K": recording.K.tolist()}


def _check_size(recording: Recording, size: tuple[int, int]) -> None:
    first = recording.frames[0]
    found = RecordedDepth(recording, [first], [first.world_from_cam])[0].size
    if found != size:
        raise DataError(
            f"{first.file} is {found[1]}x{found[0]} pixels, the intrinsics are of {size[1]}x{size[0]}; "
            "scale the first two rows of K with the image"
        )


def _every(frames: Sequence[RecordedFrame], every: int) -> list[RecordedFrame]:
    return [frame for group in _grouped(frames).values() for frame in group[::every]]


def _grouped(frames: Sequence[RecordedFrame]) -> dict[str, list[RecordedFrame]]:
    groups: dict[str, list[RecordedFrame]] = {}
    for frame in frames:
        groups.setdefault(frame.sequence, []).append(frame)
    return groups


def _sequences(frames: Sequence[RecordedFrame]) -> dict[str, list[str]]:
    return {name: [frame.name for frame in group] for name, group in _grouped(frames).items()}


def _surface(
    work: Path, recording: Recording, settings: SequenceSettings, tell: Progress
) -> tuple[Mesh, dict[str, FloatArray], int]:
    """The fused surface, the poses it was fused with, and how many of them were refined; kept in `work`."""
    store = work / "surface.npz"
    names = [frame.name for frame in recording.frames]
    if store.is_file():
        with np.load(store, allow_pickle=False) as saved:
            mesh = Mesh(saved["vertices"].astype(np.float64), saved["faces"].astype(np.int64))
            return mesh, dict(zip(names, saved["poses"], strict=True)), int(saved["refined"])
    poses = [frame.world_from_cam for frame in recording.frames]
    mesh = _fused(recording, poses, settings, tell)
    refined = 0
    if settings.refine:
        frames = RecordedDepth(recording, recording.frames, poses)
        poses, refined = refine_poses(frames, mesh, settings.max_depth, lambda i, n: tell("refine poses", i, n))
        mesh = _fused(recording, poses, settings, tell)
    vertices, faces = mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32)
    with whole(store) as part, part.open("wb") as stream:
        np.savez(stream, vertices=vertices, faces=faces, poses=np.stack(poses), refined=refined)
    return mesh, dict(zip(names, poses, strict=True)), refined


def _fused(recording: Recording, poses: Sequence[FloatArray], settings: SequenceSettings, tell: Progress) -> Mesh:
    step = settings.fuse_every
    frames = RecordedDepth(recording, recording.frames[::step], poses[::step])
    tell("fuse", 0, len(frames))
    mesh = fuse_tsdf(frames, settings.voxel, max(4 * settings.voxel, 0.03), settings.max_depth)
    tell("fuse", len(frames), len(frames))
    return mesh


def _render_all(
    out: Path,
    recording: Recording,
    kept: Sequence[RecordedFrame],
    poses: Mapping[str, FloatArray],
    mesh: Mesh,
    settings: SequenceSettings,
    tell: Progress,
) -> tuple[list[str], dict[str, str]]:
    """Write both sides of every usable view; what a broken-off run has written is not rendered again."""
    scene = RayScene([mesh])
    written: list[str] = []
    dropped: dict[str, str] = {}
    for part in ("clean", "captured"):
        (out / part).mkdir(exist_ok=True)
    for index, frame in enumerate(kept):
        tell("render", index + 1, len(kept))
        clean_path, captured_path = (out / part / f"{frame.name}.png" for part in ("clean", "captured"))
        # the captured file is written second: where it is, both are whole
        if not captured_path.is_file():
            captured = RecordedDepth(recording, [frame], [poses[frame.name]])[0]
            clean = scene.depth(recording.K, captured.world_from_cam, captured.size)
            reason = _unusable(clean, captured.depth, settings)
            if reason:
                dropped[frame.name] = reason
                continue
            write_depth(clean_path, clean, recording.metres_per_unit)
            write_depth(captured_path, captured.depth, recording.metres_per_unit)
        written.append(frame.name)
    return written, dropped


def _unusable(clean: DepthArray, captured: DepthArray, settings: SequenceSettings) -> str:
    near = (captured > 0) & (captured <= settings.max_depth)
    both = near & (clean > 0)
    if near.mean() < 0.1:
        return f"only {near.mean():.0%} of the captured pixels have a value within {settings.max_depth} m"
    if both.sum() < settings.min_coverage * near.sum():
        return f"the fused surface covers {both.sum() / near.sum():.0%} of the captured pixels"
    apart = float(np.median(np.abs(clean[both] - captured[both])))
    return f"it differs from the surface by {1000 * apart:.0f} mm" if apart > settings.max_apart else ""


def _fields(
    recording: Recording,
    kept: Sequence[RecordedFrame],
    written: Sequence[str],
    poses: Mapping[str, FloatArray],
    scene: str,
    sensor: str,
) -> dict[str, Any]:
    known = set(written)
    frames = [frame for frame in kept if frame.name in known]
    height, width = RecordedDepth(recording, frames[:1], [poses[written[0]]])[0].size
    return {
        "K": recording.K.tolist(),
        "width": width,
        "height": height,
        "metres_per_unit": recording.metres_per_unit,
        "sensor": sensor,
        "cam_to_world": {frame.name: poses[frame.name].tolist() for frame in frames},
        "frames": {frame.name: {"scene": scene, "sequence": frame.sequence} for frame in frames},
    }
