"""BOP and ARKitScenes in their published layouts, made on the spot."""

import json
from pathlib import Path

import numpy as np
from lasa_tree import SIZE, ZUP_FROM_YUP, K, box, write_png

from s2r_bench.geometry.camera import look_at
from s2r_bench.geometry.render import RayScene
from s2r_bench.types import Mesh

SMALL_K = np.array([[150.0, 0, 59.5], [0, 150.0, 44.5], [0, 0, 1]])
SMALL = (90, 120)
MODELS = {1: box((-0.1, -0.1, -0.1), (0.1, 0.1, 0.1)), 5: box((-0.05, 0.0, -0.08), (0.05, 0.3, 0.08))}
PLACES = {1: np.array([0.15, 0.1, 0.0]), 5: np.array([-0.15, 0.0, 0.05])}
TABLE = box((-1, -0.05, -1), (1, 0.0, 1))


def write_ply(path: Path, mesh: Mesh, scale: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f"ply\nformat ascii 1.0\nelement vertex {len(mesh.vertices)}\n"
    head += "property float x\nproperty float y\nproperty float z\n"
    head += f"element face {len(mesh.faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    rows = [" ".join(f"{scale * x:.6f}" for x in vertex) for vertex in mesh.vertices]
    rows += [f"3 {a} {b} {c}" for a, b, c in mesh.faces]
    path.write_text(head + "\n".join(rows) + "\n")


def write_bop(root: Path, *, poses: bool, scale: float = 0.1) -> Path:
    """Scenes of two parts, and one of rendered images; `poses`: whether cameras have any of their own."""
    for number, mesh in MODELS.items():
        write_ply(root / "models" / f"obj_{number:06d}.ply", mesh, 1000)
    room = RayScene(
        [*(MODELS[k].moved(np.block([[np.eye(3), PLACES[k][:, None]], [0, 0, 0, 1]])) for k in MODELS), TABLE]
    )
    for part, names in {"train_real": ("000000", "000003"), "test": ("000048",), "train_pbr": ("000000",)}.items():
        for scene in names:
            folder, rng = root / part / scene, np.random.default_rng(int(scene))
            cameras, truth = {}, {}
            for k in range(4):
                angle = 0.3 * k + int(scene) * 0.01
                pose = look_at((0.9 * np.sin(angle), 0.6, 0.9 * np.cos(angle)), (0, 0.1, 0))
                seen = room.depth(SMALL_K, pose, SMALL)
                noisy = np.where(seen > 0, seen + rng.normal(0, 0.002, SMALL), 0)
                (folder / "depth").mkdir(parents=True, exist_ok=True)
                write_png(folder / "depth" / f"{k:06d}.png", noisy / scale)  # writes thousandths
                w2c = np.linalg.inv(pose)
                cameras[str(k)] = {"cam_K": SMALL_K.reshape(-1).tolist(), "depth_scale": scale}
                if poses:
                    cameras[str(k)] |= {
                        "cam_R_w2c": w2c[:3, :3].ravel().tolist(),
                        "cam_t_w2c": (1000 * w2c[:3, 3]).tolist(),
                    }
                truth[str(k)] = [
                    {
                        "obj_id": number,
                        "cam_R_m2c": w2c[:3, :3].ravel().tolist(),
                        "cam_t_m2c": (1000 * (w2c[:3, :3] @ PLACES[number] + w2c[:3, 3])).tolist(),
                    }
                    for number in MODELS
                ]
            (folder / "scene_camera.json").write_text(json.dumps(cameras))
            (folder / "scene_gt.json").write_text(json.dumps(truth))
    return root


VIDEOS = {"Training": ("40753679", "41418162"), "Validation": ("42444499",)}
ROOM = [box((-3, -3, -0.1), (3, 3, 0)), box((0.2, 0.1, 0), (1.0, 0.9, 0.8)), box((-1, 0.4, 0), (-0.4, 1, 1.2))]


def rotation_vector(turn: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(turn).as_rotvec()


def write_arkitscenes(root: Path) -> Path:
    rays = RayScene(ROOM)
    corners = np.cumsum([0, *(len(mesh.vertices) for mesh in ROOM)])
    faces = np.concatenate([mesh.faces + at for mesh, at in zip(ROOM, corners, strict=False)])
    whole = Mesh(np.concatenate([mesh.vertices for mesh in ROOM]), faces)
    for part, ids in VIDEOS.items():
        for video in ids:
            folder = root / "3dod" / part / video
            frames = folder / f"{video}_frames"
            for name in ("lowres_depth", "lowres_wide_intrinsics"):
                (frames / name).mkdir(parents=True)
            write_ply(folder / f"{video}_3dod_mesh.ply", whole)
            rows = []
            for k in range(21):
                time = 100.0 + 0.1 * k
                pose = ZUP_FROM_YUP @ look_at((2.2 * np.sin(0.05 * k), 1.5, 2.2 * np.cos(0.05 * k)), (0, 0.5, 0))
                depth = rays.depth(K, pose, SIZE)
                write_png(frames / "lowres_depth" / f"{video}_{time:.3f}.png", np.where(depth > 0, depth + 0.004, 0))
                shifted = time + 0.001 * (k % 3 - 1)  # .pincam files may be a millisecond off
                text = " ".join(f"{x}" for x in (256, 192, K[0, 0], K[1, 1], K[0, 2], K[1, 2]))
                (frames / "lowres_wide_intrinsics" / f"{video}_{shifted:.3f}.pincam").write_text(text)
                inverse = np.linalg.inv(pose)
                numbers = (time + 0.002, *rotation_vector(inverse[:3, :3]), *inverse[:3, 3])
                rows.append(" ".join(f"{x:.9f}" for x in numbers))
            (frames / "lowres_wide.traj").write_text("\n".join(rows) + "\n")
    return root
