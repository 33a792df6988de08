"""Reconstructions side by side: the scan, the CAD it is of, and what each arm's network made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from s2r_bench.files import whole
from s2r_reports.frames import Entry
from s2r_reports.views import artifacts, read_arrays

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float32]
YAW_DEG, PITCH_DEG = 35, 25
DPI = 90
LIGHT = np.array([0.3, 0.6, 0.74])
COLOUR = np.array([0.36, 0.55, 0.78])


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """One object as a run kept it, all in the object frame.

    Attributes:
        id: of the object.
        scan: (N, 3) what the network saw; empty for references, which see nothing.
        surface: (M, 3) samples of the CAD.
        vertices, faces: (V, 3) and (F, 3) of the reconstruction; maybe empty.
        iou: of the run's first score of it, None where there is none.
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
        if arrays is not None:
            name = str(arrays["id"])
            parts = {key: arrays[key] for key in ("scan", "surface", "vertices", "faces")}
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
    yaw, pitch = np.radians(YAW_DEG), np.radians(PITCH_DEG)
    turn = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    tilt = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    return np.asarray(points @ (tilt @ turn).T, np.float64)


def _points(axis: "Axes", points: Array) -> None:
    some = seen(points[:: max(1, len(points) // 4000)])
    order = np.argsort(some[:, 2])
    axis.scatter(some[order, 0], some[order, 1], c=some[order, 2], s=1.0, cmap="viridis", vmin=-1, vmax=1, lw=0)


def _mesh(axis: "Axes", one: Reconstruction) -> None:
    from matplotlib.collections import PolyCollection

    if len(one.faces):
        corners = seen(one.vertices)[one.faces]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        # light falls on both sides: the way round of the faces must not matter
        shade = 0.35 + 0.65 * np.abs(normal @ LIGHT)
        order = np.argsort(corners[:, :, 2].mean(1))
        polygons: Sequence[NDArray[np.float64]] = list(corners[order, :, :2])
        colours = np.clip(shade[order, None] * COLOUR, 0, 1)
        axis.add_collection(PolyCollection(polygons, facecolors=colours, edgecolors=colours, linewidths=0.2))
    axis.set_xlabel("" if one.iou is None else f"IoU {100 * one.iou:.0f} %", fontsize=7)


def _frame(axis: "Axes") -> None:
    axis.set_xlim(-1.45, 1.45)
    axis.set_ylim(-1.3, 1.3)
    axis.set_aspect("equal")
    axis.set_xticks([])
    axis.set_yticks([])
