"""One CAD model scanned: staged, rendered, simulated, fused, written into a folder."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.errors import DataError, S2RError
from s2r_bench.files import write_json
from s2r_bench.geometry.crop import ObjectFrame, crop_mesh, grown_box, keep_vertices
from s2r_bench.geometry.fuse import fuse_points, fuse_tsdf
from s2r_bench.geometry.io import write_cloud, write_mesh
from s2r_bench.geometry.render import RayScene
from s2r_bench.seeds import frame_seeds, seed_of
from s2r_bench.simulator import Simulator
from s2r_bench.staging import Scene, orbit, stage
from s2r_bench.types import BoolArray, CadModel, DepthArray, DepthFrame, FloatArray, Mesh
from s2r_bench.worlds.pair_folder import write_depth

MARGIN = 1.2  # of the box that is cut out: LASA's
TRUNCATION_VOXELS = 4.0  # 4 cm at 1 cm voxels: the paper's fusion


@dataclass(frozen=True, eq=False)
class ScanSettings:
    """What decides a scan, beside the model and the simulator.

    Attributes:
        seed: the run's; it decides surroundings, paths and noise.
        views: per object.
        K: (3, 3) intrinsics in pixels.
        size: (height, width).
        voxel: edge of the fusion's voxels, metres.
        fuse: also write cloud.ply and mesh.ply.
    """

    seed: int
    views: int
    K: FloatArray
    size: tuple[int, int]
    voxel: float
    fuse: bool


def scan(folder: Path, model: CadModel, simulator: Simulator, settings: ScanSettings) -> dict[str, Any]:
    """Write clean and simulated views, cameras, cloud and mesh of one model into an existing folder.

    Returns:
        What is known of the object, in JSON's types.

    Raises:
        DataError: this model cannot be scanned: no faces, no furniture's size, not seen.
        S2RError: the simulator broke its contract.
    """
    scene = stage(model, settings.seed)
    clean = _render(model, scene, settings)
    simulated = _simulate(simulator, clean, settings.seed)
    write_json(folder / "cameras.json", _cameras(clean, simulator.card.title))
    for part, frames in (("clean", clean), ("simulated", simulated)):
        (folder / part).mkdir()
        for frame in frames:
            write_depth(folder / part / f"{frame.frame}.png", frame.depth)
    target = ObjectFrame.from_mesh(Mesh(scene.box, scene.meshes[0].faces[:0]))
    facts: dict[str, Any] = {
        "id": model.id,
        "category": model.category,
        "source": model.source,
        "licence": model.licence,
        "views": [frame.frame for frame in clean],
        "box_m": scene.box.tolist(),
        "object_frame": {"centre_m": target.centre.tolist(), "half_extent_m": target.half_extent},
    }
    if settings.fuse:
        facts |= _fuse_into(folder, simulated, scene, settings.voxel)
    return facts


def _render(model: CadModel, scene: Scene, settings: ScanSettings) -> list[DepthFrame]:
    rays = RayScene(scene.meshes)
    name = f"{file_name(model.category)}/{file_name(model.id)}"
    frames, seen = [], 0
    for index, pose in enumerate(orbit(scene, settings.views, seed_of(settings.seed, model.id))):
        rendering = rays.render(settings.K, pose, settings.size)
        seen += int((rendering.instance == 0).sum())
        frames.append(DepthFrame(_millimetres(rendering.depth), settings.K, pose, name, "0", f"{index:03d}"))
    if seen == 0:
        raise DataError(f"{model.id}: no view sees the model")
    return frames


def _simulate(simulator: Simulator, frames: Sequence[DepthFrame], run_seed: int) -> list[DepthFrame]:
    """The simulated frames, at the precision of the files, so that who fuses the files gets the fused cloud."""
    try:
        simulated = list(simulator.simulate(frames, frame_seeds(frames, run_seed)))
    except ValueError as wrong:  # what `DepthFrame` raises of NaN, negative values and wrong shapes
        raise S2RError(f"{simulator.card.title} failed on {frames[0].scene}: {wrong}") from wrong
    if [(frame.id, frame.size) for frame in simulated] != [(frame.id, frame.size) for frame in frames]:
        raise S2RError(f"{simulator.card.title} changed number, id or size of the frames of {frames[0].scene}")
    return [frame.with_depth(_millimetres(frame.depth)) for frame in simulated]


def _fuse_into(folder: Path, frames: Sequence[DepthFrame], scene: Scene, voxel: float) -> dict[str, int]:
    """Write cloud.ply and mesh.ply, and count them; a mesh without faces is not written."""
    near_object = _Nearer(scene)
    box = grown_box(scene.box, MARGIN)
    cloud = fuse_points(frames, voxel, box=box)
    cloud = cloud[near_object(cloud)]
    if len(cloud) == 0:
        raise DataError(f"{frames[0].scene}: no simulated point lies on the object")
    write_cloud(folder / "cloud.ply", cloud)
    mesh = crop_mesh(fuse_tsdf(frames, voxel, TRUNCATION_VOXELS * voxel, box=box), scene.box, MARGIN)
    mesh = keep_vertices(mesh, near_object(mesh.vertices))
    if len(mesh.faces):
        write_mesh(folder / "mesh.ply", mesh)
    return {"points": len(cloud), "faces": len(mesh.faces)}


class _Nearer:
    """Which points (N, 3) lie nearer to the object than to floor, walls and occluders, which the box holds too."""

    def __init__(self, scene: Scene) -> None:
        self._object, self._rest = RayScene(scene.meshes[:1]), RayScene(scene.surroundings)

    def __call__(self, points: FloatArray) -> BoolArray:
        if len(points) == 0:
            return np.zeros(0, dtype=np.bool_)
        return np.asarray(self._object.distance(points) <= self._rest.distance(points))


def file_name(text: str) -> str:
    """A name that every file system takes: letters, digits, dot, dash, underscore; never hidden, never empty."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip(".") or "_"


def _millimetres(depth: DepthArray) -> DepthArray:
    return (np.rint(depth.astype(np.float64) * 1000) / 1000).astype(np.float32)


def _cameras(frames: Sequence[DepthFrame], sensor: str) -> dict[str, Any]:
    height, width = frames[0].size
    return {
        "K": frames[0].K.tolist(),
        "width": width,
        "height": height,
        "metres_per_unit": 0.001,
        "sensor": f"simulated: {sensor}",
        "cam_to_world": {frame.frame: frame.world_from_cam.tolist() for frame in frames},
        "frames": {frame.frame: {"scene": frame.scene, "sequence": frame.sequence} for frame in frames},
    }
