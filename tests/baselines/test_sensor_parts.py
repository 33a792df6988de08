"""What the physical sensor models are built of: search, figures, surfaces, dots, anchors."""

import numpy as np
import pytest

from s2r_baselines._sensors.anchors import anchor_grid, completed, median_blocks, smoothed, widened
from s2r_baselines._sensors.dots import dot_pattern, filled, trusted
from s2r_baselines._sensors.figures import PLACES, RANGES, Figures, beside_edges, distance, figures_of
from s2r_baselines._sensors.search import FILE, Search
from s2r_baselines._sensors.surface import finer, inverse_of, jittered, nearest_from, sampled, seen_from
from s2r_bench.errors import DataError
from s2r_bench.files import read_json

RNG = np.random.default_rng


def bowl(numbers):
    return (np.log(numbers["a"] / 3)) ** 2 + (np.log(numbers["b"] / 0.2)) ** 2


def test_the_search_finds_a_minimum():
    best, report = Search(bowl, {"a": 1.0, "b": 1.0}, {"a": (0.1, 10), "b": (0.01, 10)}).run(8)
    assert best["a"] == pytest.approx(3, rel=0.02)
    assert best["b"] == pytest.approx(0.2, rel=0.02)
    assert report.parameters == 2
    losses = [row["train_loss"] for row in report.curve]
    assert losses == sorted(losses, reverse=True)


def test_the_search_stays_within_bounds_and_budget():
    search = Search(bowl, {"a": 1.0, "b": 1.0}, {"a": (0.1, 1.5), "b": (0.01, 10)})
    assert search.run(6)[0]["a"] == 1.5
    _, report = Search(bowl, {"a": 1.0, "b": 1.0}, {"a": (0.1, 10), "b": (0.01, 10)}).run(6, most=5)
    assert report.steps == 5


def floored(numbers):
    """A bowl in `a` that is level below 1.5, as where a shift rounds to no pixel."""
    return abs(np.log(max(numbers["a"], 1.5) / 4))


def test_the_search_crosses_level_ground():
    best, report = Search(floored, {"a": 0.1}, {"a": (0.02, 100)}).run(6)
    assert best["a"] == pytest.approx(4, rel=0.05)
    best, _ = Search(lambda n: floored({"a": 1 / n["a"]}), {"a": 10.0}, {"a": (0.01, 50)}).run(6)
    assert best["a"] == pytest.approx(0.25, rel=0.05)
    assert Search(floored, {"a": 0.1}, {"a": (0.02, 100)}).run(6, most=3)[1].steps == 3
    assert report.steps < 30


def test_a_number_without_influence_stays_and_costs_little():
    best, report = Search(lambda n: 1.0, {"a": 0.1}, {"a": (1e-4, 100.0)}).run(1)
    assert best["a"] == 0.1
    assert report.steps == 1 + 2 * 4  # four either way


def test_a_killed_search_repeats_no_trial_and_ends_the_same(tmp_path):
    whole, whole_report = Search(bowl, {"a": 1.0, "b": 1.0}, {"a": (0.1, 10), "b": (0.01, 10)}).run(4)
    calls = []

    def counted(numbers):
        calls.append(dict(numbers))
        if len(calls) == 7:
            raise KeyboardInterrupt
        return bowl(numbers)

    def again():
        return Search(counted, {"a": 1.0, "b": 1.0}, {"a": (0.1, 10), "b": (0.01, 10)}).run(4, None, tmp_path, [1])

    with pytest.raises(KeyboardInterrupt):
        again()
    best, report = again()
    assert best == whole
    assert report.curve == whole_report.curve
    assert len(calls) == report.steps + 1  # the one that was killed is tried again
    assert len(read_json(tmp_path / FILE)["tried"]) == report.steps


def test_a_search_with_another_identity_takes_nothing_over(tmp_path):
    bounds = {"a": (0.1, 10)}
    Search(lambda n: n["a"], {"a": 1.0}, bounds).run(2, None, tmp_path, ["first"])
    best, _ = Search(lambda n: -n["a"], {"a": 1.0}, bounds).run(2, None, tmp_path, ["second"])
    assert best["a"] > 1


