"""A CAD corpus of one's own in the mini world: read from disk, sized, seen, and of no influence on all else."""

from pathlib import Path

import numpy as np
import pytest

from s2r_bench.cad.frame import longest_side
from s2r_bench.errors import DataError
from s2r_bench.shelf import Shelf
from s2r_bench.task import Arm
from s2r_bench.worlds import open_world
from s2r_bench.worlds.mini import MiniWorld
from s2r_tasks._occo.options import ClassifyNetworks
from s2r_tasks._occo.pretraining import PretrainOptions, pretrained, pretraining_facts

FACES = ("3 0 1 2", "3 0 3 1", "3 0 2 3", "3 1 3 2")


def off(path: Path, size: float, joined: bool = False) -> None:
    """A tetrahedron as ModelNet40 has its files, z up; `joined`: counts on the first line, as in some of them."""
    corners = [(0, 0, 0), (size, 0, 0), (0, size, 0), (0, 0, 2 * size)]
    head = ["OFF4 4 0"] if joined else ["OFF", "4 4 0"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*head, *(" ".join(map(str, corner)) for corner in corners), *FACES, ""]))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "ModelNet40"
    off(root / "chair" / "train" / "chair_0001.off", 10)
    off(root / "chair" / "train" / "chair_0002.off", 20, joined=True)
    off(root / "vase" / "train" / "vase_0001.off", 5)
    return root


def world_of(home: Path, **corpus: object) -> MiniWorld:
    options = {f"corpus.{name}": value for name, value in corpus.items()}
    found = open_world("mini", preset="smoke", home=home, options=options)
    assert isinstance(found, MiniWorld)
    return found


def test_models_come_from_disk_in_the_size_that_was_asked_for(tree: Path, tmp_path: Path) -> None:
    world = world_of(tmp_path, path=str(tree), side=1.5)
    models = world.objects("corpus")
    assert [model.category for model in models] == ["chair", "chair", "other"]
    assert [longest_side(model.mesh) for model in models] == pytest.approx([1.5] * 3)
    assert all(model.mesh.bounds[0, 1] == pytest.approx(0) for model in models)
    assert models[0].mesh.bounds[1, 1] == pytest.approx(1.5)  # its longest side stands up
    assert [model.id for model in world.cads()] == [model.id for model in models]
    assert len(world_of(tmp_path, path=str(tree), side=1.5, limit=2).objects("corpus")) == 2
    frames = world.object_views(models[2], 2, 0)
    seen = [point for frame in frames for point in frame.depth[frame.depth > 0]]
    assert len(seen) > 500


def test_nothing_but_the_corpus_depends_on_it(tree: Path, tmp_path: Path) -> None:
    plain, own = world_of(tmp_path), world_of(tmp_path, path=str(tree), side=1.0)
    assert own.folder == plain.folder
    assert own.scans_key == plain.scans_key
    assert own.rooms_key == plain.rooms_key
    assert [model.id for model in own.objects("captured-test")] == [m.id for m in plain.objects("captured-test")]
    keys = {plain.key, own.key, world_of(tmp_path, path=str(tree), side=2.0).key}
    off(tree / "vase" / "train" / "vase_0002.off", 7)
    keys.add(world_of(tmp_path, path=str(tree), side=1.0).key)
    assert len(keys) == 4


def test_what_cannot_be_read_is_told_and_nothing_at_all_is_refused(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "chair" / "train" / "chair_0002.off").write_text("OFF\n4 4 0\n0 0 0\n")
    assert len(world_of(tmp_path, path=str(tree), side=1.01).objects("corpus")) == 2
    assert "1 CAD models cannot be read and are left out, such as chair_train_chair_0002" in capsys.readouterr().err
    with pytest.raises(DataError, match=r"world\.corpus\.path"):
        world_of(tmp_path, path=str(tmp_path / "nowhere")).key  # noqa: B018
    for path in tree.rglob("*.off"):
        path.write_text("OFF\n")
    with pytest.raises(DataError, match="none of the models"):
        world_of(tmp_path, path=str(tree), side=1.02).objects("corpus")


def test_pretraining_learns_from_it(tree: Path, tmp_path: Path) -> None:
    world, shelf = world_of(tmp_path, path=str(tree), side=1.0), Shelf(tmp_path / "shelf")
    dark = Arm("dark", lambda frames, draw: [f.with_depth(np.zeros_like(f.depth)) for f in frames], identity="dark")
    options = PretrainOptions.preset("smoke")
    folder = pretrained(dark, world, shelf, ClassifyNetworks.preset("smoke"), options, 0)
    facts = pretraining_facts(folder)
    assert facts["views"] + facts["left_out"] == 3 * options.views
    # of two chairs one is simulated, and it is not seen; one of another kind rounds to none
    assert facts["left_out"] >= options.views
    assert facts["views"] > 0
