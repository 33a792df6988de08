"""CycleGAN and pix2pix: networks as published, losses, image pool, exact resume, seeded dropout."""

import json
import math
from functools import partial

import numpy as np
import pytest
import torch
from made_pairs import MadePairs, frame, noisy_pair

from s2r_baselines._gan.crops import Crops
from s2r_baselines._gan.cycle import CycleGame
from s2r_baselines._gan.images import FarPairCode, ImageCode, mirrored
from s2r_baselines._gan.losses import adversarial, judged, validity_loss, weighted_l1
from s2r_baselines._gan.maps import map_code, resting, unpaired_threshold, with_holes
from s2r_baselines._gan.nets import (
    Adding,
    PatchDiscriminator,
    Reflect,
    ResnetGenerator,
    UnetGenerator,
    dropped,
    initialised,
)
from s2r_baselines._gan.options import ImageOptions, MapOptions
from s2r_baselines._gan.paired import PairedGame, sides_of
from s2r_baselines._gan.pool import ImagePool
from s2r_baselines._gan.translator import NOTE, WEIGHTS, depth_correlation
from s2r_baselines.cyclegan import CycleGan, CycleGanOptions
from s2r_baselines.gigagan import GigaGan
from s2r_baselines.pix2pix import Pix2Pix, Pix2PixOptions
from s2r_bench.engine.checkpoint import latest_state
from s2r_bench.errors import DataError, UsageError
from s2r_bench.seeds import FrameSeed
from s2r_bench.simulator import Budget
from s2r_bench.types import DepthPair

pair = partial(noisy_pair, apart=0.1)
Pairs = partial(MadePairs, pair)
METHODS = [(CycleGan, CycleGanOptions), (Pix2Pix, Pix2PixOptions)]


def parameters(network):
    return sum(p.numel() for p in network.parameters()) / 1e6


# counts in millions as the public implementation prints them
@pytest.mark.parametrize(
    ("make", "millions"),
    [
        (lambda: ResnetGenerator(3, 64, 9), 11.378),
        (lambda: ResnetGenerator(3, 64, 6), 7.838),
        (lambda: UnetGenerator(3, 64, 8), 54.414),
        (lambda: UnetGenerator(3, 64, 7), 41.829),
        (lambda: PatchDiscriminator(3, 64, 3, "instance"), 2.765),
        (lambda: PatchDiscriminator(6, 64, 3, "affine"), 2.769),
        (lambda: ResnetGenerator(1, 64, 9), 11.366),
        (lambda: ResnetGenerator(1, 64, 6), 7.825),
        (lambda: UnetGenerator(1, 64, 8), 54.408),
        (lambda: UnetGenerator(1, 64, 7), 41.823),
        (lambda: PatchDiscriminator(1, 64, 3, "instance"), 2.763),
        (lambda: PatchDiscriminator(2, 64, 3, "affine"), 2.765),
        (lambda: ResnetGenerator(1, 16, 6), 0.491),
        (lambda: ResnetGenerator(1, 8, 6), 0.123),
        (lambda: UnetGenerator(1, 16, 6), 1.829),
        (lambda: UnetGenerator(1, 8, 7), 0.655),
        (lambda: UnetGenerator(1, 8, 7, "batch"), 0.655),
        (lambda: PatchDiscriminator(1, 16, 3, "instance"), 0.175),
        (lambda: PatchDiscriminator(1, 16, 2, "instance"), 0.042),
        (lambda: PatchDiscriminator(2, 16, 2, "affine"), 0.043),
    ],
)
def test_networks_have_the_published_number_of_parameters(make, millions):
    with torch.device("meta"):
        assert parameters(make()) == pytest.approx(millions, abs=6e-4)


def test_the_paper_preset_builds_the_published_networks():
    cycle, paired = CycleGan(CycleGanOptions.preset("paper")), Pix2Pix(Pix2PixOptions.preset("paper"))
    assert cycle.translator.code.condition_channels == paired.translator.code.condition_channels == 1
    with torch.device("meta"):
        counts = [parameters(made(1)) for one in (cycle, paired) for made in (one._generator, one._discriminator)]
    assert counts == pytest.approx([11.366, 2.763, 54.408, 2.765], abs=6e-4)
    for options in (cycle.options, paired.options):
        assert (options.train.lr, options.train.beta1, options.train.batch, options.crop) == (2e-4, 0.5, 1, 256)
        assert options.train.rounds_for(400) == 80000
    assert (cycle.options.cycle, cycle.options.identity, cycle.options.pool) == (10, 0.5, 50)
    assert paired.options.l1 == 100


