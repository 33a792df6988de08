"""Inside and outside of clean and damaged meshes against the analytic union of their convex parts."""

import numpy as np
import pytest
import trimesh

from s2r_bench.errors import DataError
from s2r_bench.geometry.occupancy import solid_of
from s2r_bench.staging import box_mesh
from s2r_bench.types import Mesh
from s2r_bench.worlds.mini.furniture import make_furniture
from s2r_bench.worlds.mini.furniture.parts import joined, occupancy

POINTS = 20_000
CHAIR = make_furniture("chair", 2)


def cut_finely(mesh):
    vertices, faces = trimesh.remesh.subdivide_to_size(mesh.vertices, mesh.faces, max_edge=0.05, max_iter=20)
    return Mesh(np.asarray(vertices, np.float64), np.asarray(faces, np.int64))


FINE = cut_finely(CHAIR.model.mesh)


def ball(subdivisions=4):
    made = trimesh.creation.icosphere(subdivisions=subdivisions)
    return Mesh(np.asarray(made.vertices, np.float64), np.asarray(made.faces, np.int64))


def chair_iou(mesh, method="auto"):
    points = np.random.default_rng(3).uniform(*CHAIR.model.mesh.bounds, (POINTS, 3))
    truth = occupancy(CHAIR.parts, points)
    solid = solid_of(mesh, method)
    found = solid.contains(points)
    return (found & truth).sum() / (found | truth).sum(), solid.quality


def turned(mesh, which):
    return Mesh(mesh.vertices, np.where(which[:, None], mesh.faces[:, ::-1], mesh.faces))


@pytest.mark.parametrize("method", ["auto", "winding", "parity"])
def test_ball_is_exact_away_from_its_facets(method):
    points = np.random.default_rng(0).uniform(-1.1, 1.1, (POINTS, 3))
    radius = np.linalg.norm(points, axis=1)
    clear = abs(radius - 1) > 0.01
    solid = solid_of(ball(), method)
    assert np.array_equal(solid.contains(points)[clear], radius[clear] < 1)
    assert solid.quality.method == ("winding" if method == "winding" else "parity")
    assert solid.quality.watertight
    assert not solid.quality.open_shell
    assert not solid.quality.reoriented


@pytest.mark.parametrize("far", [0.0, 500.0])
@pytest.mark.parametrize("method", ["winding", "parity"])
def test_box_is_exact(method, far):
    low, high = np.array([-0.3, 0.0, -0.2]) + far, np.array([0.3, 0.02, 0.2]) + far
    points = np.random.default_rng(0).uniform(low - 0.02, high + 0.02, (POINTS, 3))
    expected = ((points > low) & (points < high)).all(1)
    assert np.array_equal(solid_of(box_mesh(low, high), method).contains(points), expected)


def test_chair_of_overlapping_parts_is_exact():
    iou, quality = chair_iou(CHAIR.model.mesh)
    assert iou == 1
    assert (quality.method, quality.reoriented, quality.open_shell) == ("winding", False, False)


def test_holes_do_no_harm():
    iou, quality = chair_iou(Mesh(FINE.vertices, FINE.faces[np.random.default_rng(1).random(len(FINE.faces)) > 0.05]))
    assert iou > 0.99
    assert not quality.watertight
    assert not quality.open_shell


def test_parts_inside_out_are_turned():
    parts = [part if i % 2 else turned(part, np.ones(len(part.faces), bool)) for i, part in enumerate(CHAIR.parts)]
    iou, quality = chair_iou(joined(parts))
    assert iou > 0.99
    assert quality.reoriented


def test_faces_wound_at_random_are_turned():
    iou, quality = chair_iou(turned(FINE, np.random.default_rng(1).random(len(FINE.faces)) < 0.3))
    assert iou > 0.99
    assert quality.reoriented


def test_doubled_faces_are_dropped_whichever_way_they_run():
    for second in (FINE.faces, FINE.faces[:, ::-1], np.roll(FINE.faces, 1, axis=1)):
        iou, quality = chair_iou(Mesh(FINE.vertices, np.concatenate([FINE.faces, second])))
        assert iou > 0.99
        assert quality.duplicate_faces == len(FINE.faces)


