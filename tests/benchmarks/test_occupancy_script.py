"""The script that times inside tests and iso-surfaces, at toy size."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from s2r_bench.worlds.mini.furniture import make_object

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "occupancy.py"


def test_every_part_runs_at_toy_size(tmp_path):
    (tmp_path / "chair").mkdir()
    mesh = make_object("chair", 0).mesh
    np.savez(tmp_path / "chair" / "a.npz", V=mesh.vertices, F=mesh.faces)
    np.savez(tmp_path / "chair" / "flat.npz", V=np.zeros((3, 3)), F=np.array([[0, 1, 2]]))
    out = tmp_path / "toy.json"
    words = ["--toy", "--repeats", "1", "--models", str(tmp_path), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text())
    assert len(found["ratios"]) >= 4
    assert all(row["ratio"] > 0 for row in found["ratios"])
    assert (found["models"]["models"], found["models"]["watertight"], found["models"]["open_shell"]) == (1, 1, 0)
    assert list(found["models"]["failed"]) == ["chair/flat"]
