"""S3DIS from small trees in its three layouts, opened as `-d PATH` opens them, to scores of the task `segment`."""

import json

import numpy as np
import pytest

from s2r_bench.data.s3dis.classes import CLASSES
from s2r_bench.data.s3dis.layout import layout_of
from s2r_bench.errors import DataError, UsageError
from s2r_bench.shelf import Shelf
from s2r_bench.task import Arm
from s2r_bench.worlds import open_world
from s2r_bench.worlds.base import HoldsLabelledRooms, HoldsObjects
from s2r_bench.worlds.mini import MiniWorld
from s2r_tasks._segment.options import SegmentOptions
from s2r_tasks.segment import Segment

PART = {"complete": False}


def opened(folder, tmp_path, **options):
    return open_world(str(folder), preset="smoke", home=tmp_path / "home", options=PART | options)


def scored(world, tmp_path, told=None, **given):
    """The result of random-init, and its figures of the whole set."""
    options = SegmentOptions.preset("smoke", {"folds": [1, 5], "cut.least": 20, **given})
    shelf = Shelf(tmp_path / "shelf", (told if told is not None else []).append)
    result = Segment(options).run(Arm("random-init"), world, 0, tmp_path / "run", shelf)
    return result, {score.metric: score.value for score in result.scores if score.sample == "all"}


def matrices(result, tmp_path):
    held = json.loads((tmp_path / "run" / result.artifacts["confusion"]).read_text())
    assert held["classes"] == list(CLASSES)
    return {area: np.array(matrix) for area, matrix in held["folds"].items()}


def test_text_files_with_a_bad_byte(raw_tree, tmp_path):
    root, _ = raw_tree(areas=(1, 2, 5))
    bad = root / "Area_5/hallway_6/Annotations/ceiling_1.txt"
    lines = bad.read_bytes().split(b"\n")
    lines[7] = lines[7][: lines[7].rindex(b" ")] + b"\0" + lines[7][lines[7].rindex(b" ") + 1 :]
    bad.write_bytes(b"\n".join(lines))
    assert layout_of(root) == layout_of(root.parent) == "raw"
    world = opened(root, tmp_path)
    assert isinstance(world, HoldsLabelledRooms)
    assert isinstance(world, HoldsObjects)
    assert (world.name, world.rooms_sensor) == ("s3dis", "Matterport camera (S3DIS)")
    told = []
    result, found = scored(world, tmp_path, told)
    assert any(f"{bad}, line 8" in line for line in told)
    assert any("stairs" in line for line in told)
    assert found["folds"] == 2
    assert found["rooms_learned"] == 2
    assert 0 <= found["miou_pooled"] <= 1
    for area, matrix in matrices(result, tmp_path).items():
        wanted = dict.fromkeys(CLASSES, 0) | {"ceiling": 400, "chair": 800, "floor": 400, "clutter": 400}
        assert dict(zip(CLASSES, matrix.sum(1).tolist(), strict=True)) == wanted, area


def test_pointcepts_arrays(pointcept_tree, tmp_path):
    root = pointcept_tree()
    assert layout_of(root) == "pointcept"
    world = opened(root, tmp_path)
    result, found = scored(world, tmp_path, folds=[2])
    assert found["folds"] == 1
    (matrix,) = matrices(result, tmp_path).values()
    assert matrix.sum(1).tolist() == np.bincount(np.arange(500) % 13).tolist()
    assert found["n_classes_present"] == 13
    with pytest.raises(DataError, match="there are rooms of areas"):
        scored(world, tmp_path, folds=[3])


def test_blocks_that_others_cut(archive_tree, tmp_path):
    folder = archive_tree(points=8)
    assert layout_of(folder) == layout_of(folder.parent) == "archive"
    world = opened(folder.parent, tmp_path, block_points=8)
    with pytest.raises(UsageError, match=r"protocol=strict labels whole rooms.*published"):
        scored(world, tmp_path)
    result, found = scored(world, tmp_path, folds=[1, 2, 3, 4, 5, 6], **{"score.protocol": "published"})
    assert found["folds"] == 6
    assert sum(matrix.sum() for matrix in matrices(result, tmp_path).values()) == 13 * 8
    assert all("published scripts give NaN" in why for why in result.failures.values())


def test_the_published_rooms_are_asked_for(raw_tree, tmp_path):
    root, _ = raw_tree(areas=(1, 2))
    world = open_world(str(root), preset="smoke", home=tmp_path, options={})
    with pytest.raises(DataError, match=r"Area_1 holds 1 rooms, the published area 44"):
        world.labelled_rooms()


def test_the_key_of_rooms_changes_with_their_files(raw_tree, tmp_path):
    root, _ = raw_tree(areas=(1, 2))
    first = opened(root, tmp_path).rooms_key
    assert opened(root, tmp_path).rooms_key == first
    path = root / "Area_1/hallway_6/Annotations/chair_1.txt"
    path.write_bytes(path.read_bytes() + b"1 2 3 4 5 6\n")
    assert opened(root, tmp_path).rooms_key != first


def test_s3dis_by_its_name(raw_tree, tmp_path, monkeypatch):
    monkeypatch.delenv("S2R_S3DIS", raising=False)
    with pytest.raises(DataError, match=r"'s3dis' is not on this machine.*docs/data\.md"):
        open_world("s3dis", preset="smoke", home=tmp_path)
    root, _ = raw_tree(areas=(1, 2))
    monkeypatch.setenv("S2R_S3DIS", str(root))
    world = open_world("s3dis", preset="smoke", home=tmp_path, options={"mini.seed": 1, **PART})
    mini = open_world("mini", preset="smoke", home=tmp_path, options={"seed": 1})
    assert isinstance(world, MiniWorld)
    assert isinstance(mini, MiniWorld)
    assert world.key == mini.key
    assert world.rooms_key != mini.rooms_key
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="holds no S3DIS: expected Area_1/ROOM/Annotations"):
        open_world("s3dis", preset="smoke", home=tmp_path, options={"folder": str(tmp_path / "none")})
    with pytest.raises(UsageError, match="no_such"):
        open_world(str(root), preset="smoke", home=tmp_path, options={"no_such": 1})
