"""Each way of being broken fails the checks that it should, and no others."""

import pytest

from tests.conformance.plugins import BROKEN, HONEST_UNPAIRED, failed, judged, written

PROCESSES = {"resume", "process"}  # each starts another: left out where nothing points at them


def test_sound_pieces_pass(tmp_path):
    outcomes = judged(written(tmp_path, {}), tmp_path / "room")
    assert failed(outcomes) == set()
    assert "killed at read 4 of 6" in outcomes["resume"].found


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_simulator_fails_what_it_should(name, tmp_path):
    pieces, wanted = BROKEN[name]
    leave_out = set() if wanted & PROCESSES else PROCESSES
    outcomes = judged(written(tmp_path, pieces), tmp_path / "room", leave_out)
    assert failed(outcomes) == wanted, [str(one) for one in outcomes.values() if one.state == "failed"]
    assert all(outcomes[one].found and outcomes[one].remedy for one in wanted)


def test_an_honest_unpaired_simulator_passes(tmp_path):
    outcomes = judged(written(tmp_path, HONEST_UNPAIRED), tmp_path / "room")
    assert failed(outcomes) == set()
    assert outcomes["pairing"].state == "passed"


def test_what_builds_on_a_failed_check_is_not_judged(tmp_path):
    outcomes = judged(written(tmp_path, BROKEN["gives NaN"][0]), tmp_path / "room")
    assert {name for name, one in outcomes.items() if one.state == "blocked"} >= {"units", "camera", "batch", "saved"}
    assert "NaN" in outcomes["values"].found
    assert outcomes["damaged"].state == "passed"  # does not depend on what is drawn


def test_a_fit_that_raises(tmp_path):
    outcomes = judged(written(tmp_path, {"fit": "raise MemoryError('too much')"}), tmp_path / "room")
    assert failed(outcomes) == {"fit"}
    assert outcomes["fit"].found == "MemoryError: too much"
    assert outcomes["values"].state == "blocked"


def test_a_class_without_parts_fails_the_contract_alone(tmp_path):
    path = tmp_path / "half.py"
    path.write_text("class Half:\n    card = 3\n    def fit(self): ...\n")
    outcomes = judged(f"{path}:Half", tmp_path / "room")
    assert failed(outcomes) == {"contract"}
    assert "no options_type, simulate, save, load" in outcomes["contract"].found
    assert {one.state for one in outcomes.values()} == {"failed", "blocked"}


def test_a_resumed_fit_that_keeps_its_place_passes(tmp_path):
    fit = """
        path = workdir / "sum.json" if workdir else None
        state = read_json(path) if path and path.is_file() else {"step": 0, "sum": 0.0}
        for step in range(state["step"], 6):
            state = {"step": step + 1, "sum": state["sum"] + float(rng_of(seed, step).random()) / 100}
            if path:
                write_json(path, state)
        self.state = {"bias": state["sum"], "spread": 0.01}
        return FitReport(steps=6)
    """
    outcomes = judged(written(tmp_path, {"fit": fit}), tmp_path / "room")
    assert failed(outcomes) == set()
    assert outcomes["resume"].found.startswith("killed at write 7 of 12")  # a file opened and renamed a step
