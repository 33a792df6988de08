"""evaluate --task segment, as a user types it."""

import json

import numpy as np


def test_the_command_runs_as_it_is_documented(cli_here):
    words = ["evaluate", "--task", "segment", "--preset", "smoke", "-m", "no-sim"]
    code, out, _ = cli_here(*words, "--json")
    document = json.loads(out)
    assert code == 0
    assert {(cell["arm"], cell["status"]) for cell in document["cells"]} == {
        ("random-init", "done"),
        ("no-sim", "done"),
    }
    for cell in document["cells"]:
        found = {score["metric"]: score for score in cell["scores"]}
        assert found["miou_fold_mean"]["samples"] == found["folds"]["mean"] == 2
        assert 0 <= found["miou_pooled"]["mean"] <= 1
    code, out, err = cli_here(*words)
    assert code == 0
    assert "cached" in err
    assert "mIoU, folds pooled" in out
    flat = " ".join(out.split())
    assert "label budget fraction 0.1 room (our interpretation: the paper states none), folds 1, 4 of 6" in flat


def test_rooms_of_s3dis_on_disk(cli_here, tmp_path):
    rng = np.random.default_rng(0)
    for area in (1, 2, 3):
        notes = tmp_path / f"s3dis/Area_{area}/office_1/Annotations"
        notes.mkdir(parents=True)
        for name in ("floor_1", "chair_1"):
            rows = np.concatenate([rng.uniform(0, 1.8, (200, 3)), rng.integers(0, 256, (200, 3))], axis=1)
            np.savetxt(notes / f"{name}.txt", rows, fmt="%.3f %.3f %.3f %d %d %d")
    words = ["evaluate", "-t", "segment", "-d", "s3dis", "--preset", "smoke", "-m", "no-sim", "--set", "task.folds=[1]"]
    words[4] = str(tmp_path / "s3dis")
    code, _, err = cli_here(*words)
    assert code == 3
    assert "Area_1 holds 1 rooms, the published area 44" in err
    code, out, _ = cli_here(*words, "--set", "world.complete=false", "--json")
    assert code == 0
    cells = json.loads(out)["cells"]
    assert [cell["arm"] for cell in cells] == ["random-init", "no-sim"]
    found = {score["metric"]: score["mean"] for score in cells[1]["scores"]}
    assert found["folds"] == 1
    assert found["transferred"] >= 0.15
