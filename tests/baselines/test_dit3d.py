"""DiT-3D: cells and reading, projection, attention windows, the network's parts, noise process, both modes, resume."""

import numpy as np
import pytest
import torch
from made_pairs import MadePairs
from torch.nn import functional

from s2r_baselines._dit3d.items import Items
from s2r_baselines._dit3d.model import Model
from s2r_baselines._dit3d.modes import Clouds, Offsets
from s2r_baselines._dit3d.net import Attention, DiT3D, folded, place_code, time_code, unfolded, unwindowed, windowed
from s2r_baselines._dit3d.noise import NoiseProcess
from s2r_baselines._dit3d.options import CloudOptions, NetOptions, NoiseOptions
from s2r_baselines._dit3d.views import Tiling, Windows, clean_maps, corners, padded, pair_maps
from s2r_baselines._dit3d.voxels import Box, Cells
from s2r_baselines.dit3d import Dit3d, Dit3dOptions
from s2r_bench.conformance import CHECKS, made_subject
from s2r_bench.errors import DataError, UsageError
from s2r_bench.geometry.points import back_project, projected
from s2r_bench.seeds import FrameSeed
from s2r_bench.simulator import Budget
from s2r_bench.types import DepthFrame, DepthPair

K = np.array([[60.0, 0, 31.5], [0, 60, 23.5], [0, 0, 1]])
SEED = FrameSeed(1, 1)
CLOUD = {
    "cloud.mode": "cloud",
    "noise.prediction": "epsilon",
    "noise.sampler": "ddpm",
    "noise.train_steps": 4,
    "noise.steps": 2,
    "noise.clamp": 0.5,
    "cloud.points": 256,
    "cloud.fill": 1.0,
}


def frame(depth, name="0"):
    return DepthFrame(depth.astype(np.float32), K, np.eye(4), "s", "0", name)


def slope(size=(48, 64), far=2.0):
    rows, columns = np.mgrid[: size[0], : size[1]]
    return far + 0.01 * rows - 0.005 * columns


def pair(captured, seed=0, size=(48, 64)):
    clean = slope(size) + 0.05 * seed
    clean[:2] = 0
    other = np.where(clean > 0, captured(clean, np.random.default_rng(seed)), 0)
    return DepthPair(frame(clean, str(seed)), frame(other, str(seed)))


def noisy(clean, dice):
    return clean + 0.01 * dice.standard_normal(clean.shape)


def Pairs(captured=noisy, count=4):
    return MadePairs(lambda index: pair(captured, index), count)


def options(**changes):
    return Dit3dOptions.preset("smoke", {name.replace("__", "."): value for name, value in changes.items()})


def fitted(pairs=None, steps=None, **changes):
    simulator = Dit3d(options(**changes))
    simulator.fit(pairs or Pairs(), Budget(steps), 0)
    return simulator


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def everywhere(points):
    return torch.ones(points.shape[:2], dtype=torch.bool)


# --- cells ----------------------------------------------------------------------------------------------------------


def test_a_box_is_twice_the_largest_distance_from_the_mean():
    points = torch.tensor([[[-1.0, 5, 2], [1, 5, 2], [99, 99, 99]]])
    box = Box.around(points, torch.tensor([[True, True, False]]))
    assert box.centre.tolist() == [[[0, 5, 2]]]
    assert box.size.tolist() == [[[2]]]
    assert box.inward(points)[0, :2].tolist() == [[-0.5, 0, 0], [0.5, 0, 0]]
    assert torch.equal(box.outward(box.inward(points)), points)


def test_cells_of_two_points_by_hand():
    """(p + 1/2) * 4 is 0 and 4 along x, and 2 along y and z; 4 is beyond the last cell, which is 3."""
    points = torch.tensor([[[-1.0, 0, 0], [1, 0, 0]]])
    cells = Cells.of(points, everywhere(points), Box.around(points, everywhere(points)), 4)
    assert cells.coords.tolist() == [[[0, 2, 2], [3, 2, 2]]]
    assert cells.index.tolist() == [[0 * 16 + 2 * 4 + 2, 3 * 16 + 2 * 4 + 2]]


