"""The fitted cloud diffusion: trained on windows of pairs, drawn from frame by frame, saved and loaded."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from s2r_baselines._dit3d.items import Items
from s2r_baselines._dit3d.modes import Clouds, Mode, Offsets
from s2r_baselines._dit3d.net import DiT3D
from s2r_baselines._dit3d.noise import NoiseProcess
from s2r_baselines._dit3d.options import CloudOptions, NetOptions, NoiseOptions
from s2r_baselines._dit3d.views import Tiling, Windows, clean_maps, padded
from s2r_bench.engine.checkpoint import read_json, read_tensors, write_json, write_tensors
from s2r_bench.engine.loop import Loop, LoopResult, TrainOptions
from s2r_bench.errors import DataError
from s2r_bench.geometry.points import projected
from s2r_bench.seeds import seed_of, torch_rng
from s2r_bench.simulator import PairSet
from s2r_bench.types import DepthArray, DepthFrame, FloatArray

WEIGHTS, NOTE = "weights.safetensors", "dit3d.json"
MOST_CLOUDS = 64  # through the network at once
CALIBRATION_PAIRS = 24
HELD_OUT = 32  # windows that a curve's validation loss is taken on


class Model:
    """A diffusion of clouds, conditioned on the clean cloud.

    Args:
        net: the transformer.
        noise: the noise process.
        cloud: what a cloud is, and what is generated.
        device: where it computes.
    """

    def __init__(self, net: NetOptions, noise: NoiseOptions, cloud: CloudOptions, device: str) -> None:
        self.net, self.cloud, self.device = net, cloud, torch.device(device)
        self.process = NoiseProcess(noise)
        self.scale_m = cloud.scale_m or 1.0
        self.threshold = 0.0
        self.network: DiT3D | None = None

    @property
    def mode(self) -> Mode:
        """What is generated."""
        if self.cloud.mode == "cloud":
            return Clouds(self.cloud, self.net.resolution)
        return Offsets(self.cloud, self.net.resolution, self.scale_m)

    @property
    def parameters(self) -> int:
        """Trainable parameters."""
        return sum(p.numel() for p in self.network.parameters()) if self.network is not None else 0

    def fit(
        self, pairs: PairSet, train: TrainOptions, seed: int, workdir: Path | None, held_out: PairSet | None = None
    ) -> LoopResult:
        """Train on windows of `pairs`; the curve tells the loss of some windows of `held_out`."""
        items = Items(self.cloud, pairs)
        if self.cloud.mode == "offset":
            self.scale_m = self.cloud.scale_m or items.fitted_scale()
        torch.manual_seed(seed_of(seed, "weights"))  # torch's layers draw from the global generator
        network = self._build()
        loop = Loop(network, train, seed=seed, device=self.device.type, workdir=workdir)
        watched = (
            Items(self.cloud, held_out).batch(0, 0, 0, HELD_OUT) if held_out is not None and len(held_out) else None
        )
        result = loop.run(lambda step, rank: items.batch(seed, step, rank, train.batch), self._loss, held_out=watched)
        self._use(network, result.weights)
        if self.cloud.mode == "offset" and self.cloud.calibrate:
            self.threshold = self._fitted_threshold(pairs, seed)
        return result

    def points(self, frame: DepthFrame, dice: torch.Generator) -> FloatArray:
        """(N, 3) points in the camera frame, metres: one draw of what is captured of a clean frame."""
        mode = self.mode
        if isinstance(mode, Clouds):
            return self._generated(mode, frame, dice)
        state = self._offsets(mode, frame, dice)
        windows = Windows(clean_maps(frame)[None])
        moved = mode.moved(windows, state.flatten(1).T[None])[0]
        kept = windows.there[0] & (state[3].flatten() > self.threshold)
        return moved[kept].double().numpy()

    def depth(self, frame: DepthFrame, dice: torch.Generator, within_m: tuple[float, float]) -> DepthArray:
        """(H, W) metres: the drawn points, projected; nothing where the clean frame has nothing."""
        depth = projected(self.points(frame, dice), frame.K, frame.size)
        known = frame.valid & (depth >= within_m[0]) & (depth <= within_m[1])
        return np.where(known, depth, np.float32(0)).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write weights and constants; only of a fitted model."""
        assert self.network is not None  # asked of fitted models only
        write_tensors(folder / WEIGHTS, dict(self.network.named_parameters()))
        write_json(folder / NOTE, {"scale_m": self.scale_m, "threshold": self.threshold})

    def load(self, folder: Path) -> None:
        """Become what `save` wrote.

        Raises:
            DataError: a file is missing or damaged, or the weights are another network's.
        """
        note = read_json(folder / NOTE)
        try:
            self.scale_m, self.threshold = float(note["scale_m"]), float(note["threshold"])
        except (KeyError, TypeError, ValueError) as wrong:
            raise DataError(f"{folder / NOTE} is damaged ({wrong}); train again or fetch it again") from None
        network, weights = self._build(), read_tensors(folder / WEIGHTS)
        shapes = {name: p.shape for name, p in network.named_parameters()}
        if {name: tensor.shape for name, tensor in weights.items()} != shapes:
            raise DataError(f"{folder / WEIGHTS} is of another network: were net or cloud.geometry other options?")
        self._use(network, weights)

    def _build(self) -> DiT3D:
        return DiT3D(self.net, self.mode.inputs, self.mode.state)

    def _use(self, network: DiT3D, weights: Mapping[str, Tensor]) -> None:
        network.load_state_dict(dict(weights))
        self.network = network.to(self.device).eval()

    def _loss(self, network: nn.Module, batch: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
        mode = self.mode
        state, weight = mode.target(batch)
        times = torch.randint(self.process.options.train_steps, (len(state),), generator=generator)
        noise = torch.randn(state.shape, generator=generator).to(state.device)
        noisy = self.process.noised(state, noise, times)
        scene = mode.scene(Windows(batch["maps"]))
        output = mode.predict(network, scene, noisy, times.to(state.device))  # type: ignore[arg-type]
        error = (output - self.process.target(state, noise)) ** 2
        return (error * weight).sum() / weight.sum().clamp(min=1)

    def _offsets(self, mode: Offsets, frame: DepthFrame, dice: torch.Generator) -> Tensor:
        """(4, H, W) drawn state of every pixel. Every other step moves the windows by half, so that no seam stays."""
        side, (height, width) = self.cloud.crop, frame.size
        maps = padded(clean_maps(frame), side)
        size = (maps.shape[1], maps.shape[2])
        tilings = [Tiling(size, side), Tiling(size, side, side // 2)]
        scenes = [
            [mode.scene(Windows(part.to(self.device))) for part in torch.split(tiling.cut(maps), MOST_CLOUDS)]
            for tiling in tilings
        ]

        def predict(noisy: Tensor, time: int, number: int) -> Tensor:
            tiling = tilings[number % 2]
            states = torch.split(tiling.cut(noisy).flatten(2).transpose(1, 2), MOST_CLOUDS)
            said = [
                mode.predict(self._network, scene, part, _times(part, time))
                for scene, part in zip(scenes[number % 2], states, strict=True)
            ]
            return tiling.join(torch.cat(said).transpose(1, 2).reshape(-1, mode.state, side, side))

        drawn = self.process.sample(predict, lambda: self._noise((mode.state, *size), dice))
        return drawn[:, :height, :width].cpu()

    def _generated(self, mode: Clouds, frame: DepthFrame, dice: torch.Generator) -> FloatArray:
        """Clouds of each window, as many as its clean points ask for."""
        maps = padded(clean_maps(frame), self.cloud.crop)
        windows = Tiling((maps.shape[1], maps.shape[2]), self.cloud.crop).cut(maps)
        wanted = Windows(windows).there.sum(1) * self.cloud.fill / self.cloud.points
        every = windows.repeat_interleave(wanted.ceil().long(), 0)
        if not len(every):
            return np.zeros((0, 3))
        found = [self._clouds(mode, Windows(part.to(self.device)), dice) for part in torch.split(every, MOST_CLOUDS)]
        return torch.cat(found).double().numpy()

    def _clouds(self, mode: Clouds, windows: Windows, dice: torch.Generator) -> Tensor:
        """(B * N, 3) a cloud for each window, in the camera frame, metres."""
        scene = mode.scene(windows)
        shape = (len(windows.maps), self.cloud.points, mode.state)
        drawn = self.process.sample(
            lambda noisy, time, _: mode.predict(self._network, scene, noisy, _times(noisy, time)),
            lambda: self._noise(shape, dice),
        )
        return scene.box.outward(drawn).flatten(0, 1).cpu()

    @property
    def _network(self) -> DiT3D:
        assert self.network is not None  # asked of fitted models only
        return self.network

    def _noise(self, shape: tuple[int, ...], dice: torch.Generator) -> Tensor:
        # drawn on the CPU, so that devices agree
        return torch.randn(shape, generator=dice).to(self.device)

    def _fitted_threshold(self, pairs: PairSet, seed: int) -> float:
        """What separates drawn points that are kept from those that are not, at the training pairs' share of holes."""
        mode = self.mode
        assert isinstance(mode, Offsets)  # only these say whether a point was captured
        said, seen = [], []
        for index in np.linspace(0, len(pairs) - 1, min(len(pairs), CALIBRATION_PAIRS)).astype(int).tolist():
            pair = pairs[index]
            known = torch.from_numpy(pair.clean.valid)
            said.append(self._offsets(mode, pair.clean, torch_rng(seed, "calibration", index))[3][known])
            near = np.abs(pair.captured.depth - pair.clean.depth) < self.cloud.max_residual_m
            seen.append(torch.from_numpy(pair.captured.valid & near)[known])
        ordered, share = torch.cat(said).sort().values, float(torch.cat(seen).float().mean())
        return float(ordered[min(int((1 - share) * len(ordered)), len(ordered) - 1)])


def _times(states: Tensor, time: int) -> Tensor:
    return torch.full((len(states),), time, device=states.device)
