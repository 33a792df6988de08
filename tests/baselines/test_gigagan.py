"""GigaGAN: adaptive kernels, distance attention, networks, losses, the loop of two optimisers, exact resume."""

import math
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from made_pairs import MadePairs, noisy_pair
from torch.nn import functional

from s2r_baselines._diffusion.options import StageOptions
from s2r_baselines._diffusion.stage import Stage, _Items
from s2r_baselines._gan.crops import Crops
from s2r_baselines._gan.maps import fitted_code, resting, with_holes
from s2r_baselines._gan.options import MapOptions
from s2r_baselines._gan.paired import sides_of
from s2r_baselines._gigagan.discriminator import Discriminator
from s2r_baselines._gigagan.game import networks
from s2r_baselines._gigagan.generator import Generator
from s2r_baselines._gigagan.layers import (
    AdaptiveConv,
    L2Attention,
    RMSNorm,
    distance_attention,
    doubled,
    pyramid,
    squared_distances,
)
from s2r_baselines._gigagan.losses import discriminator_loss, generator_loss, pyramid_l1, pyramid_validity, r1_penalty
from s2r_baselines._gigagan.options import NetOptions
from s2r_baselines.gigagan import GigaGan, GigaGanOptions
from s2r_bench.engine.two_player import Player
from s2r_bench.errors import DataError, UsageError
from s2r_bench.seeds import FrameSeed
from s2r_bench.simulator import Budget
from s2r_bench.types import DepthPair

pair = partial(noisy_pair, missing=3)
Pairs = partial(MadePairs, pair)
SMALL = NetOptions(channels=(4, 8), heads=2, head_dim=4, noise=6, style=8, features=4)
MILLION = 1e6


def options(**changes):
    return GigaGanOptions.preset("smoke", changes)


def fitted(seed=0, workdir=None, **changes):
    simulator = GigaGan(options(**changes))
    return simulator, simulator.fit(Pairs(), Budget(), seed, workdir)


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# --- adaptive convolution -------------------------------------------------------------------------------------------


