"""One fold: the segmentation network, its encoder pretrained or fresh, trained on the blocks of other areas."""

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from s2r_bench.data.s3dis.blocks import Blocks
from s2r_bench.engine.checkpoint import read_tensors, write_json, write_tensors
from s2r_bench.engine.loop import Loop, TrainOptions
from s2r_bench.errors import DataError
from s2r_bench.seeds import rng_of, seed_of
from s2r_tasks._occo.heads import Segmenter
from s2r_tasks._occo.pretraining.fit import whole_state
from s2r_tasks._occo.transfer import transfer
from s2r_tasks._segment.options import SegmentOptions

WEIGHTS = "weights.safetensors"
TRANSFER = "transfer_report.json"
CURVE = "training.json"
Y_UP_FROM_Z_UP = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def finetune(
    folder: Path,
    blocks: Blocks,
    classes: int,
    options: SegmentOptions,
    seed: int,
    device: str,
    start: Mapping[str, Tensor] | None = None,
    source: str = "",
    up: Literal["y", "z"] = "y",
) -> None:
    """Train a network on blocks and leave its last weights in `folder`; a killed training continues.

    Args:
        folder: exists. Beside the weights come the loss curve and, where there is a start, the transfer report.
        blocks: all that may be learned from.
        classes: how many.
        options: networks and training.
        seed: fresh weights, order, dropout; the same for all arms.
        device: "cpu" or "cuda".
        start: of a pretrained network; None: the encoder is fresh too.
        source: what the report calls it.
        up: the axis that was up where it was pretrained.

    Raises:
        DataError: too few of the network's weights would come across.
    """
    network = new_segmenter(options, classes, seed)
    if start is not None:
        given = stood_upright(start) if options.upright and up == "y" else start
        transfer(given, network, options.networks.transfer, source=source, report=folder / TRANSFER)
    train = training_of(options, len(blocks))
    loop = Loop(network, train, seed=seed_of(seed, "segment loop") % 2**31, device=device, workdir=folder / "work")
    items = BlockItems(blocks, options.networks.points, seed)
    result = loop.run(partial(items.batch, train.batch), segmentation_loss)
    write_tensors(folder / WEIGHTS, whole_state(loop))
    write_json(folder / CURVE, {"steps": train.steps, "blocks": len(blocks), "curve": result.curve})
    shutil.rmtree(folder / "work", ignore_errors=True)


def training_of(options: SegmentOptions, blocks: int) -> TrainOptions:
    """The training of a fold with so many blocks: `epochs` passes over them, where that is not 0.

    >>> training_of(SegmentOptions(), 240).steps
    1000
    """
    train = options.finetune
    if not options.epochs:
        return train
    steps = max(1, round(options.epochs * blocks / train.batch))
    return train.model_copy(update={"steps": steps})


class BlockItems:
    """Batches of blocks: pass after pass over all, each in an order of its own; a function of seed and step.

    Args:
        blocks: to learn from.
        points: of an item; drawn anew each time where a block holds more, some twice where it holds fewer.
        seed: of order and draws.
    """

    def __init__(self, blocks: Blocks, points: int, seed: int) -> None:
        self.blocks, self.points, self.seed = blocks, points, seed

    def batch(self, size: int, step: int, rank: int = 0) -> dict[str, Tensor]:
        """`block` (size, points, 9) float32 and `labels` (size, points) int64 of a step."""
        places = [(step * size + place) for place in range(size)]
        chosen = [self._block(place, rank) for place in places]
        data, labels = self.blocks.data[chosen], self.blocks.labels[chosen]
        if data.shape[1] != self.points:
            draws = np.stack([self._draw(place, rank) for place in places])
            data = np.take_along_axis(data, draws[:, :, None], axis=1)
            labels = np.take_along_axis(labels, draws, axis=1)
        return {"block": torch.from_numpy(data), "labels": torch.from_numpy(labels.astype(np.int64))}

    def _block(self, place: int, rank: int) -> int:
        turn, at = divmod(place, len(self.blocks))
        return int(rng_of(self.seed, "segment order", rank, turn).permutation(len(self.blocks))[at])

    def _draw(self, place: int, rank: int) -> np.ndarray:
        held, dice = self.blocks.data.shape[1], rng_of(self.seed, "segment points", rank, place)
        if self.points <= held:
            return dice.permutation(held)[: self.points]
        return np.concatenate([np.arange(held), dice.integers(held, size=self.points - held)])


def segmentation_loss(network: nn.Module, batch: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
    """Mean cross-entropy over all points of a batch, without weights of classes, as published."""
    logits = network(batch["block"])
    return functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten())


def stood_upright(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A pretrained state for clouds whose z is up, of one for clouds whose y is.

    Columns of the first layer are taken times the turn: its answers to a turned cloud are those that it had.
    """
    turned = dict(state)
    for name, tensor in state.items():
        if name.removeprefix("encoder.") == "conv1.0.weight" and tensor.shape[1] == 6:
            flat = tensor.flatten(1)
            halves = [half @ Y_UP_FROM_Z_UP.to(flat) for half in torch.split(flat, 3, 1)]
            turned[name] = torch.cat(halves, 1).reshape(tensor.shape)
    return turned


def new_segmenter(options: SegmentOptions, classes: int, seed: int) -> Segmenter:
    """A network with fresh weights: of a seed the same for all arms and folds."""
    torch.manual_seed(seed_of(seed, "segmenter"))
    return options.networks.segmenter(classes)


def load_segmenter(folder: Path, options: SegmentOptions, classes: int, device: str) -> Segmenter:
    """The trained network.

    Raises:
        DataError: its weights are missing, damaged, or another network's; the message says what to delete.
    """
    network = new_segmenter(options, classes, 0)
    try:
        weights = read_tensors(folder / WEIGHTS)
    except DataError as wrong:
        raise DataError(f"{wrong}: delete {folder} and run again") from None
    own = {name: tensor.shape for name, tensor in network.state_dict().items()}
    if {name: tensor.shape for name, tensor in weights.items()} != own:
        raise DataError(f"{folder / WEIGHTS} is of another network; delete its folder and run again")
    network.load_state_dict(weights)
    return network.to(device).eval()
