"""Points on surfaces, labelled points and their files, iso-surfaces."""

import numpy as np
import pytest
import trimesh

from s2r_bench import records
from s2r_bench.errors import DataError
from s2r_bench.geometry import labels, occupancy, order, surface
from s2r_bench.geometry.isosurface import isosurface
from s2r_bench.geometry.labels import labelled_points
from s2r_bench.geometry.surface import face_areas, sample_surface
from s2r_bench.staging import box_mesh
from s2r_bench.types import Mesh
from s2r_bench.worlds.mini.furniture.parts import volume

HALF = np.array([1.0, 0.5, 0.25])
BOX = box_mesh(-HALF, HALF)
ASKED = {"volume": 3000, "near": 2000, "near_std": 0.02, "seed": 5}

# --- sampling


def test_sides_get_points_by_their_area():
    points = sample_surface(BOX, 40_000, 0)
    assert (points.shape, points.dtype) == ((40_000, 3), np.float64)
    on = np.isclose(np.abs(points), HALF)
    assert on.any(1).all()
    area = np.array([HALF[1] * HALF[2], HALF[0] * HALF[2], HALF[0] * HALF[1]])
    assert on.mean(0) == pytest.approx(area / area.sum(), abs=0.01)
    assert points.mean(0) == pytest.approx([0, 0, 0], abs=0.02)


def test_points_are_even_within_a_triangle():
    triangle = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), np.array([[0, 1, 2]]))
    x, y, _ = sample_surface(triangle, 40_000, 1).T
    assert (x.mean(), y.mean()) == pytest.approx((1 / 3, 1 / 3), abs=0.005)
    assert ((x < 0.5) & (y < 0.5) & (x + y > 0.5)).mean() == pytest.approx(0.25, abs=0.01)


def test_same_seed_same_points():
    assert np.array_equal(sample_surface(BOX, 50, 7), sample_surface(BOX, 50, 7))
    assert not np.array_equal(sample_surface(BOX, 50, 7), sample_surface(BOX, 50, 8))
    assert sample_surface(BOX, 0, 7).shape == (0, 3)


def test_faces_without_area_get_no_point():
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]])
    mesh = Mesh(corners, np.array([[3, 3, 3], [0, 1, 2], [3, 3, 3]]))
    assert sample_surface(mesh, 1000, 0).max() <= 1
    assert face_areas(mesh) == pytest.approx([0, 0.5, 0])


def test_meshes_without_area_are_refused():
    with pytest.raises(DataError, match="area"):
        sample_surface(Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]])), 1, 0)
    with pytest.raises(DataError, match="0 faces"):
        sample_surface(Mesh(np.zeros((3, 3)), np.zeros((0, 3), np.int64)), 1, 0)
    with pytest.raises(ValueError, match="-1"):
        sample_surface(BOX, -1, 0)


# --- labels


def same(first, second):
    return (
        all(
            np.array_equal(getattr(first, name), getattr(second, name))
            for name in ("volume", "volume_inside", "near", "near_inside")
        )
        and first.quality == second.quality
    )


def test_labels_are_those_of_the_box():
    made = labelled_points(BOX, **ASKED, folder=None)
    assert made.volume.dtype == made.near.dtype == np.float32
    assert np.array_equal(made.volume_inside, (np.abs(made.volume) < HALF).all(1))
    assert np.array_equal(made.near_inside, (np.abs(made.near) < HALF).all(1))
    assert made.volume_inside.mean() == pytest.approx(HALF.prod(), abs=0.03)
    away = np.abs(np.abs(made.near.astype(np.float64)) - HALF).min(1)
    assert 0 < np.median(away) < 0.03


def test_labels_are_kept_and_identical(tmp_path, monkeypatch):
    made = labelled_points(BOX, **ASKED, folder=tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]
    monkeypatch.setattr("s2r_bench.geometry.labels._made", None)  # nothing is made again
    assert same(labelled_points(BOX, **ASKED, folder=tmp_path), made)


