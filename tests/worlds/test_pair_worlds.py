"""Worlds over pair folders: preset sizes, splits by stretches, scenes that never meet, clear words where data lacks."""

import json

import numpy as np
import pytest

from s2r_bench.data.splits import shared_scenes
from s2r_bench.errors import DataError, UsageError
from s2r_bench.worlds import open_world
from s2r_bench.worlds.custom import splits_of
from s2r_bench.worlds.pair_folder import FolderPairs, read_cameras, write_depth


def _folder(root, *, count=20, size=(12, 640), **fields):
    for part in ("clean", "captured"):
        (root / part).mkdir(parents=True, exist_ok=True)
        for k in range(count):
            write_depth(root / part / f"{k:04d}.png", np.full(size, 1 + k / 100, np.float32))
    raw = {
        "K": [[500.0, 0, 319.5], [0, 500, 5.5], [0, 0, 1]],
        "width": size[1],
        "height": size[0],
        "cam_to_world": {f"{k:04d}": np.eye(4).tolist() for k in range(count)},
        **fields,
    }
    (root / "cameras.json").write_text(json.dumps(raw))
    return root


@pytest.mark.parametrize(("preset", "width"), [("tiny", 128), ("small", 320), ("paper", 640)])
def test_a_preset_decides_the_pixel_step(tmp_path, preset, width):
    world = open_world(str(_folder(tmp_path / "mine")), preset=preset, home=tmp_path)
    pair = world.pairs("train")[0]
    assert pair.clean.size[1] == width
    assert pair.clean.K[0, 0] == pytest.approx(500 * width / 640)
    assert (world.name, world.sensor, world.preset, world.owns_sensor) == ("mine", "mine", preset, False)


def test_step_can_be_set(tmp_path):
    folder = _folder(tmp_path / "mine")
    assert open_world(str(folder), home=tmp_path, options={"step": 4}).pairs("train")[0].clean.size == (3, 160)
    with pytest.raises(UsageError, match="step"):
        open_world(str(folder), home=tmp_path, options={"step": 0})
    with pytest.raises(UsageError, match="setp"):
        open_world(str(folder), home=tmp_path, options={"setp": 4})


def test_splits_by_stretches_where_none_are_named(tmp_path):
    world = open_world(str(_folder(tmp_path / "mine")), home=tmp_path)
    numbers = {split: [int(name) for name in world.pairs(split).names] for split in ("train", "val", "test")}
    assert numbers == {"train": list(range(13)), "val": [14, 15], "test": [17, 18, 19]}  # 13 and 16 are the gaps
    scenes = [world.pairs(split).scenes for split in numbers]
    assert scenes == [{"mine@0000-0012"}, {"mine@0014-0015"}, {"mine@0017-0019"}]
    digests = {world.pairs(split).digest for split in numbers}
    assert len(digests) == 3


def test_every_sequence_is_cut(tmp_path):
    frames = {f"{k:04d}": {"scene": "room", "sequence": "a" if k < 10 else "b"} for k in range(20)}
    cameras = read_cameras(_folder(tmp_path / "mine", frames=frames))
    splits = splits_of(cameras)
    assert all({cameras.entries[name].sequence for name in names} == {"a", "b"} for names in splits.values())


def test_a_random_split_keeps_its_room_and_so_meets_the_leakage_guard(tmp_path):
    ids = [f"{k:04d}" for k in range(20)]
    folder = _folder(tmp_path / "mine", splits={"train": ids[::2], "val": ids[1:11:2], "test": ids[11::2]})
    world = open_world(str(folder), home=tmp_path)
    assert world.pairs("train").scenes & world.pairs("test").scenes == {"mine"}


def test_too_few_frames_for_three_splits(tmp_path):
    with pytest.raises(DataError, match="gets no frame"):
        open_world(str(_folder(tmp_path / "mine", count=2)), home=tmp_path)


def test_kinect_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.delenv("S2R_KINECT", raising=False)
    with pytest.raises(DataError, match=r"s2r-bench data prepare kinect --from"):
        open_world("kinect", home=tmp_path)
    _folder(tmp_path / "data" / "kinect", sensor="Kinect v1 (test)")
    assert open_world("kinect", home=tmp_path).sensor == "Kinect v1 (test)"
    other = _folder(tmp_path / "other", sensor="other")
    monkeypatch.setenv("S2R_KINECT", str(other))
    world = open_world("kinect", home=tmp_path)
    assert (world.name, world.sensor) == ("kinect", "other")
    assert open_world("kinect", home=tmp_path, options={"folder": str(tmp_path / "data" / "kinect")}).sensor != "other"


def test_cads_of_a_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("S2R_SWEETHOME3D", raising=False)
    folder = _folder(tmp_path / "mine")
    assert open_world(str(folder), home=tmp_path).cads() == []
    models = tmp_path / "models" / "chair"
    models.mkdir(parents=True)
    (models / "a.off").write_text("OFF\n4 4 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n")
    world = open_world(str(folder), home=tmp_path, options={"cads": str(tmp_path / "models")})
    assert [(model.id, model.category) for model in world.cads()] == [("chair_a", "chair")]


def test_the_digest_goes_by_content(tmp_path):
    folder = _folder(tmp_path / "mine", size=(4, 8))
    before = FolderPairs(folder).digest
    assert FolderPairs(folder).digest == before
    path = folder / "captured" / "0003.png"
    size = path.stat().st_size
    write_depth(path, np.full((4, 8), 2.5, np.float32))
    assert path.stat().st_size == size  # a file of the same size
    assert FolderPairs(folder).digest != before


def test_stretches_of_several_sequences_name_theirs(tmp_path):
    frames = {f"{k:04d}": {"scene": "room", "sequence": "a" if k < 10 else "b"} for k in range(20)}
    world = open_world(str(_folder(tmp_path / "mine", size=(4, 8), frames=frames)), home=tmp_path)
    train, test = world.pairs("train").scenes, world.pairs("test").scenes
    assert train == {"room@a:0000-0005", "room@b:0010-0015"}
    assert shared_scenes(train, test) == []


@pytest.mark.parametrize(
    ("trained", "scored", "leaks"),
    [
        ("redkitchen@0000-0700", "redkitchen@0640-0796", True),
        ("redkitchen@0000-0639", "redkitchen@0640-0796", False),
        ("redkitchen@0640-0640", "redkitchen@0640-0796", True),
        ("office@0000-0700", "redkitchen@0640-0796", False),
        ("redkitchen", "redkitchen@0640-0796", True),
        ("redkitchen@seq-01:0000-0700", "redkitchen@seq-02:0640-0796", False),
        ("room-1", "room-2", False),
    ],
)
def test_overlapping_stretches_of_a_room_leak(trained, scored, leaks):
    assert shared_scenes([trained], [scored]) == [scored] * leaks
