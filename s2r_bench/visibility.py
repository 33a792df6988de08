"""Which views of a path show an object: what hides it, what the image cuts off, what is too far away.

The rules that LASA's authors used to pick views of an object, for rendered views, where it is known what hides what.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np

from s2r_bench.errors import DataError
from s2r_bench.geometry.render import RayScene
from s2r_bench.types import BoolArray, DepthArray, FloatArray

SEEN_WITHIN_M = 0.02  # of the depth map a point lies, to be seen in it; more where depth runs along the view
Paths = Callable[[int], Sequence[FloatArray]]
"""The poses (4, 4) of attempt 0, 1, ...: other cameras each time."""


@dataclass(frozen=True)
class ViewRule:
    """When a view counts, and when there are views enough.

    Attributes:
        share: of the object, as the camera would see it alone in a picture twice as wide and high, must be visible.
        pixels: of the object in the image, at least.
        fewest: share of the views asked for that must count.
        attempts: paths that are tried before the object is refused.
    """

    share: float = 0.3
    pixels: int = 100
    fewest: float = 0.5
    attempts: int = 6


@dataclass(frozen=True, eq=False)
class View:
    """One view of an object among other things.

    Attributes:
        pose: (4, 4) camera to the frame of the scene.
        depth: (H, W) float32 metres of everything.
        own: (H, W) bool: where the object is what is seen.
        share: of the object, between 0 and 1; see `ViewRule`.
    """

    pose: FloatArray
    depth: DepthArray
    own: BoolArray
    share: float


class Looker:
    """Looks at one object in a scene, always with the same camera."""

    def __init__(self, rays: RayScene, own: BoolArray, K: FloatArray, size: tuple[int, int]) -> None:
        """Set up.

        Args:
            rays: everything.
            own: (M,) bool, which of its meshes are the object's.
            K: (3, 3) intrinsics in pixels.
            size: (height, width).
        """
        self.rays, self.own, self.K, self.size = rays, own, K, size
        self._wide = wide_camera(K, size)

    def view(self, pose: FloatArray, share: bool = True) -> View:
        """What the camera sees from `pose`; without `share` it is not measured, and 1."""
        seen = self.rays.render(self.K, pose, self.size)
        own = self.own[seen.instance] & (seen.instance >= 0)
        if not share:
            return View(pose, seen.depth, own, 1.0)
        whole = 4 * int((self._alone.depth(self._wide, pose, self.size) > 0).sum())  # its pixels are twice as wide
        return View(pose, seen.depth, own, min(1.0, int(own.sum()) / whole) if whole else 0.0)

    @cached_property
    def _alone(self) -> RayScene:
        return RayScene([mesh for mesh, own in zip(self.rays.meshes, self.own, strict=True) if own])

    def pick(self, paths: Paths, views: int, rule: ViewRule, name: str) -> tuple[list[View], int]:
        """The views that count, from the first path on which all `views` do, else from the one with the most.

        A path may have more poses than `views`: then evenly spaced ones of those that count are taken.

        Args:
            paths: the camera paths.
            views: how many are wanted.
            rule: which count.
            name: of the object, how an error about it begins.

        Returns:
            The views, in order, and how many paths were tried.

        Raises:
            DataError: on no path enough views count.
        """
        best: list[View] = []
        tried, highest, most = 0, 0.0, 0
        for attempt in range(rule.attempts):
            tried = attempt + 1
            seen = [self.view(pose) for pose in paths(attempt)]
            highest = max([highest, *(view.share for view in seen)])
            most = max([most, *(int(view.own.sum()) for view in seen)])
            good = [view for view in seen if view.share >= rule.share and int(view.own.sum()) >= rule.pixels]
            best = max(best, good, key=len)
            if len(best) >= views:
                break
        if len(best) < ceil(rule.fewest * views):
            raise DataError(
                f"{name} hidden or too small: on the best of {tried} camera paths {len(best)} views count, "
                f"{ceil(rule.fewest * views)} are needed; a view counts that shows {rule.share:.0%} of the object and "
                f"{rule.pixels} pixels of it (at most {highest:.0%} and {most} pixels were seen)"
            )
        return spread(best, views), tried


def spread(views: Sequence[View], count: int) -> list[View]:
    """At most `count` of the views, evenly spaced."""
    if len(views) <= count:
        return list(views)
    return [views[index] for index in np.linspace(0, len(views) - 1, count).round().astype(int)]


def wide_camera(K: FloatArray, size: tuple[int, int]) -> FloatArray:
    """(3, 3) of a camera of as many pixels that sees twice as wide and high around the same middle."""
    middle = (np.array([size[1], size[0]]) - 1) / 2
    wide = K.copy()
    wide[:2, :2] /= 2
    wide[:2, 2] = (K[:2, 2] - middle) / 2 + middle
    return wide


def surface_seen(points: FloatArray, views: Sequence[View], K: FloatArray) -> float:
    """Share of the points (N, 3) on the object's surface, frame of the scene, that at least one view shows."""
    seen = np.zeros(len(points), dtype=np.bool_)
    for view in views:
        camera = (points - view.pose[:3, 3]) @ view.pose[:3, :3]
        ahead = np.flatnonzero((camera[:, 2] > 1e-6) & ~seen)
        pixel = camera[ahead] @ K.T
        column, row = np.rint(pixel[:, :2] / pixel[:, 2:]).T
        inside = (column >= 0) & (row >= 0) & (column < view.depth.shape[1]) & (row < view.depth.shape[0])
        ahead, column, row = ahead[inside], column[inside].astype(int), row[inside].astype(int)
        near = np.abs(view.depth[row, column] - camera[ahead, 2]) <= SEEN_WITHIN_M
        seen[ahead[near & view.own[row, column]]] = True
    return float(seen.mean())
