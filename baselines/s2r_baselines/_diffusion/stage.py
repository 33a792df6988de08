"""One diffusion stage: fitted on pairs, drawn from, saved and loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from s2r_baselines._diffusion.alike import map_code, refilled
from s2r_baselines._diffusion.constants import (
    CALIBRATION_PAIRS,
    CODE_SAMPLE_PAIRS,
    Calibration,
    calibrated,
    camera_levels,
    fitted_residual,
    spaced,
)
from s2r_baselines._diffusion.latent import Codec, KLCodec, SpaceToDepth, Whitening
from s2r_baselines._diffusion.maps import MapCode
from s2r_baselines._diffusion.nets import Denoiser, shared_vae
from s2r_baselines._diffusion.noise import NoiseProcess
from s2r_baselines._diffusion.options import StageOptions
from s2r_baselines._diffusion.sizes import enlarged, reduced
from s2r_baselines._diffusion.together import ItemByItem
from s2r_bench.depth_code import ResidualCode
from s2r_bench.engine.checkpoint import read_json, read_tensors, write_json, write_tensors
from s2r_bench.engine.loop import Loop, LoopResult, step_rng
from s2r_bench.errors import DataError, NotFittedError
from s2r_bench.seeds import seed_of, torch_rng
from s2r_bench.simulator import PairSet
from s2r_bench.types import DepthFrame, DepthPair

TARGET_MAPS = 2
DETAIL_BATCHES = 16
HELD_OUT = 16  # pairs, and windows drawn from them, that a curve's validation loss is taken on
MOST_CACHED = 4096  # training items kept in memory


@dataclass(frozen=True)
class HeldOut:
    """Pairs that a stage does not learn from, with the (2 or 3, H, W) maps that the stage before drew for each."""

    pairs: Sequence[DepthPair]
    earlier: Sequence[Tensor] | None = None


def held_out_of(pairs: PairSet | None) -> list[DepthPair]:
    """Some of the validation pairs, evenly spaced; none where there are none."""
    return [] if pairs is None else [pairs[index] for index in spaced(len(pairs), HELD_OUT)]


class Stage:
    """A conditional diffusion of the coded residual (or depth) and validity.

    Args:
        options: networks, codes, noise process, training.
        residual: whether it generates the residual (paper) or the captured depth itself.
        earlier: maps of the stage before that are appended to the condition: 0 for a first stage, else as many as it
            draws (`alike.drawn_maps`).
        device: where it computes.
    """

    def __init__(self, options: StageOptions, *, residual: bool, earlier: int, device: str) -> None:
        self.options, self.uses_residual, self.earlier = options, residual, earlier
        self.device = torch.device(device)
        self.maps: MapCode | None = None
        self.denoiser: Denoiser | None = None
        self.codec: Codec = _codec(options, self.device)
        self.process = NoiseProcess(options.diffusion)
        self.whitening: Whitening | None = None
        self.calibration = Calibration()
        self.detail: Tensor | None = None  # (L,) spread of x0 around its last prediction
        self._start: dict[str, Tensor] | None = None

    def start_from(self, other: "Stage") -> None:
        """Begin training at another stage's weights, and keep its codes; new condition channels begin at zero."""
        if other.denoiser is None:
            raise DataError("the stage to start from has neither been fitted nor loaded")
        self.maps, self.whitening = other.maps, other.whitening
        self._start = dict(other.denoiser.state_dict())

    def fit(
        self,
        pairs: PairSet,
        seed: int,
        workdir: Path | None,
        *,
        steps: int | None = None,
        earlier: Sequence[Tensor] | None = None,
        weights: Sequence[Tensor] | None = None,
        held_out: HeldOut | None = None,
    ) -> LoopResult:
        """Train the stage.

        Args:
            pairs: training pairs.
            seed: decides everything that is drawn.
            workdir: for checkpoints.
            steps: instead of the options' number.
            earlier: for each pair, the (2, H, W) maps that the stage before gave it.
            weights: for each pair, (H, W) loss weights of the re-weighting; None = 1.
            held_out: pairs that the curve tells the loss of, without re-weighting.
        """
        if self.maps is None:
            code, probe = self.options.code, map_code(self.options.code, None)
            residual = (
                fitted_residual(probe, pairs, code.spread, code.residual_form, by_range=code.by_range)
                if self.uses_residual
                else None
            )
            self.maps = map_code(code, residual, camera_levels(pairs) if code.levels else None)
        items = _Items(self, pairs, earlier, weights, None if workdir is None else workdir / "latents")
        if self.options.code.whiten and self.whitening is None:
            self.whitening = items.fit_whitening()
        torch.manual_seed(seed_of(seed, "weights"))  # diffusers' constructors draw from the global generator
        network = self._build()
        if self._start is not None:
            _grow_into(network, self._start)
        train = self.options.train if steps is None else self.options.train.model_copy(update={"steps": steps})
        loop = Loop(network, train, seed=seed, device=self.device.type, workdir=workdir)
        result = loop.run(
            lambda step, rank: items.batch(seed, step, rank, train.batch), self._loss, held_out=self._watched(held_out)
        )
        self._use(network, result.weights)
        if self.options.diffusion.detail:
            # every seen cell counts alike, whatever the re-weighting says
            self.detail = self._fit_detail(_Items(self, pairs, earlier, None), seed)
        if self.options.code.calibrate:
            self.calibration = self._calibrate(pairs, seed, earlier)
        return result

    def _watched(self, held_out: HeldOut | None) -> dict[str, Tensor] | None:
        if held_out is None or not held_out.pairs:
            return None
        # the same windows in every training, so that curves of two seeds can be compared
        return _Items(self, held_out.pairs, held_out.earlier, None).batch(0, 0, 0, HELD_OUT)

    def draws(
        self,
        frames: Sequence[DepthFrame],
        generators: Sequence[torch.Generator],
        earlier: Sequence[Tensor] | None = None,
    ) -> list[Tensor]:
        """Drawn maps (2 or 3, H, W: `alike.drawn_maps`) on the CPU of each frame, decided by frame and generator alone.

        Args:
            frames: of any sizes.
            generators: one a frame.
            earlier: maps that the stage before drew, one a frame; None for a first stage.
        """
        if self.denoiser is None or self.maps is None:
            raise NotFittedError("the stage has neither been fitted nor loaded")
        before = [None] * len(frames) if earlier is None else earlier
        padded = [
            _pad(self.enlarged_condition(frame, maps), self._multiple())
            for frame, maps in zip(frames, before, strict=True)
        ]
        found: dict[int, Tensor] = {}
        for some in _alike([tuple(one.shape) for one in padded], self.options.diffusion.together):
            drawn = self._drawn_together(torch.stack([padded[i] for i in some]), [generators[i] for i in some])
            found |= dict(zip(some, drawn, strict=True))
        return [self._cut(found[i], frame) for i, frame in enumerate(frames)]

    def _drawn_together(self, padded: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Drawn maps (B, 2 or 3, H, W) for padded condition maps (B, C, H, W), not yet calibrated.

        Always as many as `together` go through the networks, if need be the last one again and again: how sums are
        rounded hangs on their number.
        """
        assert self.denoiser is not None  # asked of stages that can draw
        count, spare = len(padded), self.options.diffusion.together - len(padded)
        padded = torch.cat([padded, padded[-1:].expand(spare, -1, -1, -1)])
        generators = [*generators, *(torch_rng(0, "spare") for _ in range(spare))]
        latents = self._encode_condition(padded.to(self.device))
        shape = (len(padded), self.codec.latent_channels(TARGET_MAPS), *latents.shape[-2:])
        denoiser = self.denoiser

        def predict(noisy: Tensor, timesteps: Tensor) -> Tensor:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self._autocast()), ItemByItem():
                output: Tensor = denoiser(noisy, timesteps, latents)
            return output.float()

        drawn, mean = self.process.sample_with_mean(predict, shape, generators, self.device)
        if self.detail is not None:
            grain = torch.stack([torch.randn(shape[1:], generator=generator) for generator in generators])
            drawn = drawn + grain.to(self.device) * self.detail.to(self.device)[:, None, None]
        maps = self.decode_target(drawn).cpu()
        if self.options.diffusion.mask == "mean":
            maps[:, 1] = self.decode_target(mean)[:, 1].cpu()
        return maps[:count]

    def _cut(self, maps: Tensor, frame: DepthFrame) -> Tensor:
        """Calibrated maps (2 or 3, H, W) in the frame's own size."""
        if self.options.code.channels == "validity":
            maps = self.calibration.apply(maps)
        return reduced(maps, frame.size, self.options.code).contiguous()

    def depth(self, frame: DepthFrame, maps: Tensor) -> np.ndarray:
        """Metres (H, W) of drawn maps."""
        if self.maps is None:
            raise NotFittedError("the stage has neither been fitted nor loaded")
        return self.maps.decode(frame, maps)

    def seen_depth(self, pair: DepthPair) -> np.ndarray:
        """The captured depth (H, W) where it counts as captured, else 0: what a perfect stage would give."""
        assert self.maps is not None  # asked of fitted stages only
        return np.where(self.maps.seen(pair).numpy(), pair.captured.depth, 0).astype(np.float32)

    def condition(self, frame: DepthFrame, earlier: Tensor | None) -> Tensor:
        """Condition maps (C, H, W), with the earlier stage's appended."""
        if self.maps is None:
            raise NotFittedError("the stage has neither been fitted nor loaded")
        if (earlier is None) != (self.earlier == 0):
            raise ValueError(f"this stage takes {self.earlier} maps of an earlier stage")
        own = self.maps.condition(frame)
        return own if earlier is None else torch.cat([own, earlier])

    def enlarged_condition(self, frame: DepthFrame, earlier: Tensor | None) -> Tensor:
        """Condition maps as the codec takes them: resized as the options say."""
        maps = self.condition(frame, earlier)
        code = self.options.code
        large = enlarged(maps, code)
        if code.channels == "alike" and code.side:
            large = torch.cat([refilled(maps[:1], large[:1]), large[1:]])
        return large

    def encode_target(self, maps: Tensor) -> Tensor:
        """(B, 1 or 2, H, W) target maps -> latents (B, L, h, w)."""
        latents = self.codec.encode(maps)
        return latents if self.whitening is None else self.whitening.apply(latents)

    def decode_target(self, latents: Tensor) -> Tensor:
        """The inverse of `encode_target`, up to the codec's own error."""
        return self.codec.decode(latents if self.whitening is None else self.whitening.undo(latents), TARGET_MAPS)

    def codec_error(self, pairs: PairSet) -> dict[str, float]:
        """Millimetres between the captures and decode(encode(captures)): what no sampler of this stage can get under.

        Returns:
            "codec_mae_mm", and "codec_mae_edge_mm" within two pixels of a depth edge (where there are any).
        """
        assert self.maps is not None  # asked of fitted stages only
        off, edge = [], []
        for index in spaced(len(pairs), CODE_SAMPLE_PAIRS):
            pair = pairs[index]
            target, _ = self.maps.target(pair)
            padded = _pad(enlarged(target, self.options.code), self._multiple())[None].to(self.device)
            maps = self.decode_target(self.encode_target(padded))[0].cpu()
            back = self.maps.decode(pair.clean, reduced(maps, pair.clean.size, self.options.code))
            seen = self.maps.seen(pair).numpy() & (back > 0)
            off.append(np.abs(back - pair.captured.depth)[seen])
            edge.append(_near_edges(pair.clean.depth)[seen])
        error, near = np.concatenate(off), np.concatenate(edge)
        found = {"codec_mae_mm": 1000 * float(error.mean())}
        return found | ({"codec_mae_edge_mm": 1000 * float(error[near].mean())} if near.any() else {})

    @property
    def parameters(self) -> int:
        """Trainable parameters."""
        if self.denoiser is None:
            return 0
        return sum(p.numel() for p in self.denoiser.parameters() if p.requires_grad)

    def save(self, folder: Path) -> None:
        """Write weights and constants; those of a named checkpoint that never moved are not copied."""
        if self.denoiser is None or self.maps is None:
            raise NotFittedError("the stage has neither been fitted nor loaded")
        folder.mkdir(parents=True, exist_ok=True)
        moved = {name: p for name, p in self.denoiser.named_parameters() if self._is_own(p)}
        write_tensors(folder / "weights.safetensors", moved)
        if self.whitening is not None:
            constants = {"mean": self.whitening.mean, "scale": self.whitening.scale}
            write_tensors(folder / "whitening.safetensors", constants)
        if self.detail is not None:
            write_tensors(folder / "detail.safetensors", {"spread": self.detail})
        residual = self.maps.residual.as_dict() if self.maps.residual else None
        note = {"residual": residual, "calibration": asdict(self.calibration), "levels": self.maps.levels}
        write_json(folder / "stage.json", note)

    def load(self, folder: Path) -> None:
        """Become what `save` wrote.

        Raises:
            DataError: a file is missing or damaged, or the weights are another network's.
        """
        note = read_json(folder / "stage.json")
        residual = ResidualCode.from_dict(note["residual"]) if note["residual"] else None
        levels = note.get("levels")
        self.maps = map_code(self.options.code, residual, None if levels is None else tuple(levels))
        self.calibration = Calibration(**note["calibration"])
        if self.options.code.whiten:
            constants = read_tensors(folder / "whitening.safetensors")
            self.whitening = Whitening(constants["mean"], constants["scale"], self.codec.factor)
        if self.options.diffusion.detail:
            self.detail = read_tensors(folder / "detail.safetensors")["spread"]
        self._use(self._build(), read_tensors(folder / "weights.safetensors"), folder)

    def _use(self, network: Denoiser, weights: dict[str, Tensor], source: Path | None = None) -> None:
        frozen = dict(network.named_parameters())
        weights = {**{name: p for name, p in frozen.items() if source is None and self._is_own(p)}, **weights}
        expected = {name for name, p in network.named_parameters() if self._is_own(p)}
        shapes = {name: p.shape for name, p in network.named_parameters()}
        wrong = expected ^ set(weights) or {name for name in weights if weights[name].shape != shapes[name]}
        if wrong:
            raise DataError(f"{source}/weights.safetensors is of another network ({sorted(wrong)[0]} differs)")
        network.load_state_dict(weights, strict=False)
        self.denoiser = network.to(self.device).eval()

    def _is_own(self, parameter: nn.Parameter) -> bool:
        # frozen weights come from the named checkpoint again; frozen random ones exist nowhere else
        return parameter.requires_grad or not self.options.net.pretrained

    def _build(self) -> Denoiser:
        if self.maps is None:
            raise NotFittedError("the stage has neither been fitted nor loaded")
        own, later = self.maps.condition_channels, self.earlier
        channels = self.codec.latent_channels(own)
        if self.options.code.latent == "kl":
            channels += self.codec.latent_channels(TARGET_MAPS) if later else 0
        else:
            channels = self.codec.latent_channels(own + later)
        return Denoiser(self.options.net, self.codec.latent_channels(TARGET_MAPS), channels)

    def _encode_condition(self, maps: Tensor) -> Tensor:
        if self.options.code.latent == "s2d" or not self.earlier:
            return self.codec.encode(maps)
        # each side is encoded on its own and the latents are concatenated, clean depth first (official code)
        own = maps.shape[1] - self.earlier
        return torch.cat([self.codec.encode(maps[:, :own]), self.codec.encode(maps[:, own:])], 1)

    def _loss(self, network: nn.Module, batch: Any, generator: torch.Generator) -> Tensor:
        clean = batch["target"]
        count = clean.shape[0]
        timesteps = torch.randint(self.options.diffusion.train_steps, (count,), generator=generator).to(clean.device)
        noise = torch.randn(clean.shape, generator=generator).to(clean.device)
        noisy = self.process.noised(clean, noise, timesteps)
        output = network(noisy, timesteps, batch["condition"])
        error: Tensor = (output.float() - self.process.target(clean, noise, timesteps)) ** 2
        weight: Tensor = batch["weight"] * self.process.loss_weight(timesteps).view(-1, 1, 1, 1)
        return (error * weight).mean()

    @torch.no_grad()
    def _fit_detail(self, items: "_Items", seed: int) -> Tensor:
        """(L,) root mean square error of x0 at the sampler's last step, of the first map's channels; 0 for the others.

        A mask gets none: it is cut at a threshold, and grain would turn into speckle.
        """
        assert self.denoiser is not None  # called at the end of fit
        last = self.process.last_timestep
        found = []
        for step in range(DETAIL_BATCHES):
            batch = items.batch(seed_of(seed, "detail"), step, 0, self.options.train.batch)
            clean, dice = batch["target"], step_rng(seed, step, 0, "detail")
            times = torch.full((len(clean),), last, device=clean.device)
            noise = torch.randn(clean.shape, generator=dice).to(clean.device)
            noisy = self.process.noised(clean, noise, times)
            predicted, _ = self.process.split(self.denoiser(noisy, times, batch["condition"]).float(), noisy, times)
            whole = batch["weight"].amin(1, keepdim=True) >= batch["weight"].amax()  # cells seen in full
            found.append(((predicted - clean) ** 2 * whole).sum((0, 2, 3)) / whole.sum().clamp(min=1))
        spread = torch.stack(found).mean(0).sqrt().cpu()
        spread[self.options.code.s2d_factor**2 :] = 0
        return spread

    def _calibrate(self, pairs: PairSet, seed: int, earlier: Sequence[Tensor] | None) -> Calibration:
        assert self.maps is not None  # called at the end of fit
        self.calibration = Calibration()
        chosen = spaced(len(pairs), CALIBRATION_PAIRS)
        some = [pairs[index] for index in chosen]
        generators = [draw_generator(seed_of(seed, "calibration", index), 0, 0) for index in chosen]
        before = None if earlier is None else [earlier[index] for index in chosen]
        return calibrated(self.maps, some, self.draws([pair.clean for pair in some], generators, before))

    def _multiple(self) -> int:
        levels = len(self.options.net.channels) if not self.options.net.pretrained else 4
        return int(self.codec.factor * 2 ** (levels - 1))

    def _autocast(self) -> bool:
        return self.device.type == "cuda" and self.options.train.precision != "fp32"


class _Items:
    """Training items, coded once and kept; a batch is a function of (seed, step, rank).

    With a lossless codec the maps are kept and every crop is encoded; with a frozen autoencoder whole frames are
    encoded once and crops are taken of the latents, in `folder` if one is given, so that no step pays for the encoder.
    """

    def __init__(
        self,
        stage: Stage,
        pairs: PairSet | Sequence[DepthPair],
        earlier: Sequence[Tensor] | None,
        weights: Sequence[Tensor] | None,
        folder: Path | None = None,
    ) -> None:
        self.stage, self.earlier, self.weights = stage, earlier, weights
        self.pairs = pairs
        self.folder = folder
        self.encodes_once = stage.options.code.latent == "kl"
        self.cache: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def batch(self, seed: int, step: int, rank: int, size: int) -> dict[str, Tensor]:
        """Condition and target latents and loss weights of one step."""
        dice = step_rng(seed, step, rank, "order")
        picks = torch.randint(len(self.pairs), (size,), generator=dice).tolist()
        crops = [self._crop(index, dice) for index in picks]
        condition, target, weight = (torch.stack(part).to(self.stage.device) for part in zip(*crops, strict=True))
        if not self.encodes_once:
            condition, target, weight = self._encoded(condition, target, weight)
        return {"condition": condition.float(), "target": target.float(), "weight": weight.float()}

    @torch.no_grad()
    def _encoded(self, condition: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        code, factor = self.stage.options.code, self.stage.codec.factor
        mixing: Literal["kl", "cells", "pixels"] = "kl" if code.latent == "kl" else "cells" if code.whiten else "pixels"
        return (
            self.stage._encode_condition(condition),
            self.stage.encode_target(target),
            _latent_weight(weight, factor, mixing),
        )

    def fit_whitening(self) -> Whitening:
        """Fix the whitening on the latents of some whole frames."""
        codec = self.stage.codec
        found = []
        for index in spaced(len(self.pairs), CODE_SAMPLE_PAIRS):
            target = self._item(index)[1]
            height, width = (side - side % codec.factor for side in target.shape[-2:])
            latents = codec.encode(target[None, :, :height, :width])[0]
            found.append(latents.flatten(1).T)
        return Whitening.fitted(torch.cat(found), codec.factor)

    def _crop(self, index: int, dice: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        maps = self._item(index)
        side = self.stage.options.crop // (self.stage.codec.factor if self.encodes_once else 1)
        height, width = maps[0].shape[-2:]
        top, left = (int(torch.randint(max(n - side, 0) + 1, (1,), generator=dice)) for n in (height, width))
        window = tuple(_pad_to(part[:, top : top + side, left : left + side], side) for part in maps)
        return window[0], window[1], window[2]

    def _item(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        if index not in self.cache:
            if len(self.cache) >= MOST_CACHED:
                self.cache.pop(next(iter(self.cache)))
            self.cache[index] = self._latents(index) if self.encodes_once else self._maps(index)
        return self.cache[index]

    def _maps(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        pair: DepthPair = self.pairs[index]
        stage = self.stage
        assert stage.maps is not None  # set at the start of fit
        target, weight = stage.maps.target(pair)
        if self.weights is not None:
            weight = weight * self.weights[index]
        condition = stage.enlarged_condition(pair.clean, None if self.earlier is None else self.earlier[index])
        code = stage.options.code
        return condition, enlarged(target, code), enlarged(weight, code)

    def _latents(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        names = ("condition", "target", "weight")
        path = self.folder / f"{index:06d}.safetensors" if self.folder is not None else None
        if path is not None and path.is_file():
            kept = read_tensors(path)
            return kept[names[0]], kept[names[1]], kept[names[2]]
        maps = (_pad(part, self.stage.codec.factor)[None].to(self.stage.device) for part in self._maps(index))
        # half precision: a latent's own error is far larger than its rounding
        latents = tuple(part[0].half().cpu() for part in self._encoded(*maps))
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_tensors(path, dict(zip(names, latents, strict=True)))
        return latents[0], latents[1], latents[2]


def _near_edges(depth: np.ndarray, jump: float = 0.05, reach: int = 2) -> np.ndarray:
    """(H, W) bool: within `reach` pixels of a relative depth step larger than `jump`."""
    from scipy.ndimage import binary_dilation

    steps = np.zeros(depth.shape, bool)
    for axis in (0, 1):
        ratio = np.abs(np.diff(np.log(np.where(depth > 0, depth, 1.0)), axis=axis)) > jump
        steps |= np.pad(ratio, [(0, 1) if a == axis else (0, 0) for a in (0, 1)])
    near: np.ndarray = binary_dilation(steps, iterations=reach)
    return near


def _alike(shapes: Sequence[tuple[int, ...]], most: int) -> Iterator[list[int]]:
    """Places of equal shapes, at most so many at a time."""
    for shape in dict.fromkeys(shapes):
        places = [place for place, other in enumerate(shapes) if other == shape]
        yield from (places[start : start + most] for start in range(0, len(places), most))


def _grow_into(network: nn.Module, weights: dict[str, Tensor]) -> None:
    # a later stage has more condition channels, always appended; all else has the shape of the stage before
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            old = weights.get(name)
            if old is not None and old.shape == tensor.shape:
                tensor.copy_(old)
            elif old is not None and old.shape[:1] + old.shape[2:] == tensor.shape[:1] + tensor.shape[2:]:
                tensor.zero_()
                tensor[:, : old.shape[1]] = old


def _latent_weight(weight: Tensor, factor: int, latent: Literal["pixels", "cells", "kl"]) -> Tensor:
    # "pixels": every pixel has a channel of its own and keeps its own weight; "cells": the first map's channels mix the
    # pixels of a cell, and weigh what these weigh on average; "kl": all channels do, of all maps
    if latent == "kl":
        return nn.functional.avg_pool2d(weight.mean(1, keepdim=True), factor)
    own = nn.functional.pixel_unshuffle(weight, factor)
    if latent == "cells":
        own[:, : factor**2] = own[:, : factor**2].mean(1, keepdim=True)
    return own


def _pad_to(maps: Tensor, side: int) -> Tensor:
    height, width = maps.shape[-2:]
    return nn.functional.pad(maps, (0, max(side - width, 0), 0, max(side - height, 0)))


def _pad(maps: Tensor, multiple: int) -> Tensor:
    height, width = maps.shape[-2:]
    down, right = -height % multiple, -width % multiple
    return nn.functional.pad(maps[None], (0, right, 0, down), mode="replicate")[0] if down or right else maps


def _codec(options: StageOptions, device: torch.device) -> Codec:
    if options.code.latent == "s2d":
        return SpaceToDepth(options.code.s2d_factor)
    return KLCodec(shared_vae(options.net.pretrained, device), alike=options.code.channels == "alike")


def draw_generator(view: int, session: int, stage: int) -> torch.Generator:
    """The generator of one frame's draw at one stage."""
    return torch_rng(view, session, "stage", stage)
