"""leaderboard: from finished runs in a home to an entry, its check, and a site."""

import json

import numpy as np
import pytest

from s2r_bench.records import RunRecord, RunSpec, Score
from s2r_bench.worlds.mini import MiniOptions

GAINS = {"no-sim": 0.0, "gaussian-binned": 0.03, "bootstrap": 0.01, "oracle": 0.05}


def run_of(method, gain, seed=0, **more):
    """A run of `recon` on the mini world of this version, with twelve objects."""
    from s2r_tasks._recon.options import ReconOptions
    from s2r_tasks.recon import Recon

    dice = np.random.default_rng(1)
    scores = []
    for number in range(12):
        own = 0.01 * float(dice.normal()) + 0.001 * seed
        scores.append(Score(f"chair-{number}", "chair", "iou", 0.4 + gain + own))
        scores.append(Score(f"chair-{number}", "chair", "f_score", 0.3 + gain + own))
    options = {"task": ReconOptions.preset("smoke").model_dump(mode="json"), "world": {}, "method": {}}
    inputs = {"objects": more.get("key") or MiniOptions.preset("smoke").key, "task": "c0de", "simulator": method}
    spec = RunSpec("evaluate", "recon", method, "mini", "smoke", Recon.protocol, seed, options, inputs)
    facts = {"sensor": "virtual sensor", "device": "cpu", "s2r-bench": "0.1.0"}
    return RunRecord(spec, tuple(scores), {}, facts, {"fit_seconds": 3.0, "parameters": 234.0})


@pytest.fixture
def filled(home):
    for method, gain in GAINS.items():
        for seed in (0, 1):
            run = run_of(method, gain, seed)
            run.write(home / "runs" / "evaluate" / run.spec.key)
    return home


def test_from_runs_to_a_site(cli_here, filled, tmp_path):
    for method in ("gaussian-binned", "bootstrap"):
        words = (method, "-o", f"entries/{method}.json", "--trained-on", "my own pairs", "--contact", "me")
        code, out, err = cli_here("leaderboard", "entry", *words)
        assert code == 0, err
        assert f"{method} 0.1.0, 1 tables" in out
    entry = json.loads((tmp_path / "entries" / "bootstrap.json").read_text())
    assert entry["simulator"]["title"] == "Residual bootstrap"
    assert entry["data"] == {"worlds": [], "sensors": [], "scenes": None, "statement": "my own pairs"}
    assert entry["boards"][0]["figures"][0]["gap"]["mean"] == pytest.approx(0.2)
    files = ["entries/bootstrap.json", "entries/gaussian-binned.json"]
    code, out, _ = cli_here("leaderboard", "check", *files, "--json")
    assert code == 0
    assert json.loads(out)["files"][0] == {"file": files[0], "ok": True, "faults": [], "notes": []}  # keys compared
    code, out, _ = cli_here("leaderboard", "build", "entries", "-o", "site", "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["entries"], told["tables"], told["tables_apart"]) == (2, 1, 0)
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "gaussian-binned 0.1.0 is surely better than every other entry on mIoU" in page
    assert "virtual sensor" in page


def test_an_entry_that_is_not_what_it_says_is_five(cli_here, filled, tmp_path):
    cli_here("leaderboard", "entry", "bootstrap", "-o", "entry.json", "--trained-on", "pairs")
    document = json.loads((tmp_path / "entry.json").read_text())
    document["boards"][0]["figures"][0]["mean"] = 0.99
    document["boards"][0]["keys"]["objects"] = "0123"
    (tmp_path / "entries").mkdir()
    (tmp_path / "entries" / "a.json").write_text(json.dumps(document))
    code, out, _ = cli_here("leaderboard", "check", "entries/a.json")
    assert code == 5
    assert "entries/a.json: boards.0.figures.0.mean: iou is 0.99" in out
    assert "other data of mini: objects 0123 (here " in out
    code, out, err = cli_here("leaderboard", "build", "entries")
    assert code == 5
    assert "boards.0.figures.0.mean" in err
    assert not (tmp_path / "site").exists()
    assert cli_here("leaderboard", "check", "nowhere.json")[0] == 3


def test_what_an_entry_needs_is_asked_for(cli_here, filled, tmp_path):
    code, _, err = cli_here("leaderboard", "entry", "bootstrap")
    assert code == 2
    assert "--trained-on TEXT" in err
    code, _, err = cli_here("leaderboard", "entry", "no-sim")
    assert code == 2
    assert "no-sim is an anchor there" in err
    code, _, err = cli_here("leaderboard", "entry", "ours")
    assert code == 2
    assert "no finished run of ours" in err
    code, _, err = cli_here("leaderboard", "entry", "bootstrap", "--trained-on", "x", "--name", "<i>")
    assert code == 2
    assert "name: must be letters" in err
    assert not (tmp_path / "entry.json").exists()


def test_a_simulator_of_ones_own_names_its_version(cli_here, filled, plugins, tmp_path):
    run = run_of("dummy", 0.02)
    run.write(filled / "runs" / "evaluate" / run.spec.key)
    word = f"{plugins / 'dummy.py'}:Dummy"
    code, _, err = cli_here("leaderboard", "entry", word, "--trained-on", "x")
    assert code == 2
    assert "--version 1.0" in err
    code, _, err = cli_here("leaderboard", "entry", word, "--trained-on", "x", "--version", "2.1")
    assert code == 0, err
    assert json.loads((tmp_path / "entry.json").read_text())["simulator"]["version"] == "2.1"


def test_what_was_learned_from_is_found_by_the_weights(cli_here, home, pair_folder, plugins, tmp_path):
    """The identity of a scored simulator leads to its training in the store, and so to its scenes."""
    from s2r_bench.steps.learned import learned_from
    from s2r_bench.steps.methods import find
    from s2r_bench.store import Store

    word = str(plugins / "dummy.py")
    words = ("-t", str(plugins / "close.py"), "-d", str(pair_folder), "-m", word)
    code, _, err = cli_here("evaluate", *words)
    assert code == 0, err
    store = Store(home)
    own = [record for record in store.records() if record.spec.method == "dummy"]
    found = learned_from(find(word), own, store)
    assert (found.worlds, found.sensors, found.scenes) == (("wall",), ("test sensor",), 1)
    assert learned_from(find(word), [run_of("dummy", 0.0)], store).scenes is None
    code, _, err = cli_here("leaderboard", "entry", word, "--version", "1")
    assert code == 2
    assert "close: left out, a leaderboard holds the tasks of s2r-bench" in err


def test_names_of_strangers_open_no_folder(home, tmp_path, monkeypatch):
    from s2r_bench.steps.published import Asked, known
    from s2r_tasks._recon.options import ReconOptions
    from s2r_tasks.recon import Recon

    now = Recon.protocol
    monkeypatch.chdir(tmp_path)
    settings = ReconOptions.preset("smoke").model_dump(mode="json")
    (tmp_path / "wall").mkdir()
    asked = Asked("recon", now, "wall", "smoke", settings, {})
    assert "neither a built-in world" in known(asked, home).why
    asked = Asked("recon", now, "mini", "smoke", settings, {"corpus": {"path": "wall"}})
    assert known(asked, home).keys is None
    asked = Asked("recon", now, "mini", "smoke", {**settings, "unheard": 1}, {})
    assert "unheard" in known(asked, home).why
    assert known(Asked("recon", "recon/9", "mini", "smoke", settings, {}), home).protocol == now
    assert known(Asked("recon", now, "mini", "smoke", settings, {}), home).keys == {
        "objects": MiniOptions.preset("smoke").key
    }
