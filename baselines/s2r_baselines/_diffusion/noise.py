"""The noise process: schedule, training target and the two samplers, with one generator an item.

`ddim` (Song et al. 2021, eta 0) is deterministic after its first draw. `x0-renoise` is what the authors' code does for
networks that predict x0: every step predicts x0 and adds fresh noise at the next level, so it is stochastic throughout.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from s2r_baselines._diffusion.options import DiffusionOptions

Predict = Callable[[Tensor, Tensor], Tensor]  # (x_t (B, L, h, w), timesteps (B,)) -> network output


class NoiseProcess:
    """x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps, with diffusers' schedule of abar."""

    def __init__(self, options: DiffusionOptions) -> None:
        self.options = options
        self.scheduler = _scheduler(options)
        self.abar: Tensor = self.scheduler.alphas_cumprod.clone()

    def noised(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """x_t of the given x_0, noise and timesteps (B,)."""
        a, s = self._coefficients(timesteps, clean)
        return a * clean + s * noise

    def target(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What the network has to predict: noise, v = a eps - s x_0, or x_0."""
        a, s = self._coefficients(timesteps, clean)
        kinds = {"epsilon": noise, "sample": clean, "v_prediction": a * noise - s * clean}
        return kinds[self.options.prediction]

    def loss_weight(self, timesteps: Tensor) -> Tensor:
        """(B,) weight of the squared prediction error, so that x0's error weighs min(1 + SNR, cap); else ones."""
        if not self.options.snr_cap:
            return torch.ones_like(timesteps, dtype=torch.float32)
        abar = self.abar.to(timesteps.device)[timesteps]
        snr = abar / (1 - abar).clamp(min=1e-8)
        own = {"sample": torch.ones_like(snr), "v_prediction": 1 + snr, "epsilon": snr.clamp(min=1e-8)}
        return (1 + snr).clamp(max=self.options.snr_cap) / own[self.options.prediction]

    def split(self, output: Tensor, noisy: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """(x_0, eps) that a network output means at x_t."""
        a, s = self._coefficients(timesteps, noisy)
        if self.options.prediction == "sample":
            return output, (noisy - a * output) / s.clamp(min=1e-8)
        if self.options.prediction == "epsilon":
            return (noisy - s * output) / a.clamp(min=1e-8), output
        return a * noisy - s * output, a * output + s * noisy

    @torch.no_grad()
    def sample(
        self, predict: Predict, shape: Sequence[int], generators: Sequence[torch.Generator], device: torch.device
    ) -> Tensor:
        """Draw x_0 of `shape` (B, L, h, w); item b uses generator b alone, on the CPU, so devices agree."""
        return self.sample_with_mean(predict, shape, generators, device)[0]

    @torch.no_grad()
    def sample_with_mean(
        self, predict: Predict, shape: Sequence[int], generators: Sequence[torch.Generator], device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """As `sample`, and the first prediction of x_0: at pure noise that is its mean given the condition."""
        noisy = _draw(shape, generators, device)
        times = self._timesteps()
        clean = first = noisy
        for index, time in enumerate(times):
            batch = torch.full((shape[0],), time, device=device, dtype=torch.long)
            clean, noise = self.split(predict(noisy, batch), noisy, batch)
            first = clean if index == 0 else first
            if index + 1 == len(times):
                break
            following = torch.full_like(batch, times[index + 1])
            if self.options.sampler == "x0-renoise":
                noise = _draw(shape, generators, device)
            noisy = self.noised(clean, noise, following)
        return clean, first

    @property
    def last_timestep(self) -> int:
        """The noise level at which the sampler predicts x0 for the last time."""
        return self._timesteps()[-1]

    def _timesteps(self) -> list[int]:
        self.scheduler.set_timesteps(self.options.steps)
        return [int(time) for time in self.scheduler.timesteps]

    def _coefficients(self, timesteps: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        abar = self.abar.to(like.device)[timesteps].to(like.dtype)
        shape = (-1,) + (1,) * (like.dim() - 1)
        return abar.sqrt().view(shape), (1 - abar).sqrt().view(shape)


def _draw(shape: Sequence[int], generators: Sequence[torch.Generator], device: torch.device) -> Tensor:
    if len(generators) != shape[0]:
        raise ValueError(f"{shape[0]} items need as many generators, not {len(generators)}")
    return torch.stack([torch.randn(tuple(shape[1:]), generator=generator) for generator in generators]).to(device)


def _scheduler(options: DiffusionOptions) -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=options.train_steps,
        beta_schedule="squaredcos_cap_v2" if options.schedule == "cosine" else "scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1 if options.spacing == "leading" else 0,
        prediction_type=options.prediction,
        timestep_spacing=options.spacing,
        # noise prediction cannot start from pure noise: it would divide by zero there
        rescale_betas_zero_snr=options.zero_snr and options.prediction != "epsilon",
    )
