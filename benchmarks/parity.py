"""Every path that may run on a CUDA device, against the same on the CPU: largest absolute difference and a tolerance.

Used by `benchmarks/gpu.py` and by the tests marked `gpu`. Draws come from CPU generators everywhere, so both devices
see the same noise. TF32 is off while comparing (`exact_float32`): with it, convolutions keep ten bits.
"""

import contextlib
import copy
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from made import TOY_UNET, TOY_VAE, MadePairs, largest, stage_options, stirred, untrained_stage, write_checkpoint
from torch import Tensor, nn

from s2r_baselines._diffusion.noise import NoiseProcess
from s2r_baselines._diffusion.options import DiffusionOptions, StageOptions
from s2r_baselines._diffusion.stage import Stage, _Items, draw_generator
from s2r_baselines.ours.discriminator import DiscriminatorOptions, PatchDiscriminator, patches_of
from s2r_bench.depth_code import DepthCode, ResidualCode, residual_of
from s2r_bench.engine.loop import Loop, TrainOptions
from s2r_bench.geometry.points import back_project, back_project_torch
from s2r_metrics.depth import autocorrelation
from s2r_metrics.occupancy import voxelise
from s2r_metrics.pointcloud import nearest
from s2r_metrics.samples import residual_wasserstein

Difference = Callable[[str], float]


@dataclass(frozen=True)
class Parity:
    """One path: its name, what its values are, the tolerance (absolute) and how to measure the difference."""

    name: str
    unit: str
    tolerance: float
    difference: Difference


@contextlib.contextmanager
def exact_float32() -> Iterator[None]:
    """No TF32 in convolutions and matrix products."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def _cloud(count: int, seed: int) -> Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(seed)) - 0.5


def nearest_points(device: str) -> float:
    """kd-tree on the CPU, brute force on the device, 20 000 points each."""
    a, b = _cloud(20_000, 0), _cloud(20_000, 1)
    return largest(nearest(a, b), nearest(a.to(device), b.to(device), backend="torch"))


def points_of_depth(device: str) -> float:
    """Back-projection: numpy on the CPU, torch on the device, metres."""
    frame = MadePairs(size=(480, 640))[0].captured
    ours = back_project_torch(torch.from_numpy(frame.depth)[None].to(device), torch.from_numpy(frame.K))[0]
    return largest(torch.from_numpy(back_project(frame.depth, frame.K)), ours.permute(1, 2, 0))


def codes(device: str) -> float:
    """Depth code and residual code, there and back, metres."""
    pair = MadePairs()[0]
    clean, captured = (torch.from_numpy(part.depth).double() for part in (pair.clean, pair.captured))
    seen = captured > 0
    clean, captured = clean[seen], captured[seen]
    residual = residual_of(DepthCode(), clean, captured)
    code = ResidualCode.fitted(clean, residual)
    moved = code.encode(clean.to(device), residual.to(device))
    there = largest(code.encode(clean, residual), moved)
    return max(there, largest(residual, code.decode(clean.to(device), moved)))


def sampler(device: str) -> float:
    """`NoiseProcess.sample` of both samplers with a predictor that is the same arithmetic on both sides."""
    found = []
    for kind in ("ddim", "x0-renoise"):
        process = NoiseProcess(DiffusionOptions(sampler=kind, steps=10, prediction="sample"))
        sides = [
            process.sample(
                lambda x, t: torch.tanh(x) * 0.9,
                (2, 4, 8, 8),
                [torch.Generator().manual_seed(seed) for seed in (0, 1)],
                torch.device(where),
            )
            for where in ("cpu", device)
        ]
        found.append(largest(*sides))
    return max(found)


def _stages(options: StageOptions, device: str) -> list[Stage]:
    pairs = MadePairs()
    here = untrained_stage(options, pairs)
    assert here.denoiser is not None
    stirred(here.denoiser)
    there = Stage(options, residual=True, earlier=0, device=device)
    here.detail = torch.full((here.denoiser.latent_channels,), 0.1)
    there.maps, there.whitening, there.detail = here.maps, here.whitening, here.detail
    there.denoiser = copy.deepcopy(here.denoiser).to(device)
    return [here, there]


def _draws(options: StageOptions, device: str) -> float:
    frame = MadePairs()[0].clean
    sides = [stage.draws([frame], [draw_generator(1, 2, 0)])[0] for stage in _stages(options, device)]
    return largest(*sides)


def stage_draw(device: str) -> float:
    """`Stage.draws` of a stirred tiny network with attention, space-to-depth, fp32: coded maps of spread about 0.5."""
    return _draws(
        stage_options(
            "smoke", net={"attention": 1, "condition": "hint"}, diffusion={"steps": 4}, train={"precision": "fp32"}
        ),
        device,
    )


def stage_draw_kl(device: str) -> float:
    """The same with a toy checkpoint in diffusers' layout and its autoencoder."""
    with tempfile.TemporaryDirectory() as folder:
        write_checkpoint(Path(folder), TOY_UNET, TOY_VAE)
        options = stage_options(
            "smoke",
            net={"pretrained": folder, "condition": "hint"},
            code={"latent": "kl", "geometry": False, "whiten": False},
            diffusion={"steps": 4, "detail": False},
            train={"precision": "fp32"},
        )
        return _draws(options, device)


