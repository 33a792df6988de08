"""What completion is learned from: a partial cloud of one view, and the whole surface of its CAD, in one frame."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from s2r_bench.geometry.surface import sample_surface
from s2r_bench.seeds import rng_of, seed_of
from s2r_bench.types import CadModel, FloatArray
from s2r_tasks._disco.augment import drawn
from s2r_tasks._occo.pretraining.options import PretrainOptions
from s2r_tasks._occo.pretraining.views import Cloud, Views

RADIUS = 0.5  # of the sphere about the origin into which a cloud is scaled
Place = tuple[int, int]


class Pairs:
    """Items (partial, complete), a function of seeds alone: the same objects, views and turns for any arm's clouds.

    Args:
        models: the corpus.
        views: of every model.
        partial, complete: points of either cloud.
        options: frame, augmentation, the fewest points of a view.
    """

    def __init__(
        self, models: Sequence[CadModel], views: Views, partial: int, complete: int, options: PretrainOptions
    ) -> None:
        self.models, self.views, self.partial, self.complete, self.options = models, views, partial, complete, options
        places = [(i, view) for i in range(len(models)) for view in range(options.views)]
        self.left_out = {place for place in places if len(self._cloud(place)) < options.fewest}
        self.total = len(places)
        self._surfaces: dict[int, NDArray[np.float32]] = {}

    def __len__(self) -> int:
        return self.total - len(self.left_out)

    def item(self, *seed: object) -> tuple[Cloud, Cloud]:
        """(partial, 3) and (complete, 3). A view that is left out gives way to another, for it alone."""
        dice = rng_of(*seed)
        place = self._drawn(dice)
        while place in self.left_out:
            place = self._drawn(dice)
        model = self.models[place[0]]
        # of their own: how many numbers the clouds take must not move the objects
        seen = drawn(self._cloud(place), self.partial, rng_of(*seed, "partial")).astype(np.float64)
        frame = cloud_frame(seen) if self.options.frame == "partial" else cad_frame(model, self.options.centre)
        angle = rng_of(*seed, "turn").uniform(-self.options.turn_deg, self.options.turn_deg)
        move = turned(angle) * (RADIUS / frame[1])
        partial, complete = (seen - frame[0]) @ move.T, (self._surface(place[0]) - frame[0]) @ move.T
        if self.options.jitter:
            partial = partial + rng_of(*seed, "jitter").normal(0, self.options.jitter, partial.shape)
        return partial.astype(np.float32), complete.astype(np.float32)

    def _drawn(self, dice: np.random.Generator) -> Place:
        return int(dice.integers(len(self.models))), int(dice.integers(self.options.views))

    def _cloud(self, place: Place) -> Cloud:
        return self.views[self.models[place[0]].id][place[1]]

    def _surface(self, index: int) -> NDArray[np.float32]:
        """(complete, 3) metres, the same for all views and in all runs."""
        if index not in self._surfaces:
            model = self.models[index]
            points = sample_surface(model.mesh, self.complete, seed_of("occo surface", model.id))
            self._surfaces[index] = points.astype(np.float32)
        return self._surfaces[index]


def cad_frame(model: CadModel, centre: str) -> tuple[FloatArray, float]:
    """Origin (3,) and farthest vertex, metres, of a CAD's frame."""
    vertices = model.mesh.vertices
    origin = vertices.mean(0) if centre == "vertices" else model.mesh.bounds.mean(0)
    return origin, float(np.linalg.norm(vertices - origin, axis=1).max())


def cloud_frame(points: FloatArray) -> tuple[FloatArray, float]:
    """Mean (3,) and farthest point of a cloud; 1 where all points are one."""
    origin = points.mean(0)
    radius = float(np.linalg.norm(points - origin, axis=1).max())
    return origin, radius if radius > 0 else 1.0


def turned(degrees: float) -> FloatArray:
    """(3, 3) about the upright axis."""
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
