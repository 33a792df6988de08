"""What runs kept, made ready for the page's linked 3-D views: thinned, rounded to 16 bit, each array once."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_reports import figures, rooms, shapes
from s2r_reports.rooms import Room
from s2r_reports.shapes import Reconstruction
from s2r_reports.views import Clouds

MOST_POINTS = 15_000  # of a cloud
MOST_FACES = 4_000  # of a mesh
MOST_BYTES = 16_000_000  # of all arrays of a page, before they are written as text
STEPS = 65535
OBJECT_REACH = 1.3  # of an object that spans [-1, 1]

Points = NDArray[np.floating]


@dataclass(frozen=True)
class Scene:
    """A viewer: items to choose from, each shown in one pane an arm, all panes from the same side.

    Attributes:
        title: of the figure.
        turn: degrees, yaw and pitch at which it opens.
        items: name, middle, reach and panes, as the page's script reads them.
        classes: name and colour of what colours mean; none where colours are distance.
        notes: what was thinned, rounded or left out.
    """

    title: str
    turn: tuple[float, float]
    items: tuple[Mapping[str, Any], ...]
    classes: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class Blobs:
    """The arrays of a page as base64 text, named by their content, so that what scenes share is there once."""

    texts: dict[str, str] = field(default_factory=dict)
    bytes: int = 0
    points_cut: tuple[int, int] = (0, 0)  # arrays thinned, and the largest before
    faces_cut: tuple[int, int] = (0, 0)
    coarsest: float = 0.0  # rounding step, in the scene's unit

    @property
    def full(self) -> bool:
        """Whether nothing more goes in."""
        return self.bytes >= MOST_BYTES

    def cloud(
        self, title: str, points: Points, colours: NDArray[np.uint8] | None = None, note: str = ""
    ) -> dict[str, Any]:
        """The pane of a cloud: (N, 3) x right, y up, z to the viewer; (N, 3) colours, by distance without."""
        kept = _some(len(points))
        if len(kept) < len(points):
            self.points_cut = (self.points_cut[0] + 1, max(self.points_cut[1], len(points)))
        pane = self._placed(title, points[kept], note)
        return pane if colours is None else {**pane, "colour": self._add(colours[kept])}

    def mesh(self, title: str, vertices: Points, faces: NDArray[np.integer], note: str = "") -> dict[str, Any]:
        """The pane of a mesh, simplified where it has more than MOST_FACES; an empty pane where it has none."""
        if not len(faces):
            return {"title": title, "note": note or "empty"}
        if len(faces) > MOST_FACES:
            self.faces_cut = (self.faces_cut[0] + 1, max(self.faces_cut[1], len(faces)))
            vertices, faces = simplified(vertices, faces)
        pane = self._placed(title, vertices, note)
        return {**pane, "faces": self._add(faces.astype("<u2" if len(vertices) <= STEPS else "<u4"))}

    def _placed(self, title: str, points: Points, note: str) -> dict[str, Any]:
        if not len(points):
            return {"title": title, "note": note or "nothing kept"}
        low = points.min(0).astype(np.float64)
        step = max(float((points.max(0) - low).max()) / STEPS, 1e-12)
        self.coarsest = max(self.coarsest, step)
        rounded = np.round((points - low) / step).astype("<u2")
        return {"title": title, "note": note, "at": self._add(rounded), "low": low.tolist(), "step": step}

    def _add(self, array: NDArray[Any]) -> str:
        raw = np.ascontiguousarray(array).tobytes()
        key = hashlib.sha256(raw).hexdigest()[:16]
        if key not in self.texts:
            self.texts[key] = base64.b64encode(raw).decode()
            self.bytes += len(raw)
        return key


def simplified(vertices: Points, faces: NDArray[np.integer]) -> tuple[Points, NDArray[np.integer]]:
    """At most about MOST_FACES faces, by quadric edge collapse (Open3D)."""
    import open3d as o3d

    mesh = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(vertices.astype(np.float64)), o3d.utility.Vector3iVector(faces.astype(np.int32))
    )
    mesh = mesh.simplify_quadric_decimation(MOST_FACES)
    return np.asarray(mesh.vertices), np.asarray(mesh.triangles)


def of_reconstructions(title: str, arms: Mapping[str, Mapping[str, Reconstruction]], blobs: Blobs) -> Scene:
    """Objects to choose from: scan, CAD, and what each arm's network made of it."""

    def panes(name: str) -> Iterable[dict[str, Any]]:
        every = [some[name] for some in arms.values() if name in some]
        scan = max((one.scan for one in every), key=len)
        yield blobs.cloud("scan", scan)
        yield blobs.cloud("CAD", every[0].surface)
        for arm, some in arms.items():
            if name in some:
                one = some[name]
                yield blobs.mesh(arm, one.vertices, one.faces, "" if one.iou is None else f"IoU {100 * one.iou:.0f} %")

    names = sorted({name for some in arms.values() for name in some})
    space = ([0.0, 0.0, 0.0], OBJECT_REACH)
    return _scene(title, (shapes.YAW_DEG, shapes.PITCH_DEG), names, panes, {name: space for name in names}, blobs)


