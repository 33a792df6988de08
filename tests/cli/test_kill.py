"""Killed and started again: the same weights, the same outputs. Ctrl-C and SIGTERM say how to go on."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import environment


@pytest.fixture
def start(home, tmp_path):
    """Start a command that tells its steps, and wait for a line that begins with `until`."""

    def run(*words, until):
        process = subprocess.Popen(
            [sys.executable, "-m", "s2r_bench", *map(str, words)],
            env=environment(home, DUMMY_TALK="1", DUMMY_SLEEP="0.3"),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # a shell that started the tests in the background has them ignore Ctrl-C, which children inherit
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        for line in process.stdout:
            if line.startswith(until):
                return process
        raise AssertionError(process.communicate()[1])

    return run


def test_training_killed_and_continued_ends_in_the_same_weights(start, cli_here, cli, plugins, pair_folder, tmp_path):
    words = ["train", plugins / "dummy.py", "-d", pair_folder]
    process = start(*words, until="step 3")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    again = cli(*words, DUMMY_TALK="1")
    assert again.returncode == 0
    assert "step 3\n" not in again.stdout  # it went on where it was
    assert "step 6\n" in again.stdout
    checkpoint = again.stdout.splitlines()[-1]
    unbroken = json.loads(cli_here(*words, "--json", "--home", tmp_path / "other")[1])["fits"][0]["checkpoint"]
    assert (Path(checkpoint) / "dummy.json").read_text() == (Path(unbroken) / "dummy.json").read_text()
    assert not list((tmp_path / "home").glob("runs/train/*/work"))


def test_simulation_killed_and_continued_gives_the_same_frames(start, cli_here, plugins, pair_folder, tmp_path, home):
    fit = json.loads(cli_here("train", plugins / "dummy.py", "-d", pair_folder, "--json")[1])
    words = ["simulate", "--checkpoint", fit["fits"][0]["checkpoint"], "-d", pair_folder]
    process = start(*words, "-o", tmp_path / "killed", until="frame room1/0/006")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "killed" / "manifest.json").exists()
    assert cli_here(*words, "-o", tmp_path / "killed")[0] == 0
    assert cli_here(*words, "-o", tmp_path / "whole", "--home", tmp_path / "other")[0] == 0
    for path in sorted((tmp_path / "whole").rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "killed" / path.relative_to(tmp_path / "whole")).read_bytes()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_with_the_command_to_continue(start, plugins, pair_folder, number, code):
    words = ["train", plugins / "dummy.py", "-d", pair_folder]
    process = start(*words, until="step 1")
    process.send_signal(number)
    err = process.communicate()[1]
    assert process.returncode == code
    assert f"s2r-bench train {plugins / 'dummy.py'} -d {pair_folder}" in err
    assert "Traceback" not in err
