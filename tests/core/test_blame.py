"""The line of somebody's own code: through libraries, causes, packages and pipes."""

import importlib.util
import pickle

import pytest

from s2r_bench.blame import at, kept, line_of, package_of, remember, whole

MINE = """
import json

def plain():
    return {}["x"]

def through_a_library():
    return json.loads("{")

def caused():
    try:
        plain()
    except KeyError as wrong:
        raise ValueError("deeper") from wrong
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    spec = importlib.util.spec_from_file_location("blamed_mine", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made, path


def raised(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is
        call()
    return caught.value


def test_nobody_s_line_until_it_is_remembered(mine, tmp_path, monkeypatch):
    module, path = mine
    assert line_of(raised(module.plain)) == at(raised(module.plain)) == ""
    remember(path)
    assert line_of(raised(module.plain)) == f"{path}:5, in plain"
    assert line_of(raised(module.through_a_library)) == f"{path}:8, in through_a_library"
    assert line_of(raised(module.caused)) == f"{path}:14, in caused"
    monkeypatch.chdir(tmp_path)
    assert at(raised(module.plain)) == " (mine.py:5, in plain)"


def test_what_a_library_makes_of_it_has_the_line_of_the_cause(mine):
    module, path = mine
    remember(path)

    def wraps():
        try:
            module.plain()
        except KeyError as wrong:
            raise RuntimeError("wrapped") from wrong

    assert line_of(raised(wraps)) == f"{path}:5, in plain"


def test_line_and_traceback_pass_through_a_pipe(mine):
    module, path = mine
    remember(path)
    there = pickle.loads(pickle.dumps(kept(raised(module.plain))))
    assert there.__traceback__ is None
    assert line_of(there) == f"{path}:5, in plain"
    assert 'return {}["x"]' in whole(there)
    assert line_of(kept(raised(module.plain), RuntimeError("copy"))) == f"{path}:5, in plain"


def test_a_package_is_somebody_s_with_all_that_is_below(tmp_path):
    inner = tmp_path / "pack" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "pack" / "__init__.py").write_text("")
    (inner / "__init__.py").write_text("")
    (inner / "net.py").write_text("def broken():\n    return 1 / 0\n")
    assert package_of(inner / "net.py") == tmp_path / "pack"
    assert package_of(tmp_path / "single.py") is None
    remember(tmp_path / "pack" / "sim.py")
    spec = importlib.util.spec_from_file_location("blamed_net", inner / "net.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert line_of(raised(made.broken)) == f"{inner / 'net.py'}:2, in broken"
