"""The paper's suites run for real, on every data set from its published layout, an object or two of each.

All six arms are fitted and compared in `paper-direct`; what a task does with an arm is the same for all, so the others
take two each.
"""

import json

import pytest
from paper_home import write_paper_home

from s2r_bench.worlds import open_world
from s2r_bench.worlds.lasa import LasaWorld

ARMS = ("no-sim", "cyclegan", "pix2pix", "gigagan", "sd", "ours")
SEGMENT = ["--set", "world.rooms.complete=false", "--set", "task.folds=[1]"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A home where all data sets of the suites lie, small."""
    return write_paper_home(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("sources"))


@pytest.fixture
def run(cli_here, home, written):
    """`s2r-bench run SUITE` on those data; gives the cells by round and arm."""
    home.symlink_to(written)

    def words(name, *more):
        sizes = ("--preset", "smoke", "--seeds", "1", "--set", "max_steps=2", "--set", "world.step=3")
        code, out, err = cli_here("run", name, *sizes, *more, "--json")
        document = json.loads(out) if out else {}
        rounds = document.get("rounds", [document])
        return code, {(one.get("round", ""), cell["arm"]): cell for one in rounds for cell in one["cells"]}, err

    return words


def figures(cell):
    return {score["metric"]: score["mean"] for score in cell["scores"]}


def test_views_are_compared(run):
    code, found, err = run("paper-direct", "--set", "task.frames=4")
    assert code == 0, err
    assert {arm for _, arm in found} == {"floor", "ceiling", *ARMS}
    assert {cell["status"] for cell in found.values()} == {"done"}
    for cell in found.values():
        assert figures(cell)["chamfer_l2"] >= 0


def test_objects_are_reconstructed_in_both_rounds(run, written):
    corpus = open_world("lasa", preset="smoke", home=written)
    assert isinstance(corpus, LasaWorld)
    assert {model.source for model in corpus.objects("corpus")} == {"ShapeNet", "ABO", "3D-FUTURE"}
    code, found, err = run("paper-recon", "-m", "no-sim", "-m", "ours")
    assert code == 0, err
    assert {cell["status"] for cell in found.values()} == {"done"}
    for name in ("zero-shot", "few-shot"):
        for arm in ("no-sim", "ours"):
            told = figures(found[f"paper-recon-strict-{name}", arm])
            assert {"iou", "chamfer_l2", "f_score"} <= set(told)
            assert (told["captured_objects"] > 0) == (name == "few-shot")


def test_scanned_objects_are_classified(run):
    code, found, err = run("paper-cls", "-m", "no-sim", "-m", "sd", "--set", "task.published=false")
    assert code == 0, err
    assert {arm for _, arm in found} == {"random-init", "no-sim", "sd"}
    for cell in found.values():
        assert {"accuracy", "svm_accuracy"} <= set(figures(cell))


def test_rooms_are_segmented(run):
    code, found, err = run("paper-seg", "-m", "no-sim", "-m", "ours", *SEGMENT)
    assert code == 0, err
    assert {arm for _, arm in found} == {"random-init", "no-sim", "ours"}
    for cell in found.values():
        assert 0 <= figures(cell)["miou_pooled"] <= 1


def test_suites_share_their_fits(run, written):
    for name, more in (("paper-cls", ["--set", "task.published=false"]), ("paper-seg", SEGMENT)):
        assert run(name, "-m", "sd", *more)[0] == 0
    fits = [json.loads(path.read_text())["method"] for path in (written / "runs" / "train").rglob("simulator.json")]
    assert fits.count("sd") == 1
