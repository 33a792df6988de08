"""evaluate and train: cells, caching, failures, leakage, JSON, plans."""

import json
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def evaluate(cli_here, pair_folder, plugins):
    def run(*more, method=None):
        words = ["evaluate", "-t", plugins / "close.py", "-d", pair_folder, "--preset", "smoke"]
        return cli_here(*words, "-m", method or plugins / "dummy.py", *more)

    return run


def test_scores_are_kept_and_found_again(evaluate, home):
    code, out, _ = evaluate("--json", "--seeds", "2")
    document = json.loads(out)
    assert code == 0
    assert [(cell["arm"], cell["seed"], cell["status"]) for cell in document["cells"]] == [
        ("floor", 0, "done"),
        ("dummy", 0, "done"),
        ("floor", 1, "done"),
        ("dummy", 1, "done"),
    ]
    floor, dummy = (cell["scores"][0]["mean"] for cell in document["cells"][:2])
    assert floor == pytest.approx(0.008, abs=0.001)  # mean of |N(0, 10 mm)|
    assert dummy == pytest.approx(0.0113, abs=0.002)  # two such noises together
    assert {cell["costs"].get("fit_steps") for cell in document["cells"]} == {None, 6.0}
    again = json.loads(evaluate("--json", "--seeds", "2")[1])
    assert {cell["status"] for cell in again["cells"]} == {"cached"}
    assert [cell["scores"] for cell in again["cells"]] == [cell["scores"] for cell in document["cells"]]
    assert (home / "by-name" / "close-dummy-wall-smoke-s1" / "config.yaml").is_file()


def test_a_plan_computes_nothing(evaluate, home):
    plan = json.loads(evaluate("-n", "--json")[1])
    assert plan["to_do"] == 2
    assert not (home / "runs").exists()
    evaluate()
    assert json.loads(evaluate("-n", "--json")[1])["to_do"] == 0
    assert json.loads(evaluate("-n", "--json", "--overwrite", "always")[1])["to_do"] == 2
    changed = json.loads(evaluate("-n", "--json", "--set", "dummy.noise=0.02")[1])
    assert [(cell["fit"], cell["score"]) for cell in changed["cells"]] == [(None, "cached"), ("to do", "to do")]


def test_a_failed_cell_does_not_stop_the_others(evaluate, cli_here, plugins):
    code, out, err = evaluate("-m", "gaussian-binned", "--set", "dummy.fail=simulate", "--json")
    assert code == 1
    assert {cell["arm"]: cell["status"] for cell in json.loads(out)["cells"]} == {
        "floor": "done",
        "dummy": "failed",
        "gaussian-binned": "done",
    }
    assert "simulate broke" in err
    assert "Traceback" not in err
    failed = json.loads(cli_here("results", "ls", "--failed", "--json")[1])
    assert [(row["method"], row["status"]) for row in failed] == [("dummy", "failed")]
    assert "simulate broke" in failed[0]["message"]
    _, _, err = evaluate("--set", "dummy.fail=simulate", "--overwrite", "never")
    assert "failed before" in err


def test_training_on_what_is_scored_is_refused_then_stamped(evaluate, cli_here):
    code, _, err = evaluate("--set", "task.split=train")
    assert code == 3
    assert "--allow-leakage" in err
    code, out, _ = evaluate("--set", "task.split=train", "--allow-leakage", "--json")
    assert code == 0
    key = json.loads(out)["cells"][1]["key"]
    record = json.loads(cli_here("results", "show", key, "--json")[1])
    assert record["spec"]["options"]["leakage"] == ["room0"]


def test_a_changed_plug_in_is_another_method(evaluate, plugins, tmp_path):
    mine = tmp_path / "dummy.py"
    shutil.copy(plugins / "dummy.py", mine)
    evaluate(method=mine)
    assert json.loads(evaluate("-n", "--json", method=mine)[1])["to_do"] == 0
    mine.write_text(mine.read_text() + "\n# a comment\n")
    assert json.loads(evaluate("-n", "--json", method=mine)[1])["to_do"] == 0
    mine.write_text(mine.read_text().replace("1e-3", "2e-3"))
    assert json.loads(evaluate("-n", "--json", method=mine)[1])["to_do"] == 1


