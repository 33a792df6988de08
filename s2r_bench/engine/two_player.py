"""Two players that train by turns against each other: the loop of every adversarial method.

What `s2r_bench.engine.loop` is to one network: every batch and every draw is a function of (seed, round), so that a
killed run that is started again ends in the same weights, bit for bit on the same machine. What has to be restored is
the weights and moments of both players, the averaged weights, what the game itself keeps, and the sums of the loss
curve's open row. One process: a game of the sizes that are played here gains little from more.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Literal, TypeVar

import torch
from torch import Tensor, nn

from s2r_bench.engine.checkpoint import latest_state, write_state
from s2r_bench.engine.loop import Batch, step_rng
from s2r_bench.engine.state import Average, in_half, moments, restore_moments
from s2r_bench.engine.two_player_options import STEPS_A_ROUND, TwoPlayerOptions
from s2r_bench.errors import DataError, S2RError
from s2r_bench.simulator import FitReport

Side = Literal["generators", "discriminators"]
Losses = dict[str, Tensor]
MadeT = TypeVar("MadeT")
ADVERSARIAL = "adversarial"
LOGGED_AS: Mapping[Side, str] = {"generators": "train_loss", "discriminators": "discriminator_loss"}


class Game(ABC, Generic[MadeT]):
    """What two players play: their networks and losses, and who moves first.

    Args:
        generators: all networks of the one optimiser. discriminators: all of the other.
    """

    order: ClassVar[tuple[Side, Side]] = ("discriminators", "generators")

    def __init__(self, generators: nn.Module, discriminators: nn.Module) -> None:
        self.generators, self.discriminators = generators, discriminators

    @abstractmethod
    def made(self, batch: Batch, dice: torch.Generator) -> MadeT:
        """What the generators make of a batch, once a round; `dice` draws what is random in it."""

    @abstractmethod
    def generators_loss(self, batch: Batch, made: MadeT) -> Losses:
        """The weighted parts of the generators' loss, by name: their sum is minimised."""

    @abstractmethod
    def discriminators_loss(self, batch: Batch, made: MadeT, number: int, dice: torch.Generator) -> Losses:
        """The same of the discriminators in round `number`; it must not send gradients into `made`."""

    def held_out_loss(self, batch: Batch, dice: torch.Generator) -> Tensor:
        """What the generators' loss says of items that they do not learn from, but for what fools the discriminators.

        The adversarial part is left out: it says how far the discriminators are, not the generators.
        """
        parts = self.generators_loss(batch, self.made(batch, dice))
        return torch.stack([part for name, part in parts.items() if name != ADVERSARIAL]).sum()

    def kept(self) -> dict[str, Tensor]:
        """What goes on from round to round besides weights, by name."""
        return {}

    def restore(self, kept: Mapping[str, Tensor]) -> None:
        """Take back what `kept` gave, on the players' device."""


@dataclass(frozen=True)
class GameResult:
    """What a game came to.

    Attributes:
        weights: state of the generators to sample with (CPU tensors), averaged where that was asked for.
        rounds: that were played. seconds: that took, resumed parts included. parameters: of all networks.
        curve: rows of "step" (of both optimisers), "train_loss" (the generators'), "discriminator_loss", and the
            parts of either by name; "val_loss" where held-out items were given.
    """

    weights: dict[str, Tensor]
    rounds: int
    seconds: float
    parameters: int
    curve: list[dict[str, float]]

    def report(self, stage: str) -> FitReport:
        """The same as a fit's report; both players' optimiser steps count."""
        rows: list[dict[str, float | str]] = [{"stage": stage, **row} for row in self.curve]
        return FitReport(STEPS_A_ROUND * self.rounds, self.seconds, self.parameters, tuple(rows))


