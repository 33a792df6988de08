"""evaluate --task classify, as a user types it."""

import json

import h5py
import numpy as np
import torch

from s2r_bench.cad.modelnet40 import CLASSES
from s2r_tasks._occo.options import ClassifyNetworks
from s2r_tasks._occo.published import published_state


def test_the_command_runs_as_it_is_documented(cli_here):
    words = ["evaluate", "--task", "classify", "--shots", "2", "--ways", "3", "--preset", "smoke", "-m", "no-sim"]
    code, out, _ = cli_here(*words, "--json")
    document = json.loads(out)
    assert code == 0
    assert {(cell["arm"], cell["status"]) for cell in document["cells"]} == {
        ("random-init", "done"),
        ("no-sim", "done"),
    }
    means = {score["metric"]: score for score in document["cells"][1]["scores"]}
    assert means["accuracy"]["samples"] == means["svm_accuracy"]["samples"] == 2
    again = json.loads(cli_here(*words, "--json")[1])
    assert {cell["status"] for cell in again["cells"]} == {"cached"}
    code, _, err = cli_here(*words[:4], "0.25", *words[5:])
    assert code == 2
    assert "number of samples of each class" in err
    code, _, err = cli_here(*words[:4], "6", *words[5:])
    assert code == 3
    assert "6 shots need as many in train and 1 query" in err


def test_clouds_of_modelnet40_are_pretrained_on(cli_here, tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "modelnet40_ply_hdf5_2048"
    folder.mkdir()
    for part in ("train0", "test0"):
        points = rng.normal(size=(2, 2048, 3))
        points /= np.linalg.norm(points, axis=2, keepdims=True)  # two balls: a point is its normal
        with h5py.File(folder / f"ply_data_{part}.h5", "w") as file:
            file["data"] = file["normal"] = points.astype(np.float32)
            file["label"] = np.array([[CLASSES.index("chair")], [CLASSES.index("vase")]], np.uint8)
        (folder / f"{part[:-1]}_files.txt").write_text(f"data/{folder.name}/ply_data_{part}.h5\n")
    (folder / "shape_names.txt").write_text("\n".join(CLASSES) + "\n")
    words = ["evaluate", "-t", "classify", "--preset", "smoke", "-m", "no-sim", "--no-references", "--json"]
    code, out, _ = cli_here(*words, "--set", f"world.corpus.path={tmp_path}")
    assert code == 0
    means = {score["metric"]: score["mean"] for score in json.loads(out)["cells"][0]["scores"]}
    assert means["views"] + means["views_left_out"] == 4 * 2
    assert means["views"] >= 4


def test_a_published_checkpoint_is_an_arm_of_the_table(cli_here, tmp_path):
    file = tmp_path / "dgcnn.pth"
    torch.save({"model_state_dict": published_state(ClassifyNetworks.preset("smoke").completion(), "module.")}, file)
    words = ["evaluate", "-t", "classify", "--preset", "smoke", "-m", "no-sim", "--set", "task.learners=[svm]"]
    given = ["--set", f"task.published_weights={file}"]
    code, out, _ = cli_here(*words, *given, "--dry-run")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[:3]] == ["random-init", "published", "no-sim"]
    code, out, err = cli_here(*words, *given)
    assert code == 0
    assert any(line.split() == ["random-init", "published", "no-sim"] for line in out.splitlines())
    row = next(line for line in out.splitlines() if "encoder transferred" in line)
    assert row.count("100.0") == 2
    assert "no run of the reference" not in out + err
    code, out, err = cli_here(*words)  # without the file there is no such arm, and nothing lacks
    assert code == 0
    assert "published" not in out
    assert "no run of the reference" not in out + err
    file.unlink()
    code, _, err = cli_here(*words, *given)
    assert code == 3
    assert f"{file} is missing: task.published_weights names a checkpoint" in err