def test_train_gives_a_checkpoint_that_evaluate_and_simulate_take(cli_here, evaluate, plugins, pair_folder, tmp_path):
    code, out, _ = cli_here("train", plugins / "dummy.py", "-d", pair_folder, "--max-steps", "3", "--json")
    checkpoint = json.loads(out)["fits"][0]["checkpoint"]
    described = json.loads((Path(checkpoint) / "simulator.json").read_text())
    assert code == 0
    assert described["trained_scenes"] == ["room0"]
    assert described["report"]["steps"] == 3
    assert described["sensor"] == "test sensor"
    assert json.loads(evaluate("--json", method=checkpoint)[1])["cells"][1]["costs"]["fit_steps"] == 3
    code, out, _ = cli_here("simulate", "--checkpoint", checkpoint, "-d", pair_folder, "-o", tmp_path / "sim")
    assert code == 0
    assert (tmp_path / "sim" / "manifest.json").is_file()
    assert len(list((tmp_path / "sim" / "captured").iterdir())) == 4
    code, _, err = cli_here(
        "simulate", "--checkpoint", checkpoint, "-d", pair_folder, "-o", tmp_path / "sim", "--seed", "1"
    )
    assert code == 2
    assert "another output folder" in err


CUBE = """v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
v 0 0 1
v 1 0 1
v 1 1 1
v 0 1 1
f 1 4 3 2
f 5 6 7 8
f 1 2 6 5
f 2 3 7 6
f 3 4 8 7
f 4 1 5 8
"""


def test_cad_models_are_seen_by_the_camera_that_was_learned(cli_here, plugins, pair_folder, tmp_path):
    (tmp_path / "models" / "table").mkdir(parents=True)
    (tmp_path / "models" / "table" / "cube.obj").write_text(CUBE)
    (tmp_path / "models" / "table" / "broken.obj").write_text("f 1 2 3\n")
    words = ["simulate", "-m", plugins / "dummy.py", "-d", tmp_path / "models", "--trained-on", pair_folder]
    code, out, err = cli_here(*words, "--views", "3", "--preset", "smoke", "-o", tmp_path / "out", "--json")
    document = json.loads(out)
    assert (code, document["objects"], len(document["failures"])) == (1, 1, 1), err
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["width"], manifest["height"], manifest["views"]) == (16, 12, 3)
    assert manifest["method"] == "dummy"
    again = json.loads(cli_here(*words, "--views", "3", "--preset", "smoke", "-o", tmp_path / "out", "--json")[1])
    assert (again["objects"], again["made"]) == (1, 0)


def test_cad_models_stand_in_rooms_and_are_made_in_shards(cli_here, plugins, pair_folder, tmp_path, home):
    (tmp_path / "models" / "table").mkdir(parents=True)
    for number in range(4):
        (tmp_path / "models" / "table" / f"cube{number}.obj").write_text(CUBE)
    camera = {"K": [[58.0, 0, 31.5], [0, 58.0, 23.5], [0, 0, 1]], "width": 64, "height": 48}
    (tmp_path / "camera.json").write_text(json.dumps(camera))
    words = ["simulate", "-m", plugins / "dummy.py", "-d", tmp_path / "models", "--trained-on", pair_folder]
    words += ["--views", "2", "--preset", "smoke", "--intrinsics", tmp_path / "camera.json", "--voxel", "0.03"]
    words += ["--scene", "room", "--occupancy", "50", "-o", tmp_path / "out"]
    first = json.loads(cli_here(*words, "--shard", "1/2", "--json")[1])
    assert (first["complete"], (tmp_path / "out" / "manifest.json").exists()) == (False, False)
    code, out, err = cli_here(*words, "--shard", "2/2")
    assert code == 0, err
    assert "views at" in out
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["scene"], manifest["counts"]["objects"]) == ("room", 4)
    assert 0 < first["made"] < 4
    assert len(list((home / "shelf" / "labels").glob("*.npz"))) == 1  # one mesh under four names
    assert (tmp_path / "out" / "contact_sheet.png").is_file()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--scene", "moon"], "a folder of rooms"),
        (["--shard", "3/2"], "I/N"),
        (["--trajectory", "nowhere.json"], "no trajectory at"),
    ],
)
def test_scans_that_cannot_be_are_refused_before_any_fit(cli_here, plugins, pair_folder, tmp_path, words, why):
    (tmp_path / "models").mkdir()
    code, _, err = cli_here("simulate", "-m", plugins / "dummy.py", "-d", tmp_path / "models", *words)
    assert code in (2, 3)
    assert why in err
    code, _, err = cli_here("simulate", "-m", plugins / "dummy.py", "-d", pair_folder, "--scene", "room")
    assert code == 2
    assert "are for CAD models" in err


