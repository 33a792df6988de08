"""Adversarial losses on patch logits, and the pair's own: L1 and cross-entropy that count known pixels only."""

from typing import Literal

import torch
from torch import Tensor, nn

AdversarialForm = Literal["lsgan", "vanilla"]


def adversarial(logits: Tensor, form: AdversarialForm, *, real: bool) -> Tensor:
    """How far logits (any shape) are from calling everything real, or from calling everything made; a scalar.

    "lsgan": mean squared distance to 1 or 0 (Mao et al. 2017; CycleGAN). "vanilla": binary cross-entropy (pix2pix).
    """
    goal = torch.full_like(logits, 1.0 if real else 0.0)
    if form == "lsgan":
        return nn.functional.mse_loss(logits, goal)
    return nn.functional.binary_cross_entropy_with_logits(logits, goal)


def judged(real: Tensor, made: Tensor, form: AdversarialForm) -> Tensor:
    """The discriminator's loss from its logits of real and of made images: half of both."""
    return (adversarial(real, form, real=True) + adversarial(made, form, real=False)) / 2


def weighted_l1(made: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference over what weighs; 0 where nothing does. All three of one shape."""
    return ((made - wanted).abs() * weight).sum() / weight.sum().clamp(min=1)


def validity_loss(logits: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Mean cross-entropy of validity over what weighs; 0 where nothing does. All three of one shape.

    Args:
        logits: of there being a value.
        wanted: captured validity, 1 or -1; between them at coarse scales.
        weight: of each pixel.
    """
    off = nn.functional.binary_cross_entropy_with_logits(logits, (wanted + 1) / 2, reduction="none")
    return (off * weight).sum() / weight.sum().clamp(min=1)
