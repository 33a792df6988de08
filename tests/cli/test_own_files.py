"""A simulator in several files is found by its path without installation, and two of them do not mix."""

import sys

import pytest

from s2r_bench.conformance import made_subject
from s2r_bench.errors import UsageError
from s2r_bench.skeleton import write_project
from s2r_bench.steps.methods import find

SIMULATOR = '''
"""One factor, from a file of its own."""
from s2r_bench.options import Options
from s2r_bench.simulator import Card
{imports}

class Sim:
    card = Card("Sim", "tests", "untrained", False, "x")
    options_type = Options
    def __init__(self, options, device="cpu"):
        self.options = options
    def fit(self, pairs, budget, seed, workdir=None): ...
    def simulate(self, frames, seeds):
        {inside}
        return [frame.with_depth(frame.depth * FACTOR) for frame in frames]
    def save(self, folder): ...
    def load(self, folder): ...
'''


@pytest.fixture(autouse=True)
def _names_are_given_back():
    """What a test loads has no name in the next one, as in a process of its own."""
    from s2r_bench import by_path

    before = set(sys.modules)
    yield
    by_path._offered.files.clear()
    for name in set(sys.modules) - before:
        if not name.startswith(("s2r_bench", "s2r_baselines", "torch")):
            del sys.modules[name]


def written(folder, factor, statement, *, package=True, lazily=False, stem="sim", helper="net"):
    """A simulator in `stem`.py and its factor in `helper`.py, which it imports by a statement, maybe in a method."""
    folder.mkdir(parents=True)
    if package:
        (folder / "__init__.py").write_text("")
    (folder / f"{helper}.py").write_text(f"FACTOR = {factor}\n")
    path = folder / f"{stem}.py"
    imports, inside = ("", statement) if lazily else (statement, "")
    path.write_text(SIMULATOR.format(imports=imports, inside=inside))
    return path


def factor_of(path, room):
    """By how much the simulator in a file is off."""
    room.mkdir()
    subject = made_subject(f"{path}:Sim", room)
    clean, made = subject.frames[0], subject.shown[0]
    return float((made.depth[clean.valid] / clean.depth[clean.valid]).mean())


@pytest.mark.parametrize("lazily", [False, True])
@pytest.mark.parametrize("statement", ["from own_pack.net import FACTOR", "from .net import FACTOR"])
def test_files_of_a_package(tmp_path, statement, lazily):
    path = written(tmp_path / "own_pack", 2.0, statement, lazily=lazily)
    assert factor_of(path, tmp_path / "room") == pytest.approx(2)
    assert find(f"{path}:Sim").name == "sim"
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize("lazily", [False, True])
def test_files_beside_a_single_file(tmp_path, lazily):
    statement = "from own_test_net import FACTOR"
    path = written(tmp_path / "mine", 2.0, statement, package=False, lazily=lazily, helper="own_test_net")
    assert factor_of(path, tmp_path / "room") == pytest.approx(2)


def test_a_changed_file_of_its_own_is_another_method(tmp_path):
    for package, statement in ((True, "from .net import FACTOR"), (False, "from own_test_net import FACTOR")):
        path = written(tmp_path / str(package), 2.0, statement, package=package, helper=statement.split()[1].strip("."))
        before = find(f"{path}:Sim").code
        next(file for file in path.parent.glob("*net.py")).write_text("FACTOR = 3.0\n")
        path.write_text(path.read_text() + "# so that it is read again\n")
        assert find(f"{path}:Sim").code != before


@pytest.mark.parametrize("lazily", [False, True])
def test_two_packages_of_one_name_do_not_mix(tmp_path, lazily):
    one = written(tmp_path / "a" / "own_pack", 2.0, "from own_pack.net import FACTOR", lazily=lazily)
    other = written(tmp_path / "b" / "own_pack", 3.0, "from .net import FACTOR", lazily=lazily, stem="other")
    third = written(tmp_path / "c" / "own_pack", 4.0, "from own_pack.net import FACTOR", lazily=lazily, stem="third")
    assert factor_of(one, tmp_path / "1") == pytest.approx(2)
    assert factor_of(other, tmp_path / "2") == pytest.approx(3)
    assert factor_of(one, tmp_path / "3") == pytest.approx(2)
    with pytest.raises(UsageError, match=r"third.py imports own_pack.net, but 'own_pack' is .*write `from \.`"):
        find(f"{third}:Sim")
    assert find(f"{one}:Sim").cls.__module__ == "own_pack.sim"