def test_figures_are_those_of_known_noise(wall):
    clean, dice = wall(2.1, (100, 100)), RNG(0)
    captured = clean.depth * np.exp(0.01 * dice.standard_normal(clean.size))
    captured[dice.random(clean.size) < 0.25] = 0
    figures = figures_of([(clean, captured.astype(np.float32))], 0.2)
    place = np.flatnonzero(np.isfinite(figures.spread))
    assert len(place) == 1  # one range
    assert figures.spread[place[0]] == pytest.approx(0.01, rel=0.05)
    assert figures.holes[place[0]] == pytest.approx(0.25, abs=0.02)
    assert abs(figures.grain) < 0.05
    smooth = clean.depth * np.exp(0.01 * np.repeat(dice.standard_normal((100, 50)), 2, axis=1))
    # half of all neighbours are equal, the others independent
    assert figures_of([(clean, smooth.astype(np.float32))], 0.2).grain == pytest.approx(0.5, abs=0.05)


def test_bias_does_not_count_as_spread(wall):
    clean = wall(2.1, (100, 100))
    noise = np.exp(0.01 * RNG(0).standard_normal(clean.size))
    one, other = (figures_of([(clean, (clean.depth * noise * b).astype(np.float32))], 0.3) for b in (1, 1.05))
    assert np.nanmax(np.abs(one.spread - other.spread)) < 1e-4


def test_distance_is_zero_for_equal_figures_and_weighs_as_documented():
    spread, holes = np.full(RANGES, np.nan), np.full(PLACES, np.nan)
    spread[3], holes[3] = 0.01, 0.04
    one = Figures(spread, holes, 0.5)
    assert distance(one, one) == 0
    assert distance(Figures(spread * np.e, holes, 0.5), one) == pytest.approx(1)
    assert distance(Figures(spread, holes * 4, 0.5), one) == pytest.approx(4 * 0.2**2)
    assert distance(Figures(spread, holes, 0.2), one) == pytest.approx(0.09)
    lacking = Figures(np.full(RANGES, np.nan), holes, 0.5)
    assert distance(lacking, one) == 1
    assert distance(one, lacking) == 0


def test_no_pairs_are_refused():
    with pytest.raises(DataError, match="no training pairs"):
        figures_of([], 0.2)


def test_sides_of_an_edge(box):
    left, right = beside_edges(box.depth)
    assert left[60, 51:54].all()  # 2 % of 160 columns are 3 pixels
    assert not left[60, :51].any()
    assert not left[60, 54:].any()
    assert right[60, 106:109].all()
    assert not right[60, 109:].any()
    assert not right[60, :106].any()


def test_inverse_of_its_inverse_is_the_depth(box):
    depth = box.depth.copy()
    depth[:5] = 0
    np.testing.assert_allclose(inverse_of(inverse_of(depth)), depth, rtol=1e-6)


def test_a_plane_is_exact_between_pixels_and_edges_stay_sharp(box):
    v, u = np.indices((20, 30))
    plane = 0.5 + 0.002 * v + 0.004 * u
    rows, columns = np.array([3.25, 18.9]), np.array([7.5, 28.1])
    np.testing.assert_allclose(sampled(plane, rows, columns), 0.5 + 0.002 * rows + 0.004 * columns)
    fine = finer(inverse_of(box.depth), 4)
    assert set(np.unique(fine)) == {0.5, 1.0}
    np.testing.assert_array_equal(fine[::4, ::4], inverse_of(box.depth))


def test_jitter_moves_a_slope_by_its_spread():
    plane = np.broadcast_to(1 + 0.001 * np.arange(400), (400, 400)).copy()
    moved = (jittered(plane, 0.7, RNG(0)) - plane)[10:-10, 10:-10] / 0.001
    assert moved.std() == pytest.approx(0.7, rel=0.02)
    assert abs(moved.mean()) < 0.01


def test_a_near_surface_hides_what_is_behind_it_from_the_side():
    inverse = np.full((1, 60), 0.5)
    inverse[:, 30:40] = 1.0
    # with 20 px m the box moves 20 px to the left and the wall 10: the wall's ten columns on its left are covered
    seen = seen_from(inverse, 20.0)
    assert (~seen[0]).nonzero()[0].tolist() == list(range(20, 30))
    mirrored = seen_from(inverse, -20.0)
    assert (~mirrored[0]).nonzero()[0].tolist() == list(range(40, 50))
    assert seen_from(inverse, 0.0).all()


