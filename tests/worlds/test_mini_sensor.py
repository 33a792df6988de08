"""The virtual sensor fails where and as an active-stereo camera does."""

import numpy as np
import pytest

from s2r_bench.geometry.render import intrinsics
from s2r_bench.seeds import FrameSeed
from s2r_bench.worlds.mini.furniture.assembly import Assembly
from s2r_bench.worlds.mini.light import dot_pattern
from s2r_bench.worlds.mini.scene import Body, Material, Scene, Stage
from s2r_bench.worlds.mini.sensor import Capture, SensorOptions, VirtualSensor

SIZE = (48, 64)
K = intrinsics(64, 48, 57.0)
SMALL = {"matching": {"disparities": 48}}
PERFECT = {**SMALL, "scale_bias": 0.0, "disparity_bias_px": 0.0, "warp_px": 0.0, "rectification_px": 0.0}


def _stage(*boxes: tuple[tuple[float, float], tuple[float, float], float], albedo: float = 0.7) -> Stage:
    """Boxes (x span, y span, z of the face) seen from the origin along +z."""
    bodies = []
    for number, (x, y, z) in enumerate(boxes):
        made = Assembly()
        made.block(x, y, (z, z + 0.05))
        bodies.append(Body(made.parts[0], Material(albedo), number))
    names = tuple(str(number) for number in range(len(boxes)))
    return Stage(Scene("test", tuple(bodies), names, np.zeros(3), 1.0))


def _wall(z: float) -> tuple[tuple[float, float], tuple[float, float], float]:
    return (-4.0, 4.0), (-4.0, 4.0), z


def _capture(stage: Stage, options: dict[str, object], view: int = 0, session: int = 0, yaw: float = 0.0) -> Capture:
    pose = np.eye(4)
    pose[0, [0, 2]] = np.cos(yaw), np.sin(yaw)
    pose[2, [0, 2]] = -np.sin(yaw), np.cos(yaw)
    return VirtualSensor(SensorOptions(**options)).capture(stage, K, pose, SIZE, FrameSeed(view, session))


def _residual(seen: Capture) -> np.ndarray:
    known = (seen.captured > 0) & (seen.clean > 0)
    return (seen.captured - seen.clean)[known]


def test_a_perfect_calibration_is_unbiased_and_errors_grow_with_range() -> None:
    spread = []
    for z in (1.0, 2.0, 3.0):
        assert _capture(_stage(_wall(z)), PERFECT).clean == pytest.approx(np.full(SIZE, z), abs=1e-5)
        seen = _capture(_stage(_wall(z)), PERFECT, yaw=0.25)  # oblique, so that all fractions of a disparity occur
        residual = _residual(seen)
        assert (seen.captured > 0).mean() > 0.85
        assert abs(np.median(residual)) < 0.006 * z**2
        spread.append(float(np.median(np.abs(residual))))
    assert spread[0] < 0.012
    assert spread[2] > 2 * spread[0]


def test_draws_depend_on_their_seeds_only() -> None:
    stage = _stage(_wall(1.6), ((-0.3, 0.3), (-0.2, 0.4), 1.1))
    first = _capture(stage, SMALL, view=1, session=1)
    _capture(stage, SMALL, view=9, session=9)
    np.testing.assert_array_equal(_capture(stage, SMALL, view=1, session=1).captured, first.captured)
    assert not np.array_equal(_capture(stage, SMALL, view=2, session=1).captured, first.captured)
    sensor = VirtualSensor(SensorOptions(**SMALL))
    assert sensor.calibration(1) == sensor.calibration(1) != sensor.calibration(2)


def test_a_session_shares_its_bias() -> None:
    stage = _stage(_wall(1.6))
    options = {**SMALL, "scale_bias": 0.03}
    medians = {s: [np.median(_residual(_capture(stage, options, view=v, session=s))) for v in (0, 1)] for s in (1, 2)}
    within = max(abs(a - b) for a, b in medians.values())
    assert abs(medians[1][0] - medians[2][0]) > 3 * within


def test_holes_stand_beside_edges_on_the_side_that_the_right_camera_does_not_see() -> None:
    stage = _stage(_wall(2.2), ((-0.25, 0.25), (-0.3, 0.3), 1.0))
    hole = _capture(stage, {**PERFECT, "projector_m": 0.0375}).captured == 0
    box = slice(18, 46)  # columns of the box: 57 * 0.25 / 1.0 = 14 about the middle
    rows = slice(12, 36)
    left, right = hole[rows, 15:18].mean(), hole[rows, 46:52].mean()
    assert left > 0.5
    assert hole[rows, box][:, 4:-4].mean() < 0.1
    assert right < left


def test_the_projector_casts_a_shadow_on_the_other_side() -> None:
    stage = _stage(_wall(2.2), ((-0.25, 0.25), (-0.3, 0.3), 1.0))
    beside = slice(47, 51)  # right of the box: both cameras see the wall there
    between = _capture(stage, {**PERFECT, "projector_m": 0.0375}).captured[12:36, beside] == 0
    outside = _capture(stage, {**PERFECT, "projector_m": -0.12}).captured[12:36, beside] == 0
    assert outside.mean() > between.mean() + 0.4


def test_dark_surfaces_give_holes_at_range() -> None:
    dark = _capture(_stage(_wall(3.2), albedo=0.02), PERFECT).captured == 0
    bright = _capture(_stage(_wall(3.2), albedo=0.8), PERFECT).captured == 0
    assert bright.mean() < 0.1
    assert dark.mean() > bright.mean() + 0.2


def test_thin_things_are_lost() -> None:
    rod = ((0.0, 0.006), (-1.0, 1.0), 1.9)  # under a sensor pixel wide
    seen = _capture(_stage(_wall(2.2), rod), PERFECT)
    on_rod = seen.instance == 1
    assert on_rod.sum() == 0 or (np.abs(seen.captured - 1.9)[on_rod] > 0.1).mean() > 0.8


def test_out_of_range_is_a_hole() -> None:
    far = _capture(_stage(_wall(6.0)), PERFECT).captured
    assert far.max() <= 4.5
    assert (far > 0).mean() < 0.02
    near = _capture(_stage(_wall(0.4)), PERFECT).captured
    assert not ((near > 0) & (near < 0.45)).any()


def test_the_pattern_lights_about_the_share_asked_for() -> None:
    sharp = dot_pattern(0.25, 0.0, 7)
    assert (sharp > 0).mean() == pytest.approx(0.25, abs=0.01)
