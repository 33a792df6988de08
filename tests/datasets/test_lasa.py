"""LASA: pairs and objects from small trees in the published layouts, splits that do not leak, damage by name."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from lasa_tree import FRAMES, OBJECTS, SCENES, in_scene, write_depth_set, write_png, write_raw, zipped

from s2r_bench.data.lasa import disco, objects, pairs
from s2r_bench.data.lasa.split import VALIDATION_SCENES, clean_split, leaking_scenes
from s2r_bench.data.lasa.whole import check
from s2r_bench.data.pairing import without_strangers
from s2r_bench.data.prepare import prepare
from s2r_bench.data.sets import SETS
from s2r_bench.data.verify import verify_pairs
from s2r_bench.errors import DataError, UsageError
from s2r_bench.geometry.points import world_points
from s2r_bench.steps.fit import FitJob
from s2r_bench.steps.methods import find
from s2r_bench.worlds import open_world
from s2r_bench.worlds.base import HoldsLabelledRooms, HoldsObjects, KeepsScenesBack
from s2r_bench.worlds.pair_folder import read_cameras, read_depth


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return write_depth_set(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def home(dataset, tmp_path_factory) -> Path:
    """Where both forms were prepared, pairs first."""
    home = tmp_path_factory.mktemp("home")
    prepare("lasa", dataset, home)
    prepare("lasa", write_raw(tmp_path_factory.mktemp("raw"), shift=(0.02, -0.01, 0.03)), home)
    return home


@pytest.fixture
def broken(dataset, tmp_path) -> Path:
    return Path(shutil.copytree(dataset, tmp_path / "broken"))


def scenes_of(names) -> set[str]:
    return {name.partition("_")[0] for name in names}


def test_the_kept_back_scenes_are_lasas_219() -> None:
    assert len(VALIDATION_SCENES) == 219
    assert all(scene.isdigit() and len(scene) == 8 for scene in VALIDATION_SCENES)


def test_prepared_pairs_are_square_in_the_published_camera_and_split_by_lasas_scenes(dataset, home) -> None:
    cameras = read_cameras(home / "data" / "lasa")
    assert cameras.size == (192, 192)
    assert len(cameras.entries) == len(SCENES) * len(FRAMES)
    assert {split: scenes_of(names) for split, names in cameras.splits.items()} == {
        "train": {"40753679", "40753686"},
        "val": {"41069021"},
        "test": {"41418162", "42444499"},
    }
    entry = cameras.entries["41418162_20"]
    np.testing.assert_allclose(entry.K, [[211.9489, 0, 96], [0, 211.9489, 96], [0, 0, 1]])
    assert (entry.scene, entry.sequence) == ("41418162", "41418162")
    captured = read_depth(home / "data/lasa/captured/41418162_20.png")
    original = read_depth(dataset / "lasa_depth/41418162/20_scan.png")
    np.testing.assert_array_equal(captured, original[:, 32:224])
    assert cameras.sensor == "ARKit depth (LASA)"
    assert [str(found) for found in verify_pairs(home / "data" / "lasa") if found.severity == "error"] == []


def test_a_pixel_with_something_else_before_the_cad_is_taken_out_of_the_clean_side() -> None:
    clean = np.array([[1.0, 1.0, 1.0, 0.0]], np.float32)
    captured = np.array([[1.4, 0.5, 0.0, 2.0]], np.float32)
    np.testing.assert_array_equal(without_strangers(clean, captured, 0.5), [[1.0, 0.0, 1.0, 0.0]])


def test_the_published_split_is_there_and_said_to_leak(dataset, home) -> None:
    lists = json.loads((home / "data/lasa/lists.json").read_text())
    assert lists["leaking"] == ["41418162"]
    world = open_world("lasa", home=home, options={"split": "published"})
    assert isinstance(world, KeepsScenesBack)
    assert world.pairs("train").scenes & world.kept_back == {"41418162"}
    assert world.pairs("test").scenes == {"41069021", "42444499"}
    clean = open_world(str(home / "data" / "lasa"), home=home)
    assert isinstance(clean, KeepsScenesBack)
    assert not clean.pairs("train").scenes & clean.kept_back
    assert clean.pairs("test").scenes <= clean.kept_back
    found = [finding for finding in check(dataset) if "LASA's 219" in finding.message]
    assert [(finding.severity, Path(finding.file).name) for finding in found] == [("warning", "train.lst")]


def test_splits_hold_every_frame_once() -> None:
    lists = {"train": ["41418162/0", "1/0", "1/10"], "val": ["2/0", "42444499/0"]}
    chosen = clean_split(lists)
    assert sorted(line for lines in chosen.values() for line in lines) == sorted(lists["train"] + lists["val"])
    assert leaking_scenes(lists) == ("41418162",)
    assert leaking_scenes({"train": chosen["train"], "val": []}) == ()


def test_an_archive_gives_what_the_folder_gives(dataset, home, tmp_path) -> None:
    done = prepare("lasa", zipped(dataset, tmp_path / "dataset.zip"), tmp_path)
    assert done["pairs"] == len(SCENES) * len(FRAMES)
    for path in sorted((home / "data/lasa/clean").iterdir()):
        assert path.read_bytes() == (tmp_path / "data/lasa/clean" / path.name).read_bytes()


def test_a_broken_off_preparation_goes_on(dataset, home, tmp_path, monkeypatch) -> None:
    real, left = pairs.depth_of_png, [90]

    def tired(*given):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(pairs, "depth_of_png", tired)
    with pytest.raises(KeyboardInterrupt):
        prepare("lasa", dataset, tmp_path)
    there = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "data/lasa/captured").iterdir()}
    assert 0 < len(there) < len(SCENES) * len(FRAMES)
    assert not (tmp_path / "data/lasa/cameras.json").exists()
    monkeypatch.setattr(pairs, "depth_of_png", real)
    prepare("lasa", dataset, tmp_path)
    now = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "data/lasa/captured").iterdir()}
    assert all(now[name] == time for name, time in there.items())
    assert read_cameras(tmp_path / "data/lasa").splits == read_cameras(home / "data/lasa").splits
    with pytest.raises(DataError, match="prepared data set already"):
        prepare("lasa", dataset, tmp_path)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _eight_bits(path: Path) -> None:
    import cv2

    assert cv2.imwrite(str(path), np.zeros((192, 256), np.uint8))


DAMAGE = [
    ("lasa_depth/train.lst", lambda path: path.write_text(""), "the list is empty"),
    ("lasa_depth/val.lst", Path.unlink, "the list is missing"),
    ("lasa_depth/40753679/10_gt.png", Path.unlink, "the CAD depth of a listed frame is missing"),
    ("lasa_depth/40753686/20_scan.png", Path.unlink, "the captured depth of a listed frame is missing"),
    ("lasa_pose/41069021/0.txt", Path.unlink, "the pose of a listed frame is missing"),
    ("lasa_depth/42444499/30_scan.png", _cut, "is truncated"),
    ("lasa_depth/42444499/40_gt.png", _eight_bits, "uint8 with 1 channel"),
    ("lasa_depth/42444499/50_gt.png", lambda path: write_png(path, np.ones((96, 128))), "the CAD depth 128x96"),
    ("lasa_pose/41069021/10.txt", lambda path: path.write_text("1 0 0"), "16 numbers"),
    ("lasa_pose/41069021/20.txt", lambda path: np.savetxt(path, 2 * np.eye(4)), "no rigid pose"),
    ("lasa_depth/train.lst", lambda path: path.write_text(path.read_text() + "41069021/0\n"), "are in train.lst too"),
]


@pytest.mark.parametrize(("name", "harm", "said"), DAMAGE)
def test_every_damage_is_found_and_its_file_named(broken, tmp_path, name, harm, said) -> None:
    harm(broken / name)
    wrong = [finding for finding in check(broken) if finding.severity == "error"]
    assert len(wrong) == 1
    assert said in wrong[0].message
    # of two files that do not fit each other the second is named
    named = name.replace("50_gt", "50_scan")
    named = "lasa_depth/val.lst" if "in train.lst too" in said else named
    assert wrong[0].file == str(broken / named)
    with pytest.raises(DataError, match=Path(named).name):
        prepare("lasa", broken, tmp_path)
    assert not (tmp_path / "data" / "lasa" / "cameras.json").exists()


def test_a_wrong_unit_and_stray_files_are_seen(broken) -> None:
    for path in broken.glob("lasa_depth/*/*_scan.png"):
        write_png(path, read_depth(path) * 10)
    shutil.copy(broken / "lasa_depth/41069021/0_gt.png", broken / "lasa_depth/41069021/7_gt.png")
    found = {finding.message: finding.severity for finding in check(broken)}
    assert any("m when read as millimetres" in message for message in found)
    assert found["no list names this frame"] == "warning"


def test_a_folder_above_is_taken_and_missing_files_are_named_where_they_belong(broken, tmp_path) -> None:
    (broken / "lasa_pose/41069021/0.txt").unlink()
    wrong = [finding.file for finding in check(tmp_path) if finding.severity == "error"]
    assert wrong == [str(broken / "lasa_pose/41069021/0.txt")]


def test_nothing_of_lasa(tmp_path) -> None:
    with pytest.raises(DataError, match="holds nothing of LASA"):
        check(tmp_path)
    with pytest.raises(DataError, match="data prepare lasa --from"):
        open_world("lasa", home=tmp_path)


# objects


def test_an_object_stands_where_its_captures_lie(home) -> None:
    world = open_world("lasa", home=home)
    assert isinstance(world, HoldsObjects)
    test = world.objects("captured-test")
    assert [model.id for model in test] == [
        f"{s}_{name}" for s in ("41418162", "42444499") for name in ("chair_a1", "table_b2")
    ]
    assert {world.object_scene(model) for model in test} == {"41418162", "42444499"}
    assert not {model.id for model in world.objects("captured-train")} & {model.id for model in test}
    sizes = {name: size for name, size, *_ in OBJECTS}
    for model, frames in zip(test, world.captured_views(test, 4, [0] * len(test)), strict=True):
        low, high = model.mesh.bounds
        x, y, z = sizes[model.id.partition("_")[2]]
        np.testing.assert_allclose(high - low, [y, z, x], atol=1e-5)
        np.testing.assert_allclose([low[1], low[0] + high[0], low[2] + high[2]], 0, atol=1e-5)
        assert 1 <= len(frames) <= 4
        points = np.concatenate([world_points(frame) for frame in frames])
        near = points[(points > low - 0.05).all(1) & (points < high + 0.05).all(1) & (points[:, 1] > 0.05)]
        # captured points of the box's sides lie 2 mm before them, by the noise that was added
        away = np.abs(np.concatenate([near - low, high - near], 1)).min(1)
        assert len(near) > 500
        assert np.median(away) < 0.006
        clean = world.object_views(model, 4, 0)
        assert [frame.id for frame in clean] == [frame.id for frame in frames]


def in_sight(home) -> dict[str, list[str]]:
    """Object -> frames that see it, of a world that has just been opened."""
    world = open_world("lasa", home=home)
    return {one.id: world._in_sight(one) for one in world._placed.values()}


def one_by_one(home) -> dict[str, list[str]]:
    """The same by the rule as it stands in the docstring, object after object, capture after capture."""
    folder = home / "data" / "lasa"
    cameras, found = read_cameras(folder), {}
    for one in objects.read_placed(folder / "objects"):
        low, high = one.model().mesh.bounds
        middle, half = (low + high) / 2, (high - low) / 2
        seen = []
        for entry in cameras.entries.values():
            cam_from_object = np.linalg.inv(one.object_from_scene @ entry.world_from_cam)
            steps = [np.linspace(a, b, 10) for a, b in zip(low, high, strict=True)]
            grid = np.array([(x, y, z, 1) for x in steps[0] for y in steps[1] for z in steps[2]])
            cam = (grid @ cam_from_object.T)[:, :3]
            u, v = (cam @ entry.K.T)[:, :2].T / cam[:, 2]
            within = (cam[:, 2] > 0.05) & (u >= 0) & (v >= 0) & (u <= 191) & (v <= 191)
            if entry.scene != one.scene or not 0 < cam[:, 2].mean() <= 5 or within.mean() < 0.4:
                continue
            depth = read_depth(folder / "captured" / f"{entry.name}.png").astype(np.float64)
            rows, columns = np.nonzero(depth)
            z = depth[rows, columns]
            rays = np.stack([columns, rows, np.ones(len(rows))]) * z
            points = np.linalg.inv(cam_from_object) @ np.vstack([np.linalg.inv(entry.K) @ rays, np.ones(len(rows))])
            if (np.abs(points[:3].T - middle) <= 1.2 * half).all(1).sum() > 100:
                seen.append(entry.name)
        found[one.id] = sorted(seen, key=lambda name: int(name.rpartition("_")[2]))
    return found


@pytest.fixture
def own_home(home, tmp_path) -> Path:
    return Path(shutil.copytree(home / "data", tmp_path / "own" / "data").parent)


def test_frames_that_see_an_object_are_found_once_and_read_back(own_home, monkeypatch) -> None:
    found = in_sight(own_home)
    assert found == one_by_one(own_home)
    assert all(found.values())
    assert len(list((own_home / "shelf" / "lasa-sights").glob("*/done.json"))) == len(SCENES)

    def again(*_: object) -> None:
        raise AssertionError("they are kept")

    monkeypatch.setattr("s2r_bench.data.lasa.sights.sights", again)
    assert in_sight(own_home) == found


def _blinded(folder: Path, name: str) -> None:
    write_png(folder / "captured" / name, np.zeros((192, 192)))


def _turned_away(folder: Path, name: str) -> None:
    raw = json.loads((folder / "cameras.json").read_text())
    pose = np.array(raw["cam_to_world"][name.removesuffix(".png")])
    pose[:3, :3] = pose[:3, :3] @ np.diag([1, -1, -1])
    raw["cam_to_world"][name.removesuffix(".png")] = pose.tolist()
    (folder / "cameras.json").write_text(json.dumps(raw))


@pytest.mark.parametrize("harm", [_blinded, _turned_away])
def test_a_changed_room_is_looked_at_again(own_home, harm) -> None:
    folder = own_home / "data" / "lasa"
    before = in_sight(own_home)
    name = before["41418162_chair_a1"][0]
    harm(folder, f"{name}.png")
    after = in_sight(own_home)
    assert name not in after["41418162_chair_a1"]
    assert after["42444499_chair_a1"] == before["42444499_chair_a1"]
    assert len(list((own_home / "shelf" / "lasa-sights").glob("*/done.json"))) == len(SCENES) + 1  # one room anew


def test_a_moved_object_is_looked_for_again(own_home) -> None:
    folder = own_home / "data" / "lasa" / "objects"
    before = in_sight(own_home)
    placed = json.loads((folder / "placed.json").read_text())
    placed["41418162_chair_a1"]["object_from_scene"][0][3] += 50
    (folder / "placed.json").write_text(json.dumps(placed))
    after = in_sight(own_home)
    assert after.pop("41418162_chair_a1") == []
    before.pop("41418162_chair_a1")
    assert after == before


def test_a_mesh_that_was_written_anew_is_looked_at_again(own_home) -> None:
    before = in_sight(own_home)
    path = own_home / "data" / "lasa" / "objects" / "chair" / "41418162_chair_a1.npz"
    with np.load(path) as arrays:
        vertices, faces = arrays["V"] + np.float32(50), arrays["F"]
    np.savez_compressed(path, V=vertices, F=faces)
    assert before["41418162_chair_a1"]
    assert in_sight(own_home)["41418162_chair_a1"] == []


def test_the_placed_mesh_is_the_one_of_the_scene() -> None:
    from s2r_bench.types import Mesh

    _, size, centre, yaw = OBJECTS[0]
    there = in_scene(size, centre, yaw)
    local = in_scene(size, (0, 0, 0), 0.0)
    stored = Mesh(local.vertices[:, [1, 2, 0]], local.faces)
    model, object_from_scene = objects.in_object_frame(stored, np.eye(4), np.array([*centre, *size, yaw]))
    np.testing.assert_allclose(there.moved(object_from_scene).vertices, model.vertices, atol=1e-9)
    assert np.linalg.det(object_from_scene[:3, :3]) == pytest.approx(1)


def test_a_corpus_model_is_seen_by_borrowed_cameras(home, tmp_path) -> None:
    from lasa_tree import box

    (tmp_path / "chair").mkdir()
    mesh = box((-0.25, 0, -0.25), (0.25, 1.8, 0.25))
    np.savez(tmp_path / "chair" / "tall.npz", V=mesh.vertices, F=mesh.faces)
    world = open_world("lasa", home=home, options={"cads": str(tmp_path)})
    assert isinstance(world, HoldsObjects)
    (model,) = world.objects("corpus")
    frames = world.object_views(model, 3, 5)
    assert len(frames) == 3
    assert world.object_scene(model) == "corpus"
    for frame in frames:
        low, high = model.mesh.bounds
        points = world_points(frame)
        assert len(points) > 200
        assert ((points > low - 1e-3) & (points < high + 1e-3)).all()
    with pytest.raises(DataError, match="never captured"):
        world.captured_views([model], 3, [0])
    with pytest.raises(DataError, match="no CAD corpus"):
        open_world("lasa", home=home).objects("corpus")


def test_one_fit_serves_tasks_with_other_cads_and_rooms(home, tmp_path) -> None:
    def key(**options) -> str:
        world = open_world("lasa", home=home, options=options)
        return FitJob(found, world, found.options("tiny", {}), world_options=options).spec.key

    found = find("gaussian-binned")
    first = key(split="clean")
    assert key(split="clean", cads=str(tmp_path)) == first
    assert key(split="clean", rooms={"path": str(tmp_path)}, **{"rooms.complete": False}) == first
    assert key(split="published") != first
    assert key(split="clean", step=2) != first


def test_its_labelled_rooms_are_those_of_s3dis(home, tmp_path, monkeypatch) -> None:
    from paper_home import write_rooms

    monkeypatch.delenv("S2R_S3DIS", raising=False)
    with pytest.raises(DataError, match=r"--set world\.rooms\.path=PATH"):
        open_world("lasa", home=home).labelled_rooms()  # type: ignore[attr-defined]
    rooms = write_rooms(tmp_path / "s3dis")
    given = {"rooms.path": str(rooms), "rooms.complete": False}
    world = open_world("lasa", home=home, options=given)
    assert isinstance(world, HoldsLabelledRooms)
    found = world.labelled_rooms()
    assert list(found.paths) == [f"Area_{area}_office_1" for area in (1, 2, 3)]  # type: ignore[union-attr]
    assert world.rooms_sensor == "Matterport camera (S3DIS)"
    assert world.key == open_world("lasa", home=home).key  # type: ignore[attr-defined]
    monkeypatch.setenv("S2R_S3DIS", str(rooms))
    assert open_world("lasa", home=home).rooms_key == world.rooms_key  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="the published area 44"):
        open_world("lasa", home=home).labelled_rooms()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "harm", "said"),
    [
        ("41418162/41418162_bbox.npy", Path.unlink, "the file is missing"),
        ("41418162/41418162_bbox.npy", _cut, "cannot be read as a pickle"),
        ("41418162/instances/chair_a1/alignment.txt", Path.unlink, "the file is missing"),
    ],
)
def test_damaged_raw_scenes(tmp_path, name, harm, said) -> None:
    raw = write_raw(tmp_path / "raw")
    harm(raw / name)
    wrong = [finding for finding in check(raw) if finding.severity == "error"]
    assert [finding.file for finding in wrong] == [str(raw / name)]
    assert said in wrong[0].message
    with pytest.raises(DataError, match=Path(name).name):
        prepare("lasa", raw, tmp_path)


def test_an_object_that_cannot_be_used_is_left_out_with_the_reason(tmp_path) -> None:
    raw = write_raw(tmp_path / "raw")
    (raw / "40753679/instances/chair_a1/chair_a1_gt_mesh_2.obj").write_text("v 0 0 0\n")
    mesh = raw / "40753686/instances/table_b2/table_b2_gt_mesh_2.obj"
    rows = [line.split() for line in mesh.read_text().splitlines()]
    millimetres = [[row[0], *(str(1000 * float(word)) for word in row[1:])] if row[0] == "v" else row for row in rows]
    mesh.write_text("\n".join(" ".join(row) for row in millimetres))
    (raw / "41418162/instances/table_b2").rename(raw / "41418162/instances/table_zz")
    for path in (raw / "41418162/instances/table_zz").glob("*.obj"):
        path.rename(path.with_name("table_zz_gt_mesh_2.obj"))
    done = prepare("lasa", raw, tmp_path)
    assert done["objects"] == 2 * len(SCENES) - 3
    assert set(done["left_out"]) == {"40753679_chair_a1", "40753686_table_b2", "41418162_table_zz"}
    assert "a model needs faces" in done["left_out"]["40753679_chair_a1"]
    assert "1e+03 times that of its box" in done["left_out"]["40753686_table_b2"]
    assert "no box of its uid" in done["left_out"]["41418162_table_zz"]


# DisCo's arrays


@pytest.fixture
def preprocessed(tmp_path) -> Path:
    import trimesh

    root, rng = tmp_path / "data", np.random.default_rng(0)
    for split, model in (("train", "m1"), ("val", "m2")):
        labels = root / "occ_data" / "arkit_stool"
        labels.mkdir(parents=True, exist_ok=True)
        points = rng.uniform(-1, 1, (64, 3)).astype(np.float32)
        arrays = {
            "vol_points": points,
            "near_points": points,
            "vol_label": points[:, 0] > 0,
            "near_label": points[:, 1] > 0,
        }
        np.savez(labels / f"{model}.npz", **arrays)
        np.save(labels / f"{model}.npy", np.array([0.5]))
        (labels / f"{split}.lst").write_text(f"{model}.npz\n")
        other = root / "other_data" / "arkit_stool"
        (other / "4_pointcloud").mkdir(parents=True, exist_ok=True)
        np.savez(other / "4_pointcloud" / f"{model}.npz", points=points)
        (other / "5_partial_points" / model).mkdir(parents=True)
        for k in (0, 2, 10):
            cloud = trimesh.PointCloud(rng.uniform(-1, 1, (2100, 3)))
            cloud.export(other / "5_partial_points" / model / f"lowres_partial_points_{k}.ply")
    return root


def test_discos_arrays(preprocessed) -> None:
    assert check(preprocessed) == []
    told = disco.describe_disco(preprocessed)["categories"]["arkit_stool"]
    assert (told["train"], told["val"], told["looked_at"]) == (1, 1, 2)
    seen, apart = [], []
    for model in ("m1", "m2"):
        one = disco.read_disco_object(preprocessed, "arkit_stool", model)
        for cloud in one.partial.values():
            away = np.linalg.norm(one.surface[:, None].astype(float) - cloud[None].astype(float), axis=2)
            seen.append((away.min(1) <= 0.02).mean())
            apart.append(np.median(away.min(0)))
    assert told["surface_seen"] == pytest.approx(np.mean(seen), abs=1e-4)
    assert told["apart"] == pytest.approx(np.mean(apart), abs=1e-5)
    assert disco.disco_folders(preprocessed) == ["arkit_stool"]
    assert disco.disco_ids(preprocessed, "arkit_stool", "val") == ["m2"]
    found = disco.read_disco_object(preprocessed, "arkit_stool", "m2")
    assert found.category == "chair"
    assert list(found.partial) == [f"lowres_partial_points_{k}" for k in (0, 2, 10)]
    np.testing.assert_array_equal(found.volume_inside, found.volume[:, 0] > 0)
    np.testing.assert_allclose(found.surface, found.volume * 0.5)
    with pytest.raises(UsageError, match="no category folder"):
        disco.read_disco_object(preprocessed, "lamps", "m2")
    with pytest.raises(DataError, match="nothing is prepared"):
        prepare("lasa", preprocessed, preprocessed)


def test_discos_arrays_in_an_archive(preprocessed, tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "lasa.zip", "w") as archive:
        for file in sorted(preprocessed.rglob("*.*")):
            archive.write(file, f"data/{file.relative_to(preprocessed)}")
    assert SETS["lasa"].check(tmp_path / "lasa.zip", tmp_path) == []
    (preprocessed / "occ_data/arkit_stool/m1.npz").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "lasa.zip", "w") as archive:
        for file in sorted(preprocessed.rglob("*.*")):
            archive.write(file, f"data/{file.relative_to(preprocessed)}")
    (wrong,) = SETS["lasa"].check(tmp_path / "lasa.zip", tmp_path)
    assert wrong.file == str(tmp_path / "lasa.zip" / "data/occ_data/arkit_stool/m1.npz")


@pytest.mark.parametrize(
    ("name", "harm", "said"),
    [
        ("occ_data/arkit_stool/m1.npy", Path.unlink, "it is missing"),
        ("occ_data/arkit_stool/m1.npz", lambda path: np.savez(path, vol_points=np.zeros((3, 3))), "lacks one of"),
        ("occ_data/arkit_stool/val.lst", lambda path: path.write_text("m1\n"), "is in train.lst too"),
        ("other_data/arkit_stool/4_pointcloud/m2.npz", _cut, "damaged"),
        ("other_data/arkit_stool/5_partial_points/m2/lowres_partial_points_0.ply", _cut, "cannot be read as PLY"),
    ],
)
def test_damaged_arrays(preprocessed, name, harm, said) -> None:
    harm(preprocessed / name)
    wrong = check(preprocessed)
    assert len(wrong) == 1
    assert said in str(wrong[0])
    assert Path(name).name in str(wrong[0])