def test_two_single_files_with_a_helper_of_one_name_are_refused(tmp_path):
    statement = "from own_test_net import FACTOR"
    one, other = (
        written(tmp_path / place, 2.0, statement, package=False, helper="own_test_net") for place in ("a", "b")
    )
    find(f"{one}:Sim")
    with pytest.raises(UsageError, match=r"b/own_test_net.py cannot be imported as 'own_test_net': that is .*/a/"):
        find(f"{other}:Sim")


def test_what_is_installed_keeps_its_name(tmp_path):
    path = written(tmp_path / "mine", 2.0, "import yaml\nFACTOR = 2.0", package=False, helper="yaml")
    assert find(f"{path}:Sim").name == "sim"
    assert sys.modules["yaml"].__name__ == "yaml"
    assert "site-packages" in sys.modules["yaml"].__file__
    pack = written(tmp_path / "yaml", 5.0, "from .net import FACTOR")
    assert factor_of(pack, tmp_path / "room") == pytest.approx(5)
    assert "site-packages" in sys.modules["yaml"].__file__


def test_a_file_that_fails_leaves_nothing(tmp_path):
    path = written(tmp_path / "own_pack", 2.0, "from own_pack.net import FACTOR\n1 / 0")
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        find(f"{path}:Sim")
    assert not [name for name in sys.modules if name.startswith("own_pack")]
    path.write_text(path.read_text().replace("1 / 0", ""))
    assert factor_of(path, tmp_path / "room") == pytest.approx(2)


@pytest.mark.parametrize(
    ("statement", "package", "said"),
    [
        ("from net import FACTOR", True, r"write `from \.net import ...`, or `from own_pack\.net import ...`"),
        ("from .net import FACTOR", False, "__init__.py makes its folder a package"),
        ("from own_pack.net import FACTOR", False, "__init__.py makes its folder a package"),
    ],
)
def test_the_remedy_is_named(tmp_path, statement, package, said):
    path = written(tmp_path / "own_pack", 2.0, statement, package=package)
    with pytest.raises(UsageError, match=said):
        find(f"{path}:Sim")


def test_a_new_project_in_two_files_passes_from_anywhere(cli, tmp_path, pair_folder):
    made = write_project(tmp_path / "split-sim")
    path = tmp_path / "split-sim" / made.module
    text = path.read_text()
    (path.parent / "net.py").write_text('FILE = "split.json"\n')
    path.write_text(text.replace('FILE = "split_sim.json"', "from split_sim.net import FILE"))
    done = cli("methods", "check", f"{path}:{made.cls}", "-d", pair_folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 files: .json" in done.stdout


def test_dots_in_a_file_s_name_are_no_packages(tmp_path):
    path = written(
        tmp_path / "mine", 2.0, "from own_test_net import FACTOR", package=False, stem="v1.2", helper="own_test_net"
    )
    assert factor_of(path, tmp_path / "room") == pytest.approx(2)
    path = written(tmp_path / "own_pack", 3.0, "from .net import FACTOR", stem="v1.2")
    assert factor_of(path, tmp_path / "other") == pytest.approx(3)


def test_a_plug_in_given_by_its_path_takes_no_name_from_a_new_one(tmp_path):
    write_project(tmp_path / "my-sim")
    assert find(f"{tmp_path / 'my-sim' / 'src' / 'my_sim' / 'my_sim.py'}:MySim").name == "my-sim"
    write_project(tmp_path / "again" / "my-sim")
    assert (tmp_path / "again" / "my-sim" / "src" / "my_sim" / "my_sim.py").is_file()
