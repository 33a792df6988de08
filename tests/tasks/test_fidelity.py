"""The task fidelity on pairs with known noise: every figure has a value that can be worked out."""

import importlib.util
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from s2r_bench.errors import DataError, UsageError
from s2r_bench.task import Arm, TaskResult
from s2r_tasks.fidelity import Fidelity, FidelityOptions, task

_spec = importlib.util.spec_from_file_location("fidelity_world", Path(__file__).with_name("fidelity_world.py"))
assert _spec is not None
assert _spec.loader is not None
made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made)

OPTIONS = FidelityOptions(patches=300, cloud_points=20_000)


def run(arm: Arm, world: object, folder: Path, options: FidelityOptions = OPTIONS) -> TaskResult:
    return Fidelity(options).run(arm, world, 0, folder)  # type: ignore[arg-type]


def mean(result: TaskResult, metric: str, category: str | None = None) -> float:
    values = [s.value for s in result.scores if s.metric == metric and category in (None, s.category)]
    assert values, f"no score of {metric}; failures: {result.failures}"
    return float(np.mean(values))


def capture_arm(world: object) -> Arm:
    """The captures themselves, handed in as a simulation."""
    pairs = world.pairs("test")  # type: ignore[attr-defined]
    truth = {pairs[index].id: pairs[index].captured for index in range(len(pairs))}
    card = replace(made.CARD, stochastic=False)
    return Arm("truth", lambda frames, _: [truth[frame.id] for frame in frames], card)


@pytest.fixture(scope="module")
def world() -> object:
    return made.FolderLikeWorld(made.white(0.004, holes=0.1))


def test_is_a_task() -> None:
    assert task is Fidelity
    assert Fidelity.references == ("floor", "ceiling")
    assert "odd" in (importlib.import_module("s2r_tasks.fidelity").__doc__ or "")


def test_the_truth_as_a_submission_is_perfect(world: object, tmp_path: Path) -> None:
    result = run(capture_arm(world), world, tmp_path)
    assert not result.failures
    for metric, info in Fidelity.metrics.items():
        values = [score.value for score in result.scores if score.metric == metric]
        if info.better == "lower":
            assert values, metric
            assert max(values) == pytest.approx(0, abs=1e-12), metric
        elif info.better == "higher":
            assert values, metric
            assert min(values) == 1.0, metric
    assert mean(result, "two_sample_accuracy") == pytest.approx(0.5, abs=0.02)


def test_every_score_is_documented(world: object, tmp_path: Path) -> None:
    found = set()
    for arm in (made.arm(made.white(0.004, 0.1)), Arm("floor"), Arm("ceiling")):
        found |= {score.metric for score in run(arm, world, tmp_path).scores}
    said = {name for name, info in Fidelity.metrics.items() if info.group == "of itself"}
    assert found == set(Fidelity.metrics) - said


def test_what_a_simulator_says_of_itself_is_kept(world: object, tmp_path: Path) -> None:
    arm = replace(capture_arm(world), diagnose=lambda pairs, seed: {"codec_mae_mm": float(len(pairs)) + seed})
    assert mean(run(arm, world, tmp_path), "codec_mae_mm") == 16
    arm = replace(arm, diagnose=lambda pairs, seed: {"codec_mae_mm": math.nan})
    assert "codec_mae_mm" in run(arm, world, tmp_path).failures["all/diagnosis"]


def test_a_perfect_simulator_is_near_the_ideal(world: object, tmp_path: Path) -> None:
    """The same noise, other draws: distributional figures vanish, pixel figures stay at the noise's own size."""
    result = run(made.arm(made.white(0.004, holes=0.1)), world, tmp_path)
    assert not result.failures
    assert mean(result, "w1") < 0.0002
    assert mean(result, "w1_range_mean") < 0.0003
    assert mean(result, "hole_rate_diff") < 0.01
    assert mean(result, "autocorrelation_diff") < 0.02
    assert mean(result, "two_sample_accuracy") == pytest.approx(0.5, abs=0.1)
    assert mean(result, "mae") == pytest.approx(0.004 * 2 / math.sqrt(math.pi), rel=0.05)
    assert mean(result, "hole_iou") == pytest.approx(0.01 / 0.19, abs=0.02)
    assert mean(result, "diversity") == pytest.approx(0.004 * 0.921, rel=0.05)  # std of four draws: c4(4) = 0.921


