"""A training loop whose every batch and every noise draw is a function of (seed, step, rank).

So a killed run that is started again ends in the same weights, bit for bit on the same machine: nothing but weights,
moments and the step number has to be restored. Data order and noise are drawn from `step_rng`, never carried along.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from s2r_bench.engine.checkpoint import latest_state, write_state
from s2r_bench.engine.state import Average, in_half, moments, restore_moments
from s2r_bench.errors import S2RError
from s2r_bench.options import Options
from s2r_bench.seeds import seed_of, torch_rng


class TrainOptions(Options):
    """How a network is trained.

    Attributes:
        steps: optimiser steps. batch: items a step and process.
        lr: peak learning rate; after `warmup` steps it stays ("constant") or falls to 1 % of it ("cosine").
        ema: decay of the averaged weights that sampling uses; 0 = none. It warms up as (1 + step) / (10 + step).
        clip: largest gradient norm. precision: "auto" = bf16 where a CUDA device has it, else fp32.
        checkpoint_s: seconds between checkpoints. log_every: steps a row of the loss curve averages.
    """

    steps: int = Field(2000, ge=1)
    batch: int = Field(16, ge=1)
    lr: float = Field(1e-3, gt=0)
    warmup: int = Field(50, ge=0)
    schedule: Literal["constant", "cosine"] = "cosine"
    weight_decay: float = Field(1e-2, ge=0)
    clip: float = Field(1.0, gt=0)
    ema: float = Field(0.995, ge=0, lt=1)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    checkpoint_s: float = Field(60.0, gt=0)
    log_every: int = Field(50, ge=1)


@dataclass(frozen=True)
class LoopResult:
    """What a loop did: the averaged weights (or the plain ones without averaging), its cost and its loss curve."""

    weights: dict[str, Tensor]
    seconds: float
    curve: list[dict[str, float]]


Batch = Mapping[str, Tensor]
Progress = Callable[[int, int, float], None]


def step_rng(seed: int, step: int, rank: int = 0, stream: str = "") -> torch.Generator:
    """The generator of one step's draws: the same whatever happened before it."""
    return torch_rng(seed, "step", step, rank, stream)