def test_the_mean_of_a_cell_is_that_of_a_loop_over_points():
    points, features, side = noise(2, 200, 3), noise(2, 200, 5, seed=1), 4
    there = torch.rand(2, 200, generator=torch.Generator().manual_seed(2)) < 0.7
    cells = Cells.of(points, there, Box.around(points, there), side)
    expected = np.zeros((2, 5, side, side, side))
    for b in range(2):
        kept = points[b][there[b]].numpy()
        centre = kept.mean(0)
        size = 2 * np.linalg.norm(kept - centre, axis=1).max()
        found = {}
        for point, feature in zip(kept, features[b][there[b]].numpy(), strict=True):
            cell = tuple(np.rint(np.clip(((point - centre) / size + 0.5) * side, 0, side - 1)).astype(int))
            found.setdefault(cell, []).append(feature)
        for cell, values in found.items():
            expected[(b, slice(None), *cell)] = np.mean(values, 0)
    assert np.allclose(cells.mean(features).numpy(), expected, atol=1e-12)


def test_one_point_a_cell_comes_back_as_it_went_in():
    points = torch.cartesian_prod(*[torch.arange(-4.0, 4, dtype=torch.float64)] * 3)[None]
    box = Box(torch.zeros(1, 1, 3), torch.full((1, 1, 1), 8.0))  # coordinates are p + 4: every cell has one point
    cells, features = Cells.of(points, everywhere(points), box, 8), noise(1, 512, 3)
    assert torch.equal(cells.share, torch.ones(1, 512))
    assert torch.equal(cells.within, torch.zeros(1, 512, 3))
    assert torch.allclose(cells.read(cells.mean(features)), features, atol=1e-12)


def test_reading_is_trilinear_along_each_axis():
    """Trilinear interpolation is exact for a function that is linear in the coordinates; the axes differ."""
    x, y, z = torch.meshgrid(*[torch.arange(6, dtype=torch.float64)] * 3, indexing="ij")
    grid = torch.stack([2 * x - y + 0.5 * z, z])[None]
    points = noise(1, 50, 3)
    cells = Cells.of(points, everywhere(points), Box.around(points, everywhere(points)), 6)
    x, y, z = cells.coords[0].unbind(1)
    assert torch.allclose(cells.read(grid)[0], torch.stack([2 * x - y + 0.5 * z, z], 1), atol=1e-12)


def test_a_cloud_does_not_depend_on_its_batch():
    points, features = noise(3, 300, 3, dtype=torch.float32), noise(3, 300, 4, seed=1, dtype=torch.float32)

    def grid(items):
        cloud = points[items]
        return Cells.of(cloud, everywhere(cloud), Box.around(cloud, everywhere(cloud)), 8).mean(features[items])

    assert torch.equal(grid(slice(0, 3))[1], grid(slice(1, 2))[0])


def test_an_empty_cloud_is_an_empty_grid():
    points = torch.zeros(1, 5, 3)
    cells = Cells.of(points, ~everywhere(points), Box.around(points, ~everywhere(points)), 4)
    grid = cells.mean(torch.ones(1, 5, 2))
    assert torch.isfinite(grid).all()
    assert not grid.any()


# --- frames, windows, projection ------------------------------------------------------------------------------------


def test_points_are_projected_to_the_nearest_pixel_and_the_nearest_point_wins():
    """u = 60 x / z + 31.5: x of 0.05 m at 2 m is 1.5 px to the right, which is column 33."""
    points = np.array(
        [[0.05, 0, 2.0], [0.05, 0, 1.999], [0.05, 0, 3.0], [0, 0, -2.0], [9.0, 0, 1.0], [-1.05, -0.78, 2.0]]
    )
    depth = projected(points, K, (48, 64))
    assert depth.dtype == np.float32
    # at 1.999 m the point is the same column, at 3 m it is 32.5, which rounds to the even one
    assert {tuple(place): float(depth[tuple(place)]) for place in np.argwhere(depth)} == {
        (24, 33): pytest.approx(1.999),
        (24, 32): 3.0,
        (0, 0): 2.0,
    }
    assert not projected(np.zeros((0, 3)), K, (4, 5)).any()