def grouped(conv, x, style):
    """One kernel for every sample, mixed, modulated and demodulated by itself, and a convolution in groups."""
    scale, share = 1 + style[:, : conv.inputs], style[:, conv.inputs :].softmax(1)
    kernels = torch.einsum("bn,noiyx->boiyx", share, conv.weight) * scale[:, None, :, None, None]
    kernels = kernels / (kernels.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    flat = functional.conv2d(x.flatten(0, 1)[None], kernels.flatten(0, 1), padding="same", groups=len(x))
    return flat.unflatten(1, (len(x), -1))[0]


@pytest.mark.parametrize(("kernels", "size"), [(1, 3), (2, 3), (4, 1)])
def test_dense_adaptive_convolution_is_the_grouped_one(kernels, size):
    torch.manual_seed(0)
    conv = AdaptiveConv(5, 7, kernels, size).double()
    x, style = noise(3, 5, 8, 6).requires_grad_(), noise(3, conv.style_length, seed=1).requires_grad_()
    results = []
    for form in (conv, lambda a, b: grouped(conv, a, b)):
        out = form(x, style)
        results.append((out, *torch.autograd.grad((out**3).sum(), [x, style, conv.weight])))
    assert results[0][0].shape == (3, 7, 8, 6)
    for dense, reference in zip(*results, strict=True):
        assert torch.allclose(dense, reference, atol=1e-9)


def test_a_sample_is_convolved_by_its_own_style_alone():
    torch.manual_seed(0)
    conv = AdaptiveConv(4, 6, 3).double()
    x, style = noise(4, 4, 8, 8), noise(4, conv.style_length, seed=1)
    assert torch.allclose(conv(x, style)[2:3], conv(x[2:3], style[2:3]), atol=1e-12)


def test_a_selection_that_is_sure_takes_one_kernel_of_the_bank():
    conv = AdaptiveConv(4, 6, 2).double()
    x, style = noise(1, 4, 8, 8), torch.zeros(1, conv.style_length, dtype=torch.float64)
    style[0, -1] = 50.0
    kernel = conv.weight[1] / conv.weight[1].square().sum((1, 2, 3), keepdim=True).sqrt()
    assert torch.allclose(conv(x, style), functional.conv2d(x, kernel, padding=1), atol=1e-6)


# --- attention ------------------------------------------------------------------------------------------------------


def looped(query, key, value):
    out = torch.zeros(*query.shape[:-1], value.shape[-1], dtype=query.dtype)
    for b, h, i in np.ndindex(*query.shape[:3]):
        distances = [
            float((query[b, h, i] - key[b, h, j]) @ (query[b, h, i] - key[b, h, j])) for j in range(len(key[b, h]))
        ]
        weights = np.exp(-np.array(distances) / query.shape[-1] ** 0.5)
        for share, token in zip(weights / weights.sum(), value[b, h], strict=True):
            out[b, h, i] += share * token
    return out


@pytest.mark.parametrize("fused", [False, True])
def test_distance_attention_is_the_loop(fused):
    query, key, value = noise(2, 2, 5, 3), noise(2, 2, 6, 3, seed=1), noise(2, 2, 6, 3, seed=2)
    with torch.set_grad_enabled(not fused):
        found = distance_attention(query, key, value)
    assert torch.allclose(found, looped(query, key, value), atol=1e-12)


def test_attention_layer_ties_queries_to_keys_and_adds_a_null_token():
    torch.manual_seed(0)
    layer = L2Attention(6, 2, 3).double()
    with torch.no_grad():
        layer.mlp[-1].weight.zero_()
        layer.mlp[-1].bias.zero_()
    x = noise(1, 6, 2, 3)
    normed = x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()
    query = layer.query_key(normed).reshape(1, 2, 3, 6).transpose(2, 3)
    value = layer.value(normed).reshape(1, 2, 3, 6).transpose(2, 3)
    key, value = (torch.cat([n[None, :, None], t], 2) for n, t in zip(layer.null, (query, value), strict=True))
    mixed = looped(query.detach(), key.detach(), value.detach()).transpose(2, 3).reshape(1, 6, 2, 3)
    assert torch.allclose(layer(x), x + layer.out(mixed), atol=1e-12)


def test_a_tied_token_attends_to_itself_the_most():
    tokens = noise(1, 1, 9, 4) * 3
    distances = squared_distances(tokens, tokens)[0, 0]
    assert torch.allclose(distances, distances.T, atol=1e-12)
    assert float(distances.diagonal().abs().max()) < 1e-12
    assert torch.equal((-distances).softmax(1).argmax(1), torch.arange(9))


def test_its_slope_stays_bounded_where_that_of_dot_products_does_not():
    def steepest(attention, reach):
        # a token at the middle of two far ones: its dot products with them are equal however far they are
        tokens = torch.tensor([[[[0.0], [reach], [-reach]]]], dtype=torch.float64)
        jacobian = torch.autograd.functional.jacobian(lambda t: attention(t, t, t), tokens)
        return float(jacobian.abs().max())

    reaches = (1.0, 10.0, 100.0)
    ours = [steepest(distance_attention, reach) for reach in reaches]
    dots = [steepest(functional.scaled_dot_product_attention, reach) for reach in reaches]
    assert max(ours) < 3
    assert dots[-1] > 1000 * dots[0]


def test_norm_gives_every_pixel_unit_mean_square():
    assert torch.allclose(RMSNorm(6)(noise(2, 6, 3, 3) * 7).square().mean(1), torch.ones(2, 3, 3).double())


# --- networks -------------------------------------------------------------------------------------------------------


def test_doubling_is_torchs_bilinear():
    x = noise(2, 3, 5, 7)
    assert torch.allclose(doubled(x), functional.interpolate(x, scale_factor=2, mode="bilinear"), atol=1e-12)


def test_generator_draws_every_scale_and_listens_to_noise_and_condition():
    torch.manual_seed(0)
    generator = Generator(NetOptions(channels=(4, 8, 8), heads=2, head_dim=4), 6)
    condition, z = torch.randn(2, 6, 32, 24), torch.randn(2, 64)
    drawn = generator(condition, z)
    assert [tuple(maps.shape) for maps in drawn] == [(2, 2, 32, 24), (2, 2, 16, 12), (2, 2, 8, 6)]
    assert not torch.equal(drawn[0], generator(condition, z.flip(0))[0])
    assert not torch.equal(drawn[0], generator(condition.flip(0), z)[0])
    assert torch.allclose(drawn[0], generator(condition, 5 * z)[0], atol=1e-5)  # only its direction counts


def test_every_parameter_of_both_networks_learns():
    generator, discriminator = networks(SMALL, 6, 0)
    condition = torch.randn(2, 6, 16, 16)
    drawn = generator(condition, torch.randn(2, 6))
    logits = discriminator(drawn, pyramid(condition, 2))
    (generator_loss(logits, 0.1) + sum(maps.square().mean() for maps in drawn)).backward()
    for network in (generator, discriminator):
        still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
        assert still == []


def test_discriminator_judges_each_scale_after_each_level_below():
    torch.manual_seed(0)
    judge = Discriminator(NetOptions(channels=(4, 8, 8), heads=2, head_dim=4), 6).double()
    maps, conditions = pyramid(noise(3, 2, 32, 48), 3), pyramid(noise(3, 6, 32, 48, seed=1), 3)
    judged = judge(maps, conditions)
    sizes = [[tuple(part.shape) for part in parts] for parts in judged]
    at = {level: (3, 1, 16 >> level, 24 >> level) for level in range(3)}
    assert sizes == [[at[0], at[1], at[2]], [at[1], at[2]], [at[2]]]
    finest = judge(maps[:1], conditions[:1])
    assert len(finest) == 1
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(finest[0], judged[0], strict=True))
    alone = judge([m[1:2] for m in maps], [c[1:2] for c in conditions])
    for whole, one in zip(judged, alone, strict=True):
        assert all(torch.allclose(a[1:2], b, atol=1e-12) for a, b in zip(whole, one, strict=True))


