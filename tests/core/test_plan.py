"""Plans say what trainings do: their formulas are held against the members' own."""

import pytest

from s2r_baselines.ours import StableSim2Real
from s2r_bench import registry
from s2r_bench.engine.two_player_options import TwoPlayerOptions
from s2r_bench.simulator import Budget
from s2r_bench.steps.evaluate import open_task
from s2r_bench.steps.methods import find, known


@pytest.mark.parametrize("room", [registry.METHODS, registry.TASKS])
def test_every_trained_member_has_a_plan(room):
    names = registry.names(room) if room == registry.TASKS else [n for n in known() if find(n).trained]
    lacking = [name for name in names if registry.beside(room, "_plans", name) is None]
    assert set(lacking) <= {"arkit-lidar", "bootstrap", "gaussian-binned", "kinect-dots", "nguyen", "redwood", "stereo"}


def test_nothing_lies_beside_what_is_no_name():
    assert registry.beside(registry.TASKS, "_plans", "folder/my_task.py") is None
    assert registry.beside(registry.TASKS, "_plans", "nosuch") is None
    assert registry.beside(registry.TASKS, "_plans", "cls") is registry.beside(registry.TASKS, "_plans", "classify")


@pytest.mark.parametrize("preset", ["smoke", "tiny", "small"])
@pytest.mark.parametrize("budget", [None, 17])
@pytest.mark.parametrize("stages", [1, 2, 3])
def test_stages_of_ours(preset, budget, stages):
    method = find("ours")
    options = method.options(preset, {"stages": stages})
    found = registry.beside(registry.METHODS, "_plans", "ours").trainings(options, {}, budget)
    told = [one.steps for one in found if one.what.startswith("stage")]
    assert told == StableSim2Real(options)._steps(Budget(budget))
    judges = [one for one in found if one.what == "patch discriminator"]
    assert len(judges) == stages - 1
    assert {(one.steps, one.times) for one in judges} <= {(options.discriminator.train.steps, 2)}


def test_sd_trains_as_long_as_all_stages_of_ours():
    for preset in ("tiny", "small", "paper"):
        options = find("sd").options(preset)
        (one,) = registry.beside(registry.METHODS, "_plans", "sd").trainings(options, {}, None)
        ours = registry.beside(registry.METHODS, "_plans", "ours").trainings(find("ours").options(preset), {}, None)
        assert one.steps == sum(stage.steps for stage in ours if stage.what.startswith("stage"))
        assert one.timing == ("sd21" if preset == "paper" else "")


def test_players_by_turns():
    plan = registry.beside(registry.METHODS, "_plans", "pix2pix")
    paper = find("pix2pix").options("paper")
    assert plan.trainings(paper, {}, None)[0].steps is None
    assert plan.trainings(paper, {"pairs": 100}, None)[0].steps == 2 * paper.train.rounds_for(100)
    assert plan.trainings(paper, {}, 60)[0].steps == 60
    tiny = find("pix2pix").options("tiny")
    assert plan.trainings(tiny, {}, None)[0].steps == 2 * TwoPlayerOptions(steps=3000).rounds_for(0)


def test_segmentation_counts_blocks_only_where_steps_do_not_follow_from_them():
    plan = registry.beside(registry.TASKS, "_plans", "segment")
    for preset, steps, folds in (("paper", None, 6), ("tiny", 800, 6), ("smoke", 3, 2)):
        options = open_task("segment", preset, {})[0].options
        _, one = plan.trainings(options, {}, None)
        assert (one.steps, one.times, one.references) == (steps, folds, True)


def test_the_codec_decides_what_stages_store():
    method, plan = find("ours"), registry.beside(registry.METHODS, "_plans", "ours")
    facts = {"pairs": 10, "pixels": 256 * 192}
    alike = {"stage.code.channels": "alike", "stage.code.side": 384, "stage.code.upscale": 1}
    sizes = [{one.what: one.size for one in plan.stored(method.options("paper", more), facts)} for more in ({}, alike)]
    latents, draws = "latents of a frame, stage 1", "draws of a stage for a frame"
    assert sizes[0][latents] == sizes[1][latents] == 9 * (512 // 8) * (384 // 8) * 2  # 384 is twice 192
    assert (sizes[0][draws], sizes[1][draws]) == (2 * 256 * 192 * 4, 3 * 256 * 192 * 4)
