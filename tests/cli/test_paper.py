"""The paper's suites: each runs at smallest size through the same code, and says before what it would take."""

import json

import pytest
from paper_home import write_paper_home, write_rooms, write_scans

from s2r_bench.config import load_suite, rounds_of, suites
from s2r_bench.steps.evaluate import open_task
from s2r_bench.steps.methods import find

PAPER = ("paper-recon", "paper-cls", "paper-seg", "paper-direct")
ARMS = ["no-sim", "cyclegan", "pix2pix", "gigagan", "sd", "ours"]
LASA = {"paper-recon": 4, "paper-cls": 3, "paper-seg": 3, "paper-direct": 1}


def cells(out):
    document = json.loads(out)
    rounds = document.get("rounds", [document])
    return {(one.get("round", ""), cell["arm"]): cell for one in rounds for cell in one["cells"]}, document


def test_reconstruction_runs_in_both_rounds(cli_here, home):
    words = [
        "run",
        "paper-recon",
        "-d",
        "mini",
        "--preset",
        "smoke",
        "--seeds",
        "1",
        "-m",
        "no-sim",
        "-m",
        "ours",
        "--json",
    ]
    code, out, err = cli_here(*words)
    found, document = cells(out)
    assert code == 0, err
    assert {cell["status"] for cell in found.values()} == {"done"}
    assert {key for key in found if key[1] in ("no-sim", "ours")} == {
        (f"paper-recon-strict-{name}", arm) for name in ("zero-shot", "few-shot") for arm in ("no-sim", "ours")
    }
    for arm in ("no-sim", "ours"):
        learned = [
            {score["metric"]: score["mean"] for score in found[f"paper-recon-strict-{name}", arm]["scores"]}
            for name in ("zero-shot", "few-shot")
        ]
        assert [one["captured_objects"] > 0 for one in learned] == [False, True]
        assert {"iou", "chamfer_l2", "f_score"} <= set(learned[0])
    assert len(list((home / "shelf" / "recon-vae").glob("*/done.json"))) == 1  # shared by arms and rounds
    assert len(list((home / "shelf" / "recon-pretrained").glob("*/done.json"))) == 2  # shared by rounds
    reports = {path.parent.name for path in (home / "reports").glob("*/report.md")}
    assert len(reports) == 2, list((home / "reports").rglob("*"))
    assert document["command"] == "run"


def test_one_round_is_picked(cli_here):
    words = ["run", "paper-recon", "-d", "mini", "--preset", "smoke", "-n", "--json", "--round"]
    code, out, _ = cli_here(*words, "zero-shot", "-m", "no-sim", "--seeds", "1")
    plan = json.loads(out)
    assert code == 0
    assert [row["what"] for row in plan["trainings"]] == ["autoencoder", "pretraining"]
    code, _, err = cli_here(*words, "zero")
    assert code == 2
    assert "there are: zero-shot, few-shot" in err
    code, _, err = cli_here(*words[:-1], "--set", "task.shots=0.5")
    assert code == 2
    assert "rounds set it" in err


def test_classification_runs_on_the_published_layout(cli_here, home):
    write_scans(home / "data" / "scanobjectnn")
    words = ["run", "paper-cls", "-d", "mini", "--preset", "smoke", "--seeds", "1", "-m", "no-sim", "-m", "gigagan"]
    code, out, err = cli_here(*words, "--set", "task.published=false", "--json")
    found, _ = cells(out)
    assert code == 0, err
    assert {arm for _, arm in found} == {"random-init", "no-sim", "gigagan"}
    for cell in found.values():
        assert {"accuracy", "svm_accuracy"} <= {score["metric"] for score in cell["scores"]}
    inputs = json.loads(cli_here("results", "show", found["", "no-sim"]["key"], "--json")[1])["spec"]
    assert inputs["options"]["task"]["scanobjectnn"] == str(home / "data" / "scanobjectnn")


def test_segmentation_runs_on_the_published_layout(cli_here, tmp_path):
    write_rooms(tmp_path / "s3dis")
    words = [
        "run",
        "paper-seg",
        "-d",
        tmp_path / "s3dis",
        "--preset",
        "smoke",
        "--seeds",
        "1",
        "-m",
        "no-sim",
        "-m",
        "pix2pix",
    ]
    sets = ["--set", "world.complete=false", "--set", "task.folds=[1]"]
    code, out, err = cli_here(*words, *sets, "--json")
    found, _ = cells(out)
    assert code == 0, err
    assert {arm for _, arm in found} == {"random-init", "no-sim", "pix2pix"}
    assert all(cell["status"] == "done" for cell in found.values())


