"""The training of the completion, and the one function by which a task asks for its result."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from s2r_bench.engine.checkpoint import read_json, read_tensors, write_json, write_tensors
from s2r_bench.engine.loop import Loop, TrainOptions
from s2r_bench.errors import DataError, UsageError
from s2r_bench.seeds import seed_of
from s2r_bench.shelf import Shelf
from s2r_bench.steps.code import code_of
from s2r_bench.task import Arm
from s2r_bench.worlds.base import HoldsObjects
from s2r_tasks._occo.completion import Completion, alpha, training_loss
from s2r_tasks._occo.decoder import DecoderOptions
from s2r_tasks._occo.pretraining.options import PretrainOptions
from s2r_tasks._occo.pretraining.pairs import Pairs
from s2r_tasks._occo.pretraining.views import views_of

WEIGHTS = "weights.safetensors"
FACTS = "pretraining.json"
NOT_PRETRAINED = {"head", "transfer", "points", "channels"}  # sizes of what comes later


class Completes(Protocol):
    """Sizes of networks that complete: `ClassifyNetworks`, `SegmentNetworks`."""

    @property
    def partial(self) -> int:
        """Points of a partial cloud."""
        ...

    @property
    def decoder(self) -> DecoderOptions:
        """Of the complete cloud."""
        ...

    def completion(self) -> Completion:
        """A fresh network to pretrain."""
        ...

    def model_dump(self, *, mode: str, exclude: set[str]) -> dict[str, Any]:
        """The sizes as JSON's types."""
        ...


def pretrained(
    arm: Arm,
    world: HoldsObjects,
    shelf: Shelf,
    networks: Completes,
    options: PretrainOptions,
    seed: int,
    device: str = "cpu",
) -> Path:
    """The folder of a completion network that learned from the arm's views; trained now if it is not on the shelf.

    Raises:
        UsageError: the arm has no simulator.
        DataError: no view of any object has points enough.
    """
    if arm.simulate is None:
        raise UsageError(f"{arm.name!r} has no simulator, so there is nothing to pretrain on")
    inputs = {
        "world": world.key,
        "arm": [arm.identity, seed],
        "networks": networks.model_dump(mode="json", exclude=NOT_PRETRAINED),
        "options": options.model_dump(mode="json"),
        "code": [code_of(sys.modules[name]) for name in (__name__, type(networks).__module__)],
    }

    def make(folder: Path) -> None:
        models = world.objects("corpus")
        views = views_of(arm, world, shelf, options, seed)
        pairs = Pairs(models, views, networks.partial, networks.decoder.fine, options)
        if pairs.left_out:
            shelf.tell(
                f"occo: {arm.name}, seed {seed}: {len(pairs.left_out)} of {pairs.total} views are not learned from, "
                f"they hold fewer than {options.fewest} points of their object"
            )
        fit(folder, pairs, networks, options, seed, device)

    return shelf.folder("occo-pretrained", inputs, make, f"occo: pretraining with {arm.name}, seed {seed}")


def pretrained_state(folder: Path) -> dict[str, Tensor]:
    """Name -> tensor of a pretrained network, running statistics included.

    Raises:
        DataError: the file is missing or damaged; the message says what to delete.
    """
    try:
        return read_tensors(folder / WEIGHTS)
    except DataError as wrong:
        raise DataError(f"{wrong}: delete {folder} and run again") from None


def pretraining_facts(folder: Path) -> dict[str, Any]:
    """`views`, `left_out`, and `curve`, rows of step and train_loss, of a finished pretraining."""
    return read_json(folder / FACTS)


def fit(folder: Path, pairs: Pairs, networks: Completes, options: PretrainOptions, seed: int, device: str) -> None:
    """Train a completion network and leave it in `folder`; a killed training continues.

    Raises:
        DataError: there is no view to learn from.
    """
    if not len(pairs):
        raise DataError(f"none of {pairs.total} views holds {options.fewest} points of its object: nothing to learn")
    torch.manual_seed(seed_of(seed, "occo completion"))
    loop = FallingLoop(networks.completion(), options, seed=seed, device=device, workdir=folder / "work")

    def batch_at(step: int, rank: int) -> Mapping[str, Tensor]:
        items = [pairs.item(seed, "occo", step, rank, place) for place in range(options.train.batch)]
        partial, complete = (torch.from_numpy(np.stack(clouds)) for clouds in zip(*items, strict=True))
        weight = torch.tensor(alpha(step, options.train.steps))
        return {"partial": partial, "complete": complete, "alpha": weight}

    result = loop.run(batch_at, training_loss)
    write_tensors(folder / WEIGHTS, whole_state(loop))
    write_json(folder / FACTS, {"views": len(pairs), "left_out": len(pairs.left_out), "curve": result.curve})
    shutil.rmtree(folder / "work", ignore_errors=True)


class FallingLoop(Loop):
    """A loop whose rate also falls in steps, at shares of the training."""

    def __init__(self, network: nn.Module, options: PretrainOptions, **given: Any) -> None:
        self.falls, self.fall = options.falls, options.fall
        super().__init__(network, options.train, **given)

    def _rate(self) -> float:
        return super()._rate() * rate_share(self.step, self.options, self.falls, self.fall)


def rate_share(step: int, train: TrainOptions, falls: tuple[float, ...], fall: float) -> float:
    """What is left of the rate behind the falls before a step (from 0).

    >>> [round(rate_share(step, TrainOptions(steps=100), (0.38, 0.78), 0.7), 2) for step in (0, 37, 38, 78)]
    [1.0, 1.0, 0.7, 0.49]
    """
    return float(fall ** sum(step >= share * train.steps for share in falls))


def whole_state(loop: Loop) -> dict[str, Tensor]:
    """Weights and running statistics of the network of a loop: `LoopResult.weights` are parameters alone."""
    state: dict[str, Tensor] = loop.accelerator.unwrap_model(loop.network).state_dict()
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
