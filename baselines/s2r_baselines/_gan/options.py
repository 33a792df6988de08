"""Options that the image translators share: how depth becomes an image, and how two players are trained."""

from typing import Literal

from pydantic import Field

from s2r_bench.options import Options


class ImageOptions(Options):
    """How depth maps become images, the same for clean and captured ones.

    Attributes:
        depth: code of depth, as in the diffusion methods.
        holes: "channel" = a second channel, +1 where there is a value and -1 where not, as the diffusion methods have
            it; "far" = one channel in which a hole is the farthest depth (authors' release, and the published networks'
            channel count).
        max_residual_m: captures farther than this from the clean depth count as missing, as in the diffusion methods.
            Only where a pair is a pair: without pairs there is no such distance.
        levels: move what is made to the nearest of the camera's discrete depths, if its training captures have such,
            as the diffusion methods do.
    """

    depth: Literal["log", "linear"] = "log"
    holes: Literal["channel", "far"] = "channel"
    max_residual_m: float = Field(0.2, gt=0)
    levels: bool = True


class GanTrainOptions(Options):
    """How generators and discriminators are trained: Adam, no weight decay, no averaging of weights, fp32.

    Attributes:
        iterations: each is one step of the generators' optimiser and one of the discriminators': two optimiser steps.
        epochs: if not 0, passes over the training pairs instead of `iterations` (published: 200).
        batch: items an iteration.
        lr: learning rate of the first half; over the second it falls linearly to zero, as published.
        beta1: first decay of Adam's moments; the second is 0.999.
        checkpoint_s: seconds between checkpoints. log_every: iterations a row of the loss curve averages.
    """

    iterations: int = Field(1500, ge=1)
    epochs: int = Field(0, ge=0)
    batch: int = Field(8, ge=1)
    lr: float = Field(2e-4, gt=0)
    beta1: float = Field(0.5, ge=0, lt=1)
    checkpoint_s: float = Field(60.0, gt=0)
    log_every: int = Field(50, ge=1)

    def iterations_for(self, pairs: int, budget_steps: int | None = None) -> int:
        """How many iterations a fit on that many pairs makes; a budget of optimiser steps decides where there is one.

        >>> GanTrainOptions(iterations=30).iterations_for(8), GanTrainOptions(epochs=200, batch=1).iterations_for(8)
        (30, 1600)
        >>> GanTrainOptions(iterations=30).iterations_for(8, budget_steps=20)
        10
        """
        if budget_steps is not None:
            return max(budget_steps // 2, 1)
        return -(-self.epochs * pairs // self.batch) if self.epochs else self.iterations
