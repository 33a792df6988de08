"""Furniture: closed convex parts, real sizes, variety, exact inside/outside."""

import hashlib

import numpy as np
import pytest

from s2r_bench.errors import UsageError
from s2r_bench.types import CATEGORIES, Mesh
from s2r_bench.worlds.mini.furniture import OTHER_MAKES, furniture_of, make_furniture, make_object, occupancy
from s2r_bench.worlds.mini.furniture.assembly import Assembly
from s2r_bench.worlds.mini.furniture.parts import half_spaces, volume
from s2r_bench.worlds.mini.options import FIRST_OBJECT

OWN, OTHER = range(40), OTHER_MAKES[:40]

# smallest and largest width, height, depth that furniture of a kind has, metres
SIZES = {
    "chair": ((0.3, 0.6, 0.3), (0.85, 1.3, 1.1)),
    "sofa": ((0.5, 0.5, 0.6), (3.4, 1.1, 2.2)),
    "table": ((0.3, 0.3, 0.25), (2.0, 1.0, 1.9)),
    "cabinet": ((0.3, 0.35, 0.3), (2.0, 2.2, 0.8)),
    "bed": ((0.5, 0.4, 1.0), (2.0, 2.2, 2.5)),
    "shelf": ((0.4, 0.6, 0.15), (1.7, 2.1, 0.8)),
}


@pytest.mark.parametrize("numbers", [OWN[:25], OTHER[:25]], ids=["corpus", "other-makes"])
@pytest.mark.parametrize("category", CATEGORIES)
def test_every_part_is_closed_convex_and_turned_outwards(category: str, numbers: range) -> None:
    for seed in numbers:
        for part in make_furniture(category, seed).parts:
            edges = np.concatenate([part.faces[:, [0, 1]], part.faces[:, [1, 2]], part.faces[:, [2, 0]]])
            keys = edges[:, 0] * len(part.vertices) + edges[:, 1]
            back = edges[:, 1] * len(part.vertices) + edges[:, 0]
            assert len(np.unique(keys)) == len(keys), "an edge is run through twice in the same direction"
            assert set(keys) == set(back), "an edge has a face on one side only"
            assert volume(part) > 1e-8
            normal, offset = half_spaces(part)
            assert (part.vertices @ normal.T - offset).max() < 1e-7, "not convex"


@pytest.mark.parametrize("numbers", [OWN, OTHER], ids=["corpus", "other-makes"])
@pytest.mark.parametrize("category", CATEGORIES)
def test_sizes_are_those_of_furniture_and_it_stands_on_the_floor(category: str, numbers: range) -> None:
    low, high = (np.array(limit) for limit in SIZES[category])
    for seed in numbers:
        bounds = make_object(category, seed).mesh.bounds
        extent = bounds[1] - bounds[0]
        assert (extent >= low).all() and (extent <= high).all(), (category, seed, extent)  # noqa: PT018
        assert bounds[0, 1] == pytest.approx(0, abs=1e-12)
        assert (bounds[0] + bounds[1])[[0, 2]] == pytest.approx([0, 0], abs=1e-9)


def test_hundreds_of_objects_differ_and_come_again_from_their_seed() -> None:
    for category in CATEGORIES:
        models = [make_object(category, seed) for seed in range(200)]
        shapes = {hashlib.sha256(np.round(model.mesh.vertices, 3).tobytes()).hexdigest() for model in models}
        assert len(shapes) == 200
        assert len({len(model.mesh.faces) for model in models}) > 25, "too few ways of being put together"
        again = furniture_of(models[7].id).model
        assert again.id == f"{category}-000007"
        np.testing.assert_array_equal(again.mesh.vertices, models[7].mesh.vertices)


@pytest.mark.parametrize("category", CATEGORIES)
def test_other_makes_are_for_captured_objects_alone_and_are_put_together_otherwise(category: str) -> None:
    captured = {
        FIRST_OBJECT[name] + step for name in ("captured-train", "captured-test") for step in (0, 1, 94_998, 94_999)
    }
    others = {first for name, first in FIRST_OBJECT.items() if not name.startswith("captured")}
    assert all((number in OTHER_MAKES) == (number % 2 == 1) for number in captured)
    assert not any(number + step in OTHER_MAKES for number in others for step in (0, 1, 99_998, 99_999))
    makes = {len(make_furniture(category, number).parts) for number in OTHER}
    assert len(makes) > 3, "too few ways of being put together"
    models = [make_object(category, number) for number in OTHER]
    assert len({np.round(model.mesh.vertices, 3).tobytes() for model in models}) == len(OTHER)
    assert furniture_of(models[3].id).model.id == f"{category}-600007"


def test_thin_parts_are_there() -> None:
    thin = [min(np.ptp(part.vertices, axis=0)) for seed in range(30) for part in make_furniture("chair", seed).parts]
    assert np.mean(np.array(thin) < 0.04) > 0.5


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="chair, sofa"):
        make_furniture("lamp", 0)
    with pytest.raises(UsageError, match="CATEGORY-NUMBER"):
        furniture_of("throne")


def test_known_volumes() -> None:
    made = Assembly()
    made.block((0, 1), (0, 2), (0, 0.5))
    made.bar((0, 0, 0), (0.3, 1, 0.2), 0.1, 0.2)  # sheared: area of the section times height
    made.bar((0, 0, 0), (0, 1, 0), 0.2, taper=0.5)  # frustum: h / 3 (A + B + sqrt(AB))
    made.disc((0, 0), (0, 1), 1.0)  # 24-sided: n / 2 sin(2 pi / n)
    expected = [1.0, 0.02, (0.04 + 0.01 + 0.02) / 3, 12 * np.sin(np.pi / 12)]
    assert [volume(part) for part in made.parts] == pytest.approx(expected, rel=1e-9)


def test_occupancy_of_two_boxes_is_known() -> None:
    made = Assembly()
    made.block((0, 1), (0, 1), (0, 1))
    made.block((2, 3), (0, 1), (0, 1))
    points = np.array([[0.5, 0.5, 0.5], [1.5, 0.5, 0.5], [2.5, 0.1, 0.9], [0.5, 1.1, 0.5]])
    assert occupancy(made.parts, points).tolist() == [True, False, True, False]


@pytest.mark.parametrize("category", CATEGORIES)
def test_occupancy_agrees_with_ray_parity(category: str) -> None:
    model = make_furniture(category, 3)
    low, high = model.model.mesh.bounds
    points = np.random.default_rng(0).uniform(low - 0.05, high + 0.05, (3000, 3))
    inside = occupancy(model.parts, points)
    expected = np.zeros(len(points), dtype=bool)
    for part in model.parts:
        expected |= _parity(part, points)
    assert 0.005 < inside.mean() < 0.95
    assert (inside != expected).mean() < 0.001  # rays in single precision err beside edges


def _parity(part: Mesh, points: np.ndarray) -> np.ndarray:
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    vertices = o3d.core.Tensor.from_numpy(part.vertices.astype(np.float32))
    scene.add_triangles(vertices, o3d.core.Tensor.from_numpy(part.faces.astype(np.uint32)))
    answer = scene.compute_occupancy(o3d.core.Tensor.from_numpy(points.astype(np.float32)), nsamples=3)
    return answer.numpy() > 0.5
