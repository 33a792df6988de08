"""Labels of whole rooms by a network that sees blocks, and the confusion matrix of each room.

strict: windows of 1 m at `score.stride` over the whole room, as many blocks of each as hold all of its points; the
votes (softmax) of all blocks for a point are added, and the class with the most is its label. Every point counts once.
published: windows of the training's cut, one draw of points each; every drawn point counts, also one that was drawn
twice or lies in two windows, and points that were not drawn do not count.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from s2r_bench.data.s3dis.blocks import Blocks, Cut, cut_blocks
from s2r_bench.data.s3dis.room import Room
from s2r_bench.errors import S2RError
from s2r_bench.seeds import rng_of
from s2r_metrics.labels import confusion
from s2r_tasks._segment.options import SegmentOptions

AT_ONCE = 16  # blocks that a network sees at a time
SEED = 0  # of draws: the points that are scored are the same for all arms and seeds


@dataclass(frozen=True, eq=False)
class Labelled:
    """A room as a network labels it.

    Attributes:
        room: its name.
        matrix: (classes, classes) int64, row = true class.
        points: (N, 3) float32, where they are known. labels, predicted: (N,) uint8 of each of them.
    """

    room: str
    matrix: Tensor
    points: NDArray[np.float32]
    labels: NDArray[np.uint8]
    predicted: NDArray[np.uint8]


def scored_room(network: nn.Module, room: Room, options: SegmentOptions, device: str) -> Labelled:
    """Label a room and count.

    Raises:
        DataError: no window of it holds enough points.
        S2RError: a point is in no window.
    """
    if options.score.protocol == "strict":
        predicted = voted(network, room, options, device)
        return Labelled(
            room.name,
            _counted(predicted, room.labels, len(room.classes)),
            room.points.astype(np.float32),
            room.labels,
            predicted,
        )
    blocks = cut_blocks(room, published_cut(options), seed=SEED)
    assert blocks.sources is not None  # cut_blocks knows them
    predicted = votes(network, blocks.data, options.networks.points, device).argmax(2).astype(np.uint8)
    matrix = _counted(predicted, blocks.labels, len(room.classes))
    drawn = blocks.sources.reshape(-1)
    return Labelled(room.name, matrix, room.points[drawn].astype(np.float32), room.labels[drawn], predicted.reshape(-1))


def scored_blocks(
    network: nn.Module, blocks: Blocks, classes: int, options: SegmentOptions, device: str
) -> Iterator[Labelled]:
    """The same of blocks that others cut, room by room in the order in which they first occur."""
    names = np.array(blocks.rooms)
    for name in dict.fromkeys(blocks.rooms):
        chosen = np.flatnonzero(names == name)
        data, labels = blocks.data[chosen], blocks.labels[chosen]
        predicted = votes(network, data, options.networks.points, device).argmax(2).astype(np.uint8)
        # their corner is not known, but their place within the room is
        places = data[..., 6:9].reshape(-1, 3)
        yield Labelled(
            str(name), _counted(predicted, labels, classes), places, labels.reshape(-1), predicted.reshape(-1)
        )


def published_cut(options: SegmentOptions) -> Cut:
    """The windows that are counted where published scripts are followed."""
    cut = options.cut.cut(options.networks.points)
    if options.score.protocol == "published":
        return cut
    return Cut(cut.block, cut.block, cut.points, cut.least)


def voted(network: nn.Module, room: Room, options: SegmentOptions, device: str) -> NDArray[np.uint8]:
    """(N,) the class of each point of a room by the votes of all blocks that hold it.

    Raises:
        DataError: the room is flat.
        S2RError: a point is in no window.
    """
    cut = Cut(options.cut.block, options.score.stride, options.networks.points, least=1, every=True)
    blocks = cut_blocks(room, cut, seed=SEED)
    assert blocks.sources is not None
    found = votes(network, blocks.data, options.networks.points, device)
    return merged(found, blocks.sources, len(room.points), room.name)


def merged(
    found: NDArray[np.float32], sources: NDArray[np.int64], count: int, name: str = "the room"
) -> NDArray[np.uint8]:
    """(count,) the class with the most votes of each point, of votes (B, P, classes) for the points `sources` (B, P).

    A block that holds a point twice, to be full, has one vote for it: the mean of its two.

    Raises:
        S2RError: a point has no vote.
    """
    blocks, classes = len(found), found.shape[2]
    keys = (np.arange(blocks)[:, None] * count + sources).reshape(-1)
    unique, inverse, often = np.unique(keys, return_inverse=True, return_counts=True)
    weights = 1.0 / often[inverse]
    place = sources.reshape(-1)
    flat = found.reshape(-1, classes).astype(np.float64)
    total = np.stack([np.bincount(place, weights * flat[:, c], minlength=count) for c in range(classes)], axis=1)
    unseen = count - len(np.unique(unique % count))
    if unseen:
        raise S2RError(f"{unseen} of {count} points of {name} are in no window: take a score.stride that divides 1 m")
    return np.asarray(total.argmax(1), dtype=np.uint8)


@torch.no_grad()
def votes(network: nn.Module, data: NDArray[np.float32], points: int, device: str) -> NDArray[np.float32]:
    """(B, P, classes) the softmax of each point of blocks (B, P, 9), by a network that sees `points` at a time.

    Where P is another number, a block is dealt out into as many as it takes, in an order of its own; the last is filled
    with points that it holds already.
    """
    held = data.shape[1]
    if held == points:
        return _softmax(network, data, device)
    answers = []
    for number, block in enumerate(data):
        dice = rng_of(SEED, "segment deal", number)
        order = np.concatenate([dice.permutation(held), dice.integers(held, size=-held % points)])
        parts = _softmax(network, block[order.reshape(-1, points)], device)
        answer = np.empty((held, parts.shape[2]), np.float32)
        answer[order[:held]] = parts.reshape(-1, parts.shape[2])[:held]
        answers.append(answer)
    return np.stack(answers)


def _softmax(network: nn.Module, data: NDArray[np.float32], device: str) -> NDArray[np.float32]:
    parts = torch.split(torch.from_numpy(np.ascontiguousarray(data)), AT_ONCE)
    return torch.cat([network(part.to(device)).float().softmax(2).cpu() for part in parts]).numpy()


def _counted(predicted: NDArray[np.uint8], labels: NDArray[np.uint8], classes: int) -> Tensor:
    found, truth = (torch.from_numpy(one.astype(np.int64)) for one in (predicted, labels))
    return confusion(found, truth, classes)
