"""Are all files there, whole, of the right kind and size? Each is decoded once; its figures serve other checks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2r_bench.data.checks.finding import Finding, error, warning
from s2r_bench.errors import DataError
from s2r_bench.types import DepthArray
from s2r_bench.worlds.pair_folder import Cameras, depth_path, read_depth

ENDINGS = (".png", ".npz")
EDGE_M = 0.05  # a larger second difference is a depth edge, no roughness


@dataclass(frozen=True)
class FrameFacts:
    """Figures of one depth file.

    Attributes:
        median_m: median of the valid depths, metres; 0 where there are none.
        holes: share of pixels without a value.
        roughness_m: mean absolute second difference along rows, depth edges left out, metres.
    """

    median_m: float
    holes: float
    roughness_m: float


@dataclass(frozen=True)
class Sides:
    """The two folders of depth files and what is in them: frame name -> figures, of the files that can be read."""

    clean_dir: Path
    captured_dir: Path
    clean: dict[str, FrameFacts]
    captured: dict[str, FrameFacts]


def check_files(folder: Path, cameras: Cameras) -> tuple[Sides, list[Finding]]:
    """Decode every file of both sides."""
    findings: list[Finding] = []
    captured = folder / ("captured" if (folder / "captured").is_dir() else "real")
    facts: list[dict[str, FrameFacts]] = []
    for part in (folder / "clean", captured):
        facts.append({})
        if not part.is_dir():
            findings.append(
                error(part, "the folder is missing", "A pair folder holds cameras.json, clean/ and captured/")
            )
            continue
        findings += _odd_files(part, cameras)
        for name, found in _facts(part, cameras):
            if isinstance(found, Finding):
                findings.append(found)
            else:
                facts[-1][name] = found
    sides = Sides(folder / "clean", captured, facts[0], facts[1])
    return sides, findings + _counts(folder, sides)


def facts_of(depth: DepthArray) -> FrameFacts:
    """The figures of a depth map in metres; median and roughness from every 4th row, which is plenty."""
    rows = depth[::4]
    valid = rows > 0
    median = float(np.median(rows[valid])) if valid.any() else 0.0
    bend = np.abs(rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:])
    flat = valid[:, :-2] & valid[:, 1:-1] & valid[:, 2:] & (bend < EDGE_M)
    holes = 1 - np.count_nonzero(depth) / depth.size
    return FrameFacts(median, holes, float(bend[flat].mean()) if flat.any() else 0.0)


def _facts(part: Path, cameras: Cameras) -> Iterator[tuple[str, FrameFacts | Finding]]:
    height, width = cameras.size
    for name in cameras.entries:
        try:
            path = depth_path(part, name)
        except DataError:
            yield (
                name,
                error(part / f"{name}.png", "the file is missing", "Add it, or take the frame from cameras.json"),
            )
            continue
        try:
            depth = read_depth(path, cameras.metres_per_unit)
        except DataError as wrong:
            yield name, error(path, str(wrong).removeprefix(f"{path} "), "Write or fetch the file again")
            continue
        if depth.shape != cameras.size:
            message = f"the image is {depth.shape[1]}x{depth.shape[0]}, cameras.json says {width}x{height}"
            yield name, error(path, message, "Both sides have the size of cameras.json; K belongs to that size")
            continue
        facts = facts_of(depth)
        if facts.holes == 1:
            yield name, warning(path, "no pixel has a value", "Take the frame out; it teaches nothing")
        yield name, facts


def _odd_files(part: Path, cameras: Cameras) -> Iterator[Finding]:
    for path in sorted(part.iterdir()):
        if path.name.endswith(".part"):
            yield warning(path, "an unfinished file of a broken-off write", "Run the preparation again, or delete it")
        elif path.suffix not in ENDINGS:
            yield warning(path, "no depth file (.png or .npz)", "Move it out of the folder")
        elif path.stem not in cameras.entries:
            yield error(path, "cameras.json has no camera for this frame", "Add its pose to cam_to_world, or remove it")
        elif path.suffix == ".npz" and path.with_suffix(".png").exists():
            yield warning(path, "the frame is there as .png too, which is what is read", "Keep one of the two")


def _counts(folder: Path, sides: Sides) -> list[Finding]:
    counts = []
    for part in (sides.clean_dir, sides.captured_dir):
        files = {path.stem for path in part.iterdir() if path.suffix in ENDINGS} if part.is_dir() else set()
        counts.append(len(files))
    if counts[0] == counts[1]:
        return []
    message = f"{counts[0]} clean and {counts[1]} {sides.captured_dir.name} frames"
    return [error(folder, message, "A pair is one view in both folders, under the same name")]