@pytest.mark.parametrize(("layers", "pixels"), [(1, 16), (2, 34), (3, 70), (4, 142), (5, 286)])
def test_a_patch_is_as_large_as_published_and_nothing_beyond_it_counts(layers, pixels):
    network = PatchDiscriminator(1, 1, layers, "instance")
    assert network.receptive_field == pixels
    # convolutions alone, for instance normalisation looks at the whole image
    bare = torch.nn.Sequential(*(part for part in network.layers if not isinstance(part, torch.nn.InstanceNorm2d)))
    image = torch.randn(1, 1, 2 * pixels, 2 * pixels, generator=torch.Generator().manual_seed(0), requires_grad=True)
    logits = bare(image)
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    touched = image.grad[0, 0].nonzero()
    assert (touched.amax(0) - touched.amin(0) + 1 <= pixels).all()
    assert int((touched.amax(0) - touched.amin(0) + 1).min()) > 0.8 * pixels


@pytest.mark.parametrize(("layers", "side", "out"), [(3, 256, 30), (3, 128, 14), (3, 64, 6), (2, 64, 14), (1, 64, 30)])
def test_as_many_patches_as_published(layers, side, out):
    with torch.device("meta"):
        logits = PatchDiscriminator(1, 4, layers, "instance")(torch.empty(1, 1, side, side))
    assert logits.shape == (1, 1, out, out)


def test_generators_keep_size_and_range():
    dice = torch.Generator().manual_seed(0)
    for network, size in ((ResnetGenerator(2, 4, 1), (24, 40)), (UnetGenerator(2, 4, 6), (64, 128))):
        made = initialised(network, dice)(torch.randn(2, 2, *size, generator=dice))
        assert made.shape == (2, 2, *size)
        assert float(made.detach().abs().max()) <= 1


def test_a_u_net_can_leave_its_last_channel_as_logits():
    plain, network = UnetGenerator(2, 4, 6), UnetGenerator(2, 4, 6, logits=True)
    network.load_state_dict(plain.state_dict())
    image = 3 * torch.randn(1, 2, 64, 64, generator=torch.Generator().manual_seed(0))
    ended, left = plain(image), network(image)
    assert torch.equal(left[:, :1], ended[:, :1])
    assert torch.allclose(left[:, 1:].tanh(), ended[:, 1:])


def test_reflection_is_that_of_torch():
    image = torch.randn(2, 3, 7, 9)
    assert torch.equal(Reflect(3)(image), torch.nn.functional.pad(image, (3, 3, 3, 3), mode="reflect"))


def test_frames_are_continued_by_their_reflection_however_far():
    row = torch.tensor([[0.0, 1, 2]])
    assert mirrored(row, 1, 8)[0].tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert mirrored(row, 3, 3).tolist() == [[0, 1, 2]] * 3


