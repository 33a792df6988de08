"""Clouds with normals as meshes: closed from every side, on the surface, with edges; what is no surface is refused."""

import numpy as np
import pytest
import trimesh

from s2r_bench.errors import DataError
from s2r_bench.geometry.camera import look_at
from s2r_bench.geometry.render import RayScene
from s2r_bench.geometry.surface import face_areas, face_normals, sample_faces, sample_surface
from s2r_bench.geometry.surfels import CORNERS, surfel_mesh
from s2r_bench.types import Mesh

POINTS = 2048
K = np.array([[250.0, 0, 99.5], [0, 250, 99.5], [0, 0, 1]])
SIZE = (200, 200)
SIDES = [(1, 0.2, 0.1), (-1, 0.5, 0.3), (0.1, 1, -0.2), (0.3, -1, 0.4), (0.2, 0.4, 1), (-0.6, -0.5, -0.7)]


def mesh_of(made: trimesh.Trimesh) -> Mesh:
    return Mesh(np.asarray(made.vertices, np.float64), np.asarray(made.faces, np.int64))


SHAPES = {
    "sphere": mesh_of(trimesh.creation.icosphere(subdivisions=5, radius=0.5)),
    "box": mesh_of(trimesh.creation.box(extents=(1.0, 0.6, 0.8))),
}


def cloud(mesh: Mesh, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    points, faces = sample_faces(mesh, POINTS, seed)
    return points, face_normals(mesh)[faces]


def spacing(mesh: Mesh) -> float:
    return float(np.sqrt(face_areas(mesh).sum() / POINTS))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("flipped", [False, True])
def test_clouds_render_closed(name: str, flipped: bool) -> None:
    mesh = SHAPES[name]
    points, normals = cloud(mesh)
    if flipped:  # some makers let normals look anywhere
        normals = normals * np.where(np.random.default_rng(1).random((POINTS, 1)) < 0.5, -1, 1)
    surfels, true = RayScene([surfel_mesh(points, normals)]), RayScene([mesh])
    for side in SIDES:
        eye = np.array(side) / np.linalg.norm(side) * 2.0
        pose = look_at(eye, (0, 0, 0))
        found, wanted = surfels.depth(K, pose, SIZE), true.depth(K, pose, SIZE)
        within = wanted > 0
        hole = within & ((found == 0) | (found - wanted > 3 * spacing(mesh)))  # nothing, or the far side through it
        assert hole.sum() < 0.01 * within.sum()
        error = np.abs(found - wanted)[within & ~hole]
        assert np.mean(error) < (0.4 if flipped else 0.2) * spacing(mesh)
        assert np.quantile(error, 0.95 if flipped else 0.98) < spacing(mesh)
        beyond = ~within & (found > 0)
        assert beyond.sum() < 0.05 * within.sum()


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_sampled_from_it_lies_on_the_surface(name: str) -> None:
    mesh = SHAPES[name]
    made = surfel_mesh(*cloud(mesh))
    sampled = sample_surface(made, 16_384, 0)
    assert RayScene([mesh]).distance(sampled).max() < spacing(mesh)
    # and all of the surface has some of it near by
    assert RayScene([made]).distance(sample_surface(mesh, 4096, 1)).max() < spacing(mesh)
    halves = [np.sort(part)[[0, -1]] for part in (sampled[:, 0], sampled[:, 1])]
    np.testing.assert_allclose(halves, mesh.bounds.T[:2], atol=spacing(mesh))
    counts = np.histogram(sampled[:, 0], bins=4, range=mesh.bounds[:, 0])[0]
    even = np.histogram(sample_surface(mesh, 16_384, 2)[:, 0], bins=4, range=mesh.bounds[:, 0])[0]
    np.testing.assert_allclose(counts, even, rtol=0.15)


def test_a_surfel_lies_in_its_plane_and_faces_where_its_normal_does() -> None:
    points, normals = cloud(SHAPES["box"])
    made = surfel_mesh(points, 3 * normals)
    unit = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    vertices = made.vertices.reshape(POINTS, 1 + CORNERS, 3)
    np.testing.assert_array_equal(vertices[:, 0], points)
    np.testing.assert_allclose(np.einsum("nmc,nc->nm", vertices - points[:, None], unit), 0, atol=1e-12)
    facing = face_normals(made).reshape(POINTS, CORNERS, 3)
    assert (np.einsum("nmc,nc->nm", facing, unit) > 0).all()


def test_points_without_a_normal_have_no_surfel() -> None:
    points, normals = cloud(SHAPES["sphere"])
    normals[:100], normals[100] = 0, np.nan
    assert len(surfel_mesh(points, normals).vertices) == (1 + CORNERS) * (POINTS - 101)
    with pytest.raises(DataError, match="0 of 2048 points have a normal; 12 make a surface"):
        surfel_mesh(points, np.zeros_like(normals))
    with pytest.raises(ValueError, match="must be"):
        surfel_mesh(points, normals[:5])
