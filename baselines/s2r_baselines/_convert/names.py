"""Names of the weights of latent diffusion (CompVis' `ldm`, ControlNet's `cldm`) and their names in diffusers.

Which block of the flat lists `input_blocks` and `output_blocks` belongs to which level is read off the weights
themselves: a level ends with its convolution that halves (`.0.op`) or doubles (`.N.conv`) the resolution. So one rule
serves every width, depth and place of attention.

    time_embed.0, .2               time_embedding.linear_1, linear_2
    input_blocks.0.0               conv_in
    input_blocks.I.0, .1           down_blocks.LEVEL.resnets.N, attentions.N; downsamplers.0.conv for `.0.op`
    middle_block.0, .1, .2         mid_block.resnets.0, attentions.0, resnets.1
    output_blocks.I.0, .1          up_blocks.LEVEL.resnets.N, attentions.N; upsamplers.0.conv for `.N.conv`
    out.0, .2                      conv_norm_out, conv_out

Within a block of attention the names are the same; within a residual block see `RESIDUAL`. The autoencoder's own names
stand in `AUTOENCODER`; its decoder counts levels from the coarsest in diffusers, from the finest in `ldm`.
"""

import re
from collections.abc import Iterable, Mapping

RESIDUAL = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
AROUND = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.0": "conv_norm_out",
    "out.2": "conv_out",
}
MIDDLE = {"0": "resnets.0", "1": "attentions.0", "2": "resnets.1"}
AUTOENCODER = {
    "conv_in": "conv_in",
    "conv_out": "conv_out",
    "norm_out": "conv_norm_out",
    "mid.block_1": "mid_block.resnets.0",
    "mid.block_2": "mid_block.resnets.1",
    "mid.attn_1.norm": "mid_block.attentions.0.group_norm",
    "mid.attn_1.q": "mid_block.attentions.0.to_q",
    "mid.attn_1.k": "mid_block.attentions.0.to_k",
    "mid.attn_1.v": "mid_block.attentions.0.to_v",
    "mid.attn_1.proj_out": "mid_block.attentions.0.to_out.0",
}
FLATTENED = re.compile(r"mid_block\.attentions\.0\.to_(q|k|v|out\.0)\.weight$")
"""Weights that are 1 x 1 convolutions in `ldm` and matrices in diffusers."""


def unet_names(names: Iterable[str]) -> dict[str, str]:
    """`ldm` name -> diffusers' name, of a UNet or of the encoder half of one; names that follow no rule are left out.

    >>> unet_names(["time_embed.2.bias", "input_blocks.1.0.in_layers.2.weight"])["time_embed.2.bias"]
    'time_embedding.linear_2.bias'
    """
    every = sorted(names)
    down = _levels(every, "input_blocks", re.compile(r"input_blocks\.(\d+)\.0\.op\."))
    up = _levels(every, "output_blocks", re.compile(r"output_blocks\.(\d+)\.[12]\.conv\."))
    found: dict[str, str] = {}
    for name in every:
        new = _around(name) or _middle(name) or _in_level(name, down, up)
        if new is not None:
            found[name] = new
    return found


def autoencoder_names(names: Iterable[str]) -> dict[str, str]:
    """`ldm` name -> diffusers' name of the weights of an AutoencoderKL; names that follow no rule are left out.

    >>> autoencoder_names(["decoder.up.0.block.1.nin_shortcut.bias", "decoder.up.3.block.0.norm1.bias"])
    {'decoder.up.0.block.1.nin_shortcut.bias': 'decoder.up_blocks.3.resnets.1.conv_shortcut.bias', \
'decoder.up.3.block.0.norm1.bias': 'decoder.up_blocks.0.resnets.0.norm1.bias'}
    """
    every = sorted(names)
    last = max((int(found[1]) for name in every if (found := re.match(r"decoder\.up\.(\d+)\.", name))), default=0)
    found_names: dict[str, str] = {}
    for name in every:
        new = name if name.startswith(("quant_conv.", "post_quant_conv.")) else _of_autoencoder(name, last)
        if new is not None:
            found_names[name] = new
    return found_names


def _around(name: str) -> str | None:
    stem, _, kind = name.rpartition(".")
    return f"{AROUND[stem]}.{kind}" if stem in AROUND else None


def _middle(name: str) -> str | None:
    found = re.match(r"middle_block\.([012])\.(.+)", name)
    return _within(f"mid_block.{MIDDLE[found[1]]}", found[2]) if found else None


def _levels(names: Iterable[str], blocks: str, ends: re.Pattern[str]) -> Mapping[int, tuple[int, int]]:
    """Number of a flat block -> its level and its place there."""
    numbers = sorted({int(found[1]) for name in names if (found := re.match(rf"{blocks}\.(\d+)\.", name))})
    last = {int(found[1]) for name in names if (found := ends.match(name))}
    places: dict[int, tuple[int, int]] = {}
    level = place = 0
    for number in numbers:
        if blocks == "input_blocks" and number == 0:
            continue  # the convolution that enters
        places[number] = (level, place)
        level, place = (level + 1, 0) if number in last else (level, place + 1)
    return places


def _in_level(name: str, down: Mapping[int, tuple[int, int]], up: Mapping[int, tuple[int, int]]) -> str | None:
    found = re.match(r"(input|output)_blocks\.(\d+)\.(\d+)\.(.+)", name)
    if found is None or int(found[2]) not in (down if found[1] == "input" else up):
        return None
    level, place = (down if found[1] == "input" else up)[int(found[2])]
    side, rest = ("down", found[4]) if found[1] == "input" else ("up", found[4])
    if rest.startswith("op.") and side == "down":
        return f"down_blocks.{level}.downsamplers.0.conv.{rest.removeprefix('op.')}"
    if rest.startswith("conv.") and side == "up":
        return f"up_blocks.{level}.upsamplers.0.{rest}"
    kind = "resnets" if found[3] == "0" else "attentions"
    return _within(f"{side}_blocks.{level}.{kind}.{place}", rest)


def _within(block: str, rest: str) -> str | None:
    """A weight within a residual block, whose parts have other names, or within attention, whose parts have not."""
    if ".attentions." in block:
        return f"{block}.{rest}"
    stem, _, kind = rest.rpartition(".")
    return f"{block}.{RESIDUAL[stem]}.{kind}" if stem in RESIDUAL else None


def _of_autoencoder(name: str, last: int) -> str | None:
    side, _, rest = name.partition(".")
    if side not in ("encoder", "decoder"):
        return None
    found = re.match(r"(down|up)\.(\d+)\.(block\.(\d+)|downsample|upsample)\.(.+)", rest)
    if found:
        level = int(found[2]) if found[1] == "down" else last - int(found[2])
        part = f"resnets.{found[4]}" if found[4] else f"{found[3]}rs.0"
        return f"{side}.{found[1]}_blocks.{level}.{part}.{_shortcut(found[5])}"
    for old, new in AUTOENCODER.items():
        if rest.startswith(f"{old}."):
            return f"{side}.{new}.{_shortcut(rest.removeprefix(f'{old}.'))}"
    return None


def _shortcut(rest: str) -> str:
    return rest.replace("nin_shortcut", "conv_shortcut")
