"""ARKitScenes and BOP on the command line, from the download to a score."""

import json

import pytest
from rgbd_trees import MODELS, write_arkitscenes, write_bop, write_ply

EVALUATE = ["evaluate", "-t", "fidelity", "--preset", "smoke", "--no-references", "-m", "no-sim"]


@pytest.mark.parametrize("name", ["arkitscenes", "bop"])
def test_from_a_download_to_a_score(cli_here, tmp_path, name):
    source = write_arkitscenes(tmp_path / "toy") if name == "arkitscenes" else write_bop(tmp_path / "toy", poses=True)
    assert cli_here("data", "verify", name, "--from", source)[0] == 0
    code, out, _ = cli_here("data", "prepare", name, "--from", source, "--json")
    assert (code, json.loads(out)["kind"]) == (0, "pairs")
    here = {one["name"]: one["here"] for one in json.loads(cli_here("data", "list", "--json")[1])}
    assert here[name]
    code, out, err = cli_here(*EVALUATE, "--set", "task.frames=3", "-d", name, "--json")
    (cell,) = json.loads(out)["cells"]
    assert (code, cell["status"]) == (0, "done"), err
    found = {score["metric"]: score["mean"] for score in cell["scores"]}
    assert found["chamfer_l2"] > 0
    (source / "models" if name == "bop" else source / "3dod" / "Validation").rename(tmp_path / "gone")
    code, _, err = cli_here("data", "prepare", name, "--from", source, "-o", tmp_path / "again")
    assert code == 3
    assert "obj_000001.ply" in err or "do not make three parts" in err


def test_a_corpus_is_described(cli_here, tmp_path):
    write_ply(tmp_path / "models" / "chair" / "a.ply", MODELS[5])
    (tmp_path / "models" / "chair" / "b.ply").write_text("ply")
    code, out, _ = cli_here("data", "describe", tmp_path / "models", "--json")
    about = json.loads(out)
    assert (code, about["categories"], list(about["failures"])) == (0, {"chair": 1}, ["chair_b"])
    assert about["longest_side_m"]["chair"] == 0.3
    code, out, _ = cli_here("data", "describe", tmp_path / "models")
    assert "median longest side 0.30 m" in out
