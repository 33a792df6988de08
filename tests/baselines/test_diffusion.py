"""The diffusion stage: codes, noise process, networks, samplers, exact resume."""

import numpy as np
import pytest
import torch
from made_pairs import MadePairs
from made_pairs import noisy_pair as pair

from s2r_baselines._diffusion.constants import Calibration
from s2r_baselines._diffusion.latent import KLCodec, SpaceToDepth, Whitening
from s2r_baselines._diffusion.maps import MapCode
from s2r_baselines._diffusion.nets import Denoiser, shared_vae
from s2r_baselines._diffusion.noise import NoiseProcess
from s2r_baselines._diffusion.options import CodeOptions, DiffusionOptions, NetOptions, StageOptions
from s2r_baselines._diffusion.stage import Stage, draw_generator
from s2r_bench.depth_code import DepthCode, ResidualCode, apply_residual, residual_of
from s2r_bench.engine.checkpoint import write_tensors
from s2r_bench.engine.loop import TrainOptions
from s2r_bench.errors import DataError, UsageError
from s2r_bench.seeds import torch_rng


@pytest.mark.parametrize("kind", ["log", "linear"])
def test_depth_code_is_inverted_and_spans_its_range(kind):
    code = DepthCode(kind=kind)
    metres = torch.linspace(0.05, 5.0, 101, dtype=torch.float64)
    assert torch.allclose(code.decode(code.encode(metres)), metres, atol=1e-9)
    assert code.encode(metres[[0, -1]]).tolist() == pytest.approx([-1, 1])


def test_log_code_of_the_released_constants():
    # u = ln(d / 0.05) / ln(100): 0.5 m is half way; 5 cm of error at 2 m is a residual of 0.0054
    code = DepthCode()
    assert float(code.encode(torch.tensor(0.5))) == pytest.approx(0, abs=1e-6)
    residual = residual_of(code, torch.tensor(2.0, dtype=torch.float64), torch.tensor(2.05, dtype=torch.float64))
    assert float(residual) == pytest.approx(0.0054, abs=1e-4)


@pytest.mark.parametrize("form", ["asinh", "linear"])
def test_residual_code_fills_its_spread_and_gives_millimetres_back(form):
    dice = torch.Generator().manual_seed(0)
    residual = 0.002 * torch.randn(5000, generator=dice, dtype=torch.float64)
    residual[:100] *= 20  # a tail of flying pixels
    clean = torch.linspace(0.5, 4.0, 5000, dtype=torch.float64)
    residual *= clean
    code = ResidualCode.fitted(clean, residual, form)
    coded = code.encode(clean, residual)
    assert float(coded.std()) == pytest.approx(0.5, rel=1e-2)
    near, far = coded[clean < 1], coded[clean > 3]
    assert float(near[100:].std() / far.std()) == pytest.approx(1, abs=0.35)  # noise that grows with range is evened
    direct = apply_residual(DepthCode(), clean, residual)
    through = apply_residual(DepthCode(), clean, code.decode(clean, coded))
    assert float((through - direct).abs().max()) < 1e-6


def test_pairs_without_noise_are_refused():
    with pytest.raises(ValueError, match="no residual"):
        ResidualCode.fitted(torch.ones(100), torch.zeros(100))


def test_maps_carry_holes_and_depth_back():
    one = pair()
    probe = MapCode(CodeOptions(), None)
    clean, captured = (torch.from_numpy(f.depth).double() for f in (one.clean, one.captured))
    seen = probe.seen(one)
    sample = residual_of(probe.depth, clean, captured)[seen]
    maps = MapCode(CodeOptions(), ResidualCode.fitted(clean[seen], sample))
    target, weight = maps.target(one)
    back = maps.decode(one.clean, target)
    assert np.array_equal(back > 0, one.captured.valid)
    assert np.abs(back - one.captured.depth).max() < 1e-4
    assert target.shape == weight.shape == (2, 48, 64)
    assert float(weight[0][~torch.from_numpy(one.captured.valid)].max()) < 1


def test_space_to_depth_is_lossless():
    maps = torch.randn(2, 3, 16, 24)
    codec = SpaceToDepth(4)
    latents = codec.encode(maps)
    assert latents.shape == (2, codec.latent_channels(3), 4, 6)
    assert torch.equal(codec.decode(latents, 3), maps)


def test_whitening_is_undone_exactly_and_evens_the_spread():
    dice = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.avg_pool2d(torch.randn(8, 2, 66, 66, generator=dice), 3, 1)
    latents = SpaceToDepth(4).encode(smooth)
    whitening = Whitening.fitted(latents.movedim(1, -1).flatten(0, 2), 4)
    white = whitening.apply(latents)
    assert torch.allclose(whitening.undo(white), latents, atol=1e-5)
    assert torch.allclose(white[:, :16].std((0, 2, 3)), torch.full((16,), 0.5), atol=1e-3)
    assert torch.equal(white[:, 16:], latents[:, 16:])  # a mask is left alone


