"""A game that is played on crops of pairs, from the options of a method to the trained generator."""

from pathlib import Path
from typing import Any

import torch

from s2r_baselines._gan.crops import Crops, windows
from s2r_baselines._gan.paired import PairCode, sides_of
from s2r_bench.engine.two_player import Game, GameResult, TwoPlayerLoop
from s2r_bench.engine.two_player_options import TwoPlayerOptions
from s2r_bench.simulator import Budget, PairSet


def played_on_pairs(
    game: Game[Any],
    code: PairCode,
    pairs: PairSet,
    crop: int,
    train: TwoPlayerOptions,
    budget: Budget,
    *,
    seed: int,
    device: torch.device,
    workdir: Path | None,
    held_out: PairSet | None = None,
) -> GameResult:
    """Play to the last round that options or budget ask for; the generators hold the weights to sample with.

    Args:
        game: with fresh networks.
        code: of what both players are shown.
        pairs: training pairs.
        crop: pixels along a crop.
        train: rounds, batch, rates.
        budget: steps of both optimisers, instead of the options' number.
        seed: decides everything that is drawn.
        device: where it is played.
        workdir: for checkpoints.
        held_out: pairs that the curve tells the loss of.
    """
    rounds = train.rounds_for(len(pairs), budget.steps)
    views = [lambda pair: sides_of(code, pair)]
    watched = windows(held_out, views, crop, seed)
    loop = TwoPlayerLoop(game, train, rounds, seed=seed, device=device, workdir=workdir, held_out=watched)
    crops = Crops(pairs, views, crop)
    result = loop.run(lambda number: crops.batch(seed, number, train.batch))
    game.generators.load_state_dict(result.weights)
    return result
