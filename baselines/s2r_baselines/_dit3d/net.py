"""The transformer of Peebles and Xie on cubes of cells (Mo et al. 2023), made from the description."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from s2r_baselines._dit3d.options import NetOptions

TIME_WAVES = 256
EPS = 1e-6


class DiT3D(nn.Module):
    """Grids (B, inputs, R, R, R) and timesteps (B,) -> grids (B, outputs, R, R, R); 0 before it is trained."""

    place: Tensor

    def __init__(self, options: NetOptions, inputs: int, outputs: int) -> None:
        super().__init__()
        self.patch, self.outputs = options.patch, outputs
        cells, width, side = options.patch**3, options.width, options.resolution // options.patch
        self.embed = nn.Linear(inputs * cells, width)
        self.register_buffer("place", place_code(width, side), persistent=False)
        self.time = nn.Sequential(nn.Linear(TIME_WAVES, width), nn.SiLU(), nn.Linear(width, width))
        windows = [options.attention_window if block in options.windowed else side for block in range(options.depth)]
        self.blocks = nn.ModuleList(Block(width, options.heads, window) for window in windows)
        self.last = Modulation(width, 2)
        self.out = nn.Linear(width, outputs * cells)
        self._init()

    def forward(self, grid: Tensor, timesteps: Tensor) -> Tensor:
        """What the network makes of a grid at a noise level."""
        side = grid.shape[-1] // self.patch
        tokens = self.embed(folded(grid, self.patch)) + self.place
        condition = functional.silu(self.time(time_code(timesteps)))
        for block in self.blocks:
            tokens = block(tokens, condition, side)
        shift, scale = self.last(condition)
        made: Tensor = self.out(modulated(tokens, shift, scale))
        return unfolded(made, self.patch, side)

    def _init(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for layer in (self.time[0], self.time[2]):
            nn.init.normal_(layer.weight, std=0.02)  # type: ignore[arg-type]
        for module in self.modules():
            if isinstance(module, Modulation):
                nn.init.zeros_(module.linear.weight)
        nn.init.zeros_(self.out.weight)


class Block(nn.Module):
    """Attention and a two-layer network, each shifted, scaled and gated by the condition; the identity at first."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.modulation = Modulation(width, 6)
        self.attention = Attention(width, heads, window)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))

    def forward(self, tokens: Tensor, condition: Tensor, side: int) -> Tensor:
        """(B, side^3, D) tokens under a condition (B, D)."""
        vectors: Sequence[Tensor] = self.modulation(condition)
        shift1, scale1, gate1, shift2, scale2, gate2 = vectors
        mixed: Tensor = self.attention(modulated(tokens, shift1, scale1), side)
        tokens = tokens + gate1 * mixed
        changed: Tensor = self.mlp(modulated(tokens, shift2, scale2))
        return tokens + gate2 * changed


class Attention(nn.Module):
    """Self-attention of tokens within cubes of `window` tokens a side; no cube, and no grid, sees another."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor, side: int) -> Tensor:
        """(B, side^3, D)."""
        inside = windowed(tokens, side, self.window)
        parts: Tensor = self.qkv(inside)
        query, key, value = parts.reshape(*inside.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        whole: Tensor = self.out(unwindowed(mixed, side, self.window))
        return whole


class Modulation(nn.Module):
    """`count` vectors (B, 1, D) of a condition (B, D)."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.linear = nn.Linear(width, count * width)

    def forward(self, condition: Tensor) -> Sequence[Tensor]:
        """The vectors."""
        vectors: Sequence[Tensor] = self.linear(condition)[:, None].chunk(self.count, dim=2)
        return vectors


def modulated(tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Normalised tokens (B, T, D), scaled and shifted."""
    return functional.layer_norm(tokens, tokens.shape[-1:], eps=EPS) * (1 + scale) + shift


def folded(grid: Tensor, patch: int) -> Tensor:
    """(B, C, R, R, R) -> (B, (R / patch)^3, C * patch^3): one row a cube, as a convolution of that stride sees it."""
    count, channels, side = grid.shape[0], grid.shape[1], grid.shape[-1] // patch
    cubes = grid.reshape(count, channels, side, patch, side, patch, side, patch).permute(0, 2, 4, 6, 1, 3, 5, 7)
    return cubes.reshape(count, side**3, channels * patch**3)


def unfolded(tokens: Tensor, patch: int, side: int) -> Tensor:
    """The inverse of `folded`, for `side` tokens along the grid."""
    count, whole = len(tokens), side * patch
    cubes = tokens.reshape(count, side, side, side, -1, patch, patch, patch).permute(0, 4, 1, 5, 2, 6, 3, 7)
    return cubes.reshape(count, -1, whole, whole, whole)


def windowed(tokens: Tensor, side: int, window: int) -> Tensor:
    """(B, side^3, D) -> (B * (side / window)^3, window^3, D)."""
    count, width = side // window, tokens.shape[-1]
    cubes = tokens.reshape(-1, count, window, count, window, count, window, width).permute(0, 1, 3, 5, 2, 4, 6, 7)
    return cubes.reshape(-1, window**3, width)


def unwindowed(tokens: Tensor, side: int, window: int) -> Tensor:
    """The inverse of `windowed`."""
    count, width = side // window, tokens.shape[-1]
    cubes = tokens.reshape(-1, count, count, count, window, window, window, width).permute(0, 1, 4, 2, 5, 3, 6, 7)
    return cubes.reshape(-1, side**3, width)


def time_code(timesteps: Tensor) -> Tensor:
    """(B, 256): cosines, then sines, of t / 10000^(i / 128)."""
    half = TIME_WAVES // 2
    waves = torch.exp(-math.log(10000) * torch.arange(half, device=timesteps.device) / half)
    angles = timesteps[:, None].float() * waves
    return torch.cat([angles.cos(), angles.sin()], 1)


def place_code(width: int, side: int) -> Tensor:
    """(side^3, width): for each axis the sines, then the cosines, of the token's place / 10000^(i / n).

    n is a sixth of the width, rounded down; what is left of a width that 6 does not divide stays 0.
    """
    waves = width // 6
    steps = torch.arange(side, dtype=torch.float64)
    angles = steps[:, None] / 10000 ** (torch.arange(waves, dtype=torch.float64) / waves)
    axis = torch.cat([angles.sin(), angles.cos()], 1)
    places = torch.cartesian_prod(*[torch.arange(side)] * 3)
    code = torch.cat([axis[places[:, number]] for number in range(3)], 1).float()
    return functional.pad(code, (0, width - code.shape[1]))
