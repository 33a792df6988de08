"""The mini world's scanned objects: classes, disjoint from all else, cut out with what stands around, continued."""

from pathlib import Path

import numpy as np
import pytest

from s2r_bench.errors import DataError, UsageError
from s2r_bench.types import CATEGORIES
from s2r_bench.worlds import open_world
from s2r_bench.worlds.base import HoldsScans
from s2r_bench.worlds.mini import MiniWorld, scans
from s2r_bench.worlds.mini.furniture import make_furniture
from s2r_bench.worlds.mini.furniture.kinds import kind_of
from s2r_bench.worlds.mini.options import FIRST_OBJECT, MiniOptions
from s2r_bench.worlds.mini.scans import CLASSES, fused, is_of_class, scan_jobs, scanned

# a change here is a new world: raise VERSION with it, and every stored figure is of the one before
KEYS = {
    "smoke": "e6d47d13037244b8",
    "tiny": "d6de1927d7d60043",
    "small": "496cfd31ec1e87d2",
    "paper": "969658ac06961e6c",
}
FEW = {"workers": 1, "scans.train_per_class": 1, "scans.test_per_class": 1}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def world(home: Path) -> MiniWorld:
    opened = open_world("mini", preset="smoke", home=home, options=FEW)
    assert isinstance(opened, MiniWorld)
    return opened


def test_the_world_itself_does_not_change_by_accident_nor_with_its_scans() -> None:
    # measurements of other tasks lie under these names
    keys = {preset: MiniOptions.preset(preset).key for preset in ("smoke", "tiny", "small", "paper")}
    assert keys == KEYS
    more = MiniOptions.preset("tiny", {"scans.views": 5})
    assert more.key == KEYS["tiny"]
    assert more.scans_key != MiniOptions.preset("tiny").scans_key
    assert MiniOptions.preset("tiny", {"seed": 1}).scans_key != MiniOptions.preset("tiny").scans_key
    assert MiniOptions.preset("tiny", {"workers": 2}).scans_key == MiniOptions.preset("tiny").scans_key


def test_kinds_are_what_makers_draw() -> None:
    for number in range(40):
        use = kind_of("table", number)
        size = np.ptp(make_furniture("table", number).model.mesh.bounds, axis=0)
        assert (size[1] < 0.5) == (use == "coffee") or use == "side"
        if use == "desk":
            assert 1.0 <= size[0] <= 1.65
        kind = kind_of("cabinet", number)
        height = np.ptp(make_furniture("cabinet", number).model.mesh.bounds, axis=0)[1]
        assert (height > 1.7 - 1e-9) == (kind == "wardrobe") or (kind == "cupboard" and height < 1.73)
        kind = kind_of("sofa", number)
        width = np.ptp(make_furniture("sofa", number).model.mesh.bounds, axis=0)[0]
        assert (width < 1.21) == (kind == "armchair") or (kind == "sofa" and width > 1.0)
        assert kind_of("chair", number) == "chair"
    assert {kind_of("table", number) for number in range(40)} == {"dining", "coffee", "side", "console", "desk"}


def test_each_object_is_of_one_class_and_each_category_is_asked_for() -> None:
    for category in CATEGORIES:
        labels = [label for label in CLASSES if scans._CATEGORY.get(label, label) == category]
        for number in range(30):
            assert sum(is_of_class(label, number) for label in labels) == 1


def test_objects_of_a_split_are_enough_and_stand_nowhere_else() -> None:
    options = MiniOptions.preset("tiny")
    rooms: set[int] = set()
    for split in ("train", "test"):
        jobs = scan_jobs(options, split, Path())
        assert [job.label for job in jobs[:: len(jobs) // len(CLASSES)]] == list(CLASSES)
        wanted = {"train": options.scans.train_per_class, "test": options.scans.test_per_class}[split]
        assert len(jobs) == wanted * len(CLASSES)
        firsts = {FIRST_OBJECT[job.part] + 16 * job.slot for job in jobs}
        assert len(firsts) == len(jobs)
        assert not firsts & rooms
        assert min(firsts) >= 800_000
        assert max(firsts) + 16 <= 1_000_000
        rooms |= firsts
    assert options.scans.train_per_class >= 30  # ten to learn from and twenty to be asked about
    other = scan_jobs(MiniOptions.preset("tiny", {"seed": 1}), "train", Path())
    assert not {job.slot for job in other} & {job.slot for job in scan_jobs(options, "train", Path())}
    with pytest.raises(UsageError, match="are asked for"):
        scan_jobs(MiniOptions.preset("tiny", {"scans.train_per_class": 1000}), "train", Path())


def test_scans_hold_the_object_and_what_is_around_it(world: MiniWorld) -> None:
    assert isinstance(world, HoldsScans)
    found = world.scans("train")
    assert found.classes == CLASSES
    assert found.points.shape == (len(found), 128, 3)
    assert len(found) >= len(CLASSES) - 1  # a thin one may have too few points at this size
    assert found.objects is not None
    share = found.objects.mean()
    assert 0.3 < share < 0.95, "background is in, and the object is more than that"
    assert np.abs(found.points).max() < 2.0, "centred on the object, metres"
    low = found.points[..., 1].min(1)
    assert (found.points[..., 1] < low[:, None] + 0.05).sum() > 5 * len(found), "they stand on a floor that is seen"
    assert len(world.scan_scenes("train")) == len(CLASSES)
    assert not world.scan_scenes("train") & world.scan_scenes("test")


def test_a_killed_scan_goes_on_to_the_same_bytes(
    world: MiniWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (world.folder / f"scans-train-{world.scans_key}" / "clouds.npz").read_bytes()
    done, scan = [], scans.scan

    def dying(job):
        done.append(job)
        if len(done) == 4:
            raise KeyboardInterrupt
        scan(job)

    monkeypatch.setattr(scans, "scan", dying)
    with pytest.raises(KeyboardInterrupt):
        scanned(world.options, "train", tmp_path / "scans")
    kept = sorted((tmp_path / "scans").glob("*.npz"))
    assert len(kept) == 3
    stamps = [path.stat().st_mtime_ns for path in kept]
    monkeypatch.setattr(scans, "scan", lambda job: (scan(job), stamps.append(0))[0])
    scanned(world.options, "train", tmp_path / "scans")
    assert [path.name for path in (tmp_path / "scans").iterdir()] == ["clouds.npz"]
    assert (tmp_path / "scans" / "clouds.npz").read_bytes() == whole


def test_damage_is_named(world: MiniWorld, tmp_path: Path) -> None:
    (tmp_path / "clouds.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"clouds\.npz is missing or damaged.*delete its folder"):
        scanned(world.options, "train", tmp_path)


def test_voxels_keep_their_mean_and_their_majority() -> None:
    points = np.array([[0.1, 0.1, 0.1], [0.3, 0.1, 0.1], [0.2, 0.1, 0.1], [0.9, 0.9, 0.9]])
    means, mine = fused(points, np.array([True, True, False, False]), 0.5)
    np.testing.assert_allclose(means, [[0.2, 0.1, 0.1], [0.9, 0.9, 0.9]])
    assert mine.tolist() == [True, False]
    means, mine = fused(np.zeros((0, 3)), np.zeros(0, np.bool_), 0.5)
    assert means.shape == (0, 3)
    assert mine.shape == (0,)