def test_discriminator_sees_the_condition():
    torch.manual_seed(0)
    judge = Discriminator(SMALL, 6)
    maps, conditions = pyramid(torch.randn(1, 2, 16, 16), 2), pyramid(torch.randn(1, 6, 16, 16), 2)
    other = judge(maps, [-c for c in conditions])
    for a, b in zip(judge(maps, conditions), other, strict=True):
        assert not any(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(
    ("channels", "generator_m", "discriminator_m"),
    [
        ((16, 32, 64), 0.714, 0.141),  # tiny
        ((16, 32, 64, 64), 1.112, 0.217),  # small
        ((32, 64, 128), 2.69, 0.532),
    ],
)
def test_sizes_are_those_that_were_measured(channels, generator_m, discriminator_m):
    with torch.device("meta"):
        found = [sum(p.numel() for p in net.parameters()) for net in networks(NetOptions(channels=channels), 2, 0)]
    assert found[0] / MILLION == pytest.approx(generator_m, rel=0.05)
    assert found[1] / MILLION == pytest.approx(discriminator_m, rel=0.05)


def counted(net, condition):
    widths, inner = net.channels, net.heads * net.head_dim
    total = 0
    for here, there in zip(widths, (*widths[1:], widths[-1]), strict=True):
        enter, block = 9 * (condition + 2) * here + here, 2 * (9 * here**2 + here)
        total += enter + block + (here * there + there) + (9 * there + 1)
    last = widths[-1]
    return total + 2 * last + 3 * last * inner + 2 * inner + (2 * last**2 + 2 * last) + (2 * last**2 + last)


def test_paper_preset_is_of_the_size_of_the_public_package():
    preset = GigaGanOptions.preset("paper")
    with torch.device("meta"):
        generator, discriminator = networks(preset.net, 2, 0)
    # the package's example (width 32, five levels) has 47.9 million, with another decoder
    assert sum(p.numel() for p in generator.parameters()) / MILLION == pytest.approx(47.9, rel=0.1)
    assert sum(p.numel() for p in discriminator.parameters()) == counted(preset.net, 2)
    assert (preset.net.kernels, preset.loss.r1_every, preset.loss.coarse, preset.train.lr) == (2, 16, 0.1, 2e-4)
    with torch.device("meta"):
        drawn = generator(torch.empty(1, 2, 192, 256), torch.empty(1, 64))
    assert [tuple(maps.shape[2:]) for maps in drawn] == [(192 >> i, 256 >> i) for i in range(5)]


# --- losses ---------------------------------------------------------------------------------------------------------


def test_logistic_losses_by_hand():
    real = [[torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([[[[0.0]]]])], [torch.tensor([[[[2.0]]]])]]
    fake = [[-part for part in parts] for parts in real]
    side = (np.log1p(np.exp(-1)) + np.log1p(np.exp(-3))) / 2 + np.log(2) + 0.25 * np.log1p(np.exp(-2))
    assert float(discriminator_loss(real, fake, 0.25)) == pytest.approx(2 * side)
    assert float(generator_loss(real, 0.25)) == pytest.approx(side)
    # non-saturating: where the discriminator is sure, the generator's slope is 1, not 0
    lost = torch.full((1, 1, 1, 1), -20.0, requires_grad=True)
    generator_loss([[lost]], 1.0).backward()
    assert float(lost.grad) == pytest.approx(-1)


def test_r1_and_its_slope_by_hand():
    # score = a * sum(x^2): gradient 2 a x, penalty 4 a^2 |x|^2, slope of the penalty in a 8 a |x|^2
    x, a = noise(3, 2, 4, 4).requires_grad_(), torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    penalty = r1_penalty([(a * x.square().sum((1, 2, 3))).view(3, 1, 1, 1)], x)
    square = float(x.detach().square().sum((1, 2, 3)).mean())
    assert float(penalty.detach()) == pytest.approx(4 * 0.49 * square)
    (slope,) = torch.autograd.grad(penalty, a)
    assert float(slope) == pytest.approx(8 * 0.7 * square)


def test_r1_of_a_map_of_logits_is_the_mean_over_its_places():
    slopes = torch.arange(1.0, 17.0, dtype=torch.float64).view(1, 1, 4, 4)
    x = noise(2, 2, 4, 4).requires_grad_()
    assert float(r1_penalty([slopes * x[:, :1]], x).detach()) == pytest.approx(float(slopes.square().mean()))


def test_r1_goes_through_the_whole_discriminator():
    torch.manual_seed(0)
    judge, x, condition = Discriminator(SMALL, 6).double(), noise(2, 2, 16, 16), noise(2, 6, 16, 16, seed=1)
    x.requires_grad_()
    penalty = r1_penalty(judge([x], [condition])[0], x)

    def score(one, index):
        parts = judge([one], [condition[index : index + 1]])[0]
        return sum(part.sum() / part.numel() ** 0.5 for part in parts)

    each = [torch.autograd.grad(score(x[i : i + 1], i), x)[0].square().sum() for i in range(2)]
    assert float(penalty.detach()) == pytest.approx(float(sum(each)) / 2)
    penalty.backward()
    assert float(judge.levels[-1].attention.query_key.weight.grad.abs().max()) > 0


def test_l1_is_weighted_and_summed_over_scales():
    drawn, wanted = (
        [torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 1, 1)],
        [torch.ones(1, 2, 2, 2), 3 * torch.ones(1, 2, 1, 1)],
    )
    weights = [torch.zeros(1, 2, 2, 2), torch.ones(1, 2, 1, 1)]
    weights[0][0, 0] = 1
    assert float(pyramid_l1(drawn, wanted, weights)) == pytest.approx(1 + 3)


