"""The image tower of a CLIP as plain layers, and its weights from a file: a vision transformer of any size.

Weights are named as in timm (`model.safetensors` of its hub pages) or as in OpenCLIP (`open_clip_model.safetensors`,
whose text tower is left where it is). Sizes are read from the weights' shapes.
"""

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from s2r_bench.errors import DataError

WIDE_HEADS = {1280: 16, 1664: 16, 1408: 16}  # of ViT-H, -bigG and -g; all smaller ones have heads of 64
OPEN_CLIP = (
    (r"visual\.class_embedding", "cls_token"),
    (r"visual\.positional_embedding", "pos_embed"),
    (r"visual\.conv1\.", "patch_embed.proj."),
    (r"visual\.ln_pre\.", "norm_pre."),
    (r"visual\.ln_post\.", "norm."),
    (r"visual\.transformer\.resblocks\.(\d+)\.ln_", r"blocks.\1.norm"),
    (r"visual\.transformer\.resblocks\.(\d+)\.attn\.in_proj_", r"blocks.\1.attn.qkv."),
    (r"visual\.transformer\.resblocks\.(\d+)\.attn\.out_proj\.", r"blocks.\1.attn.proj."),
    (r"visual\.transformer\.resblocks\.(\d+)\.mlp\.c_fc\.", r"blocks.\1.mlp.fc1."),
    (r"visual\.transformer\.resblocks\.(\d+)\.mlp\.c_proj\.", r"blocks.\1.mlp.fc2."),
)


class Vit(nn.Module):
    """Patches, a class token, positions, normalised before and after blocks; parameters are named as timm's.

    Args:
        width: of tokens. depth: blocks. heads: of attention. hidden: width between the layers of a block.
        patch: pixels along a patch. side: patches along an image.
    """

    def __init__(self, width: int, depth: int, heads: int, hidden: int, patch: int, side: int) -> None:
        super().__init__()
        self.patch, self.side, self.width = patch, side, width
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + side * side, width))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch, patch, bias=False)})
        self.norm_pre, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(_Block(width, heads, hidden) for _ in range(depth))

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (B, 3, side * patch, side * patch) -> (B, 1 + side^2, width), class token first."""
        patches = self.patch_embed["proj"](pixels).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(pixels), -1, -1), patches], 1) + self.pos_embed
        tokens = self.norm_pre(tokens)
        for block in self.blocks:
            tokens = block(tokens)
        out: Tensor = self.norm(tokens)
        return out


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = _Attention(width, heads)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, hidden), "fc2": nn.Linear(hidden, width)})

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        out: Tensor = tokens + self.mlp["fc2"](nn.functional.gelu(self.mlp["fc1"](self.norm2(tokens))))
        return out


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        queries, keys, values = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = nn.functional.scaled_dot_product_attention(queries, keys, values)
        out: Tensor = self.proj(found.transpose(1, 2).flatten(2))
        return out


def load_vit(path: Path) -> Vit:
    """The network whose weights a safetensors file holds.

    Raises:
        DataError: it is damaged, or holds another network.
    """
    weights = _weights(path)
    try:
        embed, positions = weights["patch_embed.proj.weight"], weights["pos_embed"]
        width, patch, side = embed.shape[0], embed.shape[-1], round((positions.shape[1] - 1) ** 0.5)
        depth = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
        heads = WIDE_HEADS.get(width, max(1, width // 64))
        network = Vit(width, depth, heads, weights["blocks.0.mlp.fc1.weight"].shape[0], patch, side)
        network.load_state_dict(weights)
    except (KeyError, ValueError, RuntimeError, IndexError) as wrong:
        raise DataError(
            f"{path} does not hold the image tower of a CLIP, named as in timm or OpenCLIP: "
            + " ".join(str(wrong).split())[:300]
        ) from None
    return network


def _weights(path: Path) -> dict[str, Tensor]:
    """The image tower's tensors under timm's names; a text tower and a classifier are not read."""
    from safetensors import SafetensorError, safe_open

    found: dict[str, Tensor] = {}
    try:
        with safe_open(str(path), framework="pt") as file:
            names = set(file.keys())
            prefix = "visual." if any(name.startswith("visual.") for name in names) else ""
            for name in sorted(names):
                if name.startswith(prefix) and not name.startswith("head.") and name != "visual.proj":
                    found[_timm_name(name)] = file.get_tensor(name).float()
    except (SafetensorError, OSError) as wrong:
        raise DataError(f"{path} is not a readable safetensors file ({wrong}); get it again") from None
    for name, dims in (("cls_token", 3), ("pos_embed", 3)):
        if name in found:
            found[name] = found[name][(None,) * (dims - found[name].ndim)]
    return found


def _timm_name(name: str) -> str:
    for old, new in OPEN_CLIP:
        changed, count = re.subn(f"^{old}", new, name)
        if count:
            return changed
    return name