def test_a_view_from_the_side_keeps_the_nearest_and_has_no_cracks():
    inverse = np.full((1, 60), 0.5)
    inverse[:, 30:40] = 1.0
    view = nearest_from(inverse, 20.0, 0, 60)
    assert view[0, 10:20].tolist() == [1.0] * 10
    slope = np.linspace(0.5, 0.9, 60)[None]  # seen from the other side it is 13 % wider than its pixels
    assert (nearest_from(slope, -20.0, 0, 80)[0, 12:75] > 0).all()


def naive_trusted(disparity, pattern):
    """The window rule, dot by dot."""
    dots = np.stack([pattern.rows.ravel(), pattern.columns.ravel()], -1)
    kept = []
    for v, u in dots:
        window = dots[(np.abs(dots - [v, u]) <= 4).all(1)]
        values = disparity[window[:, 0], window[:, 1]]
        squared = ((window - [v, u]) ** 2).sum(1)
        weights = np.where(squared == 0, 1.0, 1 / (1.2**2 * np.maximum(squared, 1)))
        needed = len(window) / 1.2
        valid = values > 0
        good = disparity[v, u] > 0 and valid.sum() > needed
        agree = valid & (np.abs(values - values[valid].mean()) * weights < 0.1) if valid.any() else valid
        kept.append(good and agree.sum() > needed)
    return np.array(kept).reshape(pattern.rows.shape)


def test_the_dot_window_is_the_rule_dot_by_dot():
    disparity = 20 + np.round(8 * 0.05 * RNG(1).standard_normal((30, 36))) / 8
    disparity[:, 18:] += 4
    disparity[10:16, 5:12] = 0
    pattern = dot_pattern(30, 36, 3)
    kept = trusted(disparity, pattern)
    assert 0.2 < kept.mean() < 0.95
    np.testing.assert_array_equal(kept, naive_trusted(disparity, pattern))


def test_dots_fill_a_flat_image_and_invent_nothing():
    flat = np.full((30, 36), 20.0)
    np.testing.assert_array_equal(filled(flat, dot_pattern(30, 36, 3)), flat)
    assert not filled(np.zeros((30, 36)), dot_pattern(30, 36, 3)).any()


def test_a_median_lies_on_a_surface_and_holes_do_not_count():
    cells = np.array([[1.0, 2.0, 0.0, 0.0], [1.0, 2.0, 0.0, 3.0]], dtype=np.float32)
    assert median_blocks(cells, 2).tolist() == [[1.0, 3.0]]
    assert median_blocks(np.zeros((3, 3), np.float32), 2).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_the_anchor_grid_has_its_stride_and_covers_the_image():
    straight = anchor_grid((192, 256), 7, 0.0, np.ones(2), np.zeros(2), np.zeros(2))
    assert len(straight) == pytest.approx(192 * 256 / 49, rel=0.08)
    bent = anchor_grid((192, 256), 7, 0.1, np.array([1.02, 0.98]), np.array([0.3, 0.3]), np.array([0.2, 0.7]))
    assert len(bent) == pytest.approx(len(straight), rel=0.05)
    for corner in ([0, 0], [0, 255], [191, 0], [191, 255]):
        assert np.abs(bent - corner).max(1).min() < 10


def test_anchors_complete_a_wall_and_do_not_bleed_where_the_guide_tells_edges():
    depth = np.full((40, 60), 2.0, dtype=np.float32)
    depth[:, 30:] = 1.0
    anchors = anchor_grid((40, 60), 7, 0.0, np.ones(2), np.zeros(2), np.zeros(2))
    dense, away, spread = completed(depth, anchors, depth[anchors[:, 0], anchors[:, 1]].astype(float), 7, 0.1, 4)
    np.testing.assert_allclose(dense, depth, rtol=1e-3)
    assert away[tuple(anchors[0])] == 0
    assert spread.max() < 0.05


def test_smoothing_leaves_holes_out():
    depth = np.full((20, 20), 2.0)
    depth[5:9, 5:9] = 0
    np.testing.assert_allclose(smoothed(depth, 2.0), depth, rtol=1e-9)
    np.testing.assert_allclose(widened(depth, 3, (60, 59)), np.kron(depth, np.ones((3, 3)))[:60, :59], rtol=1e-6)