def test_validity_is_taught_at_every_scale():
    drawn = [torch.zeros(1, 2, 2, 2), torch.full((1, 2, 1, 1), 2.0)]
    wanted = [torch.ones(1, 2, 2, 2), 0.5 * torch.ones(1, 2, 1, 1)]  # three of four pixels have a value
    weights = [torch.ones(1, 2, 2, 2), torch.ones(1, 2, 1, 1)]
    coarse = 0.75 * math.log1p(math.exp(-2.0)) + 0.25 * math.log1p(math.exp(2.0))
    assert float(pyramid_validity(drawn, wanted, weights)) == pytest.approx(math.log(2) + coarse)


# --- codes and items ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("residual", [False, True])
def test_captures_look_to_the_discriminator_as_they_are(residual):
    one, code = pair(), fitted_code(MapOptions(residual=residual), Pairs())
    condition, target = code.condition(one.clean)[None], code.target(one)[0][None]
    rest = resting(condition, residual=residual)
    sure = torch.tensor([1.0, 40.0]).view(1, 2, 1, 1)  # logits that leave no doubt
    assert torch.allclose(with_holes(sure * target, condition, rest), target)
    # what the generator puts under a hole, or claims where the clean depth has nothing, is not seen
    hole = target[:, 1:] < 0
    lied = torch.where(hole, 0.3, target[:, :1])
    claimed = torch.where(condition[:, 1:2] < 0, 1.0, target[:, 1:])
    assert torch.allclose(with_holes(sure * torch.cat([lied, claimed], 1), condition, rest), target)


