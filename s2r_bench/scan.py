"""One CAD model scanned: set into a place, rendered, simulated, fused, written into a folder.

The three steps are functions of their own: `prepare` and `finish` take nothing but values, so that other processes can
do them, and the simulator stays where it is.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from s2r_bench.embedding import Place, alone, in_room, used_part
from s2r_bench.errors import DataError, S2RError
from s2r_bench.files import whole, write_json
from s2r_bench.geometry.crop import ObjectFrame, crop_mesh, grown_box, keep_vertices
from s2r_bench.geometry.fuse import fuse_points, fuse_tsdf
from s2r_bench.geometry.io import write_cloud, write_mesh
from s2r_bench.geometry.labels import labelled_points
from s2r_bench.geometry.render import RayScene
from s2r_bench.geometry.surface import sample_surface
from s2r_bench.labelled_cloud import fuse_labelled, write_labelled_cloud
from s2r_bench.room_folder import Rooms, in_recorded_room
from s2r_bench.seeds import frame_seeds, seed_of
from s2r_bench.simulator import Simulator
from s2r_bench.staging import Scene
from s2r_bench.trajectory import Trajectory, laid_around
from s2r_bench.types import BoolArray, CadModel, DepthArray, DepthFrame, FloatArray, Mesh
from s2r_bench.visibility import Looker, View, ViewRule, surface_seen
from s2r_bench.worlds.pair_folder import write_depth

MARGIN = 1.2  # of the box that is cut out: LASA's
TRUNCATION_VOXELS = 4.0  # 4 cm at 1 cm voxels: the paper's fusion
NEAR_STD = 0.07  # of labelled points near the surface, object frame: DisCo's
LABEL_SEED = 0  # that of `recon`: alike asked for, files are shared
SURFACE_POINTS = 2048  # at which is asked how much of the object was seen

SceneKind = Literal["alone", "room"]
SCENES: tuple[SceneKind, ...] = ("alone", "room")


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
        scene: "alone", before a wall, or in a furnished "room".
        rooms: rooms of a data set instead of procedural ones.
        trajectory: recorded camera paths instead of generated ones.
        rule: which views count, where other things may hide the object.
        margin: side of the cut-out over the side of the CAD's box.
        occupancy: labelled points written of each kind (in the cube, near the surface, on it); 0: none.
        labels: where labels are kept by the mesh's content, whatever is scanned of it; None: nowhere.
    """

    seed: int
    views: int
    K: FloatArray
    size: tuple[int, int]
    voxel: float
    fuse: bool
    scene: SceneKind = "alone"
    rooms: Rooms | None = None
    trajectory: Trajectory | None = None
    rule: ViewRule = field(default_factory=ViewRule)
    margin: float = MARGIN
    occupancy: int = 0
    labels: Path | None = None

    @property
    def ruled(self) -> bool:
        """Whether views are picked by what they show; an arc around an object alone always shows it."""
        return self.scene == "room" or self.trajectory is not None


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model in its place, rendered.

    Attributes:
        model: as it was given.
        scene: model and surroundings in the CAD's frame.
        clean: the views, poses in the CAD's frame.
        own: (H, W) of each view: where the model is what is seen.
        facts: what is known of the views, in JSON's types.
    """

    model: CadModel
    scene: Scene
    clean: tuple[DepthFrame, ...]
    own: tuple[BoolArray, ...]
    facts: dict[str, Any]


def prepare(model: CadModel, settings: ScanSettings) -> Prepared:
    """Set a model into its place and render the views that show it.

    Raises:
        DataError: this model cannot be scanned: no faces, no furniture's size, not seen.
    """
    place = _place(model, settings)
    views, facts = _views(place, model, settings)
    if not any(view.own.any() for view in views):
        raise DataError(f"{model.id}: no view sees the model")
    name = f"{file_name(model.category)}/{file_name(model.id)}"
    clean = tuple(
        DepthFrame(_millimetres(view.depth), settings.K, place.cad_from_place @ view.pose, name, "0", f"{index:03d}")
        for index, view in enumerate(views)
    )
    return Prepared(model, place.scene, clean, tuple(view.own for view in views), facts)


def simulate(simulator: Simulator, frames: Sequence[DepthFrame], run_seed: int) -> tuple[DepthFrame, ...]:
    """The simulated frames, at the precision of the files, so that who fuses the files gets the fused cloud.

    Raises:
        S2RError: the simulator broke its contract.
    """
    try:
        simulated = list(simulator.simulate(frames, frame_seeds(frames, run_seed)))
    except ValueError as wrong:  # what `DepthFrame` raises of NaN, negative values and wrong shapes
        raise S2RError(f"{simulator.card.title} failed on {frames[0].scene}: {wrong}") from wrong
    if [(frame.id, frame.size) for frame in simulated] != [(frame.id, frame.size) for frame in frames]:
        raise S2RError(f"{simulator.card.title} changed number, id or size of the frames of {frames[0].scene}")
    return tuple(frame.with_depth(_millimetres(frame.depth)) for frame in simulated)


def finish(
    folder: Path, prepared: Prepared, simulated: Sequence[DepthFrame], settings: ScanSettings, sensor: str
) -> dict[str, Any]:
    """Write clean and simulated views, cameras, cloud, mesh and labelled points of one model into an existing folder.

    Returns:
        What is known of the object, in JSON's types.

    Raises:
        DataError: no simulated point lies on the object, or the mesh has no inside though it was asked for.
    """
    write_json(folder / "cameras.json", _cameras(prepared.clean, sensor))
    for part, frames in (("clean", prepared.clean), ("simulated", simulated)):
        (folder / part).mkdir()
        for frame in frames:
            write_depth(folder / part / f"{frame.frame}.png", frame.depth)
    model, scene = prepared.model, prepared.scene
    target = ObjectFrame.from_mesh(Mesh(scene.box, scene.meshes[0].faces[:0]))
    facts: dict[str, Any] = {
        "id": model.id,
        "category": model.category,
        "source": model.source,
        "licence": model.licence,
        "views": [frame.frame for frame in prepared.clean],
        "box_m": scene.box.tolist(),
        "object_frame": {"centre_m": target.centre.tolist(), "half_extent_m": target.half_extent},
        **prepared.facts,
    }
    if settings.fuse:
        fuse = _fuse_all if settings.scene == "room" else _fuse_object
        facts |= fuse(folder, prepared, simulated, settings)
    if settings.occupancy:
        facts |= _solid_into(folder, model, target, settings)
    return facts


def file_name(text: str) -> str:
    """A name that every file system takes: letters, digits, dot, dash, underscore; never hidden, never empty."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip(".") or "_"