@pytest.mark.parametrize("damage", ["empty", "cut", "gone"])
def test_a_damaged_checkpoint_is_named(cli_here, plugins, pair_folder, damage):
    _, out, _ = cli_here("train", plugins / "dummy.py", "-d", pair_folder, "--json")
    checkpoint = json.loads(out)["fits"][0]["checkpoint"]
    file = Path(checkpoint) / "dummy.json"
    content = file.read_text()
    file.unlink()
    if damage != "gone":
        file.write_text("" if damage == "empty" else content[:-2])
    code, _, err = cli_here("simulate", "--checkpoint", checkpoint, "-d", pair_folder)
    assert code == 3
    assert err.count("\n") == 1
    assert "dummy.json" in err


def test_a_full_disk_is_four_and_nothing_is_half_written(evaluate, home, monkeypatch):
    import errno

    replace = Path.replace

    def full(self, target):
        if Path(target).name == "result.json":
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    code, _, err = evaluate()
    assert code == 4
    assert "no space left" in err
    assert "result.json" in err
    assert not list(home.glob("runs/*/*/result.json*"))
    assert not list(home.rglob("*.part"))
    monkeypatch.undo()


def test_options_and_config_errors_are_two(evaluate, cli_here, tmp_path):
    code, _, err = evaluate("--set", "dummy.nosuch=1")
    assert code == 2
    assert "nosuch" in err
    suite = tmp_path / "suite.yaml"
    suite.write_text("methods: [no-sim]\nworld: mini\nmax_steps: -1\n")
    code, _, err = cli_here("run", suite)
    assert code == 2
    assert f"{suite}:3 max_steps: should be greater than 0" in err
    suite.write_text("world: mini\nmethods:\n  no-sim:\n  gaussian-binned:\n    nosuch: 1\n")
    code, _, err = cli_here("run", suite)
    assert code == 2
    assert f"error: {suite}:5 gaussian-binned: nosuch:" in err


def test_export_and_report(evaluate, cli_here, tmp_path):
    evaluate()
    code, out, _ = cli_here("results", "export")
    rows = out.strip().splitlines()
    assert code == 0
    assert rows[0] == "task,method,world,preset,protocol,seed,key,sample,category,metric,value"
    assert len(rows) == 1 + 2 * 4
    code, out, _ = cli_here("results", "export", "-f", "parquet", "-o", tmp_path / "scores.parquet")
    assert code == 0
    assert (tmp_path / "scores.parquet").stat().st_size > 0


def test_unfinished_methods_are_named_in_an_empty_home(cli_here):
    assert cli_here("report")[0] == 3
    assert cli_here("results", "ls")[0] == 0


@pytest.mark.parametrize("words", [["train", "ours"], ["simulate", "-m", "ours"], ["evaluate", "-m", "ours"]])
def test_a_plan_makes_no_world(cli_here, home, words):
    code, out, err = cli_here(*words, "--preset", "smoke", "-n", "--json")
    assert code == 0, err
    assert not home.exists() or not any(home.rglob("*"))
    assert json.loads(out)


def test_recon_is_measured_against_the_oracle_where_a_world_has_one(cli_here, pair_folder):
    def planned(*words):
        code, out, err = cli_here("evaluate", "-t", "recon", "--preset", "smoke", "-n", "--json", *words)
        return code, {cell["arm"] for cell in json.loads(out).get("cells", [])}, err

    assert planned()[1] >= {"no-sim", "ours", "oracle"}
    assert "oracle" not in planned("-m", "no-sim")[1]
    code, _, _ = planned("-d", pair_folder)
    assert code == 2
