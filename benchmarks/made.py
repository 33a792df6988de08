"""What the diffusion benchmarks share: made pairs, an untrained stage, timing by turns, Stable Diffusion's shape."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from s2r_baselines._diffusion.latent import Whitening
from s2r_baselines._diffusion.maps import MapCode
from s2r_baselines._diffusion.options import StageOptions
from s2r_baselines._diffusion.presets import STAGE_PRESETS
from s2r_baselines._diffusion.stage import Stage
from s2r_bench.depth_code import ResidualCode, residual_of
from s2r_bench.types import DepthFrame, DepthPair

# Stable Diffusion 2.1: 865.9 M parameters, and 83.7 M of the autoencoder (tests/benchmarks holds us to it)
SD21_UNET = {
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "attention_head_dim": (5, 10, 20, 20),
    "cross_attention_dim": 1024,
    "use_linear_projection": True,
}
SD21_VAE = {
    "sample_size": 512,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
TOY_UNET = SD21_UNET | {
    "sample_size": 8,
    "block_out_channels": (16, 16, 32, 32),
    "layers_per_block": 1,
    "attention_head_dim": (2, 2, 4, 4),
    "cross_attention_dim": 16,
    "norm_num_groups": 8,
}
TOY_VAE = SD21_VAE | {
    "sample_size": 64,
    "block_out_channels": (16, 32, 64, 64),
    "layers_per_block": 1,
    "norm_num_groups": 8,
}


class MadePairs:
    """Pairs of a slanted wall with boxes before it and noise that grows with range; a function of their index."""

    scenes = frozenset({"made"})
    digest = "made"

    def __init__(self, count: int = 4, size: tuple[int, int] = (120, 160)) -> None:
        self.count, self.size = count, size

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> DepthPair:
        if not 0 <= index < self.count:
            raise IndexError(index)
        dice = np.random.default_rng(index)
        height, width = self.size
        clean = np.tile(np.linspace(1.5, 3.5, width), (height, 1))
        for _ in range(5):
            top, left = dice.integers(0, height * 3 // 4), dice.integers(0, width * 3 // 4)
            clean[top : top + height // 4, left : left + width // 4] = dice.uniform(0.8, 1.4)
        noise = 0.002 * clean**2 * dice.standard_normal(self.size)
        captured = np.where(dice.random(self.size) < 0.05, 0, clean + noise)
        K = np.array([[width, 0, (width - 1) / 2], [0, width, (height - 1) / 2], [0, 0, 1.0]])
        clean_frame, captured_frame = (
            DepthFrame(depth.astype(np.float32), K, np.eye(4), "made", "0", str(index)) for depth in (clean, captured)
        )
        return DepthPair(clean_frame, captured_frame)


def stage_options(preset: str, **changes: Any) -> StageOptions:
    """A preset's stage; `changes` name the parts (net, code, diffusion, train, crop) and what is other in them."""
    values = {name: part for name, part in STAGE_PRESETS[preset]["stage"].items()}
    for name, part in changes.items():
        values[name] = {**values.get(name, {}), **part} if isinstance(part, dict) else part
    return StageOptions(**values)


def untrained_stage(options: StageOptions, pairs: Sequence[DepthPair] | MadePairs, device: str = "cpu") -> Stage:
    """A first stage whose codes are fitted on `pairs` and whose network has its random start weights."""
    stage = Stage(options, residual=True, earlier=0, device=device)
    probe = MapCode(options.code, None)
    clean, captured = pairs[0].clean, pairs[0].captured
    metres, seen = torch.from_numpy(clean.depth).double(), probe.seen(pairs[0])
    coded = residual_of(probe.depth, metres, torch.from_numpy(captured.depth).double())
    stage.maps = MapCode(options.code, ResidualCode.fitted(metres[seen], coded[seen]))
    if options.code.whiten:
        height, width = (side - side % stage.codec.factor for side in clean.size)
        latents = stage.codec.encode(stage.maps.target(pairs[0])[0][None, :, :height, :width])[0]
        stage.whitening = Whitening.fitted(latents.flatten(1).T, stage.codec.factor)
    torch.manual_seed(0)  # diffusers' constructors draw from the global generator
    stage.denoiser = stage._build().to(stage.device).eval()
    return stage


