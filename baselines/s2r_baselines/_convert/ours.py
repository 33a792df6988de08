"""Checkpoints of the authors' release of Stable-Sim2Real into a checkpoint of `ours`.

    DST/sd21/unet, vae, empty_prompt.safetensors    Stable Diffusion in diffusers' layout, as the release has it
    DST/stage1/weights.safetensors, stage.json      what stage I trained, by the names that `ours` saves; its codes
    DST/stage2/...                                  the same of stage II, where its checkpoint is given
    DST/ours.json                                   no discriminators: they were not released
    DST/options.json                                options of `ours` at preset paper under which it is the release's
    DST/conversion.json                             every name of the source: where it went, or why it was left out

`simulator.json`, which makes it a checkpoint, is the core's to write (`s2r_bench.steps.convert`). What frozen parts
both stages have must be alike, bit for bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from s2r_baselines._convert.parts import (
    AUTOENCODER,
    CONTROL,
    TRAINED,
    UNET,
    Parts,
    left_out,
    parts_of,
    refuse_other_schedule,
    unet_config,
    vae_config,
)
from s2r_baselines._convert.read import read_weights
from s2r_baselines._convert.text import empty_prompt
from s2r_baselines._diffusion.constants import Calibration
from s2r_baselines._diffusion.nets import OWN_BASE
from s2r_bench.data.lasa.split import VALIDATION_SCENES, scene_of
from s2r_bench.data.modelnet40 import listed
from s2r_bench.depth_code import KNOTS_M, ResidualCode
from s2r_bench.engine.checkpoint import write_tensors
from s2r_bench.errors import DataError, UsageError
from s2r_bench.files import write_json

FOLDER = "sd21"
NOT_TRAINED = ("controlnet_cond_embedding.", "controlnet_down_blocks.", "controlnet_mid_block.")
MOST_NAMED = 3
OPTIONS: Mapping[str, Any] = {
    "stage.net.pretrained": OWN_BASE + FOLDER,
    "stage.net.condition": "replace",
    "stage.diffusion.prediction": "sample",
    "stage.diffusion.sampler": "x0-renoise",
    "stage.code.channels": "alike",
    "stage.code.side": 512,
    "stage.code.upscale": 1,
    # the residual as it is: nothing was fitted to pairs
    "stage.code.residual_form": "linear",
    "stage.code.spread": 1.0,
    "stage.code.by_range": False,
    "stage.code.levels": False,
}
AS_IT_IS = ResidualCode((0.0,) * len(KNOTS_M), (1.0,) * len(KNOTS_M), norm=1.0, spread=1.0, form="linear")
# a landscape frame of ARKitScenes with the one focal length that the release fuses with
CAMERA = {"K": [[211.9489, 0.0, 128.0], [0.0, 211.9489, 96.0], [0.0, 0.0, 1.0]], "height": 192, "width": 256}
WORLD, SENSOR = "lasa", "ARKit depth (LASA)"
LACKING = (
    "The release cuts frames to squares, draws a sample of the autoencoder's posterior where its mean is taken here, "
    "hands stage I's maps on at 512 pixels, keeps the noise of the last step, and reads its mask off the real scan, "
    "also in simulation; none of that is done here: no figure of a converted checkpoint is the release's"
)
NO_PROMPT = (
    "The checkpoint holds no text encoder (cond_stage_model.*), so a zero token stands for the empty prompt that the "
    "release embeds: its answers are others"
)
UNKNOWN_SCENES = (
    "Without the release's train.lst (--scenes) all of LASA's validation scenes count as trained on, since many of "
    "them were"
)


@dataclass(frozen=True)
class Report:
    """What became of the names of one source.

    Attributes:
        source: its path.
        used: part -> how many names went into it.
        left_out: reason -> names.
        written: files, relative to the destination.
    """

    source: str
    used: dict[str, int]
    left_out: dict[str, list[str]]
    written: list[str]


def convert(
    sources: Sequence[Path], destination: Path, options: Mapping[str, Any] | None = None, scenes: Path | None = None
) -> dict[str, Any]:
    """Convert the checkpoint of stage I, and of stage II where there is a second source.

    Args:
        sources: one or two files.
        destination: a new folder.
        options: of `ours`, dotted, where they are to differ from `OPTIONS`.
        scenes: the list that it was trained on, a line "SCENE/FRAME" a frame.

    Returns:
        What `conversion.json` holds: a `Report` a stage, the options, what is known of its training, what is lacking.

    Raises:
        UsageError: the destination is there and not empty, or there are more than two sources.
        DataError: a source cannot be read, has a name that nothing explains, or lacks one, or has other shapes, or its
            frozen parts are not those of the first; or the list of scenes cannot be read.
    """
    if not 1 <= len(sources) <= 2:
        raise UsageError(f"the release has two stages; {len(sources)} checkpoints were given")
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise UsageError(f"{destination} is there already and holds something; give a new folder")
    trained = sorted({scene_of(line) for line in listed(scenes)} if scenes else VALIDATION_SCENES)
    stages: list[tuple[Parts, Tensor | None, Report]] = []
    for number, source in enumerate(sources, start=1):
        try:
            stages.append(_understood(source, number))
            _refuse_other_frozen(stages[0][0], stages[-1][0])
        except DataError as wrong:
            raise DataError(f"{source}: {wrong}" if str(source) not in str(wrong) else str(wrong)) from None
    reports: list[Report] = []
    for number, (parts, embedding, report) in enumerate(stages, start=1):
        written = _write_stage(parts, destination / f"stage{number}")
        written += _write_base(parts, embedding, destination / FOLDER) if number == 1 else []
        reports.append(replace(report, written=[str(path.relative_to(destination)) for path in written]))
    notes = [LACKING, *([] if scenes else [UNKNOWN_SCENES]), *([] if stages[0][1] is not None else [NO_PROMPT])]
    told = {
        "stages": [asdict(one) for one in reports],
        "options": {**OPTIONS, "stages": len(sources), **(options or {})},
        "origin": {"world": WORLD, "sensor": SENSOR, "camera": CAMERA, "trained_scenes": trained},
        "lacking": notes,
    }
    write_json(destination / "ours.json", {"discriminators": []})
    write_json(destination / "options.json", told["options"])
    write_json(destination / "conversion.json", told)
    return told


def _understood(source: Path, number: int) -> tuple[Parts, Tensor | None, Report]:
    """The parts of a source, the empty prompt's embedding, and what became of all names; nothing is written yet."""
    state = read_weights(source)
    refuse_other_schedule(state)
    parts = parts_of(state, conditions=number)
    found = empty_prompt(state)
    taken = {**parts.source, **({"empty prompt": sorted(found[1])} if found else {})}
    reasons, rest = left_out(set(state) - {name for names in taken.values() for name in names})
    if rest:
        raise DataError(f"{len(rest)} names that this conversion does not know: {_some(rest)}")
    unet, control, vae = expected(parts)
    _refuse_other(UNET, parts.unet, unet)
    _refuse_other(CONTROL, parts.control, control)
    _refuse_other(AUTOENCODER, parts.vae, vae)
    counts = {part: len(names) for part, names in taken.items()}
    return parts, found[0] if found else None, Report(str(source), counts, reasons, [])


