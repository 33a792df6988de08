"""Two players by turns, killed and continued: every batch and every draw is a function of (seed, iteration).

What has to be restored is the weights and moments of both players, the images in the pools and the sums of the loss
curve's open row; nothing else is carried from one iteration to the next.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from s2r_baselines._gan.options import GanTrainOptions
from s2r_baselines._gan.pool import ImagePool
from s2r_bench.engine.checkpoint import latest_state, write_state
from s2r_bench.engine.loop import step_rng
from s2r_bench.errors import DataError, S2RError
from s2r_bench.simulator import FitReport

Side = Literal["generators", "discriminators"]
STEPS_AN_ITERATION = 2  # one of either player's optimiser
Images = dict[str, Tensor]


class Game(ABC):
    """What two players play: their networks, pools, losses, and who moves first.

    Args:
        generators: all networks of the one optimiser. discriminators: all of the other.
        pools: images kept from earlier iterations, by name.
    """

    order: ClassVar[tuple[Side, Side]]

    def __init__(
        self, generators: nn.Module, discriminators: nn.Module, pools: Mapping[str, ImagePool] | None = None
    ) -> None:
        self.generators, self.discriminators = generators, discriminators
        self.pools: dict[str, ImagePool] = dict(pools or {})

    @abstractmethod
    def made(self, batch: Mapping[str, Tensor], dice: torch.Generator) -> Images:
        """The images that the generators make of a batch, once an iteration; `dice` draws what is random in them."""

    @abstractmethod
    def generators_loss(self, batch: Mapping[str, Tensor], made: Images) -> dict[str, Tensor]:
        """The weighted parts of the generators' loss, by name: their sum is minimised."""

    @abstractmethod
    def discriminators_loss(self, batch: Mapping[str, Tensor], made: Images, dice: torch.Generator) -> Tensor:
        """The discriminators' loss; must not send gradients into `made`. `dice` draws from the pools."""

    @property
    def parameters(self) -> int:
        """Trainable parameters of all networks."""
        return sum(p.numel() for side in (self.generators, self.discriminators) for p in side.parameters())


@dataclass(frozen=True)
class GanResult:
    """What a loop cost.

    Attributes:
        iterations: that were played. seconds: that took, resumed parts included. parameters: of all networks.
        curve: rows of "step" (optimiser steps of both players), "train_loss" (the generators', and its parts by name)
            and "discriminator_loss".
    """

    iterations: int
    seconds: float
    parameters: int
    curve: list[dict[str, float]]

    def report(self, stage: str) -> FitReport:
        """The same as a fit's report; both players' optimiser steps count."""
        rows: list[dict[str, float | str]] = [{"stage": stage, **row} for row in self.curve]
        return FitReport(STEPS_AN_ITERATION * self.iterations, self.seconds, self.parameters, tuple(rows))


