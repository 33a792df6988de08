"""Pair folders from small sequences in the published layouts, and from pairs that are there already."""

import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from s2r_bench.data.intrinsics import read_intrinsics
from s2r_bench.data.prepare import KINECT_SPLITS, SequenceSettings, prepare, prepare_pairs, prepare_sequence
from s2r_bench.data.recordings import read_recording
from s2r_bench.data.splits import parse_ranges
from s2r_bench.data.verify import verify_pairs
from s2r_bench.errors import DataError, UsageError
from s2r_bench.worlds import open_world
from s2r_bench.worlds.pair_folder import FolderPairs, read_cameras

K = np.array([[146.0, 0, 79.5], [0, 146.0, 59.5], [0, 0, 1]])
SETTINGS = SequenceSettings(voxel=0.03, every=2, refine=False)


def _save(path, units):
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), units.astype(np.uint16))


def _seven_scenes(root, walk, poses=None):
    for k, (depth, pose) in enumerate(zip(walk.captured, poses or walk.poses, strict=True)):
        units = np.rint(depth * 1000)
        units[units == 0] = 65535
        _save(root / "seq-01" / f"frame-{k:06d}.depth.png", units)
        (root / "seq-01" / f"frame-{k:06d}.pose.txt").write_text("\n".join("\t ".join(map(str, row)) for row in pose))
    return root


def _tum(root, walk):
    listing, truth = ["# depth maps", "# timestamp filename"], ["# timestamp tx ty tz qx qy qz qw"]
    for k, (depth, pose) in enumerate(zip(walk.captured, walk.poses, strict=True)):
        time = 1341841278.8 + k / 30
        _save(root / "depth" / f"{time:.6f}.png", np.rint(depth * 5000))
        listing.append(f"{time:.6f} depth/{time:.6f}.png")
        quaternion = Rotation.from_matrix(pose[:3, :3]).as_quat()
        if k != 7:  # frame 7 has no pose within 20 ms
            truth.append(" ".join(f"{value:.6f}" for value in (time + 0.004, *pose[:3, 3], *quaternion)))
    (root / "depth.txt").write_text("\n".join(listing))
    (root / "groundtruth.txt").write_text("\n".join(truth))
    return root


def _clean_error(folder, walk, poses):
    """Median absolute difference of the clean side and the exact rendering, metres."""
    pairs = FolderPairs(folder)
    apart = []
    for k in range(len(pairs)):
        frame = pairs[k].clean
        exact = walk.scene.depth(frame.K, poses[int(frame.frame[-6:])], frame.size)
        both = (exact > 0) & frame.valid
        apart.append(np.median(np.abs(exact - frame.depth)[both]))
    return float(np.median(apart))


@pytest.mark.parametrize("archived", [False, True])
def test_seven_scenes(tmp_path, walk, archived):
    source = _seven_scenes(tmp_path / "kitchen", walk)
    if archived:  # a zip of zips, as downloaded
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w") as archive:
            for path in sorted(source.rglob("frame*")):
                archive.write(path, path.relative_to(source).as_posix())
        source = tmp_path / "kitchen.zip"
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("kitchen/seq-01.zip", inner.getvalue())
    done = prepare_sequence(source, tmp_path / "out", "7scenes", settings=SETTINGS, K=K)
    assert done.pairs == 20
    assert set(done.splits) == {"train", "val", "test"}
    assert not done.dropped
    cameras = read_cameras(tmp_path / "out")
    assert next(iter(cameras.entries)) == "seq-01_000000"
    assert cameras.metres_per_unit == 0.001
    assert _clean_error(tmp_path / "out", walk, walk.poses) < 0.008
    captured = FolderPairs(tmp_path / "out")[3].captured.depth
    np.testing.assert_allclose(captured, walk.captured[6], atol=0.0006)  # 65535 is a hole, millimetres are kept
    assert [str(finding) for finding in verify_pairs(tmp_path / "out") if finding.severity == "error"] == []
    assert not (tmp_path / "out" / ".work").exists()


def test_tum_in_a_tar(tmp_path, walk):
    folder = _tum(tmp_path / "rgbd_dataset_freiburg9_room", walk)
    source = tmp_path / "room.tgz"
    with tarfile.open(source, "w:gz") as archive:
        archive.add(folder, folder.name)
    recording = read_recording(source, K=K)
    assert len(recording.frames) == 39
    assert recording.skipped == 1
    np.testing.assert_allclose(recording.frames[0].world_from_cam, walk.poses[0], atol=1e-5)
    done = prepare_sequence(source, tmp_path / "out", settings=SETTINGS, K=K, sensor="Kinect v1 (TUM)")
    assert done.skipped == 1
    assert read_cameras(tmp_path / "out").sensor == "Kinect v1 (TUM)"
    captured = FolderPairs(tmp_path / "out")[0].captured.depth
    np.testing.assert_allclose(captured, walk.captured[0], atol=0.0002)


