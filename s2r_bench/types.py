"""The values that travel between rooms.

Lengths are metres. Frames are named `a_from_b`. Cameras use OpenCV axes (x right, y down, z forward) and **pixel
centres at integer coordinates**: the ray through pixel (u, v) is ((u - cx) / fx, (v - cy) / fy, 1). Libraries that
put centres at i + 0.5 are converted where they are called (`s2r_bench.geometry`). World and object frames are y-up.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
DepthArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class DepthFrame:
    """One depth map and the camera that saw it.

    Attributes:
        depth: (H, W) float32, z-depth along the optical axis in metres; exactly 0 where there is no value.
        K: (3, 3) float64 pinhole intrinsics in pixels, pixel centres at integer coordinates.
        world_from_cam: (4, 4) float64 rigid pose of the camera, OpenCV axes.
        scene: the room or object scene; splits and the leakage guard go by it.
        sequence: one capture session of that scene (calibration and bias are shared within it).
        frame: the frame's name within its sequence.
    """

    depth: DepthArray
    K: FloatArray
    world_from_cam: FloatArray
    scene: str
    sequence: str
    frame: str

    def __post_init__(self) -> None:
        if self.depth.ndim != 2 or self.depth.dtype != np.float32:
            raise ValueError(f"{self.id}: depth must be (H, W) float32, not {self.depth.dtype} {self.depth.shape}")
        if self.K.shape != (3, 3) or self.world_from_cam.shape != (4, 4):
            raise ValueError(f"{self.id}: K must be (3, 3) and world_from_cam (4, 4)")
        if not np.isfinite(self.depth).all() or bool((self.depth < 0).any()):
            raise ValueError(f"{self.id}: depth holds NaN, infinite or negative values; a missing pixel is 0")

    @property
    def id(self) -> str:
        """`scene/sequence/frame`, unique within a data set."""
        return f"{self.scene}/{self.sequence}/{self.frame}"

    @property
    def valid(self) -> BoolArray:
        """(H, W) bool: where there is a value."""
        return self.depth > 0

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.depth.shape[0], self.depth.shape[1]

    def with_depth(self, depth: DepthArray) -> "DepthFrame":
        """The same camera with another depth map of the same size."""
        if depth.shape != self.depth.shape:
            raise ValueError(f"{self.id}: depth of {depth.shape} does not fit a frame of {self.depth.shape}")
        return replace(self, depth=np.ascontiguousarray(depth, dtype=np.float32))

    def strided(self, step: int) -> "DepthFrame":
        """Every `step`-th pixel of every `step`-th row, from pixel (0, 0): no value is mixed across an edge."""
        K = self.K.copy()
        K[:2] /= step
        return replace(self, depth=np.ascontiguousarray(self.depth[::step, ::step]), K=K)

    def cropped(self, top: int, left: int, height: int, width: int) -> "DepthFrame":
        """The window of `height` x `width` pixels whose first pixel is (`top`, `left`)."""
        if top < 0 or left < 0 or top + height > self.size[0] or left + width > self.size[1]:
            raise ValueError(f"{self.id}: window {top}, {left}, {height}, {width} leaves the frame {self.size}")
        K = self.K.copy()
        K[0, 2] -= left
        K[1, 2] -= top
        window = self.depth[top : top + height, left : left + width]
        return replace(self, depth=np.ascontiguousarray(window), K=K)


@dataclass(frozen=True, eq=False)
class DepthPair:
    """Clean depth S and captured depth R of one camera (paper section 3.1): same size, same K, same pose."""

    clean: DepthFrame
    captured: DepthFrame

    def __post_init__(self) -> None:
        if self.clean.size != self.captured.size:
            raise ValueError(
                f"{self.clean.id}: clean {self.clean.size} and captured {self.captured.size} differ in size"
            )
        if not np.array_equal(self.clean.K, self.captured.K):
            raise ValueError(f"{self.clean.id}: clean and captured have different intrinsics")

    @property
    def id(self) -> str:
        """The id of its frames."""
        return self.clean.id

    def strided(self, step: int) -> "DepthPair":
        """Both frames at every `step`-th pixel."""
        return DepthPair(self.clean.strided(step), self.captured.strided(step))

    def cropped(self, top: int, left: int, height: int, width: int) -> "DepthPair":
        """The same window of both frames."""
        return DepthPair(self.clean.cropped(top, left, height, width), self.captured.cropped(top, left, height, width))


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh. Object frame: y up, floor at y = 0, metres.

    Attributes:
        vertices: (N, 3) float64.
        faces: (M, 3) int64 indices into `vertices`, counter-clockwise seen from outside.
    """

    vertices: FloatArray
    faces: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.vertices.ndim != 2 or self.vertices.shape[1] != 3 or self.faces.ndim != 2 or self.faces.shape[1] != 3:
            raise ValueError(f"vertices must be (N, 3) and faces (M, 3), not {self.vertices.shape}, {self.faces.shape}")
        if not np.isfinite(self.vertices).all():
            raise ValueError("a vertex is NaN or infinite")

    def moved(self, world_from_object: FloatArray) -> "Mesh":
        """The mesh under a (4, 4) transform."""
        turned = self.vertices @ world_from_object[:3, :3].T + world_from_object[:3, 3]
        return Mesh(turned, self.faces)

    @property
    def bounds(self) -> FloatArray:
        """(2, 3): smallest and largest corner of the axis-aligned box."""
        return np.stack([self.vertices.min(0), self.vertices.max(0)])


CATEGORIES = ("chair", "sofa", "table", "cabinet", "bed", "shelf")


@dataclass(frozen=True, eq=False)
class CadModel:
    """A CAD object with what is known of it. `category` is one of CATEGORIES, or "other"."""

    id: str
    category: str
    mesh: Mesh
    source: str = ""
    licence: str = ""