def of_clouds(title: str, arms: Mapping[str, Clouds], blobs: Blobs) -> Scene:
    """The fused clouds of one sequence: captured, clean, and simulated by each arm."""
    first = next(iter(arms.values()))

    def panes(_: str) -> Iterable[dict[str, Any]]:
        yield blobs.cloud("captured", upright(first.captured, first))
        yield blobs.cloud("clean", upright(first.clean, first))
        for arm, clouds in arms.items():
            yield blobs.cloud(arm, upright(clouds.simulated, first))

    space = _space(upright(first.clean, first))
    return _scene(title, figures.TURN_DEG, [first.id], panes, {first.id: space}, blobs)


def of_rooms(title: str, arms: Mapping[str, Mapping[str, Room]], blobs: Blobs) -> Scene:
    """Rooms to choose from, without ceilings: the truth, and each arm's labels as colours."""
    names = rooms.shown_rooms(arms)
    firsts = {name: next(some[name] for some in arms.values() if name in some) for name in names}

    def panes(name: str) -> Iterable[dict[str, Any]]:
        first = firsts[name]
        table = rooms.colour_table(len(first.classes))
        yield blobs.cloud("truth", _from_above(first.points), table[first.labels])
        for arm, some in arms.items():
            if name in some:
                right = f"{some[name].right:.0%} of points right"
                yield blobs.cloud(arm, _from_above(some[name].points), table[some[name].predicted], right)

    spaces = {name: _space(_from_above(room.points)) for name, room in firsts.items()}
    scene = _scene(title, (rooms.YAW_DEG, rooms.PITCH_DEG), names, panes, spaces, blobs)
    classes = next(iter(firsts.values())).classes
    colours = ["#" + bytes(one.tolist()).hex() for one in rooms.colour_table(len(classes))]
    listed = [pair for pair in zip(classes, colours, strict=True) if pair[0] != rooms.CEILING]
    return Scene(scene.title, scene.turn, scene.items, tuple(listed), scene.notes)


def upright(points: Points, clouds: Clouds) -> NDArray[np.float64]:
    """(N, 3) world -> right, up, towards the viewer, of the camera that saw the clouds."""
    world_from_cam = clouds.world_from_cam
    local = (points - world_from_cam[:3, 3]) @ world_from_cam[:3, :3]
    return np.asarray(local * np.array([1.0, -1.0, -1.0]), np.float64)


def limits(blobs: Blobs) -> list[str]:
    """What was done to the arrays of a page, in words."""
    told = []
    if blobs.points_cut[0]:
        told.append(
            f"{blobs.points_cut[0]} clouds of up to {blobs.points_cut[1]:,} points are thinned to {MOST_POINTS:,}"
        )
    if blobs.faces_cut[0]:
        told.append(
            f"{blobs.faces_cut[0]} meshes of up to {blobs.faces_cut[1]:,} faces are simplified to {MOST_FACES:,}"
        )
    size = sum(map(len, blobs.texts.values())) / 1e6
    told.append(f"coordinates are rounded by at most {blobs.coarsest / 2:.1g} of a scene's unit; {size:.1f} MB in all")
    return told


def _scene(
    title: str,
    turn: tuple[float, float],
    names: Sequence[str],
    panes: Any,
    spaces: Mapping[str, tuple[list[float], float]],
    blobs: Blobs,
) -> Scene:
    items: list[Mapping[str, Any]] = []
    for name in names:
        if blobs.full:
            break
        middle, reach = spaces[name]
        items.append({"name": name, "middle": middle, "reach": reach, "panes": list(panes(name))})
    left = names[len(items) :]
    size = f"{MOST_BYTES / 1e6:.0f} MB"
    notes = (f"not in the 3-D views, which hold {size} of data: {', '.join(left)}",) if left else ()
    return Scene(title, turn, tuple(items), notes=notes)


def _space(points: Points) -> tuple[list[float], float]:
    """Middle, and half the longest side, of the box of all points but the outermost."""
    low, high = np.quantile(points, 0.005, axis=0), np.quantile(points, 0.995, axis=0)
    return ((low + high) / 2).tolist(), max(float((high - low).max()) * 0.55, 1e-6)


def _from_above(points: Points) -> NDArray[np.float64]:
    """(N, 3) z up -> y up."""
    return np.stack([points[:, 0], points[:, 2], -points[:, 1]], 1).astype(np.float64)


def _some(count: int) -> NDArray[np.int64]:
    """Indices of at most MOST_POINTS of `count`, drawn alike whenever `count` is the same."""
    if count <= MOST_POINTS:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).permutation(count)[:MOST_POINTS])
