"""Two networks and two optimisers by turns, with every batch and every draw a function of (seed, round).

So a killed run that is started again ends in the same weights, bit for bit on the same machine, as with
`s2r_bench.engine.loop`, which trains one network. One process: a GAN of this size gains little from more.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from s2r_baselines._gigagan.options import GanTrainOptions
from s2r_bench.engine.checkpoint import latest_state, write_state
from s2r_bench.engine.loop import step_rng
from s2r_bench.errors import DataError, S2RError

Batch = Mapping[str, Tensor]
MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class Objective(Protocol):
    """The losses of the two networks on a batch, and figures for the curve. All draws come from `dice`."""

    def discriminator(self, batch: Batch, dice: torch.Generator, number: int) -> tuple[Tensor, dict[str, float]]:
        """The discriminator's loss in round `number`."""
        ...

    def generator(self, batch: Batch, dice: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """The generator's loss."""
        ...


@dataclass(frozen=True)
class GanResult:
    """What a loop did: the averaged generator (CPU tensors), seconds, and the loss curve by optimiser step."""

    weights: dict[str, Tensor]
    seconds: float
    curve: list[dict[str, float]]


class GanLoop:
    """Trains `generator` and `discriminator` by turns, the discriminator first."""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        options: GanTrainOptions,
        *,
        seed: int,
        device: torch.device,
        workdir: Path | None = None,
    ) -> None:
        """Prepare; a checkpoint in `workdir` is picked up where it stopped.

        Raises:
            DataError: the checkpoint is damaged, or of other networks.
        """
        self.options, self.seed, self.device, self.workdir = options, seed, device, workdir
        self.networks = {"generator": generator.to(device), "discriminator": discriminator.to(device)}
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), lr=options.lr, betas=(options.beta1, options.beta2))
            for name, network in self.networks.items()
        }
        self.average = {name: p.detach().clone() for name, p in generator.named_parameters()}
        self.round, self.seconds = 0, 0.0
        self.sums: dict[str, list[float]] = {}  # of the curve's row in the making: [sum, count]
        self.curve: list[dict[str, float]] = []
        self._resume()

    def run(self, rounds: int, batch_at: Callable[[int], Batch], objective: Objective) -> GanResult:
        """Train to round `rounds`.

        Raises:
            S2RError: a loss is NaN or infinite; the last checkpoint stays as it is.
        """
        started = saved = time.monotonic()
        before = self.seconds
        while self.round < rounds:
            with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
                self._one_round(batch_at(self.round), objective)
            self.round += 1
            self.seconds = before + time.monotonic() - started
            if self.round % self.options.log_every == 0 or self.round == rounds:
                self._end_row()
            if time.monotonic() - saved > self.options.checkpoint_s or self.round == rounds:
                self._save()
                saved = time.monotonic()
        weights = {name: tensor.cpu().clone() for name, tensor in self.average.items()}
        return GanResult(weights, self.seconds, self.curve)

    def _one_round(self, batch: Batch, objective: Objective) -> None:
        moved = {name: tensor.to(self.device) for name, tensor in batch.items()}
        dice = step_rng(self.seed, self.round, 0, "noise")
        self._step("discriminator", *objective.discriminator(moved, dice, self.round))
        # the generator's gradient passes through the discriminator and leaves none there
        self.networks["discriminator"].requires_grad_(False)
        self._step("generator", *objective.generator(moved, dice))
        self.networks["discriminator"].requires_grad_(True)
        decay = min(self.options.ema, (1 + self.round) / (10 + self.round))
        with torch.no_grad():
            named = dict(self.networks["generator"].named_parameters())
            torch._foreach_lerp_(list(self.average.values()), [named[name] for name in self.average], 1 - decay)

    def _step(self, which: str, loss: Tensor, figures: dict[str, float]) -> None:
        value = float(loss.detach())
        if not math.isfinite(value):
            raise S2RError(
                f"the {which}'s loss is {value} in round {self.round + 1}: training diverged. "
                "Try a smaller learning rate (train.lr) or a larger penalty (loss.r1)"
            )
        optimiser = self.optimisers[which]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        own = {"train_loss" if which == "generator" else "discriminator_loss": value}
        for name, figure in (own | figures).items():
            total, count = self.sums.get(name, [0.0, 0.0])
            self.sums[name] = [total + figure, count + 1]

    def _end_row(self) -> None:
        row = {name: total / count for name, (total, count) in self.sums.items()}
        self.curve.append({"step": float(2 * self.round), **row})
        self.sums = {}

    def _save(self) -> None:
        if self.workdir is None:
            return
        tensors = {f"average.{name}": tensor for name, tensor in self.average.items()}
        for which, network in self.networks.items():
            state = self.optimisers[which].state
            for name, parameter in network.named_parameters():
                tensors[f"{which}.weight.{name}"] = parameter.detach()
                tensors |= {f"{which}.{key}.{name}": state[parameter][key] for key in MOMENTS}
        note = {"seconds": self.seconds, "curve": self.curve, "sums": self.sums}
        write_state(self.workdir, self.round, tensors, note)

    @torch.no_grad()
    def _resume(self) -> None:
        found = latest_state(self.workdir) if self.workdir is not None else None
        if found is None:
            return
        self.round, tensors, note = found
        try:
            for name, tensor in self.average.items():
                tensor.copy_(tensors[f"average.{name}"])
            for which, network in self.networks.items():
                for name, parameter in network.named_parameters():
                    parameter.copy_(tensors[f"{which}.weight.{name}"])
                    moments = {key: tensors[f"{which}.{key}.{name}"] for key in MOMENTS}
                    # Adam keeps its own count of steps on the CPU
                    self.optimisers[which].state[parameter] = {
                        key: value if key == "step" else value.to(parameter.device) for key, value in moments.items()
                    }
        except (KeyError, RuntimeError) as wrong:
            raise DataError(
                f"{self.workdir} holds a checkpoint of other networks ({wrong}); remove it to train afresh"
            ) from None
        self.seconds, self.curve, self.sums = float(note["seconds"]), list(note["curve"]), dict(note["sums"])
