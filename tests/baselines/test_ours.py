"""Between the stages: patches, discriminator, weights; and resuming the whole."""

import numpy as np
import pytest
import torch

from s2r_baselines.ours.discriminator import DiscriminatorOptions, PatchDiscriminator, folds_of, patches_of
from s2r_baselines.ours.reweight import ReweightOptions, weight_map
from s2r_baselines.ours.simulator import OursOptions, StableSim2Real
from s2r_bench.engine.loop import Loop, TrainOptions
from s2r_bench.seeds import FrameSeed
from s2r_bench.simulator import Budget
from s2r_bench.types import DepthFrame, DepthPair

K = np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])


def frame(depth, name="0"):
    return DepthFrame(depth.astype(np.float32), K, np.eye(4), "s", "0", name)


def noisy_pair(index, sigma=0.01):
    dice = np.random.default_rng(index)
    clean = np.full((48, 64), 1.5 + 0.1 * dice.random())
    return DepthPair(frame(clean, str(index)), frame(clean + sigma * dice.standard_normal(clean.shape), str(index)))


class Pairs:
    scenes = frozenset({"s"})
    digest = "x"

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return noisy_pair(index)


OPTIONS = DiscriminatorOptions(patch=16, points=64, width=8, min_points=32, scale_m=0.1)


def test_patches_are_back_projected_and_centred_on_the_clean_patch():
    one = noisy_pair(0, sigma=0.0)
    shifted = one.clean.depth + np.float32(0.02)
    patches = patches_of(0, one.clean, shifted, OPTIONS)
    assert len(patches) == 12
    assert patches[0].judged.shape == (4, 64)
    # a shift of 2 cm in a frame where 10 cm is 1; x and y grow with it, so only z is exact
    assert float(patches[0].judged[2].mean() - patches[0].clean[2].mean()) == pytest.approx(0.2, abs=1e-4)
    assert patches[0].judged[3].numpy() == pytest.approx(2.0, abs=1e-3)  # and is 2 of the offset's centimetres


def test_patches_with_too_few_pixels_are_left_out():
    one = noisy_pair(0)
    depth = one.captured.depth.copy()
    depth[:16, :16] = 0
    assert {(p.top, p.left) for p in patches_of(0, one.clean, depth, OPTIONS)}.isdisjoint({(0, 0)})


def test_the_discriminator_tells_noise_from_smoothness_and_keeps_its_weights(tmp_path):
    options = OPTIONS.model_copy(update={"train": TrainOptions(steps=60, batch=24, lr=3e-3, ema=0.0), "scale_m": 0.05})
    real, fake, other = [], [], []
    for index in range(8):
        pair = noisy_pair(index, 0.02)
        real += patches_of(index, pair.clean, pair.captured.depth, options)
        fake += patches_of(index, pair.clean, pair.clean.depth, options)
    for index in range(8, 12):
        pair = noisy_pair(index, 0.02)
        other += patches_of(index, pair.clean, pair.clean.depth, options)
    judge = PatchDiscriminator(options, "cpu")
    judge.fit(real, fake, 0, None)
    assert float((judge.probability(other) > 0.5).float().mean()) > 0.9
    judge.save(tmp_path / "d.safetensors")
    again = PatchDiscriminator(options, "cpu")
    again.load(tmp_path / "d.safetensors")
    assert torch.equal(judge.probability(other), again.probability(other))


@pytest.mark.parametrize(
    ("rule", "flagged", "plain"), [("hard", 1.5, 0.5), ("soft", 0.5 + 0.9, 0.5 + 0.1), ("none", 1.0, 1.0)]
)
def test_weights_follow_the_rule(rule, flagged, plain):
    patches = patches_of(0, noisy_pair(0).clean, noisy_pair(0).captured.depth, OPTIONS)
    probability = torch.full((len(patches),), 0.1)
    probability[0] = 0.9
    weights = weight_map((48, 64), patches, probability, 16, ReweightOptions(rule=rule))
    assert float(weights[0, 0]) == pytest.approx(flagged)
    assert float(weights[40, 40]) == pytest.approx(plain)


