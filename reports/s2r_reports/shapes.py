"""Reconstructions side by side: the scan, the CAD it is of, and what each arm's network made of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from s2r_bench.files import whole
from s2r_bench.geometry.render import RayScene
from s2r_bench.types import Mesh
from s2r_reports.frames import Entry
from s2r_reports.views import artifacts, read_arrays

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float32]
PARTS = ("scan", "surface", "vertices", "faces")
YAW_DEG, PITCH_DEG = 35, 25
DPI = 90
LIGHT = np.array([0.46, 0.75, 0.47])  # from above and in front, to the right
COLOUR = np.array([0.36, 0.55, 0.78])
REACH = (1.45, 1.3)  # half the width and height that is shown, in units of the object frame
PIXELS_PER_UNIT = 80
AWAY = 12.0  # of the viewer: far enough to see hardly any perspective, as the points are drawn without


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """One object as a run kept it, all in the object frame.

    Attributes:
        id: of the object.
        scan: (N, 3) its captured cloud, of which the network saw a draw; empty for references, which see nothing.
        surface: (M, 3) samples of the CAD.
        vertices, faces: (V, 3) and (F, 3) of the reconstruction; maybe empty.
        iou: what the run scored it, None where it did not.
    """

    id: str
    scan: Array
    surface: Array
    vertices: Array
    faces: NDArray[np.int32]
    iou: float | None


def kept_reconstructions(entry: Entry) -> dict[str, Reconstruction]:
    """Object id -> reconstruction that the run kept; none where its folder or files are gone."""
    scores = {score.sample: score.value for score in entry.record.scores if score.metric == "iou"}
    found: dict[str, Reconstruction] = {}
    for path in sorted(artifacts(entry).glob("shape_*.npz")):
        arrays = read_arrays(path)
        if arrays is not None and {"id", *PARTS} <= set(arrays):
            name, parts = str(arrays["id"]), {key: arrays[key] for key in PARTS}
            found[name] = Reconstruction(id=name, **parts, iou=scores.get(name))
    return found


def draw_reconstructions(title: str, arms: Mapping[str, Mapping[str, Reconstruction]], path: Path) -> Path:
    """Write a row an object, and columns scan, CAD and one an arm; the same view for all."""
    from matplotlib.figure import Figure

    objects = sorted({name for some in arms.values() for name in some})
    columns = len(arms) + 2
    figure = Figure(figsize=(2.1 * columns, 2.0 * len(objects) + 0.6), dpi=DPI, layout="constrained")
    figure.suptitle(title, fontsize=11)
    for row, name in enumerate(objects):
        every = [some[name] for some in arms.values() if name in some]
        scan = max((one.scan for one in every), key=len)
        axes = [figure.add_subplot(len(objects), columns, row * columns + place + 1) for place in range(columns)]
        _points(axes[0], scan)
        _points(axes[1], every[0].surface)
        axes[0].set_ylabel(name, fontsize=7)
        for axis, (arm, some) in zip(axes[2:], arms.items(), strict=True):
            if name in some:
                _mesh(axis, some[name])
            axis.set_title(arm if row == 0 else "", fontsize=9)
        if row == 0:
            axes[0].set_title("scan", fontsize=9)
            axes[1].set_title("CAD", fontsize=9)
        for axis in axes:
            _frame(axis)
    with whole(path) as part:
        figure.savefig(part, format="png")
    return path


def seen(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N, 3) object frame -> right, up, towards the viewer, who stands in front, to the right and above."""
    return np.asarray(points @ _axes().T, np.float64)


def _axes() -> NDArray[np.float64]:
    """(3, 3): the directions right, up and towards the viewer, in the object frame."""
    yaw, pitch = np.radians(YAW_DEG), np.radians(PITCH_DEG)
    turn = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    tilt = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    return np.asarray(tilt @ turn)


def _points(axis: "Axes", points: Array) -> None:
    some = seen(points[:: max(1, len(points) // 4000)])
    order = np.argsort(some[:, 2])
    axis.scatter(some[order, 0], some[order, 1], c=some[order, 2], s=1.0, cmap="viridis", vmin=-1, vmax=1, lw=0)


def _mesh(axis: "Axes", one: Reconstruction) -> None:
    if len(one.faces):
        axis.imshow(_image(one), extent=(-REACH[0], REACH[0], -REACH[1], REACH[1]))
    axis.set_xlabel("" if one.iou is None else f"IoU {100 * one.iou:.0f} %", fontsize=7)


def _image(one: Reconstruction) -> NDArray[np.float64]:
    """(H, W, 4): the mesh lit from the viewer, transparent beside it. One picture, however many faces there are."""
    scene = RayScene([Mesh(one.vertices.astype(np.float64), one.faces.astype(np.int64))])
    height, width = (2 * PIXELS_PER_UNIT * np.array(REACH[::-1])).astype(int)
    focal = AWAY * PIXELS_PER_UNIT
    K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])
    right, up, near = _axes()
    pose = np.eye(4)
    pose[:3] = np.stack([right, -up, -near, AWAY * near], 1)
    found = scene.render(K, pose, (int(height), int(width)))
    image = np.zeros((height, width, 4))
    image[..., :3] = (0.35 + 0.65 * np.abs(found.normals @ LIGHT))[..., None] * COLOUR
    image[..., 3] = found.depth > 0
    return np.clip(image, 0, 1)


def _frame(axis: "Axes") -> None:
    axis.set_xlim(-REACH[0], REACH[0])
    axis.set_ylim(-REACH[1], REACH[1])
    axis.set_aspect("equal")
    axis.set_xticks([])
    axis.set_yticks([])
