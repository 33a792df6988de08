"""Puts furniture together from convex parts."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from s2r_bench.types import CadModel, FloatArray, Mesh
from s2r_bench.worlds.mini.furniture.parts import joined, loft, polygon, rounded_rectangle

Span = tuple[float, float]
Kind = Literal["frame", "panel", "soft"]
KINDS: tuple[Kind, ...] = ("frame", "panel", "soft")


@dataclass(frozen=True, eq=False)
class FurnitureModel:
    """A piece of furniture: its mesh, and the convex parts whose union it is.

    Attributes:
        model: the CAD model; its mesh is all parts one after another.
        parts: closed convex meshes, outward faces, object frame.
        kinds: what each part is made of: "frame", "panel" or "soft" (parts of a kind share a material).
    """

    model: CadModel
    parts: tuple[Mesh, ...]
    kinds: tuple[Kind, ...]

    def of_kind(self, kind: Kind) -> Mesh | None:
        """The parts of one kind as a mesh; None if there are none."""
        chosen = [part for part, made_of in zip(self.parts, self.kinds, strict=True) if made_of == kind]
        return joined(chosen) if chosen else None


class Assembly:
    """Collects parts. x is left-right, y up, z front; spans are (low, high) in metres."""

    def __init__(self) -> None:
        self.parts: list[Mesh] = []
        self.kinds: list[Kind] = []

    def add(self, part: Mesh, kind: Kind) -> None:
        """Add a closed convex part."""
        self.parts.append(part)
        self.kinds.append(kind)

    def block(self, x: Span, y: Span, z: Span, kind: Kind = "frame") -> None:
        """A box."""
        self.slab(x, y, z, 0.0, kind)

    def slab(self, x: Span, y: Span, z: Span, corner: float, kind: Kind = "panel") -> None:
        """A board whose plan has rounded corners of radius `corner`."""
        width, depth = x[1] - x[0], z[1] - z[0]
        plan = rounded_rectangle(width, depth, corner) if corner > 0.002 else polygon(4, width, depth)
        self._stack([plan, plan], [y[0], y[1]], ((x[0] + x[1]) / 2, (z[0] + z[1]) / 2), kind)

    def cushion(self, x: Span, y: Span, z: Span, radius: float, kind: Kind = "soft") -> None:
        """A box with all edges rounded by `radius` (upholstery, mattresses)."""
        width, height, depth = x[1] - x[0], y[1] - y[0], z[1] - z[0]
        radius = min(radius, 0.45 * height, 0.4 * width, 0.4 * depth)
        plans, levels = [], []
        tops = [(y[0] + radius, -1.0), (y[1] - radius, 1.0)]
        for level, sign in tops:
            for lift in np.radians([75, 50, 25, 0])[:: -int(sign)]:
                inset = radius * (1 - np.cos(lift))
                plans.append(rounded_rectangle(width - 2 * inset, depth - 2 * inset, radius - inset))
                levels.append(level + sign * radius * np.sin(lift))
        self._stack(plans, levels, ((x[0] + x[1]) / 2, (z[0] + z[1]) / 2), kind)

    def bar(
        self,
        start: tuple[float, float, float],
        end: tuple[float, float, float],
        width: float,
        depth: float | None = None,
        *,
        taper: float = 1.0,
        sides: int = 4,
        kind: Kind = "frame",
    ) -> None:
        """A straight bar between two points, its ends square to the axis along which it runs most.

        Args:
            start: centre of the first end.
            end: centre of the second end.
            width: size of the section along the first of the other two axes.
            depth: along the second; `width` if not given.
            taper: size of the second end over the first.
            sides: 4 for a rectangular section, more for a round one.
            kind: what it is made of.
        """
        ends = np.array([start, end], dtype=np.float64)
        axis = int(np.argmax(np.abs(ends[1] - ends[0])))
        across = [i for i in range(3) if i != axis]
        section = polygon(sides, width, depth or width)
        rings = np.repeat(ends[:, None], len(section), axis=1)
        for ring, scale in zip(rings, (1.0, taper), strict=True):
            ring[:, across] += section * scale
        self.add(loft(rings), kind)

    def disc(
        self, centre: tuple[float, float], y: Span, radius: float, *, taper: float = 1.0, kind: Kind = "panel"
    ) -> None:
        """An upright cylinder, or a cone frustum with `taper`, at (x, z) = `centre`."""
        plan = polygon(24, 2 * radius, 2 * radius)
        self._stack([plan, plan * taper], [y[0], y[1]], centre, kind)

    def lean(self, first: int, y: float, z: float, degrees: float) -> None:
        """Turn all parts from number `first` on about the x axis through (y, z); positive leans backwards."""
        angle = -np.radians(degrees)
        turn = np.eye(4)
        turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        pivot = np.array([0.0, y, z])
        turn[:3, 3] = pivot - turn[:3, :3] @ pivot
        self.parts[first:] = [part.moved(turn) for part in self.parts[first:]]

    def swing(self, first: int, x: float, z: float, degrees: float) -> None:
        """Turn all parts from number `first` on about the upright axis through (x, z)."""
        angle = np.radians(degrees)
        turn = np.eye(4)
        turn[0, [0, 2]] = np.cos(angle), np.sin(angle)
        turn[2, [0, 2]] = -np.sin(angle), np.cos(angle)
        pivot = np.array([x, 0.0, z])
        turn[:3, 3] = pivot - turn[:3, :3] @ pivot
        self.parts[first:] = [part.moved(turn) for part in self.parts[first:]]

    def shift(self, first: int, x: float, z: float) -> None:
        """Move all parts from number `first` on along the floor."""
        moved = np.eye(4)
        moved[[0, 2], 3] = x, z
        self.parts[first:] = [part.moved(moved) for part in self.parts[first:]]

    def finished(self, category: str, seed: int) -> FurnitureModel:
        """Stand it on the floor, centred on the origin."""
        low, high = joined(self.parts).bounds
        shift = np.eye(4)
        shift[:3, 3] = -(low[0] + high[0]) / 2, -low[1], -(low[2] + high[2]) / 2
        parts = tuple(part.moved(shift) for part in self.parts)
        model = CadModel(f"{category}-{seed:06d}", category, joined(parts), "s2r-bench procedural", "Apache-2.0")
        return FurnitureModel(model, parts, tuple(self.kinds))

    def _stack(self, plans: list[FloatArray], levels: list[float], centre: tuple[float, float], kind: Kind) -> None:
        rings = [
            np.stack([plan[:, 0] + centre[0], np.full(len(plan), level), plan[:, 1] + centre[1]], axis=1)
            for plan, level in zip(plans, levels, strict=True)
        ]
        self.add(loft(np.stack(rings)), kind)
