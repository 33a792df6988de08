"""The script that measures the preset `paper` of the OcCo tasks, at toy size; its sizes are the published ones."""

import json
import subprocess
import sys
from pathlib import Path

import occo_paper
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "occo_paper.py"


def run(*words):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words], capture_output=True, text=True, timeout=300, check=False
    )


def test_toy_run(tmp_path):
    out = tmp_path / "toy.json"
    done = run("--preset", "smoke", "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(out.read_text())["rows"]
    assert [row["part"] for row in rows] == list(occo_paper.PARTS)
    for row in rows:
        assert row["batch"] == row["published_batch"]
        assert row["did_not_fit"] == []
        assert row["step_s"] == pytest.approx(row["forward_s"] + row["backward_s"])
        assert 0 < row["peak_gib"] < 4
        assert row["part"] in done.stdout


def test_the_preset_paper_has_the_published_sizes():
    sizes = {name: part("paper")[3:] for name, part in occo_paper.PARTS.items()}
    assert sizes == {
        "completion": (32, "1024 to 1024 and 16384 points"),
        "classifier": (10, "1024 points, k 20"),
        "segmentation": (24, "4096 points x 9, k 20"),
    }


def test_a_batch_that_does_not_fit_is_halved_and_told(tmp_path, monkeypatch):
    answers = [(occo_paper.NO_ROOM, "24\n"), (-9, "12\n"), (0, '6\n{"part": "segmentation", "batch": 6}\n')]
    asked = []

    def answer(words, **given):
        asked.append(words[words.index("--batch") + 1])
        code, out = answers.pop(0)
        return subprocess.CompletedProcess(words, code, out, "")

    monkeypatch.setattr(subprocess, "run", answer)
    chosen = occo_paper.argparse.Namespace(preset="paper", device="cpu", repeats=1, memory=0.0)
    assert occo_paper.alone("segmentation", chosen)["did_not_fit"] == [24, 12]
    assert asked == ["0", "12", "6"]
    answers[:] = [(1, "24\n")]
    with pytest.raises(SystemExit, match="segmentation"):
        occo_paper.alone("segmentation", chosen)


def test_no_memory_at_all_ends_with_the_code_for_it():
    done = run("--one", "classifier", "--preset", "smoke", "--memory", "0.01")
    assert done.returncode != 0
    assert run("--repeats", "0").returncode == 2
