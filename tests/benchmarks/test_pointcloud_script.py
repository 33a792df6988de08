"""The point cloud benchmark at toy size: every side that is installed runs and agrees; what is not is named."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pointcloud import by_cdist, figures, made_clouds, ours

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "pointcloud.py"


def run(*words):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words], capture_output=True, text=True, timeout=300, check=False
    )


def test_toy_run(tmp_path):
    out = tmp_path / "toy.json"
    done = run("--sizes", "200", "500", "--repeats", "2", "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text())
    rows = [row for row in found["rows"] if row["device"] == "cpu"]
    assert [(row["points"], row["apart"]) for row in rows] == [(n, way) for n in (200, 500) for way in ("near", "far")]
    for row in rows:
        assert {"ours", "scipy cKDTree"} <= set(row["wall_ms"])
        assert {*row["wall_ms"], *row["left_out"]} == {"ours", "pykdtree", "scipy cKDTree", "Open3D core.nns"}
        assert row["best"] in row["wall_ms"]
        assert row["ratio"] > 0
        assert row["differences"][0] < 1e-5
        assert row["differences"][1] == 0
    if not torch.cuda.is_available():
        assert "no CUDA device" in found["skipped"]["cuda"]
        assert "no CUDA device" in done.stdout


def test_the_cuda_sides_agree_with_ours_on_the_cpu():
    a, b = made_clouds(300, "near")
    assert by_cdist(a, b) == pytest.approx(ours("torch")(a, b), rel=1e-5)


def test_far_clouds_share_no_point_and_near_ones_do():
    assert ours()(*made_clouds(20_000, "near"))[1] > 0.5
    assert ours()(*made_clouds(200, "far"))[1] == 0


def test_figures_by_hand():
    assert figures(np.array([0.0, 0.005]), np.array([0.0, 1.0])) == pytest.approx((0.0000125 + 0.5, 2 / 3))


def test_refuses_no_points():
    assert run("--sizes", "0").returncode == 2
