"""Training of the autoencoder, the latents that it gives, and training of the diffusion on clouds."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from s2r_bench.engine.checkpoint import read_tensors, write_tensors
from s2r_bench.engine.loop import Loop, LoopResult, TrainOptions
from s2r_bench.errors import DataError
from s2r_bench.seeds import rng_of, seed_of, torch_rng
from s2r_tasks._disco.augment import cluster_labels, drawn, moved, perturbed, random_pose
from s2r_tasks._disco.denoiser import Denoiser, denoising_loss
from s2r_tasks._disco.edm import SIGMA_DATA
from s2r_tasks._disco.planes import PADDING, resized
from s2r_tasks._disco.vae import TriplaneVae, vae_loss
from s2r_tasks._recon.clouds import Cloud
from s2r_tasks._recon.images import Views
from s2r_tasks._recon.options import ReconOptions
from s2r_tasks._recon.shapes import Shape

WEIGHTS = "weights.safetensors"
LATENTS = "latents.safetensors"
SURFACE_JITTER = 0.005
SHARED_SEED = 0  # of what all seeds share: the autoencoder


def fit_vae(folder: Path, shapes: Sequence[Shape], options: ReconOptions, seed: int, device: str) -> None:
    """Train the autoencoder on shapes and leave its weights in `folder`; a killed training continues.

    Raises:
        DataError: there is no shape.
    """
    if not shapes:
        raise DataError("no corpus object has an inside to learn: all are open shells, or there are none")
    torch.manual_seed(seed_of(seed, "vae"))
    network = TriplaneVae(options.vae)
    loop = Loop(network, options.vae_train, seed=seed, device=device, workdir=folder / "work")
    batch = options.vae_train.batch

    def batch_at(step: int, rank: int) -> dict[str, Tensor]:
        dice = rng_of(seed, "vae", step, rank)
        items = [_vae_item(shapes[i], options, dice) for i in dice.integers(len(shapes), size=batch)]
        return {name: torch.from_numpy(np.stack([item[name] for item in items])) for name in items[0]}

    _finish(folder, loop.run(batch_at, partial(vae_loss, options.vae)))


def load_vae(folder: Path, options: ReconOptions, device: str) -> TriplaneVae:
    """The trained autoencoder.

    Raises:
        DataError: its weights are missing, damaged, or another network's.
    """
    network = TriplaneVae(options.vae)
    _load(network, folder / WEIGHTS)
    return network.to(device).eval()


@dataclass(frozen=True, eq=False)
class Latents:
    """Latents of shapes in random poses, and how they are scaled for the diffusion.

    Attributes:
        mean, spread: (shapes, poses, 3, C, R / 2, R / 2): posterior mean, and standard deviation, unscaled.
        poses: (shapes, poses, 4, 4) of the partial clouds.
        shift, scale: (C,) such that (latent - shift) * scale has mean 0 and standard deviation sigma_data.
    """

    mean: Tensor
    spread: Tensor
    poses: np.ndarray
    shift: Tensor
    scale: Tensor

    def drawn(self, shape: int, pose: int, generator: torch.Generator) -> Tensor:
        """(3, C, R / 2, R / 2) scaled, a fresh draw of the posterior."""
        noise = torch.randn(self.mean.shape[2:], generator=generator)
        latent = self.mean[shape, pose].float() + noise * self.spread[shape, pose].float()
        return (latent - self.shift[:, None, None]) * self.scale[:, None, None]

    def unscaled(self, latent: Tensor) -> Tensor:
        """The inverse of the scaling, any batch of (..., C, h, w)."""
        return latent / self.scale.to(latent)[:, None, None] + self.shift.to(latent)[:, None, None]


def make_latents(folder: Path, vae: TriplaneVae, shapes: Sequence[Shape], options: ReconOptions, device: str) -> None:
    """Encode every shape in `options.poses` random poses: means at half the side, variances too and divided by 4."""
    means, spreads, poses = [], [], []
    for shape in shapes:
        clouds, moves = [], []
        for pose in range(options.poses):
            dice = rng_of("recon pose", shape.id, pose)
            own, partial_pose = random_pose(shape.half_sides, options.pose, dice)
            clouds.append(moved(drawn(shape.surface, options.surface_points, dice), own))
            moves.append(partial_pose)
        with torch.no_grad():
            mean, spread = vae.encode(torch.from_numpy(np.stack(clouds)).to(device))
        half = options.vae.side // 2
        means.append(resized(mean, half).half().cpu())
        spreads.append((resized(spread.exp(), half) / 4).sqrt().half().cpu())
        poses.append(np.stack(moves))
    mean, spread = torch.stack(means), torch.stack(spreads)
    flat, noise = (part.float().transpose(0, 3).flatten(1) for part in (mean, spread))
    total = (flat.var(1) + noise.square().mean(1)).sqrt()  # of draws, which is what the diffusion learns
    tensors = {
        "mean": mean,
        "spread": spread,
        "poses": torch.from_numpy(np.stack(poses)),
        "shift": flat.mean(1),
        "scale": SIGMA_DATA / total,
    }
    write_tensors(folder / LATENTS, {name: t.contiguous() for name, t in tensors.items()})


def read_latents(folder: Path) -> Latents:
    """What `make_latents` left.

    Raises:
        DataError: the file is missing or damaged, or holds something else; the message says what to delete.
    """
    try:
        found = read_tensors(folder / LATENTS)
    except DataError as wrong:
        raise DataError(f"{wrong}: delete {folder} and run again") from None
    if not _are_latents(found):
        shapes = {name: tuple(tensor.shape) for name, tensor in found.items()}
        raise DataError(
            f"{folder / LATENTS} should hold mean and spread (shapes, poses, 3, C, h, w), poses (shapes, poses, "
            f"4, 4), shift and scale (C,), and holds {shapes}: delete {folder} and run again"
        )
    return Latents(found["mean"], found["spread"], found["poses"].numpy(), found["shift"], found["scale"])


class CloudItems:
    """Batches of latent, cloud, category and views: a function of seed and step, the same objects for any clouds.

    Args:
        shapes: in the order of `latents`.
        latents: of the shapes.
        clouds: shape id -> its cloud; shapes without one are left out.
        options: sizes and perturbation.
        views: images of the shapes; None: nobody looks, or there are none.
    """

    def __init__(
        self,
        shapes: Sequence[Shape],
        latents: Latents,
        clouds: Mapping[str, Cloud],
        options: ReconOptions,
        views: Views | None = None,
    ) -> None:
        self.options, self.latents, self.shapes, self.views = options, latents, shapes, views
        self.clouds = {i: clouds[shape.id] for i, shape in enumerate(shapes) if shape.id in clouds}
        self.clusters = {
            i: cluster_labels(cloud, options.cloud, rng_of("recon clusters", shapes[i].id))
            for i, cloud in self.clouds.items()
        }

    def __len__(self) -> int:
        return len(self.clouds)

    def item(self, *seed: object) -> dict[str, Tensor]:
        """One draw; object, pose and latent depend on `seed` alone. An object without a cloud gives way to another."""
        dice = rng_of(*seed)
        index = int(dice.integers(len(self.shapes)))
        while index not in self.clouds:
            index = int(dice.integers(len(self.shapes)))
        pose = int(dice.integers(self.options.poses))
        shape, move = self.shapes[index], self.latents.poses[index, pose]
        posed = moved(self.clouds[index], move)
        cloud = perturbed(
            posed, self.clusters[index], self.options.cloud_points, self.options.cloud, rng_of(*seed, "cloud")
        )
        latent = self.latents.drawn(index, pose, torch_rng(*seed, "latent"))
        item = {"latent": latent, "partial": torch.from_numpy(cloud), "category": torch.tensor(shape.number)}
        if self.views is not None:
            item |= self.views.drawn(shape.id, move, rng_of(*seed, "views"))
        return item


def captured_items(
    shapes: Sequence[Shape],
    own: Latents,
    clouds: Mapping[str, Cloud],
    corpus: Latents,
    options: ReconOptions,
    views: Views | None = None,
) -> CloudItems:
    """Batches of captured objects; their latents (`own`) are scaled as the corpus' are."""
    latents = Latents(own.mean, own.spread, own.poses, corpus.shift, corpus.scale)
    return CloudItems(shapes, latents, clouds, options, views)


