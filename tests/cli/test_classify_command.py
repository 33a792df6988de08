"""evaluate --task classify, as a user types it."""

import json


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
