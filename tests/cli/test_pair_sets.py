"""ARKitScenes and BOP on the command line, from the download to a score."""

import json

import pytest
from paper_home import write_abo, write_modelnet, write_rooms, write_scans
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


WRITERS = {"modelnet40": write_modelnet, "scanobjectnn": write_scans, "s3dis": write_rooms, "abo": write_abo}


@pytest.mark.parametrize("name", WRITERS)
def test_a_set_by_its_name(cli_here, tmp_path, name):
    code, _, err = cli_here("data", "prepare", name)
    assert code == 2  # it says where to get it, and under which licence
    assert "licence" in err
    assert "https://" in err or "http://" in err
    for words in (("verify", name), ("describe", name)):
        code, _, err = cli_here("data", *words)
        assert code == 3
        assert f"{name} is not on this machine" in err
    source = WRITERS[name](tmp_path / "source")
    assert cli_here("data", "verify", name, "--from", source)[0] == 0
    assert cli_here("data", "prepare", name, "--from", source)[0] == 0
    assert {one["name"] for one in json.loads(cli_here("data", "list", "--json")[1]) if one["here"]} == {"mini", name}
    assert cli_here("data", "verify", name)[0] == 0
    code, out, _ = cli_here("data", "describe", name, "--json")
    told = json.loads(out)
    assert code == 0
    assert {"variants", "rooms", "categories"} & set(told)
    code, out, _ = cli_here("data", "verify", name, "--strict", "--json")
    warned = json.loads(out)["findings"]
    assert (code, bool(warned)) == ((5, True) if name in ("scanobjectnn", "s3dis") else (0, False))


def test_pairs_are_described_by_their_split(cli_here, tmp_path):
    cli_here("data", "prepare", "bop", "--from", write_bop(tmp_path / "toy", poses=True))
    code, out, _ = cli_here("data", "describe", "bop", "--json")
    told = json.loads(out)
    assert (code, told["pairs"], told["width"], told["height"]) == (0, 12, 120, 90)
    assert told["splits"]["test"]["scenes"] == 1
    assert told["splits"]["test"]["median_apart_mm"] < 3  # noise of 2 mm
    assert told["splits"]["test"]["clean_holes"] > 0.5  # the clean side holds the models alone
    assert "pairs of 120x90 pixels, depth camera of toy (BOP)" in cli_here("data", "describe", "bop")[1]
    code, _, err = cli_here("data", "describe", "nothing")
    assert code == 2
    assert "neither a path nor a data set 'nothing'" in err


def test_a_corpus_is_described(cli_here, tmp_path):
    write_ply(tmp_path / "models" / "chair" / "a.ply", MODELS[5])
    (tmp_path / "models" / "chair" / "b.ply").write_text("ply")
    code, out, _ = cli_here("data", "describe", tmp_path / "models", "--json")
    about = json.loads(out)
    assert (code, about["categories"], list(about["failures"])) == (0, {"chair": 1}, ["chair_b"])
    assert about["longest_side_m"]["chair"] == 0.3
    code, out, _ = cli_here("data", "describe", tmp_path / "models")
    assert "median longest side 0.30 m" in out
