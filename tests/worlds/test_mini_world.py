"""The mini world: the same data from the same options, disjoint splits, a cache that survives being killed."""

import json
from pathlib import Path

import numpy as np
import pytest

from s2r_bench import workers
from s2r_bench.errors import DataError, UsageError
from s2r_bench.geometry.points import world_points
from s2r_bench.seeds import frame_seeds
from s2r_bench.types import CATEGORIES, DepthFrame
from s2r_bench.worlds import open_world
from s2r_bench.worlds.custom import open as open_folder
from s2r_bench.worlds.mini import MiniWorld
from s2r_bench.worlds.mini import open as open_mini
from s2r_bench.worlds.mini.build import build_pairs, scene_stage
from s2r_bench.worlds.mini.objects import CaptureJob, captured_depths, object_frames, object_stage
from s2r_bench.worlds.mini.options import MiniOptions

ALONE = {"workers": 1}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def world(home: Path) -> MiniWorld:
    opened = open_world("mini", preset="smoke", home=home, options=ALONE)
    assert isinstance(opened, MiniWorld)
    return opened


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_pairs_are_whole(world: MiniWorld) -> None:
    pairs = world.pairs("train")
    assert len(pairs) == 6
    assert world.sensor == pairs.cameras.sensor == "virtual sensor"
    for pair in (pairs[i] for i in range(len(pairs))):
        assert pair.clean.size == (48, 64)
        assert pair.clean.scene in pairs.scenes
        assert (pair.clean.depth > 0).mean() > 0.7
        both = pair.clean.valid & pair.captured.valid
        assert 0.5 < both.sum() / pair.clean.valid.sum() < 0.995
        assert np.median(np.abs(pair.captured.depth - pair.clean.depth)[both]) < 0.1  # the smoke sensor is coarse
        rotation = pair.clean.world_from_cam[:3, :3]
        assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-9)


def test_a_second_opening_makes_nothing_again(world: MiniWorld, home: Path) -> None:
    first = world.pairs("train")
    before = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*.png")}
    again = open_mini(preset="smoke", home=home, options={"workers": 2}).pairs("train")
    assert again.digest == first.digest
    assert before == {path: path.stat().st_mtime_ns for path in first.folder.rglob("*.png")}


def test_a_killed_generation_goes_on_to_the_same_bytes(world: MiniWorld, tmp_path: Path) -> None:
    whole = _files(world.pairs("train").folder)
    folder = tmp_path / "pairs-train"
    build_pairs(world.options, "train", folder)
    (folder / "cameras.json").unlink()
    kept = sorted((folder / "captured").iterdir())
    for path in kept[2:]:
        path.unlink()
    (folder / "clean" / kept[3].name).unlink()
    (folder / "captured" / (kept[2].name + ".part")).write_bytes(b"half")
    stamp = kept[0].stat().st_mtime_ns
    build_pairs(world.options, "train", folder)
    assert kept[0].stat().st_mtime_ns == stamp, "a frame that was there is not made again"
    assert {name: data for name, data in _files(folder).items() if not name.endswith(".part")} == whole


def test_two_processes_make_the_same_bytes_as_one(world: MiniWorld, tmp_path: Path) -> None:
    options = world.options.model_copy(update={"workers": 2})
    calls: list[tuple[int, int]] = []
    build_pairs(options, "test", tmp_path / "pairs-test", lambda done, of: calls.append((done, of)))
    assert calls == [(1, 2), (2, 2)]
    assert _files(tmp_path / "pairs-test") == _files(world.pairs("test").folder)


def test_scenes_and_objects_of_splits_never_meet(world: MiniWorld) -> None:
    options = MiniOptions.preset("smoke")
    scenes: set[str] = set()
    objects: set[str] = set()
    for split in ("train", "val", "test"):
        stages = [scene_stage(options, split, index) for index in range(options.rooms(split))]
        names = {name for stage in stages for name in stage.scene.names[1:]}
        ids = {stage.scene.id for stage in stages}
        assert ids == world.pairs(split).scenes
        assert not objects & names
        assert not scenes & ids
        objects |= names
        scenes |= ids
    for part in ("corpus", "captured-train", "captured-test"):
        names = {model.id for model in world.objects(part)}
        assert not objects & names
        objects |= names


