"""The GPU script at toy size on the CPU, parity of a device with itself, Stable Diffusion's size."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from made import SD21_UNET, SD21_VAE
from parity import PATHS, compared

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def run(script, *words):
    return subprocess.run(
        [sys.executable, str(FOLDER / script), *words], capture_output=True, text=True, timeout=900, check=False
    )


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_cpu_agrees_with_itself(path):
    # the kd-tree and numpy on one side make some of these comparisons of two programs even here
    found = compared(path, "cpu")
    assert found["passed"], found


def test_sizes_are_those_of_stable_diffusion():
    from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel

    with torch.device("meta"):
        unet, vae = UNet2DConditionModel(**SD21_UNET), AutoencoderKL(**SD21_VAE)
        control = ControlNetModel.from_unet(
            unet,
            load_weights_from_unet=False,
            conditioning_channels=4,
            conditioning_embedding_out_channels=(unet.config.block_out_channels[0],),
        )
    sizes = [sum(p.numel() for p in part.parameters()) / 1e6 for part in (unet, vae, control)]
    assert sizes == pytest.approx([865.91, 83.65, 364.08], abs=0.01)


def test_every_part_of_the_gpu_script_runs_at_toy_size(tmp_path):
    out = tmp_path / "toy.json"
    done = run("gpu.py", "--toy", "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text())
    assert found["facts"]["toy"] is True
    parts = found["parts"]
    assert not [name for name, part in parts.items() if "failed" in part or "skipped" in part]
    assert parts["networks"]["unet_M"] > 0
    kinds = ("training", "sampling", "codec", "parity", "AdamW", "Stage.draws")
    assert all(any(name.startswith(kind) for name in parts) for kind in kinds)


def test_without_time_every_part_is_named_as_skipped(tmp_path):
    out = tmp_path / "none.json"
    assert run("gpu.py", "--toy", "--parity-only", "--budget", "0", "--out", str(out)).returncode == 0
    parts = json.loads(out.read_text())["parts"]
    assert len(parts) == len(PATHS)
    assert all("time budget" in part["skipped"] for part in parts.values())


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_a_device_it_says_so_and_breaks_nothing():
    done = run("gpu.py")
    assert done.returncode == 0
    assert done.stdout.startswith("no CUDA device")
    assert len(done.stdout.splitlines()) == 1
