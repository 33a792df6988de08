"""What the pages take for granted: a recording, CAD models, pairs. Small, and where the pages say that they are."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from s2r_bench.geometry.camera import look_at
from s2r_bench.geometry.render import RayScene
from s2r_bench.staging import box_mesh
from s2r_bench.types import FloatArray, Mesh
from s2r_bench.worlds.pair_folder import write_depth

SIZE = (90, 120)
K = np.array([[110.0, 0, 59.5], [0, 110.0, 44.5], [0, 0, 1]])
FRAMES = 40
SCALE = 0.35


def _corner() -> RayScene:
    """Two walls, a floor and four blocks, as small as a desk: surfaces are fused at 6 mm, and area costs time."""
    boxes = [((-2.5, -0.1, -2.5), (2.5, 0, 2.5)), ((-2.5, 0, -2.6), (2.5, 2.5, -2.5))]
    boxes += [((-2.6, 0, -2.5), (-2.5, 2.5, 2.5)), ((-1.2, 0, -1.5), (-0.4, 0.7, -0.9))]
    boxes += [((0.2, 0, -2.0), (0.7, 1.4, -1.5)), ((-0.1, 0, -0.7), (0.3, 0.45, -0.3))]
    boxes += [((1.1, 0.4, -1.6), (1.9, 0.8, -0.8))]
    return RayScene([box_mesh(SCALE * np.array(low), SCALE * np.array(high)) for low, high in boxes])


def _walk() -> list[tuple[FloatArray, np.ndarray, np.ndarray]]:
    """Pose, clean and captured depth of each frame; the captures have noise that grows with range, and holes."""
    scene, rng, found = _corner(), np.random.default_rng(0), []
    for t in np.linspace(0, 1, FRAMES):
        angle = -0.6 + 1.2 * t
        eye = SCALE * np.array([2.0 * np.sin(angle), 1.2 + 0.2 * np.sin(7 * t), 1.6 * np.cos(angle)])
        pose = look_at(tuple(eye), tuple(SCALE * np.array([0.5 * np.sin(5 * t), 0.5, -1.2])))
        clean = scene.depth(K, pose, SIZE)
        captured = clean + rng.normal(size=SIZE) * 0.003 * clean**2
        captured[(rng.random(SIZE) < 0.02) | (clean == 0)] = 0
        found.append((pose, clean, np.clip(captured, 0, None).astype(np.float32)))
    return found


def recording(folder: Path) -> None:
    """`recording/` as 7-Scenes has it, and `camera.json`."""
    for number, (pose, _, captured) in enumerate(_walk()):
        name = folder / "recording" / "seq-01" / f"frame-{number:06d}"
        name.parent.mkdir(parents=True, exist_ok=True)
        write_depth(name.with_name(f"{name.name}.depth.png"), captured)
        name.with_name(f"{name.name}.pose.txt").write_text("\n".join(" ".join(map(str, row)) for row in pose))
    camera = {"K": K.tolist(), "width": SIZE[1], "height": SIZE[0]}
    (folder / "camera.json").write_text(json.dumps(camera))


def pairs(folder: Path, name: str) -> None:
    """A pair folder."""
    frames = _walk()
    for part in ("clean", "captured"):
        (folder / name / part).mkdir(parents=True)
    for number, (_, clean, captured) in enumerate(frames):
        write_depth(folder / name / "clean" / f"{number:04d}.png", clean)
        write_depth(folder / name / "captured" / f"{number:04d}.png", captured)
    cameras = {
        "K": K.tolist(),
        "width": SIZE[1],
        "height": SIZE[0],
        "sensor": "toy",
        "cam_to_world": {f"{number:04d}": pose.tolist() for number, (pose, *_) in enumerate(frames)},
    }
    (folder / name / "cameras.json").write_text(json.dumps(cameras))


def models(folder: Path) -> None:
    """Three CAD models in `models/CATEGORY/`."""
    for name, sides in {
        "cabinet/tall": (0.8, 1.6, 0.5),
        "cabinet/low": (1.2, 0.6, 0.5),
        "table/block": (1.0, 0.7, 0.7),
    }.items():
        half = np.array(sides) / 2
        mesh = box_mesh(np.array([-half[0], 0, -half[2]]), np.array([half[0], sides[1], half[2]]))
        path = folder / "models" / f"{name}.obj"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_obj(mesh))


def _obj(mesh: Mesh) -> str:
    lines = [f"v {x} {y} {z}" for x, y, z in mesh.vertices] + [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in mesh.faces]
    return "\n".join(lines) + "\n"


def _own_camera(folder: Path) -> None:
    recording(folder)
    models(folder)


def _sensor(folder: Path) -> None:
    recording(folder)
    pairs(folder, "rendered")


def _cluster(folder: Path) -> None:
    pairs(folder, "my-camera")
    models(folder)


STAGES: dict[str, Callable[[Path], None]] = {
    "docs/tutorials/own-camera.md": _own_camera,
    "docs/howto/sensor.md": _sensor,
    "docs/howto/cluster.md": _cluster,
    "docs/scans.md": models,
}
