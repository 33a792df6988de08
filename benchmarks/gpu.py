"""Stable Diffusion 2.1's size on one CUDA device: training and sampling throughput, memory, and CPU/GPU parity.

Random weights in diffusers' layout, made on the device, so nothing is downloaded; 512-pixel frames, 4x64x64 latents;
the networks, loss, loop and sampler are the project's own (`Stage`, `Loop`, `NoiseProcess`). Every part stands alone:
one that fails or finds no time left is noted as such, and the file at --out is written after each.

    python benchmarks/gpu.py --out gpu.json [--budget 450] [--parity-only]
    python benchmarks/gpu.py --toy --out toy.json      every code path at toy size on the CPU; figures mean nothing
"""

import argparse
import contextlib
import copy
import gc
import json
import platform
import statistics
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from made import SD21_UNET, SD21_VAE, TOY_UNET, TOY_VAE, MadePairs, stage_options, untrained_stage, write_checkpoint
from parity import PATHS, compared
from torch import Tensor

from s2r_baselines._diffusion.nets import Denoiser
from s2r_baselines._diffusion.stage import Stage
from s2r_bench.engine.loop import Loop, TrainOptions

Row = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """What is measured: networks, image side, batches and repeats."""

    unet: dict[str, Any]
    vae: dict[str, Any]
    side: int
    train_batches: tuple[int, ...]
    draw_batches: tuple[int, ...]
    draw_steps: tuple[int, ...]
    warmup: int
    repeats: int


SD21 = Size(SD21_UNET, SD21_VAE, 512, (4, 16, 48), (1, 8, 32), (50, 10), 3, 8)
TOY = Size(TOY_UNET, TOY_VAE, 64, (1, 2), (1, 2), (3, 2), 1, 2)


@dataclass
class Ledger:
    """What was found so far; written to `out` after every part."""

    out: Path | None
    deadline: float
    facts: Row
    parts: dict[str, Any] = field(default_factory=dict)

    def left(self) -> float:
        return self.deadline - time.monotonic()

    def part(self, name: str, needs_s: float, work: Callable[[], Any]) -> None:
        """Run one part unless too little time is left; what goes wrong in it is noted, never raised."""
        begin = time.monotonic()
        if self.left() < needs_s:
            self.parts[name] = {"skipped": f"time budget: {self.left():.0f} s left, {needs_s:.0f} s wanted"}
        else:
            try:
                self.parts[name] = work()
            except Exception as wrong:  # the other parts are worth having whatever this one met
                where = traceback.format_exc(limit=-2).splitlines()
                self.parts[name] = {"failed": f"{type(wrong).__name__}: {wrong}"[:500], "where": where[-4:]}
        clear()
        print(f"{time.monotonic() - begin:6.1f} s  {name}: {brief(self.parts[name])}", flush=True)
        self.write()

    def write(self) -> None:
        if self.out is None:
            return
        part = self.out.with_name(self.out.name + ".part")
        part.write_text(json.dumps({"facts": self.facts, "parts": self.parts}, indent=1), encoding="utf-8")
        part.replace(self.out)


def brief(found: Any) -> str:
    if isinstance(found, dict):
        if "passed" in found:
            return f"{found['max_abs_difference']:.1e} of {found['tolerance']:.0e} {found['unit']}"
        return ", ".join(f"{name} {value}" for name, value in found.items() if not isinstance(value, (list, dict)))
    return f"{found}"