def training(device: str) -> float:
    """Averaged weights after four steps of the loop; Adam divides by small numbers, hence the wide tolerance."""
    options = stage_options("smoke", net={"attention": 1, "condition": "hint"})
    train = TrainOptions(steps=4, batch=2, lr=1e-3, warmup=0, precision="fp32", ema=0.0)
    sides = []
    for stage in _stages(options, device):
        items = _Items(stage, MadePairs(), None, None)
        assert stage.denoiser is not None
        loop = Loop(stage.denoiser, train, seed=0, device=torch.device(device if sides else "cpu").type)
        result = loop.run(lambda step, rank, items=items: items.batch(0, step, rank, 2), stage._loss)  # type: ignore[misc]
        sides.append([row["train_loss"] for row in result.curve])
    return float(np.abs(np.subtract(*sides)).max())


def discriminator(device: str) -> float:
    """`PatchDiscriminator.probability` with running statistics that are not those of a fresh network."""
    pair = MadePairs()[0]
    options = DiscriminatorOptions(points=64, width=8, patch=32)
    patches = patches_of(0, pair.clean, pair.captured.depth, options)
    torch.manual_seed(0)
    judges = [PatchDiscriminator(options, where) for where in ("cpu", device)]
    for module in judges[0].network.modules():
        if isinstance(module, nn.BatchNorm1d) and module.running_mean is not None and module.running_var is not None:
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    judges[0].network.eval()
    judges[1].network = copy.deepcopy(judges[0].network).to(device)
    return largest(*(judge.probability(patches) for judge in judges))


def metrics(device: str) -> float:
    """Wasserstein distance (mm), autocorrelation and voxelisation on the device."""
    dice = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 5000, generator=dice)
    field, valid = torch.randn(2, 40, 50, generator=dice), torch.rand(2, 40, 50, generator=dice) > 0.1
    cloud = _cloud(5000, 2)
    low = torch.full((3,), -0.5)
    return max(
        abs(residual_wasserstein(a, b) - residual_wasserstein(a.to(device), b.to(device))),
        abs(autocorrelation(field, valid, 2) - autocorrelation(field.to(device), valid.to(device), 2)),
        largest(voxelise(cloud, low, 1.0, 16).double(), voxelise(cloud.to(device), low, 1.0, 16).double()),
    )


PATHS = (
    Parity("s2r_metrics.nearest, kd-tree and brute force", "box side", 1e-6, nearest_points),
    Parity("s2r_metrics: Wasserstein, autocorrelation, voxels", "", 1e-5, metrics),
    Parity("geometry.back_project_torch, 640x480", "m", 2e-6, points_of_depth),
    Parity("depth and residual codes", "code", 1e-9, codes),
    Parity("NoiseProcess.sample, both samplers", "latent", 1e-5, sampler),
    Parity("Stage.draws, space-to-depth, fp32", "code", 2e-3, stage_draw),
    Parity("Stage.draws, KL toy checkpoint, fp32", "code", 2e-3, stage_draw_kl),
    Parity("Loop, four training steps, fp32", "loss", 1e-3, training),
    Parity("PatchDiscriminator.probability", "probability", 1e-5, discriminator),
)


def compared(path: Parity, device: str) -> dict[str, object]:
    """The difference of one path and whether it is within the tolerance. TF32 is off meanwhile."""
    with exact_float32():
        apart = path.difference(device)
    return {
        "path": path.name,
        "unit": path.unit,
        "max_abs_difference": apart,
        "tolerance": path.tolerance,
        "passed": bool(apart <= path.tolerance),
    }