@pytest.mark.parametrize("reading", ["text", "code", "strict"])
def test_direct_comparison_runs_in_every_reading(cli_here, reading):
    several = ("cyclegan", "ours") if reading == "strict" else ("ours",)
    arms = [word for arm in several for word in ("-m", arm)]
    words = ["run", "paper-direct", "--follow", reading, "-d", "mini", "--preset", "smoke", "--seeds", "1", *arms]
    code, out, err = cli_here(*words, "--json")
    found, _ = cells(out)
    assert code == 0, err
    assert {arm for _, arm in found} == {"floor", "ceiling", *several}
    spec = json.loads(cli_here("results", "show", found["", "ours"]["key"], "--json")[1])["spec"]
    stage = spec["options"]["method"]["stage"]
    said = (stage["diffusion"]["prediction"], stage["net"]["condition"], stage["diffusion"]["sampler"])
    assert (
        said
        == {
            "text": ("epsilon", "hint", "ddim"),
            "code": ("sample", "replace", "x0-renoise"),
            "strict": ("sample", "hint", "ddim"),
        }[reading]
    )
    assert stage["train"]["batch"] == 2  # of the preset: a reading's sizes are for preset paper


@pytest.mark.parametrize("name", PAPER)
@pytest.mark.parametrize("reading", ["text", "code", "strict"])
def test_every_reading_sets_options_that_exist(name, reading, monkeypatch):
    assert name in suites()
    for preset in ("smoke", "paper"):
        config = load_suite(name, flags={"follow": reading, "preset": preset})
        assert [method.name for method in config.methods] == ARMS
        assert (config.follow, config.readings, config.world.name) == (reading, {}, "lasa")
        for one in rounds_of(config):
            task, _ = open_task(one.task.name, one.preset, one.task.options)
            assert task.options.model_dump()
        for method in config.methods:
            options = find(method.name).options(preset, method.options)
            if method.name == "ours" and preset == "paper":
                assert options.stage.train.batch == (36 if reading == "code" else 48)
                assert options.stage.train.steps == 20_000


@pytest.mark.parametrize("name", PAPER)
def test_a_plan_without_data_tells_everything_else(cli_here, home, name):
    code, out, err = cli_here("run", name, "-n", "--json")
    plan = json.loads(out)
    assert code == 0, err
    assert {cell["arm"] for cell in plan["cells"]} >= set(ARMS)
    assert plan["to_do"] == len(plan["cells"])
    assert len(plan["data"]) == LASA[name]
    assert {need["state"] for need in plan["data"]} <= {"missing", "no reader"}
    assert all(need["remedy"] for need in plan["data"])
    fits = {(row["owner"], row["what"]): row for row in plan["trainings"]}
    stage = fits["ours", "stage II"]
    assert (stage["steps"], stage["batch"], stage["count"], stage["device"]) == (20_000, 48, 3, "A100")
    assert stage["hours"] == pytest.approx(3 * 2 * 24 * 4 / 2)  # half of four cards' two days, three times
    assert fits["sd", "its one stage"]["hours"] == pytest.approx(3 * 2 * 24 * 4)
    assert fits["cyclegan", "both players"]["steps"] == 2 * 200 * 37_556
    assert fits["cyclegan", "both players"]["hours"] is None
    assert "cyclegan: both players" in plan["not_measured"]
    assert {need["name"] for need in plan["data"]} >= {"lasa"}
    assert not (home / "runs").exists()
    code, out, _ = cli_here("run", name, "-n")
    assert code == 0
    assert "not measured" in out
    assert "assumed: the two days hold both stages" in out
    code, _, err = cli_here("run", name)
    assert code == 3
    assert "needs data that are not on this machine" in err
    assert not (home / "runs").exists()


def test_the_plan_of_reconstruction_counts_what_is_shared(cli_here):
    plan = json.loads(cli_here("run", "paper-recon", "-n", "--json")[1])
    rows = {row["what"]: row for row in plan["trainings"] if row["owner"] == "recon"}
    assert (rows["autoencoder"]["count"], rows["autoencoder"]["steps"]) == (6, 200_000)  # a category
    assert (rows["pretraining"]["count"], rows["pretraining"]["steps"]) == (6 * 6 * 3, 500_000)  # and arm and seed
    assert (rows["fine-tuning"]["count"], rows["fine-tuning"]["steps"]) == (6 * 6 * 3, 100_000)  # in one round of two
    disk = {(row["owner"], row["what"]): row for row in plan["disk"]}
    assert disk["ours", "latents of a frame, stage 1"]["bytes"] == 9 * 64 * 48 * 2
    assert disk["ours", "latents of a frame, stage 1"]["count"] == 3 * 37_556
    assert disk["ours", "weights of a stage"]["count"] == 6
    labels = disk["recon", "labelled points of an object"]
    assert (labels["bytes"], labels["count"]) == ((231_000 + 262_144 + 365_000) * 12 + 262_144 + 365_000, None)


