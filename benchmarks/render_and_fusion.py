"""Rendering, fusion and back-projection against the plainest use of the libraries below them.

Each figure is a ratio of two medians taken in the same process, the two sides by turns, so that the machine's speed and
load cancel. CPU seconds of all threads are compared, not wall time: other work on the machine then matters least.

    python benchmarks/render_and_fusion.py [--json] [--repeats N]
"""

import argparse
import json
import time
from dataclasses import asdict
from functools import partial

import numpy as np
from side_by_side import Ratio
from side_by_side import compare as compare_by

from s2r_bench.geometry.camera import intrinsics, look_at, pixel_rays, shifted_half_pixel
from s2r_bench.geometry.fuse import fuse_points, fuse_tsdf
from s2r_bench.geometry.points import back_project
from s2r_bench.geometry.render import RayScene
from s2r_bench.staging import box_mesh
from s2r_bench.types import DepthFrame, Mesh

SIZE, FOCAL, VIEWS = (480, 640), 585.0, 10

compare = partial(compare_by, clock=time.process_time)


def room(triangles: int = 100_000) -> list[Mesh]:
    """A floor, a wall and a dense wavy sheet of about so many triangles on a table's height."""
    side = int((triangles / 2) ** 0.5)
    u, v = np.meshgrid(np.linspace(-0.6, 0.6, side), np.linspace(-0.45, 0.45, side), indexing="ij")
    vertices = np.stack([u, 0.7 + 0.05 * np.sin(9 * u) * np.cos(11 * v), v], -1).reshape(-1, 3)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).reshape(-1, 1)
    faces = (corner + np.array([[[0, 1, side + 1]], [[0, side + 1, side]]])).reshape(-1, 3)
    floor = box_mesh(np.array([-3, -0.1, -3]), np.array([3, 0, 3]))
    wall = box_mesh(np.array([-3, 0, -1.1]), np.array([3, 2.6, -1.0]))
    return [Mesh(vertices, faces), floor, wall]


def rendering(scene: RayScene, repeats: int) -> list[Ratio]:
    import open3d as o3d

    K, pose = intrinsics(SIZE[1], SIZE[0], FOCAL), look_at((0.4, 1.5, 1.6), (0, 0.6, 0))
    bare = o3d.t.geometry.RaycastingScene()
    for mesh in scene.meshes:
        bare.add_triangles(
            o3d.core.Tensor(mesh.vertices.astype(np.float32)), o3d.core.Tensor(mesh.faces.astype(np.uint32))
        )
    directions = pixel_rays(K, SIZE) @ pose[:3, :3].T
    rays = o3d.core.Tensor(
        np.concatenate([np.broadcast_to(pose[:3, 3], directions.shape), directions], -1).astype(np.float32)
    )
    depth = bare.cast_rays(rays)["t_hit"].numpy()
    apart = float(np.abs(scene.depth(K, pose, SIZE) - np.where(np.isfinite(depth), depth, 0)).max())

    def reference():
        bare.cast_rays(rays)

    return [
        compare(
            "depth, normals, ids 640x480", lambda: scene.render(K, pose, SIZE), reference, repeats, f"{apart:.1e} m"
        ),
        compare("depth alone 640x480", lambda: scene.depth(K, pose, SIZE), reference, repeats, f"{apart:.1e} m"),
    ]


def bare_grid(frames: list[DepthFrame], voxel: float, blocks: int, block: int):
    """VoxelBlockGrid as its tutorial uses it, with the right pixel convention."""
    import open3d as o3d

    one = o3d.core.SizeVector([1])
    grid = o3d.t.geometry.VoxelBlockGrid(
        ("tsdf", "weight"), (o3d.core.float32, o3d.core.float32), (one, one), voxel, block, blocks
    )
    for frame in frames:
        image = o3d.t.geometry.Image(o3d.core.Tensor(frame.depth))
        K = o3d.core.Tensor(shifted_half_pixel(frame.K))
        extrinsic = o3d.core.Tensor(np.linalg.inv(frame.world_from_cam))
        touched = grid.compute_unique_block_coordinates(image, K, extrinsic, 1.0, 4.8, 4.0)
        grid.integrate(touched, image, K, extrinsic, 1.0, 4.8, 4.0)
    return grid.extract_triangle_mesh(0.0)