def test_white_noise_moments(world: object, tmp_path: Path) -> None:
    result = run(made.arm(made.white(0.01, holes=0.2, bias=0.003)), world, tmp_path)
    assert mean(result, "spread_range") == pytest.approx(0.01, rel=0.05)
    assert mean(result, "std_range") == pytest.approx(0.01, rel=0.05)
    assert mean(result, "bias_range") == pytest.approx(0.003, abs=0.0005)
    assert mean(result, "spread_range_diff") == pytest.approx(0.006, abs=0.0006)
    assert mean(result, "captured_spread_range") == pytest.approx(0.004, rel=0.05)
    assert mean(result, "hole_rate") == pytest.approx(0.2, abs=0.01)
    assert mean(result, "hole_rate_diff") == pytest.approx(0.1, abs=0.015)
    assert mean(result, "autocorrelation") == pytest.approx(0, abs=0.02)
    categories = {score.category for score in result.scores if score.metric == "w1_range"}
    assert categories == {"1.0-1.5 m", "2.0-2.5 m"}


def test_w1_of_a_shifted_capture_is_the_shift(world: object, tmp_path: Path) -> None:
    truth = capture_arm(world)

    def shifted(frames: Iterable[object], draw: int) -> list[object]:
        given = truth.simulate(list(frames), draw)  # type: ignore[misc, arg-type]
        return [f.with_depth(np.where(f.depth > 0, f.depth + np.float32(0.01), 0).astype(np.float32)) for f in given]

    result = run(Arm("shifted", shifted, truth.card), world, tmp_path)  # type: ignore[arg-type]
    for metric in ("w1", "w1_range_mean", "w1_frame", "bias_range_diff", "mae", "median_ae"):
        assert mean(result, metric) == pytest.approx(0.01, rel=1e-3), metric
    assert mean(result, "spread_range_diff") == pytest.approx(0, abs=1e-6)
    assert mean(result, "hole_iou") == 1.0


def test_floor_is_the_clean_depth(world: object, tmp_path: Path) -> None:
    result = run(Arm("floor"), world, tmp_path)
    assert not result.failures
    assert mean(result, "w1") == pytest.approx(0.004 * math.sqrt(2 / math.pi), rel=0.03)
    assert mean(result, "spread_range_diff") == pytest.approx(0.004, rel=0.05)
    assert mean(result, "hole_rate") == 0
    assert mean(result, "hole_iou") == 0
    assert mean(result, "autocorrelation") == 0
    assert mean(result, "consistency") == 0
    assert mean(result, "two_sample_accuracy") > 0.95
    assert not [score for score in result.scores if score.metric == "diversity"]


def test_consistency_of_white_noise(world: object, tmp_path: Path) -> None:
    """Two independent draws of 4 mm differ by 4 mm x 2 / sqrt(pi) on average, whatever the geometry."""
    result = run(Arm("ceiling"), world, tmp_path)
    assert mean(result, "consistency") == pytest.approx(0.004 * 2 / math.sqrt(math.pi), rel=0.05)


def test_ceiling_without_a_second_capture(world: object, tmp_path: Path) -> None:
    result = run(Arm("ceiling"), world, tmp_path)
    assert not result.failures
    assert mean(result, "w1") < 0.0003
    assert mean(result, "two_sample_accuracy") == pytest.approx(0.5, abs=0.1)
    assert mean(result, "mae") == pytest.approx(0.004 * 2 / math.sqrt(math.pi), rel=0.05)
    assert mean(result, "hole_iou") == pytest.approx(0.01 / 0.19, abs=0.02)
    clouds = {score.sample for score in result.scores if score.metric == "chamfer_l2"}
    assert clouds == {"a/0", "b/0"}


def test_ceiling_with_a_second_capture(tmp_path: Path) -> None:
    world = made.SensorWorld(made.white(0.004, holes=0.1))
    result = run(Arm("ceiling"), world, tmp_path)
    assert mean(result, "mae") == pytest.approx(0.004 * 2 / math.sqrt(math.pi), rel=0.05)
    assert mean(result, "mae") > 0.001  # a second capture, not the first one again
    assert mean(result, "diversity") == pytest.approx(0.004 * 0.921, rel=0.05)
    assert len({score.sample for score in result.scores if score.metric == "hole_iou"}) == 16


def test_noise_moves_fused_clouds_as_it_should(world: object, tmp_path: Path) -> None:
    close = run(made.arm(made.white(0.004)), world, tmp_path)
    far = run(made.arm(made.white(0.03)), world, tmp_path)
    assert mean(close, "chamfer_l2") < mean(far, "chamfer_l2")
    assert mean(close, "f_score_10mm") > mean(far, "f_score_10mm")
    assert mean(close, "voxel_iou") > mean(far, "voxel_iou")


