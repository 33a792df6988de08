"""The 3D-aware patch discriminator: which patches of a generated depth map are told from captured ones, in 3D.

Frames are cut into a grid of square patches. A patch's valid pixels are back-projected, centred on the centroid of
the *clean* patch and divided by a fixed length, so that the metric scale of the noise is kept; each point also carries
how far it lies from the clean surface along its pixel's ray (`offset`). The network (PointNet with CAD guidance)
learns captured = 0, generated = 1. Training and flagging frames are apart (folds), so that what it
memorised does not decide the mask. Paper section 3.3; the authors' training code is not public, so sizes and
schedule are our own choice and are options.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from s2r_baselines._nets.pointnet import PatchPointNet
from s2r_bench.engine.checkpoint import read_tensors, write_tensors
from s2r_bench.engine.loop import Loop, LoopResult, TrainOptions, step_rng
from s2r_bench.options import Options
from s2r_bench.seeds import rng_of, seed_of
from s2r_bench.types import DepthArray, DepthFrame


class DiscriminatorOptions(Options):
    """Patches and training of the discriminator.

    Attributes:
        patch: side in pixels (paper: 128 of a 512-pixel frame). points: points a patch is resampled to.
        width: layer width (paper: 64). guidance: whether the clean patch is seen too.
        offset: give each point its distance from the clean surface as a fourth coordinate; False: x, y, z (paper).
        scale_m: the length that becomes 1. offset_scale_m: the same for the offset.
        min_points: patches with fewer captured pixels are left out.
        folds: frames are cut into this many contiguous parts; each part is flagged by a network of the others.
    """

    patch: int = Field(32, ge=4)
    points: int = Field(256, ge=16)
    width: int = Field(32, ge=4)
    guidance: bool = True
    offset: bool = True
    scale_m: float = Field(0.1, gt=0)
    offset_scale_m: float = Field(0.01, gt=0)
    min_points: int = Field(64, ge=8)
    folds: int = Field(2, ge=2)
    train: TrainOptions = TrainOptions(steps=300, batch=32, lr=1e-3, ema=0.0, weight_decay=1e-4, warmup=10)


@dataclass(frozen=True, eq=False)
class Patch:
    """One grid cell of one frame, with the depth to be judged and the clean depth there."""

    frame: int
    top: int
    left: int
    clean: Tensor  # (3, N)
    judged: Tensor  # (3 or 4, N)


def patches_of(index: int, frame: DepthFrame, depth: DepthArray, options: DiscriminatorOptions) -> list[Patch]:
    """The usable patches of one frame's depth map; which points are kept is a function of the frame's name."""
    side = options.patch
    dice = rng_of("patch points", frame.id)
    found = []
    depth = np.where(frame.depth > 0, depth, 0)
    for top in range(0, frame.size[0] - side + 1, side):
        for left in range(0, frame.size[1] - side + 1, side):
            window = (slice(top, top + side), slice(left, left + side))
            clean = _points(frame, frame.depth[window], top, left)
            judged = _points(frame, depth[window], top, left)
            if min(len(clean), len(judged)) < options.min_points:
                continue
            centre = clean.mean(0)
            guidance = _resampled((clean - centre) / options.scale_m, options.points, dice)
            cloud = (judged - centre) / options.scale_m
            if options.offset:
                rows, columns = np.nonzero(depth[window])
                off = judged[:, 2] - frame.depth[window][rows, columns]
                cloud = np.column_stack([cloud, off / options.offset_scale_m])
            found.append(Patch(index, top, left, guidance, _resampled(cloud, options.points, dice)))
    return found


class PatchDiscriminator:
    """Trained on captured and generated patches of some frames; judges those of others."""

    def __init__(self, options: DiscriminatorOptions, device: str) -> None:
        self.options, self.device = options, device
        self.network = _network(options)

    def fit(self, captured: Sequence[Patch], generated: Sequence[Patch], seed: int, workdir: Path | None) -> LoopResult:
        """Train on equal shares of both; afterwards the network is in evaluation mode."""
        torch.manual_seed(seed_of(seed, "discriminator"))
        self.network = _network(self.options)
        loop = Loop(self.network, self.options.train, seed=seed, device=self.device, workdir=workdir)
        half = max(self.options.train.batch // 2, 1)

        def batch_at(step: int, rank: int) -> dict[str, Tensor]:
            dice = step_rng(seed, step, rank, "patches")
            chosen = [sides[int(i)] for sides in (captured, generated) for i in _picks(len(sides), half, dice)]
            labels = torch.arange(2).repeat_interleave(half)
            clean, judged = (torch.stack([getattr(p, part) for p in chosen]) for part in ("clean", "judged"))
            return {"clean": clean, "judged": judged, "label": labels}

        result = loop.run(batch_at, _cross_entropy)
        self.network.to(self.device).eval()
        return result

    @torch.no_grad()
    def probability(self, patches: Sequence[Patch], batch: int = 256) -> Tensor:
        """(P,) probability that each patch is generated."""
        found = [torch.zeros(0)]
        for start in range(0, len(patches), batch):
            part = patches[start : start + batch]
            judged, clean = (torch.stack([getattr(p, side) for p in part]) for side in ("judged", "clean"))
            logits = self.network(judged.to(self.device), clean.to(self.device))
            found.append(logits.float().softmax(1)[:, 1].cpu())
        return torch.cat(found)

    def save(self, path: Path) -> None:
        """Write weights and running statistics."""
        write_tensors(path, dict(self.network.state_dict()))

    def load(self, path: Path) -> None:
        """Become what `save` wrote."""
        self.network.load_state_dict(read_tensors(path))
        self.network.to(self.device).eval()


def folds_of(count: int, folds: int) -> np.ndarray:
    """(count,) fold of each frame: contiguous parts, so that neighbours, who share noise, stay together."""
    return np.arange(count) * folds // max(count, 1)


def _network(options: DiscriminatorOptions) -> PatchPointNet:
    return PatchPointNet(options.width, 4 if options.offset else 3, guidance=options.guidance)


def _cross_entropy(network: nn.Module, batch: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
    return nn.functional.cross_entropy(network(batch["judged"], batch["clean"]), batch["label"])


def _picks(count: int, size: int, dice: torch.Generator) -> list[int]:
    picked: list[int] = torch.randint(count, (size,), generator=dice).tolist()
    return picked


def _points(frame: DepthFrame, depth: DepthArray, top: int, left: int) -> np.ndarray:
    rows, columns = np.nonzero(depth)
    z = depth[rows, columns].astype(np.float64)
    x = (columns + left - frame.K[0, 2]) / frame.K[0, 0] * z
    y = (rows + top - frame.K[1, 2]) / frame.K[1, 1] * z
    return np.stack([x, y, z], 1)


def _resampled(cloud: np.ndarray, count: int, dice: np.random.Generator) -> Tensor:
    chosen = dice.choice(len(cloud), count, replace=len(cloud) < count)
    return torch.from_numpy(cloud[chosen].T.astype(np.float32).copy())
