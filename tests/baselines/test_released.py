"""A converted checkpoint simulates what its tensors give directly (on the command line: tests/cli/test_model.py)."""

import numpy as np
import pytest
import torch
from made_pairs import MadePairs, frame, noisy_pair
from release import release_forward, released
from torch.nn import functional as F

from s2r_baselines._convert.ours import AS_IT_IS
from s2r_baselines._diffusion.alike import AlikeCode
from s2r_baselines._diffusion.options import CodeOptions, StageOptions
from s2r_baselines._diffusion.stage import draw_generator
from s2r_bench.errors import DataError, UsageError
from s2r_bench.seeds import frame_seeds
from s2r_bench.simulator import Budget
from s2r_bench.steps.checkpoint import load_checkpoint, open_checkpoint
from s2r_bench.steps.convert import convert

LN100 = float(np.log(100))
SMALL = {"stage.code.side": 64, "stage.diffusion.steps": 1}


def slope(far=4.0, size=(32, 48)):
    """From 0.8 m to `far`, with a column missing."""
    depth = np.linspace(0.8, far, size[1])[None] + np.zeros(size)
    depth[:, 20] = 0
    return frame(depth)


def resized(maps, size):
    return F.interpolate(maps[None], size, mode="bilinear", align_corners=False)[0]


@torch.no_grad()
def directly(networks, clean, seed, stages):
    """Depth after each stage by the published formulas, of one sampling step (t = 1)."""
    coder = networks[2].eval()
    depth = torch.from_numpy(clean.depth)
    known = (depth >= 0.05) & (depth <= 4.9)
    code = torch.where(known, 2 * torch.log(depth.clamp(0.05, 5) / 0.05) / LN100 - 1, 1.0)[None].float()
    large = resized(code, (64, 96))
    large[resized((~known)[None].float(), (64, 96)) > 0] = 1
    encoded = [coder.encode(large[None].expand(1, 3, -1, -1)).latent_dist.mean * 0.18215]
    found = []
    for stage in range(stages):
        state = released(networks, stage)
        noise = torch.randn((4, 32, 48), generator=draw_generator(seed.view, seed.session, stage + 1))[None]
        context = context_of(state)
        clean_latent = release_forward(state, noise, torch.tensor([1]), torch.cat(encoded, 1), context)
        residual = coder.decode(clean_latent / 0.18215).sample[0]
        small = resized(residual, clean.size)
        metres = (0.05 * torch.exp((2 * small + code + 1) / 2 * LN100)).mean(0)
        found.append(torch.where(known & (metres <= 4.8), metres, 0.0).numpy())
        # the next stage sees what came out in the frame's own size
        encoded = [encoded[0], coder.encode(resized(small, (64, 96))[None]).latent_dist.mean * 0.18215]
    return found


def context_of(state):
    from s2r_baselines._convert.text import empty_prompt

    return empty_prompt(state)[0]


@pytest.mark.parametrize("stages", [1, 2])
def test_it_gives_what_its_tensors_give(networks, files, tmp_path, stages):
    convert(files[:stages], tmp_path / "out", "ours", SMALL)
    simulator = load_checkpoint(tmp_path / "out")
    clean = slope()
    (seed,) = frame_seeds([clean], 7)
    found = [depth for (depth,) in simulator.stage_depths([clean], [seed])]
    wanted = directly(networks, clean, seed, stages)
    assert len(found) == stages
    for ours, theirs in zip(found, wanted, strict=True):
        assert ((ours > 0) == (theirs > 0)).mean() > 0.999  # rounding may decide at 4.8 m
        both = (ours > 0) & (theirs > 0)
        assert both.mean() > 0.3
        assert theirs[both].std() > 0.1
        off = np.abs(ours[both] / theirs[both] - 1)  # random networks give residuals of ten times a camera's
        assert np.median(off) < 1e-4
        assert off.max() < 3e-3
        assert not ours[:, 20].any()  # the clean side has nothing there
    (depth,) = simulator.simulate([clean], [seed])
    assert np.array_equal(depth.depth, found[-1])


def test_without_a_list_of_scenes_it_may_not_be_scored_where_the_release_was_trained(files, tmp_path):
    from s2r_bench.data.lasa.split import VALIDATION_SCENES

    told = convert(files[:1], tmp_path / "out", "ours", SMALL)
    assert set(told["origin"]["trained_scenes"]) == VALIDATION_SCENES
    assert any("--scenes" in note for note in told["lacking"])
    assert set(open_checkpoint(tmp_path / "out").origin.trained_scenes) == VALIDATION_SCENES


def test_a_checkpoint_without_a_text_encoder_is_told_of(networks, tmp_path):
    state = {name: one for name, one in released(networks, 0).items() if not name.startswith("cond_stage_model.")}
    torch.save(state, tmp_path / "bare.ckpt")
    told = convert([tmp_path / "bare.ckpt"], tmp_path / "out", "ours", SMALL)
    assert any("no text encoder" in note for note in told["lacking"])
    assert not (tmp_path / "out" / "sd21" / "empty_prompt.safetensors").exists()
    clean = slope()
    assert load_checkpoint(tmp_path / "out").simulate([clean], frame_seeds([clean], 0))[0].depth.shape == clean.size


def test_a_draw_does_not_hang_on_what_is_drawn_beside_it(files, tmp_path):
    convert(files, tmp_path / "out", "ours", SMALL)
    simulator = load_checkpoint(tmp_path / "out")
    frames = [frame(slope(far).depth, str(far)) for far in (2.0, 3.0, 4.0)]
    seeds = frame_seeds(frames, 2)
    together = simulator.simulate(frames, seeds)
    for place in (2, 0, 1):
        (alone,) = simulator.simulate(frames[place : place + 1], seeds[place : place + 1])
        assert np.array_equal(alone.depth, together[place].depth)


