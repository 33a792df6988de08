"""Stable-Sim2Real behind the simulator interface: stages, discriminators and weights in order, each resumable."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from s2r_baselines._diffusion.alike import drawn_maps
from s2r_baselines._diffusion.nets import OWN_BASE
from s2r_baselines._diffusion.options import StageOptions
from s2r_baselines._diffusion.presets import STAGE_PRESETS
from s2r_baselines._diffusion.stage import HeldOut, Stage, draw_generator, held_out_of
from s2r_baselines._held_out import KeepsHeldOut
from s2r_baselines.ours.discriminator import DiscriminatorOptions, Patch, PatchDiscriminator, folds_of, patches_of
from s2r_baselines.ours.reweight import ReweightOptions, weight_map
from s2r_bench.engine.checkpoint import read_json, read_tensors, write_json, write_tensors
from s2r_bench.engine.loop import curve_rows
from s2r_bench.errors import NotFittedError
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, frame_seeds, seed_of
from s2r_bench.simulator import Budget, Card, FitReport, PairSet
from s2r_bench.types import DepthFrame, DepthPair

DRAWN_AT_ONCE = 16  # training frames between two looks at what a killed run left


class OursOptions(Options):
    """Every switch of Stable-Sim2Real.

    Attributes:
        stage: networks, codes, noise process and training of each stage.
        stages: 1 (no refinement) to 4.
        later_share: training steps of each later stage, as a share of the first's.
        residual: generate the residual (paper) or the captured depth itself ("w/o residual").
        later_start: weights a later stage starts from: "earlier" = the stage before (the right thing where there are
            no pretrained weights), "fresh" = the initial ones (paper, official), "auto" = by `stage.net.pretrained`.
        discriminator, reweight: between stages.
    """

    stage: StageOptions = StageOptions()
    stages: int = Field(2, ge=1, le=4)
    later_share: float = Field(0.6, gt=0)
    residual: bool = True
    later_start: Literal["auto", "earlier", "fresh"] = "auto"
    discriminator: DiscriminatorOptions = DiscriminatorOptions()
    reweight: ReweightOptions = ReweightOptions()

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        name: {"stage": values["stage"], **values.get("ours", {})} for name, values in STAGE_PRESETS.items()
    }


class StableSim2Real(KeepsHeldOut):
    """The paper's simulator. See the package's docstring."""

    card: ClassVar[Card] = Card(
        title="Stable-Sim2Real",
        source="Stable-Sim2Real, ICCV 2025",
        training="paired",
        stochastic=True,
        licence="Apache-2.0; Stable Diffusion 2.1 weights, where used, CreativeML Open RAIL++-M",
    )
    options_type: ClassVar[type[Options]] = OursOptions

    def __init__(self, options: Options, device: str = "cpu") -> None:
        if not isinstance(options, OursOptions):
            raise TypeError(f"ours takes OursOptions, not {type(options).__name__}")
        self.options: OursOptions = options
        self.device = device
        self.base: Path | None = None  # the checkpoint's own base networks, of one that holds them
        self.stages: list[Stage] = []
        self.discriminators: list[list[PatchDiscriminator]] = []  # a list for each gap between stages, one a fold

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Train stage after stage; what is finished in `workdir` is read, not done again."""
        steps = self._steps(budget)
        self.stages, self.discriminators = [], []
        curve: list[dict[str, float | str]] = []
        seconds, done = 0.0, 0
        drawn: list[Tensor] | None = None
        weights: list[Tensor] | None = None
        for number, count in enumerate(steps, start=1):
            if number > 1:
                drawn = self._drawn(pairs, seed, _sub(workdir, f"drawn{number - 1}"))
                weights, rows, spent, tried = self._weights(pairs, drawn, seed_of(seed, "d", number), workdir, number)
                curve, seconds, done = curve + rows, seconds + spent, done + tried
            stage = self._new_stage(number)
            if number > 1 and self._warm():
                stage.start_from(self.stages[-1])
            result = stage.fit(
                pairs,
                seed_of(seed, "stage", number),
                _sub(workdir, f"stage{number}"),
                steps=count,
                earlier=drawn,
                weights=weights,
                held_out=self._held_out(seed, _sub(workdir, f"held{number - 1}")),
            )
            self.stages.append(stage)
            curve, seconds, done = curve + curve_rows(f"stage {number}", result), seconds + result.seconds, done + count
        return FitReport(done, seconds, sum(stage.parameters for stage in self.stages), tuple(curve))

    def simulate(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """One draw a frame: through all stages, each with its own generator made from the frame's seeds."""
        if not self.stages:
            raise NotFittedError("ours has not been trained: run s2r-bench train ours, or give --checkpoint DIR")
        last = self.stage_depths(frames, seeds)[-1]
        return [frame.with_depth(depth) for frame, depth in zip(frames, last, strict=True)]

    def stage_depths(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[list[np.ndarray]]:
        """The depth (H, W) of each frame after each stage, [stage][frame]: the last are what `simulate` gives."""
        maps: list[Tensor] | None = None
        depths = []
        for number, stage in enumerate(self.stages, start=1):
            maps = stage.draws(frames, [draw_generator(seed.view, seed.session, number) for seed in seeds], maps)
            depths.append([stage.depth(frame, drawn) for frame, drawn in zip(frames, maps, strict=True)])
        return depths

    def diagnose(self, pairs: PairSet, seed: int) -> dict[str, float]:
        """The codec's error, and how well the patch discriminators of the first gap tell each stage from captures.

        The discriminators were trained on captures against stage I; later stages are judged by the same networks
        (the paper's 67.8 % before and 32.5 % after). On held-out pairs.

        Returns:
            "stage1_told", "stage2_told", ...: the share of a stage's patches called generated (0 to 1);
            "captured_kept": the share of captured patches called captured; "codec_mae_mm" and "codec_mae_edge_mm".
        """
        found = self.stages[0].codec_error(pairs)
        if not self.discriminators:
            return found
        options = self.options.discriminator
        sides: dict[str, list[Patch]] = {}
        for index in range(len(pairs)):
            pair = pairs[index]
            drawn = [depth for (depth,) in self.stage_depths([pair.clean], frame_seeds([pair.clean], seed))]
            captured = self.stages[0].seen_depth(pair)
            sides.setdefault("captured_kept", []).extend(patches_of(index, pair.clean, captured, options))
            for number, depth in enumerate(drawn, start=1):
                sides.setdefault(f"stage{number}_told", []).extend(patches_of(index, pair.clean, depth, options))
        for name, patches in sides.items():
            called = [
                float((net.probability(patches) > 0.5).float().mean()) for net in self.discriminators[0] if patches
            ]
            if called:
                found[name] = 1 - float(np.mean(called)) if name == "captured_kept" else float(np.mean(called))
        return found

    def save(self, folder: Path) -> None:
        """Stages and discriminators, each in files of their own."""
        if not self.stages:
            raise NotFittedError("there is nothing to save: ours has not been trained")
        for number, stage in enumerate(self.stages, start=1):
            stage.save(folder / f"stage{number}")
        if self.base is not None:
            shutil.copytree(self.base, folder / self.base.name, dirs_exist_ok=True)
        write_json(folder / "ours.json", {"discriminators": [len(networks) for networks in self.discriminators]})
        for gap, networks in enumerate(self.discriminators, start=1):
            for fold, network in enumerate(networks):
                network.save(folder / f"discriminator{gap}-{fold}.safetensors")

    def load(self, folder: Path) -> None:
        """Become what `save` wrote there."""
        self.stages, self.discriminators = [], []
        named = self.options.stage.net.pretrained
        self.base = folder / named.removeprefix(OWN_BASE) if named.startswith(OWN_BASE) else None
        for number in range(1, self.options.stages + 1):
            stage = self._new_stage(number)
            stage.load(folder / f"stage{number}")
            self.stages.append(stage)
        for gap, count in enumerate(read_json(folder / "ours.json")["discriminators"], start=1):
            networks = [PatchDiscriminator(self.options.discriminator, self.device) for _ in range(count)]
            for fold, network in enumerate(networks):
                network.load(folder / f"discriminator{gap}-{fold}.safetensors")
            self.discriminators.append(networks)

    @property
    def _folds(self) -> int:
        return self.options.discriminator.folds

    def _steps(self, budget: Budget) -> list[int]:
        shares = [1.0] + [self.options.later_share] * (self.options.stages - 1)
        first = self.options.stage.train.steps if budget.steps is None else budget.steps / sum(shares)
        return [max(1, round(first * share)) for share in shares]

    def _new_stage(self, number: int) -> Stage:
        options = self.options.stage
        if self.base is not None:
            net = options.net.model_copy(update={"pretrained": str(self.base)})
            options = options.model_copy(update={"net": net})
        earlier = 0 if number == 1 else drawn_maps(options.code)
        return Stage(options, residual=self.options.residual, earlier=earlier, device=self.device)

    def _warm(self) -> bool:
        chosen = self.options.later_start
        return chosen == "earlier" or (chosen == "auto" and not self.options.stage.net.pretrained)

    def _drawn(self, pairs: PairSet | Sequence[DepthPair], seed: int, folder: Path | None) -> list[Tensor]:
        """The last stage's maps of every frame, one file a frame so that a killed run goes on."""
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        found: list[Tensor] = []
        for start in range(0, len(pairs), DRAWN_AT_ONCE):
            some = range(start, min(start + DRAWN_AT_ONCE, len(pairs)))
            paths = [None if folder is None else folder / f"{index:06d}.safetensors" for index in some]
            if all(path is not None and path.is_file() for path in paths):
                found += [read_tensors(path)["maps"] for path in paths if path is not None]
                continue
            made = self._drawn_anew([pairs[index].clean for index in some], seed)
            for path, maps in zip(paths, made, strict=True):
                if path is not None:
                    write_tensors(path, {"maps": maps})
            found += made
        return found

    def _drawn_anew(self, frames: Sequence[DepthFrame], seed: int) -> list[Tensor]:
        maps: list[Tensor] | None = None
        for number, stage in enumerate(self.stages, start=1):
            generators = [draw_generator(seed_of(seed, frame.id), 0, number) for frame in frames]
            maps = stage.draws(frames, generators, maps)
        assert maps is not None  # there is a stage before this one
        return maps

    def _held_out(self, seed: int, folder: Path | None) -> HeldOut:
        """Some held-out pairs with what the stages so far draw of them, kept in `folder`."""
        pairs = held_out_of(self.held_out)
        return HeldOut(pairs, self._drawn(pairs, seed, folder) if pairs and self.stages else None)

    def _weights(
        self, pairs: PairSet, drawn: Sequence[Tensor], seed: int, workdir: Path | None, number: int
    ) -> tuple[list[Tensor] | None, list[dict[str, float | str]], float, int]:
        """Loss weights of every training frame from discriminators that did not see it; and what they cost."""
        if self.options.reweight.rule == "none":
            return None, [], 0.0, 0
        options, stage = self.options.discriminator, self.stages[-1]
        captured: list[list[Patch]] = []
        generated: list[list[Patch]] = []
        sizes = []
        for index in range(len(pairs)):
            pair = pairs[index]
            captured.append(patches_of(index, pair.clean, stage.seen_depth(pair), options))
            generated.append(patches_of(index, pair.clean, stage.depth(pair.clean, drawn[index]), options))
            sizes.append(pair.clean.size)
        fold_of, sides = folds_of(len(pairs), self._folds), (captured, generated)
        rows: list[dict[str, float | str]] = []
        weights: list[Tensor] = [torch.ones(size) for size in sizes]
        networks, seconds = [], 0.0
        for fold in range(self._folds):
            network = PatchDiscriminator(options, self.device)
            seen, made = ([p for i, part in enumerate(side) if fold_of[i] != fold for p in part] for side in sides)
            if not seen or not made:
                continue  # too few captured pixels for a single patch: nothing can be flagged
            result = network.fit(seen, made, seed_of(seed, fold), _sub(workdir, f"discriminator{number - 1}-{fold}"))
            rows += curve_rows(f"discriminator {number - 1}.{fold}", result)
            seconds += result.seconds
            for index in np.flatnonzero(fold_of == fold).tolist():
                probability = network.probability(generated[index])
                weights[index] = weight_map(
                    sizes[index], generated[index], probability, options.patch, self.options.reweight
                )
            networks.append(network)
        self.discriminators.append(networks)
        return weights, rows, seconds, options.train.steps * self._folds


def _sub(workdir: Path | None, name: str) -> Path | None:
    return None if workdir is None else workdir / name