def test_every_argument_has_its_own_file(tmp_path):
    changes = ({}, {"volume": 10}, {"near": 10}, {"near_std": 0.1}, {"seed": 6})
    for change in changes:
        labelled_points(BOX, **(ASKED | change), folder=tmp_path)
    labelled_points(box_mesh(-HALF[::-1], HALF[::-1]), **ASKED, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == len(changes) + 1


def test_a_damaged_file_is_made_again(tmp_path):
    made = labelled_points(BOX, **ASKED, folder=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:2000])
    assert same(labelled_points(BOX, **ASKED, folder=tmp_path), made)
    assert path.stat().st_size > 2000


@pytest.mark.parametrize(
    ("module", "old", "new", "files"),
    [
        (labels, "rng.uniform(-1, 1", "rng.uniform(-0.9, 0.9", 2),
        (occupancy, "OPEN = 0.05", "OPEN = 0.06", 2),
        (surface, "def sample_surface", "TURN = 1\n\n\ndef sample_surface", 2),
        (order, '"""Sixteen hex digits of a mesh', '"""The first hex digits of a mesh', 1),
        (records, "SCHEMA = 1", "SCHEMA = 2", 1),
    ],
)
def test_labels_of_other_code_are_not_taken(tmp_path, monkeypatch, edited, module, old, new, files):
    monkeypatch.setattr(labels, "_code", labels._code.__wrapped__)  # a file does not change while a process runs
    few = ASKED | {"volume": 10, "near": 10}
    labelled_points(BOX, **few, folder=tmp_path)
    edited(module, old, new)
    labelled_points(BOX, **few, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == files


def test_only_the_object_frame_is_taken():
    for wrong in (box_mesh(-2 * HALF, 2 * HALF), box_mesh(HALF * 0, HALF * 2), box_mesh(-HALF / 2, HALF / 2)):
        with pytest.raises(DataError, match="object frame"):
            labelled_points(wrong, **ASKED, folder=None)
    with pytest.raises(ValueError, match="at least 0"):
        labelled_points(BOX, **(ASKED | {"near_std": float("nan")}), folder=None)


# --- iso-surfaces


def field(shape, low, spacing, centre, radius):
    place = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1) * spacing + low
    return radius - np.linalg.norm(place - centre, axis=-1)


def test_sphere_lies_where_it_should_and_looks_outwards():
    low, spacing, centre = np.array([-1.0, 2.0, 0.5]), 0.05, np.array([0.1, 3.2, 1.4])
    made = isosurface(field((44, 48, 36), low, spacing, centre, 0.6), low, spacing)
    assert (made.vertices.dtype, made.faces.dtype) == (np.float64, np.int64)
    assert np.abs(np.linalg.norm(made.vertices - centre, axis=1) - 0.6).max() < 0.03 * spacing
    assert volume(made) == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=0.01)
    assert trimesh.Trimesh(made.vertices, made.faces, process=False).is_watertight


def test_level_moves_the_surface():
    low = np.full(3, -1.0)
    values = field((41, 41, 41), low, 0.05, np.zeros(3), 0.6)
    assert np.linalg.norm(isosurface(values, low, 0.05, level=0.2).vertices, axis=1) == pytest.approx(0.4, abs=0.005)


def test_no_crossing_is_an_empty_mesh():
    for value in (-1.0, 0.0, 1.0):
        empty = isosurface(np.full((8, 8, 8), value), np.zeros(3), 0.1)
        assert (empty.vertices.shape, empty.faces.shape) == ((0, 3), (0, 3))


def test_bad_grids_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        isosurface(np.full((4, 4, 4), np.nan), np.zeros(3), 0.1)
    with pytest.raises(ValueError, match="at least 2"):
        isosurface(np.zeros((4, 4, 1)), np.zeros(3), 0.1)
    with pytest.raises(ValueError, match="positive"):
        isosurface(np.zeros((4, 4, 4)), np.zeros(3), 0.0)
