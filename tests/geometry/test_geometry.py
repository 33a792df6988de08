"""Geometry against closed forms: planes, spheres, cameras, fusion, the object frame, PLY."""

import numpy as np
import pytest

from s2r_bench.errors import DataError
from s2r_bench.geometry.camera import intrinsics, look_at, pixel_rays, project, shifted_half_pixel
from s2r_bench.geometry.crop import ObjectFrame, crop_cloud, crop_mesh
from s2r_bench.geometry.fuse import fuse_points, fuse_tsdf, voxel_mean
from s2r_bench.geometry.io import read_cloud, read_mesh, write_cloud, write_mesh
from s2r_bench.geometry.order import ordered_mesh
from s2r_bench.geometry.points import (
    back_project,
    back_project_torch,
    incidence_angle,
    normals_from_depth,
    warp_into,
)
from s2r_bench.geometry.render import RayScene
from s2r_bench.types import DepthFrame, Mesh

SIZE = (48, 64)
K = intrinsics(64, 48, 60.0)


def box(low, high):
    import trimesh

    made = trimesh.creation.box(bounds=[low, high])
    return Mesh(np.asarray(made.vertices, np.float64), np.asarray(made.faces, np.int64))


def sphere(radius, subdivisions=6):
    import trimesh

    made = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return Mesh(np.asarray(made.vertices, np.float64), np.asarray(made.faces, np.int64))


def frame(depth, pose=None, name="0", camera=K):
    return DepthFrame(np.asarray(depth, np.float32), camera, np.eye(4) if pose is None else pose, "room", "0", name)


def slanted_plane(size=SIZE, camera=K):
    """Depth of the plane n . p = n_z * 2 seen by pixel centres at integers, in closed form, and its normal."""
    normal = np.array([0.3, -0.2, -1.0]) / np.linalg.norm([0.3, -0.2, -1.0])
    rays = pixel_rays(camera, size)
    return (2 * normal[2] / (rays @ normal)).astype(np.float32), normal


# --- cameras


def test_middle_pixel_looks_along_the_optical_axis():
    camera = intrinsics(5, 3, 10.0)
    assert pixel_rays(camera, (3, 5))[1, 2] == pytest.approx([0, 0, 1])
    assert pixel_rays(camera, (3, 5))[0, 0] == pytest.approx([-0.2, -0.1, 1])


def test_look_at_is_rigid_with_world_up_towards_image_top():
    pose = look_at((2, 1.5, 1), (0, 0.5, 0))
    assert pose[:3, :3].T @ pose[:3, :3] == pytest.approx(np.eye(3))
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)
    cam_from_world = np.linalg.inv(pose)
    target, above = (cam_from_world @ [0, y, 0, 1] for y in (0.5, 0.6))
    assert target[:3] == pytest.approx([0, 0, np.linalg.norm([2, 1, 1])])
    assert above[1] < 0  # y runs down in the image
    with pytest.raises(ValueError, match="along up"):
        look_at((0, 2, 0), (0, 0, 0))


def test_projection_undoes_back_projection():
    depth, _ = slanted_plane()
    pixels = project(back_project(depth, K).astype(np.float64), K)
    v, u = np.mgrid[: SIZE[0], : SIZE[1]]
    assert np.abs(pixels - np.stack([u, v], -1)).max() < 1e-3


def test_back_projection_honours_skew_and_missing_values():
    camera = K.copy()
    camera[0, 1] = 1.5
    depth, _ = slanted_plane()
    depth[3, 4] = 0
    points = back_project(depth, camera)
    assert (points[3, 4] == 0).all()
    assert points == pytest.approx(pixel_rays(camera, SIZE) * depth[..., None], abs=1e-6)


def test_torch_back_projection_is_the_same_and_differentiable():
    torch = pytest.importorskip("torch")
    depth, _ = slanted_plane()
    other = K.copy()
    other[0, 2] += 7
    batch = torch.tensor(np.stack([depth, depth])).requires_grad_()
    points = back_project_torch(batch, torch.tensor(np.stack([K, other])))
    expected = np.stack([back_project(depth, camera) for camera in (K, other)]).transpose(0, 3, 1, 2)
    assert points.shape == (2, 3, *SIZE)
    assert points.detach().numpy() == pytest.approx(expected, abs=1e-6)
    points.sum().backward()
    assert batch.grad is not None


# --- rendering


