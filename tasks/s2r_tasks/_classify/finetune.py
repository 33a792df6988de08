"""All weights of a classifier trained on the support of one episode; the last epoch is scored."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from s2r_bench.engine.loop import Loop
from s2r_bench.seeds import rng_of
from s2r_tasks._classify.options import FinetuneOptions
from s2r_tasks._occo.data.episode_clouds import EpisodeClouds
from s2r_tasks._occo.heads import Classifier
from s2r_tasks._occo.pretraining.pairs import turned

BATCH = 64  # clouds scored at once


@dataclass(frozen=True)
class Finetuned:
    """Share of the queries that are right after the last epoch, and the best of those watched on the way, if any."""

    last: float
    best: float | None


def finetuned(
    network: Classifier, clouds: EpisodeClouds, options: FinetuneOptions, seed: int, device: str
) -> Finetuned:
    """Train `network`, in place, on the support, and score it on the queries.

    Args:
        network: with as many classes as the episode.
        clouds: normalised.
        options: epochs, batch, rate, augmentation.
        seed: of order, augmentation and dropout.
        device: "cpu" or "cuda".
    """
    batch = options.train.batch
    in_epoch = len(clouds.support) // batch  # what is left over waits for another epoch
    steps = options.epochs * in_epoch
    every = steps // options.watched if options.watched else 0
    train = options.train.model_copy(update={"steps": steps, "log_every": max(every, 1) if options.watched else steps})
    settle(network, clouds.support, batch, device)
    loop = Loop(network, train, seed=seed, device=device)
    labels = torch.from_numpy(clouds.support_labels)
    watched: list[float] = []

    def batch_at(step: int, rank: int) -> Mapping[str, Tensor]:
        epoch, place = divmod(step, in_epoch)
        order = rng_of(seed, "epoch", epoch).permutation(len(labels))[place * batch : (place + 1) * batch]
        some = augmented(clouds.support[order], options, rng_of(seed, "augment", step))
        return {"cloud": torch.from_numpy(some), "label": labels[torch.from_numpy(order)]}

    def loss(model: nn.Module, given: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        return smoothed_cross_entropy(model(given["cloud"]), given["label"], options.smoothing)

    def watch(step: int, total: int, value: float) -> None:
        watched.append(share_right(network, clouds, device))
        network.train()

    loop.run(batch_at, loss, watch if options.watched else None)
    return Finetuned(share_right(network, clouds, device), max(watched) if watched else None)


@torch.no_grad()
def settle(network: nn.Module, clouds: NDArray[np.float32], batch: int, device: str) -> None:
    """Give every normalisation the statistics that `clouds` have in this network: means over batches, no dropout.

    Running statistics of fresh layers are 0 and 1, those of a pretrained encoder its views'. A training of few steps
    does not get away from there: they move by a tenth a step, so after 55 steps 0.3 % of the start is left, which is as
    much as a whole variance where a layer's inputs vary by 0.05. From here on they move as published; after the
    hundreds of steps of the larger presets nothing is left of this start either.
    """
    layers = [part for part in network.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    network.to(device).eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean over what follows
        layer.train()
    for part in torch.split(torch.from_numpy(clouds), batch):
        if len(part) > 1:
            network(part.to(device))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    network.train()


def augmented(clouds: NDArray[np.float32], options: FinetuneOptions, dice: np.random.Generator) -> NDArray[np.float32]:
    """(B, N, 3) clouds, each turned, scaled and shifted by chance; as they are where nothing is asked for."""
    moved = []
    for cloud in clouds:
        turn = turned(dice.uniform(-options.turn_deg, options.turn_deg))
        scale = dice.uniform(1 - options.scale, 1 + options.scale)
        shift = dice.uniform(-options.shift, options.shift, 3)
        moved.append(cloud @ (scale * turn).T + shift)
    return np.stack(moved).astype(np.float32)


def smoothed_cross_entropy(logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """Cross entropy against 1 - smoothing for the target and smoothing / (K - 1) for each other class; mean, 0-d.

    As DGCNN's code has it (WangYueFt/dgcnn); torch's `label_smoothing` gives the target a share of the smoothing too.

    >>> even = torch.zeros(1, 4)
    >>> round(float(smoothed_cross_entropy(even, torch.tensor([1]), 0.2).exp()), 6)
    4.0
    """
    classes = logits.shape[1]
    wanted = torch.full_like(logits, smoothing / (classes - 1))
    wanted.scatter_(1, target[:, None], 1 - smoothing)
    return -(wanted * functional.log_softmax(logits, 1)).sum(1).mean()


@torch.no_grad()
def share_right(network: Classifier, clouds: EpisodeClouds, device: str) -> float:
    """Accuracy on the queries, statistics as they were learned."""
    network.to(device).eval()
    parts = torch.split(torch.from_numpy(clouds.query), BATCH)
    found = torch.cat([network(part.to(device)).argmax(1).cpu() for part in parts])
    return float((found == torch.from_numpy(clouds.query_labels)).double().mean())
