"""The shapes to be learned and scored: surface points and labelled points in the object frame, kept by mesh."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2r_bench import shots
from s2r_bench.errors import DataError
from s2r_bench.geometry.crop import ObjectFrame
from s2r_bench.geometry.labels import LabelledPoints, labelled_points
from s2r_bench.geometry.surface import sample_surface
from s2r_bench.seeds import seed_of
from s2r_bench.types import CATEGORIES, CadModel, FloatArray, Mesh
from s2r_tasks._recon.clouds import Cloud


@dataclass(frozen=True, eq=False)
class Shape:
    """One CAD in its object frame.

    Attributes:
        id, category: of the model.
        surface: (N, 3) float32.
        points: labelled points.
        half_sides: (3,) of its box; the longest is 1.
    """

    id: str
    category: str
    surface: NDArray[np.float32]
    points: LabelledPoints
    half_sides: FloatArray

    @property
    def number(self) -> int:
        """The category's place."""
        return CATEGORIES.index(self.category)


def shape_of(model: CadModel, surface: int, volume: int, near: int, near_std: float, folder: Path | None) -> Shape:
    """The shape of a model; its labels come from `folder` where they are there."""
    frame = ObjectFrame.from_mesh(model.mesh)
    mesh = Mesh(frame.to_object(model.mesh.vertices), model.mesh.faces)
    try:
        labels = labelled_points(mesh, volume=volume, near=near, near_std=near_std, seed=0, folder=folder)
        points = sample_surface(mesh, surface, seed_of("recon surface", model.id)).astype(np.float32)
    except (DataError, ValueError) as wrong:
        raise DataError(f"{model.id}: {wrong}") from wrong
    return Shape(model.id, model.category, points, labels, (mesh.bounds[1] - mesh.bounds[0]) / 2)


def label(model: CadModel, surface: int, volume: int, near: int, near_std: float, folder: Path) -> None:
    """Leave a model's labels in `folder`: what takes long of `shape_of`, without sending the shape back."""
    shape_of(model, surface, volume, near, near_std, folder)


def half_simulated(models: Sequence[CadModel], share: float) -> set[str]:
    """Ids of the models whose clouds are simulated: a fixed share of each category, by the hash of the id."""
    chosen: set[str] = set()
    for category in sorted({model.category for model in models}):
        ids = sorted((m.id for m in models if m.category == category), key=lambda name: seed_of("simulated", name))
        chosen |= set(ids[: round(share * len(ids))])
    return chosen


def mixed(clean: Mapping[str, Cloud], made: Mapping[str, Cloud], simulated: Collection[str]) -> dict[str, Cloud]:
    """Clouds by id: an arm's for the simulated objects, clean ones for the others."""
    return {**{name: cloud for name, cloud in clean.items() if name not in simulated}, **made}


def shots_of(models: Sequence[CadModel], text: str, seed: int) -> list[CadModel]:
    """The captured objects to learn from, drawn for each category; a share is at least one object unless it is 0."""
    wanted = shots.parse(text)
    total = Counter(model.category for model in models)
    if isinstance(wanted, shots.PerClass):
        return few(models, {name: min(wanted.value, count) for name, count in total.items()}, seed)
    least = int(wanted.value > 0)
    return few(models, {name: max(round(wanted.value * count), least) for name, count in total.items()}, seed)


def few(models: Sequence[CadModel], count_of: Mapping[str, int], seed: int) -> list[CadModel]:
    """The first so many of each category in an order drawn by `seed`: a smaller draw is part of a larger one."""
    kept: set[str] = set()
    for category, count in count_of.items():
        ids = sorted((m.id for m in models if m.category == category), key=lambda name: seed_of(seed, "shots", name))
        kept |= set(ids[:count])
    return [model for model in models if model.id in kept]