def test_crops_are_those_of_the_diffusion_simulators():
    code = fitted_code(MapOptions(), Pairs())
    shared = StageOptions.preset("smoke", {"code.s2d_factor": 1, "code.whiten": False, "crop": 32})
    stage = Stage(shared, residual=False, earlier=0, device="cpu")
    stage.maps = code
    theirs = _Items(stage, Pairs(), None, None).batch(5, 3, 0, 4)
    ours = Crops(Pairs(), [lambda one: sides_of(code, one)], 32).batch(5, 3, 4)
    for name, other in (("clean", "condition"), ("captured", "target"), ("weight", "weight")):
        assert torch.equal(ours[name], theirs[other])


def test_residual_code_of_pairs_without_noise_is_refused():
    same = MadePairs(lambda index: DepthPair(pair(index).clean, pair(index).clean))
    with pytest.raises(DataError, match="no residual"):
        fitted_code(MapOptions(residual=True), same)


# --- training -------------------------------------------------------------------------------------------------------


class Killed(RuntimeError):
    pass


@pytest.mark.parametrize("side", ["generators", "discriminators"])
def test_resumed_training_ends_in_the_same_weights_bit_for_bit(tmp_path, monkeypatch, side):
    changes = {"train.steps": 12, "train.log_every": 4, "loss.r1_every": 2, "train.checkpoint_s": 1e-9}
    straight, report = fitted(1, **changes)
    move, left = Player.move, [4]

    def failing(self, loss, rate):
        left[0] -= self.side == side
        if left[0] < 0:
            raise Killed
        move(self, loss, rate)

    monkeypatch.setattr(Player, "move", failing)
    with pytest.raises(Killed):
        fitted(1, tmp_path, **changes)
    monkeypatch.setattr(Player, "move", move)
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["step-0000004.safetensors"]
    resumed, again = fitted(1, tmp_path, **changes)
    weights = [one.translator.generator.state_dict() for one in (straight, resumed)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert again.curve == report.curve
    assert again.seconds > 0


def test_a_finished_fit_is_read_and_not_done_again(tmp_path):
    first, _ = fitted(1, tmp_path)
    second, report = fitted(1, tmp_path)
    weights = [one.translator.generator.state_dict() for one in (first, second)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert report.steps == 8


def test_a_checkpoint_of_other_networks_is_refused(tmp_path):
    fitted(1, tmp_path)
    with pytest.raises(DataError, match="another game"):
        fitted(1, tmp_path, **{"net.channels": (4, 16)})


def test_a_fit_is_decided_by_its_seed_and_leaves_the_global_generator_alone():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    runs = [fitted(seed)[0].translator.generator.state_dict() for seed in (3, 3, 4)]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])
    assert not all(torch.equal(runs[0][name], runs[2][name]) for name in runs[0])