def test_calibration_mends_spread_and_hole_rate():
    dice = torch.Generator().manual_seed(0)
    wanted = torch.stack([torch.randn(10000, generator=dice), (torch.rand(10000, generator=dice) - 0.1).sign()])
    drawn = torch.stack([0.5 * torch.randn(10000, generator=dice), 0.6 + 0.3 * torch.randn(10000, generator=dice)])
    mended = Calibration.fitted(drawn, wanted, spread=True).apply(drawn)
    assert float((mended[1] <= 0).float().mean()) == pytest.approx(float((wanted[1] <= 0).float().mean()), abs=1e-3)
    assert float(mended[0].std()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("sampler", ["ddim", "x0-renoise"])
def test_a_perfect_network_samples_the_truth(prediction, sampler):
    options = DiffusionOptions(prediction=prediction, sampler=sampler, steps=6)
    process = NoiseProcess(options)
    truth = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))

    def predict(noisy, timesteps):
        a, s = process._coefficients(timesteps, noisy)
        noise = (noisy - a * truth) / s
        return process.target(truth, noise, timesteps)

    dice = [torch.Generator().manual_seed(i) for i in range(2)]
    drawn = process.sample(predict, truth.shape, dice, torch.device("cpu"))
    assert torch.allclose(drawn, truth, atol=2e-2 if prediction == "epsilon" else 1e-4)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_target_and_split_agree(prediction):
    process = NoiseProcess(DiffusionOptions(prediction=prediction))
    clean, noise = torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4)
    times = torch.tensor([10, 500, 900])
    noisy = process.noised(clean, noise, times)
    x0, eps = process.split(process.target(clean, noise, times), noisy, times)
    assert torch.allclose(x0, clean, atol=1e-3)
    assert torch.allclose(eps, noise, atol=1e-3)


def test_few_trailing_steps_start_at_pure_noise():
    process = NoiseProcess(DiffusionOptions(steps=4))
    assert process._timesteps() == [999, 749, 499, 249]
    assert float(process.abar[-1]) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("condition", ["hint", "replace", "concat"])
@pytest.mark.parametrize("attention", [0, 1])
def test_every_condition_path_trains(condition, attention):
    options = NetOptions(channels=(8, 16), groups=4, condition=condition, attention=attention)
    net = Denoiser(options, latent_channels=8, condition_channels=12)
    noisy, seen = torch.randn(2, 8, 8, 8), torch.randn(2, 12, 8, 8)
    before = [p.clone() for p in net.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-2)
    losses = []
    for _ in range(8):  # zero convolutions let gradients into the control encoder from the second step on
        loss = ((net(noisy, torch.tensor([3, 900]), seen) - 1) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    moved = [
        not torch.equal(a, b) for a, b in zip(before, (p for p in net.parameters() if p.requires_grad), strict=True)
    ]
    assert losses[-1] < losses[0]
    assert np.mean(moved) > 0.85  # with one context token, cross-attention has no use for queries and keys
    assert net(noisy, torch.tensor([3, 900]), seen).shape == noisy.shape


def test_the_official_path_does_not_show_x_t_to_the_control_encoder():
    torch.manual_seed(0)
    net = Denoiser(NetOptions(channels=(8, 16), groups=4, condition="replace"), 8, 8)
    seen = torch.randn(1, 8, 8, 8)
    called = []
    net.control.register_forward_pre_hook(lambda _, args: called.append(args[0].clone()))
    for noise in (torch.zeros(1, 8, 8, 8), torch.ones(1, 8, 8, 8)):
        net(noise, torch.tensor([5]), seen)
    assert torch.equal(called[0], seen)
    assert torch.equal(called[0], called[1])


def tiny_stage(steps=6, checkpoint_s=1e9):
    train = TrainOptions(steps=steps, batch=2, checkpoint_s=checkpoint_s, log_every=2)
    return StageOptions(
        net=NetOptions(channels=(8, 16), groups=4), crop=32, train=train, diffusion=DiffusionOptions(steps=2)
    )


class Killed(RuntimeError):
    pass


def test_resumed_training_ends_in_the_same_weights_bit_for_bit(tmp_path, monkeypatch):
    straight = Stage(tiny_stage(), residual=True, earlier=0, device="cpu")
    straight.fit(MadePairs(), 1, None)
    broken = Stage(tiny_stage(checkpoint_s=1e-9), residual=True, earlier=0, device="cpu")
    loss, calls = broken._loss, []

    def failing(*args):
        calls.append(1)
        if len(calls) == 4:
            raise Killed
        return loss(*args)

    monkeypatch.setattr(broken, "_loss", failing)
    with pytest.raises(Killed):
        broken.fit(MadePairs(), 1, tmp_path)
    resumed = Stage(tiny_stage(), residual=True, earlier=0, device="cpu")
    result = resumed.fit(MadePairs(), 1, tmp_path)
    assert [row["step"] for row in result.curve][-1] == 6
    weights = [dict(stage.denoiser.state_dict()) for stage in (straight, resumed)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize(("count", "together"), [(1, 3), (1, 4), (3, 3), (3, 4)])
def test_a_draw_does_not_hang_on_what_is_drawn_beside_it(count, together, threads):
    threads(count)
    train = TrainOptions(steps=2, batch=2)
    net = NetOptions(channels=(24, 40), groups=4, condition="concat", attention=1)
    diffusion = DiffusionOptions(steps=2, detail=together == 3, together=together)
    options = StageOptions(net=net, diffusion=diffusion, train=train, crop=32)
    stage = Stage(options, residual=True, earlier=0, device="cpu")
    stage.fit(MadePairs(), 0, None)
    frames = [pair(i, (72, 200) if i % 3 else (40, 56)).clean for i in range(8)]  # the larger is shared out to threads
    generators = [torch_rng("draw", i) for i in range(8)]
    states = [generator.get_state() for generator in generators]

    def drawn(chosen):
        for i in chosen:
            generators[i].set_state(states[i])
        return stage.draws([frames[i] for i in chosen], [generators[i] for i in chosen])

    whole, back = drawn(range(8)), drawn(range(7, -1, -1))[::-1]
    alone = [drawn([i])[0] for i in range(8)]
    assert [maps.shape[1:] for maps in whole] == [frame.size for frame in frames]
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(whole, alone, back, strict=True))
    assert drawn([]) == []


def test_a_pretrained_folder_of_the_same_classes_opens_as_if_it_were_the_published_one(tmp_path, monkeypatch):
    from diffusers import AutoencoderKL, UNet2DConditionModel

    torch.manual_seed(0)
    UNet2DConditionModel(
        in_channels=4,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=4,
        norm_num_groups=4,
        cross_attention_dim=8,
    ).save_pretrained(tmp_path / "unet")
    AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
    ).save_pretrained(tmp_path / "vae")
    monkeypatch.setenv("S2R_SD21", str(tmp_path))
    options = StageOptions(
        net=NetOptions(pretrained="S2R_SD21"),
        code=CodeOptions(latent="kl", geometry=False, whiten=False, upscale=2),
        diffusion=DiffusionOptions(schedule="scaled_linear", zero_snr=False, steps=2, detail=False),
        train=TrainOptions(steps=2, batch=1),
        crop=64,
    )
    write_tensors(tmp_path / "empty_prompt.safetensors", {"embedding": torch.ones(1, 2, 8)})
    shared_vae.cache_clear()
    first = Stage(options, residual=True, earlier=0, device="cpu")
    first.fit(MadePairs(), 0, tmp_path / "work")
    assert first.denoiser.context.shape == (1, 2, 8)
    assert sorted((tmp_path / "work" / "latents").glob("*.safetensors"))  # encoded once, then read
    frozen = [name for name, p in first.denoiser.unet.named_parameters() if not p.requires_grad]
    assert any(name.startswith("down_blocks.") for name in frozen)
    assert not any(name.startswith("up_blocks.") for name in frozen)
    frame = pair().clean
    (maps,) = first.draws([frame], [draw_generator(1, 1, 1)])
    assert maps.shape == (2, 48, 64)
    second = Stage(options, residual=True, earlier=2, device="cpu")
    second.fit(MadePairs(), 0, None, earlier=[maps] * 4)
    assert second.draws([frame], [draw_generator(1, 1, 2)], [maps])[0].shape == (2, 48, 64)


