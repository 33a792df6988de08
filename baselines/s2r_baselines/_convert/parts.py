"""The parts of a checkpoint of the authors' release: which weight goes where, and which is knowingly left out."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from s2r_baselines._convert.names import FLATTENED, autoencoder_names, unet_names
from s2r_bench.errors import DataError

UNET, CONTROL, AUTOENCODER = "model.diffusion_model.", "control_model.", "first_stage_model."
SQUEEZE = {"input_new_blocks.0.weight": "squeeze.0.weight", "input_new_blocks.0.bias": "squeeze.0.bias"}
TRAINED = ("up_blocks.", "conv_norm_out.", "conv_out.")  # of the UNet: its encoder and middle get no gradient
HEAD = 64  # width of an attention head (num_head_channels of the release's configuration)
NORM_GROUPS = 32
SCALING = 0.18215
STEPS, BETA_START, BETA_END = 1000, 0.00085, 0.0120
SCHEDULE = (
    r"(betas|(sqrt_|sqrt_one_minus_|log_one_minus_|sqrt_recip_|sqrt_recipm1_)?alphas_cumprod(_prev)?"
    r"|posterior_(variance|log_variance_clipped|mean_coef[12])|lvlb_weights|logvar|scale_factor)"
)
LEFT_OUT = (
    (r"control_model\.(zero_convs|middle_block_out)\..+", "zero convolutions that the release's control encoder skips"),
    (r"control_model\.input_hint_block\..+", "network of an image-space hint that the release never calls"),
    (r"control_model\.input_new_blocks\..+", "joins two conditions, of which stage I has one"),
    (SCHEDULE, "noise schedule, which follows from options"),
    (r"cond_stage_model\..+", "text encoder: parts that the empty prompt's embedding does not need"),
    (r"model_ema\..+", "averaged weights, with which the release does not sample"),
    (r"first_stage_model\.loss\..+", "loss of the autoencoder's own training"),
)


@dataclass(frozen=True, eq=False)
class Parts:
    """Weights by their names in diffusers.

    Attributes:
        unet, control, vae: whole networks; `control` without zero convolutions and hint.
        squeeze: the convolution that joins two conditions, by its name in `Denoiser`; empty for one condition.
        source: part -> the names that it came from.
    """

    unet: dict[str, Tensor]
    control: dict[str, Tensor]
    vae: dict[str, Tensor]
    squeeze: dict[str, Tensor]
    source: dict[str, list[str]] = field(default_factory=dict)


def parts_of(state: Mapping[str, Tensor], *, conditions: int) -> Parts:
    """The parts of a checkpoint.

    Args:
        state: all its weights.
        conditions: 1 in stage I, 2 in stage II.

    Raises:
        DataError: a part is missing.
    """
    named = {
        UNET: unet_names(_own(state, UNET)),
        CONTROL: unet_names(_own(state, CONTROL)),
        AUTOENCODER: autoencoder_names(_own(state, AUTOENCODER)),
    }
    for prefix, names in named.items():
        if not names:
            raise DataError(f"the checkpoint has no weights named {prefix}*: it is none of ControlNet's kind")
    found = {prefix: {new: state[prefix + old] for old, new in names.items()} for prefix, names in named.items()}
    vae = {name: flattened(name, tensor) for name, tensor in found[AUTOENCODER].items()}
    joins = SQUEEZE if conditions == 2 else {}
    lacking = [old for old in joins if CONTROL + old not in state]
    if lacking:
        raise DataError(
            f"the checkpoint has no {CONTROL}{lacking[0]}: it is none of stage II, which joins two conditions"
        )
    squeeze = {new: state[CONTROL + old] for old, new in joins.items()}
    source = {prefix: [prefix + old for old in names] for prefix, names in named.items()}
    source[CONTROL] += [CONTROL + old for old in joins]
    return Parts(found[UNET], found[CONTROL], vae, squeeze, source)


def _own(state: Mapping[str, Tensor], prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in state if name.startswith(prefix)]


def flattened(name: str, tensor: Tensor) -> Tensor:
    """A weight of the autoencoder's attention as a matrix; any other as it is."""
    return tensor.flatten(1) if FLATTENED.search(name) and tensor.dim() == 4 and tensor.shape[2:] == (1, 1) else tensor


