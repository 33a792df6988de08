"""The pair set `lasa_depth` of Stable-Sim2Real: depth of a room's CADs beside the depth that ARKit gave.

ROOT/lasa_depth/train.lst, val.lst          one "SCENE/FRAME" a line
ROOT/lasa_depth/SCENE/FRAME_gt.png          CAD depth, 16-bit millimetres, 0 = no CAD
ROOT/lasa_depth/SCENE/FRAME_scan.png        ARKit depth, the same encoding, 0 = missing
ROOT/lasa_pose/SCENE/FRAME.txt              4x4 camera-to-world

Colour (FRAME_rgb.png) is not read. ROOT may be a folder above, a zip or a tar. SCENE is an ARKitScenes video.

As in the published code, every image is cut to the square around its middle, and one camera is taken for all frames:
focal length 211.9489 px for 192 px, principal point in the middle. A clean pixel whose capture lies `apart` or more
away shows something that is no CAD (unannotated clutter, a person): it is taken out of the clean side, as the published
mask does; a pixel that was not captured stays, for a hole is what a simulator has to learn.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from s2r_bench.data.checks.finding import Finding, error, refuse_errors, warning
from s2r_bench.data.intrinsics import Intrinsics
from s2r_bench.data.lasa.split import VALIDATION_SCENES, WHY, clean_split, leaking_scenes, scene_of
from s2r_bench.data.pairing import Progress, View, Written, pose_of_text, without_strangers, write_pairs
from s2r_bench.data.png import depth_of_png, middle_square
from s2r_bench.data.trees import Reader, read_tree
from s2r_bench.errors import DataError
from s2r_bench.types import DepthArray, FloatArray

SENSOR = "ARKit depth (LASA)"
FOCAL, SIDE = 211.9489, 192  # px, and the square that it is of
UNIT = 0.001
COUNTS = {"train": (37_556, 630), "val": (9_373, 152)}  # frames and scenes of the published lists
LISTS = "lists.json"
OBJECTS = "objects"
ROOMS = "rooms"
SAMPLE = 64  # images that a check decodes, spread over the set
NEAREST_M, FARTHEST_M = 0.2, 6.0  # where the median of captured depth lies, if the unit is right
GET = "it is given out by SharePoint links on https://github.com/GAP-LAB-CUHK-SZ/stable-sim2real"
_NAME = re.compile(r"(?:^|.*/)lasa_(?:depth/([^/]+)/([^/]+)_(gt|scan)\.png|pose/([^/]+)/([^/]+)\.txt)$")
_LIST = re.compile(r"(?:^|.*/)lasa_depth/(train|val)\.lst$")


@dataclass(frozen=True, eq=False)
class DepthTree:
    """The files of a pair set.

    Attributes:
        source: where they lie.
        lists: "train" and "val" -> lines "SCENE/FRAME"; a list that is missing is not in it.
        clean, captured, poses: "SCENE/FRAME" -> (path in the source, its reader).
    """

    source: Path
    lists: dict[str, list[str]]
    clean: dict[str, tuple[str, Reader]]
    captured: dict[str, tuple[str, Reader]]
    poses: dict[str, tuple[str, Reader]]

    @property
    def listed(self) -> list[str]:
        """Every line of both lists, once, in their order."""
        return list(dict.fromkeys(line for lines in self.lists.values() for line in lines))

    @property
    def base(self) -> Path:
        """The folder of lasa_depth and lasa_pose, where missing files belong."""
        every = (name for files in (self.clean, self.captured, self.poses) for name, _ in files.values())
        return self.source / next(every, "").rpartition("lasa_")[0]


def holds_pairs(names: Mapping[str, Reader]) -> bool:
    """Whether some files are of a pair set."""
    return any(_LIST.match(name) or _NAME.match(name) for name in names)


def depth_tree(source: Path) -> DepthTree:
    """Sort out what lies at `source`.

    Raises:
        DataError: nothing is there, or a damaged archive, or no pair set.
    """
    names = read_tree(source, ("_gt.png", "_scan.png", ".lst", ".txt"))
    if not holds_pairs(names):
        raise DataError(f"{source} holds no lasa_depth/SCENE/FRAME_gt.png and no lasa_depth/train.lst; {GET}")
    tree = DepthTree(source, {}, {}, {}, {})
    for name, read in names.items():
        listed, found = _LIST.match(name), _NAME.match(name)
        if listed:
            lines = read().decode("utf-8", "replace").splitlines()
            tree.lists[listed.group(1)] = [line.strip() for line in lines if line.strip()]
        elif found and found.group(3):
            side = tree.clean if found.group(3) == "gt" else tree.captured
            side[f"{found.group(1)}/{found.group(2)}"] = (name, read)
        elif found:
            tree.poses[f"{found.group(4)}/{found.group(5)}"] = (name, read)
    return tree


def check_pairs(tree: DepthTree, *, published: bool = True) -> list[Finding]:
    """What is wrong with a pair set, errors first. A sample of images is decoded, spread evenly; every pose is read.

    Args:
        tree: of `depth_tree`.
        published: say where its counts are not the published ones.
    """
    found = [*_of_lists(tree, published), *_missing(tree), *_odd(tree), *_poses(tree), *_images(tree)]
    return sorted(found, key=lambda finding: finding.severity)


def prepare_pairs(
    source: Path, out: Path, *, apart: float = 0.5, camera: Intrinsics | None = None, progress: Progress | None = None
) -> Written:
    """Write the pair folder `out`, with the clean split; the published lists go to `out/lists.json`.

    Args:
        source: see the module.
        out: the new folder; run again, a broken-off preparation goes on.
        apart: see the module, metres.
        camera: K with the (height, width) that it is of, instead of the published one; it must be square.
        progress: called with a stage's name, views done and views in all.

    Raises:
        DataError: a file is missing or damaged; the message names the first and says how many there are.
    """
    tree = depth_tree(source)
    refuse_errors(check_pairs(tree))
    named = {split: [name_of(line) for line in lines] for split, lines in clean_split(tree.lists).items()}
    K = camera[0] if camera else _K_of(tree)
    views = [_view(tree, line, apart, K, camera) for line in tree.listed]
    lists = {
        "published": {part: [name_of(line) for line in lines] for part, lines in tree.lists.items()},
        "kept_back": sorted(VALIDATION_SCENES),
        "leaking": list(leaking_scenes(tree.lists)),
        "why": WHY,
    }
    return write_pairs(
        out,
        views,
        named,
        identity={"set": "lasa", "frames": len(views), "apart": apart, "K": K.tolist()},
        sensor=SENSOR,
        others={LISTS: lists},
        beside=(OBJECTS, ROOMS, LISTS),
        progress=progress,
    )


def name_of(line: str) -> str:
    """The name of a pair: "41418162/10" becomes "41418162_10"."""
    return line.replace("/", "_")


def square_camera(side: int) -> FloatArray:
    """(3, 3): the published camera for a square of `side` pixels.

    The published fusion integrates with Open3D's legacy volume, whose pixel centres are integers, as ours.
    """
    focal = FOCAL * side / SIDE
    return np.array([[focal, 0, side / 2], [0, focal, side / 2], [0, 0, 1]])


def _view(tree: DepthTree, line: str, apart: float, K: FloatArray, camera: Intrinsics | None) -> View:
    scene = scene_of(line)
    name, read = tree.poses[line]
    pose = pose_of_text(read(), str(tree.source / name))
    return View(name_of(line), scene, scene, K, pose, partial(_pair, tree, line, apart, camera))


def _K_of(tree: DepthTree) -> FloatArray:
    """The published camera for the size of the first image; all others have to have that size."""
    name, read = tree.captured[tree.listed[0]]
    return square_camera(min(depth_of_png(read(), str(tree.source / name), UNIT).shape))


def _pair(tree: DepthTree, line: str, apart: float, camera: Intrinsics | None) -> tuple[DepthArray, DepthArray]:
    sides = []
    for files in (tree.clean, tree.captured):
        name, read = files[line]
        sides.append(middle_square(depth_of_png(read(), str(tree.source / name), UNIT)))
        if camera and sides[-1].shape != camera[1]:
            raise DataError(
                f"{tree.source / name}: its square has {sides[-1].shape[0]} pixels a side, the intrinsics are of "
                f"{camera[1][1]}x{camera[1][0]}"
            )
    return without_strangers(sides[0], sides[1], apart), sides[1]


def _of_lists(tree: DepthTree, published: bool) -> Iterator[Finding]:
    folder = tree.base / "lasa_depth"
    for part in ("train", "val"):
        if part not in tree.lists:
            yield error(folder / f"{part}.lst", "the list is missing", f"Unpack lasa_depth again; {GET}")
            continue
        lines = tree.lists[part]
        if not lines:
            yield error(folder / f"{part}.lst", "the list is empty", f"Unpack lasa_depth again; {GET}")
            continue
        odd = [line for line in lines if not re.fullmatch(r"[^/\s]+/[^/\s]+", line)]
        if odd:
            yield error(folder / f"{part}.lst", f"the line {odd[0]!r} is no SCENE/FRAME", "Unpack lasa_depth again")
        twice = [line for line, count in Counter(lines).items() if count > 1]
        if twice:
            yield warning(folder / f"{part}.lst", f"{len(twice)} lines stand in it twice, such as {twice[0]}", "")
        here = (len(set(lines)), len({scene_of(line) for line in lines}))
        if published and here != COUNTS[part]:
            message = f"it lists {here[0]} frames of {here[1]} scenes, the published list {COUNTS[part][0]} of "
            yield warning(folder / f"{part}.lst", f"{message}{COUNTS[part][1]}", "Is the download complete?")
    if len(tree.lists) < 2:
        return
    shared = sorted({scene_of(line) for line in tree.lists["train"]} & {scene_of(line) for line in tree.lists["val"]})
    if shared:
        message = f"{len(shared)} scenes are in train.lst too, such as {shared[0]}"
        yield error(folder / "val.lst", message, "A scene trains or is held out; are the lists of one release?")
    leaks = leaking_scenes(tree.lists)
    if leaks:
        yield warning(
            folder / "train.lst",
            f"{len(leaks)} of its scenes are of LASA's {len(VALIDATION_SCENES)} validation scenes, such as {leaks[0]}",
            "The prepared set goes by the clean split; the published one stays as `--set world.split=published`",
        )


def _missing(tree: DepthTree) -> Iterator[Finding]:
    ways = (
        (tree.clean, "lasa_depth/{}_gt.png", "the CAD depth of a listed frame is missing"),
        (tree.captured, "lasa_depth/{}_scan.png", "the captured depth of a listed frame is missing"),
        (tree.poses, "lasa_pose/{}.txt", "the pose of a listed frame is missing"),
    )
    for line in tree.listed:
        for files, path, message in ways:
            if line not in files:
                yield error(tree.base / path.format(line), message, "Unpack the archive of this part again")


def _odd(tree: DepthTree) -> Iterator[Finding]:
    listed = set(tree.listed)
    both = [*tree.clean.items(), *tree.captured.items()]
    stray = sorted(name for line, (name, _) in both if line not in listed)
    for name in stray:
        yield warning(tree.source / name, "no list names this frame", "It is left out")


def _poses(tree: DepthTree) -> Iterator[Finding]:
    for line in tree.listed:
        if line in tree.poses:
            name, read = tree.poses[line]
            try:
                pose_of_text(read(), str(tree.source / name))
            except DataError as wrong:
                message = str(wrong).removeprefix(f"{tree.source / name} ")
                yield error(tree.source / name, message, "Expected a 4x4 camera-to-world matrix, metres")


def _images(tree: DepthTree) -> Iterator[Finding]:
    whole = [line for line in tree.listed if line in tree.clean and line in tree.captured]
    medians: dict[str, list[float]] = {"gt": [], "scan": []}
    for line in whole[:: max(1, len(whole) // SAMPLE)]:
        shapes = []
        for side, files in (("gt", tree.clean), ("scan", tree.captured)):
            name, read = files[line]
            try:
                depth = depth_of_png(read(), str(tree.source / name), UNIT)
            except DataError as wrong:
                message = str(wrong).removeprefix(f"{tree.source / name} ")
                yield error(tree.source / name, message, "Unpack the archive of this scene again")
                continue
            shapes.append(depth.shape)
            if (depth > 0).any():
                medians[side].append(float(np.median(depth[depth > 0])))
        if len(set(shapes)) > 1:
            name = tree.captured[line][0]
            message = f"it is {shapes[1][1]}x{shapes[1][0]}, the CAD depth {shapes[0][1]}x{shapes[0][0]}"
            yield error(tree.source / name, message, "Both are one view")
    for side, found in medians.items():
        if found and not NEAREST_M < np.median(found) < FARTHEST_M:
            message = f"the median depth of FRAME_{side}.png is {np.median(found):.4g} m when read as millimetres"
            yield error(tree.base / "lasa_depth", message, "Expected 16-bit millimetres")