class Player:
    """One side of a game: its networks, and the optimiser of all their weights."""

    def __init__(self, side: Side, network: nn.Module, options: TwoPlayerOptions, device: torch.device) -> None:
        self.side, self.network, self.device = side, network.to(device), device
        betas = (options.beta1, options.beta2)
        self.optimiser = torch.optim.Adam(network.parameters(), lr=options.lr, betas=betas)

    def move(self, loss: Tensor, rate: float) -> None:
        """One step down `loss`."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()

    def tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint has to hold: weights, running statistics and moments."""
        found = {f"{self.side}.weight.{name}": tensor for name, tensor in self.network.state_dict().items()}
        return found | moments(self.optimiser, dict(self.network.named_parameters()), f"{self.side}.")

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Become what `tensors` gave.

        Raises:
            RuntimeError: they are another network's.
        """
        prefix = f"{self.side}.weight."
        self.network.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
        restore_moments(self.optimiser, dict(self.network.named_parameters()), tensors, f"{self.side}.")


class TwoPlayerLoop(Generic[MadeT]):
    """Plays `game` for a number of rounds; a checkpoint in `workdir` is picked up where it stopped.

    `held_out`: items that nothing is learned from; every row of the curve gets their loss, of the weights as they are
    then, not averaged.

    Raises:
        DataError: the checkpoint is damaged or another game's.
    """

    def __init__(
        self,
        game: Game[MadeT],
        options: TwoPlayerOptions,
        rounds: int,
        *,
        seed: int,
        device: torch.device,
        workdir: Path | None = None,
        held_out: Batch | None = None,
    ) -> None:
        self.held_out = None if held_out is None else {n: tensor.to(device) for n, tensor in held_out.items()}
        self.game, self.options, self.rounds = game, options, rounds
        self.seed, self.device, self.workdir = seed, device, workdir
        self.half = in_half(options.precision, device.type)
        self.players: dict[Side, Player] = {
            "generators": Player("generators", game.generators, options, device),
            "discriminators": Player("discriminators", game.discriminators, options, device),
        }
        self.average = Average(dict(game.generators.named_parameters()), options.ema)
        self.done, self.seconds = 0, 0.0
        self.curve: list[dict[str, float]] = []
        self.sums: dict[str, list[float]] = {}  # of the curve's open row: [sum, count]
        self._resume()

    def run(self, batch_at: Callable[[int], Batch]) -> GameResult:
        """Play to the last round.

        Raises:
            S2RError: a loss is NaN or infinite; the last checkpoint stays as it is.
        """
        started = saved = time.monotonic()
        before = self.seconds
        for player in self.players.values():
            player.network.train()
        while self.done < self.rounds:
            with exact():
                self._round(batch_at(self.done))
            self.done += 1
            self.seconds = before + time.monotonic() - started
            if self.done % self.options.log_every == 0 or self.done == self.rounds:
                self._end_row()
            if time.monotonic() - saved > self.options.checkpoint_s or self.done == self.rounds:
                self._save()
                saved = time.monotonic()
        weights = {**self.game.generators.state_dict(), **self.average.weights}
        parameters = sum(p.numel() for player in self.players.values() for p in player.network.parameters())
        weights = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}
        return GameResult(weights, self.rounds, self.seconds, parameters, self.curve)

    def _round(self, batch: Batch) -> None:
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        with self._computing():
            made = self.game.made(batch, step_rng(self.seed, self.done, 0, "made"))
        for side in self.game.order:
            if side == "generators":
                with _frozen(self.game.discriminators):
                    with self._computing():
                        parts = self.game.generators_loss(batch, made)
                    self._move(side, parts)
            else:
                with self._computing():
                    dice = step_rng(self.seed, self.done, 0, "pools")
                    parts = self.game.discriminators_loss(batch, made, self.done, dice)
                self._move(side, parts)
        self.average.update(self.done)

    def _computing(self) -> torch.autocast:
        # one for each computation: within one, weights that have moved since would be taken as they were
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)

    def _move(self, side: Side, parts: Losses) -> None:
        loss = torch.stack(list(parts.values())).sum()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise S2RError(
                f"the loss of the {side} is {value} in round {self.done + 1} of {self.rounds}: training diverged. "
                "Try a smaller learning rate (train.lr) or train.precision=fp32"
            )
        self.players[side].move(loss, self.options.rate(self.done, self.rounds))
        named = {name: float(part.detach()) for name, part in parts.items()} if len(parts) > 1 else {}
        for name, figure in ({LOGGED_AS[side]: value} | named).items():
            total, count = self.sums.get(name, [0.0, 0.0])
            self.sums[name] = [total + figure, count + 1]

    def _end_row(self) -> None:
        means = {name: total / count for name, (total, count) in self.sums.items()}
        if self.held_out is not None:
            value = self._held_out_loss(self.held_out)
            means |= {"val_loss": value} if math.isfinite(value) else {}  # nothing depends on it, so it stops nothing
        self.curve.append({"step": float(STEPS_A_ROUND * self.done), **means})
        self.sums = {}

    @torch.no_grad()
    def _held_out_loss(self, batch: Batch) -> float:
        networks = [player.network for player in self.players.values()]
        for network in networks:
            network.eval()  # running statistics stay as training left them
        with exact(), self._computing():
            # the same draws every time, so that rows can be compared
            loss = float(self.game.held_out_loss(batch, step_rng(self.seed, 0, 0, "held out")))
        for network in networks:
            network.train()
        return loss

    def _save(self) -> None:
        if self.workdir is None:
            return
        tensors = self.average.tensors()
        tensors |= {f"kept.{name}": tensor for name, tensor in self.game.kept().items()}
        for player in self.players.values():
            tensors |= player.tensors()
        note = {"seconds": self.seconds, "curve": self.curve, "sums": self.sums}
        write_state(self.workdir, self.done, tensors, note)

    @torch.no_grad()
    def _resume(self) -> None:
        found = latest_state(self.workdir) if self.workdir is not None else None
        if found is None:
            return
        self.done, tensors, note = found
        try:
            for player in self.players.values():
                player.restore(tensors)
            self.average.restore(tensors)
            self.seconds, self.curve, self.sums = float(note["seconds"]), list(note["curve"]), dict(note["sums"])
        except (KeyError, RuntimeError) as wrong:
            raise DataError(
                f"{self.workdir} holds the checkpoint of another game ({wrong}): remove it to train afresh"
            ) from None
        kept = {name.removeprefix("kept."): t for name, t in tensors.items() if name.startswith("kept.")}
        self.game.restore({name: tensor.to(self.device) for name, tensor in kept.items()})


@contextmanager
def exact() -> Iterator[None]:
    """Convolutions by algorithms that give the same bits every time; on the CPU they always do."""
    cudnn = torch.backends.cudnn
    with cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    # gradients pass through it and none are computed for its weights
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
