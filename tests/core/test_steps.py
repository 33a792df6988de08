"""The runners' own promises: shuffling, simulated sets, checkpoints, what makes a method another method."""

import json
from typing import ClassVar

import numpy as np
import pytest

from s2r_bench.errors import DataError, S2RError, UsageError
from s2r_bench.options import Options
from s2r_bench.seeds import rng_of
from s2r_bench.simulator import Card, FitReport
from s2r_bench.steps.checkpoint import (
    Fitted,
    Origin,
    load_checkpoint,
    open_checkpoint,
    read_origin,
    save_checkpoint,
    taken,
)
from s2r_bench.steps.fit import FitJob, ShuffledPairs, fit
from s2r_bench.steps.methods import Method, check_name, find, known
from s2r_bench.steps.simulated import SimulatedSet
from s2r_bench.store import Store
from s2r_bench.types import DepthFrame, DepthPair

K = np.array([[8.0, 0, 3.5], [0, 8.0, 2.5], [0, 0, 1]])

PLUGIN = '''
"""A plug-in."""
from typing import ClassVar
import json
from s2r_bench.options import Options
from s2r_bench.simulator import Card, FitReport

class Opt(Options):
    bias: float = 0.5
    speed: int = 1
    simulation_only: ClassVar = frozenset({"speed"})

class Bias:
    card = Card("Bias", "tests", "paired", False, "Apache-2.0")
    options_type = Opt
    def __init__(self, options, device="cpu"):
        self.options, self.value = options, None
    def fit(self, pairs, budget, seed, workdir=None):
        self.value = self.options.bias
        return FitReport(steps=1)
    def simulate(self, frames, seeds):
        return [frame.with_depth(frame.depth + self.value) for frame in frames]
    def save(self, folder):
        (folder / "bias.json").write_text(json.dumps(self.value))
    def load(self, folder):
        self.value = json.loads((folder / "bias.json").read_text())

class Other:
    pass

simulator = Bias
'''


def frame(index, depth=None, intrinsics=K):
    depth = np.full((6, 8), 1.0 + index, np.float32) if depth is None else depth
    return DepthFrame(depth, intrinsics, np.eye(4), f"room{index // 4}", "0", f"{index:02d}")


class Pairs:
    scenes = frozenset({"room0", "room1"})
    digest = "made"

    def __init__(self, intrinsics=None):
        self.intrinsics = intrinsics or [K] * 8

    def __len__(self):
        return len(self.intrinsics)

    def __getitem__(self, index):
        one = frame(index, intrinsics=self.intrinsics[index])
        return DepthPair(one, one.with_depth(one.depth + 0.25))


def test_no_capture_meets_its_own_clean_frame():
    shuffled = ShuffledPairs(Pairs(), seed=3)
    captured = [shuffled[i].captured.frame for i in range(8)]
    assert sorted(captured) == [f"{i:02d}" for i in range(8)]
    assert all(captured[i] != f"{i:02d}" for i in range(8))
    assert captured != [ShuffledPairs(Pairs(), seed=4)[i].captured.frame for i in range(8)]
    assert captured == [ShuffledPairs(Pairs(), seed=3)[i].captured.frame for i in range(8)]


def test_shuffling_stays_within_one_camera():
    wide = K * np.array([[2.0], [2.0], [1.0]])
    shuffled = ShuffledPairs(Pairs([K, K, K, K, wide, wide, wide]), seed=0)
    for i in range(7):
        pair = shuffled[i]
        assert np.array_equal(pair.clean.K, pair.captured.K)
        assert pair.captured.frame != pair.clean.frame