def test_sphere_depth_is_analytic():
    scene = RayScene([sphere(0.5)])
    rendering = scene.render(K, look_at((0, 0, 2), (0, 0, 0)), SIZE)
    rays = pixel_rays(K, SIZE)
    a, b, c = (rays**2).sum(-1), -2 * 2 * rays[..., 2], 2**2 - 0.5**2
    root = b**2 - 4 * a * c
    expected = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / (2 * a), 0)
    both = (rendering.depth > 0) & (expected > 0) & (root > 0.2)  # the rim is where the facets matter
    assert both.sum() > 300
    assert np.abs(rendering.depth - expected)[both].max() < 5e-4
    assert ((rendering.depth > 0) != (expected > 0)).mean() < 0.01
    assert rendering.instance.dtype == np.int32
    assert set(np.unique(rendering.instance)) == {-1, 0}


def test_render_sees_the_world_upright_and_not_mirrored():
    red = box((-0.1, 0.9, -0.1), (0.1, 1.1, 0.1))  # above
    blue = box((0.4, -0.1, -0.1), (0.6, 0.1, 0.1))  # to the right of a camera on +z that looks to -z
    instance = RayScene([red, blue]).render(K, look_at((0, 0, 3), (0, 0, 0)), SIZE).instance
    assert np.argwhere(instance == 0)[:, 0].max() < SIZE[0] / 2
    assert np.argwhere(instance == 1)[:, 1].min() > SIZE[1] / 2


def test_normals_face_the_camera_in_world_frame_whatever_the_winding():
    slab = box((-2, -0.1, -2), (2, 0, 2))
    for mesh in (slab, Mesh(slab.vertices, slab.faces[:, ::-1].copy())):
        rendering = RayScene([mesh]).render(K, look_at((0, 1, 1), (0, 0, 0)), SIZE)
        hit = rendering.depth > 0
        assert hit.mean() > 0.5
        assert np.abs(rendering.normals[hit & (np.abs(rendering.normals[..., 1]) > 0.5)] - [0, 1, 0]).max() < 1e-6
        assert (rendering.normals[~hit] == 0).all()


def test_half_pixel_against_both_conventions_of_open3d():
    o3d = pytest.importorskip("open3d")
    slab = box((-3, -0.1, -3), (3, 0, 3))
    pose = look_at((0, 1.2, 1.5), (0, 0, 0))
    ours = RayScene([slab]).render(K, pose, SIZE).depth
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor(slab.vertices.astype(np.float32)), o3d.core.Tensor(slab.faces.astype(np.uint32))
    )

    def theirs(camera):
        extrinsic = np.linalg.inv(pose)
        rays = scene.create_rays_pinhole(
            o3d.core.Tensor(camera), o3d.core.Tensor(extrinsic), width_px=SIZE[1], height_px=SIZE[0]
        )
        return scene.cast_rays(rays)["t_hit"].numpy()

    seen = ours > 0
    assert np.abs(theirs(shifted_half_pixel(K)) - ours)[seen].max() < 1e-5
    assert np.median(np.abs(theirs(K) - ours)[seen]) > 1e-3  # the trap is there: same K, other convention
    image = o3d.geometry.Image(ours)
    camera = o3d.camera.PinholeCameraIntrinsic(SIZE[1], SIZE[0], K[0, 0], K[1, 1], K[0, 2], K[1, 2])
    cloud = o3d.geometry.PointCloud.create_from_depth_image(image, camera, depth_scale=1.0, depth_trunc=100.0)
    assert np.asarray(cloud.points) == pytest.approx(back_project(ours, K)[seen], abs=1e-5)


def test_depth_alone_is_the_rendered_depth_and_shadow_rays_give_distances():
    scene = RayScene([box((-1, -1, -0.5), (1, 1, 0.5))])
    pose = look_at((0.3, 0.4, 2), (0, 0, 0))
    assert np.array_equal(scene.depth(K, pose, SIZE), scene.render(K, pose, SIZE).depth)
    distances = scene.hit_distance(np.array([[0, 0, 2.0], [0, 0, 2.0]]), np.array([[0, 0, -1.0], [0, 1.0, 0]]))
    assert distances.dtype == np.float32
    assert distances[0] == pytest.approx(1.5)
    assert np.isinf(distances[1])


def test_scene_refuses_meshes_that_cannot_be_rendered():
    with pytest.raises(DataError, match="at least one"):
        RayScene([])
    with pytest.raises(DataError, match="mesh 0"):
        RayScene([Mesh(np.zeros((3, 3)), np.zeros((0, 3), np.int64))])
    with pytest.raises(DataError, match="indices"):
        RayScene([Mesh(np.zeros((3, 3)), np.array([[0, 1, 9]]))])


# --- points


