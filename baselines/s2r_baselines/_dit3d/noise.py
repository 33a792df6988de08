"""The noise process of DDPM with its linear schedule, and the two samplers."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from s2r_baselines._dit3d.options import NoiseOptions

Predict = Callable[[Tensor, int, int], Tensor]
"""(x_t, timestep, number of the sampling step) -> network output of the same shape."""


class NoiseProcess:
    """x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps, t = 0 to train_steps - 1 (Ho et al. 2020)."""

    def __init__(self, options: NoiseOptions) -> None:
        self.options = options
        self.betas = torch.linspace(options.first_beta, options.last_beta, options.train_steps, dtype=torch.float64)
        self.abar = (1 - self.betas).cumprod(0)

    def noised(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """x_t of x_0 (B, ...), noise and timesteps (B,)."""
        abar = self.abar[timesteps.cpu()].to(clean).view(-1, *[1] * (clean.dim() - 1))
        return abar.sqrt() * clean + (1 - abar).sqrt() * noise

    def target(self, clean: Tensor, noise: Tensor) -> Tensor:
        """What the network has to predict."""
        return noise if self.options.prediction == "epsilon" else clean

    @torch.no_grad()
    def sample(self, predict: Predict, draw: Callable[[], Tensor]) -> Tensor:
        """x_0 from noise; `draw` gives standard normal noise of the wanted shape, as often as it is called."""
        noisy = clean = draw()
        times = self.timesteps()
        for number, time in enumerate(times):
            clean, noise = self._split(predict(noisy, time, number), noisy, time)
            if number + 1 == len(times):
                break
            if self.options.sampler == "ddpm":
                noisy = self._before(clean, noisy, time) + self.spread(time) * draw()
            else:
                abar = float(self.abar[times[number + 1]])
                noisy = math.sqrt(abar) * clean + math.sqrt(1 - abar) * noise
        return clean

    def timesteps(self) -> list[int]:
        """The noise levels that the sampler visits, from pure noise on."""
        total = self.options.train_steps
        count = total if self.options.sampler == "ddpm" else self.options.steps
        return [round(total - number * total / count) - 1 for number in range(count)]

    def spread(self, time: int) -> float:
        """Standard deviation of the noise that "ddpm" adds on the way to step `time` - 1: the smaller of the usual."""
        before = float(self.abar[time - 1]) if time else 1.0
        return float((self.betas[time] * (1 - before) / (1 - self.abar[time])).sqrt())

    def _before(self, clean: Tensor, noisy: Tensor, time: int) -> Tensor:
        """The mean of x_{t-1} given x_t and x_0."""
        before = float(self.abar[time - 1]) if time else 1.0
        beta, now = float(self.betas[time]), float(self.abar[time])
        own, rest = math.sqrt(before) * beta, math.sqrt(1 - beta) * (1 - before)
        return (own * clean + rest * noisy) / (1 - now)

    def _split(self, output: Tensor, noisy: Tensor, time: int) -> tuple[Tensor, Tensor]:
        """(x_0, eps) that a network output means at x_t."""
        signal, noise = math.sqrt(self.abar[time]), math.sqrt(1 - self.abar[time])
        clean = output if self.options.prediction == "sample" else (noisy - noise * output) / signal
        if self.options.clamp:
            clean = clean.clamp(-self.options.clamp, self.options.clamp)
        return clean, (noisy - signal * clean) / noise
