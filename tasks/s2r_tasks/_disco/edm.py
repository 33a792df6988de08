"""The noise process of the triplane diffusion (Karras et al. 2022): preconditioning, loss weight, Heun's sampler.

sigma_data 0.5, ln sigma ~ N(mean, 1.2^2) with mean -1.2 as published, rho 7, sigma from 80 to 0.002, no churn; sampling
in float64.
"""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

SIGMA_DATA = 0.5
LOG_STD = 1.2
SIGMA_MIN, SIGMA_MAX, RHO = 0.002, 80.0, 7.0

Network = Callable[[Tensor, Tensor], Tensor]
"""(c_in x, ln(sigma) / 4) -> raw output."""


def denoised(network: Network, noisy: Tensor, sigma: Tensor) -> Tensor:
    """The denoised latent: c_skip x + c_out F(c_in x, c_noise); `sigma` is (B,)."""
    s = sigma.view(-1, *[1] * (noisy.dim() - 1))
    total = s.square() + SIGMA_DATA**2
    skip, out, into = SIGMA_DATA**2 / total, s * SIGMA_DATA / total.sqrt(), 1 / total.sqrt()
    return skip * noisy + out * network(into * noisy, sigma.log() / 4)


def training_sigma(count: int, generator: torch.Generator, mean: float) -> Tensor:
    """(count,) noise levels of a training step, log-normal about `mean`."""
    return (torch.randn(count, generator=generator) * LOG_STD + mean).exp()


def loss_weight(sigma: Tensor) -> Tensor:
    """(sigma^2 + sigma_data^2) / (sigma sigma_data)^2."""
    return (sigma.square() + SIGMA_DATA**2) / (sigma * SIGMA_DATA).square()


@torch.no_grad()
def sample(network: Network, shape: Sequence[int], generators: Sequence[torch.Generator], steps: int) -> Tensor:
    """Latents of `shape` (B, ...) float32 on the CPU's generators; item b is drawn by generator b alone.

    Args:
        network: raw network; called with float32.
        shape: of the batch.
        generators: one an item.
        steps: noise levels; each but the last costs two calls (Heun). One level is one call at the highest noise: the
            mean of what the condition allows, which is all that a short training learns.
    """
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    levels = (SIGMA_MAX ** (1 / RHO) + ramp * (SIGMA_MIN ** (1 / RHO) - SIGMA_MAX ** (1 / RHO))) ** RHO
    levels = torch.cat([levels, torch.zeros(1, dtype=torch.float64)])
    x = torch.stack([torch.randn(tuple(shape[1:]), generator=g) for g in generators]).double() * levels[0]

    def slope(at: Tensor, level: Tensor) -> Tensor:
        sigma = level.float().expand(shape[0])
        return (at - denoised(network, at.float(), sigma).double()) / level

    for now, following in itertools.pairwise(levels):
        first = slope(x, now)
        stepped = x + (following - now) * first
        if following > 0:
            stepped = x + (following - now) * (first + slope(stepped, following)) / 2
        x = stepped
    return x.float()