@torch.no_grad()
def stirred(network: torch.nn.Module, amount: float = 0.02, seed: int = 1) -> None:
    """Move every parameter a little, so that nothing (a zero convolution, say) is left out of a comparison."""
    dice = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter += amount * torch.randn(parameter.shape, generator=dice).to(parameter)


def write_checkpoint(folder: Path, unet: dict[str, Any], vae: dict[str, Any], device: str = "cpu") -> dict[str, float]:
    """Write `unet/` and `vae/` of random weights in diffusers' layout, in bf16; parameters in millions of each.

    Made on `device`, since drawing a billion numbers on the CPU takes longer than all that is measured.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel

    torch.manual_seed(0)
    found = {}
    for name, kind, config in (("unet", UNet2DConditionModel, unet), ("vae", AutoencoderKL, vae)):
        with torch.device(device):
            part = kind(**config)
        found[name] = round(sum(p.numel() for p in part.parameters()) / 1e6, 2)
        part.to(dtype=torch.bfloat16).save_pretrained(folder / name, safe_serialization=True)
        del part
    return found


@dataclass
class Ratio:
    """Ours against the reference by turns in one process: medians in milliseconds, and quotients.

    `cpu_*`: CPU time of all threads, which other work on the machine disturbs least; `wall_ratio`: of wall times.
    """

    name: str
    cpu_ours_ms: float
    cpu_reference_ms: float
    cpu_ratio: float
    wall_ratio: float
    difference: str

    @classmethod
    def of(
        cls, name: str, ours: Sequence[tuple[float, float]], reference: Sequence[tuple[float, float]], difference: str
    ) -> "Ratio":
        """From (CPU, wall) seconds of each turn; quotients are of turns side by side, so load that drifts cancels."""
        quotients = [
            statistics.median(a[kind] / b[kind] for a, b in zip(ours, reference, strict=True)) for kind in (0, 1)
        ]
        ours_ms, reference_ms = (1000 * statistics.median(cpu for cpu, _ in side) for side in (ours, reference))
        return cls(
            name,
            round(ours_ms, 2),
            round(reference_ms, 2),
            round(quotients[0], 3),
            round(quotients[1], 3),
            difference,
        )


def timed(side: Callable[[], Any]) -> tuple[float, float]:
    """(CPU, wall) seconds of one call."""
    cpu, wall = time.process_time(), time.perf_counter()
    side()
    return time.process_time() - cpu, time.perf_counter() - wall


def by_turns(
    name: str, ours: Callable[[], Any], reference: Callable[[], Any], repeats: int, difference: str = ""
) -> Ratio:
    """Both sides once for warmth, then A B A B."""
    ours(), reference()
    turns = [(timed(ours), timed(reference)) for _ in range(repeats)]
    return Ratio.of(name, [a for a, _ in turns], [b for _, b in turns], difference)


def table(rows: Sequence[Ratio]) -> str:
    """Rows as text."""
    head = f"{'what':56} {'ours ms':>9} {'ref. ms':>9} {'ratio':>7} {'wall':>7}  difference   (CPU time, medians)"
    lines = [
        f"{row.name:56} {row.cpu_ours_ms:9.2f} {row.cpu_reference_ms:9.2f} {row.cpu_ratio:7.3f} {row.wall_ratio:7.3f}"
        f"  {row.difference}"
        for row in rows
    ]
    return "\n".join([head, *lines])


def largest(a: Tensor, b: Tensor) -> float:
    """Largest absolute difference of two tensors, on the CPU in float64."""
    return float((a.detach().cpu().double() - b.detach().cpu().double()).abs().max())
