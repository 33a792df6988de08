"""The preset `paper` of `classify` and `segment`: one training step of each network, forward and backward.

Each part runs in a process of its own, so that its peak of memory is its own: of the process on a CPU (its high-water
mark, libraries included), of the tensors on a CUDA device. Random clouds, random labels; networks and losses are the
tasks' own. Seconds are wall time and CPU time of the last of the repeats. Where a batch does not fit into --memory, the
next smaller one is tried, and the row says so.

    python benchmarks/occo_paper.py [--device cuda] [--parts segmentation] [--memory 14] [--repeats N] [--out FILE]
    python benchmarks/occo_paper.py --preset smoke      every part at toy size
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from s2r_bench.steps.environment import environment, peak_memory_mb, pick_device, reset_peak_memory
from s2r_tasks._classify.finetune import smoothed_cross_entropy
from s2r_tasks._classify.options import ClassifyOptions
from s2r_tasks._occo.completion import training_loss
from s2r_tasks._segment.options import SegmentOptions
from s2r_tasks._segment.training import segmentation_loss

CLASSES = 13  # of S3DIS
NO_ROOM = 77  # what a part's process ends with where its batch does not fit
GIB = 2**30
Batch = Mapping[str, Tensor]
Step = tuple[nn.Module, Callable[[int], Batch], Callable[[nn.Module, Batch], Tensor], int, str]


def completion(preset: str) -> Step:
    """Partial clouds to complete ones."""
    options = ClassifyOptions.preset(preset)
    sizes, partial = options.networks.decoder, options.networks.partial

    def batch(count: int) -> Batch:
        return {
            "partial": torch.rand(count, partial, 3) - 0.5,
            "complete": torch.rand(count, sizes.fine, 3) - 0.5,
            "alpha": torch.tensor(1.0),
        }

    def loss(network: nn.Module, given: Batch) -> Tensor:
        return training_loss(network, given, torch.Generator())

    what = f"{partial} to {sizes.coarse} and {sizes.fine} points"
    return options.networks.completion(), batch, loss, options.pretrain.train.batch, what


def classifier(preset: str) -> Step:
    """Clouds to classes."""
    options = ClassifyOptions.preset(preset)
    points = options.networks.points

    def batch(count: int) -> Batch:
        return {"cloud": torch.rand(count, points, 3) - 0.5, "label": torch.arange(count) % options.ways}

    def loss(network: nn.Module, given: Batch) -> Tensor:
        return smoothed_cross_entropy(network(given["cloud"]), given["label"], options.finetune.smoothing)

    what = f"{points} points, k {options.networks.dgcnn.k}"
    return options.networks.classifier(options.ways), batch, loss, options.finetune.train.batch, what


def segmentation(preset: str) -> Step:
    """Blocks to labels of points."""
    options = SegmentOptions.preset(preset)
    points, channels = options.networks.points, options.networks.channels

    def batch(count: int) -> Batch:
        labels = torch.randint(CLASSES, (count, points))
        return {"block": torch.rand(count, points, channels), "labels": labels}

    def loss(network: nn.Module, given: Batch) -> Tensor:
        return segmentation_loss(network, given, torch.Generator())

    what = f"{points} points x {channels}, k {options.networks.dgcnn.k}"
    return options.networks.segmenter(CLASSES), batch, loss, options.finetune.batch, what


PARTS: Mapping[str, Callable[[str], Step]] = {
    "completion": completion,
    "classifier": classifier,
    "segmentation": segmentation,
}


def measured(name: str, preset: str, count: int, device: str, repeats: int) -> dict[str, Any]:
    """Run a part in this process."""
    torch.manual_seed(0)
    network, batch, loss, published, what = PARTS[name](preset)
    network.to(device).train()
    given = {key: value.to(device) for key, value in batch(count or published).items()}
    reset_peak_memory(device)
    times: list[tuple[float, float]] = []
    for _ in range(repeats):
        network.zero_grad()
        times = [clock(device)]
        value = loss(network, given)
        times.append(clock(device))
        value.backward()
        times.append(clock(device))
    (begin, begin_cpu), (half, _), (end, end_cpu) = times
    if not bool(torch.isfinite(value)):
        raise SystemExit(f"{name}: the loss is {float(value)}")
    return {
        "part": name,
        "what": what,
        "published_batch": published,
        "batch": count or published,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "forward_s": half - begin,
        "backward_s": end - half,
        "step_s": end - begin,
        "cpu_s": end_cpu - begin_cpu,
        "peak_gib": peak_memory_mb(device) / 1024,
    }


def clock(device: str) -> tuple[float, float]:
    """Wall and CPU seconds, when all that was asked of the device is done."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def alone(name: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """A part in a process of its own: at the preset's batch, or the largest of its halves that fits."""
    tried: list[int] = []
    count = 0  # the preset's
    while True:
        words = [sys.executable, __file__, "--one", name, "--batch", str(count), "--preset", chosen.preset]
        words += ["--device", chosen.device, "--repeats", str(chosen.repeats), "--memory", str(chosen.memory)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        told = done.stdout.strip().splitlines()
        if done.returncode == 0:
            return {**json.loads(told[-1]), "did_not_fit": tried}
        killed = done.returncode in (NO_ROOM, -9)  # the system ends with 9 what takes its last memory
        at = (count or int(told[-1])) if killed and told else 0
        if at < 2:
            raise SystemExit(f"{name}: {done.stderr[-2000:] or 'no memory for a batch of one'}")
        tried.append(at)
        count = at // 2


def one(chosen: argparse.Namespace) -> None:
    """What the process of a part does."""
    # told beforehand: a process that is killed for its memory can no longer say
    print(chosen.batch or PARTS[chosen.one](chosen.preset)[3], flush=True)
    if chosen.memory and chosen.device == "cpu":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(chosen.memory * GIB),) * 2)
    try:
        print(json.dumps(measured(chosen.one, chosen.preset, chosen.batch, chosen.device, chosen.repeats)))
    except (MemoryError, RuntimeError) as wrong:
        text = str(wrong).lower()
        if isinstance(wrong, MemoryError) or "out of memory" in text or "allocate memory" in text:
            raise SystemExit(NO_ROOM) from None
        raise