def test_initial_weights_are_the_published_ones_and_the_seeds():
    networks = [initialised(UnetGenerator(1, 8, 6), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    first, again, other = ([p.detach() for p in network.parameters()] for network in networks)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    _, convolution, norm = (list(part.parameters()) for part in networks[0].down[4])
    assert float(convolution[0].detach().std()) == pytest.approx(0.02, rel=0.05)
    assert float(norm[0].detach().mean()) == pytest.approx(1, abs=0.02)
    assert not norm[1].any()


def test_adversarial_losses_on_made_logits():
    logits = torch.tensor([0.0, 2.0])
    assert float(adversarial(logits, "lsgan", real=True)) == pytest.approx((1 + 1) / 2)
    assert float(adversarial(logits, "lsgan", real=False)) == pytest.approx((0 + 4) / 2)
    expected = (math.log(2) + math.log(1 + math.exp(-2))) / 2
    assert float(adversarial(logits, "vanilla", real=True)) == pytest.approx(expected, rel=1e-5)
    assert float(judged(torch.ones(3), torch.ones(3), "lsgan")) == pytest.approx(0.5)
    assert float(judged(torch.zeros(3), torch.zeros(3), "vanilla")) == pytest.approx(math.log(2))


def test_l1_counts_what_weighs():
    made, wanted = torch.tensor([1.0, 5.0, 9.0]), torch.tensor([0.0, 5.0, 0.0])
    assert float(weighted_l1(made, wanted, torch.tensor([1.0, 1.0, 0.0]))) == pytest.approx(0.5)
    assert float(weighted_l1(made, wanted, torch.ones(3))) == pytest.approx(10 / 3)
    assert float(weighted_l1(made, wanted, torch.zeros(3))) == 0


class Constant(torch.nn.Module):
    """A network that gives `value` times its input."""

    def __init__(self, value):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(value))

    def forward(self, image, dice=None):
        return self.scale * image


def test_cycle_loss_by_hand():
    networks = iter([Constant(2.0), Constant(3.0)])  # clean to captured, captured to clean
    game = CycleGame(lambda: next(networks), lambda: Constant(1.0), torch.Generator(), cycle=10.0, identity=0.5, pool=0)
    batch = {"clean": torch.full((1, 1, 2, 2), 0.1), "captured": torch.full((1, 1, 2, 2), 0.2)}
    made = game.made(batch, torch.Generator())
    parts = game.generators_loss(batch, made)
    assert parts["cycle"].item() == pytest.approx(10 * (0.5 + 1.0))  # both come back six-fold
    assert parts["identity"].item() == pytest.approx(10 * 0.5 * (0.2 + 0.2))
    assert parts["adversarial"].item() == pytest.approx((0.2 - 1) ** 2 + (0.6 - 1) ** 2)
    loss = sum(game.discriminators_loss(batch, made, 0, torch.Generator()).values())
    assert loss.item() == pytest.approx(((0.2 - 1) ** 2 + 0.2**2) / 2 + ((0.1 - 1) ** 2 + 0.6**2) / 2)
    loss.backward()
    assert game.to_captured.scale.grad is None  # what the discriminators learn stays with them


def test_paired_loss_by_hand():
    game = PairedGame(Constant(2.0), Constant(1.0), l1=100.0)
    ones = torch.ones(1, 1, 2, 2)
    batch = {"clean": 0.1 * ones, "captured": 0.3 * ones, "weight": ones}
    made = game.made(batch, torch.Generator())
    parts = game.generators_loss(batch, made)
    softplus = [math.log1p(math.exp(x)) for x in (-0.1, -0.2, 0.1, 0.2, -0.3)]
    assert parts["l1"].item() == pytest.approx(100 * 0.1)
    assert parts["adversarial"].item() == pytest.approx((softplus[0] + softplus[1]) / 2, rel=1e-5)
    loss = game.discriminators_loss(batch, made, 0, torch.Generator())["told_apart"]
    real, fake = (softplus[0] + softplus[4]) / 2, (softplus[2] + softplus[3]) / 2
    assert loss.item() == pytest.approx((real + fake) / 2, rel=1e-5)


def test_validity_is_taught_by_cross_entropy_and_value_by_l1():
    game = PairedGame(Constant(2.0), Constant(1.0), l1=10.0, validity=5.0, residual=True)
    maps = [torch.tensor([[0.1, 0.1], [1.0, 1.0]]), torch.tensor([[0.3, 0.0], [1.0, -1.0]])]
    batch = {"clean": maps[0].view(1, 2, 1, 2), "captured": maps[1].view(1, 2, 1, 2)}
    batch["weight"] = torch.tensor([[1.0, 0.1], [1.0, 1.0]]).view(1, 2, 1, 2)
    parts = game.generators_loss(batch, game.made(batch, torch.Generator()))
    assert parts["l1"].item() == pytest.approx(10 * (0.1 + 0.1 * 0.2) / 1.1)  # a value under a hole weighs a tenth
    logits = (math.log1p(math.exp(-2.0)), math.log1p(math.exp(2.0)))  # of a value that is there, and of a hole
    assert parts["validity"].item() == pytest.approx(5 * sum(logits) / 2)


def test_a_generator_that_is_sure_still_learns_of_a_hole():
    """The reason for cross-entropy: through a tanh, L1 has next to no slope there."""
    logits = torch.full((1, 1, 1, 1), 8.0, requires_grad=True)
    validity_loss(logits, -torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1)).backward()
    assert logits.grad.item() > 0.99


