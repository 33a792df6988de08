"""What stands in front of a sensor: bodies with materials, and the ray scene made of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s2r_bench.geometry.render import RayScene
from s2r_bench.types import FloatArray, Mesh


@dataclass(frozen=True)
class Material:
    """How a surface returns infrared light.

    Attributes:
        albedo: share of the light that is scattered evenly, 0-1.
        shininess: share of the albedo that is mirrored into a narrow lobe instead, 0-1: such a surface returns little
            light at an angle, and too much where the lobe meets the camera.
    """

    albedo: float
    shininess: float = 0.0


@dataclass(frozen=True, eq=False)
class Body:
    """A mesh of one material. Bodies of one object share an `instance`."""

    mesh: Mesh
    material: Material
    instance: int


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything in a room or on a stage, world frame: y up, floor at y = 0, metres.

    Attributes:
        id: the scene id of its frames.
        bodies: floor and walls have instance 0.
        names: what each instance is; index 0 is "room", then the ids of the CAD models, the target first.
        focus: (3,) what the cameras look at: the middle of the target.
        extent: diagonal of the target's box, metres.
    """

    id: str
    bodies: tuple[Body, ...]
    names: tuple[str, ...]
    focus: FloatArray
    extent: float


class Stage:
    """A scene ready for rays: the tree, and the materials as arrays over its meshes."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.rays = RayScene([body.mesh for body in scene.bodies])
        self.albedo: NDArray[np.float32] = np.array([body.material.albedo for body in scene.bodies], np.float32)
        self.shininess: NDArray[np.float32] = np.array([body.material.shininess for body in scene.bodies], np.float32)
        self.instance: NDArray[np.int32] = np.array([body.instance for body in scene.bodies], np.int32)
