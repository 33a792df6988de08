"""How two players are trained by turns. Nothing here needs torch: a simulator's options are read without it."""

from typing import Literal

from pydantic import Field

from s2r_bench.options import Options

STEPS_A_ROUND = 2  # one of either player's optimiser


class TwoPlayerOptions(Options):
    """An Adam without weight decay for each player; a round is one step of each.

    Attributes:
        steps: optimiser steps of both players together.
        epochs: if not 0, passes over the training pairs instead of `steps`.
        batch: items a round.
        lr: learning rate of both. schedule: it stays ("constant"), or does so for the first half of the rounds and then
            falls linearly to zero ("linear").
        beta1, beta2: decays of the moments.
        ema: decay of the averaged generators that sampling uses; 0 = none. It warms up as (1 + round) / (10 + round).
        precision: "auto" = bf16 where a CUDA device has it, else fp32.
        checkpoint_s: seconds between checkpoints. log_every: rounds that a row of the loss curve averages.
    """

    steps: int = Field(3000, ge=2)
    epochs: int = Field(0, ge=0)
    batch: int = Field(8, ge=1)
    lr: float = Field(2e-4, gt=0)
    schedule: Literal["constant", "linear"] = "linear"
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, gt=0, lt=1)
    ema: float = Field(0.0, ge=0, lt=1)
    precision: Literal["auto", "fp32", "bf16"] = "fp32"
    checkpoint_s: float = Field(60.0, gt=0)
    log_every: int = Field(50, ge=1)

    def rounds_for(self, pairs: int, budget_steps: int | None = None) -> int:
        """How many rounds a fit on that many pairs has; a budget of optimiser steps decides where there is one.

        >>> TwoPlayerOptions(steps=60).rounds_for(8), TwoPlayerOptions(epochs=200, batch=1).rounds_for(8)
        (30, 1600)
        >>> TwoPlayerOptions(steps=60).rounds_for(8, budget_steps=21)
        10
        """
        if budget_steps is None and self.epochs:
            return -(-self.epochs * pairs // self.batch)
        return max((self.steps if budget_steps is None else budget_steps) // STEPS_A_ROUND, 1)

    def rate(self, done: int, rounds: int) -> float:
        """The learning rate after `done` of all rounds; a linear fall ends above zero, which would come next.

        >>> [round(TwoPlayerOptions(lr=1.0).rate(i, 6), 2) for i in range(6)]
        [1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
        """
        if self.schedule == "constant":
            return self.lr
        constant = rounds // 2
        return self.lr * (1 - max(0, done + 1 - constant) / (rounds - constant + 1))
