"""Checkpoints of the authors' release of Stable-Sim2Real into the layout of `ours` at preset paper.

    DST/sd21/unet, vae, empty_prompt.safetensors    Stable Diffusion in diffusers' layout, for S2R_SD21
    DST/stage1/weights.safetensors                  what stage I trained, by the names that `ours` saves
    DST/stage2/weights.safetensors                  the same of stage II, where its checkpoint is given
    DST/options.json                                switches under which the networks are the release's
    DST/conversion.json                             every name of the source: where it went, or why it was left out

`stageN/weights.safetensors` is what `Stage.load` reads with `stage.net.condition=replace` and `stage.net.pretrained`
naming DST/sd21. What frozen parts both stages have must be alike, bit for bit.
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
from s2r_bench.engine.checkpoint import write_tensors
from s2r_bench.errors import DataError, UsageError
from s2r_bench.files import write_json

FOLDER = "sd21"
NOT_TRAINED = ("controlnet_cond_embedding.", "controlnet_down_blocks.", "controlnet_mid_block.")
MOST_NAMED = 3
OPTIONS = {
    "stage.net.condition": "replace",
    "stage.diffusion.prediction": "sample",
    "stage.diffusion.sampler": "x0-renoise",
}
LACKING = (
    "The release codes depth, condition and residual in three channels alike; `ours` keeps validity in the third. The "
    "networks are the release's, the codes around them are not: no figure of a converted checkpoint is the release's"
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


def convert(sources: Sequence[Path], destination: Path) -> dict[str, Any]:
    """Convert the checkpoint of stage I, and of stage II where there is a second source.

    Returns:
        What `conversion.json` holds: a `Report` a stage, the options, and what is lacking.

    Raises:
        UsageError: the destination is there and not empty, or there are more than two sources.
        DataError: a source cannot be read, has a name that nothing explains, or lacks one, or has other shapes, or its
            frozen parts are not those of the first.
    """
    if not 1 <= len(sources) <= 2:
        raise UsageError(f"the release has two stages; {len(sources)} checkpoints were given")
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise UsageError(f"{destination} is there already and holds something; give a new folder")
    stages: list[tuple[Parts, Tensor | None, Report]] = []
    for number, source in enumerate(sources, start=1):
        try:
            stages.append(_understood(source, number))
            _refuse_other_frozen(stages[0][0], stages[-1][0])
        except DataError as wrong:
            raise DataError(f"{source}: {wrong}" if str(source) not in str(wrong) else str(wrong)) from None
    reports: list[Report] = []
    for number, (parts, embedding, report) in enumerate(stages, start=1):
        written = [_write_stage(parts, destination / f"stage{number}")]
        written += _write_base(parts, embedding, destination / FOLDER) if number == 1 else []
        reports.append(replace(report, written=[str(path.relative_to(destination)) for path in written]))
    told = {"stages": [asdict(one) for one in reports], "options": OPTIONS, "lacking": LACKING}
    write_json(destination / "options.json", OPTIONS)
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


def _write_stage(parts: Parts, folder: Path) -> Path:
    """What a stage trains, under the names of `Denoiser`."""
    weights = {f"unet.{name}": tensor for name, tensor in parts.unet.items() if name.startswith(TRAINED)}
    weights |= {f"control.{name}": tensor for name, tensor in parts.control.items()} | parts.squeeze
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / "weights.safetensors", weights)
    return folder / "weights.safetensors"


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