class Noise:
    """Adds noise by the view's seed; counts what it is asked for."""

    card: ClassVar = Card("Noise", "tests", "untrained", True, "Apache-2.0")
    options_type: ClassVar = Options
    asked: ClassVar[list[str]] = []
    broken: ClassVar[str] = ""

    def __init__(self, options, device="cpu"):
        self.options = options

    def fit(self, pairs, budget, seed, workdir=None):
        return FitReport()

    def simulate(self, frames, seeds):
        Noise.asked += [one.id for one in frames]
        if Noise.broken == "fewer":
            return list(frames)[1:]
        if Noise.broken == "nan":
            return [one.with_depth(one.depth * np.nan) for one in frames]
        drawn = [
            one.depth + rng_of(seed.view).random(one.size).astype(np.float32)
            for one, seed in zip(frames, seeds, strict=True)
        ]
        return [one.with_depth(depth) for one, depth in zip(frames, drawn, strict=True)]

    def save(self, folder):
        pass

    def load(self, folder):
        pass


@pytest.fixture
def noise():
    Noise.asked, Noise.broken = [], ""
    method = Method("noise", "noise", Noise, "code")
    return Fitted(method, Origin("noise", "noise", "code", "tiny", {}), Options(), "cpu")


def simulated(store, fitted, seed=0, batch=3):
    return SimulatedSet(store, fitted, world="w", preset="tiny", seed=seed, batch=batch)


def test_simulated_once_then_read(tmp_path, noise):
    frames = [frame(i) for i in range(7)]
    made = simulated(Store(tmp_path), noise)(frames)
    assert Noise.asked == [one.id for one in frames]
    again = simulated(Store(tmp_path), noise)(frames)
    assert len(Noise.asked) == 7
    assert all(np.array_equal(a.depth, b.depth) for a, b in zip(made, again, strict=True))
    part = simulated(Store(tmp_path), noise)(frames[2:4])
    assert len(Noise.asked) == 7
    assert np.array_equal(part[0].depth, made[2].depth)


def test_draws_seeds_and_frames_differ_and_batches_do_not_matter(tmp_path, noise):
    frames = [frame(i) for i in range(5)]
    first = simulated(Store(tmp_path / "a"), noise)(frames)
    others = [
        simulated(Store(tmp_path / "a"), noise)(frames, 1),
        simulated(Store(tmp_path / "a"), noise, seed=1)(frames),
    ]
    for other in others:
        assert not np.array_equal(first[0].depth, other[0].depth)
    one_by_one = simulated(Store(tmp_path / "b"), noise, batch=1)(list(reversed(frames)))
    assert np.array_equal(one_by_one[-1].depth, first[0].depth)
    moved = frame(0, np.full((6, 8), 9.0, np.float32))  # the same name, another content
    assert simulated(Store(tmp_path / "a"), noise)([moved])[0].depth.min() > 8


def test_a_simulation_with_missing_frames_is_filled(tmp_path, noise):
    store, frames = Store(tmp_path), [frame(i) for i in range(6)]
    whole = simulated(store, noise)(frames)
    folder = simulated(store, noise).folder(0)
    for path in (folder / "sets").iterdir():
        path.unlink()
    sorted((folder / "frames").iterdir())[0].unlink()
    Noise.asked = []
    again = simulated(store, noise)(frames)
    assert len(Noise.asked) == 3  # the batch with the gap, whole
    assert all(np.array_equal(a.depth, b.depth) for a, b in zip(whole, again, strict=True))


@pytest.mark.parametrize(("broken", "said"), [("fewer", "gave 2 frames for 3"), ("nan", "NaN")])
def test_a_broken_simulator_is_named(tmp_path, noise, broken, said):
    Noise.broken = broken
    with pytest.raises(S2RError, match=said) as wrong:
        simulated(Store(tmp_path), noise)([frame(i) for i in range(3)])
    assert "noise" in str(wrong.value)
    assert not list(tmp_path.rglob("*.npz"))


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "bias_sim.py"
    path.write_text(PLUGIN)
    return path


def checkpoint(plugin, tmp_path):
    method = find(str(plugin))
    simulator = method.cls(method.options("tiny"), "cpu")
    report = simulator.fit(None, None, 0)
    origin = Origin(
        method.word,
        method.name,
        method.code,
        "tiny",
        simulator.options.model_dump(),
        trained_scenes=("a",),
        report=report,
    )
    return save_checkpoint(simulator, tmp_path / "ck", origin)


