"""Pictures: an arm's views and clouds, all arms side by side, and figures by range."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.files import whole
from s2r_reports.bins import CAPTURED, leading
from s2r_reports.plots import marks
from s2r_reports.views import Clouds, Map, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

HOLE, OUTSIDE = "#1b1b1b", "#9aa3ad"
DPI = 90
TURN_DEG = (20, 20)


def arm_picture(title: str, views: Sequence[View], clouds: Clouds | None, path: Path) -> Path:
    """Write one arm's picture: a row a view (clean, captured, simulated, both residuals), then the fused clouds."""
    figure = _figure(5, len(views) + 1.4 * (clouds is not None), views)
    figure.suptitle(title, fontsize=11)
    if clouds is None:
        _view_rows(figure, views)
        return _write(figure, path)
    parts: Any = figure.subfigures(2, 1, height_ratios=[len(views), 1.4])
    top, bottom = parts
    _view_rows(top, views)
    sides = (("clean", clouds.clean), ("captured", clouds.captured), ("simulated", clouds.simulated))
    for column, (name, points) in enumerate(sides):
        axis = bottom.add_subplot(1, 3, column + 1)
        _cloud(axis, points, clouds)
        axis.set_title(f"fused {name}", fontsize=9)
    return _write(figure, path)


def _view_rows(figure: "FigureBase", views: Sequence[View]) -> None:
    limit = residual_limit(views)
    names = ("clean", "captured", "simulated", "captured - clean", "simulated - clean")
    for row, view in enumerate(views):
        axes = [figure.add_subplot(len(views), 5, 5 * row + column + 1) for column in range(5)]
        for axis, name in zip(axes, names, strict=True):
            axis.set_title(name if row == 0 else "", fontsize=9)
        span = _span(view)
        for axis, side in zip(axes[:3], (view.clean, view.captured, view.simulated), strict=True):
            drawn = _depth(axis, view, side, span)
        _colourbar(figure, drawn, axes[2:3], "m")
        for axis, side in zip(axes[3:], (view.captured, view.simulated), strict=True):
            drawn = _residual(axis, view, side, limit)
        _colourbar(figure, drawn, axes[4:], "mm")
        axes[0].set_ylabel(view.id, fontsize=7)


def overview(title: str, views: Mapping[str, View], clouds: Mapping[str, Clouds], path: Path) -> Path:
    """Write all arms side by side on one view: depth, residual, fused cloud; the capture in the first column."""
    arms = list(views)
    first = views[arms[0]]
    columns = len(arms) + 1
    figure = _figure(columns, 3 if clouds else 2, [first])
    figure.suptitle(title, fontsize=11)
    span, limit = _span(first), residual_limit([first])
    rows = 3 if clouds else 2
    sides = [("captured", first, first.captured), *((arm, views[arm], views[arm].simulated) for arm in arms)]
    for column, (name, view, side) in enumerate(sides):
        top = figure.add_subplot(rows, columns, column + 1)
        depth = _depth(top, view, side, span)
        top.set_title(name, fontsize=9)
        below = figure.add_subplot(rows, columns, columns + column + 1)
        residual = _residual(below, view, side, limit)
        if column == 0:
            top.set_ylabel("depth", fontsize=8)
            below.set_ylabel("depth - clean", fontsize=8)
        if column == columns - 1:
            _colourbar(figure, depth, [top], "m")
            _colourbar(figure, residual, [below], "mm")
    for column, (name, _, _) in enumerate(sides):
        cloud = next(iter(clouds.values()), None) if name == "captured" else clouds.get(name)
        if cloud is not None:
            axis = figure.add_subplot(rows, columns, 2 * columns + column + 1)
            _cloud(axis, cloud.captured if name == "captured" else cloud.simulated, cloud)
    return _write(figure, path)


def curves(
    title: str, panels: Mapping[str, Mapping[str, Mapping[str, float]]], path: Path, palette: Mapping[str, str]
) -> Path:
    """Write line plots: panel title -> line name -> bin -> shown value.

    Lines have the colours of the other charts (`palette`); one named "captured" is drawn in ink, dashed.
    """
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.1 * rows), dpi=DPI, layout="constrained")
    figure.suptitle(title, fontsize=11)
    ink = rcParams["text.color"]
    signs = marks(list(dict.fromkeys(name for lines in panels.values() for name in lines if name != CAPTURED)))
    handles: dict[str, Any] = {}
    for place, (panel, lines) in enumerate(panels.items()):
        axis = figure.add_subplot(rows, columns, place + 1)
        bins = sorted({name for line in lines.values() for name in line}, key=leading)
        for name, line in lines.items():
            style: dict[str, Any] = {"color": palette.get(name, ink), "marker": signs.get(name, "")}
            if name == CAPTURED:
                style |= {"color": ink, "linestyle": "--", "zorder": 5}
            places = [bins.index(label) for label in bins if label in line]
            (handles[name],) = axis.plot(places, [line[bins[at]] for at in places], markersize=4, lw=1.4, **style)
        axis.set_title(panel, fontsize=9)
        ticks, unit = _without_unit(bins)
        axis.set_xticks(range(len(bins)), ticks, fontsize=8)
        axis.set_xlabel(unit, fontsize=8)
        axis.tick_params(axis="y", labelsize=8)
        axis.grid()
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=8, fontsize=8, frameon=False)
    return _write(figure, path)