def clear() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class Bench:
    """A stage at the chosen size, on its device."""

    def __init__(self, size: Size, device: str, folder: Path) -> None:
        self.size, self.device, self.folder = size, device, folder
        self.stage: Stage | None = None

    def build(self) -> Row:
        begin = time.monotonic()
        millions = write_checkpoint(self.folder, self.size.unet, self.size.vae, self.device)
        written = time.monotonic()
        self.stage = self._stage()
        network = self._network()
        assert network.unet.dtype == torch.float32, "trained weights have to be float32"
        trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
        control = sum(p.numel() for p in network.control.parameters())
        network.cpu()  # copies of it go to the device, so that peak memory is that of one
        return {
            "unet_M": millions["unet"],
            "vae_M": millions["vae"],
            "control_M": round(control / 1e6, 2),
            "trained_M": round(trained / 1e6, 2),
            "attention": type(next(iter(network.unet.attn_processors.values()))).__name__,
            "write_s": round(written - begin, 1),
            "load_s": round(time.monotonic() - written, 1),
        }

    def _stage(self) -> Stage:
        options = stage_options(
            "paper",
            net={"pretrained": str(self.folder)},
            code={"upscale": 1},
            diffusion={"prediction": "v_prediction"},
            crop=self.size.side,
        )
        return untrained_stage(options, MadePairs(size=(self.size.side, self.size.side)), self.device)

    def ready(self) -> Stage:
        if self.stage is None:
            raise RuntimeError("the networks could not be built")
        return self.stage

    def _network(self) -> Denoiser:
        network = self.ready().denoiser
        assert network is not None
        return network

    def latents(self, batch: int) -> dict[str, Tensor]:
        """Cached latents of a batch, on the device."""
        cell = self.ready().codec.factor
        dice = torch.Generator().manual_seed(batch)
        shape = (batch, 4, self.size.side // cell, self.size.side // cell)
        target, condition = (torch.randn(shape, generator=dice).to(self.device) for _ in range(2))
        return {"target": target, "condition": condition, "weight": torch.ones_like(target)}

    def training(self, batch: int, change: Callable[[Denoiser], None] | None = None) -> Row:
        """Images a second of `Loop` with the stage's own loss; the frozen half of the UNet keeps no graph."""
        network = copy.deepcopy(self._network())
        if change is not None:
            change(network)
        latents, size = self.latents(batch), self.size
        times: list[float] = []
        options = TrainOptions(
            steps=size.warmup + size.repeats + 1, batch=batch, lr=3e-5, warmup=0, schedule="constant", ema=0.0
        )
        reset_peak()

        def batch_at(step: int, rank: int) -> dict[str, Tensor]:
            synchronise()
            times.append(time.perf_counter())
            return latents

        result = Loop(network, options, seed=0, device=torch.device(self.device).type).run(batch_at, self.ready()._loss)
        steps = [b - a for a, b in zip(times[size.warmup :], times[size.warmup + 1 :], strict=False)]
        return rate(batch, steps) | {"loss": round(result.curve[-1]["train_loss"], 4)}

    @torch.no_grad()
    def drawing(self, batch: int, steps: int) -> Row:
        """Images a second of `NoiseProcess.sample` on latents, under the autocast that `Stage.draws` uses."""
        stage = self.ready()
        network = self._network().to(self.device).eval()
        condition = self.latents(batch)["condition"]
        process = type(stage.process)(stage.options.diffusion.model_copy(update={"steps": steps}))
        kind = torch.device(self.device).type

        def predict(noisy: Tensor, timesteps: Tensor) -> Tensor:
            with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
                output: Tensor = network(noisy, timesteps, condition)
            return output.float()

        def draw() -> None:
            generators = [torch.Generator().manual_seed(seed) for seed in range(batch)]
            process.sample(predict, condition.shape, generators, torch.device(self.device))

        short = type(stage.process)(stage.options.diffusion.model_copy(update={"steps": 2}))
        short.sample(
            predict, condition.shape, [torch.Generator() for _ in range(batch)], torch.device(self.device)
        )  # warmth
        reset_peak()
        return rate(batch, [seconds(draw) for _ in range(1 if steps > 20 else 2)])

    @torch.no_grad()
    def coding(self, batch: int, dtype: torch.dtype | None) -> Row:
        """Images a second of the codec's two directions; None: as the project runs it (weights as loaded, float32)."""
        codec = self.ready().codec
        maps = torch.rand((batch, 2, self.size.side, self.size.side), device=self.device) * 2 - 1
        latents = self.latents(batch)["target"]
        kind = torch.device(self.device).type
        found: Row = {"batch": batch}
        with torch.autocast(kind, dtype or torch.bfloat16, enabled=dtype is not None):
            for name, work in (("encode", lambda: codec.encode(maps)), ("decode", lambda: codec.decode(latents, 2))):
                work()
                reset_peak()
                one = rate(batch, [seconds(work) for _ in range(3)])
                found |= {f"{name}_images_per_s": one["images_per_s"], f"{name}_peak_GiB": one["peak_GiB"]}
        return found

    def one_frame(self) -> Row:
        """`Stage.draws` of a single frame as `simulate` calls it: codes, ten steps, decoding."""
        stage = self.ready()
        self._network().to(self.device).eval()
        stage.process = type(stage.process)(
            stage.options.diffusion.model_copy(update={"steps": min(self.size.draw_steps)})
        )
        frame = MadePairs(size=(self.size.side, self.size.side))[0].clean

        def draw() -> None:
            stage.draws([frame], [torch.Generator().manual_seed(0)])

        draw()
        reset_peak()
        return rate(1, [seconds(draw) for _ in range(2)])


def reset_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(work: Callable[[], Any]) -> float:
    synchronise()
    begin = time.perf_counter()
    work()
    synchronise()
    return time.perf_counter() - begin


def rate(batch: int, times: list[float]) -> Row:
    typical = statistics.median(times)
    peak = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else None
    return {
        "batch": batch,
        "images_per_s": float(f"{batch / typical:.4g}"),
        "seconds": float(f"{typical:.4g}"),
        "spread": float(f"{(max(times) - min(times)) / typical:.2g}"),
        "peak_GiB": None if peak is None else round(peak, 2),
    }


def checkpointed(network: Denoiser) -> None:
    network.unet.enable_gradient_checkpointing()
    network.control.enable_gradient_checkpointing()


def compiled(network: Denoiser) -> None:
    """Regional compilation: diffusers names the UNet's repeated blocks; the ControlNet has the same and names none."""
    backend = "inductor" if torch.cuda.is_available() else "eager"  # toy size tests the call, not the compiler
    network.unet.compile_repeated_blocks(backend=backend)
    for block in network.control.modules():
        if type(block).__name__ in network.unet._repeated_blocks:
            block.compile(backend=backend)


def channels_last(network: Denoiser) -> None:
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def optimiser_step(bench: Bench) -> Row:
    """Milliseconds of one AdamW step over the trained weights: the loop's (PyTorch's choice) and the fused one."""
    found: Row = {}
    network = copy.deepcopy(bench._network()).to(bench.device)
    trained = [p for p in network.parameters() if p.requires_grad]
    for parameter in trained:
        parameter.grad = torch.full_like(parameter, 1e-4)
    for name, fused in (("default_ms", None), ("fused_ms", True)):
        optimiser = torch.optim.AdamW(trained, lr=1e-6, fused=fused)
        optimiser.step()
        found[name] = round(1000 * statistics.median(seconds(optimiser.step) for _ in range(3)), 2)
        del optimiser
        clear()
    return found


def all_parity(device: str, ledger: Ledger) -> None:
    for path in PATHS:
        ledger.part(f"parity: {path.name}", 5, lambda path=path: compared(path, device))


def all_throughput(bench: Bench, ledger: Ledger) -> None:
    """Most wanted first: what the budget cuts off is at the end."""
    size = bench.size
    small, middle = size.train_batches[0], size.train_batches[1]
    ledger.part("networks", 60, bench.build)
    ledger.part(f"training, batch {middle}", 30, lambda: bench.training(middle))
    ledger.part(f"training, batch {middle}, checkpointed", 30, lambda: bench.training(middle, checkpointed))
    for batch in size.draw_batches[:2]:
        for steps in reversed(size.draw_steps):
            name = f"sampling, {steps} steps, batch {batch}"
            ledger.part(name, 20, lambda batch=batch, steps=steps: bench.drawing(batch, steps))
    ledger.part("Stage.draws, one frame", 15, bench.one_frame)
    ledger.part("codec, as it is", 15, lambda: bench.coding(size.draw_batches[1], None))
    ledger.part("codec, bf16", 15, lambda: bench.coding(size.draw_batches[1], torch.bfloat16))
    bench_network_home(bench)
    ledger.part(f"training, batch {middle}, compiled blocks", 90, lambda: bench.training(middle, compiled))
    ledger.part(f"training, batch {middle}, channels last", 30, lambda: bench.training(middle, channels_last))
    for batch in (small, *size.train_batches[2:]):
        ledger.part(f"training, batch {batch}", 30, lambda batch=batch: bench.training(batch))
    for batch in size.train_batches[2:]:
        ledger.part(
            f"training, batch {batch}, checkpointed", 40, lambda batch=batch: bench.training(batch, checkpointed)
        )
    ledger.part("AdamW", 15, lambda: optimiser_step(bench))
    for batch in size.draw_batches[2:]:
        for steps in reversed(size.draw_steps):
            name = f"sampling, {steps} steps, batch {batch}"
            ledger.part(name, 30, lambda batch=batch, steps=steps: bench.drawing(batch, steps))


def bench_network_home(bench: Bench) -> None:
    if bench.stage is not None:
        bench._network().cpu()


def facts(device: str, toy: bool) -> Row:
    import diffusers

    found: Row = {
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.processor() or "cpu",
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "cuda": torch.version.cuda,
        "cudnn_tf32": torch.backends.cudnn.allow_tf32,
        "matmul_precision": torch.get_float32_matmul_precision(),
        "weights": "random",
        "toy": toy,
    }
    if device == "cuda":
        found["memory_GiB"] = round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1)
        found["bf16"] = torch.cuda.is_bf16_supported()
    return found


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="s2r-bench-") as folder:
        yield Path(folder)


