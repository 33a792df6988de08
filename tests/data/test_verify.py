"""`verify_pairs` on a small room: silent where all is right, and by name for every mistake."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from s2r_bench.data.verify import verify_pairs


def _errors(folder):
    return [finding for finding in verify_pairs(folder) if finding.severity == "error"]


def _only_error(folder):
    errors = _errors(folder)
    assert len(errors) == 1, [str(finding) for finding in errors]
    return errors[0]


def _edit(folder, **fields):
    path = folder / "cameras.json"
    raw = json.loads(path.read_text())
    raw.update(fields)
    path.write_text(json.dumps({key: value for key, value in raw.items() if value is not None}))


def test_a_right_folder_has_no_findings(write_pairs):
    assert verify_pairs(write_pairs()) == []


def test_damaged_files_are_each_named(write_pairs):
    import cv2

    folder = write_pairs()
    clean, captured = folder / "clean", folder / "captured"
    (clean / "0003.png").write_bytes((clean / "0003.png").read_bytes()[:200])
    (captured / "0004.png").write_bytes(b"")
    cv2.imwrite(str(captured / "0005.png"), np.zeros((120, 160), np.uint8))
    cv2.imwrite(str(clean / "0006.png"), np.ones((60, 80), np.uint16))
    (clean / "0007.png").unlink()
    depth = np.ones((120, 160), np.float32)
    depth[3, 4] = np.nan
    np.savez(clean / "0007.npz", depth=depth)
    (captured / "0008.png").unlink()
    np.savez(captured / "9999.npz", depth=np.ones((120, 160), np.float32))
    (clean / "0009.png.part").write_bytes(b"x")
    (clean / "notes.txt").write_text("x")
    found = {Path(finding.file).relative_to(folder).as_posix(): finding for finding in verify_pairs(folder)}
    expected = {
        "clean/0003.png": "truncated",
        "captured/0004.png": "0 bytes",
        "captured/0005.png": "uint8",
        "clean/0006.png": "80x60",
        "clean/0007.npz": "NaN",
        "captured/0008.png": "missing",
        "captured/9999.npz": "no camera",
        "clean/0009.png.part": "unfinished",
        "clean/notes.txt": "no depth file",
    }
    assert set(found) == set(expected)
    for file, words in expected.items():
        assert words in found[file].message, (file, found[file].message)
        assert found[file].remedy


def test_counts_that_differ(write_pairs):
    folder = write_pairs()
    (folder / "captured" / "0001.png").unlink()
    messages = [finding.message for finding in _errors(folder)]
    assert "40 clean and 39 captured frames" in messages


def test_cameras_file_missing_or_broken(write_pairs, tmp_path):
    assert "cameras.json" in _only_error(tmp_path).message
    folder = write_pairs()
    _edit(folder, K=None)
    assert "K" in _only_error(folder).message
    (folder / "cameras.json").write_text("{")
    assert "not JSON" in _only_error(folder).message


def test_millimetres_read_as_metres(write_pairs):
    folder = write_pairs()
    _edit(folder, metres_per_unit=1.0)
    errors = _errors(folder)
    assert all("millimetres read as metres" in finding.message for finding in errors)
    assert len(errors) == 2


def test_metres_read_as_millimetres(write_pairs):
    folder = write_pairs()
    _edit(folder, metres_per_unit=1e-6)
    assert all("metres read as millimetres" in finding.message for finding in _errors(folder))


def test_one_side_in_other_units(write_pairs, walk):
    folder = write_pairs()
    for name, depth in enumerate(walk.captured):
        (folder / "captured" / f"{name:04d}.png").unlink()
        np.savez(folder / "captured" / f"{name:04d}.npz", depth=depth * 1000)
    finding = _only_error(folder)
    assert "differ by 1" in finding.message
    assert "millimetres" in finding.message
    assert finding.file.endswith("captured")


def test_a_tum_file_read_as_millimetres(write_pairs):
    folder = write_pairs(unit=0.0002)
    assert "5000 units" in _only_error(folder).message


FLIP = np.diag([1.0, -1, -1, 1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (np.linalg.inv, "world-to-camera;"),
        (lambda pose: pose @ FLIP, "OpenGL"),
        (lambda pose: np.block([[pose[:3, :3], 1000 * pose[:3, 3:]], [pose[3:]]]), "millimetres"),
        (lambda pose: np.block([[pose[:3, :3].T, pose[:3, 3:]], [pose[3:]]]), "transposed"),
    ],
)
def test_poses_of_another_convention(write_pairs, walk, change, words):
    finding = _only_error(write_pairs(poses=[change(pose) for pose in walk.poses]))
    assert words in finding.message
    assert finding.file.endswith("cameras.json")


def test_poses_of_other_frames(write_pairs, walk):
    order = np.random.default_rng(1).permutation(len(walk.poses))
    finding = _only_error(write_pairs(poses=[walk.poses[k] for k in order]))
    assert "poses" in finding.message


def test_poses_that_are_imprecise(write_pairs, walk):
    rng = np.random.default_rng(2)
    poses = [pose.copy() for pose in walk.poses]
    for pose in poses:
        pose[:3, 3] += rng.normal(size=3) * 0.02
    (finding,) = verify_pairs(write_pairs(poses=poses))
    assert finding.severity == "warning"
    assert "imprecise" in finding.message


def test_a_pose_that_is_not_rigid(write_pairs, walk):
    assert "not rigid" in _only_error(write_pairs(poses=[*walk.poses[:-1], 2 * walk.poses[-1]])).message


@pytest.mark.parametrize("factor", [0.85, 1.15, 1.4])
def test_another_focal_length(write_pairs, factor):
    K = np.array([[146.0 * factor, 0, 79.5], [0, 146.0 * factor, 59.5], [0, 0, 1]])
    message = _only_error(write_pairs(K=K)).message
    found = re.search(r"focal length (?:of|seems to be) (\d+) px", message)
    assert found, message
    assert int(found.group(1)) == pytest.approx(146, rel=0.03)


def test_intrinsics_of_another_image_size(write_pairs):
    finding = _only_error(write_pairs(K=[[584.0, 0, 319.5], [0, 584, 239.5], [0, 0, 1]]))
    assert "640x480" in finding.message
    assert "160x120" in finding.remedy


def test_principal_point_off(write_pairs):
    errors = verify_pairs(write_pairs(K=[[146.0, 0, 59.5], [0, 146, 79.5], [0, 0, 1]]))
    assert any("principal point" in finding.message for finding in errors)


def test_swapped_sides(write_pairs, walk):
    finding = _only_error(write_pairs(clean=walk.captured, captured=walk.clean))
    assert "swapped" in finding.message


def test_sides_of_other_views(write_pairs, walk):
    assert "differ by" in _only_error(write_pairs(captured=walk.captured[20:] + walk.captured[:20])).message


def test_frames_in_two_splits(write_pairs):
    folder = write_pairs()
    _edit(folder, splits={"train": ["0000", "0001"], "val": ["0010"], "test": ["0001", "0020", "nowhere"]})
    messages = [finding.message for finding in _errors(folder)]
    assert any("1 frames are in train and in test" in message for message in messages)
    assert any("'nowhere'" in message for message in messages)


def test_a_random_split_and_missing_gaps_are_warned_of(write_pairs):
    folder = write_pairs()
    ids = [f"{k:04d}" for k in range(40)]
    _edit(folder, splits={"train": ids[::3], "val": ids[1::3], "test": ids[2::3]})
    (finding,) = verify_pairs(folder)
    assert finding.severity == "warning"
    assert "alternate" in finding.message
    _edit(folder, splits={"train": ids[:20], "val": ids[22:30], "test": ids[30:]})
    (finding,) = verify_pairs(folder)
    assert "follow each other" in finding.message


def test_single_views_are_only_warned_of(write_pairs, walk):
    poses = [np.diag([1.0, 1, 1, 1]) + np.array([[0, 0, 0, 50.0 * k]] + [[0] * 4] * 3) for k in range(40)]
    findings = verify_pairs(write_pairs(poses=poses))
    assert [finding.severity for finding in findings] == ["warning"]


def test_development_pairs_have_no_errors(tmp_path):
    data = Path(os.environ.get("S2R_DEV_DATA", Path(__file__).parents[3] / "shared" / "data")) / "pairs_7scenes"
    if not (data / "cameras.json").is_file():
        pytest.skip("no development data: set S2R_DEV_DATA")
    raw = json.loads((data / "cameras.json").read_text())
    raw["cam_to_world"] = dict(sorted(raw["cam_to_world"].items())[::4])
    for part in ("clean", "real"):
        (tmp_path / part).mkdir()
        for name in raw["cam_to_world"]:
            (tmp_path / part / f"{name}.png").symlink_to(data / part / f"{name}.png")
    (tmp_path / "cameras.json").write_text(json.dumps(raw))
    findings = verify_pairs(tmp_path)
    assert [finding.severity for finding in findings] == ["warning"]  # it names no splits
