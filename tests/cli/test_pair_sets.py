"""ARKitScenes and BOP on the command line, from the download to a score."""

import json

import pytest
from rgbd_trees import write_arkitscenes, write_bop

EVALUATE = [
    "evaluate",
    "-t",
    "fidelity",
    "--preset",
    "smoke",
    "--no-references",
    "--set",
    "task.frames=3",
    "-m",
    "no-sim",
]


@pytest.mark.parametrize("name", ["arkitscenes", "bop"])
def test_from_a_download_to_a_score(cli_here, tmp_path, name):
    source = write_arkitscenes(tmp_path / "toy") if name == "arkitscenes" else write_bop(tmp_path / "toy", poses=True)
    assert cli_here("data", "verify", name, "--from", source)[0] == 0
    code, out, _ = cli_here("data", "prepare", name, "--from", source, "--json")
    assert (code, json.loads(out)["kind"]) == (0, "pairs")
    here = {one["name"]: one["here"] for one in json.loads(cli_here("data", "list", "--json")[1])}
    assert here[name]
    code, out, err = cli_here(*EVALUATE, "-d", name, "--json")
    (cell,) = json.loads(out)["cells"]
    assert (code, cell["status"]) == (0, "done"), err
    found = {score["metric"]: score["mean"] for score in cell["scores"]}
    assert found["chamfer_l2"] > 0
    (source / "models" if name == "bop" else source / "3dod" / "Validation").rename(tmp_path / "gone")
    code, _, err = cli_here("data", "prepare", name, "--from", source, "-o", tmp_path / "again")
    assert code == 3
    assert "obj_000001.ply" in err or "do not make three parts" in err
