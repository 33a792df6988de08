"""An arm is one method: two methods of one name are refused, and options of one method are told apart."""

import json
import os
import re

import pytest

from s2r_bench.errors import UsageError
from s2r_bench.steps.methods import find


@pytest.fixture
def evaluate(cli_here, pair_folder, plugins):
    def run(*methods, more=()):
        words = ["evaluate", "-t", plugins / "close.py", "-d", pair_folder, "--preset", "smoke"]
        return cli_here(*words, *(part for method in methods for part in ("-m", method)), *more)

    return run


@pytest.fixture
def copied(plugins, tmp_path):
    """Copies of the dummy simulator, with something exchanged."""

    def copy(place, old="", new=""):
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        path.write_text((plugins / "dummy.py").read_text().replace(old, new))
        return path

    return copy


def test_two_files_of_one_name_are_refused(evaluate, copied, home):
    one, other = copied("a/mine.py"), copied("b/mine.py", "1e-3", "2e-3")
    for words in ((one, other), (f"{other}:Dummy", one)):
        code, out, err = evaluate(*words)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert f"{words[0]} and {words[1]} are two methods, and both would be the arm 'mine'" in err
        assert "rename the file" in err
    assert evaluate(one, other, more=["-n"])[0] == 2
    assert not (home / "runs").exists()


def test_one_class_under_two_words_is_one_method(evaluate, copied):
    one = copied("a/mine.py")
    code, out, _ = evaluate(one, f"{one}:Dummy", more=["--json"])
    assert code == 0
    assert {cell["arm"] for cell in json.loads(out)["cells"]} == {"floor", "mine"}


def test_two_classes_of_one_file_are_two_methods(evaluate, copied):
    path = copied("mine.py")
    path.write_text(f"{path.read_text()}\nclass Worse(Dummy):\n    card = Card('W', 't', 'paired', True, 'x')\n")
    assert find(f"{path}:Dummy").code != find(f"{path}:Worse").code
    assert find(f"{path}:Dummy").code == find(str(path)).code
    code, _, err = evaluate(f"{path}:Dummy", f"{path}:Worse")
    assert code == 2
    assert "give each a file of its own" in err
    first = json.loads(evaluate(f"{path}:Dummy", more=["--json"])[1])["cells"][1]
    second = json.loads(evaluate(f"{path}:Worse", more=["--json"])[1])["cells"][1]
    assert second["status"] == "done"  # not what the other class had left
    assert first["key"] != second["key"]


def test_the_name_of_a_built_in_is_refused_wherever_it_is_used(evaluate, copied, cli_here, pair_folder):
    path = copied("ours.py")
    for words in (["train", path], ["simulate", "-m", path], ["evaluate", "-m", path], ["methods", "check", path]):
        code, _, err = cli_here(*words, "-d", pair_folder)
        assert (code, err.count("\n")) == (2, 1)
        assert f"{path} would be the arm 'ours', which is a method of this package" in err
        assert "rename the file" in err
    with pytest.raises(UsageError, match="'no-sim'"):
        find(str(copied("no_sim.py")))


def test_a_method_of_this_package_may_be_named_by_its_file(evaluate):
    from s2r_bench import registry

    path = registry.file_of(registry.METHODS, "no-sim")
    code, _, err = evaluate(path, "no-sim")
    assert code == 0, err


def test_the_names_of_references_are_the_task_s(evaluate, copied):
    code, _, err = evaluate(copied("floor.py"), more=["--no-references"])
    assert code == 2
    assert "would be the arm 'floor', which is the task's own" in err


def test_a_checkpoint_goes_by_the_name_of_its_method(evaluate, copied, cli_here, pair_folder):
    one, other = copied("a/mine.py"), copied("b/mine.py", "1e-3", "2e-3")
    _, out, _ = cli_here("train", one, "-d", pair_folder, "--preset", "smoke", "--max-steps", "3", "--json")
    checkpoint = json.loads(out)["fits"][0]["checkpoint"]
    code, _, err = evaluate(other, checkpoint)
    assert code == 2
    assert f"{other} and {checkpoint} are two methods" in err
    assert evaluate(one, checkpoint)[0] == 0


def test_options_of_one_method_are_arms_of_their_own(evaluate, copied, cli_here, tmp_path):
    path = copied("mine.py")
    assert evaluate(path)[0] == 0
    assert evaluate(path, more=["--set", "mine.noise=0.02"])[0] == 0
    assert cli_here("report", "-f", "md", "-o", tmp_path / "report")[0] == 0
    said = (tmp_path / "report" / "report.md").read_text()
    assert len(set(re.findall(r"mine \([0-9a-f]{4}\)", said))) == 2
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"methods:\n  - {path}\n  - name: {path}\n    options: {{noise: 0.02}}\n")
    code, _, err = cli_here("run", suite)
    assert code == 2
    assert f"{suite}:1 methods" in err
    assert "stands twice with different options (place 1 and 2)" in err


def test_of_a_changed_method_the_newest_run_is_shown(evaluate, copied, cli_here, home, tmp_path):
    path, keys = copied("mine.py"), []
    for bias in ("1e-3", "2e-3"):
        path.write_text(path.read_text().replace("1e-3", bias))
        keys.append(json.loads(evaluate(path, more=["--json"])[1])["cells"][1]["key"])
    for newest, other in (keys, keys[::-1]):
        os.utime(home / "runs" / "evaluate" / newest / "result.json", (2e9, 2e9))
        os.utime(home / "runs" / "evaluate" / other / "result.json", (1e9, 1e9))
        assert cli_here("report", "-f", "md", "-o", tmp_path / "report")[0] == 0
        said = (tmp_path / "report" / "report.md").read_text()
        assert f"several runs; {other} is not shown" in said
        assert f"{newest} is not shown" not in said