def test_a_checkpoint_describes_itself(plugin, tmp_path):
    folder = checkpoint(plugin, tmp_path)
    origin, weights = read_origin(folder)
    assert (origin.name, origin.trained_scenes, origin.report.steps) == ("bias-sim", ("a",), 1)
    assert len(weights) == 16
    assert load_checkpoint(folder).simulate([frame(0)], [])[0].depth[0, 0] == 1.5
    assert not list(tmp_path.glob("*.part"))


class Rooms:
    """A world of pairs alone; `lacks`: a split that it has not."""

    name, preset, sensor, owns_sensor = "made", "tiny", "virtual", False

    def __init__(self, lacks=""):
        self.lacks = lacks

    def pairs(self, split):
        if split == self.lacks:
            raise UsageError(f"no split {split!r}")
        made = Pairs()
        made.digest = split
        return made


@pytest.mark.parametrize("training", ["paired", "unpaired"])
@pytest.mark.parametrize("lacks", ["", "val"])
def test_a_curve_may_tell_of_validation_pairs(tmp_path, training, lacks):
    """They come before the fit, as the method sees pairs; a folder without such a split is fitted all the same."""
    path = tmp_path / "held_out.py"
    held = """
    seen = None
    def hold_out(self, pairs):
        self.seen = pairs
    def fit(self, pairs, budget, seed, workdir=None):
        self.value = 0.5
        row = {"stage": "fit", "step": 1.0, "train_loss": 1.0}
        kind = "" if self.seen is None else f"{type(self.seen).__name__} {self.seen.digest}"
        return FitReport(steps=1, curve=({**row, "held_out": kind},))
    def simulate"""
    text = PLUGIN.replace('"paired"', f'"{training}"').replace("\n    def simulate", held)
    path.write_text(text)
    method = find(str(path))
    folder = fit(FitJob(method, Rooms(lacks), method.options("tiny")), Store(tmp_path / "home"))
    (row,) = read_origin(folder)[0].report.curve
    kind = "Pairs" if training == "paired" else "ShuffledPairs"
    assert row["held_out"] == ("" if lacks else f"{kind} val")


def test_only_simulation_options_of_a_checkpoint_may_change(plugin, tmp_path):
    folder = checkpoint(plugin, tmp_path)
    before = open_checkpoint(folder)
    after = open_checkpoint(folder, overrides={"speed": 3})
    assert after.options.speed == 3
    assert after.identity != before.identity
    assert after.weights == before.weights
    with pytest.raises(UsageError, match="fixed when the checkpoint was trained; these can be: speed"):
        open_checkpoint(folder, overrides={"bias": 1.0})
    assert taken(before.options, frozenset({"speed"})) == ({"bias": 0.5}, {"speed": 1})


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("bias.json", "", "is empty"),
        ("bias.json", "0.7", "differs"),
        ("simulator.json", "", "is empty"),
        ("simulator.json", "{", "is not JSON"),
        ("simulator.json", json.dumps({"schema": 99}), "has schema 99"),
    ],
)
def test_a_damaged_checkpoint_names_the_file(plugin, tmp_path, file, content, said):
    folder = checkpoint(plugin, tmp_path)
    (folder / file).write_text(content)
    with pytest.raises(DataError, match=said) as wrong:
        load_checkpoint(folder)
    assert str(folder / file) in str(wrong.value)


def test_a_folder_that_is_no_checkpoint(tmp_path):
    with pytest.raises(DataError, match="s2r-bench train"):
        read_origin(tmp_path)


def test_methods_by_file_and_class(plugin):
    assert find(f"{plugin}:Bias").cls.__name__ == "Bias"
    with pytest.raises(UsageError, match="no 'Nosuch'"):
        find(f"{plugin}:Nosuch")
    with pytest.raises(UsageError, match="Simulator contract"):
        find(f"{plugin}:Other")
    plugin.with_name("broken.py").write_text("1 / 0\n")
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        find(str(plugin.with_name("broken.py")))
    with pytest.raises(UsageError, match="no Python file"):
        check_name("nosuch.py")


def test_every_known_method_is_found():
    for name in known():
        method = find(name)
        assert method.name == name
        assert method.options("smoke")
        assert len(method.code) == 16
