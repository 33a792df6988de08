"""The judge itself: sound simulators pass every check, and what the checks are made of keeps its promises."""

import numpy as np
import pytest

from s2r_bench import registry
from s2r_bench.conformance import CHECKS, made_subject, world_subject
from s2r_bench.conformance.made import MadePairs, made_frames
from s2r_bench.conformance.pairs import HeldPairs, held, read_frames, renamed, spread, turned, write_frames
from s2r_bench.conformance.watch import watched
from s2r_bench.errors import UsageError
from s2r_bench.seeds import frame_seeds
from s2r_bench.steps.methods import located
from s2r_bench.worlds import open_world
from tests.conformance.plugins import failed


@pytest.mark.parametrize("word", ["no-sim", "gaussian-binned"])
def test_sound_simulators_pass_on_the_mini_world(word, tmp_path, mini):
    subject = world_subject(located(word), mini, tmp_path)
    outcomes = {check.name: check(subject) for check in CHECKS}
    assert {outcome.state for outcome in outcomes.values()} <= {"passed", "figure", "skipped"}
    assert outcomes["units"].state == "passed"
    assert {name for name, one in outcomes.items() if one.state == "figure"} == {"speed", "memory"}
    skipped = {name for name, outcome in outcomes.items() if outcome.state == "skipped"}
    never_fitted = {"not-fitted", "fit", "own-pairs", "fit-repeats", "resume", "damaged"}
    assert skipped == {"pairing"} | (never_fitted if word == "no-sim" else set())


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    return open_world("mini", preset="smoke", home=tmp_path_factory.mktemp("home"))


def test_the_oracle_is_handed_its_sensor(mini, tmp_path):
    subject = world_subject(located("oracle"), mini, tmp_path)
    assert failed({check.name: check(subject) for check in CHECKS}) == set()
    assert subject.outcome("process").state == "skipped"
    with pytest.raises(UsageError, match="needs truth"):
        made_subject("oracle", tmp_path)


def test_the_order_of_the_checks_holds():
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    for index, check in enumerate(CHECKS):
        assert set(check.needs) <= set(names[:index])
        assert check.figure or check.remedy


def test_held_pairs_lead_nowhere():
    pairs = held(MadePairs(), 4)
    assert (len(pairs), spread(6, 4)) == (4, [0, 2, 3, 5])
    assert pairs[1].id == "made/0/002"
    assert pairs[-1].id == "made/0/005"
    with pytest.raises(IndexError, match="there are 4"):
        pairs[4]
    with pytest.raises(AttributeError, match="'folder'"):
        _ = pairs.folder
    assert not hasattr(pairs, "__getitems__")  # torch's loader asks
    assert pairs.strange == ["pair 4 of 4", "attribute 'folder'"]
    assert pairs.reads == [1, 3]


def test_other_orders_and_names_keep_the_depths():
    pairs = held(MadePairs(), 6)
    moved = turned(pairs)
    assert [pair.id for pair in moved.all] == [pair.id for pair in pairs.all[1:] + pairs.all[:1]]
    assert np.array_equal(moved[0].captured.depth, pairs[1].captured.depth)
    swapped = renamed(pairs)
    assert [pair.captured.frame for pair in swapped.all] == ["001", "002", "003", "004", "005", "000"]
    assert all(np.array_equal(a.captured.depth, b.captured.depth) for a, b in zip(swapped.all, pairs.all, strict=True))


def test_held_pairs_are_copies():
    source = held(MadePairs(), 3)
    other = HeldPairs(source.all, source.digest)
    other[0].clean.depth[:] = 7
    assert source[0].clean.depth.max() < 3


def test_frames_travel_between_processes(tmp_path):
    frames = made_frames()
    write_frames(frames, tmp_path / "frames.npz")
    for before, after in zip(frames, read_frames(tmp_path / "frames.npz"), strict=True):
        assert np.array_equal(before.depth, after.depth)
        assert np.array_equal(before.K, after.K)
        assert before.id == after.id
    assert frame_seeds(frames, 0) == frame_seeds(read_frames(tmp_path / "frames.npz"), 0)


def test_writes_are_counted_in_the_folder_alone(tmp_path):
    folder, numbers = tmp_path / "work", []
    folder.mkdir()
    (tmp_path / "other.txt").write_text("x")
    with watched(folder, numbers.append) as seen:
        (folder / "a.part").write_text("1")
        (folder / "a.part").replace(folder / "a")
        (tmp_path / "b").write_text("2")
        (tmp_path / "other.txt").read_text()
    (folder / "c").write_text("3")
    assert (seen.writes, numbers) == (2, [1, 2])
    assert (tmp_path / "other.txt").resolve() in seen.opened


def test_the_oracle_alone_needs_a_world():
    cards = {name: registry.module(registry.METHODS, name).simulator.card for name in registry.names(registry.METHODS)}
    assert [name for name, card in cards.items() if card.needs] == ["oracle"]