def test_budget_counts_the_steps_of_both_networks():
    simulator = GigaGan(options(**{"train.log_every": 2}))
    report = simulator.fit(Pairs(), Budget(steps=7), 0)
    assert report.steps == 6
    assert [row["step"] for row in report.curve] == [4.0, 6.0]
    generator, discriminator = networks(simulator.options.net, 6, 0)
    assert report.parameters == sum(p.numel() for net in (generator, discriminator) for p in net.parameters())
    assert {"train_loss", "discriminator_loss", "l1", "r1"} <= set(report.curve[0])
    assert "r1" not in report.curve[1]  # the next penalty is due in round 16


def test_average_follows_the_generator():
    simulator, _ = fitted(**{"train.ema": 0.0})
    plain = dict(simulator.translator.generator.named_parameters())
    averaged = dict(fitted(**{"train.ema": 0.9})[0].translator.generator.named_parameters())
    assert not torch.equal(plain["enter.weight"], averaged["enter.weight"])
    assert torch.allclose(plain["enter.weight"], averaged["enter.weight"], atol=1e-2)


def test_training_brings_the_drawn_depth_to_the_capture():
    one, found = pair(9), []
    for steps in (2, 60):
        simulator, _ = fitted(**{"train.steps": steps, "train.lr": 4e-3})
        drawn = simulator.simulate([one.clean], [FrameSeed(0, 0)])[0]
        both = drawn.valid & one.captured.valid
        assert both.mean() > 0.5
        found.append((drawn.depth[both], one.captured.depth[both]))
    errors = [float(np.median(np.abs(drawn - captured))) for drawn, captured in found]
    assert errors[1] < 0.5 * errors[0]
    assert np.corrcoef(*found[1])[0, 1] > 0.5  # the slope of the floor is followed, and not turned around


# --- the simulator --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("residual", [False, True])
def test_saved_and_loaded_draws_the_same(tmp_path, residual):
    simulator, _ = fitted(**{"code.residual": residual})
    simulator.save(tmp_path)
    again = GigaGan(simulator.options)
    again.load(tmp_path)
    frame, seed = pair(7).clean, FrameSeed(4, 2)
    drawn = [one.simulate([frame], [seed])[0].depth for one in (simulator, again)]
    assert np.array_equal(drawn[0], drawn[1])
    assert (drawn[0] > 0).mean() > 0.3


def test_another_networks_checkpoint_is_refused(tmp_path):
    fitted()[0].save(tmp_path)
    with pytest.raises(DataError, match=r"generator\.safetensors is of another network"):
        GigaGan(options(**{"net.channels": (8, 32)})).load(tmp_path)
    with pytest.raises(DataError, match=r"constants\.json is of another code"):
        GigaGan(options(**{"code.residual": True})).load(tmp_path)


@pytest.mark.parametrize("size", [(37, 53), (5, 3), (48, 64)])
def test_frames_of_any_size_each_by_themselves(size):
    simulator, _ = fitted()
    frames = [pair(seed, size).clean for seed in (1, 2)]
    seeds = [FrameSeed(1, 0), FrameSeed(2, 0)]
    both = simulator.simulate(frames, seeds)
    assert [one.size for one in both] == [size, size]
    assert np.array_equal(simulator.simulate(frames[1:], seeds[1:])[0].depth, both[1].depth)


def test_diagnosis_says_how_much_the_noise_matters():
    simulator, _ = fitted()
    found = simulator.diagnose(Pairs(), 0)
    assert found["noise_spread_mm"] > 0
    assert simulator.diagnose(Pairs(), 0) == found


def test_a_crop_that_does_not_halve_is_refused():
    with pytest.raises(UsageError, match=r"crop must be a multiple of 2\^levels = 8"):
        GigaGanOptions.preset("tiny", {"crop": 36})


def test_the_module_is_light():
    code = "import sys, s2r_baselines.gigagan; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
