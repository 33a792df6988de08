"""The fitted GigaGAN: trained on pairs, drawn from frame by frame, saved and loaded."""

from pathlib import Path

import numpy as np
import torch

from s2r_baselines._diffusion.maps import MapCode
from s2r_baselines._gigagan.data import Items, fitted_code, map_code, padded
from s2r_baselines._gigagan.discriminator import Discriminator
from s2r_baselines._gigagan.game import ScalesGame
from s2r_baselines._gigagan.generator import TARGET_MAPS, Generator
from s2r_baselines._gigagan.options import CodeOptions, LossOptions, NetOptions, TrainOptions
from s2r_bench.depth_code import ResidualCode
from s2r_bench.engine.checkpoint import read_json, read_tensors, write_json, write_tensors
from s2r_bench.engine.two_player import GameResult, TwoPlayerLoop
from s2r_bench.errors import DataError, NotFittedError
from s2r_bench.seeds import FrameSeed, seed_of, torch_rng
from s2r_bench.simulator import PairSet
from s2r_bench.types import DepthFrame

WEIGHTS, NOTE = "generator.safetensors", "gigagan.json"


class Model:
    """The averaged generator with its codes.

    Args:
        net: sizes. code: of depth. loss: weights. train: optimisers. crop: pixels of a training crop's side.
        device: where it computes.
    """

    def __init__(
        self,
        net: NetOptions,
        code: CodeOptions,
        loss: LossOptions,
        train: TrainOptions,
        *,
        crop: int,
        device: str,
    ) -> None:
        self.net, self.code, self.loss, self.train, self.crop = net, code, loss, train, crop
        self.device = torch.device(device)
        self.maps: MapCode | None = None
        self.network: Generator | None = None

    def fit(self, pairs: PairSet, rounds: int, seed: int, workdir: Path | None) -> GameResult:
        """Train both networks for `rounds` rounds and keep the averaged generator."""
        self.maps = fitted_code(self.code, pairs)
        items = Items(self.maps, pairs, self.crop)
        players = networks(self.net, self.maps.condition_channels, seed_of(seed, "weights"))
        game = ScalesGame(*players, self.loss, residual=self.maps.residual is not None)
        loop = TwoPlayerLoop(game, self.train, rounds, seed=seed, device=self.device, workdir=workdir)
        result = loop.run(lambda number: items.batch(seed, number, self.train.batch))
        self.network = players[0].eval()
        self.network.load_state_dict(result.weights)
        return result

    @torch.no_grad()
    def depth(self, frame: DepthFrame, seed: FrameSeed) -> np.ndarray:
        """A draw for one frame (H, W) float32 metres, decided by frame and seed alone.

        Raises:
            NotFittedError: before `fit` or `load`.
        """
        if self.network is None or self.maps is None:
            raise NotFittedError("gigagan has not been trained: run s2r-bench train gigagan, or give --checkpoint DIR")
        height, width = frame.size
        condition = padded(self.maps.condition(frame), self.network.multiple)[None].to(self.device)
        noise = torch.randn(1, self.net.noise, generator=torch_rng(seed.view, seed.session, "gigagan"))
        drawn = self.network(condition, noise.to(self.device))[0][0, :, :height, :width]
        return self.maps.decode(frame, drawn.cpu())

    def save(self, folder: Path) -> None:
        """The averaged generator and the code's constants; the discriminator is needed by nobody."""
        if self.network is None or self.maps is None:
            raise NotFittedError("there is nothing to save: gigagan has not been trained")
        write_tensors(folder / WEIGHTS, self.network.state_dict())
        residual = self.maps.residual.as_dict() if self.maps.residual else None
        write_json(folder / NOTE, {"residual": residual, "levels": self.maps.levels})

    def load(self, folder: Path) -> None:
        """Become what `save` wrote.

        Raises:
            DataError: a file is missing or damaged, or the weights are another network's.
        """
        note, weights = read_json(folder / NOTE), read_tensors(folder / WEIGHTS)
        if not {"residual", "levels"} <= set(note) or (note["residual"] is not None) != self.code.residual:
            raise DataError(f"{folder / NOTE} is of another code (code.residual={self.code.residual} was asked for)")
        residual = ResidualCode.from_dict(note["residual"]) if note["residual"] else None
        maps = map_code(self.code, residual, None if note["levels"] is None else tuple(note["levels"]))
        with torch.device("meta"):
            network = Generator(self.net, maps.condition_channels)
        expected = {name: tensor.shape for name, tensor in network.state_dict().items()}
        found = {name: tensor.shape for name, tensor in weights.items()}
        if expected != found:
            wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
            raise DataError(
                f"{folder / WEIGHTS} is of another network ({wrong[0]} differs): the options must be its own"
            )
        network.load_state_dict(weights, assign=True)
        self.maps, self.network = maps, network.to(self.device).eval()


def networks(net: NetOptions, condition_channels: int, seed: int) -> tuple[Generator, Discriminator]:
    """Both networks with initial weights decided by `seed`; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator(net, condition_channels), Discriminator(net, condition_channels, TARGET_MAPS)