def left_out(names: Iterable[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Reason -> the names that it explains, and the names that nothing explains."""
    explained: dict[str, list[str]] = {}
    rest: list[str] = []
    for name in sorted(names):
        why = next((why for pattern, why in LEFT_OUT if re.fullmatch(pattern, name)), None)
        if why is None:
            rest.append(name)
        else:
            explained.setdefault(why, []).append(name)
    return explained, rest


def refuse_other_schedule(state: Mapping[str, Tensor]) -> None:
    """Raise DataError where the checkpoint was trained with another noise schedule than Stable Diffusion's."""
    own = state.get("alphas_cumprod")
    if own is None:
        return
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, STEPS, dtype=torch.float64) ** 2
    wanted = torch.cumprod(1 - betas, 0)
    if own.shape != wanted.shape or float((own.double() - wanted).abs().max()) > 1e-5:
        raise DataError(
            f"the checkpoint's noise schedule is another one than Stable Diffusion's ({STEPS} steps, betas "
            f"{BETA_START} to {BETA_END}, scaled linear): this conversion knows that one alone"
        )


def unet_config(unet: Mapping[str, Tensor]) -> dict[str, Any]:
    """The configuration of diffusers' UNet2DConditionModel that has these weights."""
    levels = _levels(unet, "down_blocks")
    channels = [int(unet[f"down_blocks.{level}.resnets.0.conv1.weight"].shape[0]) for level in range(levels)]
    attends = [f"down_blocks.{level}.attentions.0.proj_in.weight" in unet for level in range(levels)]
    crossed = unet.get("mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight")
    if crossed is None or any(width % HEAD for width, on in zip(channels, attends, strict=True) if on):
        raise DataError(f"the UNet has no cross-attention with heads of {HEAD} channels, as Stable Diffusion 2.1 has")
    return {
        "sample_size": 64,
        "in_channels": int(unet["conv_in.weight"].shape[1]),
        "out_channels": int(unet["conv_out.weight"].shape[0]),
        "block_out_channels": channels,
        "layers_per_block": _levels(unet, "down_blocks.0.resnets"),
        "down_block_types": ["CrossAttnDownBlock2D" if on else "DownBlock2D" for on in attends],
        "up_block_types": ["CrossAttnUpBlock2D" if on else "UpBlock2D" for on in reversed(attends)],
        "cross_attention_dim": int(crossed.shape[1]),
        "attention_head_dim": [max(width // HEAD, 1) for width in channels],  # diffusers' name for how many there are
        "norm_num_groups": NORM_GROUPS,
        "use_linear_projection": True,
    }


def vae_config(vae: Mapping[str, Tensor]) -> dict[str, Any]:
    """The configuration of diffusers' AutoencoderKL that has these weights."""
    levels = _levels(vae, "encoder.down_blocks")
    widths = [int(vae[f"encoder.down_blocks.{level}.resnets.0.conv1.weight"].shape[0]) for level in range(levels)]
    return {
        "sample_size": 512,
        "in_channels": int(vae["encoder.conv_in.weight"].shape[1]),
        "out_channels": int(vae["decoder.conv_out.weight"].shape[0]),
        "block_out_channels": widths,
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "layers_per_block": _levels(vae, "encoder.down_blocks.0.resnets"),
        "latent_channels": int(vae["post_quant_conv.weight"].shape[0]),
        "norm_num_groups": NORM_GROUPS,
        "scaling_factor": SCALING,
    }


def _levels(weights: Mapping[str, Tensor], stem: str) -> int:
    pattern = re.compile(rf"{re.escape(stem)}\.(\d+)\.")
    return 1 + max((int(found[1]) for name in weights if (found := pattern.match(name))), default=-1)