def fit_denoiser(
    folder: Path,
    sources: Sequence[tuple[float, CloudItems]],
    options: ReconOptions,
    train: TrainOptions,
    seed: int,
    device: str,
    start: Path | None = None,
) -> None:
    """Train the diffusion and leave its weights in `folder`; a killed training continues.

    Args:
        folder: exists.
        sources: share of every batch, and where it comes from.
        options: networks.
        train: steps, batch, rate.
        seed: weights, order, noise.
        device: "cpu" or "cuda".
        start: folder of the weights to start from; None: fresh ones.

    Raises:
        DataError: a source has no cloud.
    """
    if any(not len(items) for _, items in sources):
        raise DataError("no object has a cloud to learn from: every simulated or captured view of them is empty")
    network = new_denoiser(options, seed)
    if start is not None:
        _load(network, start / WEIGHTS)
    loop = Loop(network, train, seed=seed, device=device, workdir=folder / "work")
    counts = _shares([share for share, _ in sources], train.batch)

    def batch_at(step: int, rank: int) -> dict[str, Tensor]:
        origins = [source for count, (_, source) in zip(counts, sources, strict=True) for _ in range(count)]
        items = [source.item(seed, "denoiser", step, rank, place) for place, source in enumerate(origins)]
        return {name: torch.stack([item[name] for item in items]) for name in items[0]}

    _finish(folder, loop.run(batch_at, partial(denoising_loss, options.denoiser)))