def open3d_points(frames: list[DepthFrame], voxel: float):
    import open3d as o3d

    cloud = o3d.geometry.PointCloud()
    for frame in frames:
        height, width = frame.size
        K = frame.K
        camera = o3d.camera.PinholeCameraIntrinsic(width, height, K[0, 0], K[1, 1], K[0, 2], K[1, 2])
        cloud += o3d.geometry.PointCloud.create_from_depth_image(
            o3d.geometry.Image(frame.depth), camera, np.linalg.inv(frame.world_from_cam), 1.0, 4.8
        )
    return cloud.voxel_down_sample(voxel)


def fusion(frames: list[DepthFrame], repeats: int) -> list[Ratio]:
    box = np.array([[-0.7, 0.5, -0.55], [0.7, 0.9, 0.55]])
    faces = len(fuse_tsdf(frames).faces), len(bare_grid(frames, 0.01, 40_000, 8).triangle.indices)
    counts = f"{faces[0]} / {faces[1]} faces"

    def whole():
        fuse_tsdf(frames)

    def down_sampled():
        return open3d_points(frames, 0.01)

    points = f"{len(fuse_points(frames, 0.01))} / {len(down_sampled().points)} points"

    def tutorial():
        bare_grid(frames, 0.01, 40_000, 8)

    return [
        compare("TSDF room, 10 views, 1 cm, against blocks of 8", whole, tutorial, repeats, counts),
        compare(
            "TSDF room, against default blocks of 16",
            whole,
            lambda: bare_grid(frames, 0.01, 10_000, 16),
            repeats,
            "same surface",
        ),
        compare("TSDF object box, against whole room", lambda: fuse_tsdf(frames, box=box), tutorial, repeats, "cut"),
        compare(
            "points room, against Open3D's cloud", lambda: fuse_points(frames, 0.01), down_sampled, repeats, points
        ),
        compare(
            "points object box, against the same",
            lambda: fuse_points(frames, 0.01, box=box),
            down_sampled,
            repeats,
            "cut out",
        ),
    ]


def naive_back_projection(depth, K):
    v, u = np.mgrid[: depth.shape[0], : depth.shape[1]]
    x = (u - K[0, 2]) * depth / K[0, 0]
    y = (v - K[1, 2]) * depth / K[1, 1]
    return np.stack([x, y, depth], axis=-1).astype(np.float32)


def back_projection(depth, repeats: int) -> Ratio:
    K = intrinsics(SIZE[1], SIZE[0], FOCAL)
    apart = float(np.abs(back_project(depth, K) - naive_back_projection(depth, K)).max())
    return compare(
        "back-projection 640x480, against naive numpy",
        lambda: back_project(depth, K),
        lambda: naive_back_projection(depth, K),
        repeats * 4,
        f"{apart:.1e} m",
    )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--json", action="store_true", help="print JSON instead of a table")
    words.add_argument("--repeats", type=int, default=7)
    chosen = words.parse_args()
    scene = RayScene(room())
    K = intrinsics(SIZE[1], SIZE[0], FOCAL)
    poses = [look_at((2 * np.sin(a), 1.5, 1.9 * np.cos(a)), (0, 0.6, 0)) for a in np.linspace(-0.9, 0.9, VIEWS)]
    frames = [
        DepthFrame(scene.depth(K, pose, SIZE), K, pose, "room", "0", f"{index}") for index, pose in enumerate(poses)
    ]
    rows = [
        *rendering(scene, chosen.repeats * 2),
        *fusion(frames, chosen.repeats),
        back_projection(frames[0].depth, chosen.repeats),
    ]
    if chosen.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return
    print(f"{'what':48} {'ours ms':>9} {'ref. ms':>9} {'ratio':>7}  difference   (CPU time, medians)")
    for row in rows:
        print(f"{row.name:48} {row.ours_ms:9.2f} {row.reference_ms:9.2f} {row.ratio:7.3f}  {row.difference}")


if __name__ == "__main__":
    main()
