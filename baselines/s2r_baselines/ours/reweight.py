"""From flagged patches to loss weights (paper section 3.4): attend to what the earlier stage got wrong in 3D.

    hard        flagged (p > threshold): lam, elsewhere: omega          (paper: 1.5 and 0.5, threshold 0.5)
    soft        omega + (lam - omega) p over each patch
    none        1 everywhere
A frame of which no patch was flagged keeps weight 1 ("empty: ones"): the official code does so for whole batches.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from s2r_baselines.ours.discriminator import Patch
from s2r_bench.options import Options


class ReweightOptions(Options):
    """The re-weighting rule. `threshold` is the probability above which a patch counts as flagged."""

    rule: Literal["hard", "soft", "none"] = "hard"
    omega: float = 0.5
    lam: float = 1.5
    threshold: float = 0.5
    empty: Literal["ones", "omega"] = "ones"


def weight_map(
    size: tuple[int, int], patches: Sequence[Patch], probability: Tensor, side: int, options: ReweightOptions
) -> Tensor:
    """(H, W) loss weights of one frame from its patches and their probability of being generated."""
    weights = torch.full(size, options.omega)
    if options.rule == "none" or (options.empty == "ones" and not bool((probability > options.threshold).any())):
        return torch.ones(size)
    for patch, p in zip(patches, probability.tolist(), strict=True):
        share = p if options.rule == "soft" else float(p > options.threshold)
        value = options.omega + (options.lam - options.omega) * share
        weights[patch.top : patch.top + side, patch.left : patch.left + side] = value
    return weights
