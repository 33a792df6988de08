"""BOP and ARKitScenes: small trees in their layouts, prepared, scored, and damaged."""

import json
from pathlib import Path

import numpy as np
import pytest
from lasa_tree import write_png
from rgbd_trees import MODELS, ROOM, SMALL, write_arkitscenes, write_bop, write_ply

from s2r_bench.data import arkitscenes, bop
from s2r_bench.data.pairing import split_scenes
from s2r_bench.data.prepare import prepare
from s2r_bench.data.sets import SETS
from s2r_bench.data.verify import verify_pairs
from s2r_bench.errors import DataError, UsageError
from s2r_bench.worlds import open_world
from s2r_bench.worlds.pair_folder import FolderPairs, read_cameras, read_depth


@pytest.mark.parametrize("poses", [True, False])
def test_bop_becomes_pairs(tmp_path, poses) -> None:
    root = write_bop(tmp_path / "toy", poses=poses)
    assert SETS["bop"].check(root) == []
    done = prepare("bop", root, tmp_path, out=tmp_path / "toy-pairs")
    assert done["splits"] == {"train": 4, "val": 4, "test": 4}
    assert done["dropped"] == {}
    out = tmp_path / "toy-pairs"
    cameras = read_cameras(out)
    assert (cameras.size, cameras.metres_per_unit) == (SMALL, 0.0001)
    assert cameras.sensor == "depth camera of toy (BOP)"
    assert {entry.scene for entry in cameras.entries.values()} == {
        "train_real-000000",
        "train_real-000003",
        "test-000048",
    }
    pair = FolderPairs(out, "test")[2]
    both = (pair.clean.depth > 0) & (pair.captured.depth > 0)
    assert 300 < both.sum() < 0.5 * both.size  # the table is in the captures alone
    assert np.median(np.abs(pair.clean.depth - pair.captured.depth)[both]) < 0.002
    names = [f"test-000048_{k:06d}" for k in range(4)]
    moves = [
        np.linalg.inv(cameras.entries[names[0]].world_from_cam) @ cameras.entries[name].world_from_cam for name in names
    ]
    assert np.linalg.norm(moves[3][:3, 3]) == pytest.approx(2 * 0.9 * np.sin(0.45), rel=1e-3)
    assert [found for found in verify_pairs(out) if found.severity == "error"] == []
    assert open_world(str(out), home=tmp_path).pairs("test").scenes == {"test-000048"}


def _edit(path: Path, change) -> None:
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


BOP_DAMAGE = [
    ("test/000048/scene_gt.json", Path.unlink, "the file is missing"),
    ("test/000048/scene_camera.json", lambda path: path.write_text("{"), "no JSON of images"),
    ("test/000048/scene_camera.json", lambda path: _edit(path, lambda f: f["2"].pop("cam_K")), "image 2 lacks a field"),
    (
        "test/000048/scene_gt.json",
        lambda path: _edit(path, lambda f: f["1"][0].update(cam_R_m2c=[2] * 9)),
        "no rigid pose",
    ),
    ("test/000048/depth/000001.png", Path.unlink, "the depth map is missing"),
    ("train_real/000000/depth/000000.png", lambda path: path.write_bytes(path.read_bytes()[:-30]), "is truncated"),
    ("models/obj_000005.ply", Path.unlink, "the model is missing"),
    ("models/obj_000005.ply", lambda path: write_ply(path, MODELS[5], 1.0), "in millimetres, not metres"),
    ("models/obj_000001.ply", lambda path: path.write_text("ply\n"), "cannot be read as PLY"),
]


@pytest.mark.parametrize(("file", "harm", "said"), BOP_DAMAGE)
def test_damage_of_bop_is_found_and_named(tmp_path, file, harm, said) -> None:
    bop._model.cache_clear()
    root = write_bop(tmp_path / "toy", poses=True)
    harm(root / file)
    wrong = [found for found in SETS["bop"].check(root) if found.severity == "error"]
    assert [found.file for found in wrong] == [str(root / file)]
    assert said in str(wrong[0])
    with pytest.raises(DataError, match=Path(file).name):
        prepare("bop", root, tmp_path)


def test_a_wrong_depth_scale_and_stray_files_of_bop(tmp_path) -> None:
    root = write_bop(tmp_path / "toy", poses=True)
    (root / "test/000048/depth/000009.png").write_bytes(b"x")
    found = SETS["bop"].check(root)
    assert [(one.severity, Path(one.file).name) for one in found] == [("warning", "000009.png")]
    for path in root.rglob("scene_camera.json"):
        _edit(path, lambda fields: [camera.update(depth_scale=0.12) for camera in fields.values()])
    assert any("differ by" in one.message and one.severity == "error" for one in SETS["bop"].check(root))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no captured scene"):
        SETS["bop"].check(tmp_path / "empty")


