"""What the loops share: averaged weights, an Adam's moments as tensors of a checkpoint, and the precision."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def in_half(asked: str, device: str) -> bool:
    """Whether to compute in bf16; "auto" does where a CUDA device has it."""
    if asked != "auto":
        return asked == "bf16"
    return device.startswith("cuda") and torch.cuda.is_bf16_supported()


class Average:
    """Exponential moving average of named parameters; its decay warms up as (1 + step) / (10 + step).

    Args:
        named: the parameters, in the order in which they are averaged.
        decay: 0 = no average.
    """

    def __init__(self, named: Mapping[str, nn.Parameter], decay: float) -> None:
        self.decay, self._named = decay, dict(named) if decay else {}
        self.weights = {name: parameter.detach().clone() for name, parameter in self._named.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the parameters of after `step` (the first is 0 where the count goes up afterwards) into it."""
        if self.weights:
            decay = min(self.decay, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(self.weights.values()), list(self._named.values()), 1 - decay)

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint has to hold."""
        return {f"average.{name}": tensor for name, tensor in self.weights.items()}

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Become what `tensors` gave.

        Raises:
            KeyError: one is missing.
        """
        for name, tensor in self.weights.items():
            tensor.copy_(tensors[f"average.{name}"])


def moments(optimiser: torch.optim.Optimizer, named: Mapping[str, nn.Parameter], prefix: str = "") -> dict[str, Tensor]:
    """An Adam's count of steps and moments of each parameter that has any, as tensors of a checkpoint."""
    found = {}
    for name, parameter in named.items():
        for key, value in optimiser.state.get(parameter, {}).items():
            found[f"{prefix}adam.{key}.{name}"] = torch.as_tensor(value)
    return found


def restore_moments(
    optimiser: torch.optim.Optimizer,
    named: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
    prefix: str = "",
) -> None:
    """Give an Adam back what `moments` told of it; a parameter that never got a gradient has none."""
    for name, parameter in named.items():
        if f"{prefix}adam.step.{name}" not in tensors:
            continue
        # Adam keeps its own count of steps on the CPU
        state = {"step": tensors[f"{prefix}adam.step.{name}"]}
        for key in ("exp_avg", "exp_avg_sq"):
            state[key] = tensors[f"{prefix}adam.{key}.{name}"].to(parameter.device)
        optimiser.state[parameter] = state