def test_what_is_back_projected_is_projected_back():
    clean = slope()
    clean[10:20, 5:9] = 0
    maps = clean_maps(frame(clean))
    windows = Windows(maps[None])
    assert np.allclose(windows.points[0].numpy(), back_project(frame(clean).depth, K).reshape(-1, 3), atol=1e-6)
    assert np.allclose(projected(windows.points[0].double().numpy(), K, (48, 64)), clean, atol=1e-6)


@pytest.mark.parametrize(("size", "start"), [((48, 64), 0), ((48, 64), 12), ((24, 25), 0), ((50, 31), 12)])
def test_windows_cover_a_frame_and_join_to_it(size, start):
    tiling, maps = Tiling(size, 24, start), noise(3, *size)
    windows = tiling.cut(maps)
    assert windows.shape[1:] == (3, 24, 24)
    assert torch.allclose(tiling.join(windows), maps)
    assert all(0 <= first <= length - 24 for length in size for first in corners(length, 24, start))


def test_overlapping_windows_are_averaged():
    tiling = Tiling((24, 36), 24)
    joined = tiling.join(torch.stack([torch.zeros(1, 24, 24), torch.ones(1, 24, 24)]))
    assert joined[0, 0].tolist() == [0.0] * 12 + [0.5] * 12 + [1.0] * 12


def test_captures_far_from_the_clean_depth_are_missing():
    def captured(clean, dice):
        far = clean.copy()
        far[:, :10] += 0.3
        far[:, 10:20] = 0
        return far

    maps = pair_maps(pair(captured), 0.2)
    assert not maps[6, :, :20].any()
    assert torch.equal(maps[6, :, 20:], maps[0, :, 20:])
    assert padded(maps, 64).shape == (7, 64, 64)
    assert not padded(maps, 64)[:, 48:].any()


# --- network --------------------------------------------------------------------------------------------------------


def test_patches_are_embedded_as_by_a_convolution_of_their_stride():
    grid, weight = noise(2, 3, 8, 8, 8), noise(5, 3, 4, 4, 4, seed=1)
    convolved = functional.conv3d(grid, weight, stride=4).flatten(2).transpose(1, 2)
    assert torch.allclose(folded(grid, 4) @ weight.flatten(1).T, convolved)
    assert torch.equal(unfolded(folded(grid, 4), 4, 2), grid)


