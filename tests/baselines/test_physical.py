"""Physical sensor models: published values, what grows with what, on which side holes lie, fits that come back."""

from pathlib import Path

import numpy as np
import pytest

from s2r_baselines.arkit_lidar import ArkitLidar, ArkitLidarOptions
from s2r_baselines.kinect_dots import KinectDots, KinectDotsOptions
from s2r_baselines.nguyen import Nguyen, NguyenConstants, NguyenOptions, axial_m, lateral_px
from s2r_baselines.redwood import Redwood, RedwoodConstants, RedwoodOptions, captured, factors, read_table
from s2r_baselines.stereo import Stereo, StereoOptions
from s2r_bench.errors import DataError, UsageError
from s2r_bench.geometry.semiglobal import matched
from s2r_bench.seeds import FrameSeed
from s2r_bench.simulator import Budget

MODELS = [ArkitLidar, KinectDots, Nguyen, Redwood, Stereo]
RNG = np.random.default_rng


def ready(cls, values=None, preset="smoke"):
    """A model with its published constants."""
    model = cls(cls.options_type.preset(preset, {"fitted": False, **(values or {})}))
    model.fit(None, Budget(), 0)
    return model


def one(model, frame, view=1, session=1):
    return model.simulate([frame], [FrameSeed(view, session)])[0]


def spread_of(model, frame):
    """Standard deviation of what is captured of a wall, metres."""
    depth = one(model, frame).depth
    return float(depth[depth > 0].std())


# ---- what all of them keep


@pytest.mark.parametrize("cls", MODELS)
def test_constants_are_checked_and_kept(cls, tmp_path):
    model = ready(cls)
    assert model.constants == model.options.constants
    model.save(tmp_path)
    file = tmp_path / "sensor.json"
    file.write_text(file.read_text().replace("{", '{"unheard_of": 1,', 1))
    with pytest.raises(DataError, match=r"sensor.json: expected .*unheard_of"):
        cls(model.options).load(tmp_path)


@pytest.mark.parametrize("cls", MODELS)
def test_options_out_of_range_are_refused_by_name(cls):
    name = next(iter(type(cls.options_type().constants).model_fields))
    with pytest.raises(UsageError, match=name):
        cls.options_type.preset("tiny", {f"constants.{name}": -1})
    with pytest.raises(UsageError, match="near_m"):
        cls.options_type.preset("tiny", {"near_m": 3.0, "far_m": 2.0})
    with pytest.raises(TypeError, match=cls.options_type.__name__):
        cls(type(cls.options_type().constants)())


@pytest.mark.parametrize("cls", MODELS)
def test_every_constant_says_its_unit_and_source_and_stands_in_the_docs(cls):
    page = (Path(__file__).parents[2] / "docs" / "simulators.md").read_text(encoding="utf-8")
    for name, field in type(cls.options_type().constants).model_fields.items():
        assert field.description, name
        assert f"`{name}` | {field.default:.4g} |" in page, f"docs/simulators.md lacks {cls.name}'s {name}"


@pytest.mark.parametrize("cls", MODELS)
def test_nothing_nearer_or_farther_than_the_limits(cls, wall):
    model = ready(cls, {"near_m": 1.5, "far_m": 2.5})
    assert not one(model, wall(1.2)).valid.any()
    assert not one(model, wall(3.0)).valid.any()
    assert one(model, wall(2.0)).valid.mean() > 0.5


@pytest.mark.parametrize("cls", MODELS)
def test_a_view_without_any_depth_stays_empty(cls, wall):
    assert not one(ready(cls), wall(0.0)).valid.any()


@pytest.mark.parametrize("cls", [ArkitLidar, KinectDots, Nguyen, Redwood])
def test_noise_grows_with_range(cls, wall):
    model = ready(cls)
    near, far = spread_of(model, wall(0.9)), spread_of(model, wall(3.6))
    assert near > 0
    assert far > 1.5 * near


@pytest.mark.parametrize("cls", [KinectDots, Redwood, Stereo])
def test_a_killed_fit_ends_in_the_same_constants(cls, tmp_path, captured_pairs):
    pairs = captured_pairs(lambda frame, index: noisy(frame, index, 0.01), count=1, focal=585.0)
    options = cls.options_type.preset("smoke")

    def fitted(budget):
        model = cls(options)
        model.fit(pairs, budget, 3, tmp_path)
        return model.constants

    fitted(Budget(steps=2))
    continued = fitted(Budget(steps=4))
    fresh = cls(options)
    fresh.fit(pairs, Budget(steps=4), 3)
    assert continued == fresh.constants


