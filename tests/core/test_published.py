"""Pairs are named by the depth in them: by nothing of how their files were written, and by each value."""

import json

import numpy as np
import pytest

from s2r_bench.records import RunSpec
from s2r_bench.steps.published import contents_of, depth_digest
from s2r_bench.worlds.base import open_world
from s2r_bench.worlds.pair_folder import FolderPairs, read_depth, write_depth

K = [[36.0, 0, 19.5], [0, 36.0, 14.5], [0, 0, 1]]


def depths(view):
    rng = np.random.default_rng(view)
    clean = rng.integers(900, 3000, (30, 40)) / 1000
    return clean.astype(np.float32), (clean * (rng.random(clean.shape) > 0.1)).astype(np.float32)


def written(folder, nudge=0.0, write=write_depth, indent=None, metres_per_unit=0.001):
    poses = {}
    for view in range(3):
        for part, depth in zip(("clean", "captured"), depths(view), strict=True):
            write(folder / part / f"{view:03d}.png", depth, metres_per_unit)
        pose = np.eye(4)
        pose[:3, 3] = 1 / 3 + nudge
        poses[f"{view:03d}"] = pose.tolist()
    cameras = {"K": K, "width": 40, "height": 30, "metres_per_unit": metres_per_unit, "cam_to_world": poses}
    cameras["splits"] = {"train": ["000"], "val": ["001"], "test": ["002"]}
    cameras["frames"] = {name: {"scene": "room", "sequence": "0"} for name in poses}
    (folder / "cameras.json").write_text(json.dumps(cameras, indent=indent))
    return FolderPairs(folder)


def loosely(path, depth, metres_per_unit):
    """The same PNG from another encoder: not compressed."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    units = np.rint(depth.astype(np.float64) / metres_per_unit).astype(np.uint16)
    assert cv2.imwrite(str(path), units, [cv2.IMWRITE_PNG_COMPRESSION, 0])


def as_arrays(path, depth, _metres_per_unit):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path.with_suffix(".npz"), depth=depth)


def test_other_files_of_the_same_depth_are_the_same_data(tmp_path):
    one = written(tmp_path / "a")
    others = [
        written(tmp_path / "b", write=loosely, indent=2),
        written(tmp_path / "c", nudge=1e-12),  # another last digit
        written(tmp_path / "d", write=as_arrays),
        written(tmp_path / "e", metres_per_unit=0.0005),
    ]
    assert one.digest not in {other.digest for other in others}  # of their files
    assert {depth_digest(other) for other in others} == {depth_digest(one)}


@pytest.mark.parametrize("part", ["clean", "captured"])
def test_a_millimetre_is_other_data(tmp_path, part):
    before = depth_digest(written(tmp_path / "a"))
    depth = depths(1)[part == "captured"].copy()
    depth[3, 4] += 0.001
    write_depth(tmp_path / "a" / part / "001.png", depth)
    assert depth_digest(FolderPairs(tmp_path / "a")) != before
    assert depth_digest(FolderPairs(tmp_path / "a", names=["000", "001"])) != before
    moved = written(tmp_path / "b", nudge=0.001)
    assert depth_digest(moved) != before


def test_data_of_a_run_that_are_not_here_any_more_have_no_content(tmp_path):
    folder, home = tmp_path / "wall", tmp_path / "home"
    written(folder)

    def spec(digest):
        return RunSpec("evaluate", "fidelity", "ours", str(folder), "tiny", "", 0, {"task": {}}, {"pairs/test": digest})

    pairs = open_world(str(folder), home=home).pairs("test")
    assert contents_of(spec(pairs.digest), home) == {"pairs/test": ("depth/test", depth_digest(pairs))}
    assert contents_of(spec("older"), home) == {}
    (folder / "cameras.json").unlink()
    assert contents_of(spec(pairs.digest), home) == {}


def test_pairs_that_a_built_in_world_made_are_named_by_what_made_them(tmp_path):
    """Another numpy draws some pixels a millimetre apart: files and depth differ, options and version do not."""
    world = open_world("mini", preset="smoke", home=tmp_path)
    before = world.pairs("test").digest

    def spec():
        digest = open_world("mini", preset="smoke", home=tmp_path).pairs("test").digest
        return RunSpec("evaluate", "fidelity", "ours", "mini", "smoke", "", 0, {"task": {}}, {"pairs/test": digest})

    named = contents_of(spec(), tmp_path)
    assert set(named) == {"pairs/test"}
    assert named["pairs/test"][0] == "made/test"
    path = next(world.pairs("test").folder.glob("captured/*.png"))
    depth = read_depth(path)
    depth[depth > 0] += 0.001
    write_depth(path, depth)
    assert spec().inputs["pairs/test"] != before
    assert contents_of(spec(), tmp_path) == named
