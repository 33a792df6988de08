"""Losses of the two networks: non-saturating logistic loss over scales, R1 on captures, and the pair's own."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import softplus

from s2r_baselines._gan.losses import validity_loss

Logits = Sequence[Sequence[Tensor]]  # [input scale][output scale] (B, 1, h, w)


def discriminator_loss(real: Logits, fake: Logits, coarse: float) -> Tensor:
    """softplus(-real) + softplus(fake), means over items and places, summed over scales.

    Args:
        real: logits of captures.
        fake: logits of generated maps.
        coarse: weight of every input scale but the finest.
    """
    return _weighted(real, coarse, sign=-1) + _weighted(fake, coarse, sign=1)


def generator_loss(fake: Logits, coarse: float) -> Tensor:
    """softplus(-fake), as above: the non-saturating form (Goodfellow et al. 2014)."""
    return _weighted(fake, coarse, sign=-1)


def r1_penalty(finest: Sequence[Tensor], real: Tensor) -> Tensor:
    """Mean over items of |d score / d real|^2 (Mescheder et al. 2018); to be multiplied by gamma / 2.

    An item's score is the sum over outputs of the sum of its n logits divided by sqrt(n): for one logit the published
    penalty; for a map, the mean penalty of logits that each look at a place of their own.

    Args:
        finest: logits (B, 1, h, w) of the finest input scale, one for each output scale, made from `real`.
        real: (B, 2, H, W) the captures, with gradient.
    """
    score = torch.stack([logits.sum() / (logits.numel() / len(logits)) ** 0.5 for logits in finest]).sum()
    (gradient,) = torch.autograd.grad(score, real, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def pyramid_l1(drawn: Sequence[Tensor], wanted: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Weighted mean absolute error of the values of maps (B, 2, h, w), summed over scales."""
    scales = [[maps[:, :1] for maps in scale] for scale in zip(drawn, wanted, weights, strict=True)]
    return torch.stack([((d - w).abs() * weight).mean() for d, w, weight in scales]).sum()


def pyramid_validity(drawn: Sequence[Tensor], wanted: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Cross-entropy of the validity of maps (B, 2, h, w), summed over scales."""
    scales = [[maps[:, 1:] for maps in scale] for scale in zip(drawn, wanted, weights, strict=True)]
    return torch.stack([validity_loss(*scale) for scale in scales]).sum()


def _weighted(logits: Logits, coarse: float, *, sign: int) -> Tensor:
    terms = [
        softplus(sign * part).mean() * (1.0 if scale == 0 else coarse)
        for scale, parts in enumerate(logits)
        for part in parts
    ]
    return torch.stack(terms).sum()
