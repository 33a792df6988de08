"""BOP (Hodan et al.): RGB-D images with the poses of known CAD models, as pairs of rendered and captured depth.

ROOT/models/obj_000001.ply                 millimetres
ROOT/PART/SCENE/depth/000000.png           16 bits
ROOT/PART/SCENE/scene_camera.json          image -> cam_K (9), depth_scale (to millimetres), cam_R_w2c, cam_t_w2c (mm)
ROOT/PART/SCENE/scene_gt.json              image -> list of obj_id, cam_R_m2c (9), cam_t_m2c (mm)

ROOT is a folder that is one BOP data set (ycbv, tless, lm, hb ...). PART is train, val or test with whatever follows
("test_primesense"); parts whose names say that they are rendered (pbr, synt, render, blender) have no captures and are
left out. Where no camera pose is given, the world is the frame of one object that stands once in every image.

The clean side holds the models alone, ray-cast at their poses. A clean pixel whose capture is 0.1 m or more away shows
something else (a hand, clutter) and is taken out, as in LASA; objects here are of that size.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.cad.formats import read_mesh
from s2r_bench.data.checks.finding import Finding, error, refuse_errors, warning
from s2r_bench.data.pairing import Progress, View, checked_pose, split_scenes, without_strangers, write_pairs
from s2r_bench.data.png import depth_of_png
from s2r_bench.data.splits import split_by_fractions
from s2r_bench.errors import DataError
from s2r_bench.geometry.render import RayScene
from s2r_bench.types import DepthArray, FloatArray, Mesh

APART_M = 0.1
MAX_APART_M = 0.05
MM = 0.001
SIDES_MM = (5.0, 5000.0)  # the longest side of a model
SAMPLE = 8  # images of a set that are decoded and compared with their rendering
GET = "https://bop.felk.cvut.cz/datasets/ (each set has a licence of its own)"
_RENDERED = ("pbr", "synt", "render", "blender")


@dataclass(frozen=True, eq=False)
class Image:
    """One image of a scene.

    Attributes:
        part, scene, number: where it lies.
        depth: path of its depth map.
        K: (3, 3).
        unit: metres per unit of its depth map.
        world_from_cam: (4, 4), metres.
        objects: (model's number, (4, 4) camera from model in metres) of each.
    """

    part: str
    scene: str
    number: int
    depth: Path
    K: FloatArray
    unit: float
    world_from_cam: FloatArray
    objects: tuple[tuple[int, FloatArray], ...]

    @property
    def room(self) -> str:
        """Its scene's id, unique in the set."""
        return f"{self.part}-{self.scene}"

    @property
    def name(self) -> str:
        """Its name in a pair folder."""
        return f"{self.room}_{self.number:06d}"


@dataclass(frozen=True)
class Scene:
    """One folder of images; its files are not read yet."""

    part: str
    folder: Path


def root_of(source: Path) -> Path:
    """The folder that is the data set: `source`, or the one folder in it that is (as within an archive)."""
    inner = [folder for folder in source.glob("*/") if (folder / "models").is_dir()]
    return inner[0] if len(inner) == 1 and not (source / "models").is_dir() else source


def scenes(source: Path) -> list[Scene]:
    """The captured scenes of a data set, by part and name.

    Raises:
        DataError: there is none.
    """
    found = [
        Scene(part.name, folder)
        for part in sorted(source.glob("*/"))
        if re.match(r"(train|val|test)", part.name) and not any(word in part.name for word in _RENDERED)
        for folder in sorted(part.glob("*/"))
        if folder.name.isdigit()
    ]
    if not found:
        raise DataError(
            f"{source} holds no captured scene such as test/000001 with depth/, scene_camera.json, scene_gt.json; {GET}"
        )
    return found


def check(source: Path) -> list[Finding]:
    """What is missing or damaged; a sample of images is decoded and compared with what is rendered.

    Raises:
        DataError: there is no captured scene.
    """
    source = root_of(source)
    findings: list[Finding] = []
    images: list[Image] = []
    for scene in scenes(source):
        try:
            read = read_scene(scene)
        except DataError as wrong:
            file, _, said = str(wrong).partition(": ")
            findings.append(error(file, said or str(wrong), "Unpack the scene again"))
            continue
        findings += _files_wrong(scene, read)
        images += [image for image in read if image.depth.is_file()]
    findings += _models_wrong(source, images)
    if not any(finding.severity == "error" for finding in findings):
        findings += _images_wrong(source, images)
    return sorted(findings, key=lambda finding: finding.severity)


def prepare(source: Path, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Write a pair folder; run again, it goes on where it was broken off.

    Parts train, val and test keep their names; where only one of them was captured its scenes are parted, and one or
    two scenes by stretches.

    Raises:
        DataError: a file is missing or damaged; the message names the first and says how many there are.
    """
    source = root_of(source)
    refuse_errors(check(source))
    images = [image for scene in scenes(source) for image in read_scene(scene) if image.objects]
    units = {image.unit for image in images}
    views = [_view(source, image) for image in images]
    done = write_pairs(
        out,
        views,
        _splits(images),
        identity={"set": "bop", "source": source.name, "images": len(images)},
        sensor=f"depth camera of {source.name} (BOP)",
        metres_per_unit=max(units),
        max_apart=MAX_APART_M,
        progress=progress,
    )
    return {"pairs": done.pairs, "splits": done.splits, "dropped": done.dropped}


def read_scene(scene: Scene) -> list[Image]:
    """Its images, in the order of their numbers.

    Raises:
        DataError: scene_camera.json or scene_gt.json is missing or lacks a field; the message begins with the file.
    """
    cameras, truth = _numbered(scene.folder / "scene_camera.json"), _numbered(scene.folder / "scene_gt.json")
    images = []
    for number, camera in sorted(cameras.items()):
        path = scene.folder / "scene_camera.json"
        try:
            K = np.array(camera["cam_K"], dtype=np.float64).reshape(3, 3)
            scale = float(camera.get("depth_scale", 1.0))
            if scale <= 0 or not np.isfinite(K).all() or min(K[0, 0], K[1, 1]) <= 0:
                raise ValueError("depth_scale and focal lengths must be above 0")
            cam_from_world = _pose(camera, "w2c", f"{path}: image {number}") if "cam_R_w2c" in camera else None
            path = scene.folder / "scene_gt.json"
            objects = tuple(
                (int(one["obj_id"]), _pose(one, "m2c", f"{path}: image {number}")) for one in truth.get(number, [])
            )
        except (KeyError, TypeError, ValueError) as wrong:
            raise DataError(f"{path}: image {number} lacks a field or holds one of another form ({wrong})") from None
        world_from_cam = np.full((4, 4), np.nan) if cam_from_world is None else _inverse(cam_from_world)
        depth = scene.folder / "depth" / f"{number:06d}.png"
        images.append(Image(scene.part, scene.folder.name, number, depth, K, scale * MM, world_from_cam, objects))
    return _posed(scene, images)


def render(source: Path, image: Image, size: tuple[int, int]) -> DepthArray:
    """(H, W) depth of the models of an image, metres.

    Raises:
        DataError: a model is missing or damaged.
    """
    meshes = [_model(source, number).moved(image.world_from_cam @ pose) for number, pose in image.objects]
    return RayScene(meshes).depth(image.K, image.world_from_cam, size)


def _posed(scene: Scene, images: list[Image]) -> list[Image]:
    """The images with camera poses: their own, or in the frame of an object that stands once in each."""
    if all(np.isfinite(image.world_from_cam).all() for image in images):
        return images
    shown = [image for image in images if image.objects]
    once = [
        {number for number, count in Counter(number for number, _ in image.objects).items() if count == 1}
        for image in shown
    ]
    common = sorted(set.intersection(*once)) if once else []
    if not common:
        raise DataError(
            f"{scene.folder / 'scene_camera.json'}: it gives no camera poses (cam_R_w2c), and no object stands once in "
            "every image to take them from"
        )
    return [replace(image, world_from_cam=_inverse(dict(image.objects)[common[0]])) for image in shown]


def _inverse(pose: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.inv(pose), dtype=np.float64)


def _numbered(path: Path) -> dict[int, Any]:
    if not path.is_file():
        raise DataError(f"{path}: the file is missing")
    try:
        return {int(number): value for number, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, ValueError) as wrong:
        raise DataError(f"{path}: it is no JSON of images by number ({wrong})") from None


def _pose(fields: Mapping[str, Any], kind: str, where: str) -> FloatArray:
    """(4, 4) of cam_R_KIND and cam_t_KIND, metres."""
    pose = np.eye(4)
    pose[:3, :3] = np.array(fields[f"cam_R_{kind}"], dtype=np.float64).reshape(3, 3)
    pose[:3, 3] = np.array(fields[f"cam_t_{kind}"], dtype=np.float64).reshape(3) * MM
    return checked_pose(pose, where)


def _view(source: Path, image: Image) -> View:
    return View(image.name, image.room, image.room, image.K, image.world_from_cam, partial(_pair, source, image))


def _pair(source: Path, image: Image) -> tuple[DepthArray, DepthArray]:
    captured = depth_of_png(image.depth.read_bytes(), str(image.depth), image.unit)
    clean = render(source, image, (captured.shape[0], captured.shape[1]))
    return without_strangers(clean, captured, APART_M), captured


def _splits(images: list[Image]) -> dict[str, list[str]]:
    part_of = {image.room: re.match(r"train|val|test", image.part) for image in images}
    parts = {room: match.group() if match else "" for room, match in part_of.items()}
    if not {"train", "test"} <= set(parts.values()):
        parts = dict.fromkeys(parts, "")
    if len(parts) < 3:
        sequences: dict[str, list[str]] = {}
        for image in images:
            sequences.setdefault(f"{image.room}/{image.room}", []).append(image.name)
        return split_by_fractions(sequences)
    chosen = split_scenes(parts)
    return {split: [one.name for one in images if chosen[one.room] == split] for split in ("train", "val", "test")}


@lru_cache(maxsize=64)
def _model(source: Path, number: int) -> Mesh:
    mesh = read_mesh(source / "models" / f"obj_{number:06d}.ply")
    return Mesh(mesh.vertices * MM, mesh.faces)


def _files_wrong(scene: Scene, images: list[Image]) -> Iterator[Finding]:
    for image in images:
        if not image.depth.is_file():
            yield error(image.depth, "the depth map is missing; scene_camera.json names it", "Unpack the scene again")
        if not image.objects:
            path = scene.folder / "scene_gt.json"
            yield warning(path, f"image {image.number} has no objects", "It is left out")
    known = {image.depth.name for image in images}
    for path in sorted((scene.folder / "depth").glob("*")):
        if path.name not in known:
            yield warning(path, "scene_camera.json does not name it", "It is left out")


def _models_wrong(source: Path, images: list[Image]) -> Iterator[Finding]:
    for number in sorted({number for image in images for number, _ in image.objects}):
        path = source / "models" / f"obj_{number:06d}.ply"
        if not path.is_file():
            yield error(path, "the model is missing; scene_gt.json names it", f"Unpack the set's models: {GET}")
            continue
        try:
            low, high = _model(source, number).bounds / MM
        except DataError as wrong:
            yield error(path, str(wrong).removeprefix(f"{path} ").removeprefix(f"{path}: "), "Unpack the models again")
            continue
        longest = float((high - low).max())
        if not SIDES_MM[0] <= longest <= SIDES_MM[1]:
            yield error(path, f"its longest side is {longest:.4g} mm", "Models of BOP are in millimetres, not metres")


def _images_wrong(source: Path, images: list[Image]) -> Iterator[Finding]:
    shown = [image for image in images if image.objects]
    apart: list[float] = []
    for image in shown[:: max(1, len(shown) // SAMPLE)]:
        try:
            captured = depth_of_png(image.depth.read_bytes(), str(image.depth), image.unit)
        except DataError as wrong:
            message = str(wrong).removeprefix(f"{image.depth} ")
            yield error(image.depth, message, "Unpack the scene again")
            continue
        clean = render(source, image, (captured.shape[0], captured.shape[1]))
        both = (clean > 0) & (captured > 0)
        if both.any():
            apart.append(float(np.median(np.abs(clean - captured)[both])))
    if shown and not apart:
        yield error(source, "no pixel of the images that were looked at has a model and a capture", "Are poses in mm?")
    elif apart and np.median(apart) > MAX_APART_M:
        message = f"models and captures differ by {1000 * np.median(apart):.0f} mm in the median pixel"
        yield error(source, message, "Are depth_scale, poses and models of this set (millimetres)?")
