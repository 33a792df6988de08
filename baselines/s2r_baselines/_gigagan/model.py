"""The fitted GigaGAN: trained on pairs, drawn from frame by frame, saved and loaded."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from s2r_baselines._diffusion.maps import MapCode
from s2r_baselines._gigagan.data import Items, fitted_code, map_code, padded
from s2r_baselines._gigagan.discriminator import Discriminator
from s2r_baselines._gigagan.generator import TARGET_MAPS, Generator
from s2r_baselines._gigagan.layers import pyramid
from s2r_baselines._gigagan.loop import Batch, GanLoop, GanResult
from s2r_baselines._gigagan.losses import discriminator_loss, generator_loss, pyramid_l1, r1_penalty
from s2r_baselines._gigagan.options import CodeOptions, GanTrainOptions, LossOptions, NetOptions
from s2r_bench.depth_code import ResidualCode
from s2r_bench.engine.checkpoint import read_json, read_tensors, write_json, write_tensors
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
        train: GanTrainOptions,
        *,
        crop: int,
        device: str,
    ) -> None:
        self.net, self.code, self.loss, self.train, self.crop = net, code, loss, train, crop
        self.device = torch.device(device)
        self.maps: MapCode | None = None
        self.network: Generator | None = None

    def fit(self, pairs: PairSet, rounds: int, seed: int, workdir: Path | None) -> GanResult:
        """Train both networks for `rounds` rounds and keep the averaged generator."""
        self.maps = fitted_code(self.code, pairs)
        items = Items(self.maps, pairs, self.crop)
        generator, discriminator = networks(self.net, self.maps.condition_channels, seed_of(seed, "weights"))
        loop = GanLoop(generator, discriminator, self.train, seed=seed, device=self.device, workdir=workdir)
        objective = PairedObjective(generator, discriminator, self.loss, residual=self.maps.residual is not None)
        result = loop.run(rounds, lambda number: items.batch(seed, number, self.train.batch), objective)
        generator.load_state_dict(result.weights)
        self.network = generator.eval()
        return result

    def parameters(self) -> int:
        """Trainable parameters of both networks."""
        with torch.device("meta"):
            both = networks(self.net, map_code(self.code, None, None).condition_channels, 0)
        return sum(p.numel() for network in both for p in network.parameters())

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


class PairedObjective:
    """The losses on a batch of crops: adversarial at every scale, R1, and L1 to the pair's own capture."""

    def __init__(
        self, generator: Generator, discriminator: Discriminator, options: LossOptions, *, residual: bool
    ) -> None:
        self.networks, self.options, self.residual = (generator, discriminator), options, residual
        self.scales = len(generator.options.channels)

    def discriminator(self, batch: Batch, dice: torch.Generator, number: int) -> tuple[Tensor, dict[str, float]]:
        """Logistic loss, and R1 in every `r1_every`-th round."""
        _, judge = self.networks
        conditions, real = pyramid(batch["condition"], self.scales), pyramid(batch["target"], self.scales)
        with torch.no_grad():
            _, fake = self._drawn(batch, conditions, dice)
        loss = discriminator_loss(judge(real, conditions), judge(fake, conditions), self.options.coarse)
        if not self.options.r1 or number % self.options.r1_every:
            return loss, {}
        finest = batch["target"].detach().requires_grad_()
        penalty = r1_penalty(judge([finest], conditions[:1])[0], finest)
        figures = {"r1": float(penalty.detach())}
        return loss + self.options.r1 / 2 * self.options.r1_every * penalty, figures

    def generator(self, batch: Batch, dice: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Non-saturating loss and L1."""
        _, judge = self.networks
        conditions = pyramid(batch["condition"], self.scales)
        drawn, fake = self._drawn(batch, conditions, dice)
        wanted, weights = (pyramid(batch[name], self.scales) for name in ("target", "weight"))
        error = pyramid_l1(drawn, wanted, weights)
        fooled = generator_loss(judge(fake, conditions), self.options.coarse)
        return fooled + self.options.l1 * error, {"l1": float(error.detach())}

    def _drawn(
        self, batch: Batch, conditions: list[Tensor], dice: torch.Generator
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Maps as they come out of the generator, and as the discriminator sees them."""
        generator, _ = self.networks
        condition = batch["condition"]
        noise = torch.randn(len(condition), generator.options.noise, generator=dice).to(condition.device)
        drawn = generator(condition, noise)
        rests = pyramid(resting(condition, residual=self.residual), self.scales)
        fake = [with_holes(d, c, r) for d, c, r in zip(drawn, conditions, rests, strict=True)]
        return drawn, fake


def resting(condition: Tensor, *, residual: bool) -> Tensor:
    """(B, 1, H, W): the value that a target map holds where nothing was captured: no residual, or the clean depth."""
    code, validity = condition[:, :1], condition[:, 1:2]
    return torch.zeros_like(code) if residual else torch.where(validity > 0, code, -1.0)


def with_holes(drawn: Tensor, condition: Tensor, rest: Tensor) -> Tensor:
    """Generated maps (B, 2, h, w) as captures are coded: `rest` in holes, and a hole where nothing is.

    Without this the discriminator would tell sides by what stands under a hole, which no depth map holds.
    """
    known = (condition[:, 1:2] + 1) / 2  # a share at coarse scales
    seen = known * (drawn[:, 1:] + 1) / 2
    return torch.cat([rest + seen * (drawn[:, :1] - rest), 2 * seen - 1], 1)