def test_normals_and_incidence_of_a_plane():
    depth, normal = slanted_plane()
    normals = normals_from_depth(depth, K)
    inner = np.s_[1:-1, 1:-1]
    assert np.abs(normals[inner] - normal).max() < 2e-4
    angle, known = incidence_angle(depth, K)
    rays = pixel_rays(K, SIZE)
    expected = np.arccos(-(rays @ normal) / np.linalg.norm(rays, axis=-1))
    assert known[inner].all()
    assert not known[0].any()
    assert np.abs(angle - expected)[inner].max() < 1e-3
    assert angle.dtype == np.float32


def test_normals_are_unknown_at_holes_and_edges_and_never_nan():
    depth, _ = slanted_plane()
    depth[10, 10] = 0
    depth[:, 40:] += 1
    angle, known = incidence_angle(depth, K)
    assert np.isfinite(angle).all()
    assert not known[9:12, 10].any()
    assert not known[10, 9:12].any()
    assert not known[:, 39:41].any()
    assert (angle[~known] == 0).all()
    assert known[20, 20]
    assert (angle >= 0).all()
    assert (angle <= np.pi / 2).all()
    assert not incidence_angle(np.zeros(SIZE, np.float32), K)[1].any()


def test_warp_into_another_camera_is_what_that_camera_renders():
    scene = RayScene([box((-3, -0.1, -3), (3, 0, 3)), box((-0.3, 0, -0.3), (0.3, 0.5, 0.3))])
    poses = [look_at((0, 1.2, 2), (0, 0.2, 0)), look_at((0.2, 1.3, 1.9), (0, 0.2, 0))]
    a, b = (frame(scene.depth(K, pose, SIZE), pose) for pose in poses)
    assert warp_into(a, a) == pytest.approx(a.depth, abs=1e-5)
    warped = warp_into(a, b)
    both = (warped > 0) & (b.depth > 0)
    assert both.mean() > 0.5
    assert np.median(np.abs(warped - b.depth)[both]) < 0.02


def test_warp_keeps_the_nearest_and_drops_what_lies_behind():
    near = np.zeros((1, 2), np.float32)
    near[0] = [1, 2]
    camera = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    seen = frame(np.zeros((1, 1)), camera=camera)
    pose_b = np.eye(4)
    pose_b[2, 3] = -100  # from far away both points land on pixel 0
    seen = DepthFrame(seen.depth, camera, pose_b, "room", "0", "b")
    assert warp_into(frame(near, camera=camera), seen) == pytest.approx(np.array([[101]]))
    pose_b = np.eye(4)
    pose_b[2, 3] = 5
    seen = DepthFrame(seen.depth, camera, pose_b, "room", "0", "b")
    assert (warp_into(frame(near, camera=camera), seen) == 0).all()


# --- fusion


def orbit_frames(meshes, views=8, size=(240, 320), focal=300.0, radius=1.4):
    scene, camera = RayScene(meshes), intrinsics(size[1], size[0], focal)
    angles = np.linspace(0, 2 * np.pi, views, endpoint=False)
    poses = [look_at((radius * np.cos(a), 0.9, radius * np.sin(a)), (0, 0.2, 0)) for a in angles]
    return [
        DepthFrame(scene.depth(camera, pose, size), camera, pose, "room", "0", f"{index}")
        for index, pose in enumerate(poses)
    ]


def test_fused_box_comes_back_within_a_millimetre():
    frames = orbit_frames([box((-0.3, 0, -0.2), (0.3, 0.4, 0.2))])
    mesh = fuse_tsdf(frames)
    top = mesh.vertices[(np.abs(mesh.vertices[:, [0, 2]]) < [0.25, 0.15]).all(1)]
    assert len(top) > 500
    assert np.abs(top[:, 1] - 0.4).mean() < 3e-4
    assert np.quantile(np.abs(top[:, 1] - 0.4), 0.95) < 1e-3
    front = mesh.vertices[(np.abs(mesh.vertices[:, :2] - [0, 0.2]) < [0.25, 0.15]).all(1) & (mesh.vertices[:, 2] > 0)]
    assert np.abs(front[:, 2] - 0.2).mean() < 5e-4
    beyond = np.abs(mesh.vertices - [0, 0.2, 0]) - [0.3, 0.2, 0.2]
    assert beyond.max() < 0.04  # nothing out of voxels that no view saw
    assert (beyond.max(1) > 0.01).mean() < 0.05  # silhouettes alone grow, where nothing is seen behind them
    assert mesh.faces.max() < len(mesh.vertices)


