"""What several tests of the tasks stand on: the built-in world at smoke size, and a shelf, one of each a file."""

import pytest

from s2r_bench.shelf import Shelf
from s2r_bench.worlds import open_world
from s2r_bench.worlds.mini import MiniWorld


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> MiniWorld:
    found = open_world("mini", preset="smoke", home=tmp_path_factory.mktemp("home"), options={"workers": 1})
    assert isinstance(found, MiniWorld)
    return found


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))
