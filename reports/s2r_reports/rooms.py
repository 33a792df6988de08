"""Rooms that runs of `segment` kept: the truth and each arm's labels, seen from above, without the ceiling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.files import whole
from s2r_reports.frames import Entry
from s2r_reports.views import artifacts, read_arrays

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = ("points", "labels", "predicted", "classes")
CEILING = "ceiling"
MOST_ROOMS = 4
MOST_POINTS = 20_000  # drawn of a room
YAW_DEG, PITCH_DEG = 30, 50
DPI = 100
PALETTE = (
    *("#c9cdd2", "#b08d57", "#8fa3b5", "#5f6b7a", "#9467bd", "#17becf", "#bcbd22"),
    *("#2ca02c", "#d62728", "#ff7f0e", "#1f77b4", "#e377c2", "#7f4f24"),
)


@dataclass(frozen=True, eq=False)
class Room:
    """A room as a run labelled it, without the points that are truly ceiling.

    Attributes:
        id: of the room.
        points: (N, 3) metres, z up.
        labels, predicted: (N,) indices into `classes`.
        classes: names.
    """

    id: str
    points: NDArray[np.float32]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    classes: tuple[str, ...]

    @property
    def right(self) -> float:
        """Share of these points that are labelled as they are."""
        return float((self.labels == self.predicted).mean()) if len(self.labels) else 0.0


def kept_rooms(entry: Entry) -> dict[str, Room]:
    """Room id -> room that the run kept; none where its folder or files are gone."""
    found: dict[str, Room] = {}
    for path in sorted(artifacts(entry).glob("room_*.npz")):
        arrays = read_arrays(path)
        if arrays is not None and set(PARTS) <= set(arrays):
            name = path.stem.removeprefix("room_")
            found[name] = _without_ceiling(name, arrays)
    return found


def _without_ceiling(name: str, arrays: Mapping[str, Any]) -> Room:
    classes = tuple(str(one) for one in arrays["classes"])
    labels = arrays["labels"].astype(np.int64)
    open_above = labels != (classes.index(CEILING) if CEILING in classes else -1)
    points = arrays["points"][:, :3].astype(np.float32)
    return Room(name, points[open_above], labels[open_above], arrays["predicted"].astype(np.int64)[open_above], classes)


def colour_table(count: int) -> NDArray[np.uint8]:
    """(count, 3) colours of classes, 0 to 255."""
    from matplotlib.colors import to_rgb

    table = [to_rgb(PALETTE[place % len(PALETTE)]) for place in range(count)]
    return np.round(255 * np.array(table)).astype(np.uint8)


def seen(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N, 3) room (z up) -> right, up, towards the viewer, who looks down into it."""
    yaw, pitch = np.radians(YAW_DEG), np.radians(PITCH_DEG)
    turn = np.array([[np.cos(yaw), np.sin(yaw), 0], [0, 0, 1], [np.sin(yaw), -np.cos(yaw), 0]])
    tilt = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    return np.asarray(points @ (tilt @ turn).T, np.float64)


def shown_rooms(arms: Mapping[str, Mapping[str, Room]]) -> list[str]:
    """The ids that are drawn: the first MOST_ROOMS of all."""
    return sorted({name for some in arms.values() for name in some})[:MOST_ROOMS]


def draw_rooms(title: str, arms: Mapping[str, Mapping[str, Room]], path: Path) -> Path:
    """Write a row a room, and columns truth and one an arm; the same view for all."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    names = shown_rooms(arms)
    columns = len(arms) + 1
    figure = Figure(figsize=(2.5 * columns, 2.4 * len(names) + 1.0), dpi=DPI, layout="constrained")
    figure.suptitle(title, fontsize=11)
    classes: tuple[str, ...] = ()
    for row, name in enumerate(names):
        first = next(some[name] for some in arms.values() if name in some)
        classes = first.classes
        truth = figure.add_subplot(len(names), columns, row * columns + 1)
        _room(truth, first, first.labels)
        truth.set_title("truth" if row == 0 else "", fontsize=9)
        truth.set_ylabel(name, fontsize=7)
        for place, (arm, some) in enumerate(arms.items()):
            axis = figure.add_subplot(len(names), columns, row * columns + place + 2)
            if name in some:
                _room(axis, some[name], some[name].predicted)
                axis.set_xlabel(f"{some[name].right:.0%} of points right", fontsize=7)
            axis.set_title(arm if row == 0 else "", fontsize=9)
            axis.set_xticks([])
            axis.set_yticks([])
    handles = [Line2D([], [], ls="", marker="s", color=tuple(colour / 255)) for colour in colour_table(len(classes))]
    listed = [(handle, word) for handle, word in zip(handles, classes, strict=True) if word != CEILING]
    figure.legend(*zip(*listed, strict=True), loc="outside lower center", ncols=7, fontsize=8, frameon=False)
    with whole(path) as part:
        figure.savefig(part, format="png")
    return path


def _room(axis: "Axes", room: Room, labels: NDArray[np.int64]) -> None:
    some = slice(None, None, -(-len(room.points) // MOST_POINTS) or 1)
    at, colours = seen(room.points[some]), colour_table(len(room.classes))[labels[some]] / 255
    order = np.argsort(at[:, 2])
    axis.scatter(at[order, 0], at[order, 1], c=colours[order], s=1.0, lw=0)
    axis.set_aspect("equal")
    axis.set_xticks([])
    axis.set_yticks([])


def kept_by_arm(arms: Sequence[str], runs: Mapping[str, Sequence[Entry]]) -> dict[str, dict[str, Room]]:
    """Arm -> rooms of its first seed that kept any, arms in order; those without are left out."""
    found = {arm: next((some for some in map(kept_rooms, runs.get(arm, ())) if some), {}) for arm in arms}
    return {arm: some for arm, some in found.items() if some}
