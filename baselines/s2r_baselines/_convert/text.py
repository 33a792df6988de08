"""The embedding of the empty prompt, from the weights of OpenCLIP's text encoder in a latent-diffusion checkpoint.

Stable Diffusion 2.1 reads the layer before the last, through the last normalisation. The prompt is a start token, an
end token, and zeros; attention is causal. Only this one embedding is ever needed, so no text encoder has to be kept.
"""

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from s2r_bench.errors import DataError

PREFIX = "cond_stage_model.model."
HEAD = 64  # width of a head in all of OpenCLIP's text encoders
SKIPPED = 1  # layers behind the one that is read
Weight = Callable[[str], Tensor]


@torch.no_grad()
def empty_prompt(state: Mapping[str, Tensor]) -> tuple[Tensor, set[str]] | None:
    """(1, tokens, width) float32 and the names that it took; None where the checkpoint holds no text encoder.

    Args:
        state: all weights of the checkpoint.

    Raises:
        DataError: the text encoder is not whole.
    """
    own = {name.removeprefix(PREFIX): tensor for name, tensor in state.items() if name.startswith(PREFIX)}
    layers = {int(found[1]) for name in own if (found := re.match(r"transformer\.resblocks\.(\d+)\.", name))}
    if not layers:
        return None
    taken: set[str] = set()

    def weight(name: str) -> Tensor:
        if name not in own:
            raise DataError(f"the checkpoint's text encoder is not whole: it has no {PREFIX}{name}")
        taken.add(PREFIX + name)
        return own[name].float()

    table, places = weight("token_embedding.weight"), weight("positional_embedding")
    tokens = torch.zeros(len(places), dtype=torch.long)
    tokens[0], tokens[1] = len(table) - 2, len(table) - 1
    seen = (table[tokens] + places)[None]
    for layer in range(max(layers) + 1 - SKIPPED):
        block = f"transformer.resblocks.{layer}"
        seen = seen + _attended(_normed(seen, f"{block}.ln_1", weight), f"{block}.attn", weight)
        wide = _linear(_normed(seen, f"{block}.ln_2", weight), f"{block}.mlp.c_fc", weight)
        seen = seen + _linear(functional.gelu(wide), f"{block}.mlp.c_proj", weight)
    return _normed(seen, "ln_final", weight), taken


def _normed(seen: Tensor, name: str, weight: Weight) -> Tensor:
    scale = weight(f"{name}.weight")
    return functional.layer_norm(seen, scale.shape, scale, weight(f"{name}.bias"))


def _linear(seen: Tensor, name: str, weight: Weight) -> Tensor:
    return functional.linear(seen, weight(f"{name}.weight"), weight(f"{name}.bias"))


def _attended(seen: Tensor, name: str, weight: Weight) -> Tensor:
    asked = functional.linear(seen, weight(f"{name}.in_proj_weight"), weight(f"{name}.in_proj_bias"))
    q, k, v = (part.reshape(*part.shape[:-1], -1, HEAD).transpose(1, 2) for part in asked.chunk(3, -1))
    answer = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    return _linear(answer.transpose(1, 2).flatten(2), f"{name}.out_proj", weight)