def show(row: Mapping[str, Any]) -> None:
    note = f"  (did not fit: {', '.join(map(str, row['did_not_fit']))})" if row["did_not_fit"] else ""
    print(
        f"{row['part']:14}{row['what']:34}{row['batch']:6}{row['forward_s']:11.2f}{row['backward_s']:11.2f}"
        f"{row['step_s']:9.2f}{row['cpu_s']:9.2f}{row['peak_gib']:10.2f}{note}",
        flush=True,
    )


def positive(word: str) -> int:
    value = int(word)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{word} is no positive number")
    return value


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--device", default="cpu", help="cpu or cuda")
    words.add_argument("--preset", default="paper")
    words.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    words.add_argument("--repeats", type=positive, default=1, help="steps; the last is told (2 or more on a GPU)")
    words.add_argument(
        "--memory", type=float, default=0.0, help="GiB of address space a part may take on a CPU; 0: all"
    )
    words.add_argument("--out", type=Path, help="write all figures as JSON")
    words.add_argument("--one", choices=PARTS, help=argparse.SUPPRESS)
    words.add_argument("--batch", type=int, default=0, help=argparse.SUPPRESS)
    chosen = words.parse_args()
    chosen.device = pick_device(chosen.device)
    if chosen.one:
        one(chosen)
        return
    facts = environment(chosen.device)
    print(f"{facts['device']}, {facts['threads']} threads of {facts['cores']} cores, torch {facts['torch']}")
    heads = f"{'forward s':>11}{'backward s':>11}{'step s':>9}{'CPU s':>9}{'peak GiB':>10}"
    print(f"{'part':14}{'what':34}{'batch':>6}{heads}")
    rows = []
    for name in chosen.parts:
        rows.append(alone(name, chosen))
        show(rows[-1])
        if chosen.out:
            chosen.out.write_text(json.dumps({"facts": facts, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