def images(*values):
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1, 1)


def test_pool_fills_first_and_then_swaps_at_even_odds():
    pool, dice = ImagePool(3), torch.Generator().manual_seed(0)
    assert torch.equal(pool.swapped(images(0, 1, 2), dice), images(0, 1, 2))
    swapped = 0
    for value in range(3, 1003):
        kept = [float(image) for image in pool.images]
        shown = float(pool.swapped(images(value), dice))
        now = [float(image) for image in pool.images]
        if shown == value:
            assert now == kept
        else:
            swapped += 1
            assert shown in kept
            assert sorted(now) == sorted([*(set(kept) - {shown}), float(value)])
    assert swapped == pytest.approx(500, abs=60)


def test_pool_of_none_hands_back_and_a_pool_keeps_copies():
    made = images(1, 2)
    assert ImagePool(0).swapped(made, torch.Generator()) is made
    pool = ImagePool(2)
    pool.swapped(made, torch.Generator())
    made.zero_()
    assert [float(image) for image in pool.images] == [1, 2]


@pytest.mark.parametrize("holes", ["channel", "far"])
@pytest.mark.parametrize("depth", ["log", "linear"])
def test_images_carry_depth_and_holes_back(holes, depth):
    code = ImageCode(ImageOptions(holes=holes, depth=depth))
    one = pair()
    image = code.encode(one.captured.depth)
    assert image.shape == (code.condition_channels, 48, 64)
    assert float(image.abs().max()) <= 1
    missing = torch.from_numpy(~one.captured.valid)
    if holes == "far":
        assert (image[0][missing] == 1).all()
    else:
        assert (image[1][missing] == -1).all()
    back = code.decode(one.clean, image)
    assert np.array_equal(back > 0, one.captured.valid)
    assert np.abs(back - one.captured.depth).max() < 1e-5


def test_a_missing_pixel_has_the_value_of_the_nearest_that_is_there():
    depth = np.zeros((3, 8), np.float32)
    depth[1, 1], depth[1, 6] = 1.0, 2.0
    code = ImageCode(ImageOptions())
    near, far = (float(code.depth.encode(torch.tensor(metres))) for metres in (1.0, 2.0))
    assert code.encode(depth)[0, 1].tolist() == pytest.approx([near] * 4 + [far] * 4)
    nothing = code.encode(np.zeros((2, 2), np.float32))
    assert nothing.tolist() == [[[1, 1], [1, 1]], [[-1, -1], [-1, -1]]]


def test_depth_beyond_the_code_is_a_hole_and_a_pair_that_disagrees_too():
    far = ImageCode(ImageOptions(holes="far", calibrate=False))
    assert far.seen(np.array([[0.0, 0.05, 1.0, 4.89, 4.95, 6.0]], np.float32)).tolist() == [
        [False] * 2 + [True] * 2 + [False] * 2
    ]
    one = DepthPair(frame([[1.0, 1.0, 0.0, 1.0]]), frame([[1.1, 1.3, 1.0, 0.0]]))
    image, weight = FarPairCode(far, 0.2).target(one)
    assert (image == 1).tolist() == [[[False, True, True, True]]]
    assert weight.tolist() == [[[1, 1, 0, 1]]]


def test_made_depth_ends_on_the_cameras_levels():
    code = ImageCode(ImageOptions(), levels=(1.0, 1.5, 2.0))
    made = code.decode(frame([[1.2, 1.3]]), code.encode(np.array([[1.2, 1.3]], np.float32)))
    assert made.tolist() == [[1.0, 1.5]]


def pair_sides(pair):
    return sides_of(map_code(MapOptions(max_residual_m=1.0), None, None), pair)


def test_images_of_one_view_are_cut_alike_and_those_of_two_are_not():
    batch = Crops(Pairs(), [pair_sides], 16).batch(0, 3, 32)
    apart = ((batch["clean"][:, :1] - batch["captured"][:, :1]).abs() * batch["weight"][:, :1]).amax((1, 2, 3))
    assert [tuple(batch[name].shape) for name in batch] == [(32, 6, 16, 16), (32, 2, 16, 16), (32, 2, 16, 16)]
    assert float(apart.max()) < 0.05  # noise only
    views = [lambda one, name=name: {name: pair_sides(one)[name]} for name in ("clean", "captured")]
    batch = Crops(Pairs(), views, 16).batch(0, 3, 32)
    apart = (batch["clean"][:, 0] - batch["captured"][:, 0]).abs().median(-1).values.median(-1).values
    assert set(batch) == {"clean", "captured"}
    assert float(apart.median()) > 0.05  # another view, or another window