def test_same_seed_same_numbers(world: object, tmp_path: Path) -> None:
    arm = made.arm(made.white(0.006, 0.05))
    assert run(arm, world, tmp_path).scores == run(arm, world, tmp_path).scores


def test_pixels_without_clean_depth_do_not_count(world: object, tmp_path: Path) -> None:
    """Depth invented where the clean side has none changes nothing."""
    truth = capture_arm(world)

    def filled(frames: Iterable[object], draw: int) -> list[object]:
        given = truth.simulate(list(frames), draw)  # type: ignore[misc, arg-type]
        pairs = zip(given, frames, strict=True)
        return [f.with_depth(np.where(c.depth > 0, f.depth, 1.7).astype(np.float32)) for f, c in pairs]  # type: ignore[attr-defined]

    assert run(Arm("filled", filled, truth.card), world, tmp_path).scores == run(truth, world, tmp_path).scores  # type: ignore[arg-type]


def test_an_arm_that_sees_nothing_fails_with_reasons(world: object, tmp_path: Path) -> None:
    blind = Arm("blind", lambda frames, _: [f.with_depth(np.zeros_like(f.depth)) for f in frames], made.CARD)
    result = run(blind, world, tmp_path)
    assert "no valid pixel" in result.failures["all/range"]
    assert "valid on both sides" in result.failures["a/0/000"]
    assert "nothing to fuse" in result.failures["a/0"]
    assert mean(result, "hole_rate") == 1.0
    assert mean(result, "hole_iou") == pytest.approx(0.1, abs=0.02)


def test_clouds_are_judged_in_space_alone(world: object, tmp_path: Path) -> None:
    """The same answers as depth maps and as clouds: the same 3-D figures, and no others."""
    maps = made.arm(made.white(0.004, 0.1))
    clouds = made.arm(made.white(0.004, 0.1), replace(made.CARD, output="cloud"))
    every, found = run(maps, world, tmp_path), run(clouds, world, tmp_path)
    assert not every.left_out
    assert set(found.left_out) == {"distributional", "2-D"}
    assert all("points" in why for why in found.left_out.values())
    assert not found.failures
    in_space = {name for name, info in Fidelity.metrics.items() if info.group == "3-D"}
    by_view = {"consistency", "captured_consistency"}
    assert {score.metric for score in found.scores} == in_space | (by_view & {s.metric for s in found.scores})
    kept = [score for score in every.scores if score.metric in {s.metric for s in found.scores}]
    assert found.scores == kept
    assert set(found.artifacts) == set(every.artifacts)


def test_wrong_answers_are_refused_by_name(world: object, tmp_path: Path) -> None:
    short = Arm("short", lambda frames, _: list(frames)[1:], made.CARD)
    with pytest.raises(DataError, match="15 frames for 16 views"):
        run(short, world, tmp_path)
    swapped = Arm("swapped", lambda frames, _: list(frames)[::-1], made.CARD)
    with pytest.raises(DataError, match="a/0/000"):
        run(swapped, world, tmp_path)
    with pytest.raises(UsageError, match="floor, ceiling"):
        run(Arm("oracle"), world, tmp_path)


def test_artifacts_lie_below_the_run_folder(world: object, tmp_path: Path) -> None:
    result = run(Arm("floor"), world, tmp_path)
    assert set(result.artifacts) == {"view_0", "view_1", "view_2", "view_3", "clouds", "world"}
    with np.load(tmp_path / result.artifacts["view_1"], allow_pickle=False) as view:
        assert view["clean"].shape == view["captured"].shape == view["simulated"].shape == (48, 64)
        np.testing.assert_array_equal(view["clean"], view["simulated"])
        assert str(view["id"]) in {f"{scene}/0/{place:03d}" for scene in "ab" for place in range(8)}
    with np.load(tmp_path / result.artifacts["clouds"], allow_pickle=False) as clouds:
        assert clouds["captured"].shape[1] == 3
        assert len(clouds["captured"]) <= 20_000
    assert not list(tmp_path.rglob("*.part"))


def test_fewer_frames_by_option(world: object, tmp_path: Path) -> None:
    result = run(Arm("floor"), world, tmp_path, FidelityOptions(frames=4))
    assert len({score.sample for score in result.scores if score.metric == "mae"}) == 4
    with pytest.raises(UsageError):
        FidelityOptions.preset("tiny", {"voxel": -1})
    assert FidelityOptions.preset("smoke").frames == 12