def finetune(
    folder: Path, corpus: CloudItems, real: CloudItems, options: ReconOptions, seed: int, device: str, start: Path
) -> None:
    """Train a pretrained network further on captured objects, `real_share` of each batch, and the pretraining mix."""
    share = options.real_share
    sources = [(1 - share, corpus), (share, real)] if share < 1 else [(1.0, real)]
    fit_denoiser(folder, sources, options, options.finetune, seed_of(seed, "finetune") % 2**31, device, start)


def new_denoiser(options: ReconOptions, seed: int) -> Denoiser:
    """A network with fresh weights."""
    from s2r_bench.types import CATEGORIES

    torch.manual_seed(seed_of(seed, "denoiser"))
    return Denoiser(options.denoiser, options.vae.latent, options.vae.side // 2, len(CATEGORIES))


def load_denoiser(folder: Path, options: ReconOptions, device: str) -> Denoiser:
    """A trained network."""
    network = new_denoiser(options, 0)
    _load(network, folder / WEIGHTS)
    return network.to(device).eval()


def _vae_item(shape: Shape, options: ReconOptions, dice: np.random.Generator) -> dict[str, np.ndarray]:
    pose, _ = random_pose(shape.half_sides, options.pose, dice)
    pose[:3, :3] *= dice.uniform(options.shrink, 1)
    surface = moved(drawn(shape.surface, options.surface_points, dice), pose)
    item = {"surface": surface + dice.normal(0, SURFACE_JITTER, surface.shape).astype(np.float32)}
    sides = {"volume": shape.points.volume_inside, "near": shape.points.near_inside}
    for name, inside in sides.items():
        points = shape.points.volume if name == "volume" else shape.points.near
        chosen = dice.integers(len(points), size=options.queries)
        item[name] = moved(points[chosen], pose)
        item[f"{name}_label"] = inside[chosen].astype(np.float32)
    _look_around(item["volume"], item["volume_label"], options.around, pose, dice)
    return item


def _look_around(
    points: np.ndarray, labels: np.ndarray, share: float, pose: np.ndarray, dice: np.random.Generator
) -> None:
    """Put points of the whole grid, empty beyond the shape's own cube, in the place of some: corners are empty too."""
    around = dice.uniform(-1 - PADDING, 1 + PADDING, (int(share * len(points)), 3)).astype(np.float32)
    beyond = around[np.abs(moved(around, np.linalg.inv(pose))).max(1, initial=0) > 1]
    points[: len(beyond)], labels[: len(beyond)] = beyond, 0


def _shares(shares: Sequence[float], batch: int) -> list[int]:
    """Items of a batch for each share, all of the batch together, at least one each."""
    counts = [min(max(1, round(share * batch)), batch - 1) for share in shares[:-1]]
    return [*counts, batch - sum(counts)]


def _finish(folder: Path, result: LoopResult) -> None:
    """Keep the weights, and not the moments that they were trained with."""
    write_tensors(folder / WEIGHTS, result.weights)
    shutil.rmtree(folder / "work", ignore_errors=True)


def _are_latents(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the tensors are those of `Latents`, of shapes that fit each other."""
    mean = tensors.get("mean")
    if mean is None or mean.ndim != 6:
        return False
    poses, channels = (*mean.shape[:2], 4, 4), mean.shape[3:4]
    shapes = {"mean": mean.shape, "spread": mean.shape, "poses": poses, "shift": channels, "scale": channels}
    return {name: tensor.shape for name, tensor in tensors.items()} == shapes


def _load(network: torch.nn.Module, path: Path) -> None:
    try:
        weights = read_tensors(path)
    except DataError as wrong:
        raise DataError(f"{wrong}: delete {path.parent} and run again") from None
    own = {name: p.shape for name, p in network.named_parameters()}
    if {name: tensor.shape for name, tensor in weights.items()} != own:
        raise DataError(f"{path} is of another network; delete its folder and run again")
    network.load_state_dict(weights, strict=False)
