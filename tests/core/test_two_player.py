"""The loop of two players: against a plain one, killed and continued, diverging, averaged, in half precision."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from s2r_bench.engine.checkpoint import latest_state
from s2r_bench.engine.loop import step_rng
from s2r_bench.engine.two_player import Game, Player, TwoPlayerLoop
from s2r_bench.engine.two_player_options import TwoPlayerOptions
from s2r_bench.errors import DataError, S2RError
from s2r_bench.seeds import torch_rng

CPU = torch.device("cpu")


class Toy(Game):
    """One network a side: the made number should be told from the wanted one, and not be."""

    def __init__(self, order, width=3):
        super().__init__(nn.Linear(2, width), nn.Sequential(nn.Linear(width, 4), nn.Tanh(), nn.Linear(4, 1)))
        self.order = order
        dice = torch_rng("toy")
        with torch.no_grad():
            for parameter in [*self.generators.parameters(), *self.discriminators.parameters()]:
                parameter.copy_(0.5 * torch.randn(parameter.shape, generator=dice))
        self.seen, self.memory = [], torch.zeros(0)

    def made(self, batch, dice):
        return self.generators(batch["x"] + 0.1 * torch.randn(batch["x"].shape, generator=dice))

    def generators_loss(self, batch, made):
        return {
            "fooled": functional.softplus(-self.discriminators(made)).mean(),
            "l1": 2 * (made - batch["y"]).abs().mean(),
        }

    def discriminators_loss(self, batch, made, number, dice):
        self.seen.append((number, made.detach().clone()))
        remembered = self.memory if len(self.memory) else made.detach()
        self.memory = made.detach() + torch.rand((), generator=dice)
        real, fake = self.discriminators(batch["y"]), self.discriminators(remembered)
        return {"told_apart": (functional.softplus(-real) + functional.softplus(fake)).mean()}

    def kept(self):
        return {"memory": self.memory} if len(self.memory) else {}

    def restore(self, kept):
        self.memory = kept.get("memory", torch.zeros(0))


ORDERS = [("discriminators", "generators"), ("generators", "discriminators")]


def batch_at(number):
    dice = torch_rng("batch", number)
    return {"x": torch.randn(5, 2, generator=dice), "y": torch.randn(5, 3, generator=dice)}


def looped(order, rounds=7, folder=None, **options):
    game = Toy(order)
    options = TwoPlayerOptions(**{"lr": 1e-2, "log_every": 3, **options})
    return game, TwoPlayerLoop(game, options, rounds, seed=4, device=CPU, workdir=folder)


@pytest.mark.parametrize("order", ORDERS)
def test_the_loop_is_the_plain_one(order):
    options = TwoPlayerOptions(lr=1e-2, beta1=0.3, beta2=0.9, ema=0.6)
    game, loop = looped(order, beta1=0.3, beta2=0.9, ema=0.6)
    found = loop.run(batch_at)
    plain = Toy(order)
    adams = {
        side: torch.optim.Adam(getattr(plain, side).parameters(), betas=(0.3, 0.9))
        for side in ("generators", "discriminators")
    }
    average = {name: p.detach().clone() for name, p in plain.generators.named_parameters()}
    losses = []
    for number in range(7):
        batch = batch_at(number)
        made = plain.made(batch, step_rng(4, number, 0, "made"))
        for side in order:
            if side == "generators":
                loss = sum(plain.generators_loss(batch, made).values())
                losses.append(float(loss.detach()))
            else:
                loss = plain.discriminators_loss(batch, made, number, step_rng(4, number, 0, "pools"))["told_apart"]
            own = list(getattr(plain, side).parameters())
            for parameter, gradient in zip(own, torch.autograd.grad(loss, own, retain_graph=True), strict=True):
                parameter.grad = gradient
            adams[side].param_groups[0]["lr"] = options.rate(number, 7)
            adams[side].step()
        decay = min(0.6, (1 + number) / (10 + number))
        for name, parameter in plain.generators.named_parameters():
            average[name] = decay * average[name] + (1 - decay) * parameter.detach()
    for mine, theirs in zip(game.discriminators.parameters(), plain.discriminators.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)
    assert all(torch.allclose(found.weights[name], tensor, atol=1e-6) for name, tensor in average.items())
    assert not torch.allclose(found.weights["weight"], plain.generators.weight, atol=1e-3)
    assert [row["step"] for row in found.curve] == [6, 12, 14]
    assert found.curve[0]["train_loss"] == pytest.approx(np.mean(losses[:3]))
    assert set(found.curve[0]) == {"step", "train_loss", "fooled", "l1", "discriminator_loss"}
    assert [number for number, _ in game.seen] == list(range(7))
    assert found.parameters == 9 + 16 + 5
    report = found.report("toy")
    assert (report.steps, report.parameters, report.curve[0]["stage"]) == (14, 30, "toy")


def test_without_averaging_the_weights_are_the_generators_own():
    game, loop = looped(ORDERS[0])
    found = loop.run(batch_at)
    assert all(torch.equal(found.weights[name], tensor) for name, tensor in game.generators.state_dict().items())


class Killed(RuntimeError):
    pass


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("side", ["generators", "discriminators"])
@pytest.mark.parametrize("number", [0, 2, 6])
def test_killed_at_either_turn_it_ends_in_the_same_state(order, side, number, tmp_path, monkeypatch):
    _, straight = looped(order, folder=tmp_path / "straight", ema=0.9)
    whole = straight.run(batch_at)
    move, left = Player.move, [number]

    def failing(self, loss, rate):
        left[0] -= self.side == side
        if left[0] < 0:
            raise Killed
        move(self, loss, rate)

    with monkeypatch.context() as patch:
        patch.setattr(Player, "move", failing)
        with pytest.raises(Killed):
            looped(order, folder=tmp_path / "killed", ema=0.9, checkpoint_s=1e-9)[1].run(batch_at)
    _, resumed = looped(order, folder=tmp_path / "killed", ema=0.9)
    assert resumed.done == number
    rest = resumed.run(batch_at)
    assert rest.curve == whole.curve
    assert all(torch.equal(rest.weights[name], whole.weights[name]) for name in whole.weights)
    states = [latest_state(tmp_path / folder)[1] for folder in ("straight", "killed")]
    assert states[0].keys() == states[1].keys()
    assert {"kept.memory", "average.weight", "discriminators.adam.exp_avg.0.weight"} <= states[0].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_turn_leaves_no_gradient_with_the_other_player_and_no_trace_in_the_global_generator():
    game, loop = looped(ORDERS[1], rounds=1)
    before = torch.random.get_rng_state()

    class Watched(Exception):
        pass

    def watched(*_):
        assert all(p.grad is None for p in game.discriminators.parameters())
        assert all(p.grad is not None for p in game.generators.parameters())
        raise Watched

    game.discriminators_loss = watched
    with pytest.raises(Watched):
        loop.run(batch_at)
    assert all(p.requires_grad for p in game.discriminators.parameters())
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("side", ["generators", "discriminators"])
def test_divergence_is_said_and_not_saved(side, tmp_path):
    _, loop = looped(ORDERS[side == "generators"], folder=tmp_path, checkpoint_s=1e-9)

    def broken(number):
        batch = batch_at(number)
        return batch | {"y": batch["y"] * math.nan} if number == 1 else batch

    with pytest.raises(S2RError, match=rf"loss of the {side} is nan in round 2 of 7.*train\.lr"):
        loop.run(broken)
    step, tensors, _ = latest_state(tmp_path)
    assert step == 1
    assert all(tensor.isfinite().all() for tensor in tensors.values())


def test_a_checkpoint_of_another_game_is_refused(tmp_path):
    looped(ORDERS[0], folder=tmp_path)[1].run(batch_at)
    options = TwoPlayerOptions()
    with pytest.raises(DataError, match=f"{tmp_path} holds the checkpoint of another game"):
        TwoPlayerLoop(Toy(ORDERS[0], width=2), options, 7, seed=4, device=CPU, workdir=tmp_path)
    with pytest.raises(DataError, match="another game"):  # one without an average
        looped(ORDERS[0], folder=tmp_path, ema=0.5)


def test_half_precision_is_near_and_not_the_same():
    found = [looped(ORDERS[0], precision=precision)[1].run(batch_at).weights for precision in ("fp32", "bf16")]
    assert all(weights["weight"].dtype == torch.float32 for weights in found)
    assert not torch.equal(found[0]["weight"], found[1]["weight"])
    assert torch.allclose(found[0]["weight"], found[1]["weight"], atol=0.05)


def test_a_linear_rate_is_constant_for_half_and_ends_above_zero():
    rates = [TwoPlayerOptions(lr=0.5).rate(done, 200) for done in range(200)]
    assert rates[:100] == [0.5] * 100
    assert np.allclose(np.diff(rates[99:]), -0.5 / 101)
    assert rates[-1] == pytest.approx(0.5 / 101)
    assert TwoPlayerOptions(lr=0.5, schedule="constant").rate(199, 200) == 0.5
