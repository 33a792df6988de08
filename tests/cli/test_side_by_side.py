"""Cells in several processes: the answers of one process, in its order; failures, and a process that dies."""

import json

import pytest

from s2r_bench.cli.side_by_side import MOST, jobs_for


@pytest.fixture
def evaluate(cli_here, pair_folder, plugins):
    def run(*more, home=None, dummy=plugins / "dummy.py"):
        words = ["evaluate", "-t", plugins / "close.py", "-d", pair_folder, "--preset", "smoke", "--json"]
        code, out, err = cli_here(
            *words, "-m", dummy, "-m", "gaussian-binned", *more, *(["--home", home] if home else [])
        )
        return code, json.loads(out), err

    return run


def told(document):
    return [(cell["arm"], cell["seed"], cell["status"], cell.get("scores")) for cell in document["cells"]]


def test_two_at_a_time_find_what_one_finds(evaluate, tmp_path):
    code, alone, _ = evaluate("--seeds", "2", "--jobs", "1", home=tmp_path / "one")
    again, together, err = evaluate("--seeds", "2", "--jobs", "2", home=tmp_path / "two")
    assert (code, again) == (0, 0)
    assert "2 cells at a time" in err
    assert told(together) == told(alone)
    assert len(together["cells"]) == 6
    cached = evaluate("--seeds", "2", "--jobs", "2", home=tmp_path / "two")
    assert {cell["status"] for cell in cached[1]["cells"]} == {"cached"}
    assert "at a time" not in cached[2]  # nothing is left to share out


def test_a_run_keeps_the_curve_of_its_simulators_training(evaluate, plugins, tmp_path):
    """With the task's own artifacts, so that a report needs no fit at hand; who tells no curve keeps none."""
    source, row = (plugins / "dummy.py").read_text(), {"stage": "fit", "step": 1.0, "train_loss": 0.5}
    (tmp_path / "dummy.py").write_text(source.replace("parameters=1)", f"parameters=1, curve=({row},))"))
    evaluate("--jobs", "1", home=tmp_path / "home", dummy=tmp_path / "dummy.py")
    (kept,) = (tmp_path / "home").glob("runs/evaluate/*/artifacts/training_curve.json")
    assert json.loads(kept.read_text()) == [row]
    listed = json.loads((kept.parent.parent / "artifacts.json").read_text())
    assert listed["training_curve"] == "artifacts/training_curve.json"


def test_a_failed_cell_does_not_stop_the_others_elsewhere(evaluate):
    code, document, err = evaluate("--set", "dummy.fail=simulate", "--jobs", "2")
    assert code == 1
    assert [(cell["arm"], cell["status"]) for cell in document["cells"]] == [
        ("floor", "done"),
        ("dummy", "failed"),
        ("gaussian-binned", "done"),
    ]
    assert "simulate broke" in err
    assert "Traceback" not in err


def test_a_process_that_dies_is_told(evaluate, plugins, tmp_path):
    source = (plugins / "dummy.py").read_text()
    (tmp_path / "dummy.py").write_text(source.replace('raise RuntimeError("simulate broke")', "os._exit(9)"))
    code, document, err = evaluate("--set", "dummy.fail=simulate", "--jobs", "2", dummy=tmp_path / "dummy.py")
    assert code == 4
    assert document["error"]["kind"] == "EnvironmentLacksError"
    assert "--jobs 1" in err


def test_how_many(monkeypatch):
    monkeypatch.delenv("S2R_JOBS", raising=False)
    monkeypatch.setenv("S2R_WORKERS", "2")
    assert jobs_for(None, "cpu", 10) == 3
    assert jobs_for(None, "cpu", 2) == 2
    assert jobs_for(None, "cpu", 0) == 1
    assert jobs_for(None, "cuda", 10) == 1
    assert jobs_for(8, "cuda", 10) == 8
    monkeypatch.setenv("S2R_WORKERS", "64")
    assert jobs_for(None, "cpu", 100) == MOST
    monkeypatch.setenv("S2R_JOBS", "2")
    assert jobs_for(None, "cpu", 100) == 2
