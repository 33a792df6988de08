"""What is refused or told before it costs anything: needs, devices, seeds, plans, a loss that is no number."""

import pytest
import torch

from s2r_bench.cli.compute import _seeds
from s2r_bench.engine.loop import Loop, TrainOptions
from s2r_bench.errors import EnvironmentLacksError, S2RError, UsageError
from s2r_bench.options import Options
from s2r_bench.simulator import Card
from s2r_bench.steps.environment import pick_device
from s2r_bench.steps.methods import Method, served
from s2r_bench.worlds import open_world
from s2r_bench.worlds.base import is_made


def test_a_method_that_needs_what_is_not_there():
    def method(*needs):
        cls = type("Mine", (), {"card": Card("Mine", "tests", "untrained", False, "x", needs=needs)})
        return Method("mine", "mine", cls, "code")

    assert served(method("normals")).name == "mine"
    with pytest.raises(UsageError, match="mine needs mesh and truth"):
        served(method("mesh", "truth"))


def test_a_device_by_number_becomes_the_current_one(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert pick_device("cuda") == pick_device("auto") == "cuda"
    assert chosen == []
    assert pick_device("cuda:1") == "cuda:1"
    assert chosen == [1]
    with pytest.raises(EnvironmentLacksError, match="2 CUDA devices"):
        pick_device("cuda:2")


def test_seed_zero_is_given_too():
    assert _seeds(None, None) is None
    assert _seeds(0, None) == [0]
    assert _seeds(None, 2) == [0, 1]
    assert _seeds(3, 2) == [3, 4]


def test_a_world_that_has_to_be_made_says_so(tmp_path):
    world = open_world("mini", preset="smoke", home=tmp_path)
    assert not is_made(world, ["train"])
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_is_no_number_ends_the_training(tmp_path):
    network = torch.nn.Linear(1, 1)
    options = TrainOptions(steps=5, batch=1, warmup=0)
    loop = Loop(network, options, seed=0, workdir=tmp_path)

    def loss(net, batch, _generator):
        value = net(batch["x"]).square().mean()
        return value * float("nan") if loop.step == 2 else value

    with pytest.raises(S2RError, match="loss is nan at step 3 of 5"):
        loop.run(lambda step, rank: {"x": torch.ones(1, 1)}, loss)
    assert not list(tmp_path.iterdir())


def test_options_know_the_presets_own_names_only():
    with pytest.raises(UsageError, match="no preset"):
        Options.preset("sd21")