def test_arkitscenes_becomes_pairs_of_its_videos(tmp_path) -> None:
    root = write_arkitscenes(tmp_path / "ark")
    assert SETS["arkitscenes"].check(root) == []
    done = prepare("arkitscenes", root, tmp_path)
    assert done["splits"] == {"train": 3, "val": 3, "test": 3}
    cameras = read_cameras(tmp_path / "data" / "arkitscenes")
    assert {entry.scene for entry in cameras.entries.values()} == {"40753679", "41418162", "42444499"}
    clean, captured = (
        read_depth(tmp_path / f"data/arkitscenes/{side}/42444499_101000.png") for side in ("clean", "captured")
    )
    both = (clean > 0) & (captured > 0)
    assert both.mean() > 0.5
    assert np.median(captured[both] - clean[both]) == pytest.approx(0.004, abs=0.0011)
    assert open_world("arkitscenes", home=tmp_path).sensor == "ARKit depth (ARKitScenes)"
    assert prepare("arkitscenes", root, tmp_path, out=tmp_path / "all", every=4)["pairs"] == 18


def test_poses_of_a_trajectory_are_camera_to_world(tmp_path) -> None:
    path = tmp_path / "lowres_wide.traj"
    path.write_text("2.0 0 0 1.5707963267948966 1 2 3\n1.0 0 0 0 1 2 3\n")
    times, poses = arkitscenes.read_trajectory(path)
    np.testing.assert_array_equal(times, [1, 2])
    np.testing.assert_allclose(poses[0][:3, 3], [-1, -2, -3])
    np.testing.assert_allclose(poses[1][:3, :3] @ [1, 0, 0], [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(poses[1][:3, 3], [-2, 1, -3], atol=1e-12)


ARK_DAMAGE = [
    ("Training/40753679/40753679_3dod_mesh.ply", Path.unlink, "the mesh is missing"),
    ("Training/40753679/40753679_3dod_mesh.ply", lambda path: write_ply(path, ROOM[0], 1000), "no room in metres"),
    ("Validation/42444499/42444499_frames/lowres_wide.traj", Path.unlink, "is missing"),
    ("Validation/42444499/42444499_frames/lowres_wide.traj", lambda path: path.write_text("1 2 3\n"), "axis-angle"),
    ("Validation/42444499/42444499_frames/lowres_wide.traj", lambda path: path.write_text("1 0 0 0 0 0 0\n"), "5 ms"),
    ("Validation/42444499/42444499_frames/lowres_depth/42444499_100.000.png", lambda p: p.write_bytes(b""), "0 bytes"),
    (
        "Validation/42444499/42444499_frames/lowres_depth/42444499_100.000.png",
        lambda path: write_png(path, np.ones((96, 128))),
        "its .pincam says 256x192",
    ),
    (
        "Validation/42444499/42444499_frames/lowres_wide_intrinsics/42444499_99.999.pincam",
        lambda path: path.write_text("256 192 0"),
        "expected w h fx fy cx cy",
    ),
]


@pytest.mark.parametrize(("file", "harm", "said"), ARK_DAMAGE)
def test_damage_of_arkitscenes_is_found_and_named(tmp_path, file, harm, said) -> None:
    root = write_arkitscenes(tmp_path / "ark")
    harm(root / "3dod" / file)
    wrong = [found for found in SETS["arkitscenes"].check(root) if found.severity == "error"]
    assert [found.file for found in wrong] == [str(root / "3dod" / file)]
    assert said in str(wrong[0])
    with pytest.raises(DataError, match=Path(file).name):
        prepare("arkitscenes", root, tmp_path)


def test_parts_of_scenes() -> None:
    named = split_scenes({**{f"t{k:02d}": "train" for k in range(21)}, "x": "test"})
    assert [name for name, part in named.items() if part == "val"] == ["t09", "t19"]
    assert named["x"] == "test"
    assert split_scenes({"a": "train", "b": "train", "c": "val", "d": "test"})["b"] == "train"
    assert split_scenes(dict.fromkeys("abc", "")) == {"a": "train", "b": "val", "c": "test"}
    assert list(split_scenes({f"{k:02d}": "" for k in range(20)}).values()).count("test") == 4
    with pytest.raises(DataError, match="do not make three parts"):
        split_scenes({"a": "", "b": ""})


def test_flags_that_do_not_fit(tmp_path) -> None:
    with pytest.raises(UsageError, match="--every"):
        prepare("bop", tmp_path, tmp_path, every=2)
    with pytest.raises(UsageError, match="--split"):
        prepare("bop", tmp_path, tmp_path, splits={"train": (0, 1)})