@pytest.mark.parametrize("cls", MODELS)
def test_pairs_without_captures_are_refused(cls, captured_pairs):
    pairs = captured_pairs(lambda frame, index: frame.with_depth(np.zeros_like(frame.depth)))
    with pytest.raises(DataError, match="no captured pixel"):
        cls(cls.options_type.preset("smoke")).fit(pairs, Budget(), 0)


def noisy(frame, index, share):
    noise = share * RNG(index).standard_normal(frame.size)
    return frame.with_depth((frame.depth * np.exp(noise)).astype(np.float32))


def stepped(facing, count):
    """Clean frames of a slanted wall, farther each time, with a box half a metre before it."""
    height, width = facing.size
    rows, columns = np.mgrid[:height, :width]
    for index in range(count):
        depth = 1.2 + 0.5 * index + 4e-3 * rows + 2e-3 * columns
        depth[height // 4 : 3 * height // 4, width // 3 : 2 * width // 3] -= 0.5
        yield facing.with_depth(depth.astype(np.float32))


ALL_SEARCHED = {
    Redwood: ({"noise_px": 0.05, "jitter_px": 3.0}, {"frames": 4, "rounds": 3}, (96, 128), 117.0),
    KinectDots: (
        {"noise_steps": 1.5, "lateral_px": 1.5, "baseline_m": 0.12},
        {"frames": 2, "rounds": 3},
        (60, 80),
        195.0,
    ),
    Stereo: (
        {"light_e": 800.0, "read_noise_e": 60.0, "baseline_m": 0.1},
        {"frames": 2, "rounds": 2},
        (48, 64),
        117.0,
    ),
    ArkitLidar: (
        {"noise_m": 0.006, "noise_relative": 0.006, "bias_relative": 0.001, "blur_px": 1.0, "stride_px": 24.0},
        {"frames": 4, "rounds": 3},
        (48, 64),
        58.5,
    ),
}


@pytest.mark.parametrize("cls", ALL_SEARCHED)
def test_all_that_is_searched_together_comes_near_known_constants(cls, captured_pairs, wall):
    true, few, size, focal = ALL_SEARCHED[cls]
    assert set(true) == set(cls.searched)
    source = ready(cls, {f"constants.{name}": value for name, value in true.items()}, preset="tiny")
    clean = list(stepped(wall(1.0, size, focal), few["frames"]))
    pairs = captured_pairs(lambda frame, index: one(source, frame, view=100 + index, session=index), clean=clean)
    report = cls(cls.options_type(**few)).fit(pairs, Budget(), 0)
    known = cls(cls.options_type(**few, constants=true)).fit(pairs, Budget(steps=1), 0)
    start, end = report.curve[0]["train_loss"], report.curve[-1]["train_loss"]
    truth = known.curve[0]["train_loss"]  # not 0: the captures' noise is another draw
    assert start > 3 * truth
    assert end < truth + 0.03 * (start - truth)


# ---- nguyen


def test_nguyen_has_the_published_values():
    published = NguyenConstants()
    assert axial_m(np.array(0.4), np.array(0.0), published) == pytest.approx(0.0012)
    assert axial_m(np.array(3.4), np.array(0.5), published) == pytest.approx(0.0012 + 0.0019 * 9)
    angle = np.radians(75.0)
    beyond = 0.0001 / np.sqrt(2.0) * angle**2 / (np.pi / 2 - angle) ** 2
    assert axial_m(np.array(2.0), np.array(angle), published) == pytest.approx(0.0012 + 0.0019 * 1.6**2 + beyond)
    assert lateral_px(np.array(0.0), published) == pytest.approx(0.8)
    assert lateral_px(np.array(angle), published) == pytest.approx(0.8 + 0.035 * angle / (np.pi / 2 - angle))


def test_nguyen_draws_the_noise_that_it_states(wall):
    model = ready(Nguyen)
    assert spread_of(model, wall(2.4)) == pytest.approx(0.0012 + 0.0019 * 4, rel=0.05)


def test_nguyen_steep_surfaces_are_noisier_than_facing_ones(wall):
    facing = wall(1.6, focal=292.5)
    columns = np.arange(64) - 31.5
    tilted = 1.6 / (1 + np.tan(np.radians(72)) * columns / 292.5)
    steep = facing.with_depth(np.broadcast_to(tilted, facing.size).astype(np.float32))
    middle = (slice(4, -4), slice(24, 40))
    error = (one(ready(Nguyen), steep).depth - steep.depth)[middle]
    plain = (one(ready(Nguyen), facing).depth - 1.6)[middle]
    assert error.std() > 1.5 * plain.std()


def test_nguyen_comes_back_from_its_own_captures(captured_pairs):
    true = {"axial_m": 0.004, "axial_quadratic": 0.003}
    source = ready(Nguyen, {f"constants.{name}": value for name, value in true.items()})
    pairs = captured_pairs(lambda frame, index: one(source, frame, view=index), count=10, size=(60, 80))
    model = Nguyen(NguyenOptions())
    report = model.fit(pairs, Budget(), 0)
    assert model.constants.axial_m == pytest.approx(0.004, rel=0.15)
    assert model.constants.axial_quadratic == pytest.approx(0.003, rel=0.15)
    assert model.constants.axial_grazing == 0.0001  # no steep surface was seen
    assert report.parameters == 2


# ---- redwood


def write_text_table(path, table, counts):
    rows = np.zeros((6400, 23))
    rows[:, 3:8], rows[:, 18:23] = counts, table.reshape(6400, 5)
    np.savetxt(path, rows, header="\n".join(["made"] * 5), comments="")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A made distortion table as text, with two cells that were measured too little."""
    dice, counts = RNG(0), np.full((6400, 5), 9000.0)
    counts[5], counts[6] = 10, [10, 10, 9000, 10, 10]
    path = tmp_path_factory.mktemp("table") / "dist-model.txt"
    write_text_table(path, 1 + 0.05 * dice.standard_normal((80, 80, 5)), counts)
    return path


def test_redwood_table_is_read_and_refused(table, tmp_path):
    read = read_table(table)
    assert read.shape == (80, 80, 5)
    assert not read[0, 5].any()
    assert (read[0, 6] > 0).all()
    np.save(tmp_path / "t.npy", read)
    np.testing.assert_array_equal(read_table(tmp_path / "t.npy"), read)
    np.save(tmp_path / "small.npy", read[:40])
    with pytest.raises(DataError, match=r"small.npy: expected \(80, 80, 5\)"):
        read_table(tmp_path / "small.npy")
    (tmp_path / "words.txt").write_text("no table\n" * 9)
    with pytest.raises(DataError, match=r"words.txt is no distortion table"):
        read_table(tmp_path / "words.txt")
    with pytest.raises(UsageError, match="there is no distortion table"):
        RedwoodOptions.preset("tiny", {"table": str(tmp_path / "none.txt")})


def test_redwood_factors_are_linear_between_the_knots():
    made = np.broadcast_to([1.0, 1.2, 1.4, 1.0, 0.8], (80, 80, 5))
    depth = np.array([0.5, 1.0, 2.0, 3.0, 4.5, 8.0, 9.0, 9.5])
    found = factors(made, depth, np.zeros(8, int), np.zeros(8, int))
    np.testing.assert_allclose(found, [1.0, 1.0, 1.1, 1.2, 1.35, 0.9, 0.8, 0.8])


def test_redwood_agrees_with_open3d(table):
    o3d = pytest.importorskip("open3d")
    if not hasattr(o3d.t.io, "DepthNoiseSimulator"):
        pytest.skip("this Open3D has no DepthNoiseSimulator")
    depth = RNG(1).uniform(0.3, 10, (480, 640)).astype(np.float32)
    theirs = o3d.t.io.DepthNoiseSimulator(str(table))
    theirs.enable_deterministic_debug_mode()
    image = o3d.t.geometry.Image(o3d.core.Tensor(depth[..., None]))
    expected = theirs.simulate(image, depth_scale=1.0).as_tensor().numpy()[..., 0]
    still = np.zeros(depth.shape)
    ours = captured(depth.astype(np.float64), np.stack([still, still]), still, read_table(table), RedwoodConstants())
    wrong = np.abs(ours - expected) > 1e-4 * expected
    assert wrong.mean() < 1e-4  # a disparity halfway between two steps may round either way in float32


def test_redwood_noise_agrees_with_open3d(tmp_path):
    o3d = pytest.importorskip("open3d")
    if not hasattr(o3d.t.io, "DepthNoiseSimulator"):
        pytest.skip("this Open3D has no DepthNoiseSimulator")
    write_text_table(tmp_path / "ones.txt", np.ones((80, 80, 5)), 9000.0)
    theirs, dice = o3d.t.io.DepthNoiseSimulator(str(tmp_path / "ones.txt")), RNG(3)
    for metres in (1.0, 2.0, 4.0):
        depth = np.full((480, 640), metres, dtype=np.float32)
        image = o3d.t.geometry.Image(o3d.core.Tensor(depth[..., None]))
        expected = theirs.simulate(image, depth_scale=1.0).as_tensor().numpy()
        noise = dice.standard_normal((3, 480, 640))
        ours = captured(depth.astype(np.float64), noise[:2], noise[2], None, RedwoodConstants())
        assert ours.mean() == pytest.approx(expected.mean(), abs=1e-4 * metres)
        assert ours.std() == pytest.approx(expected.std(), rel=0.03, abs=2e-5)


def test_redwood_addresses_its_table_by_the_place_in_the_image():
    made = np.ones((80, 80, 5))
    made[40:, 40:] = 1.25
    for height, width in ((480, 640), (192, 256), (512, 512), (96, 128)):
        still = np.zeros((height, width))
        depth = np.full((height, width), 2.0)
        found = captured(depth, np.stack([still, still]), still, made, RedwoodConstants())
        changed = found < 1.8
        assert changed[height // 2 :, width // 2 :].all()
        assert changed.mean() == pytest.approx(0.25, abs=0.01)


def test_redwood_depths_are_steps_of_disparity(wall):
    depth = one(ready(Redwood), wall(3.0)).depth.astype(np.float64)
    steps = 35.130 * 8 / depth
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)


def test_redwood_keeps_the_table_in_its_checkpoint(table, tmp_path, wall):
    copy = tmp_path / "mine.txt"
    copy.write_bytes(table.read_bytes())
    model = ready(Redwood, {"table": str(copy)})
    assert model.options.table_sha256
    (tmp_path / "kept").mkdir()
    model.save(tmp_path / "kept")
    copy.write_text("another table")
    options = RedwoodOptions(**model.options.model_dump(mode="json"))
    with pytest.raises(DataError, match=r"mine.txt has changed"):
        Redwood(options).fit(None, Budget(), 0)
    copy.unlink()
    again = Redwood(options)
    again.load(tmp_path / "kept")
    np.testing.assert_array_equal(one(again, wall(2.0)).depth, one(model, wall(2.0)).depth)
    assert not np.array_equal(one(ready(Redwood), wall(2.0)).depth, one(model, wall(2.0)).depth)


def test_redwood_noise_comes_back_from_its_own_captures(captured_pairs):
    source = ready(Redwood, {"constants.noise_px": 0.3})
    pairs = captured_pairs(lambda frame, index: one(source, frame, view=index), count=6)
    model = Redwood(RedwoodOptions(frames=6))
    model.fit(pairs, Budget(), 0)
    assert model.constants.noise_px == pytest.approx(0.3, rel=0.1)


# ---- kinect-dots


def test_kinect_dots_constant_is_the_published_one():
    constants = KinectDotsOptions().constants
    assert constants.steps_per_px * constants.focal_px * constants.baseline_m * 100 == pytest.approx(35130, rel=1e-3)


def test_kinect_dots_gives_steps_of_disparity(wall):
    depth = one(ready(KinectDots), wall(2.0)).depth.astype(np.float64)
    seen = depth[depth > 0]
    steps = 8 * 585 * 0.075 / seen
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    assert abs(np.median(seen) - 2.0) < 0.012  # one step is 11 mm there


def test_kinect_dots_rounds_to_the_nearest_step_without_bias(wall):
    # 1.95 m is 180.0 steps: noise of a sixth of a step hardly ever reaches another
    depth = one(ready(KinectDots, {"dots": False, "shadow": False}), wall(1.95)).depth
    assert (np.abs(depth - 1.95) < 1e-5).mean() > 0.98


def holes_beside(frame, model):
    """Share of holes in the six columns to the left of the box, and to the right of it."""
    valid = one(model, frame).valid[36:84]
    return 1 - valid[:, 48:54].mean(), 1 - valid[:, 106:112].mean()


def test_kinect_dots_shadow_lies_to_the_left_and_is_as_wide_as_geometry_says(box):
    # the projector is on the right: f b (1/Z1 - 1/Z2) = 146.25 px x 75 mm x 0.5 / m = 5.5 px here
    left, right = holes_beside(box, ready(KinectDots, preset="tiny"))
    assert left > 0.6
    assert right < 0.35
    shadow = one(ready(KinectDots, {"dots": False}, preset="tiny"), box)
    assert (~shadow.valid[36:84]).sum(1).mean() == pytest.approx(5.5, abs=0.5)
    assert not shadow.valid[60, 50:53].any()
    plain = ready(KinectDots, {"shadow": False, "dots": False}, preset="tiny")
    assert max(holes_beside(box, plain)) == 0


def test_kinect_dots_without_window_and_shadow_has_no_holes(wall):
    assert one(ready(KinectDots, {"shadow": False, "dots": False}), wall(2.0)).valid.all()


def test_kinect_dots_noise_comes_back_from_captures(captured_pairs):
    values = {"shadow": False, "dots": False}
    source = ready(KinectDots, {**values, "constants.noise_steps": 1.5})
    pairs = captured_pairs(lambda frame, index: one(source, frame, view=index), focal=585.0)
    model = KinectDots(KinectDotsOptions(frames=4, rounds=4, **values))
    model.searched = {"noise_steps": (0.01, 20.0)}
    model.fit(pairs, Budget(), 0)
    assert model.constants.noise_steps == pytest.approx(1.5, rel=0.15)


# ---- stereo


def test_the_matcher_finds_a_known_shift():
    left = RNG(0).integers(0, 255, (60, 160)).astype(np.uint8)
    right = np.roll(left, -9, axis=1)
    found = matched(left, right, 32, StereoOptions().matching)[10:-10, 50:-20]
    assert np.median(found) == pytest.approx(9, abs=0.1)


def test_stereo_sees_a_wall_where_it_is(wall):
    frame = wall(1.5, (120, 160), 146.25)
    depth = one(ready(Stereo, preset="tiny"), frame).depth
    assert (depth > 0).mean() > 0.95
    assert np.median(depth[depth > 0]) == pytest.approx(1.5, rel=0.01)


def test_stereo_holes_lie_on_the_side_that_the_right_camera_does_not_see(box):
    left, right = holes_beside(box, ready(Stereo, {"constants.baseline_m": 0.1}, preset="tiny"))
    assert left > right + 0.2
    assert left > 0.3


def test_stereo_loses_far_surfaces_when_light_is_weak(wall):
    weak = {"constants.light_e": 60.0, "constants.read_noise_e": 60.0}
    near, far = wall(0.7, (120, 160), 146.25), wall(4.0, (120, 160), 146.25)
    model = ready(Stereo, weak, preset="tiny")
    assert one(model, near).valid.mean() > one(model, far).valid.mean() + 0.3


# ---- arkit-lidar


def test_arkit_lidar_is_low_in_frequency_and_loses_thin_parts(wall):
    model = ready(ArkitLidar, {"constants.bias_relative": 0.0})
    frame = wall(2.0, (192, 256), 212.0)
    error = (one(model, frame).depth - 2.0)[8:-8, 8:-8]
    assert 0.001 < error.std() < 0.009
    neighbours = np.corrcoef(error[:, 1:].ravel(), error[:, :-1].ravel())[0, 1]
    assert neighbours > 0.9
    thin = frame.depth.copy()
    thin[:, 100:102] = 1.7
    seen = one(model, frame.with_depth(thin)).depth[20:-20, 100:102]
    assert np.median(seen) > 1.8


def test_arkit_lidar_delivers_millimetres_of_a_grid_that_its_session_shares(wall):
    model = ready(ArkitLidar)
    depth = one(model, wall(2.0)).depth.astype(np.float64)
    np.testing.assert_allclose(depth * 1000, np.rint(depth * 1000), atol=1e-3)
    other = one(model, wall(2.0), session=2).depth
    assert not np.array_equal(depth.astype(np.float32), other)


def test_arkit_lidar_confidence_makes_holes_where_no_anchor_is(wall):
    # 32 columns of a surface steeper than 75 degrees between two walls
    inverse = np.clip(1.0 - 0.0125 * (np.arange(128) - 48.0), 0.6, 1.0)
    facing = wall(1.0, (48, 128), 400.0)
    frame = facing.with_depth(np.broadcast_to(1 / inverse, facing.size).astype(np.float32))

    def valid(least):
        return one(ready(ArkitLidar, {"least_confidence": least}), frame).valid

    assert valid(0).all()
    assert valid(1)[:, 63:65].mean() < 0.3
    assert valid(1)[:, :40].mean() > 0.9
    assert valid(2).sum() < valid(1).sum()


def test_arkit_lidar_reduces_large_frames_to_its_own_size(wall):
    frame = wall(2.0, (480, 640), 530.0)
    depth = one(ready(ArkitLidar), frame).depth
    assert depth.shape == (480, 640)
    assert (depth > 0).all()
    assert np.abs(depth - 2).max() < 0.08


def test_arkit_lidar_noise_comes_back_from_captures(captured_pairs):
    source = ready(ArkitLidar, {"constants.noise_m": 0.02, "constants.noise_relative": 0.003})
    pairs = captured_pairs(lambda frame, index: one(source, frame, view=index), count=4)
    model = ArkitLidar(ArkitLidarOptions(frames=4))
    model.searched = {"noise_m": (1e-4, 0.1)}
    model.fit(pairs, Budget(), 0)
    assert model.constants.noise_m == pytest.approx(0.02, rel=0.2)
