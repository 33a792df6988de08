"""A camera's discrete depths: found where there are some, left alone where there are none."""

import numpy as np

from s2r_bench.depth_levels import fitted_levels, to_level


def kinect_like(dice):
    return (35.13 / np.round(35.13 / dice.uniform(0.8, 3.0, (64, 64)) * 8) * 8).astype(np.float32)


def test_levels_of_a_camera_that_rounds_disparity_are_found_and_kept():
    dice = np.random.default_rng(0)
    captures = [kinect_like(dice) for _ in range(20)]
    levels = fitted_levels(captures)
    assert levels is not None
    spacing = np.diff(levels)
    assert spacing[levels[:-1] > 2.5].min() > 3 * spacing[levels[:-1] < 1.0].max()
    assert np.abs(to_level(captures[0], levels) - captures[0]).max() < 1e-4


def test_depth_goes_to_the_nearest_level_and_nothing_stays_nothing():
    levels = np.array([1.0, 1.1, 1.3])
    assert to_level(np.array([0.0, 1.04, 1.06, 1.21, 5.0]), levels).tolist() == np.float32([0, 1, 1.1, 1.3, 5]).tolist()


def test_a_camera_without_levels_has_none():
    dice = np.random.default_rng(0)
    assert fitted_levels([dice.uniform(0.5, 4, (64, 64)).astype(np.float32) for _ in range(4)]) is None
