"""`s2r-bench study`: the commands' words, answers and errors."""

import importlib.util
import json
import sys

import pytest

from tests.reports.study.conftest import fill


def test_built_from_the_store_and_counted(cli_here, home, tmp_path):
    fill(home)
    code, out, _ = cli_here("study", "build", "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["views"] == {"no-sim": 8, "ours": 8, "sd": 8, "captured": 8}
    words = ["study", "build", "-m", "ours", "-m", "sd", "--samples", "4", "--examples", "2", "--static", "-o", "s"]
    code, out, _ = cli_here(*words, "--json")
    assert code == 0
    document = json.loads(out)
    assert (document["samples"], document["sources"], document["captures"]) == (12, 3, "virtual")
    assert (tmp_path / "s" / "study.html").is_file()
    code, _, err = cli_here("study", "results", "s")
    assert code == 3
    assert "nobody finished" in err
    code, _, err = cli_here(*words)
    assert code == 2
    assert "is not empty" in err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["build"], 3, "no finished evaluation"),
        (["build", "--from", "ours"], 2, "NAME=DIR"),
        (["build", "--from", "a=x", "--from", "a=y"], 2, "twice"),
        (["build", "--from", "a=x"], 2, "--captured"),
        (["build", "--from", "a=x", "-m", "ours"], 2, "instead of runs"),
        (["build", "--captured", "x"], 2, "goes with --from"),
        (["build", "--from", "a=x", "--captured", "x", "--preset", "tiny"], 2, "--preset goes with a world"),
        (["build", "--show", "meshes"], 2, "meshes"),
        (["build", "--show", "clouds"], 2, "s2r-bench simulate"),
        (["build", "--from", "a=x", "--captured", "x"], 3, "neither cameras.json nor manifest.json"),
        (["serve", "none"], 3, "holds no study"),
        (["results", "none"], 3, "holds no study"),
    ],
)
def test_errors(cli_here, words, code, said):
    got, _, err = cli_here("study", *words)
    assert got == code
    assert said in err


def test_a_server_that_lacks_its_libraries_says_what_to_install(cli_here, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)  # as if it were not installed
    code, _, err = cli_here("study", "serve", "study")
    assert code == 4
    assert "pip install starlette uvicorn" in err


@pytest.mark.skipif(importlib.util.find_spec("uvicorn") is None, reason="the extra `study` is not installed")
def test_a_taken_port_and_a_lost_picture(cli_here, home, tmp_path):
    import socket

    fill(home)
    assert cli_here("study", "build", "--samples", "2", "--examples", "2", "-o", "s")[0] == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, err = cli_here("study", "serve", "s", "--port", taken.getsockname()[1])
    assert code == 4
    assert "cannot listen on 127.0.0.1" in err
    next((tmp_path / "s" / "images").iterdir()).unlink()
    code, _, err = cli_here("study", "serve", "s", "--port", "0")
    assert code == 3
    assert "1 pictures are missing" in err
