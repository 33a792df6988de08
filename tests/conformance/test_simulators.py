"""What every simulator owes its callers. A new file in the room is covered by being there."""

from pathlib import Path

import numpy as np
import pytest

from s2r_bench import registry
from s2r_bench.errors import DataError, NotFittedError
from s2r_bench.seeds import FrameSeed, frame_seeds
from s2r_bench.simulator import Budget, Card, Simulator
from s2r_bench.types import DepthFrame, DepthPair

SIZE = (48, 64)
K = np.array([[58.5, 0, 32], [0, 58.5, 24], [0, 0, 1.0]])


class MadePairs:
    """Six views of slanted floors with a box on them; the capture is biased, noisy and has holes beside the box."""

    scenes = frozenset({"made"})
    digest = "made-1"

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> DepthPair:
        dice = np.random.default_rng(index)
        rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
        clean = 2.2 - 0.02 * rows + 0.002 * columns
        left, top = dice.integers(8, 30, 2)
        clean[top : top + 16, left : left + 20] = 1.1
        clean[:2] = 0
        captured = clean * (1 + 0.002 + 0.004 * dice.standard_normal(SIZE))
        captured[top : top + 16, left - 4 : left] = 0
        captured[clean == 0] = 0
        return DepthPair(_frame(clean, index), _frame(captured, index))


def _frame(depth, index):
    return DepthFrame(depth.astype(np.float32), K, np.eye(4), "made", "0", f"{index:03d}")


def _simulates(name: str) -> bool:
    """The oracle is handed a world's sensor by the runner, and cannot be asked of made frames: tests/baselines."""
    return "truth" not in registry.module(registry.METHODS, name).simulator.card.needs


NAMES = [name for name in registry.names(registry.METHODS) if _simulates(name)]


def make(name):
    found = registry.module(registry.METHODS, name).simulator
    return found(found.options_type.preset("smoke"))


@pytest.fixture(scope="module", params=NAMES)
def fitted(request):
    simulator = make(request.param)
    if simulator.card.training != "untrained":
        simulator.fit(MadePairs(), Budget(), seed=0)
    return simulator


@pytest.fixture
def frames():
    return [MadePairs()[index].clean for index in range(3)]


def test_keeps_the_contract(fitted):
    assert isinstance(fitted, Simulator)
    assert isinstance(fitted.card, Card)
    assert fitted.card.title
    assert fitted.card.source
    assert fitted.card.licence


def test_camera_and_name_are_kept_and_depth_is_sound(fitted, frames):
    for before, after in zip(frames, fitted.simulate(frames, frame_seeds(frames, 0)), strict=True):
        assert after.id == before.id
        assert np.array_equal(after.K, before.K)
        assert np.array_equal(after.world_from_cam, before.world_from_cam)
        assert after.depth.dtype == np.float32  # NaN, infinite and negative are refused by DepthFrame itself
        low, high = fitted.card.depth_range_m
        assert (after.depth[after.valid] >= low).all()
        assert (after.depth[after.valid] <= high).all()


def test_nothing_is_seen_where_nothing_is(fitted, frames):
    for before, after in zip(frames, fitted.simulate(frames, frame_seeds(frames, 0)), strict=True):
        assert not (after.valid & ~before.valid).any()


def test_input_is_left_alone(fitted, frames):
    copies = [frame.depth.copy() for frame in frames]
    fitted.simulate(frames, frame_seeds(frames, 0))
    assert all(np.array_equal(frame.depth, copy) for frame, copy in zip(frames, copies, strict=True))


def test_a_frame_depends_on_itself_and_its_seed_alone(fitted, frames):
    seeds = [FrameSeed(7, 1), FrameSeed(80, 1), FrameSeed(3, 2)]
    whole = fitted.simulate(frames, seeds)
    alone = fitted.simulate(frames[1:2], seeds[1:2])
    swapped = fitted.simulate(frames[::-1], seeds[::-1])
    assert np.array_equal(whole[1].depth, alone[0].depth)
    assert all(np.array_equal(a.depth, b.depth) for a, b in zip(whole, swapped[::-1], strict=True))


def test_stochastic_is_as_declared(fitted, frames):
    first = fitted.simulate(frames[:1], [FrameSeed(1, 1)])[0]
    other = fitted.simulate(frames[:1], [FrameSeed(2, 2)])[0]
    assert np.array_equal(first.depth, other.depth) != fitted.card.stochastic


def test_saved_and_loaded_is_the_same(fitted, frames, tmp_path):
    fitted.save(tmp_path)
    again = type(fitted)(fitted.options)
    again.load(tmp_path)
    seeds = frame_seeds(frames, 5)
    pairs = zip(fitted.simulate(frames, seeds), again.simulate(frames, seeds), strict=True)
    assert all(np.array_equal(a.depth, b.depth) for a, b in pairs)


def test_an_emptied_checkpoint_is_refused_by_name(fitted, tmp_path):
    fitted.save(tmp_path)
    for path in sorted(item for item in tmp_path.rglob("*") if item.is_file()):
        kept = path.read_bytes()
        path.write_bytes(b"")
        with pytest.raises(DataError, match=path.name):
            type(fitted)(fitted.options).load(tmp_path)
        path.write_bytes(kept)


@pytest.mark.parametrize("name", NAMES)
def test_refuses_before_it_is_fitted(name, frames, tmp_path: Path):
    simulator = make(name)
    if simulator.card.training == "untrained":
        assert simulator.simulate(frames, frame_seeds(frames, 0))
        return
    with pytest.raises(NotFittedError):
        simulator.simulate(frames, frame_seeds(frames, 0))
    with pytest.raises(NotFittedError):
        simulator.save(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_fitting_again_with_the_same_seed_gives_the_same_simulator(name, frames):
    if make(name).card.training == "untrained":
        pytest.skip(f"{name} is not trained")
    results = []
    for seed in (3, 3):
        simulator = make(name)
        simulator.fit(MadePairs(), Budget(), seed=seed)
        results.append(simulator.simulate(frames[:1], [FrameSeed(1, 1)])[0].depth)
    assert np.array_equal(results[0], results[1])