def test_the_plan_of_classification_counts_episodes_and_the_reference(cli_here):
    plan = json.loads(cli_here("run", "paper-cls", "-n", "--json")[1])
    rows = {row["what"]: row for row in plan["trainings"] if row["owner"] == "classify"}
    assert (rows["finetuning"]["steps"], rows["finetuning"]["batch"]) == (500, 10)
    assert rows["finetuning"]["count"] == 10 * 3 * (6 + 1)
    assert rows["finetuning"]["hours"] == pytest.approx(500 * 10 * 210 * 0.23 / 3600)
    assert "a core of" in rows["finetuning"]["device"]
    assert rows["completion"]["count"] == 18


@pytest.mark.parametrize("said", ["--set", "file"])
def test_rooms_that_are_named_are_not_looked_for(cli_here, tmp_path, said):
    rooms = write_rooms(tmp_path / "s3dis")
    if said == "file":
        (tmp_path / "mine.yaml").write_text(
            f"extends: paper-seg\nworld: {{name: lasa, options: {{rooms: {{path: {rooms}}}}}}}\n"
        )
        words = ["run", tmp_path / "mine.yaml"]
    else:
        words = ["run", "paper-seg", "--set", f"world.rooms.path={rooms}"]
    plan = json.loads(cli_here(*words, "-n", "--json")[1])
    assert [need["name"] for need in plan["data"]] == ["lasa", "modelnet40"]


def test_what_is_on_the_disk_is_found(cli_here, home):
    write_scans(home / "data" / "scanobjectnn")
    plan = json.loads(cli_here("run", "paper-cls", "-n", "--json")[1])
    states = {need["name"]: need["state"] for need in plan["data"]}
    assert states == {"lasa": "missing", "modelnet40": "missing", "scanobjectnn": "here"}
    plan = json.loads(cli_here("run", "paper-cls", "-n", "--json", "-d", "mini", "--preset", "smoke")[1])
    assert [need["name"] for need in plan["data"]] == ["scanobjectnn"]
    plan = json.loads(cli_here("run", "paper-cls", "-n", "--json", "--set", "task.scanobjectnn=''")[1])
    assert [need["name"] for need in plan["data"]] == ["lasa", "modelnet40"]


# every suite with every arm, on every data set in its published layout


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A home where all data sets of the suites lie, small."""
    return write_paper_home(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("sources"))


HERE = {
    "paper-recon": ["lasa", "shapenet", "abo", "3d-future"],
    "paper-cls": ["lasa", "modelnet40", "scanobjectnn"],
    "paper-seg": [],  # on the folder of S3DIS: simulators and shapes are the mini world's there
    "paper-direct": ["lasa"],
}
REFERENCES = {
    "paper-recon": {"empty", "mean-shape", "box"},
    "paper-cls": {"random-init"},
    "paper-seg": {"random-init"},
    "paper-direct": {"floor", "ceiling"},
}


@pytest.mark.parametrize("name", PAPER)
@pytest.mark.parametrize("preset", ["smoke", "paper"])
def test_all_six_arms_are_planned_on_the_published_layouts(cli_here, home, written, name, preset):
    home.symlink_to(written)
    words = ["run", name, "--preset", preset, "--seeds", "1"]
    if name == "paper-seg":
        words += ["-d", written / "data" / "s3dis", "--set", "world.complete=false", "--set", "task.folds=[1]"]
    code, out, err = cli_here(*words, "-n", "--json")
    plan = json.loads(out)
    assert code == 0, err
    assert {need["name"]: need["state"] for need in plan["data"]} == dict.fromkeys(HERE[name], "here")
    arms = {cell["arm"]: cell["fit"] for cell in plan["cells"]}
    assert set(arms) == {*ARMS, *REFERENCES[name]}
    assert {arm for arm, fit in arms.items() if fit == "to do"} == set(ARMS) - {"no-sim"}
    assert plan["to_do"] == len(plan["cells"]) == len(arms) * (2 if name == "paper-recon" else 1)
    assert {row["owner"] for row in plan["trainings"]} >= set(ARMS) - {"no-sim"}
    assert not (written / "runs").exists()
