"""The oracle: captures of a world that owns its sensor, and of no other."""

from pathlib import Path

import numpy as np
import pytest

from s2r_baselines.oracle import Oracle
from s2r_bench.errors import NotFittedError, UsageError
from s2r_bench.options import Options
from s2r_bench.seeds import frame_seeds
from s2r_bench.steps.evaluate import Grid, Request
from s2r_bench.steps.fit import FitJob, ready, with_sensor
from s2r_bench.steps.methods import find, served
from s2r_bench.store import Store
from s2r_bench.worlds import open_world
from s2r_bench.worlds.base import HoldsObjects, OwnsSensor


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    return open_world("mini", preset="smoke", home=tmp_path_factory.mktemp("home"))


def test_the_mini_world_keeps_the_contracts(world) -> None:
    assert isinstance(world, OwnsSensor)
    assert isinstance(world, HoldsObjects)


def test_it_captures_views_but_never_repeats_the_stored_captures(world) -> None:
    pair = world.pairs("test")[0]
    oracle = Oracle(Options())
    with pytest.raises(NotFittedError, match="no sensor"):
        oracle.simulate([pair.clean], frame_seeds([pair.clean], 0))
    oracle.take_sensor(world.capture)
    first, again = (oracle.simulate([pair.clean], frame_seeds([pair.clean], 0))[0] for _ in range(2))
    np.testing.assert_array_equal(first.depth, again.depth)
    both = (first.depth > 0) & (pair.captured.depth > 0)
    assert both.mean() > 0.3
    assert np.abs(first.depth - pair.captured.depth)[both].max() > 1e-3
    assert np.median(np.abs(first.depth - pair.captured.depth)[both]) < 0.1


def test_its_identity_is_the_worlds(world, tmp_path: Path) -> None:
    method, store = find("oracle"), Store(tmp_path)
    other = open_world("mini", preset="smoke", home=tmp_path, options={"sensor.light_e": 50.0})
    first, second = (
        with_sensor(ready(FitJob(method, some, Options()), store), some).identity for some in (world, other)
    )
    assert first != second


def test_worlds_without_a_sensor_of_their_own_refuse_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="truth"):
        served(find("oracle"))

    class Pairs:
        name, preset, owns_sensor = "pairs", "smoke", False

    with pytest.raises(UsageError, match="truth"):
        Grid(Request("fidelity", {"oracle": {}}, Pairs()), Store(tmp_path))  # type: ignore[arg-type]
