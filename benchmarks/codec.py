"""Throughput and error of the two latent codecs: whitened space-to-depth, and the autoencoder of Stable Diffusion.

Without `--pretrained` the autoencoder has Stable Diffusion 2.1's shape (four levels, eight pixels a cell, four latent
channels) at toy width and **random weights**: its time is a lower bound of the true one's, its error says nothing.
With `--pretrained` (hub id or folder in diffusers' layout) it is that checkpoint's. Both sides take turns.

    python benchmarks/codec.py [--pairs DIR] [--pretrained ID] [--json] [--repeats N]
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from made import TOY_UNET, TOY_VAE, MadePairs, stage_options, timed, untrained_stage, write_checkpoint
from torch import Tensor

from s2r_baselines._diffusion.stage import Stage
from s2r_bench.types import DepthPair
from s2r_bench.worlds.pair_folder import FolderPairs


@dataclass
class CodecFigures:
    """One codec: medians of CPU time, megapixels a CPU second, mean absolute error of decode(encode(capture))."""

    name: str
    encode_ms: float
    decode_ms: float
    megapixels_per_s: float
    error_mm: float
    error_edge_mm: float | None
    note: str


class Part:
    """Some pairs of a set."""

    def __init__(self, pairs: Any, count: int) -> None:
        self.pairs, self.count = pairs, min(count, len(pairs))
        self.scenes, self.digest = pairs.scenes, pairs.digest

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> DepthPair:
        if index >= self.count:
            raise IndexError(index)
        return self.pairs[index * len(self.pairs) // self.count]  # type: ignore[no-any-return]


def stages(pairs: Part, pretrained: str) -> list[tuple[str, Stage, str]]:
    """(name, stage, note) of the codecs to compare. The networks beside the codec play no part."""
    plain = stage_options("smoke", code={"whiten": True})
    # upscale 1: a codec is compared at the frame's own size
    kl_code = {"latent": "kl", "geometry": False, "whiten": False, "upscale": 1}
    found = [("space-to-depth 4, whitened", untrained_stage(plain, pairs), "exact but for float32")]  # type: ignore[arg-type]
    note = pretrained or "random weights: the error says nothing"
    name = "KL, SD 2.1's shape, toy width" if not pretrained else "KL"
    with tempfile.TemporaryDirectory() as folder:
        if not pretrained:
            write_checkpoint(Path(folder), TOY_UNET, TOY_VAE)
        net = {"pretrained": pretrained or folder}
        options = stage_options("smoke", code=kl_code, net=net, diffusion={"detail": False})
        found.append((name, untrained_stage(options, pairs), note))  # type: ignore[arg-type]
    return found


def target_of(stage: Stage, pair: DepthPair) -> Tensor:
    """(1, 2, H, W) target maps, cut to whole cells."""
    assert stage.maps is not None
    target = stage.maps.target(pair)[0][None]
    height, width = (side - side % stage.codec.factor for side in target.shape[-2:])
    return target[..., :height, :width].to(stage.device)


@torch.no_grad()
def measured(stages: Sequence[tuple[str, Stage, str]], pairs: Part, repeats: int) -> list[CodecFigures]:
    """Encode and decode of every codec by turns, and their errors over all pairs."""
    work = []
    for _, stage, _ in stages:
        maps = target_of(stage, pairs[0])
        work.append((stage, maps, stage.encode_target(maps)))
    spent: list[tuple[list[float], list[float]]] = [([], []) for _ in work]
    for turn in range(repeats + 1):
        for (stage, maps, latents), (encoding, decoding) in zip(work, spent, strict=True):
            encode = timed(lambda stage=stage, maps=maps: stage.encode_target(maps))[0]
            decode = timed(lambda stage=stage, latents=latents: stage.decode_target(latents))[0]
            if turn:  # the first is for warmth
                encoding.append(encode)
                decoding.append(decode)
    figures = []
    for (name, stage, note), (_, maps, _), times in zip(stages, work, spent, strict=True):
        encode, decode = (statistics.median(part) for part in times)
        error = stage.codec_error(pairs)
        figures.append(
            CodecFigures(
                name,
                round(1000 * encode, 3),
                round(1000 * decode, 3),
                round(maps.shape[-1] * maps.shape[-2] / 1e6 / max(encode + decode, 1e-9), 3),
                float(f"{error['codec_mae_mm']:.3g}"),
                float(f"{error['codec_mae_edge_mm']:.3g}") if "codec_mae_edge_mm" in error else None,
                note,
            )
        )
    return figures


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--pairs", type=Path, help="a pair folder; made pairs without it")
    words.add_argument("--pretrained", default="", help="hub id or folder of a Stable Diffusion checkpoint")
    words.add_argument("--count", type=int, default=4, help="pairs the error is measured on")
    words.add_argument("--json", action="store_true", help="print JSON instead of a table")
    words.add_argument("--repeats", type=int, default=5)
    chosen = words.parse_args()
    pairs = Part(FolderPairs(chosen.pairs) if chosen.pairs else MadePairs(size=(240, 320)), chosen.count)
    figures = measured(stages(pairs, chosen.pretrained), pairs, chosen.repeats)
    ratio = round(figures[0].megapixels_per_s / figures[1].megapixels_per_s, 1)
    if chosen.json:
        print(json.dumps({"codecs": [asdict(row) for row in figures], "throughput_ratio": ratio}, indent=1))
        return
    print(f"{'codec':32} {'encode ms':>10} {'decode ms':>10} {'MP/s':>8} {'error mm':>9} {'at edges':>9}   (CPU time)")
    for row in figures:
        edge = f"{row.error_edge_mm:9.3g}" if row.error_edge_mm is not None else " " * 9
        print(
            f"{row.name:32} {row.encode_ms:10.2f} {row.decode_ms:10.2f} {row.megapixels_per_s:8.2f} "
            f"{row.error_mm:9.3g} {edge}   {row.note}"
        )
    print(f"throughput ratio, first over second: {ratio}")


if __name__ == "__main__":
    main()
