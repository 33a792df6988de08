"""data export-episodes, as a user types it, and what `evaluate` makes of the files."""

import json

import numpy as np

from s2r_tasks._occo.data.point_bert import read_point_bert

SIZE = ["--preset", "smoke"]


def accuracies(document):
    """(arm, metric) -> mean and interval, of what says how right an arm is."""
    return {
        (cell["arm"], score["metric"]): score
        for cell in document["cells"]
        for score in cell["scores"]
        if "accuracy" in score["metric"]
    }


def test_exported_episodes_are_scored_as_the_drawn_ones(cli_here, tmp_path):
    words = [
        "data",
        "export-episodes",
        "-o",
        str(tmp_path / "out"),
        *SIZE,
        "--shots",
        "2",
        "--ways",
        "3",
        "--seed",
        "4",
    ]
    code, out, _ = cli_here(*words, "--runs", "2", "--json")
    assert code == 0
    folder = tmp_path / "out" / "3way_2shot"
    assert json.loads(out)["episodes"] == [str(folder / "0.pkl"), str(folder / "1.pkl")]
    assert len(json.loads((folder / "episodes.json").read_text())["episodes"]) == 2
    clouds = read_point_bert(folder / "1.pkl")
    assert len(clouds.support) == 6
    assert np.bincount(clouds.support_labels).tolist() == [2, 2, 2]
    score = ["evaluate", "-t", "classify", *SIZE, "-m", "no-sim", "--json", "--set"]
    drawn = json.loads(cli_here(*score, "task.episode_seed=4")[1])
    read = json.loads(cli_here(*score, f"task.episodes={tmp_path / 'out'}")[1])
    assert {arm for arm, _ in accuracies(read)} == {"random-init", "no-sim"}
    assert accuracies(read) == accuracies(drawn)

    code, out, _ = cli_here(*words, "--runs", "3")  # more of the same are added
    assert code == 0
    assert f"3 episodes in {folder}" in out
    code, _, err = cli_here(*words[:-1], "5")
    assert code == 3
    assert "holds episodes of seed 4" in err


def test_what_is_no_option_is_refused(cli_here, tmp_path):
    words = ["data", "export-episodes", "-o", str(tmp_path), *SIZE, "--set"]
    for said, expected in (
        ("shots=3", "expected task.NAME or world.NAME"),
        ("task.shosts=3", "shosts"),
        (f"task.episodes={tmp_path}", "are such files already"),
    ):
        code, _, err = cli_here(*words, said)
        assert code == 2
        assert expected in err
