"""The validation loss of the diffusion methods' curves; those of the adversarial ones are in test_gan.py."""

from functools import partial

import pytest
import torch
from made_pairs import MadePairs, noisy_pair

from s2r_baselines.dit3d import Dit3d
from s2r_baselines.ours import StableSim2Real
from s2r_baselines.sd import StableDiffusion
from s2r_bench.engine.loop import Loop, TrainOptions
from s2r_bench.simulator import Budget, HoldsOut

Pairs = partial(MadePairs, partial(noisy_pair, apart=0.1))
HELD = MadePairs(partial(noisy_pair, missing=9))


def fitted(cls, changes, held):
    simulator = cls(cls.options_type.preset("smoke", changes))
    if held is not None:
        simulator.hold_out(held)
    return simulator, simulator.fit(Pairs(), Budget(steps=12), seed=0)


def files(simulator, folder):
    folder.mkdir()
    simulator.save(folder)
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("cls", "changes"),
    [
        (StableDiffusion, {"stage.train.log_every": 2}),
        (StableSim2Real, {"stage.train.log_every": 2}),
        (Dit3d, {"train.log_every": 2}),
        (Dit3d, {"train.log_every": 2, "cloud.mode": "cloud"}),
    ],
)
def test_held_out_pairs_are_told_of_and_learned_from_by_nobody(cls, changes, tmp_path):
    alone, plain = fitted(cls, changes, None)
    watched, told = fitted(cls, changes, HELD)
    assert isinstance(watched, HoldsOut)
    assert files(watched, tmp_path / "watched") == files(alone, tmp_path / "alone")
    assert all("val_loss" not in row for row in plain.curve)
    kept = [{name: value for name, value in row.items() if name != "val_loss"} for row in told.curve]
    assert kept == list(plain.curve)
    of_generators = [row for row in told.curve if not str(row["stage"]).startswith("discriminator")]
    for stage in {row["stage"] for row in of_generators}:
        values = [row["val_loss"] for row in of_generators if row["stage"] == stage]
        assert len(set(values)) == len(values) > 1  # of the weights as they are then


def test_no_held_out_pairs_no_validation_loss():
    simulator, report = fitted(StableDiffusion, {}, MadePairs(noisy_pair, count=0))
    assert simulator.stage.denoiser is not None
    assert all("val_loss" not in row for row in report.curve)


def test_the_held_out_loss_is_taken_as_in_simulation_with_the_same_draws_and_changes_no_running_statistic():
    batch, held = {"x": torch.randn(5, 3)}, {"x": torch.full((2, 3), 7.0)}
    statistics = []
    for watched in (held, None):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5))
        draws: dict[bool, list[float]] = {True: [], False: []}

        def loss(net, items, dice, draws=draws):
            draws[net.training].append(float(torch.rand(1, generator=dice)))
            return (net(items["x"]) ** 2).mean()

        Loop(network, TrainOptions(steps=3, log_every=1), seed=0).run(lambda *_, b=batch: b, loss, held_out=watched)
        assert len(set(draws[True])) == 3
        assert len(set(draws[False])) == (1 if watched else 0)
        statistics.append(network[1].running_mean.clone())
    assert torch.equal(*statistics)


def test_a_held_out_loss_that_is_not_finite_stops_nothing(tmp_path):
    held = {"x": torch.full((2, 3), float("inf"))}
    loop = Loop(torch.nn.Linear(3, 1), TrainOptions(steps=2, log_every=1), seed=0, workdir=tmp_path)
    result = loop.run(
        lambda *_: {"x": torch.ones(2, 3)}, lambda net, batch, dice: net(batch["x"]).mean(), held_out=held
    )
    assert [set(row) for row in result.curve] == [{"step", "train_loss"}] * 2