def _place(model: CadModel, settings: ScanSettings) -> Place:
    if settings.rooms is not None:
        return in_recorded_room(model, settings.rooms, settings.seed)
    return in_room(model, settings.seed) if settings.scene == "room" else alone(model, settings.seed)


def _views(place: Place, model: CadModel, settings: ScanSettings) -> tuple[list[View], dict[str, Any]]:
    """The views to scan from, and what is known of them."""
    looker = Looker(place.rays, place.own, settings.K, settings.size)
    if not settings.ruled:
        return [looker.view(pose, share=False) for pose in place.path(settings.views, 0)], {}
    recorded = settings.trajectory
    seed = seed_of(settings.seed, "corpus", model.id)

    def paths(attempt: int) -> Sequence[FloatArray]:
        if recorded is None:
            return place.path(settings.views, attempt)
        return laid_around(recorded, place.box, settings.views, seed, attempt)

    longest = float(np.ptp(place.scene.box, axis=0).max())
    views, tried = looker.pick(paths, settings.views, settings.rule, f"{model.id}: {longest:.2g} m long,")
    points = sample_surface(used_part(model.mesh), SURFACE_POINTS, seed_of(seed, "surface"))
    back = np.linalg.inv(place.cad_from_place)
    seen = surface_seen(points @ back[:3, :3].T + back[:3, 3], views, settings.K)
    shares = [round(view.share, 3) for view in views]
    return views, {"visible_share": shares, "surface_seen": round(seen, 3), "paths_tried": tried}