def test_soup_of_unconnected_triangles_is_welded():
    soup = Mesh(FINE.vertices[FINE.faces].reshape(-1, 3), np.arange(3 * len(FINE.faces)).reshape(-1, 3))
    iou, quality = chair_iou(soup)
    assert iou > 0.99
    assert quality.watertight


def test_boxes_that_share_a_wall_stay_two_closed_parts():
    boxes = [
        box_mesh(np.array([0.0, 0, 0]), np.array([1.0, 1, 1])),
        box_mesh(np.array([0.0, 1, 0]), np.array([1.0, 2, 1])),
    ]
    solid = solid_of(joined(boxes))
    points = np.random.default_rng(0).uniform([-0.5, -0.5, -0.5], [1.5, 2.5, 1.5], (POINTS, 3))
    assert np.array_equal(solid.contains(points), ((points > 0) & (points < [1, 2, 1])).all(1))
    assert not solid.quality.open_shell


def test_cavity_of_a_hollow_ball_stays_empty():
    outer, inner = ball(3), ball(3)
    hollow = joined([outer, turned(Mesh(inner.vertices * 0.5, inner.faces), np.ones(len(inner.faces), bool))])
    solid = solid_of(hollow)
    assert solid.contains(np.array([[0.0, 0, 0], [0.75, 0, 0], [1.2, 0, 0]])).tolist() == [False, True, False]
    assert not solid.quality.reoriented


def test_open_bottom_is_flagged():
    closed = box_mesh(np.array([-0.5, 0.0, -0.5]), np.array([0.5, 1.0, 0.5]))
    bottom = (closed.vertices[closed.faces][..., 1] == 0).all(1)
    quality = solid_of(Mesh(closed.vertices, closed.faces[~bottom])).quality
    assert quality.open_shell
    assert not quality.watertight


def test_sheet_is_flagged():
    sheet = Mesh(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]]))
    assert solid_of(sheet).quality.open_shell


def test_parity_refuses_what_it_would_get_wrong():
    box = box_mesh(np.zeros(3), np.ones(3))
    with pytest.raises(DataError, match="watertight"):
        solid_of(Mesh(box.vertices, box.faces[1:]), "parity")
    with pytest.raises(DataError, match="overlap"):
        solid_of(joined([box, Mesh(box.vertices + 0.4, box.faces)]), "parity")


def test_faces_without_area_are_dropped_and_counted():
    clean = ball(2)
    dirty = Mesh(clean.vertices, np.concatenate([clean.faces, [[0, 0, 5], [7, 7, 7]]]))
    solid = solid_of(dirty)
    assert solid.quality.degenerate_faces == 2
    assert solid.contains(np.zeros((1, 3))).all()


def test_meshes_without_an_inside_are_refused():
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    with pytest.raises(DataError, match="without faces"):
        solid_of(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64)))
    with pytest.raises(DataError, match="has an area"):
        solid_of(Mesh(corners, np.array([[0, 1, 2]])))
    with pytest.raises(DataError, match="has an area"):
        solid_of(Mesh(corners, np.array([[0, 0, 0]])))
    with pytest.raises(DataError, match="outside of its 3"):
        solid_of(Mesh(corners, np.array([[0, 1, 3]])))
    with pytest.raises(ValueError, match="NaN"):
        Mesh(np.full((3, 3), np.nan), np.array([[0, 1, 2]]))


def test_points_are_checked():
    solid = solid_of(ball(1))
    assert solid.contains(np.zeros((0, 3))).shape == (0,)
    with pytest.raises(ValueError, match=r"\(N, 3\)"):
        solid.contains(np.zeros(3))
    with pytest.raises(ValueError, match="NaN"):
        solid.contains(np.full((1, 3), np.nan))
    with pytest.raises(ValueError, match="auto"):
        solid_of(ball(1), "votes")