def test_a_frame_without_flags_keeps_weight_one_unless_asked_otherwise():
    patches = patches_of(0, noisy_pair(0).clean, noisy_pair(0).captured.depth, OPTIONS)
    quiet = torch.zeros(len(patches))
    assert bool((weight_map((48, 64), patches, quiet, 16, ReweightOptions()) == 1).all())
    assert bool((weight_map((48, 64), patches, quiet, 16, ReweightOptions(empty="omega")) == 0.5).all())


def test_folds_are_contiguous_and_cover_everything():
    folds = folds_of(7, 2)
    assert folds.tolist() == sorted(folds.tolist())
    assert set(folds.tolist()) == {0, 1}


def test_a_discriminator_killed_half_way_is_the_same_in_the_end(tmp_path, monkeypatch):
    changes = {"train": TrainOptions(steps=6, batch=8, ema=0.0, checkpoint_s=1e-9)}
    options = OPTIONS.model_copy(update=changes)
    pair = noisy_pair(0)
    sides = [patches_of(0, pair.clean, depth, options) for depth in (pair.captured.depth, pair.clean.depth)]
    judges = [PatchDiscriminator(options, "cpu") for _ in range(3)]
    judges[0].fit(*sides, 0, None)
    step, calls = Loop._one_step, []

    def killed(self, *args):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return step(self, *args)

    monkeypatch.setattr(Loop, "_one_step", killed)
    with pytest.raises(KeyboardInterrupt):
        judges[1].fit(*sides, 0, tmp_path)
    monkeypatch.undo()
    torch.rand(7)  # whatever else drew from the global generator meanwhile
    judges[2].fit(*sides, 0, tmp_path)
    states = [judge.network.state_dict() for judge in (judges[0], judges[2])]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def preset(**changes):
    return OursOptions.preset("smoke", {"discriminator.patch": 16, **changes})


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_any_number_of_stages_saves_and_loads(stages, tmp_path):
    options = preset(stages=stages)
    ours = StableSim2Real(options)
    report = ours.fit(Pairs(), Budget(), 0)
    assert len(ours.stages) == stages
    assert report.steps > 0
    ours.save(tmp_path)
    again = StableSim2Real(options)
    again.load(tmp_path)
    depths = [s.stage_depths([Pairs()[0].clean], [FrameSeed(1, 2)]) for s in (ours, again)]
    assert len(depths[0]) == stages
    assert all(np.array_equal(a, b) for a, b in zip(*depths, strict=True))


def test_without_residual_or_reweighting_it_still_runs():
    ours = StableSim2Real(preset(residual=False, **{"reweight.rule": "none"}))
    ours.fit(Pairs(), Budget(), 0)
    assert ours.discriminators == []
    assert ours.simulate([Pairs()[0].clean], [FrameSeed(1, 1)])[0].depth.shape == (48, 64)


def test_killed_between_stages_ends_in_the_same_place(tmp_path, monkeypatch):
    straight = StableSim2Real(preset(**{"stage.code.levels": False}))
    straight.fit(Pairs(), Budget(), 0, tmp_path / "a")
    broken = StableSim2Real(preset(**{"stage.code.levels": False}))
    monkeypatch.setattr(broken, "_weights", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        broken.fit(Pairs(), Budget(), 0, tmp_path / "b")
    resumed = StableSim2Real(preset(**{"stage.code.levels": False}))
    resumed.fit(Pairs(), Budget(), 0, tmp_path / "b")
    frames, seeds = [Pairs()[1].clean], [FrameSeed(4, 4)]
    assert np.array_equal(straight.simulate(frames, seeds)[0].depth, resumed.simulate(frames, seeds)[0].depth)
    found = resumed.diagnose(Pairs(), 0)
    assert {"captured_kept", "stage1_told", "stage2_told", "codec_mae_mm"} <= set(found)
    assert found["codec_mae_mm"] < 0.01  # the lossless codec's rounding
    assert all(0 <= found[name] <= 1 for name in ("captured_kept", "stage1_told", "stage2_told"))