def test_windows_of_tokens_are_cubes():
    places = torch.cartesian_prod(*[torch.arange(4)] * 3)[None]
    cubes = windowed(places, 4, 2)
    assert cubes.shape == (8, 8, 3)
    assert torch.equal(cubes // 2, (cubes // 2)[:, :1].expand_as(cubes))
    assert len(torch.unique(cubes[:, 0] // 2, dim=0)) == 8
    assert torch.equal(unwindowed(cubes, 4, 2), places)


@pytest.mark.parametrize(("window", "reached"), [(2, 8), (4, 64)])
def test_a_token_sees_its_own_window_of_its_own_grid(window, reached):
    torch.manual_seed(0)
    attention = Attention(12, 2, window).double()
    tokens = noise(2, 64, 12)
    moved = tokens.clone()
    moved[0, 21] += 1  # at (1, 1, 1): in the first window
    changed = (attention(tokens, 4) - attention(moved, 4)).abs().amax(2) > 1e-9
    places = torch.cartesian_prod(*[torch.arange(4)] * 3)
    assert changed[0].sum() == reached
    assert (places[changed[0]] < window).all()
    assert not changed[1].any()


def test_attention_is_that_of_a_loop():
    torch.manual_seed(0)
    attention, tokens = Attention(6, 2, 2).double(), noise(1, 8, 6)
    query, key, value = attention.qkv(tokens[0]).split(6, 1)
    heads = [
        torch.softmax(query[:, part] @ key[:, part].T / 3**0.5, 1) @ value[:, part] for part in (slice(3), slice(3, 6))
    ]
    assert torch.allclose(attention(tokens, 2)[0], attention.out(torch.cat(heads, 1)), atol=1e-12)


def test_codes_of_time_and_place_by_hand():
    code = time_code(torch.tensor([0, 1]))
    assert code.shape == (2, 256)
    assert code[0].tolist() == [1.0] * 128 + [0.0] * 128
    assert code[1, [0, 64, 128, 192]].tolist() == pytest.approx([np.cos(1), np.cos(0.01), np.sin(1), np.sin(0.01)])
    place = place_code(14, 3)  # 2 waves an axis, 12 of 14 channels
    assert place.shape == (27, 14)
    assert not place[:, 12:].any()
    assert place[0, :12].tolist() == [0, 0, 1, 1] * 3
    x, y, z = 2, 0, 1  # token 2 * 9 + 0 * 3 + 1; waves 1 and 1/100
    expected = [f(n * w) for n in (x, y, z) for f in (np.sin, np.cos) for w in (1, 0.01)]
    assert place[19, :12].tolist() == pytest.approx(expected, abs=1e-6)


def test_blocks_do_nothing_and_the_output_is_zero_before_training():
    torch.manual_seed(0)
    net = DiT3D(NetOptions(resolution=8, patch=2, width=24, depth=2, heads=2, attention_window=2, windowed=(0,)), 5, 3)
    grid, times = noise(2, 5, 8, 8, 8, dtype=torch.float32), torch.tensor([3, 900])
    assert not net(grid, times).any()
    tokens = noise(2, 64, 24, dtype=torch.float32)
    assert torch.equal(net.blocks[0](tokens, noise(2, 24, dtype=torch.float32), 4), tokens)
    assert [block.attention.window for block in net.blocks] == [2, 4]
    assert "place" not in net.state_dict()


def counted(width, depth, resolution, inputs, outputs, patch=4):
    """Weights and biases of each part, from the description."""
    cells = patch**3
    attention, mlp = 4 * width * (width + 1), 4 * width * (width + 1) + width * (4 * width + 1)
    block = 6 * width * (width + 1) + attention + mlp
    ends = (inputs * cells + 1) * width + 2 * width * (width + 1) + (width + 1) * outputs * cells
    return ends + (256 + 1) * width + width * (width + 1) + depth * block


@pytest.mark.parametrize(
    ("resolution", "width", "depth", "heads", "told", "within"),
    [(16, 128, 4, 2, 1.294e6, 0.05), (32, 192, 6, 3, 4.257e6, 0.01), (32, 384, 12, 6, 32.5e6, 0.01)],
)
def test_parameters_are_those_of_the_description(resolution, width, depth, heads, told, within):
    """Offsets, place within the cell and occupancy in, offsets out; the last size is S of the article."""
    net = DiT3D(NetOptions(resolution=resolution, width=width, depth=depth, heads=heads), 7, 3)
    count = sum(p.numel() for p in net.parameters())
    assert count == counted(width, depth, resolution, 7, 3)
    assert count == pytest.approx(told, rel=within)


@pytest.mark.parametrize(
    ("preset", "parameters"), [("smoke", 57_352), ("tiny", 1_417_600), ("small", 4_380_736), ("paper", 32_732_736)]
)
def test_sizes_of_the_presets(preset, parameters):
    made = Dit3dOptions.preset(preset)
    mode = Model(made.net, made.noise, made.cloud, "cpu").mode
    with torch.device("meta"):
        net = DiT3D(made.net, mode.inputs, mode.state)
    assert sum(p.numel() for p in net.parameters()) == parameters


# --- noise process --------------------------------------------------------------------------------------------------


def test_the_schedule_is_that_of_ddpm():
    process = NoiseProcess(NoiseOptions())
    assert float(process.abar[0]) == pytest.approx(1 - 1e-4)
    assert float(process.abar[-1]) == pytest.approx(4.0358e-5, rel=1e-3)  # Ho et al. 2020: L_T is almost nothing
    clean, eps = noise(2, 5, 3), noise(2, 5, 3, seed=1)
    made = process.noised(clean, eps, torch.tensor([0, 999]))
    assert torch.allclose(made[0], clean[0], atol=0.05)
    assert torch.allclose(made[1], eps[1], atol=0.05)


def test_a_ddpm_step_is_that_of_diffusers():
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(
        beta_schedule="linear",
        beta_start=1e-4,
        beta_end=0.02,
        variance_type="fixed_small",
        clip_sample=True,
        clip_sample_range=0.5,
    )
    process = NoiseProcess(NoiseOptions(sampler="ddpm", clamp=0.5))
    noisy_, said = noise(1, 7, 3), noise(1, 7, 3, seed=1)
    for time in (1, 10, 500, 999):
        clean, _ = process._split(said, noisy_, time)
        following = scheduler.step(said, time, noisy_, generator=torch.Generator().manual_seed(5)).prev_sample
        own = process._before(clean, noisy_, time) + process.spread(time) * noise(1, 7, 3, seed=5)
        # its schedule is in single precision, of which little is left of 1 - abar at the first steps
        assert torch.allclose(own, following.double(), atol=1e-3 if time < 10 else 1e-5)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
@pytest.mark.parametrize("prediction", ["sample", "epsilon"])
def test_a_perfect_prediction_is_drawn_whatever_the_noise(sampler, prediction):
    process = NoiseProcess(NoiseOptions(sampler=sampler, prediction=prediction, train_steps=50, steps=7))
    truth, dice = 0.3 * noise(2, 5, 3), torch.Generator().manual_seed(3)

    def predict(state, time, number):
        abar = float(process.abar[time])
        return truth if prediction == "sample" else (state - abar**0.5 * truth) / (1 - abar) ** 0.5

    drawn = process.sample(predict, lambda: torch.randn(2, 5, 3, generator=dice, dtype=torch.float64))
    assert torch.allclose(drawn, truth, atol=1e-9)


def test_noise_levels_that_are_visited():
    assert NoiseProcess(NoiseOptions(steps=4)).timesteps() == [999, 749, 499, 249]
    assert NoiseProcess(NoiseOptions(sampler="ddpm")).timesteps() == list(range(999, -1, -1))


# --- what is generated ----------------------------------------------------------------------------------------------


def test_offsets_lead_from_clean_to_captured_points():
    maps = pair_maps(pair(noisy), 0.2)
    mode = Offsets(CloudOptions(), 8, 0.03)
    state, weight = mode.target({"maps": maps[None]})
    windows = Windows(maps[None])
    seen = windows.captured[0] > 0
    moved = mode.moved(windows, state)[0]
    assert torch.allclose(moved[seen], (windows.captured[..., None] * windows.rays)[0][seen], atol=1e-6)
    assert state[0, seen, 3].unique().tolist() == [1]
    # the first two rows have no clean depth, and count for nothing
    assert not weight[0, :128].any()
    assert weight[0, 128:].unique().tolist() == [1]


def test_what_was_not_captured_is_an_offset_of_nothing_and_absent():
    maps = pair_maps(pair(lambda clean, dice: np.zeros_like(clean)), 0.2)
    state, weight = Offsets(CloudOptions(), 8, 0.03).target({"maps": maps[None]})
    assert state[0, 200].tolist() == [0, 0, 0, -1]
    assert weight[0, 200].tolist() == pytest.approx([0.1, 0.1, 0.1, 1])


def test_a_cloud_is_of_captured_points_in_the_clean_box():
    captured = pair(lambda clean, dice: np.where(dice.random(clean.shape) < 0.5, clean + 0.02, 0))
    items = Items(CloudOptions(mode="cloud", crop=24, points=400), [captured])
    batch = items.batch(0, 0, 0, 2)
    mode = Clouds(items.options, 8)
    state, weight = mode.target(batch)
    assert state.shape == (2, 400, 3)
    scene = mode.scene(Windows(batch["maps"]))
    depth = scene.box.outward(state)[..., 2]
    clean = Windows(batch["maps"]).depth.gather(1, batch["picks"])
    assert torch.allclose(depth[weight[..., 0] > 0], (clean + 0.02)[weight[..., 0] > 0], atol=1e-4)
    assert (weight > 0).all()
    assert state.norm(dim=-1).max() < 0.55


def test_a_cloud_of_few_clean_points_weighs_nothing():
    maps = pair_maps(pair(noisy), 0.2)
    maps[0, :, 2:] = 0
    picks = torch.full((1, 10), 64 * 10)
    mode = Clouds(CloudOptions(mode="cloud"), 8)
    assert not mode.target({"maps": maps[None], "picks": picks})[1].any()
    assert mode.target({"maps": maps[None, :, :, :16], "picks": picks // 4})[1].all()


def test_picks_are_captured_pixels_each_once_where_there_are_enough():
    items = Items(CloudOptions(mode="cloud", points=5), [])
    dice = torch.Generator().manual_seed(0)
    window = torch.zeros(4, 4)
    window[1, :] = window[2, :] = 1
    picks = items._picks(window, dice)
    assert len(set(picks.tolist())) == 5
    assert set(picks.tolist()) <= set(range(4, 12))
    window[1:, :2] = 0
    window[1, :] = 0
    assert set(items._picks(window, dice).tolist()) <= {10, 11}
    assert len(items._picks(torch.zeros(4, 4), dice)) == 5


@pytest.mark.parametrize("changes", [{}, CLOUD])
def test_a_prediction_depends_on_its_own_window_alone(changes):
    torch.manual_seed(0)
    made = options(**changes)
    mode = Clouds(made.cloud, 8) if changes else Offsets(made.cloud, 8, 0.01)
    net = DiT3D(made.net, mode.inputs, mode.state)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    batch = Items(made.cloud, Pairs()).batch(0, 0, 0, 3)
    state, times = noise(3, mode.target(batch)[0].shape[1], mode.state, dtype=torch.float32), torch.tensor([1, 5, 9])

    def said(items):
        return mode.predict(net, mode.scene(Windows(batch["maps"][items])), state[items], times[items])

    assert torch.allclose(said(slice(0, 3))[1], said(slice(1, 2))[0], atol=1e-5)
    assert said(slice(0, 3)).std() > 0


def test_batches_are_functions_of_seed_and_step():
    made = options().cloud
    first, again = Items(made, Pairs()), Items(made, Pairs())
    assert torch.equal(first.batch(0, 3, 0, 4)["maps"], [again.batch(0, s, 0, 4) for s in (1, 3)][1]["maps"])
    assert not torch.equal(first.batch(0, 3, 0, 4)["maps"], first.batch(0, 4, 0, 4)["maps"])


# --- the simulator --------------------------------------------------------------------------------------------------


def test_it_learns_a_bias_and_where_nothing_is_captured():
    def sensor(clean, dice):
        far = clean + 0.03
        far[:, 44:] = 0
        return far

    simulator = fitted(Pairs(sensor), steps=150, train__batch=8, train__lr=3e-3)
    assert simulator._model.scale_m == pytest.approx(0.03, rel=1e-3)
    clean = frame(slope(far=2.1))
    drawn = simulator.simulate([clean], [SEED])[0]
    seen = drawn.valid & clean.valid
    assert float(np.median(drawn.depth[seen] - clean.depth[seen])) == pytest.approx(0.03, abs=0.01)
    assert drawn.valid[4:, 4:40].mean() > 0.8
    assert drawn.valid[4:, 48:60].mean() < 0.2


def test_generated_clouds_come_to_lie_on_the_captured_surface():
    schedule = {"noise.train_steps": 100, "noise.first_beta": 1e-3, "noise.last_beta": 0.15, "cloud.fill": 3.0}
    training = {"train__batch": 8, "train__lr": 2e-3, "train__ema": 0.9}
    clean = frame(slope(far=2.1))
    halves, middles = [], []
    for steps in (20, 400):
        simulator = fitted(Pairs(lambda depth, dice: depth + 0.05), steps, **{**CLOUD, **schedule}, **training)
        drawn = simulator.simulate([clean], [SEED])[0]
        off = (drawn.depth - clean.depth)[drawn.valid]
        low, middle, high = np.quantile(off, [0.25, 0.5, 0.75])
        halves, middles = [*halves, high - low], [*middles, middle]
    assert halves[1] < 0.1 < halves[0]  # of 1.2 m across
    assert middles[1] == pytest.approx(0.05, abs=0.06)
    assert drawn.valid.mean() > 0.8


def test_the_scale_can_be_given_and_is_fitted_else():
    items = Items(CloudOptions(), Pairs())
    assert items.fitted_scale() == pytest.approx(0.01, rel=0.03)
    assert fitted(cloud__scale_m=0.03)._model.scale_m == 0.03
    with pytest.raises(DataError, match="the same everywhere"):
        fitted(Pairs(lambda clean, dice: clean))
    with pytest.raises(DataError, match=r"nowhere within 0.2 m"):
        fitted(Pairs(lambda clean, dice: clean + 1))


@pytest.mark.parametrize("changes", [{}, CLOUD])
@pytest.mark.parametrize("size", [(48, 64), (20, 70), (10, 12)])
def test_frames_of_any_size(changes, size):
    simulator = fitted(**changes)
    clean = slope(size)
    clean[:, :3] = 0
    drawn = simulator.simulate([frame(clean), frame(np.zeros(size))], [SEED, SEED])
    assert drawn[0].size == size
    assert drawn[0].valid.any()
    assert not drawn[0].valid[:, :3].any()
    assert not drawn[1].valid.any()


def test_nothing_beyond_the_range_of_the_card():
    simulator = fitted(Pairs(lambda clean, dice: clean + 0.1), steps=60, train__batch=8, train__lr=3e-3)
    drawn = simulator.simulate([frame(np.full((48, 64), 4.98))], [SEED])[0]
    assert drawn.depth.max() <= 5.0
    assert not drawn.valid.all()


def test_points_need_not_stay_in_their_pixel():
    """A draw is moved in space, so that some pixels get two points and some none: a depth map of points."""
    model = fitted(cloud__scale_m=0.03)._model
    dice = torch.Generator().manual_seed(0)
    points = model.points(frame(slope()), dice)
    assert points.shape[1] == 3
    plain = back_project(frame(slope()).depth, K).reshape(-1, 3)
    aside = points[:, :2] / points[:, 2:] - (plain[:, :2] / plain[:, 2:])[: len(points)]
    assert np.abs(aside).max() > 0


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_generated_clouds_keep_the_contract(check, generating):
    outcome = check(generating)
    assert outcome.state not in ("failed", "blocked"), outcome


@pytest.fixture(scope="module")
def generating(tmp_path_factory):
    return made_subject("dit3d", tmp_path_factory.mktemp("check"), overrides=CLOUD)


def test_weights_of_another_network_are_refused(tmp_path):
    fitted().save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dit3d.json", "weights.safetensors"]
    with pytest.raises(DataError, match=r"weights\.safetensors is of another network"):
        Dit3d(options(net__width=36)).load(tmp_path)
    (tmp_path / "dit3d.json").write_text('{"scale_m": 1}')
    with pytest.raises(DataError, match=r"dit3d\.json is damaged"):
        Dit3d(options()).load(tmp_path)


def test_the_budget_is_optimiser_steps():
    simulator = Dit3d(options())
    report = simulator.fit(Pairs(), Budget(3), 0)
    assert report.steps == 3
    assert report.parameters == 57_352
    assert [row["step"] for row in report.curve] == [2.0, 3.0]


def test_its_card_says_clouds():
    assert Dit3d.card.output == "cloud"
    assert Dit3d.card.training == "paired"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("net.patch", 3, "patch must divide"),
        ("net.heads", 5, "heads must divide"),
        ("net.windowed", (0, 7), "windowed names blocks"),
        ("noise.steps", 2000, "at most train_steps"),
        ("cloud.mode", "mesh", "offset"),
    ],
)
def test_options_that_do_not_fit_are_refused(name, value, said):
    with pytest.raises(UsageError, match=said):
        Dit3dOptions.preset("tiny", {name: value})


def test_an_attention_window_must_divide_the_tokens():
    with pytest.raises(UsageError, match="attention_window must divide the 4 tokens"):
        Dit3dOptions.preset("tiny", {"net.windowed": (0,), "net.attention_window": 3})