def table(parts: dict[str, Any]) -> str:
    lines = []
    for name, found in parts.items():
        state = "skipped" if "skipped" in found else "failed" if "failed" in found else ""
        if name.startswith("parity"):
            state = state or ("pass" if found["passed"] else "FAIL")
        lines.append(f"{name:64} {state:8} {brief(found)}")
    return "\n".join(lines)


def main() -> int:
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--out", type=Path, help="JSON, written after every part")
    words.add_argument("--budget", type=float, default=450.0, help="seconds; parts that no longer fit are skipped")
    words.add_argument("--parity-only", action="store_true")
    words.add_argument("--toy", action="store_true", help="toy size on the CPU: tests this script, measures nothing")
    chosen = words.parse_args()
    if not chosen.toy and not torch.cuda.is_available():
        print("no CUDA device: nothing measured (--toy runs every code path on the CPU)")
        return 0
    device = "cpu" if chosen.toy else "cuda"
    ledger = Ledger(chosen.out, time.monotonic() + chosen.budget, facts(device, chosen.toy))
    all_parity(device, ledger)
    if not chosen.parity_only:
        with scratch() as folder:
            all_throughput(Bench(TOY if chosen.toy else SD21, device, folder), ledger)
    ledger.write()
    print(f"\n{ledger.facts['device']}\n{table(ledger.parts)}")
    wrong = [name for name, found in ledger.parts.items() if "failed" in found or found.get("passed") is False]
    if wrong:
        print(f"{len(wrong)} parts failed: {'; '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
