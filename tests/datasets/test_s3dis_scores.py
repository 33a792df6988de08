"""S3DIS from small trees in its three layouts, opened as `-d PATH` opens them, to scores of the task `segment`."""

import json

import numpy as np
import pytest

from s2r_bench.data.s3dis.archive import BlockArchive
from s2r_bench.data.s3dis.blocks import TRAIN, cut_blocks
from s2r_bench.data.s3dis.classes import CLASSES
from s2r_bench.data.s3dis.layout import layout_of
from s2r_bench.data.s3dis.room import Room
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


def test_blocks_of_the_published_shape(h5, tmp_path):
    """4,096 points of 9 channels, cut as the published ones, in files packed as they are; no option says a size."""
    rng, folder = np.random.default_rng(0), tmp_path / "indoor3d_sem_seg_hdf5_data"
    cut, names = [], ("Area_1_office_1", "Area_2_hallway_3", "Area_6_office_9")
    for name in names:
        points = rng.uniform(0, (1.4, 1.0, 2.5), (9000, 3)) + np.array([7.0, -3.0, 0.5])
        labels = rng.integers(0, len(CLASSES), 9000).astype(np.uint8)
        colours = rng.integers(0, 256, (9000, 3)).astype(np.uint8)
        cut.append(cut_blocks(Room(name, points, colours, labels, np.zeros(9000, np.int64)), TRAIN, seed=0))
    data, labels = (np.concatenate([getattr(one, name) for one in cut]) for name in ("data", "labels"))
    assert data.shape == (6, 4096, 9)
    for number, rows in enumerate((slice(0, 4), slice(4, 6))):
        h5(folder / f"ply_data_all_{number}.h5", data=data[rows], label=labels[rows])
    (folder / "room_filelist.txt").write_text("".join(f"{name}\n" for one in cut for name in one.rooms))
    world = open_world(str(tmp_path), preset="smoke", home=tmp_path / "home")
    archive = world.labelled_rooms()
    assert isinstance(archive, BlockArchive)
    assert archive.rooms == tuple(np.repeat(names, 2))
    back = archive.read([5, 0])
    np.testing.assert_array_equal(back.data, data[[5, 0]])
    np.testing.assert_array_equal(back.labels, labels[[5, 0]])
    assert -0.5 <= back.data[..., :2].min() <= back.data[..., :2].max() <= 0.5
    assert 0 <= back.data[..., 3:].min() <= back.data[..., 3:].max() <= 1
    budget = {"type": "k_shot", "blocks_per_class": 1}
    result, found = scored(world, tmp_path, folds=[2], label_budget=budget, **{"score.protocol": "published"})
    (matrix,) = matrices(result, tmp_path).values()
    assert matrix.sum(1).tolist() == np.bincount(labels[2:4].ravel(), minlength=13).tolist()
    assert found["n_classes_present"] == 13
    assert 1 <= found["blocks_learned"] <= 4


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
