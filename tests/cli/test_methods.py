"""methods list, new and check: exit codes, plug-ins that are broken, and a new project that passes."""

import json
import subprocess
import sys

import pytest

from s2r_bench.cli.checks import _plug_ins
from s2r_bench.errors import UsageError
from s2r_bench.skeleton import write_project
from s2r_bench.steps.code import code_of
from s2r_bench.steps.methods import find, listed
from tests.cli.conftest import environment


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install modules as a package manager leaves them: a file on the path, and metadata with its entry points."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def install(name, text, value=None):
        module = f"plug_{name.replace('-', '_')}"
        (site / f"{module}.py").write_text(text)
        metadata = site / f"{module}-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        (metadata / "entry_points.txt").write_text(f"[s2r_bench.simulators]\n{name} = {value or module + ':Dummy'}\n")
        return site / f"{module}.py"

    yield install
    for name in [name for name in sys.modules if name.startswith("plug_")]:
        del sys.modules[name]


@pytest.fixture
def dummy(plugins):
    return (plugins / "dummy.py").read_text()


def test_installed_simulators_are_listed_and_found(installed, dummy, cli_here):
    installed("good-one", dummy)
    code, out, err = cli_here("methods", "list")
    assert (code, err) == (0, "")
    assert "good-one           A simulator that learns one number. (plug_good_one:Dummy)" in out
    assert find("good-one").cls.card.title == "Dummy"
    assert cli_here("methods", "show", "good-one")[0] == 0


@pytest.mark.parametrize(
    ("text", "value", "said"),
    [
        ("1 / 0", None, "ZeroDivisionError"),
        ("import nosuch_library", None, "nosuch_library"),
        ("raise SystemExit(3)", None, "SystemExit"),
        ("def broken(:", None, "SyntaxError"),
        ("x = 1", None, "Dummy"),
        ("Dummy = 3", None, "it is a int, not a class"),
        ("class Dummy:\n    card = 1", None, "no options_type, fit, simulate, save, load"),
        ("x = 1", "plug_nowhere:Dummy", "plug_nowhere"),
    ],
)
def test_a_broken_plug_in_is_one_warning_and_an_error_when_used(installed, cli_here, text, value, said):
    installed("bad-one", text, value)
    code, out, err = cli_here("methods", "list")
    assert code == 0
    assert "ours" in out
    assert "bad-one" not in out
    assert len(err.splitlines()) == 1
    assert err.startswith("warning: bad-one: ")
    assert said in err
    code, _, err = cli_here("evaluate", "-m", "bad-one")
    assert code == 2
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize("name", ["Bad Name!", "My-Sim", "my_sim", "-x"])
def test_an_installed_name_that_cannot_be_typed_is_a_warning(installed, dummy, cli_here, tmp_path, name):
    installed("good-one", dummy)
    entries = tmp_path / "site" / "plug_good_one-1.dist-info" / "entry_points.txt"
    entries.write_text(f"[s2r_bench.simulators]\n{name} = plug_good_one:Dummy\n")
    code, out, err = cli_here("methods", "list")
    assert code == 0
    assert name not in out
    assert err.startswith(f"warning: {name}: an installed package (plug_good_one:Dummy) calls a method {name!r}")
    with pytest.raises(UsageError, match="small letters, digits and single '-'"):
        find(name)


def test_names_that_are_taken(installed, dummy):
    installed("ours", dummy)
    faults = {one.name: one.fault for one in listed() if one.fault}
    assert "has the name of a method of this package" in faults["ours"]
    assert find("ours").cls.__name__ == "StableSim2Real"


def test_two_packages_of_one_name(installed, dummy, tmp_path):
    installed("twice", dummy)
    metadata = tmp_path / "site" / "plug_other-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plug_other\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[s2r_bench.simulators]\ntwice = plug_other:Dummy\n")
    with pytest.raises(UsageError, match="several installed packages"):
        find("twice")
    assert [one.name for one in listed() if one.fault] == ["twice"]


def test_what_a_plug_in_prints_does_not_reach_stdout(installed, dummy, cli_here):
    installed("loud", f"print('hello')\n{dummy}")
    code, out, err = cli_here("methods", "list", "--json")
    assert code == 0
    assert "loud" in {one["name"] for one in json.loads(out)}
    assert "hello" in err


def test_plug_ins_in_doctor(installed, dummy):
    installed("bad-one", "1 / 0")
    installed("good-one", dummy)
    found = {check.name: check for check in _plug_ins()}
    assert {name: check.ok for name, check in found.items()} == {"bad-one": False, "good-one": True}
    assert "ZeroDivisionError" in found["bad-one"].found