def _without_unit(bins: Sequence[str]) -> tuple[list[str], str]:
    """Names of bins without the unit that all of them end with, and the unit.

    >>> _without_unit(["0.5-1.0 m", "1.0-1.5 m"]), _without_unit(["a", "b c"])
    ((['0.5-1.0', '1.0-1.5'], 'm'), (['a', 'b c'], ''))
    """
    units = {name.rpartition(" ")[2] if " " in name else "" for name in bins}
    unit = units.pop() if len(units) == 1 else ""
    return [name.removesuffix(f" {unit}") for name in bins], unit


def residual_limit(views: Sequence[View]) -> float:
    """Half width of the residual scale in metres: what 98 % of the captured residuals of these views lie within."""
    every = np.concatenate([view.residual(view.captured).ravel() for view in views])
    known = np.abs(every[np.isfinite(every)])
    return float(max(np.quantile(known, 0.98), 0.005)) if len(known) else 0.05


def _figure(columns: int, rows: float, views: Sequence[View]) -> "Figure":
    from matplotlib.figure import Figure

    height, width = views[0].clean.shape if views else (3, 4)
    return Figure(figsize=(2.5 * columns + 0.8, 2.5 * height / width * rows + 0.7), dpi=DPI, layout="constrained")


def _span(view: View) -> tuple[float, float]:
    known = view.clean[view.clean > 0]
    return (float(np.quantile(known, 0.01)), float(np.quantile(known, 0.99))) if len(known) else (0.0, 1.0)


def _depth(axis: "Axes", view: View, side: Map, span: tuple[float, float]) -> Any:
    return _image(axis, view, np.where(side > 0, side, np.float32(np.nan)), "viridis", span)


def _residual(axis: "Axes", view: View, side: Map, limit: float) -> Any:
    return _image(axis, view, view.residual(side) * 1000, "RdBu_r", (-limit * 1000, limit * 1000))


def _image(axis: "Axes", view: View, values: Map, colours: str, span: tuple[float, float]) -> Any:
    """Holes dark, pixels without clean depth grey."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgba

    palette = colormaps[colours].with_extremes(bad=HOLE)
    drawn = axis.imshow(np.ma.masked_invalid(values), cmap=palette, vmin=span[0], vmax=span[1], interpolation="nearest")
    veil = np.zeros((*values.shape, 4))
    veil[view.clean <= 0] = to_rgba(OUTSIDE)
    axis.imshow(veil, interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    return drawn


def _cloud(axis: "Axes", points: Map, clouds: Clouds) -> None:
    """The cloud as seen from behind and above the kept camera, near points over far ones, coloured by distance."""
    seen = _turned(points, clouds)
    reference = _turned(clouds.clean, clouds)
    low, high = np.quantile(reference, 0.005, axis=0), np.quantile(reference, 0.995, axis=0)
    margin = 0.05 * (high - low).max()
    order = np.argsort(-seen[:, 2])
    axis.scatter(
        seen[order, 0], -seen[order, 1], c=seen[order, 2], s=1.2, cmap="viridis_r", vmin=low[2], vmax=high[2], lw=0
    )
    axis.set_xlim(low[0] - margin, high[0] + margin)
    axis.set_ylim(-high[1] - margin, -low[1] + margin)
    axis.set_aspect("equal")
    axis.set_xticks([])
    axis.set_yticks([])


def _turned(points: Map, clouds: Clouds) -> NDArray[np.float64]:
    """Points in the kept camera's frame, turned by TURN_DEG about its vertical and its horizontal axis."""
    cam_from_world = np.linalg.inv(clouds.world_from_cam)
    middle = np.median(clouds.clean, axis=0)
    local = (points - middle) @ cam_from_world[:3, :3].T
    yaw, pitch = np.radians(TURN_DEG[0]), np.radians(TURN_DEG[1])
    turn_yaw = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turn_pitch = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    return np.asarray(local @ turn_yaw.T @ turn_pitch.T)


def _colourbar(figure: "FigureBase", drawn: Any, axes: Sequence["Axes"], unit: str) -> None:
    bar = figure.colorbar(drawn, ax=list(axes), shrink=0.85, pad=0.01)
    bar.ax.tick_params(labelsize=6)
    bar.set_label(unit, fontsize=7)


def _write(figure: "Figure", path: Path) -> Path:
    with whole(path) as part:
        figure.savefig(part, format="png")
    return path