def test_kl_codec_of_a_missing_checkpoint_says_what_to_do(monkeypatch):
    monkeypatch.delenv("S2R_SD21", raising=False)
    options = StageOptions(
        net=NetOptions(pretrained="S2R_SD21"),
        code=CodeOptions(latent="kl", geometry=False, whiten=False),
        diffusion=DiffusionOptions(detail=False),
    )
    shared_vae.cache_clear()
    with pytest.raises(DataError, match="sd2-community"):
        Stage(options, residual=True, earlier=0, device="cpu")


def test_kl_codec_keeps_shape():
    from diffusers import AutoencoderKL

    vae = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
    )
    codec = KLCodec(vae)
    latents = codec.encode(torch.zeros(1, 2, 16, 24))
    assert latents.shape == (1, 4, 8, 12)
    assert codec.decode(latents, 2).shape == (1, 2, 16, 24)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_capped_weight_is_the_same_loss_of_x0_for_every_prediction(prediction):
    process = NoiseProcess(DiffusionOptions(prediction=prediction, snr_cap=5.0, zero_snr=False))
    times = torch.tensor([50, 400, 900])
    clean, noise = torch.randn(3, 1, 2, 2, dtype=torch.float64), torch.randn(3, 1, 2, 2, dtype=torch.float64)
    noisy, output = process.noised(clean, noise, times), torch.randn(3, 1, 2, 2, dtype=torch.float64)
    own = (output - process.target(clean, noise, times)) ** 2 * process.loss_weight(times).view(-1, 1, 1, 1)
    snr = (process.abar / (1 - process.abar))[times].double()
    wanted = (process.split(output, noisy, times)[0] - clean) ** 2 * (1 + snr).clamp(max=5).view(-1, 1, 1, 1)
    assert torch.allclose(own, wanted, rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"code": {"latent": "kl"}}, "net.pretrained"),
        ({"code": {"latent": "kl"}, "net": {"pretrained": "x"}}, "code.whiten"),
        ({"crop": 60}, "multiple"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        StageOptions.preset("tiny", changes)