def test_fused_plane_keeps_the_half_pixel_convention():
    camera = intrinsics(256, 192, 240.0)
    depth, normal = slanted_plane((192, 256), camera)
    mesh = fuse_tsdf([frame(depth, camera=camera)])
    distance = mesh.vertices @ normal - 2 * normal[2]
    assert len(mesh.faces) > 1000
    assert abs(distance.mean()) < 1e-4  # without the half-pixel shift it is 4e-4
    assert np.abs(distance).mean() < 1e-3


@pytest.mark.parametrize(("width", "height", "focal"), [(64, 48, 60.0), (128, 96, 120.0), (320, 240, 290.0)])
def test_fused_surface_is_complete_at_any_resolution(width, height, focal):
    camera = intrinsics(width, height, focal)
    depth = slanted_plane((height, width), camera)[0] * 1.6
    corners = back_project(depth, camera).astype(np.float64)
    across, down = corners[1:, 1:] - corners[1:, :-1], corners[1:, 1:] - corners[:-1, 1:]
    mesh = fuse_tsdf([frame(depth, camera=camera)])
    faces = mesh.vertices[mesh.faces]
    area = np.linalg.norm(np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0]), axis=1).sum() / 2
    # every fourth pixel alone, as Open3D looks for blocks, loses half of it at 128x96; steps swell it at low resolution
    assert 0.95 < area / np.linalg.norm(np.cross(across, down), axis=-1).sum() < 2


def test_fusion_within_a_box_is_the_whole_fusion_cut_out():
    solid = box((-0.3, 0, -0.2), (0.3, 0.4, 0.2))
    frames = orbit_frames([solid, box((-2, -0.1, -2), (2, 0, 2))], views=5)
    limits = np.array([[-0.35, 0.02, -0.25], [0.35, 0.45, 0.25]])
    whole, part = fuse_tsdf(frames), fuse_tsdf(frames, box=limits)
    assert len(part.faces) < 0.5 * len(whole.faces)
    cut_whole, cut_part = (crop_mesh(mesh, limits, margin=1.0) for mesh in (whole, part))
    assert np.array_equal(cut_whole.vertices, cut_part.vertices)
    assert np.array_equal(cut_whole.faces, cut_part.faces)
    points = fuse_points(frames, 0.01, box=limits)
    assert len(points) > 1000
    assert (points >= limits[0] - 1e-6).all()
    with pytest.raises(DataError, match="in the box"):
        fuse_tsdf(frames, box=limits + 50)


def test_fused_meshes_are_the_same_bytes_each_time():
    frames = orbit_frames([box((-0.3, 0, -0.2), (0.3, 0.4, 0.2))], views=3)
    first, again = fuse_tsdf(frames), fuse_tsdf(frames)
    assert np.array_equal(first.vertices, again.vertices)
    assert np.array_equal(first.faces, again.faces)
    corners = first.vertices[first.faces]
    upwards = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 1]
    assert (upwards[(corners[..., 1] > 0.39).all(1)] >= -1e-12).mean() > 0.99  # winding: outwards


def test_mesh_order_depends_on_values_alone():
    rng = np.random.default_rng(0)
    vertices = np.round(rng.normal(size=(40, 3)), 1).astype(np.float32)
    vertices[7] = vertices[3]  # two at one place
    vertices[5, 0], vertices[6, 0] = 0.0, -0.0
    faces = rng.permuted(np.tile(np.arange(40, dtype=np.int32), (60, 1)), axis=1)[:, :3]
    faces[0] = [3, 7, 9]  # has no area
    one = ordered_mesh(vertices, faces)
    shuffle, back = rng.permutation(40), np.empty(40, np.int32)
    back[shuffle] = np.arange(40)
    two = ordered_mesh(vertices[shuffle], np.roll(back[faces][rng.permutation(60)], 1, axis=1))
    assert np.array_equal(one.vertices, two.vertices)
    assert np.array_equal(one.faces, two.faces)
    assert np.array_equal(one.vertices, np.unique(vertices.astype(np.float64) + 0.0, axis=0))
    assert (one.faces[:, 0] == one.faces.min(1)).all()
    assert len(one.faces) == 59 - sum({3, 7} <= set(face) for face in faces[1:].tolist())

    def area_vectors(points, corners):
        a, b, c = points[corners].transpose(1, 0, 2)
        return np.cross(b - a, c - a)

    # windings stay: the vectors of all faces are the same, in another order
    before, after = area_vectors(vertices.astype(np.float64), faces), area_vectors(one.vertices, one.faces)
    before = before[np.abs(before).sum(1) > 1e-9]
    assert np.sort(before.round(6), axis=0) == pytest.approx(np.sort(after.round(6), axis=0))