class Loop:
    """Trains `network` on `batch_at(step, rank)` with `loss(network, batch, generator)`.

    `network` may be a wrapper of several modules: it is called as one, so that data-parallel training sees one
    forward. Only parameters with `requires_grad` are trained, averaged and saved.
    """

    def __init__(
        self, network: nn.Module, options: TrainOptions, *, seed: int, device: str = "cpu", workdir: Path | None = None
    ) -> None:
        """Prepare; a checkpoint in `workdir` is picked up where it stopped."""
        from accelerate import Accelerator

        # accelerate keeps one precision a process, but loops of two may follow each other: autocast is ours
        self.accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no")
        self.half = in_half(options.precision, device)
        self.options, self.seed, self.workdir = options, seed, workdir
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimiser = torch.optim.AdamW(trained, lr=options.lr, weight_decay=options.weight_decay)
        network.to(self.accelerator.device)
        self.network, self.optimiser = self.accelerator.prepare(network, optimiser)
        bare = self.accelerator.unwrap_model(self.network)
        self.named = {name: p for name, p in bare.named_parameters() if p.requires_grad}
        self.buffers = dict(bare.named_buffers())  # running statistics are part of the state too
        self.average = Average(self.named, options.ema)
        self.step, self.seconds = 0, 0.0
        self.curve: list[dict[str, float]] = []
        self._resume()

    def run(
        self,
        batch_at: Callable[[int, int], Batch],
        loss: Callable[[nn.Module, Batch, torch.Generator], Tensor],
        progress: Progress | None = None,
        held_out: Batch | None = None,
    ) -> LoopResult:
        """Train to the last step and return the weights to sample with (CPU tensors).

        `held_out`: items that nothing is learned from; every row of the curve gets their loss as "val_loss", of the
        weights as they are then, not averaged.

        Raises:
            S2RError: the loss of a step is NaN or infinite; the last checkpoint stays as it is.
        """
        rank = self.accelerator.process_index
        started = saved = time.monotonic()
        before, total, count = self.seconds, 0.0, 0
        watched = None if held_out is None else self._moved(held_out)
        self.network.train()
        while self.step < self.options.steps:
            value = self._one_step(batch_at(self.step, rank), loss, step_rng(self.seed, self.step, rank, "noise"))
            if not math.isfinite(value):
                raise S2RError(
                    f"the training loss is {value} at step {self.step + 1} of {self.options.steps}: training diverged. "
                    "Try a smaller learning rate (lr) or precision=fp32"
                )
            self.step += 1
            total, count = total + value, count + 1
            self.seconds = before + time.monotonic() - started
            if self.step % self.options.log_every == 0 or self.step == self.options.steps:
                self.curve.append({"step": float(self.step), "train_loss": total / count, **self._told(watched, loss)})
                if progress is not None:
                    progress(self.step, self.options.steps, total / count)
                total, count = 0.0, 0
            if time.monotonic() - saved > self.options.checkpoint_s or self.step == self.options.steps:
                self._save()
                saved = time.monotonic()
        chosen = self.average.weights or {name: p.detach() for name, p in self.named.items()}
        weights = {name: tensor.detach().cpu().clone() for name, tensor in chosen.items()}
        return LoopResult(weights, self.seconds, self.curve)

    def _one_step(self, batch: Batch, loss: Any, generator: torch.Generator) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        moved = self._moved(batch)
        # dropout draws from the global generator: it too must be a function of the step
        torch.manual_seed(seed_of(self.seed, "layers", self.step, self.accelerator.process_index))
        with torch.autocast(self.accelerator.device.type, torch.bfloat16, enabled=self.half):
            value = loss(self.network, moved, generator)
        self.accelerator.backward(value)
        self.accelerator.clip_grad_norm_(self.named.values(), self.options.clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.average.update(self.step)
        return float(value.detach())

    @torch.no_grad()
    def _told(self, held_out: Batch | None, loss: Any) -> dict[str, float]:
        """The held-out loss of a row; none where it is not finite: nothing depends on it, so it stops nothing."""
        if held_out is None:
            return {}
        self.network.eval()  # running statistics stay as training left them
        # the same draws every time and for every seed, so that rows and curves can be compared
        dice = step_rng(0, 0, 0, "held out")
        with torch.autocast(self.accelerator.device.type, torch.bfloat16, enabled=self.half):
            value = float(loss(self.network, held_out, dice))
        self.network.train()
        return {"val_loss": value} if math.isfinite(value) else {}

    def _moved(self, batch: Batch) -> Batch:
        return {name: tensor.to(self.accelerator.device, non_blocking=True) for name, tensor in batch.items()}

    def _rate(self) -> float:
        options = self.options
        warm = min(1.0, (self.step + 1) / max(options.warmup, 1))
        if options.schedule == "constant":
            return options.lr * warm
        done = self.step / options.steps
        return options.lr * warm * (0.01 + 0.99 * 0.5 * (1 + float(torch.cos(torch.tensor(done * torch.pi)))))

    def _save(self) -> None:
        if self.workdir is None or not self.accelerator.is_main_process:
            return
        tensors = {f"weight.{name}": p.detach() for name, p in self.named.items()}
        tensors |= {f"buffer.{name}": buffer for name, buffer in self.buffers.items()}
        tensors |= self.average.tensors() | moments(self.optimiser, self.named)
        write_state(self.workdir, self.step, tensors, {"seconds": self.seconds, "curve": self.curve})

    def _resume(self) -> None:
        found = latest_state(self.workdir) if self.workdir is not None else None
        if found is None:
            return
        self.step, tensors, note = found
        with torch.no_grad():
            for name, buffer in self.buffers.items():
                buffer.copy_(tensors[f"buffer.{name}"])
            for name, parameter in self.named.items():
                parameter.copy_(tensors[f"weight.{name}"])
        self.average.restore(tensors)
        restore_moments(self.optimiser, self.named, tensors)
        self.seconds, self.curve = float(note["seconds"]), list(note["curve"])


def curve_rows(stage: str, result: LoopResult) -> list[dict[str, float | str]]:
    """The loss curve as rows of a `FitReport`."""
    return [{"stage": stage, **row} for row in result.curve]