def test_a_batch_is_a_function_of_seed_and_round():
    crops = Crops(Pairs(), [pair_sides], 64)  # larger than the frame is high
    first, other, again = (crops.batch(0, number, 2)["clean"] for number in (1, 2, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first[:, :, 48:63], first[:, :, 32:47].flip(2))


def test_an_adding_generator_keeps_depth_and_draws_validity():
    network = Adding(Constant(-1.0), 0.25)
    image = torch.tensor([0.4, -1.0, 1.0]).view(1, 1, 1, 3).expand(1, 2, 1, 3)
    made = network(image)
    assert made[0, 0, 0].tolist() == pytest.approx([0.3, -0.75, 0.75])
    assert made[0, 1, 0].tolist() == pytest.approx([-0.4, 1.0, -1.0])
    assert float(Adding(Constant(1.0), 0.25)(image)[0, 0, 0, 2].detach()) == 1  # within the range of images


@pytest.mark.parametrize("residual", [False, True])
def test_a_discriminator_sees_a_made_hole_as_a_capture_has_it(residual):
    clean = torch.tensor([[0.2, 0.2, 0.2, 1.0], [1.0, 1.0, 1.0, -1.0]]).view(1, 2, 1, 4)
    drawn = torch.tensor([[0.3, 0.3, 0.3, 0.3], [40.0, 0.0, -40.0, 40.0]]).view(1, 2, 1, 4)
    rest = resting(clean, residual=residual)
    low = 0.0 if residual else 0.2
    shown = with_holes(drawn, clean, rest)[0, :, 0]
    assert rest.flatten().tolist() == pytest.approx([0, 0, 0, 0] if residual else [0.2, 0.2, 0.2, -1])
    assert shown[0].tolist() == pytest.approx([0.3, (0.3 + low) / 2, low, 0.0 if residual else -1.0])
    assert shown[1].tolist() == pytest.approx([1, 0, -1, -1])


def test_the_unpaired_threshold_gives_the_captures_hole_rate():
    dice = torch.Generator().manual_seed(0)
    found = unpaired_threshold(Pairs(), lambda frame: torch.rand(2, *frame.size, generator=dice))
    rate = 1 - np.mean([Pairs()[index].captured.valid.mean() for index in range(4)])
    assert found.threshold == pytest.approx(rate, abs=0.01)
    assert found.gain == 1


@pytest.mark.parametrize("cls", [CycleGan, Pix2Pix])
def test_training_frames_come_out_with_the_captures_hole_rate(cls):
    made = {}
    for calibrate in (False, True):
        name = "image.calibrate" if cls is CycleGan else "code.calibrate"
        simulator = cls(dict(METHODS)[cls].preset("smoke", {name: calibrate}))
        simulator.fit(Pairs(), Budget(), seed=0)
        frames = [pair(index).clean for index in range(4)]
        drawn = simulator.simulate(frames, [FrameSeed(index, 0) for index in range(4)])
        made[calibrate] = abs(np.mean([one.valid.mean() for one in drawn]) - 0.9)
    assert made[True] < 0.03
    assert made[False] > made[True]


def test_dropout_is_the_generators_own_and_keeps_the_mean():
    x = torch.ones(100, 100)
    first, again, other = (dropped(x, 0.5, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert set(first.unique().tolist()) == {0.0, 2.0}
    assert float(first.mean()) == pytest.approx(1, abs=0.03)


def test_batch_statistics_are_frozen_in_simulation_and_resumed(tmp_path, monkeypatch):
    options = Pix2PixOptions.preset("smoke", {"norm": "batch", "train.checkpoint_s": 1e-9})
    straight, broken, resumed = (Pix2Pix(options) for _ in range(3))
    straight.fit(Pairs(), Budget(), 0)
    with monkeypatch.context() as patch:
        killed_at(patch, 2)
        with pytest.raises(Killed):
            broken.fit(Pairs(), Budget(), 0, tmp_path)
    resumed.fit(Pairs(), Budget(), 0, tmp_path)
    before, after = (
        {k: v.clone() for k, v in one.translator.generator.state_dict().items()} for one in (straight, resumed)
    )
    assert any("running_mean" in name for name in before)
    assert all(torch.equal(before[name], after[name]) for name in before)
    resumed.simulate([pair().clean], [FrameSeed(0, 0)])
    assert all(torch.equal(after[name], value) for name, value in resumed.translator.generator.state_dict().items())


@pytest.fixture(scope="module")
def fitted():
    made = {}
    for cls, options in METHODS:
        made[cls] = cls(options.preset("smoke", {"train.steps": 24}))
        made[cls].fit(Pairs(), Budget(), seed=0)
    return made


def test_pix2pix_draws_by_the_views_seed_and_by_nothing_else(fitted):
    simulator, one = fitted[Pix2Pix], pair().clean
    draws = []
    for seed, noise in ((FrameSeed(1, 1), 0), (FrameSeed(1, 1), 1), (FrameSeed(2, 1), 0)):
        torch.manual_seed(noise)  # the global generator has no say
        draws.append(simulator.simulate([one], [seed])[0].depth)
    assert draws[0].any()
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


@pytest.mark.parametrize("size", [(1, 1), (5, 130), (70, 65)])
@pytest.mark.parametrize("cls", [CycleGan, Pix2Pix])
def test_frames_of_any_size(fitted, cls, size):
    made = fitted[cls].simulate([frame(np.full(size, 1.5))], [FrameSeed(0, 0)])[0]
    assert made.size == size


@pytest.mark.parametrize("cls", [CycleGan, Pix2Pix])
def test_both_players_steps_and_networks_count(cls):
    options = dict(METHODS)[cls].preset("smoke")
    simulator = cls(options)
    report = simulator.fit(Pairs(), Budget(steps=7), seed=0)
    seen = simulator.translator.code.condition_channels
    networks = [simulator._generator(seen), simulator._discriminator(seen)]
    assert report.steps == 6
    assert report.parameters == round(1e6 * sum(map(parameters, networks))) * (2 if cls is CycleGan else 1)
    assert [row["step"] for row in report.curve] == [4, 6]
    assert {"train_loss", "discriminator_loss", "adversarial"} <= set(report.curve[0])
    assert report.seconds > 0


@pytest.mark.parametrize(
    ("cls", "changes"),
    [(CycleGan, {}), (Pix2Pix, {}), (Pix2Pix, {"norm": "batch", "train.batch": 4}), (GigaGan, {})],
)
def test_held_out_pairs_are_told_of_and_learned_from_by_nobody(cls, changes, tmp_path):
    """Running statistics, pools, draws: whether the validation loss is taken changes no weight."""
    reports = []
    for name, held in (("alone", None), ("watched", MadePairs(partial(noisy_pair, missing=9)))):
        simulator = cls(cls.options_type.preset("smoke", {"train.steps": 12, "train.log_every": 2, **changes}))
        if held is not None:
            simulator.hold_out(held)
        reports.append(simulator.fit(Pairs(), Budget(), seed=0))
        (tmp_path / name).mkdir()
        simulator.save(tmp_path / name)
    alone, watched = ((tmp_path / name / WEIGHTS).read_bytes() for name in ("alone", "watched"))
    assert alone == watched
    assert all("val_loss" not in row for row in reports[0].curve)
    told = [row["val_loss"] for row in reports[1].curve]
    assert len(told) == 3
    assert len(set(told)) == 3  # of the weights as they are then
    assert [{**row, "val_loss": 0} for row in reports[1].curve] == [{**row, "val_loss": 0} for row in reports[0].curve]


class Killed(RuntimeError):
    pass


def killed_at(monkeypatch, number):
    batch = Crops.batch

    def failing(self, seed, step, size):
        if step == number:
            raise Killed
        return batch(self, seed, step, size)

    monkeypatch.setattr(Crops, "batch", failing)


@pytest.mark.parametrize(("cls", "options"), METHODS)
@pytest.mark.parametrize("number", [1, 9])
def test_a_killed_fit_ends_in_the_same_weights_pools_and_curve(cls, options, number, tmp_path, monkeypatch):
    def make(checkpoint_s=1e9):
        train = {"steps": 24, "log_every": 5, "checkpoint_s": checkpoint_s}
        return cls(options.preset("smoke", {"train": train}))

    straight, resumed = make(), make()
    whole = straight.fit(Pairs(), Budget(), 1, tmp_path / "straight")
    with monkeypatch.context() as patch:
        killed_at(patch, number)
        with pytest.raises(Killed):
            make(checkpoint_s=1e-9).fit(Pairs(), Budget(), 1, tmp_path / "killed")
    assert latest_state(tmp_path / "killed")[0] == number
    rest = resumed.fit(Pairs(), Budget(), 1, tmp_path / "killed")
    states = [latest_state(tmp_path / folder)[1] for folder in ("straight", "killed")]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(name.startswith("kept.") for name in states[0]) == (cls is CycleGan)
    assert rest.curve == whole.curve
    weights = [one.translator.generator.state_dict() for one in (straight, resumed)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_finished_fit_trains_no_more(tmp_path, monkeypatch):
    options = Pix2PixOptions.preset("smoke")
    Pix2Pix(options).fit(Pairs(), Budget(), 0, tmp_path)
    killed_at(monkeypatch, 0)
    again = Pix2Pix(options)
    assert again.fit(Pairs(), Budget(), 0, tmp_path).steps == 8
    assert again.simulate([pair().clean], [FrameSeed(0, 0)])


def test_a_checkpoint_of_other_networks_is_refused(tmp_path):
    Pix2Pix(Pix2PixOptions.preset("smoke")).fit(Pairs(), Budget(), 0, tmp_path)
    with pytest.raises(DataError, match="another game"):
        Pix2Pix(Pix2PixOptions.preset("smoke", {"ngf": 5})).fit(Pairs(), Budget(), 0, tmp_path)


@pytest.mark.parametrize(("cls", "options"), METHODS)
def test_weights_of_other_options_are_refused_by_name(cls, options, fitted, tmp_path):
    fitted[cls].save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["constants.json", WEIGHTS]
    with pytest.raises(DataError, match=WEIGHTS):
        cls(options.preset("smoke", {"ngf": 5})).load(tmp_path)


def test_pix2pix_learns_its_pairs():
    train = {"steps": 120, "batch": 4, "lr": 2e-3, "log_every": 10}
    simulator = Pix2Pix(Pix2PixOptions.preset("smoke", {"ngf": 8, "train": train}))
    report = simulator.fit(Pairs(), Budget(), seed=0)
    assert report.curve[-1]["l1"] < 0.5 * report.curve[0]["l1"]
    assert simulator.diagnose(Pairs(), 0)["depth_correlation"] > 0.5


def test_a_generator_of_an_earlier_version_is_refused(fitted, tmp_path):
    fitted[Pix2Pix].save(tmp_path)
    note = json.loads((tmp_path / NOTE).read_text())
    (tmp_path / NOTE).write_text(json.dumps({name: value for name, value in note.items() if name != "format"}))
    with pytest.raises(DataError, match="another version of pix2pix"):
        Pix2Pix(fitted[Pix2Pix].options).load(tmp_path)


def test_depth_turned_inside_out_is_told():
    clean = frame(np.linspace(1, 2, 8)[None])
    inverted = frame(3 - clean.depth)
    assert depth_correlation([clean], [clean])["depth_correlation"] == pytest.approx(1)
    assert depth_correlation([inverted], [clean])["depth_correlation"] == pytest.approx(-1)
    assert depth_correlation([frame(np.zeros((1, 8)))], [clean]) == {}


@pytest.mark.parametrize(
    ("options", "changes", "message"),
    [
        (Pix2PixOptions, {"crop": 96}, "multiple of 2"),
        (Pix2PixOptions, {"downs": 5}, "greater than or equal to 6"),
        (Pix2PixOptions, {"holes": "far"}, "set code.residual=false"),
        (CycleGanOptions, {"crop": 66}, "multiple of 4"),
        (CycleGanOptions, {"image.holes": "far"}, "has no validity"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options, changes, message):
    with pytest.raises(UsageError, match=message):
        options.preset("tiny", changes)