class GanLoop:
    """Plays `game` for a number of iterations; a checkpoint in `workdir` is picked up where it stopped.

    Raises:
        DataError: the checkpoint is damaged or another game's.
    """

    def __init__(
        self,
        game: Game,
        options: GanTrainOptions,
        iterations: int,
        *,
        seed: int,
        device: torch.device,
        workdir: Path | None = None,
    ) -> None:
        self.game, self.options, self.iterations = game, options, iterations
        self.seed, self.device, self.workdir = seed, device, workdir
        self.sides: dict[Side, nn.Module] = {"generators": game.generators, "discriminators": game.discriminators}
        self.optimisers = {
            side: torch.optim.Adam(network.to(device).parameters(), lr=options.lr, betas=(options.beta1, 0.999))
            for side, network in self.sides.items()
        }
        self.done, self.seconds = 0, 0.0
        self.curve: list[dict[str, float]] = []
        self.sums: dict[str, float] = {}  # of the open row of the curve
        self.count = 0
        self._resume()

    def run(self, batch_at: Callable[[int], Mapping[str, Tensor]]) -> GanResult:
        """Play to the last iteration; the weights are then in the game's networks.

        Raises:
            S2RError: a loss is NaN or infinite; the last checkpoint stays as it is.
        """
        started = saved = time.monotonic()
        before = self.seconds
        for network in self.sides.values():
            network.train()
        while self.done < self.iterations:
            with exact():
                losses = self._one(batch_at(self.done))
            self.done += 1
            self.seconds = before + time.monotonic() - started
            self._note(losses)
            if time.monotonic() - saved > self.options.checkpoint_s or self.done == self.iterations:
                self._save()
                saved = time.monotonic()
        return GanResult(self.iterations, self.seconds, self.game.parameters, self.curve)

    def _one(self, batch: Mapping[str, Tensor]) -> dict[str, float]:
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        made = self.game.made(batch, step_rng(self.seed, self.done, 0, "made"))
        losses: dict[str, float] = {}
        for side in self.game.order:
            if side == "generators":
                with _frozen(self.game.discriminators):
                    parts = self.game.generators_loss(batch, made)
                    whole = torch.stack(list(parts.values())).sum()
                    self._move(side, whole)
                losses |= {"train_loss": float(whole.detach())}
                losses |= {name: float(part.detach()) for name, part in parts.items()}
            else:
                loss = self.game.discriminators_loss(batch, made, step_rng(self.seed, self.done, 0, "pools"))
                self._move(side, loss)
                losses["discriminator_loss"] = float(loss.detach())
        return losses

    def _move(self, side: Side, loss: Tensor) -> None:
        if not math.isfinite(float(loss.detach())):
            raise S2RError(
                f"the loss of the {side} is {float(loss.detach())} in iteration {self.done + 1} of {self.iterations}: "
                "training diverged. Try a smaller learning rate (train.lr)"
            )
        optimiser = self.optimisers[side]
        for group in optimiser.param_groups:
            group["lr"] = self.options.lr * decayed(self.done, self.iterations)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    def _note(self, losses: dict[str, float]) -> None:
        self.sums = {name: self.sums.get(name, 0.0) + value for name, value in losses.items()}
        self.count += 1
        if self.done % self.options.log_every == 0 or self.done == self.iterations:
            means = {name: value / self.count for name, value in self.sums.items()}
            self.curve.append({"step": float(STEPS_AN_ITERATION * self.done), **means})
            self.sums, self.count = {}, 0

    def _save(self) -> None:
        if self.workdir is None:
            return
        tensors: dict[str, Tensor] = {}
        for side, network in self.sides.items():
            tensors |= {f"{side}.weight.{name}": tensor for name, tensor in network.state_dict().items()}
            for name, parameter in network.named_parameters():
                for key, value in self.optimisers[side].state.get(parameter, {}).items():
                    tensors[f"{side}.adam.{key}.{name}"] = torch.as_tensor(value)
        tensors |= {f"pool.{name}": torch.stack(pool.images) for name, pool in self.game.pools.items() if pool.images}
        note = {"seconds": self.seconds, "curve": self.curve, "sums": self.sums, "count": self.count}
        write_state(self.workdir, self.done, tensors, note)

    def _resume(self) -> None:
        found = latest_state(self.workdir) if self.workdir is not None else None
        if found is None:
            return
        self.done, tensors, note = found
        for side, network in self.sides.items():
            self._restore(side, network, tensors)
        for name, pool in self.game.pools.items():
            kept = tensors.get(f"pool.{name}")
            pool.images = [] if kept is None else [image.clone() for image in kept.to(self.device)]
        self.seconds, self.curve = float(note["seconds"]), list(note["curve"])
        self.sums, self.count = dict(note["sums"]), int(note["count"])

    def _restore(self, side: Side, network: nn.Module, tensors: dict[str, Tensor]) -> None:
        prefix = f"{side}.weight."
        try:
            network.load_state_dict(
                {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
            )
        except RuntimeError:
            raise DataError(
                f"{self.workdir} holds the checkpoint of other {side}: give another folder, or remove this one"
            ) from None
        for name, parameter in network.named_parameters():
            state: dict[str, Any] = {"step": tensors[f"{side}.adam.step.{name}"]}
            for key in ("exp_avg", "exp_avg_sq"):
                state[key] = tensors[f"{side}.adam.{key}.{name}"].to(self.device)
            self.optimisers[side].state[parameter] = state


def decayed(iteration: int, iterations: int) -> float:
    """Share of the learning rate: 1 in the first half, then linearly towards zero, which comes after the last.

    >>> [round(decayed(i, 6), 2) for i in range(6)]
    [1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    constant = iterations // 2
    return 1 - max(0, iteration + 1 - constant) / (iterations - constant + 1)


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
