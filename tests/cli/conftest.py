"""A pair folder, a dummy simulator and a dummy task, made on the spot; commands run as a user runs them."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

SIMULATOR = '''
"""A simulator that learns one number."""
import json, os, time
from pathlib import Path
from typing import ClassVar
import numpy as np
from s2r_bench.errors import NotFittedError
from s2r_bench.options import Options
from s2r_bench.simulator import Card, FitReport, Simulator

class DummyOptions(Options):
    noise: float = 0.01
    steps: int = 6
    fail: str = ""
    presets: ClassVar = {"small": {"steps": 9}}

class Dummy:
    card: ClassVar[Card] = Card("Dummy", "tests", "paired", True, "Apache-2.0")
    options_type: ClassVar = DummyOptions

    def __init__(self, options, device="cpu"):
        self.options, self.device, self.bias = options, device, None

    def fit(self, pairs, budget, seed, workdir=None):
        steps = budget.steps or self.options.steps
        state = workdir / "state.json"
        done, value = json.loads(state.read_text()) if state.is_file() else (0, 0.0)
        for step in range(done, steps):
            value += float(np.random.default_rng((seed, step)).normal()) * 1e-3
            part = workdir / "state.json.part"
            part.write_text(json.dumps([step + 1, value]))
            part.replace(state)
            print(f"step {step + 1}", flush=True) if os.environ.get("DUMMY_TALK") else None
            time.sleep(float(os.environ.get("DUMMY_SLEEP", "0")))
        self.bias = value
        if self.options.fail == "fit":
            raise RuntimeError("fit broke")
        return FitReport(steps=steps, seconds=0.5, parameters=1)

    def simulate(self, frames, seeds):
        if self.bias is None:
            raise NotFittedError("fit first")
        if self.options.fail == "simulate":
            raise RuntimeError("simulate broke")
        out = []
        for frame, seed in zip(frames, seeds):
            if os.environ.get("DUMMY_TALK"):
                print("frame " + frame.id, flush=True)
                time.sleep(float(os.environ.get("DUMMY_SLEEP", "0")))
            noise = np.random.default_rng(seed.view).normal(self.bias, self.options.noise, frame.size)
            noisy = np.maximum(frame.depth + noise, 0.05)
            out.append(frame.with_depth(np.where(frame.valid, noisy, 0).astype("float32")))
        return out

    def save(self, folder):
        (folder / "dummy.json").write_text(json.dumps(self.bias))

    def load(self, folder):
        self.bias = json.loads((folder / "dummy.json").read_text())

simulator: type[Simulator] = Dummy
'''

TASK = '''
"""Mean absolute difference to the capture."""
from typing import ClassVar
import numpy as np
from s2r_bench.options import Options
from s2r_bench.records import Score
from s2r_bench.task import MetricInfo, Task, TaskResult

class CloseOptions(Options):
    split: str = "test"
    limit: float = 1.0

class Close:
    protocol: ClassVar[str] = "close/1"
    references: ClassVar[tuple[str, ...]] = ("floor",)
    metrics: ClassVar = {"mae": MetricInfo("MAE", "mm", 1000.0, "lower", "all")}
    options_type: ClassVar = CloseOptions

    def __init__(self, options):
        self.options = options

    def run(self, arm, world, seed, workdir, shelf=None):
        pairs = world.pairs(self.options.split)
        pairs = [pairs[i] for i in range(len(pairs))]
        clean = [pair.clean for pair in pairs]
        given = arm.simulate(clean, 0) if arm.simulate else clean
        scores = []
        for one, pair in zip(given, pairs):
            both = one.valid & pair.captured.valid
            scores.append(Score(pair.id, "", "mae", float(np.abs(one.depth - pair.captured.depth)[both].mean())))
        return TaskResult(scores)

task: type[Task] = Close
'''


@pytest.fixture(scope="session")
def pair_folder(tmp_path_factory):
    """Twelve pairs of 16x12 pixels in three scenes, one a split."""
    from s2r_bench.worlds.pair_folder import write_depth

    folder = tmp_path_factory.mktemp("data") / "wall"
    rng = np.random.default_rng(0)
    names = [f"{i:03d}" for i in range(12)]
    for part in ("clean", "captured"):
        (folder / part).mkdir(parents=True)
    for i, name in enumerate(names):
        clean = np.full((12, 16), 1.0 + 0.1 * i, dtype=np.float32)
        write_depth(folder / "clean" / f"{name}.png", clean)
        write_depth(folder / "captured" / f"{name}.png", (clean + rng.normal(0, 0.01, clean.shape)).astype(np.float32))
    cameras = {
        "K": [[16.0, 0, 7.5], [0, 16.0, 5.5], [0, 0, 1]],
        "width": 16,
        "height": 12,
        "sensor": "test sensor",
        "cam_to_world": {name: np.eye(4).tolist() for name in names},
        "frames": {name: {"scene": f"room{i // 4}", "sequence": "0"} for i, name in enumerate(names)},
        "splits": {"train": names[:4], "val": names[4:8], "test": names[8:]},
    }
    (folder / "cameras.json").write_text(json.dumps(cameras))
    return folder


@pytest.fixture(scope="session")
def plugins(tmp_path_factory):
    """A folder with dummy.py (simulator) and close.py (task)."""
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "dummy.py").write_text(textwrap.dedent(SIMULATOR))
    (folder / "close.py").write_text(textwrap.dedent(TASK))
    return folder


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def environment(home, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("S2R_")}
    return {
        **kept,
        "S2R_HOME": str(home),
        "S2R_JOBS": "1",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "200",
        "NO_COLOR": "1",
        **more,
    }


@pytest.fixture
def cli(home, tmp_path):
    """Run a command; the result has returncode, stdout and stderr."""

    def run(*words, **more):
        command = [sys.executable, "-m", "s2r_bench", *map(str, words)]
        return subprocess.run(
            command,
            env=environment(home, **more),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def cli_here(home, tmp_path, monkeypatch, capsys):
    """The same in this process, which saves the start-up: (exit code, stdout, stderr)."""

    def run(*words):
        from s2r_bench.cli.app import app

        monkeypatch.chdir(tmp_path)
        for name in list(os.environ):
            if name.startswith("S2R_"):
                monkeypatch.delenv(name)
        monkeypatch.setenv("S2R_HOME", str(home))
        monkeypatch.setenv("S2R_JOBS", "1")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr(sys, "argv", ["s2r-bench", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            app(args=[str(word) for word in words], prog_name="s2r-bench")
        said = capsys.readouterr()
        return stopped.value.code, said.out, said.err

    return run