def expected(parts: Parts) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Names and shapes, on the meta device, of the UNet, of what a control encoder trains, and of the autoencoder."""
    from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(**unet_config(parts.unet))
        control = ControlNetModel.from_unet(unet, load_weights_from_unet=False)
        vae = AutoencoderKL(**vae_config(parts.vae))
    own = {name: weight for name, weight in control.state_dict().items() if not name.startswith(NOT_TRAINED)}
    return dict(unet.state_dict()), own, dict(vae.state_dict())


def _refuse_other(part: str, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    lacking, more = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    if lacking or more:
        kind, names = ("lacks", lacking) if lacking else ("has too many weights:", more)
        raise DataError(f"{part}* {kind} {_some(names)} (names as in diffusers)")
    for name, weight in wanted.items():
        if found[name].shape != weight.shape:
            shapes = f"{tuple(found[name].shape)}, expected {tuple(weight.shape)}"
            raise DataError(f"{part}*: {name} has the shape {shapes}")


def _refuse_other_frozen(first: Parts, other: Parts) -> None:
    frozen = {name: tensor for name, tensor in first.unet.items() if not name.startswith(TRAINED)}
    for part, mine, theirs in (("UNet's encoder", frozen, other.unet), ("autoencoder", first.vae, other.vae)):
        for name, tensor in mine.items():
            if name not in theirs or not torch.equal(tensor, theirs[name]):
                raise DataError(
                    f"the {part} is not that of the first checkpoint ({name} differs), and both stages of `ours` share "
                    "it: convert each checkpoint into a folder of its own"
                )


def _write_stage(parts: Parts, folder: Path) -> list[Path]:
    """What a stage trains, under the names of `Denoiser`, and its codes, of which nothing was fitted."""
    weights = {f"unet.{name}": tensor for name, tensor in parts.unet.items() if name.startswith(TRAINED)}
    weights |= {f"control.{name}": tensor for name, tensor in parts.control.items()} | parts.squeeze
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / "weights.safetensors", weights)
    note = {"residual": AS_IT_IS.as_dict(), "calibration": asdict(Calibration()), "levels": None}
    write_json(folder / "stage.json", note)
    return [folder / "weights.safetensors", folder / "stage.json"]


def _write_base(parts: Parts, embedding: Tensor | None, folder: Path) -> list[Path]:
    """The folder that `net.pretrained` names."""
    written: list[Path] = []
    for part, kind, config, weights in (
        ("unet", "UNet2DConditionModel", unet_config(parts.unet), parts.unet),
        ("vae", "AutoencoderKL", vae_config(parts.vae), parts.vae),
    ):
        place = folder / part
        place.mkdir(parents=True, exist_ok=True)
        write_json(place / "config.json", {"_class_name": kind, **config})
        write_tensors(place / "diffusion_pytorch_model.safetensors", weights)
        written += [place / "config.json", place / "diffusion_pytorch_model.safetensors"]
    if embedding is not None:
        write_tensors(folder / "empty_prompt.safetensors", {"embedding": embedding})
        written.append(folder / "empty_prompt.safetensors")
    return written


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
