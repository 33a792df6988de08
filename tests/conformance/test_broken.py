"""Each way of being broken fails the checks that it should, and no others."""

import pytest

from tests.conformance.plugins import BROKEN, HONEST_UNPAIRED, PIECES, failed, judged, written

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


def test_what_load_raises_is_told_with_its_line(tmp_path):
    word = written(tmp_path, BROKEN["trusts any file"][0])
    outcome = judged(word, tmp_path / "room", PROCESSES)["damaged"]
    line = 1 + (tmp_path / "mine.py").read_text().splitlines().index("    def load(self, folder):") + 1
    assert "FileNotFoundError" in outcome.found
    assert f"({tmp_path / 'mine.py'}:{line}, in load), not DataError" in outcome.found
    assert "FileNotFoundError" in outcome.trace


def test_what_another_process_raises_is_told_with_its_line(tmp_path):
    load = f"""
        import os
        if os.environ.get("PYTHONHASHSEED") == "12345":
            raise KeyError("x")
        {PIECES["load"].strip()}
    """
    outcome = judged(written(tmp_path, {"load": load}), tmp_path / "room", {"resume"})["process"]
    line = 1 + (tmp_path / "mine.py").read_text().splitlines().index('            raise KeyError("x")')
    assert outcome.found == f"in another process: KeyError: 'x' ({tmp_path / 'mine.py'}:{line}, in load)"
    assert "Traceback" in outcome.trace


def test_what_builds_on_a_failed_check_is_not_judged(tmp_path):
    outcomes = judged(written(tmp_path, BROKEN["gives NaN"][0]), tmp_path / "room")
    assert {name for name, one in outcomes.items() if one.state == "blocked"} >= {"units", "camera", "batch", "saved"}
    assert "NaN" in outcomes["values"].found
    assert outcomes["damaged"].state == "passed"  # does not depend on what is drawn


def test_a_fit_that_raises(tmp_path):
    outcomes = judged(written(tmp_path, {"fit": "raise MemoryError('too much')"}), tmp_path / "room")
    assert failed(outcomes) == {"fit"}
    line = 1 + (tmp_path / "mine.py").read_text().splitlines().index("        raise MemoryError('too much')")
    assert outcomes["fit"].found == f"MemoryError: too much ({tmp_path / 'mine.py'}:{line}, in fit)"
    assert outcomes["fit"].trace.startswith("Traceback")
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
