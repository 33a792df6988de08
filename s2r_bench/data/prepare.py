"""What `s2r-bench data prepare` calls: pair folders from a recorded sequence or from pairs, and CAD libraries."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from s2r_bench.data.adopt import prepare_pairs
from s2r_bench.data.intrinsics import read_intrinsics
from s2r_bench.data.recordings import Layout
from s2r_bench.data.sequence import Prepared, Progress, SequenceSettings, prepare_sequence
from s2r_bench.data.sets import SETS
from s2r_bench.data.splits import frame_number
from s2r_bench.errors import UsageError
from s2r_bench.worlds.pair_folder import Cameras, read_cameras

__all__ = ["Kind", "Prepared", "SequenceSettings", "prepare", "prepare_pairs", "prepare_sequence"]

Kind = Literal["auto", "pairs", "sequence", "cad"]
KINECT_SENSOR = "Kinect v1 (7-Scenes RedKitchen)"
# the stretches of the RedKitchen pairs that figures are given for: 20 frames or more between two of them
KINECT_SPLITS = {"train": (0, 519), "val": (540, 599), "test": (640, 796)}


def prepare(
    name: str,
    source: Path,
    home: Path,
    *,
    out: Path | None = None,
    kind: Kind = "auto",
    layout: Layout = "auto",
    splits: Mapping[str, tuple[int, int]] | None = None,
    sensor: str | None = None,
    scene: str | None = None,
    intrinsics: Path | None = None,
    settings: SequenceSettings | None = None,
    every: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make a data set ready.

    Args:
        name: "kinect", "sweethome3d", one of `s2r_bench.data.sets.SETS`, or any name for a pair folder of your own.
        source: what was downloaded or recorded.
        home: S2R_HOME; the result goes to `home/data/name` unless `out` is given.
        out: another place for the result.
        kind: "pairs" where the source is a folder of pairs, "sequence" where it is an RGB-D sequence with poses,
            "cad" for a furniture library; "auto" looks.
        layout: of a sequence: "7scenes", "tum" or "auto".
        splits: split -> first and last frame number (`s2r_bench.data.splits.parse_ranges`); None: see
            `prepare_pairs` and `prepare_sequence`.
        sensor: its name in records and tables.
        scene: name of the room.
        intrinsics: JSON with K, width and height of a sequence, where they are not the layout's usual ones.
        settings: of a sequence's fusion.
        every: a pair of every n-th frame, of sets that are videos; a sequence's is in `settings`.
        progress: called with a stage's name, steps done and steps in all.

    Returns:
        {"folder", "kind", ...} for a report: "pairs", "splits" and "dropped" of pairs, "models" of CADs, and so on.

    Raises:
        DataError: the source is missing, damaged or of another form.
        UsageError: a kind or splits that cannot be, or intrinsics of what has its own.
    """
    target = out or home / "data" / name
    if kind == "auto" and name in SETS:
        return _published(name, source, target, home, intrinsics, splits, every, progress)
    kind = _kind(name, source) if kind == "auto" else kind
    if intrinsics is not None and kind != "sequence":
        raise UsageError(f"--intrinsics are for recorded sequences; {source} is taken for {kind}, which has its own")
    if kind == "cad":
        return _library(source, target)
    if kind == "pairs":
        return _pairs(name, source, target, splits, sensor, scene)
    if kind != "sequence":
        raise UsageError(f"there is no kind {kind!r}; there are: auto, pairs, sequence, cad")
    done = prepare_sequence(
        source,
        target,
        layout,
        settings=settings,
        camera=read_intrinsics(intrinsics) if intrinsics else None,
        splits=splits,
        sensor=sensor,
        scene=scene,
        progress=progress,
    )
    facts = {"dropped": done.dropped, "refined": done.refined, "skipped": done.skipped}
    return {"folder": str(target), "kind": kind, "pairs": done.pairs, "splits": done.splits, **facts}


def _published(
    name: str,
    source: Path,
    target: Path,
    home: Path,
    intrinsics: Path | None,
    splits: Mapping[str, tuple[int, int]] | None,
    every: int | None,
    progress: Progress | None,
) -> dict[str, Any]:
    one = SETS[name]
    if every is not None and not one.every:
        raise UsageError(f"--every is for recorded sequences and arkitscenes; {name} has its own frames")
    if splits is not None:
        raise UsageError(f"--split is for recorded sequences; the splits of {name} are its own (docs/data.md)")
    if intrinsics is not None and not one.camera:
        raise UsageError(f"--intrinsics are for recorded sequences; {name} has its own")
    camera = read_intrinsics(intrinsics) if intrinsics else None
    return one.prepare(source, target, camera, progress, every, home)


def _kind(name: str, source: Path) -> Kind:
    if name == "sweethome3d":
        return "cad"
    return "pairs" if (source / "cameras.json").is_file() else "sequence"


def _pairs(
    name: str,
    source: Path,
    target: Path,
    splits: Mapping[str, tuple[int, int]] | None,
    sensor: str | None,
    scene: str | None,
) -> dict[str, Any]:
    cameras = read_cameras(source)
    if name == "kinect" and splits is None and _is_red_kitchen(cameras):
        splits, sensor, scene = KINECT_SPLITS, sensor or KINECT_SENSOR, scene or "redkitchen"
    there = (target / "cameras.json").is_file()
    made = read_cameras(prepare_pairs(source, target, splits=splits, sensor=sensor, scene=scene).parent)
    counts = {split: len(names) for split, names in made.splits.items()}
    note = {"note": "the same content was there already; nothing was written"} if there else {}
    return {"folder": str(target), "kind": "pairs", "pairs": len(made.entries), "splits": counts, **note}


def _is_red_kitchen(cameras: Cameras) -> bool:
    """Whether these are the 200 pairs that the published figures are of, by frame numbers and focal length."""
    numbers = [frame_number(name) for name in cameras.entries]
    first = next(iter(cameras.entries.values()))
    return not cameras.splits and numbers == list(range(0, 800, 4)) and first.K[0, 0] == 585


def _library(source: Path, target: Path) -> dict[str, Any]:
    """Put the libraries of a package, folder or file into `target`, where worlds look for them."""
    from s2r_bench.cad.sweethome3d import iter_entries, unpacked_libraries
    from s2r_bench.files import write_bytes
    from s2r_bench.types import CATEGORIES

    counts = dict.fromkeys(CATEGORIES, 0)
    for name, data in unpacked_libraries(source):
        path = write_bytes(target / name, data)
        for entry in iter_entries(path):
            if entry.category in counts:
                counts[entry.category] += 1
    return {"folder": str(target), "kind": "cad", "models": sum(counts.values()), "categories": counts}