def test_fusion_that_finds_nothing_says_so():
    for frames in ([], [frame(np.zeros(SIZE))], [frame(np.full(SIZE, 9.0))]):
        with pytest.raises(DataError, match="nothing to fuse"):
            fuse_tsdf(frames)
        with pytest.raises(DataError, match="nothing to fuse"):
            fuse_points(frames, 0.01)


def test_fused_points_lie_on_the_surface_one_a_voxel_in_any_order():
    frames = orbit_frames([box((-0.3, 0, -0.2), (0.3, 0.4, 0.2))], views=4)
    points = fuse_points(frames, 0.02)
    on_face = np.min(np.abs(np.abs(points - [0, 0.2, 0]) - [0.3, 0.2, 0.2]), axis=1)
    assert on_face.max() < 0.011  # only voxels over an edge mix two faces
    assert np.median(on_face) < 1e-6
    assert points == pytest.approx(fuse_points(frames[::-1], 0.02), abs=1e-6)
    # means may leave their voxel by rounding only, so cells are unique
    assert len(np.unique(np.floor(points / 0.02 + 1e-9), axis=0)) >= 0.99 * len(points)


def test_voxel_mean_by_hand():
    points = np.array([[0.1, 0.1, 0.1], [0.3, 0.1, 0.1], [-0.1, 0.9, 0.1]])
    assert voxel_mean(points, 1.0) == pytest.approx(np.array([[-0.1, 0.9, 0.1], [0.2, 0.1, 0.1]]))


# --- object frame


def test_object_frame_spans_minus_one_to_one_along_the_longest_side():
    mesh = box((1, 0, 2), (3, 1, 2.5))
    to = ObjectFrame.from_mesh(mesh)
    inside = to.to_object(mesh.vertices)
    assert inside.min(0) == pytest.approx([-1, -0.5, -0.25])
    assert inside.max(0) == pytest.approx([1, 0.5, 0.25])
    assert to.to_world(inside) == pytest.approx(mesh.vertices)
    with pytest.raises(DataError, match="coincide"):
        ObjectFrame.from_mesh(Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]])))


def test_crop_keeps_what_the_enlarged_box_holds():
    limits = np.array([[0.0, 0, 0], [1, 1, 1]])
    points = np.array([[0.5, 0.5, 0.5], [1.09, 0.5, 0.5], [1.11, 0.5, 0.5], [-0.09, -0.09, -0.09]])
    assert crop_cloud(points, limits) == pytest.approx(points[[0, 1, 3]])
    assert len(crop_cloud(points, limits, margin=1.0)) == 1
    two = Mesh(
        np.concatenate([limits[[0, 1, 0]] * 0.5 + [[0, 0, 0], [0, 0, 0], [0.1, 0, 0]], np.full((3, 3), 5.0)]),
        np.array([[0, 1, 2], [3, 4, 5]]),
    )
    kept = crop_mesh(two, limits)
    assert len(kept.faces) == 1
    assert len(kept.vertices) == 3


# --- PLY


def test_ply_round_trip_and_open3d_reads_it(tmp_path):
    mesh = box((0, 0, 0), (1, 2, 3))
    write_mesh(tmp_path / "mesh.ply", mesh)
    back = read_mesh(tmp_path / "mesh.ply")
    assert back.vertices == pytest.approx(mesh.vertices)
    assert np.array_equal(back.faces, mesh.faces)
    write_cloud(tmp_path / "cloud.ply", mesh.vertices)
    assert read_cloud(tmp_path / "cloud.ply") == pytest.approx(mesh.vertices)
    o3d = pytest.importorskip("open3d")
    assert np.asarray(o3d.io.read_point_cloud(str(tmp_path / "cloud.ply")).points) == pytest.approx(mesh.vertices)
    assert len(o3d.io.read_triangle_mesh(str(tmp_path / "mesh.ply")).triangles) == len(mesh.faces)


def test_damaged_ply_names_the_file(tmp_path):
    mesh = box((0, 0, 0), (1, 2, 3))
    path = tmp_path / "mesh.ply"
    write_mesh(path, mesh)
    whole = path.read_bytes()
    for data in (whole[:-5], whole[:30], b"", b"obj"):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"mesh\.ply"):
            read_mesh(path)
    write_cloud(path, mesh.vertices)
    with pytest.raises(DataError, match="no faces"):
        read_mesh(path)
    with pytest.raises(DataError, match="no file"):
        read_mesh(tmp_path / "none.ply")