def _fuse_object(
    folder: Path, prepared: Prepared, simulated: Sequence[DepthFrame], settings: ScanSettings
) -> dict[str, Any]:
    """Write cloud.ply and mesh.ply of what is nearer to the object than to all else; count them."""
    near_object = _Nearer(prepared.scene)
    box = grown_box(prepared.scene.box, settings.margin)
    cloud = fuse_points(simulated, settings.voxel, box=box)
    cloud = cloud[near_object(cloud)]
    if len(cloud) == 0:
        raise DataError(f"{simulated[0].scene}: no simulated point lies on the object")
    write_cloud(folder / "cloud.ply", cloud)
    return {"points": len(cloud), "faces": _mesh_into(folder, prepared, simulated, settings, near_object)}


def _fuse_all(
    folder: Path, prepared: Prepared, simulated: Sequence[DepthFrame], settings: ScanSettings
) -> dict[str, Any]:
    """The same of all that the grown box holds, as in a real scan; the cloud says which points are the object's."""
    box = grown_box(prepared.scene.box, settings.margin)
    near_object = _Nearer(prepared.scene)
    cloud, own = fuse_labelled(prepared.clean, prepared.own, simulated, near_object, settings.voxel, box)
    if not own.any():
        raise DataError(f"{simulated[0].scene}: no simulated point lies on the object")
    write_labelled_cloud(folder / "cloud.ply", cloud, own)
    faces = _mesh_into(folder, prepared, simulated, settings, None)
    return {"points": len(cloud), "object_points": int(own.sum()), "faces": faces}


def _mesh_into(
    folder: Path,
    prepared: Prepared,
    simulated: Sequence[DepthFrame],
    settings: ScanSettings,
    keep: Callable[[FloatArray], BoolArray] | None,
) -> int:
    """Write mesh.ply within the grown box, of the vertices that `keep` keeps; a mesh without faces is not written."""
    box = prepared.scene.box
    truncation = TRUNCATION_VOXELS * settings.voxel
    fused = fuse_tsdf(simulated, settings.voxel, truncation, box=grown_box(box, settings.margin))
    mesh = crop_mesh(fused, box, settings.margin)
    if keep is not None:
        mesh = keep_vertices(mesh, keep(mesh.vertices))
    if len(mesh.faces):
        write_mesh(folder / "mesh.ply", mesh)
    return len(mesh.faces)


def _solid_into(folder: Path, model: CadModel, target: ObjectFrame, settings: ScanSettings) -> dict[str, Any]:
    """Write occupancy.npz, points in the object frame under DisCo's names; say how far its labels can be trusted.

    The labelled points are the mesh's own: what seed, scene or simulator it is scanned with does not move them.
    """
    used = used_part(model.mesh)
    mesh = Mesh(target.to_object(used.vertices), used.faces)
    count, seed = settings.occupancy, seed_of(settings.seed, "occupancy", model.id)
    labels = labelled_points(mesh, volume=count, near=count, near_std=NEAR_STD, seed=LABEL_SEED, folder=settings.labels)
    arrays = {
        "vol_points": labels.volume,
        "vol_label": labels.volume_inside,
        "near_points": labels.near,
        "near_label": labels.near_inside,
        "points": sample_surface(mesh, count, seed_of(seed, "points")).astype(np.float32),
    }
    with whole(folder / "occupancy.npz") as part, part.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # the stub takes any name for its flag
    return {"solid": asdict(labels.quality)}


class _Nearer:
    """Which points (N, 3) lie nearer to the object than to floor, walls and occluders, which the box holds too."""

    def __init__(self, scene: Scene) -> None:
        self._object, self._rest = RayScene(scene.meshes[:1]), RayScene(scene.surroundings)

    def __call__(self, points: FloatArray) -> BoolArray:
        if len(points) == 0:
            return np.zeros(0, dtype=np.bool_)
        return np.asarray(self._object.distance(points) <= self._rest.distance(points))


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