def test_refinement_brings_poses_back(tmp_path, walk):
    rng = np.random.default_rng(0)
    bent = []
    for pose in walk.poses:
        moved = pose.copy()
        moved[:3, 3] += rng.normal(size=3) * 0.012
        bent.append(moved)
    source = _seven_scenes(tmp_path / "kitchen", walk, bent)
    settings = SequenceSettings(voxel=0.03, refine=True)
    done = prepare_sequence(source, tmp_path / "out", settings=settings, K=K)
    assert done.refined > 30
    cameras = read_cameras(tmp_path / "out")
    # relative motion counts; the whole may have moved
    before, after = [], []
    ids = list(cameras.entries)
    for one, other in zip(ids, ids[3:], strict=False):
        k, j = int(one[-6:]), int(other[-6:])
        exact = np.linalg.inv(walk.poses[k]) @ walk.poses[j]
        poses = cameras.entries[one].world_from_cam, cameras.entries[other].world_from_cam
        after.append(np.linalg.norm((np.linalg.inv(poses[0]) @ poses[1] - exact)[:3, 3]))
        before.append(np.linalg.norm((np.linalg.inv(bent[k]) @ bent[j] - exact)[:3, 3]))
    assert np.median(after) < 0.6 * np.median(before)


def test_broken_off_and_run_again(tmp_path, walk, monkeypatch):
    source = _seven_scenes(tmp_path / "kitchen", walk)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    prepare_sequence(source, whole, settings=SETTINGS, K=K)

    def stop(stage, done, total):
        if stage == "render" and done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_sequence(source, broken, settings=SETTINGS, K=K, progress=stop)
    assert not (broken / "cameras.json").exists()
    with pytest.raises(DataError, match="other settings"):
        prepare_sequence(source, broken, settings=SequenceSettings(voxel=0.05), K=K)

    def refuse(*args, **kwargs):
        raise AssertionError("the surface must not be fused again")

    monkeypatch.setattr("s2r_bench.data.sequence.fuse_tsdf", refuse)
    prepare_sequence(source, broken, settings=SETTINGS, K=K)
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(broken) for path in broken.rglob("*") if path.is_file())
    assert all((whole / file).read_bytes() == (broken / file).read_bytes() for file in files)
    with pytest.raises(DataError, match="already"):
        prepare_sequence(source, whole, settings=SETTINGS, K=K)


def test_bad_views_are_dropped_and_named(tmp_path, walk):
    poses = list(walk.poses)
    poses[10] = poses[10].copy()
    poses[10][:3, 3] += (0.0, 0.4, 0.3)
    source = _seven_scenes(tmp_path / "kitchen", walk, poses)
    _save(source / "seq-01" / "frame-000012.depth.png", np.full((120, 160), 65535))
    (source / "seq-01" / "frame-000014.pose.txt").write_text("nan " * 16)
    done = prepare_sequence(source, tmp_path / "out", settings=SETTINGS, K=K)
    assert set(done.dropped) == {"seq-01_000010", "seq-01_000012"} or set(done.dropped) == {"seq-01_000012"}
    assert "0%" in done.dropped["seq-01_000012"]
    assert done.skipped == 1


def test_damaged_sources(tmp_path, walk):
    with pytest.raises(DataError, match="nothing at"):
        read_recording(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="neither"):
        read_recording(tmp_path / "empty")
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 no zip")
    with pytest.raises(DataError, match="no folder and no archive"):
        read_recording(tmp_path / "x.zip")
    source = _seven_scenes(tmp_path / "kitchen", walk)
    file = source / "seq-01" / "frame-000003.depth.png"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match=r"frame-000003\.depth\.png"):
        prepare_sequence(source, tmp_path / "out", settings=SETTINGS, K=K)
    (source / "seq-01" / "frame-000004.pose.txt").write_text("1 0 0")
    with pytest.raises(DataError, match=r"frame-000004\.pose\.txt"):
        read_recording(source)


