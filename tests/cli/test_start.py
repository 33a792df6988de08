"""Help and listings: instant, and nothing heavy is imported."""

import json
import subprocess
import sys

import pytest

from s2r_bench import __version__

LISTINGS = [
    ["--help"],
    ["-h"],
    ["run", "-h"],
    ["methods", "list"],
    ["data", "list"],
    ["results", "ls"],
    ["config", "schema"],
    ["config", "show"],
    ["study", "-h"],
    ["leaderboard", "-h"],
]
HEAVY = ("torch", "diffusers", "open3d", "pandas")


def test_help_and_listings_import_nothing_heavy(home):
    """All listings in one process: each must leave sys.modules without the heavy libraries."""
    code = f"""
import sys
from s2r_bench.cli.app import app
for words in {LISTINGS!r}:
    try:
        app(args=words, prog_name="s2r-bench")
    except SystemExit as stopped:
        assert stopped.code == 0, (words, stopped.code)
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    assert not loaded, (words, loaded)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"S2R_HOME": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_version(cli):
    done = cli("--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"s2r-bench {__version__}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evalute"], "evaluate"),
        (["train", "ous"], "ours"),
        (["evaluate", "-m", "gausian-binned"], "gaussian-binned"),
        (["run", "quikstart"], "quickstart"),
        (["evaluate", "--task", "fidelty"], "fidelity"),
    ],
)
def test_a_wrong_name_gets_the_closest(cli_here, words, said):
    code, out, err = cli_here(*words)
    assert code == 2
    assert "Did you mean" in err
    assert said in err
    assert out == ""


@pytest.mark.parametrize("words", [["run", "--nosuch"], ["results"], ["evaluate", "--overwrite", "sometimes"]])
def test_wrong_usage_is_two(cli_here, words):
    assert cli_here(*words)[0] == 2


def test_missing_world_is_three_and_says_what_to_do(cli_here):
    code, out, err = cli_here("evaluate", "-d", "kinect", "-m", "no-sim", "--json")
    assert code == 3
    assert "s2r-bench data prepare kinect" in err
    assert json.loads(out)["error"]["exit_code"] == 3


def test_cuda_that_is_not_there_is_four(cli_here, pair_folder):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    code, _, err = cli_here("evaluate", "-d", pair_folder, "-m", "no-sim", "--device", "cuda")
    assert code == 4
    assert "--device cpu" in err


def test_shots_where_a_task_takes_none(cli_here):
    code, _, err = cli_here("evaluate", "-t", "fidelity", "-k", "0.25")
    assert code == 2
    assert "--shots" in err


def test_methods_list_as_json(cli_here):
    code, out, _ = cli_here("methods", "list", "--json")
    assert code == 0
    assert {"no-sim", "ours"} <= {one["name"] for one in json.loads(out)}


def test_doctor_as_json(cli_here):
    code, out, _ = cli_here("doctor", "--json")
    found = {check["name"]: check["ok"] for check in json.loads(out)["checks"]}
    assert code == 0
    assert found["torch"]
    assert "open3d" in found
