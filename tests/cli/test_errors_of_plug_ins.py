"""What a plug-in raises is told with its line; --traceback shows all of it, wherever it was raised."""

import json

import pytest

BREAKS = {"fit": "        steps = budget.steps", "simulate": "        out = []"}


@pytest.fixture
def broken(plugins, tmp_path):
    """The dummy simulator with a KeyError in one of its methods, and the line of it."""

    def write(where):
        lines = (plugins / "dummy.py").read_text().splitlines()
        at = next(number for number, text in enumerate(lines) if text.startswith(BREAKS[where]))
        lines.insert(at, "        {}['x']")
        path = tmp_path / "mine.py"
        path.write_text("\n".join(lines))
        return path, at + 1

    return write


@pytest.mark.parametrize("where", BREAKS)
def test_check_names_the_line(cli_here, broken, pair_folder, where):
    path, line = broken(where)
    words = ["methods", "check", f"{path}:Dummy", "-d", pair_folder]
    code, out, err = cli_here(*words)
    assert code == 5
    assert f"KeyError: 'x' (mine.py:{line}, in {where})" in out
    assert "Traceback" not in out + err
    code, out, err = cli_here(*words, "--traceback", "--json")
    assert "Traceback" in err
    assert f'mine.py", line {line}, in {where}' in err
    found = {one["name"]: one["found"] for one in json.loads(out)["checks"] if one["state"] == "failed"}
    assert f"KeyError: 'x' (mine.py:{line}, in {where})" in found.values()


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("where", BREAKS)
def test_evaluate_names_the_line(cli_here, broken, plugins, pair_folder, where, jobs):
    path, line = broken(where)
    words = ["evaluate", "-t", plugins / "close.py", "-d", pair_folder, "--preset", "smoke", "-j", jobs]
    code, _, err = cli_here(*words, "-m", path, "-m", "no-sim")
    assert code == 1
    assert f"error: KeyError: 'x' (mine.py:{line}, in {where}; --traceback shows all of it)" in err
    assert "Traceback" not in err
    failed = json.loads(cli_here("results", "ls", "--failed", "--json")[1])
    assert f"KeyError: 'x' (mine.py:{line}, in {where})" in [row["message"] for row in failed]
    _, _, err = cli_here(*words, "-m", path, "-m", "no-sim", "--traceback")
    assert f'mine.py", line {line}, in {where}' in err


def test_train_and_import_name_the_line(cli_here, broken, pair_folder):
    path, line = broken("fit")
    code, _, err = cli_here("train", path, "-d", pair_folder)
    assert code == 1
    assert f"(mine.py:{line}, in fit; --traceback" in err
    path.write_text("import json\n\njson.loads('{')\n")
    code, _, err = cli_here("train", path, "-d", pair_folder)
    assert code == 2
    assert "cannot be imported: JSONDecodeError" in err
    assert "(mine.py:3)" in err


LOUD = """
        import os
        print("hello from python")
        os.system("echo hello from a shell")
"""


@pytest.fixture
def loud(plugins, tmp_path):
    """The dummy simulator, which prints in fit and simulate, by Python and below it."""
    text = (plugins / "dummy.py").read_text()
    for where in BREAKS.values():
        text = text.replace(where, f"{LOUD}{where}")
    path = tmp_path / "loud.py"
    path.write_text(f"print('hello at import')\n{text}")
    return path


def test_what_a_plug_in_prints_stands_in_no_document(cli, cli_here, loud, plugins, pair_folder):
    scored = ["-t", plugins / "close.py", "--preset", "smoke", "--no-references"]
    for words in (
        ["methods", "check", loud],
        ["train", loud],
        ["evaluate", "-m", loud, *scored],
        ["evaluate", "-m", loud, "-m", "no-sim", "-j", "2", "--seed", "1", *scored],
        ["simulate", "-m", loud, "-o", "out"],
    ):
        done = cli(*words, "-d", pair_folder, "--json")
        assert json.loads(done.stdout)
        assert "hello from python" in done.stderr
        assert "hello from a shell" in done.stderr
    code, out, err = cli_here("methods", "check", loud, "-d", pair_folder)
    assert code == 5  # as the dummy: it saves before it is fitted
    assert out.startswith("check ")
    assert "hello" not in out
    assert "hello from python" in err


def test_the_answer_goes_to_stdout_also_after_something_was_set_aside(cli):
    done = cli("methods", "check", "no-sim", "-d", "nowhere", "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["exit_code"]) == (2, 2)
    assert cli("methods", "list").stdout.startswith("arkit-lidar")