def test_adopting_pairs(write_pairs, tmp_path):
    source = write_pairs(splits={}, depth_unit="mm")
    out = tmp_path / "adopted"
    ranges = parse_ranges(["train=0:19", "val=22:27", "test=30:39"])
    prepare_pairs(source, out, splits=ranges, sensor="My camera", scene="room", sequence="walk")
    cameras = read_cameras(out)
    assert cameras.sensor == "My camera"
    assert [len(cameras.splits[split]) for split in ("train", "val", "test")] == [20, 6, 10]
    assert cameras.entries["0000"].scene == "room@0000-0019"
    assert cameras.entries["0035"].scene == "room@0030-0039"
    assert cameras.entries["0020"].scene == "room"  # in the gap
    assert (out / "clean" / "0000.png").stat().st_nlink == 2
    assert verify_pairs(out) == []
    world = open_world(str(out), home=tmp_path)
    scenes = [world.pairs(split).scenes for split in ("train", "val", "test")]
    assert len(frozenset.union(*scenes)) == sum(map(len, scenes))  # they never meet
    kept = prepare_pairs(out, tmp_path / "again")
    assert read_cameras(kept.parent).splits == cameras.splits


def test_adopting_what_is_incomplete(write_pairs, tmp_path):
    source = write_pairs()
    (source / "captured" / "0003.png").unlink()
    with pytest.raises(DataError, match=r"0003\.png is missing"):
        prepare_pairs(source, tmp_path / "out")
    assert not (tmp_path / "out" / "cameras.json").exists()
    with pytest.raises(UsageError, match="share frames"):
        parse_ranges(["train=0:50", "test=50:60"])


def test_prepare_by_name(write_pairs, tmp_path):
    done = prepare("mine", write_pairs(), tmp_path / "home")
    assert done["folder"] == str(tmp_path / "home" / "data" / "mine")
    assert done["kind"] == "pairs"
    assert sum(done["splits"].values()) <= done["pairs"] == 40
    with pytest.raises(DataError, match="apt-get download"):
        prepare("sweethome3d", tmp_path / "nowhere", tmp_path)


def test_development_pairs_get_the_published_split(tmp_path):
    import os

    data = Path(os.environ.get("S2R_DEV_DATA", Path(__file__).parents[3] / "shared" / "data")) / "pairs_7scenes"
    if not (data / "cameras.json").is_file():
        pytest.skip("no development data: set S2R_DEV_DATA")
    done = prepare("kinect", data, tmp_path)
    assert done["splits"] == {"train": 130, "val": 15, "test": 40}
    world = open_world("kinect", home=tmp_path)
    assert world.sensor == "Kinect v1 (7-Scenes RedKitchen)"
    assert KINECT_SPLITS["test"] == (640, 796)
    assert world.pairs("test").names[0] == "0640"
    assert world.pairs("val")[0].clean.size == (96, 128)


def test_a_finished_folder_is_never_written_over(write_pairs, tmp_path):
    source = write_pairs()
    first = prepare("mine", source, tmp_path, kind="pairs")
    again = prepare("mine", source, tmp_path, kind="pairs")
    assert "note" not in first
    assert "already" in again["note"]
    cameras = tmp_path / "data" / "mine" / "cameras.json"
    before = cameras.read_bytes()
    with pytest.raises(DataError, match=r"another cameras\.json; delete it"):
        prepare("mine", source, tmp_path, kind="pairs", sensor="other")
    assert cameras.read_bytes() == before
    moved = tmp_path / "other" / source.name  # a scene without a name is named after its folder
    shutil.copytree(source, moved)
    file = sorted((moved / "captured").iterdir())[0]
    file.write_bytes(file.read_bytes()[::-1])
    with pytest.raises(DataError, match=f"another captured/{file.name}"):
        prepare("mine", moved, tmp_path, kind="pairs")


def test_intrinsics_of_a_file(tmp_path):
    file = tmp_path / "camera.json"
    file.write_text(json.dumps({"K": K.tolist(), "width": 160, "height": 120}))
    found, size = read_intrinsics(file)
    assert (found.tolist(), size) == (K.tolist(), (120, 160))
    file.write_text(json.dumps({"K": K.tolist(), "width": 160}))
    with pytest.raises(DataError, match="height"):
        read_intrinsics(file)


def test_intrinsics_of_another_size_are_refused(tmp_path, walk):
    source = _seven_scenes(tmp_path / "kitchen", walk)
    file = tmp_path / "camera.json"
    file.write_text(json.dumps({"K": K.tolist(), "width": 640, "height": 480}))
    with pytest.raises(DataError, match="160x120 pixels, the intrinsics are of 640x480"):
        prepare("mine", source, tmp_path, intrinsics=file)
    with pytest.raises(UsageError, match="--intrinsics"):
        prepare("mine", source, tmp_path, kind="pairs", intrinsics=file)
