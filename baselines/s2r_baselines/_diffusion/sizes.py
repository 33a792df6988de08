"""The size in which a codec sees maps, and back to a frame's own: repeated pixels, or a resize as the release's."""

from torch import Tensor, nn

from s2r_baselines._diffusion.options import CodeOptions


def enlarged(maps: Tensor, code: CodeOptions) -> Tensor:
    """(C, H, W) in the size that the codec sees: repeated `upscale` times, or resized to `side`."""
    if code.side:
        return _resized(maps, _large_size((maps.shape[-2], maps.shape[-1]), code.side))
    factor = code.upscale
    return maps.repeat_interleave(factor, -1).repeat_interleave(factor, -2) if factor > 1 else maps


def reduced(maps: Tensor, size: tuple[int, int], code: CodeOptions) -> Tensor:
    """The inverse of `enlarged` on padded maps: a frame's own (height, width)."""
    if code.side:
        height, width = _large_size(size, code.side)
        return _resized(maps[:, :height, :width], size)
    return maps[:, :: code.upscale, :: code.upscale][:, : size[0], : size[1]]


def _large_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    height, width = size
    return round(height * side / min(size)), round(width * side / min(size))


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return nn.functional.interpolate(maps[None], size, mode="bilinear", align_corners=False)[0]
