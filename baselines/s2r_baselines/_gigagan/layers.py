"""Adaptive convolutions, L2-distance attention and the small layers around them (Kang et al., CVPR 2023)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2
TINY = 1e-8
SDPA_MULTIPLE = 8  # head sizes that the fused kernels of CUDA take


class AdaptiveConv(nn.Module):
    """A convolution whose kernel is mixed for every sample from a bank and modulated by its style.

        w_b = demodulated((1 + s_b) * sum_n a_n(b) W_n),    a(b) = softmax of the style's selection logits

    It is computed in the dense form, which is the same function without a convolution of its own for every sample: one
    convolution with the whole bank, mixed after it; the norm for demodulation comes from the bank's Gram matrix.
    """

    def __init__(self, inputs: int, outputs: int, kernels: int, size: int = 3) -> None:
        """A bank of `kernels` kernels `size` x `size` (odd), no bias."""
        super().__init__()
        self.inputs, self.kernels = inputs, kernels
        self.weight = nn.Parameter(torch.empty(kernels, outputs, inputs, size, size))
        for kernel in self.weight.detach():
            nn.init.kaiming_normal_(kernel, SLOPE)

    @property
    def style_length(self) -> int:
        """Numbers of the style that it takes: a scale for each input channel, a logit for each kernel."""
        return self.inputs + self.kernels

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(B, I, H, W) and style (B, I + N) -> (B, O, H, W)."""
        scale, share = 1 + style[:, : self.inputs], style[:, self.inputs :].softmax(1)
        kernels, padding = self.weight.flatten(0, 1), self.weight.shape[-1] // 2
        bank = functional.conv2d(x * scale[:, :, None, None], kernels, padding=padding)
        gain = share[:, :, None] * self._demodulation(scale, share)[:, None]
        mixed: Tensor = (torch.unflatten(bank, 1, self.weight.shape[:2]) * gain[..., None, None]).sum(1)
        return mixed

    def _demodulation(self, scale: Tensor, share: Tensor) -> Tensor:
        """(B, O): one over the norm of each sample's mixed and modulated kernel."""
        gram = torch.einsum("noiyx,moiyx->nmoi", self.weight, self.weight)
        square = torch.einsum("bn,bm,bi,nmoi->bo", share, share, scale**2, gram)
        norm: Tensor = (square.clamp(min=0) + TINY).sqrt()
        return 1 / norm


class L2Attention(nn.Module):
    """Self-attention by distance with tied queries and keys, a null token, and a small perceptron; both residual.

    Dot-product attention is not Lipschitz; with the squared distance between tied queries and keys it is on bounded
    inputs (Kim et al., ICML 2021), which is what a discriminator needs.
    """

    def __init__(self, channels: int, heads: int, head_dim: int, widening: int = 2) -> None:
        """Over `channels` with `heads` heads of `head_dim` numbers; the perceptron is `widening` times as wide."""
        super().__init__()
        self.heads = heads
        self.norm, self.mlp_norm = RMSNorm(channels), RMSNorm(channels)
        self.query_key = nn.Conv2d(channels, heads * head_dim, 1, bias=False)
        self.value = nn.Conv2d(channels, heads * head_dim, 1, bias=False)
        self.null = nn.Parameter(torch.randn(2, heads, head_dim))  # key and value
        self.out = nn.Conv2d(heads * head_dim, channels, 1, bias=False)
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, widening * channels, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(widening * channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape; every pixel is a token."""
        size = x.shape[-2:]
        normed = self.norm(x)
        query, value = self._tokens(self.query_key(normed)), self._tokens(self.value(normed))
        key, value = (
            torch.cat([null.expand(len(x), -1, -1)[:, :, None], tokens], 2)
            for null, tokens in zip(self.null, (query, value), strict=True)
        )
        mixed = distance_attention(query, key, value)
        x = x + self.out(torch.unflatten(mixed.transpose(2, 3).flatten(1, 2), 2, size))
        attended: Tensor = x + self.mlp(self.mlp_norm(x))
        return attended

    def _tokens(self, maps: Tensor) -> Tensor:
        return torch.unflatten(maps.flatten(2), 1, (self.heads, -1)).transpose(2, 3)


def distance_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(-|q - k|^2 / sqrt(d)) v of (B, heads, tokens, d) tensors.

    Where no gradient is asked for it goes through the fused kernel, which never holds the matrix of all distances:
    |q|^2 is the same for all keys and falls out of the softmax, so that q' = (2q, 1), k' = (k, -|k|^2) remain.
    """
    scale = query.shape[-1] ** -0.5
    if torch.is_grad_enabled():
        weights: Tensor = (-scale * squared_distances(query, key)).softmax(-1)
        return weights @ value
    width = query.shape[-1]
    longer = math.ceil((width + 1) / SDPA_MULTIPLE) * SDPA_MULTIPLE - width
    query = functional.pad(torch.cat([2 * query, torch.ones_like(query[..., :1])], -1), (0, longer - 1))
    key = functional.pad(torch.cat([key, -key.square().sum(-1, keepdim=True)], -1), (0, longer - 1))
    mixed = functional.scaled_dot_product_attention(query, key, functional.pad(value, (0, longer)), scale=scale)
    return mixed[..., :width]


def squared_distances(query: Tensor, key: Tensor) -> Tensor:
    """(..., M, N) squared distances of (..., M, d) to (..., N, d)."""
    squares = query.square().sum(-1)[..., :, None] + key.square().sum(-1)[..., None, :]
    return (squares - 2 * query @ key.transpose(-1, -2)).clamp(min=0)


class RMSNorm(nn.Module):
    """Each pixel's channels (B, C, H, W) divided by their root mean square, times a learned gain."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x * (x.square().mean(1, keepdim=True) + TINY).rsqrt() * self.gain


class EqualLinear(nn.Module):
    """A linear layer with equalised learning rate: weights of unit spread, scaled when used (Karras et al. 2020)."""

    def __init__(self, inputs: int, outputs: int, lr_gain: float = 0.1) -> None:
        """The layer learns `lr_gain` times as fast as the others."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_gain)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.lr_gain, self.scale = lr_gain, lr_gain / math.sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, I) -> (B, O)."""
        return functional.linear(x, self.weight * self.scale, self.bias * self.lr_gain)


def halved(maps: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, H / 2, W / 2): means of 2 x 2 pixels."""
    return functional.avg_pool2d(maps, 2)


def pyramid(maps: Tensor, levels: int) -> list[Tensor]:
    """`maps` (B, C, H, W) at `levels` scales, finest first."""
    scales = [maps]
    while len(scales) < levels:
        scales.append(halved(scales[-1]))
    return scales


def doubled(maps: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 2H, 2W), bilinear, as torch's own without `align_corners`.

    Torch's own adds its gradients up in no fixed order on CUDA; a killed training must end in the same bits.
    """
    return _doubled_rows(_doubled_rows(maps).transpose(2, 3)).transpose(2, 3)


def _doubled_rows(maps: Tensor) -> Tensor:
    above = torch.cat([maps[:, :, :1], maps[:, :, :-1]], 2)
    below = torch.cat([maps[:, :, 1:], maps[:, :, -1:]], 2)
    return torch.stack([0.75 * maps + 0.25 * above, 0.75 * maps + 0.25 * below], 3).flatten(2, 3)