def test_a_changed_helper_of_a_plug_in_changes_its_code(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "plug_pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "helper.py").write_text("A = 1\n")
    (package / "near.py").write_text("B = 1\n")
    (package / "far.py").write_text("C = 1\n")
    (package / "sim.py").write_text("from plug_pack.helper import A\nfrom .near import B\n")
    import plug_pack.sim as member

    codes = [code_of(member)]
    for file, text in [("helper.py", "A = 2\n"), ("near.py", "B = 2\n"), ("far.py", "C = 2\n")]:
        (package / file).write_text(text)
        codes.append(code_of(member))
    for name in [name for name in sys.modules if name.startswith("plug_pack")]:
        del sys.modules[name]
    assert len({*codes[:3]}) == 3
    assert codes[2] == codes[3]  # nobody imports it


def test_infinity_is_shown_as_json(cli_here):
    code, out, _ = cli_here("methods", "show", "no-sim", "--json")
    assert code == 0
    assert json.loads(out)["card"]["depth_range_m"] == [0.0, None]


def test_check_passes_with_zero(cli_here, pair_folder):
    code, out, _ = cli_here("methods", "check", "gaussian-binned", "-d", pair_folder)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["check", "result", "found"]
    assert lines[-1].startswith("gaussian-binned: 2")
    assert "0 failed" in lines[-1]


def test_check_fails_with_five_and_says_what_to_do(cli_here, plugins, pair_folder):
    words = ["methods", "check", f"{plugins / 'dummy.py'}:Dummy", "-d", pair_folder]
    code, out, _ = cli_here(*words, "--json")
    assert code == 5
    document = json.loads(out)
    assert not document["ok"]
    failed = {one["name"]: one for one in document["checks"] if one["state"] == "failed"}
    assert set(failed) == {"not-fitted", "fit-repeats", "damaged"}
    code, out, _ = cli_here(*words)
    assert code == 5
    assert f"what to do: {failed['damaged']['remedy']}" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no-sin"], "Did you mean 'no-sim'"),
        (["nosuch.py:Mine"], "no Python file"),
        (["no-sim", "--preset", "huge"], "no preset"),
        (["no-sim", "--set", "nosuch=1"], "nosuch"),
        (["no-sim", "-d", "nowhere"], "no world or folder"),
    ],
)
def test_check_of_what_is_not_there_is_two(cli_here, words, said):
    code, out, err = cli_here("methods", "check", *words)
    assert code == 2
    assert said in err
    assert out == ""


def test_a_new_project_passes(cli_here, tmp_path, pair_folder):
    code, out, _ = cli_here("methods", "new", "my-depth-sim", "--json")
    assert code == 0
    made = json.loads(out)
    assert made["method"].endswith("src/my_depth_sim/my_depth_sim.py:MyDepthSim")
    folder = tmp_path / "my-depth-sim"
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    package = {"src/my_depth_sim/__init__.py", "src/my_depth_sim/my_depth_sim.py"}
    assert files == {"pyproject.toml", "README.md", "tests/test_my_depth_sim.py", *package}
    assert not any("PACKAGE" in path.read_text() or "$" in path.read_text() for path in folder.rglob("*.*"))
    code, out, _ = cli_here("methods", "check", made["method"], "-d", pair_folder)
    assert code == 0, out
    assert find(str(tmp_path / made["method"])).name == "my-depth-sim"


def test_the_folder_of_a_project_leads_to_its_class(cli_here, tmp_path):
    write_project(tmp_path / "my-sim")
    for words in (["methods", "check", "my-sim"], ["train", "my-sim"]):
        code, _, err = cli_here(*words)
        assert code == 2
        assert "my-sim is a folder, not a method. Did you mean my-sim/src/my_sim/my_sim.py:MySim?" in err
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "other.py").write_text("def broken(:")
    assert "Did you mean" not in cli_here("methods", "check", "empty")[2]


def test_a_class_without_a_part_is_told_in_one_line(cli_here, tmp_path, plugins, pair_folder):
    text = (plugins / "dummy.py").read_text().replace("def save(", "def keep(")
    (tmp_path / "mine.py").write_text(text)
    code, out, _ = cli_here("methods", "check", "mine.py:Dummy", "-d", pair_folder)
    assert code == 5
    lines = out.splitlines()
    assert lines[1].split() == ["contract", "FAILED", "no", "save"]
    assert lines[3].startswith("all others     ?")
    assert lines[4].startswith("mine: 0 passed, 1 failed, 24 not judged")
    assert len(lines) == 5
    document = json.loads(cli_here("methods", "check", "mine.py:Dummy", "-d", pair_folder, "--json")[1])
    assert len(document["checks"]) == 25


def test_the_tests_of_a_new_project_pass(tmp_path, home):
    write_project(tmp_path / "new-sim")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:dash", "-p", "no:cacheprovider"],
        cwd=tmp_path / "new-sim",
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "26 passed" in done.stdout


def test_a_new_project_overwrites_nothing(cli_here, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "notes.txt").write_text("keep")
    code, _, err = cli_here("methods", "new", "mine", "--name", "my-sim")
    assert code == 2
    assert "nothing is overwritten" in err
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    code, _, err = cli_here("methods", "new", "mine/notes.txt", "--name", "my-sim")
    assert code == 2
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    assert cli_here("methods", "new", "repository", "--name", "my-sim")[0] == 0


@pytest.mark.parametrize("name", ["ours", "numpy", "json", "class", "My-Sim", "-x", "a--b", "3d", "a/b"])
def test_names_that_cannot_be_used(tmp_path, name):
    with pytest.raises(UsageError, match="--name"):
        write_project(tmp_path / "new", name)
    assert not (tmp_path / "new").exists()