def test_what_it_is_given_wrongly_is_told_before_anything_is_written(files, tmp_path):
    with pytest.raises(UsageError, match="colour"):
        convert(files[:1], tmp_path / "out", "ours", {"stage.code.colour": 3})
    with pytest.raises(DataError, match=r"none\.lst is missing"):
        convert(files[:1], tmp_path / "out", "ours", SMALL, tmp_path / "none.lst")
    with pytest.raises(UsageError, match="there is one to ours"):
        convert(files[:1], tmp_path / "out", "sd")
    assert not (tmp_path / "out").exists()


def test_it_saves_and_loads_with_its_base(files, tmp_path):
    convert(files[:1], tmp_path / "out", "ours", SMALL)
    simulator = load_checkpoint(tmp_path / "out")
    (tmp_path / "copy").mkdir()
    simulator.save(tmp_path / "copy")
    for part in ("sd21/unet/config.json", "sd21/vae/config.json", "sd21/empty_prompt.safetensors"):
        assert (tmp_path / "copy" / part).read_bytes() == (tmp_path / "out" / part).read_bytes()
    other = type(simulator)(simulator.options)
    other.load(tmp_path / "copy")
    clean = slope()
    seeds = frame_seeds([clean], 1)
    assert np.array_equal(simulator.simulate([clean], seeds)[0].depth, other.simulate([clean], seeds)[0].depth)
    with pytest.raises(DataError, match="only that checkpoint opens"):
        type(simulator)(simulator.options).fit(MadePairs(), Budget(2), 0)


def test_like_channels_can_be_trained(files, tmp_path):
    convert(files[:1], tmp_path / "out", "ours", SMALL)
    from s2r_bench.steps.methods import find

    values = {
        "stage": {
            "net": {"pretrained": str(tmp_path / "out" / "sd21"), "condition": "replace"},
            "code": {"channels": "alike", "side": 48, "upscale": 1, "levels": False},
            "diffusion": {"steps": 2},
            "train": {"steps": 2, "batch": 1},
            "crop": 32,
        },
        "discriminator": {"patch": 16, "points": 32, "width": 8, "min_points": 16, "train": {"steps": 2}},
    }
    method = find("ours")
    simulator = method.cls(method.options("paper", values))
    pairs = MadePairs(lambda seed: noisy_pair(seed, (24, 32)), 2)
    simulator.fit(pairs, Budget(), 0, tmp_path / "work")
    (tmp_path / "kept").mkdir()
    simulator.save(tmp_path / "kept")
    again = method.cls(method.options("paper", values))
    again.load(tmp_path / "kept")
    clean = pairs[0].clean
    seeds = frame_seeds([clean], 1)
    (depth,) = again.simulate([clean], seeds)
    assert np.array_equal(depth.depth, simulator.simulate([clean], seeds)[0].depth)
    assert (depth.depth > 0).any()
    assert "codec_mae_mm" in simulator.diagnose(pairs, 0)


def test_a_map_of_the_true_residual_is_the_capture():
    pair = noisy_pair(1)
    code = AlikeCode(
        CodeOptions(channels="alike", max_residual_m=0.5),
        AS_IT_IS,
    )
    target, weight = code.target(pair)
    assert target.shape == weight.shape == (1, 48, 64)
    back = code.decode(pair.clean, target.expand(3, -1, -1))
    seen = pair.captured.depth > 0
    np.testing.assert_allclose(back[seen], pair.captured.depth[seen], rtol=1e-5)
    assert (back[~seen] > 0).all()  # no hole is ever made


def test_depth_out_of_range_is_coded_as_missing_and_stays_missing():
    code = AlikeCode(CodeOptions(channels="alike"), None)
    clean = frame([[0.0, 0.04, 0.05, 4.9, 4.95, 5.5]])
    coded = code.condition(clean)
    assert (coded[0, 0] == 1).tolist() == [True, True, False, False, True, True]
    assert float(coded[0, 0, 2]) == pytest.approx(-1)
    three = torch.stack([coded[0] - 0.02, coded[0] - 0.02, coded[0] + 0.01])
    found = code.decode(clean, three)
    metres = [0.05 * np.exp((float(one) + 1) / 2 * LN100) for one in three[:, 0, 3]]
    assert found[0, 3] == pytest.approx(np.mean(metres), rel=1e-5)  # of metres, not of codes
    assert (found[0] > 0).tolist() == [False, False, True, True, False, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"code": {"channels": "alike"}}, "code.latent=kl"),
        ({"code": {"side": 64}}, "code.latent=kl"),
        ({"code": {"side": 64, "upscale": 2}}, "not by both"),
        (
            {
                "net": {"pretrained": "x"},
                "code": {"latent": "kl", "channels": "alike", "whiten": False, "geometry": False},
                "diffusion": {"detail": False},
            },
            "code.calibrate=false and diffusion.mask=draw",
        ),
    ],
)
def test_options_that_do_not_fit_together_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        StageOptions(**changes)


def test_the_second_stage_takes_three_maps(files, tmp_path):
    convert(files, tmp_path / "out", "ours", SMALL)
    later = load_checkpoint(tmp_path / "out").stages[1]
    assert later.earlier == 3
    with pytest.raises(ValueError, match="takes 3 maps"):
        later.condition(slope(), None)
