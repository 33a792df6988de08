"""CAD models among furniture: rooms, what views show, recorded paths, rooms of a data set, shards and workers."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from s2r_bench.cad import iter_models
from s2r_bench.corpus import Shard, contact_sheet, simulate_corpus
from s2r_bench.embedding import alone, in_room
from s2r_bench.errors import DataError, UsageError
from s2r_bench.geometry.camera import intrinsics, look_at
from s2r_bench.geometry.crop import grown_box, inside_box
from s2r_bench.geometry.io import read_cloud, write_mesh
from s2r_bench.geometry.points import world_points
from s2r_bench.geometry.render import RayScene
from s2r_bench.labelled_cloud import fuse_labelled, read_labelled_cloud
from s2r_bench.options import Options
from s2r_bench.room_folder import in_recorded_room, read_rooms
from s2r_bench.scan import ScanSettings, prepare
from s2r_bench.simulator import Card
from s2r_bench.staging import box_mesh
from s2r_bench.trajectory import focus_of, laid_around, read_trajectory
from s2r_bench.types import CadModel, DepthFrame, Mesh
from s2r_bench.visibility import Looker, ViewRule, surface_seen
from s2r_bench.worlds.mini.furniture import make_object
from s2r_bench.worlds.mini.rooms import make_room, room_around

SIZE = (48, 64)
K = intrinsics(64, 48, 58.0)


class Plain(Options):
    """No options."""


class Bumpy:
    """Adds noise that the frame's seed decides; a test's picture of a simulator."""

    card = Card("bumpy", "test", "untrained", stochastic=True, licence="Apache-2.0")
    options_type = Plain

    def __init__(self):
        self.options = Plain()
        self.seen = []

    def simulate(self, frames, seeds):
        self.seen.append(frames[0].scene)
        noise = [
            np.random.default_rng(seed.view).normal(0, 0.003, frame.size)
            for frame, seed in zip(frames, seeds, strict=True)
        ]
        return [
            frame.with_depth(np.where(frame.valid, frame.depth + one, 0).astype(np.float32))
            for frame, one in zip(frames, noise, strict=True)
        ]


def settings(**changes):
    usual = {"seed": 5, "views": 4, "K": K, "size": SIZE, "voxel": 0.02, "fuse": True, "scene": "room"}
    return ScanSettings(**{**usual, **changes})


def off_centre(model, shift=(0.3, 0.2, -1.0)):
    """The same model standing somewhere else in its own frame, with a vertex that no face uses."""
    vertices = np.concatenate([model.mesh.vertices + np.array(shift), [[50.0, 50, 50]]])
    return CadModel(f"{model.id}-off", model.category, Mesh(vertices, model.mesh.faces))


def cads():
    return [make_object(category, 77) for category in ("chair", "table", "cabinet")]


def contents(folder):
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and "_run" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# --- rooms


def test_a_room_around_its_own_furniture_is_the_worlds_room():
    model = make_room("a", 9, 32, "chair")
    again, pose = room_around(_chair(32), "a", 9, 32)
    assert again.names == model.names
    assert all(
        np.array_equal(one.mesh.vertices, two.mesh.vertices)
        for one, two in zip(model.bodies, again.bodies, strict=True)
    )
    own = np.concatenate([body.mesh.vertices for body in again.bodies if body.instance == 1])
    assert own.min(0) == pytest.approx((_chair(32).model.mesh.moved(pose)).bounds[0])


def _chair(number):
    from s2r_bench.worlds.mini.furniture import make_furniture

    return make_furniture("chair", number)


@pytest.mark.parametrize("number", range(6))
def test_in_a_room_the_model_stays_in_its_frame_and_nothing_stands_in_it(number):
    model = off_centre(make_object("chair", number))
    place = in_room(model, 3)
    used = model.mesh.vertices[:-1]
    assert place.scene.box == pytest.approx(np.stack([used.min(0), used.max(0)]))
    assert place.scene.meshes[0].vertices.max() < 10  # the stray vertex is gone
    # the same scene in both frames: from a camera of the place, and from there in the CAD's frame
    pose = place.path(3, 0)[1]
    ours = RayScene(place.scene.meshes).render(K, place.cad_from_place @ pose, SIZE)
    theirs = place.rays.render(K, pose, SIZE)
    assert np.abs(ours.depth - theirs.depth).max() < 2e-3 or (np.abs(ours.depth - theirs.depth) > 2e-3).mean() < 0.002
    assert ((ours.instance == 0) != place.own[theirs.instance]).mean() < 0.002
    floor = min(mesh.bounds[1, 1] for mesh in place.scene.surroundings)
    assert floor == pytest.approx(used[:, 1].min(), abs=1e-6)
    others = [mesh.bounds for mesh in place.scene.surroundings]
    assert len(others) >= 3
    assert not np.array_equal(in_room(model, 4).scene.meshes[1].vertices, place.scene.meshes[1].vertices)


def test_rooms_hide_some_objects_partly_and_say_how_much_was_seen():
    shares = []
    for number in range(10):
        facts = prepare(make_object("sofa", number), settings(seed=number)).facts
        assert all(share >= 0.3 for share in facts["visible_share"])
        assert 0.05 < facts["surface_seen"] <= 1
        shares += facts["visible_share"]
    assert min(shares) < 0.9 < max(shares)


# --- what a view shows


def board(low, high):
    return box_mesh(np.array(low, float), np.array(high, float))


def looker(*others):
    target = board((-0.5, -0.5, 0), (0.5, 0.5, 0.1))
    return Looker(RayScene([target, *others]), np.array([True, *([False] * len(others))]), K, SIZE)


def test_the_visible_share_is_what_is_neither_hidden_nor_cut_off():
    front = look_at((0, 0, 3.0), (0, 0, 0))
    assert looker().view(front).share == pytest.approx(1.0, abs=0.06)
    half = board((0, -2, 0.5), (2, 2, 0.6))  # hides what is right of the middle
    assert looker(half).view(front).share == pytest.approx(0.5, abs=0.05)
    behind = board((-2, -2, -1), (2, 2, -0.5))
    assert looker(behind).view(front).share == pytest.approx(1.0, abs=0.06)
    # a camera that looks past the object: only its right half is in the picture
    edge = 64 / 2 / 58.0 * 2.9
    assert looker().view(look_at((edge, 0, 3.0), (edge, 0, 0))).share == pytest.approx(0.5, abs=0.06)
    away = looker().view(look_at((0, 0, 3.0), (0, 0, 9)))
    assert (away.share, away.own.any()) == (0.0, False)


def test_the_first_path_that_shows_enough_is_taken_else_the_best_else_none():
    wall = board((-3, -3, 1), (3, 3, 1.1))
    behind_wall, front = look_at((0, 0, 3.0), (0, 0, 0)), look_at((0.3, 0, 0.9), (0.1, 0, 0))
    rule = ViewRule(share=0.2, pixels=20, fewest=0.5, attempts=3)
    eye = looker(wall)
    seen, tried = eye.pick(lambda attempt: [behind_wall] * 4 if attempt == 0 else [front] * 4, 4, rule, "x")
    assert (len(seen), tried) == (4, 2)
    mixed = [[behind_wall] * 4, [front, behind_wall, behind_wall, front], [front, *[behind_wall] * 3]]
    seen, tried = eye.pick(lambda attempt: mixed[attempt], 4, rule, "x")
    assert (len(seen), tried) == (2, 3)
    with pytest.raises(
        DataError, match="x hidden or too small: on the best of 3 camera paths 1 views count, 2 are needed"
    ):
        eye.pick(lambda attempt: [*[behind_wall] * 3, front], 4, rule, "x")
    many, _ = eye.pick(lambda attempt: [front] * 9, 4, rule, "x")
    assert len(many) == 4


def test_surface_seen_counts_points_that_some_view_shows():
    eye = looker()
    front, back = eye.view(look_at((0, 0, 2.0), (0, 0, 0))), eye.view(look_at((0, 0, -2.0), (0, 0, 0)))
    points = np.array([[0.1, 0.2, 0.1], [-0.3, 0.1, 0.1], [0.2, 0.1, 0.0], [0.3, 0.2, 0.05]])
    assert surface_seen(points, [front], K) == 0.5
    assert surface_seen(points, [front, back], K) == 0.75


# --- labels


def test_points_are_labelled_by_what_the_ray_met_and_else_by_what_is_nearest():
    target, wall = board((-0.3, -0.3, 0), (0.3, 0.3, 0.1)), board((-2, -2, -0.5), (2, 2, -0.4))
    rays = RayScene([target, wall])
    pose = look_at((0.2, 0.1, 1.5), (0, 0, 0))
    seen = rays.render(K, pose, SIZE)
    clean = DepthFrame(seen.depth, K, pose, "s", "0", "0")
    own = seen.instance == 0
    noisy = seen.depth.copy()
    row, column = np.argwhere(own)[len(np.argwhere(own)) // 2]
    noisy[row, column] += 0.45  # on the wall, where its ray met the object

    def nearer(points):
        return RayScene([target]).distance(points) <= RayScene([wall]).distance(points)

    box = np.array([[-0.6, -0.6, -0.45], [0.6, 0.6, 0.3]])
    points, label = fuse_labelled([clean], [own], [clean.with_depth(noisy)], nearer, 0.001, box)
    assert len(points) == int(inside_box(world_points(clean.with_depth(noisy)), box).sum())
    assert np.array_equal(label, points[:, 2] > -0.2)
    assert 0 < label.sum() == own.sum() - 1


# --- the runner


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("corpus")
    report = simulate_corpus(Bumpy(), cads(), out, settings(occupancy=500))
    return report, out


def test_a_room_scan_keeps_what_stands_in_the_box_and_says_what_it_is(finished):
    report, out = finished
    assert not report.failures
    assert report.views == 12
    assert report.views_per_second > 0
    kept = 0
    for model in cads():
        folder = out / model.category / model.id
        points, own = read_labelled_cloud(folder / "cloud.ply")
        assert np.array_equal(read_cloud(folder / "cloud.ply"), points)
        facts = json.loads((folder / "object.json").read_text())
        assert (facts["points"], facts["object_points"]) == (len(points), own.sum())
        assert len(facts["visible_share"]) == len(facts["views"])
        assert inside_box(points, grown_box(np.array(facts["box_m"]), 1.201)).all()
        away = RayScene([model.mesh]).distance(points)
        assert np.quantile(away[own], 0.95) < 0.03
        assert np.median(away[~own]) > np.median(away[own])
        kept += int((~own).sum())
    assert kept > 200, "floor, walls and neighbours within the boxes stay"
    contact_sheet(out)
    assert (out / "contact_sheet.png").stat().st_size > 10_000
    (out / "contact_sheet.png").unlink()


def test_labels_are_kept_by_mesh_for_every_later_scan(finished, tmp_path, monkeypatch):
    _, out = finished
    (chair, *_) = cads()
    place = out / "chair" / chair.id / "occupancy.npz"
    alone = {"scene": "alone", "fuse": False, "views": 2, "occupancy": 500, "labels": tmp_path / "labels"}
    simulate_corpus(Bumpy(), [chair], tmp_path / "first", settings(**alone))
    (kept,) = (tmp_path / "labels").iterdir()

    def again(*_):
        raise AssertionError("they are kept")

    with monkeypatch.context() as patch:
        patch.setattr("s2r_bench.geometry.labels.solid_of", again)
        # another seed, another scene, the same mesh under another name
        simulate_corpus(Bumpy(), [chair], tmp_path / "second", settings(**alone, seed=6))
        twin = CadModel("twin", "chair", chair.mesh)
        report = simulate_corpus(Bumpy(), [twin], tmp_path / "third", settings(**{**alone, "scene": "room"}))
        assert not report.failures
        with pytest.raises(AssertionError, match="they are kept"):  # another mesh has to be labelled
            simulate_corpus(Bumpy(), cads()[1:2], tmp_path / "other", settings(**alone))
    first = arrays_of(tmp_path / "first" / "chair" / chair.id / "occupancy.npz")
    for made in (place, tmp_path / "second" / "chair" / chair.id / "occupancy.npz"):
        found = arrays_of(made)
        assert all(np.array_equal(found[name], first[name]) for name in LABELLED)
    assert first["points"].shape == found["points"].shape
    assert not np.array_equal(first["points"], found["points"])  # on the surface, by the run's seed
    assert arrays_of(tmp_path / "third" / "chair" / "twin" / "occupancy.npz").keys() == first.keys()
    kept.write_bytes(kept.read_bytes()[:-30])  # damaged: made again
    simulate_corpus(Bumpy(), [chair], tmp_path / "fourth", settings(**alone, seed=7))
    assert np.array_equal(
        arrays_of(tmp_path / "fourth" / "chair" / chair.id / "occupancy.npz")["vol_label"], first["vol_label"]
    )


LABELLED = ("vol_points", "vol_label", "near_points", "near_label")


def arrays_of(path):
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def test_occupancy_comes_with_the_scan_in_its_frame(finished):
    _, out = finished
    facts = json.loads((out / "table" / "table-000077" / "object.json").read_text())
    with np.load(out / "table" / "table-000077" / "occupancy.npz", allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    assert {name: one.shape for name, one in found.items()} == {
        "vol_points": (500, 3),
        "vol_label": (500,),
        "near_points": (500, 3),
        "near_label": (500,),
        "points": (500, 3),
    }
    assert facts["solid"]["open_shell"] is False
    assert 0 < found["vol_label"].mean() < found["near_label"].mean() < 1
    frame = facts["object_frame"]
    world = found["points"] * frame["half_extent_m"] + np.array(frame["centre_m"])
    assert RayScene([make_object("table", 77).mesh]).distance(world).max() < 1e-4


def test_any_number_of_shards_and_workers_ends_in_the_same_bytes(finished, tmp_path):
    _, whole = finished
    reports = [
        simulate_corpus(Bumpy(), cads(), tmp_path, settings(occupancy=500), shard=Shard(index, 2), workers=index)
        for index in (1, 2)
    ]
    assert [report.complete for report in reports] == [False, True]
    assert all(report.made for report in reports)
    assert sorted(name for report in reports for name in report.made) == sorted(model.id for model in cads())
    assert contents(tmp_path) == contents(whole)


def test_the_books_hold_times_and_a_run_that_goes_on_redoes_nothing(finished):
    _, out = finished
    before = json.loads((out / "_run" / "times-1-of-1.json").read_text())["runs"]
    assert before[0]["views"] == 12
    assert before[0]["views_per_second"] > 0
    assert set(before[0]["seconds"]) == {"all", "prepare", "simulate", "finish"}
    simulator = Bumpy()
    again = simulate_corpus(simulator, cads(), out, settings(occupancy=500))
    assert (again.made, len(again.kept), simulator.seen) == ([], 3, [])
    assert len(json.loads((out / "_run" / "times-1-of-1.json").read_text())["runs"]) == len(before) + 1


def test_what_was_refused_before_a_kill_is_noted(tmp_path):
    class Picky(Bumpy):
        def simulate(self, frames, seeds):
            if "cabinet" in frames[0].scene:
                raise KeyboardInterrupt
            raise DataError("no such sensor here")

    with pytest.raises(KeyboardInterrupt):
        simulate_corpus(Picky(), cads(), tmp_path, settings())
    noted = sorted(path.stem for path in (tmp_path / "_run" / "refused").rglob("*.json"))
    assert noted == ["chair-000077", "table-000077"]
    report = simulate_corpus(Bumpy(), cads(), tmp_path, settings())
    assert (report.made, set(report.failures.values())) == (["cabinet-000077"], {"no such sensor here"})


def test_an_object_that_cannot_be_seen_is_refused_once_and_for_all(tmp_path, monkeypatch):
    tiny = CadModel("button", "other", board((0, 0, 0), (0.06, 0.01, 0.06)))
    for _ in range(2):
        report = simulate_corpus(Bumpy(), [tiny, cads()[0]], tmp_path, settings())
        assert (
            "0.06 m long, hidden or too small: on the best of 6 camera paths 0 views count" in report.failures["button"]
        )
        monkeypatch.setattr("s2r_bench.pipeline.prepare", None)  # the second time nothing is tried
    assert report.kept == ["chair-000077"]
    text = (tmp_path / "failures.csv").read_text()
    assert text.startswith("id,reason\nbutton,")
    assert json.loads((tmp_path / "manifest.json").read_text())["counts"]["failures"] == 1


def test_shards_part_the_ids_and_bad_ones_are_refused():
    names = [f"model/{number}" for number in range(200)]
    held = [sum(Shard(index, 4).holds(name) for index in range(1, 5)) for name in names]
    assert held == [1] * 200
    assert all(20 < sum(Shard(index, 4).holds(name) for name in names) < 80 for index in range(1, 5))
    assert Shard.parsed("2/8") == Shard(2, 8)
    for wrong in ("0/2", "3/2", "2", "a/b", "-1/2"):
        with pytest.raises(UsageError, match="I/N"):
            Shard.parsed(wrong)
    with pytest.raises(UsageError, match="visible share"):
        simulate_corpus(Bumpy(), cads(), None, settings(rule=ViewRule(share=2)))


def test_alone_and_room_are_not_mixed_in_one_folder(finished):
    _, out = finished
    with pytest.raises(UsageError, match="scene = 'room', this run has None"):
        simulate_corpus(Bumpy(), cads(), out, settings(scene="alone", occupancy=500))


# --- recorded paths


def walked(count=12, up=(0, 1, 0), height=1.5):
    """An arc around (5, 0.4, -2), turned so that `up` is up."""
    azimuth = np.linspace(0.2, 1.4, count)
    eyes = np.stack([5 + 1.8 * np.sin(azimuth), np.full(count, height), -2 + 1.8 * np.cos(azimuth)], 1)
    poses = np.stack([look_at(eye, (5, 0.4, -2)) for eye in eyes])
    turn = np.eye(4)
    if tuple(up) == (0, 0, 1):
        turn[:3, :3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    return turn @ poses


def cameras(poses, **more):
    ids = [f"{number:03d}" for number in range(len(poses))]
    return {
        "K": K.tolist(),
        "width": 64,
        "height": 48,
        "cam_to_world": {name: pose.tolist() for name, pose in zip(ids, poses, strict=True)},
        **more,
    }


@pytest.mark.parametrize("up", [(0, 1, 0), (0, 0, 1)])
@pytest.mark.parametrize("told", [True, False])
def test_a_recorded_path_is_levelled_and_laid_around_the_object(tmp_path, up, told):
    more = {"up": list(up), "floor": 0.0} if told else {}
    (tmp_path / "cameras.json").write_text(json.dumps(cameras(walked(up=up), **more)))
    recorded = read_trajectory(tmp_path)
    assert recorded.size == SIZE
    assert np.array_equal(recorded.K, K)
    poses = next(iter(recorded.paths.values()))
    height = 1.5 if told else 1.4  # where the floor is not told, cameras are taken to be carried at 1.4 m
    assert poses[:, 1, 3] == pytest.approx(np.full(12, height), abs=1e-6)
    assert -poses[:, 1, 1].min() > 0.5  # the images stand upright
    box = np.array([[1.0, 0.5, 2.0], [2.0, 1.5, 2.6]])
    laid = np.stack(laid_around(recorded, box, 12, 3, 0))
    assert len(laid) == 12
    assert laid[:, 1, 3] == pytest.approx(np.full(12, 0.5 + height), abs=1e-6)
    focus = focus_of(laid)
    assert focus[[0, 2]] == pytest.approx(box.mean(0)[[0, 2]], abs=1e-6)
    back = laid[:, :3, 3].mean(0) - focus
    assert abs(np.rad2deg(np.arctan2(back[0], back[2]))) < 36
    # the motion is the recorded one: all distances between cameras
    assert np.linalg.norm(np.diff(laid[:, :3, 3], axis=0), axis=1) == pytest.approx(
        np.linalg.norm(np.diff(walked()[:, :3, 3], axis=0), axis=1)
    )
    assert np.array_equal(laid, np.stack(laid_around(recorded, box, 12, 3, 0)))
    assert not np.array_equal(laid, np.stack(laid_around(recorded, box, 12, 3, 1)))


def test_an_npz_says_the_same_as_the_json(tmp_path):
    poses = walked()
    (tmp_path / "cameras.json").write_text(json.dumps(cameras(poses, up=[0, 1, 0], floor=0.1)))
    np.savez(tmp_path / "walk.npz", poses=poses, K=K, width=64, height=48, up=np.array([0, 1.0, 0]), floor=0.1)
    one, two = read_trajectory(tmp_path), read_trajectory(tmp_path / "walk.npz")
    assert np.array_equal(next(iter(one.paths.values())), next(iter(two.paths.values())))
    np.savez(tmp_path / "two.npz", poses=poses, K=K, width=64, height=48, sequence=np.array(["a"] * 5 + ["b"] * 7))
    assert {name: len(some) for name, some in read_trajectory(tmp_path / "two.npz").paths.items()} == {"a": 5, "b": 7}


def test_a_recording_gives_its_poses(tmp_path):
    import cv2

    (tmp_path / "seq-01").mkdir()
    for number, pose in enumerate(walked(5)):
        stem = tmp_path / "seq-01" / f"frame-{number:06d}"
        cv2.imwrite(f"{stem}.depth.png", np.full((48, 64), 1500, np.uint16))
        np.savetxt(f"{stem}.pose.txt", pose)
    recorded = read_trajectory(tmp_path)
    assert list(recorded.paths) == ["seq-01"]
    assert recorded.size == (48, 64)
    assert len(recorded.paths["seq-01"]) == 5


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"cam_to_world": {}}, "no pose"),
        ({"cam_to_world": {"0": [[1, 2], [3, 4]]}}, "4, 4"),
        ({"cam_to_world": {"0": (2 * np.eye(4)).tolist()}}, "not rigid"),
        ({"cam_to_world": {"0": np.eye(4).tolist(), "1": np.eye(4).tolist()}}, "which way|where up is"),
        ({"up": [0, 0, 0]}, "`up` must be"),
        ({"up": [0, 1, 0], "floor": "low"}, "`floor` must be"),
        ({"up": [0, 1, 0], "floor": -1500}, "above the floor"),
        ({"K": [[1]]}, "K"),
    ],
)
def test_bad_trajectories_are_named(tmp_path, change, match):
    path = tmp_path / "cameras.json"
    path.write_text(json.dumps({**cameras(walked()), **change}))
    with pytest.raises(DataError, match=match) as wrong:
        read_trajectory(path)
    assert "cameras.json" in str(wrong.value)


def test_no_trajectory_and_a_wrong_npz_are_named(tmp_path):
    with pytest.raises(DataError, match="no trajectory at"):
        read_trajectory(tmp_path / "nowhere.json")
    np.savez(tmp_path / "bad.npz", depth=np.zeros(3))
    with pytest.raises(DataError, match=r"bad\.npz: expected arrays poses"):
        read_trajectory(tmp_path / "bad.npz")


def test_objects_are_scanned_from_recorded_paths(tmp_path):
    (tmp_path / "cameras.json").write_text(json.dumps(cameras(walked(40), up=[0, 1, 0], floor=0)))
    recorded = read_trajectory(tmp_path)
    for scene, place in (("alone", alone), ("room", in_room)):
        model = make_object("chair", 5)
        ready = prepare(model, settings(scene=scene, trajectory=recorded))
        assert 2 <= len(ready.clean) <= 4
        heights = [frame.world_from_cam[1, 3] for frame in ready.clean]
        assert heights == pytest.approx([1.5] * len(heights), abs=1e-6)
        assert min(ready.facts["visible_share"]) >= 0.3
        assert place(model, 5).scene.box == pytest.approx(ready.scene.box)


# --- rooms of a data set


@pytest.fixture
def rooms(tmp_path):
    """A room with a floor, a wall, a block where a chair stood, and a block beside it."""
    folder = tmp_path / "rooms" / "kitchen"
    folder.mkdir(parents=True)
    parts = [
        board((0, -0.1, 0), (6, 0, 6)),
        board((0, 0, -0.1), (6, 2.5, 0)),
        board((2.75, 0, 1.75), (3.25, 0.9, 2.25)),
        board((3.9, 0, 1.8), (4.4, 0.6, 2.3)),
    ]
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    faces = np.concatenate([part.faces + offset for part, offset in zip(parts, offsets, strict=True)])
    write_mesh(folder / "room.ply", Mesh(np.concatenate([part.vertices for part in parts]), faces))
    box = {"category": "chair", "centre": [3.0, 0.45, 2.0], "size": [0.5, 0.9, 0.5], "yaw_deg": 90}
    (folder / "room.json").write_text(json.dumps({"mesh": "room.ply", "boxes": [box]}))
    return tmp_path / "rooms"


def test_a_model_takes_the_place_of_an_object_of_its_category(rooms):
    model = off_centre(make_object("chair", 8))
    place = in_recorded_room(model, read_rooms(rooms), 0)
    (around,) = place.scene.surroundings
    # the block in the box is gone, the one beside it, wall and floor are there, and what lies on the floor
    assert len(around.faces) == 38
    floor = place.scene.box[0, 1]
    assert around.bounds[:, 1] == pytest.approx([floor - 0.1, floor + 2.5])
    # the box faces +x in the room (yaw 90), so the wall (z = 0 there) is at the model's right side, 2 m away
    middle = place.scene.box.mean(0)
    assert (around.bounds[:, 0] - middle[0]).tolist() == pytest.approx([-4.0, 2.1])
    ready = prepare(model, settings(rooms=read_rooms(rooms)))
    assert len(ready.clean) >= 2


def test_in_rooms_with_poses_these_are_used(rooms):
    eyes = [(3 + 1.8 * np.sin(a), 1.4, 2 + 1.8 * np.cos(a)) for a in np.linspace(0.3, 2.6, 30)]
    poses = np.stack([look_at(eye, (3, 0.5, 2)) for eye in eyes])
    (rooms / "kitchen" / "cameras.json").write_text(json.dumps(cameras(poses)))
    model = make_object("chair", 8)
    ready = prepare(model, settings(rooms=read_rooms(rooms)))
    assert len(ready.clean) == 4
    for frame in ready.clean:
        eye = frame.world_from_cam[:3, 3]
        assert eye[1] == pytest.approx(1.4)
        assert np.hypot(eye[0], eye[2]) == pytest.approx(1.8)


def test_rooms_that_are_not_as_they_should_be_are_named(rooms, tmp_path):
    with pytest.raises(DataError, match="holds no room"):
        read_rooms(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"no room in .* has a box of category 'sofa'"):
        in_recorded_room(make_object("sofa", 1), read_rooms(rooms), 0)
    digest = read_rooms(rooms).digest
    index = rooms / "kitchen" / "room.json"
    index.write_text(
        json.dumps({"mesh": "room.ply", "boxes": [{"category": "chair", "centre": [0, 0, 0], "size": [1, 0, 1]}]})
    )
    with pytest.raises(DataError, match=r"room.json: expected boxes .*sizes above 0"):
        read_rooms(rooms)
    index.write_text(json.dumps({"mesh": "room.ply", "boxes": []}))
    assert read_rooms(rooms).digest != digest
    shutil.move(rooms / "kitchen" / "room.ply", tmp_path / "elsewhere.ply")
    with pytest.raises(DataError, match=r"room\.ply is missing"):
        read_rooms(rooms)


# --- CADs as libraries have them


def test_open_cads_of_the_development_corpus_are_scanned_with_their_inside(tmp_path):
    data = Path(os.environ.get("S2R_DEV_DATA", Path(__file__).parents[3] / "shared" / "data")) / "cad_sweethome3d"
    if not (data / "index.csv").is_file():
        pytest.skip("no development data: set S2R_DEV_DATA")
    with (data / "index.csv").open(encoding="utf-8", newline="") as text:
        rows = [row for row in csv.DictReader(text) if row["category"] == "table"]
    open_ones = sorted(rows, key=lambda row: (float(row["boundary_edge_frac"]) == 0, int(row["faces"])))[:2]
    wanted = {row["file"].removesuffix(".npz").replace("/", "_") for row in open_ones}
    models = iter_models(data, categories=["table"], chosen=wanted.__contains__)
    report = simulate_corpus(Bumpy(), models, tmp_path, settings(occupancy=300))
    assert (set(report.made), report.failures) == (wanted, {})
    for name in wanted:
        facts = json.loads((tmp_path / "table" / name / "object.json").read_text())
        assert facts["solid"]["watertight"] is False
        assert facts["object_points"] > 100
        with np.load(tmp_path / "table" / name / "occupancy.npz", allow_pickle=False) as arrays:
            assert arrays["vol_label"].any()


def test_models_of_a_shard_alone_are_read_and_the_limit_counts_all(tmp_path):
    for name in "abcd":
        np.savez(tmp_path / f"{name}.npz", V=board((0, 0, 0), (1, 1, 1)).vertices, F=board((0, 0, 0), (1, 1, 1)).faces)
    (tmp_path / "b.npz").write_bytes(b"damaged")
    assert [one.id for one in iter_models(tmp_path, chosen=lambda name: name in "bd")] == ["b", "d"]
    assert [one.id for one in iter_models(tmp_path, chosen="d".__eq__)] == ["d"]
    # three models within the limit, the damaged one does not count: a, c, d
    assert [one.id for one in iter_models(tmp_path, limit=3, chosen=lambda name: name in "bd")] == ["b", "d"]
    assert [one.id for one in iter_models(tmp_path, limit=2, chosen=lambda name: name in "bd")] == ["b"]