def test_corpus_holds_all_categories(world: MiniWorld) -> None:
    cads = world.cads()
    assert [model.category for model in cads] == [c for c in CATEGORIES for _ in range(2)]
    assert len({model.id for model in cads}) == len(cads)


def test_recapture_with_the_same_seed_is_the_stored_capture(world: MiniWorld) -> None:
    pairs = world.pairs("test")
    stored = pairs[1].captured
    same = world.recapture(pairs, 1, world.options.seed)
    other = world.recapture(pairs, 1, 5)
    assert same.id == other.id == stored.id
    np.testing.assert_allclose(same.depth, stored.depth, atol=6e-5)
    assert not np.array_equal(other.depth, same.depth)
    both = (other.depth > 0) & (stored.depth > 0)
    assert both.mean() > 0.5


def test_recapture_refuses_other_data(world: MiniWorld, tmp_path: Path) -> None:
    source = world.pairs("val").folder
    cameras = json.loads((source / "cameras.json").read_text())
    for frame in cameras["frames"].values():
        frame["scene"] = "kitchen"
    for part in ("clean", "captured"):
        (tmp_path / part).mkdir()
        for path in (source / part).iterdir():
            (tmp_path / part / path.name).write_bytes(path.read_bytes())
    (tmp_path / "cameras.json").write_text(json.dumps(cameras))
    foreign = open_folder(folder=tmp_path, preset="smoke", home=tmp_path, options={}).pairs("val")
    with pytest.raises(DataError, match="train-0003"):
        world.recapture(foreign, 0, 1)


def test_objects_are_captured_on_a_stage(world: MiniWorld) -> None:
    model = world.objects("captured-test")[0]
    clean = world.object_views(model, views=2, seed=3)
    captured, again = world.captured_views([model, model], 2, [3, 3])
    low, high = model.mesh.bounds
    for frame, seen, twin in zip(clean, captured, again, strict=True):
        np.testing.assert_array_equal(seen.depth, twin.depth)
        assert seen.id == frame.id
        both = (frame.depth > 0) & (seen.depth > 0)
        assert np.median(np.abs(frame.depth - seen.depth)[both]) < 0.1
        points = world_points(frame)
        inside = ((points > low - 2e-3) & (points < high + 2e-3)).all(1)
        assert 0.03 < inside.mean() < 0.9


def test_objects_are_seen_from_farther_where_the_options_say_so(world: MiniWorld) -> None:
    model = world.objects("captured-test")[0]
    stage = object_stage(model, 3)
    near, far = (
        object_frames(world.options.model_copy(update={"object_distance": d}), stage, 3, 3) for d in (1.0, 1.5)
    )

    def away(frames: list[DepthFrame]) -> float:
        return float(np.mean([np.linalg.norm(f.world_from_cam[:3, 3] - stage.scene.focus) for f in frames]))

    assert 1.25 < away(far) / away(near) < 1.6
    assert [f.id for f in near] == [f.id for f in far]


def test_captures_do_not_depend_on_workers_or_company(world: MiniWorld) -> None:
    frames = world.object_views(world.objects("captured-test")[1], views=3, seed=1)
    seeds = frame_seeds(frames, 5)
    together = captured_depths([CaptureJob(world.options, f, s) for f, s in zip(frames, seeds, strict=True)], 2)
    alone = world.capture(frames[1:2], seeds[1:2])[0]
    np.testing.assert_array_equal(together[1], alone.depth)


def test_another_seed_is_another_world_and_key() -> None:
    first, second = MiniOptions.preset("smoke"), MiniOptions.preset("smoke", {"seed": 1})
    assert first.key != second.key
    assert first.key == MiniOptions.preset("smoke", {"workers": 3}).key
    assert first.key != MiniOptions.preset("smoke", {"sensor.light_e": 100.0}).key
    names = [scene_stage(options, "train", 0).scene.names for options in (first, second)]
    assert not set(names[0][1:]) & set(names[1][1:])


def test_wrong_names_are_refused(world: MiniWorld, home: Path) -> None:
    with pytest.raises(UsageError, match="train, val, test"):
        world.pairs("corpus")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="corpus, captured-train"):
        world.objects("train")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no_such"):
        open_mini(preset="smoke", home=home, options={"no_such": 1})


def test_workers_are_capped_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2R_WORKERS", "3")
    assert workers.count() == 3
    assert workers.count(1) == 1
