"""LASA's captured objects out of DisCo's arrays: their frame, a score from the command line, damage by name."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from lasa_tree import box, write_depth_set, write_raw

from s2r_bench.data.lasa.captured import stored_objects
from s2r_bench.data.lasa.objects import in_object_frame
from s2r_bench.data.prepare import prepare
from s2r_bench.errors import DataError, UsageError
from s2r_bench.geometry.crop import ObjectFrame
from s2r_bench.shelf import Shelf
from s2r_bench.store import Store
from s2r_bench.types import Mesh
from s2r_bench.worlds import open_world
from s2r_bench.worlds.base import HoldsReadyObjects
from s2r_tasks._recon.options import DataOptions, ReconOptions
from s2r_tasks._recon.ready import ReadyPipeline, shape_of_ready
from s2r_tasks._recon.scoring import truth_of

POINTS = 500  # at most what `smoke` keeps
FOLDERS = ("arkit_chair", "arkit_stool", "arkit_table")
METRICS = ("iou", "chamfer_l2", "f_score", "corpus_objects", "captured_objects")
HALF = np.array([0.6, 1.0, 0.5])  # of every stored object, a box
CORPUS = {"chair": (0.5, 0.9, 0.6), "table": (1.2, 0.7, 0.8)}


def write_arrays(root: Path, folders=FOLDERS, scan=2100) -> Path:
    """Two objects of each folder to learn from and one to be scored, boxes in DisCo's frame."""
    for folder in folders:
        occ, other = root / "occ_data" / folder, root / "other_data" / folder
        occ.mkdir(parents=True)
        (other / "4_pointcloud").mkdir(parents=True)
        for split, models in (("train", ("m1", "m2")), ("val", ("m3",))):
            (occ / f"{split}.lst").write_text("".join(f"{model}.npz\n" for model in models))
            for model in models:
                write_object(occ, other, model, scan, np.random.default_rng([len(folder), int(model[1])]))
    return root


def write_object(occ: Path, other: Path, model: str, scan: int, rng: np.random.Generator) -> None:
    mesh = trimesh.creation.box(2 * HALF)
    surface = trimesh.sample.sample_surface(mesh, POINTS, seed=int(model[1]))[0]
    volume = rng.uniform(-1, 1, (POINTS, 3)).astype(np.float32)
    near = (surface + rng.normal(0, 0.07, surface.shape)).astype(np.float32)
    labels = {f"{name}_label": (np.abs(p) < HALF).all(1) for name, p in (("vol", volume), ("near", near))}
    np.savez(occ / f"{model}.npz", vol_points=volume, near_points=near, **labels)
    np.save(occ / f"{model}.npy", np.array([1.0]))
    np.savez(other / "4_pointcloud" / f"{model}.npz", points=surface.astype(np.float32))
    (other / "5_partial_points" / model).mkdir(parents=True)
    seen = trimesh.sample.sample_surface(mesh, scan, seed=9)[0]
    for number in (0, 1):
        cloud = trimesh.PointCloud(seen[seen[:, 2] > -0.2] + 0.001 * number)
        cloud.export(other / "5_partial_points" / model / f"lowres_partial_points_{number}.ply")
    (other / "10_tranmat" / model).mkdir(parents=True)
    value = {"scene_id": f"4775366{model[1]}", "tranmat": np.eye(4), "bbox": np.zeros(7)}
    np.save(other / "10_tranmat" / model / "tranmat.npy", value, allow_pickle=True)  # type: ignore[arg-type]


def write_corpus(root: Path) -> Path:
    lines = ["file,category,library,licence"]
    for category, size in CORPUS.items():
        (root / category).mkdir(parents=True)
        for number in range(2):
            half = np.array(size) / 2
            mesh = box((-half[0], 0, -half[2]), (half[0], size[1], half[2]))
            np.savez(root / category / f"{category}{number}.npz", V=mesh.vertices, F=mesh.faces)
            lines.append(f"{category}/{category}{number}.npz,{category},Lib,CC0-1.0")
    (root / "index.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Pairs were prepared, raw scenes were not."""
    home = tmp_path_factory.mktemp("home")
    prepare("lasa", write_depth_set(tmp_path_factory.mktemp("depth")), home)
    write_corpus(home / "cads")
    return home


@pytest.fixture
def arrays(tmp_path) -> Path:
    return write_arrays(tmp_path / "arrays")


def world_of(home: Path, arrays: Path):
    return open_world("lasa", preset="smoke", home=home, options={"preprocessed": arrays, "cads": home / "cads"})


def test_the_stored_frame_becomes_ours(arrays) -> None:
    """DisCo's steps on a mesh without symmetry, against those of the raw scenes' reader."""
    rng = np.random.default_rng(3)
    inside_file = rng.uniform(-1, 1, (POINTS, 3)) * (0.3, 0.5, 0.9) + (1, 2, 3)
    low, high = inside_file * (1, 1, -1), inside_file * (1, 1, -1)
    middle, longest = (low.min(0) + high.max(0)) / 2, (high.max(0) - low.min(0)).max()
    theirs = ((inside_file * (1, 1, -1) - middle) / longest * 2).astype(np.float32)
    np.savez(arrays / "other_data/arkit_chair/4_pointcloud/m3.npz", points=theirs)
    np.save(arrays / "occ_data/arkit_chair/m3.npy", np.array([1.0]))
    found = next(one for one in stored_objects(arrays)["val"] if one.id == "arkit_chair_m3").read()
    faces = np.arange(3).reshape(1, 3)
    ours, _ = in_object_frame(Mesh(inside_file, faces), np.eye(4), np.array([0, 0, 0, 1, 1, 1, 0.3]))
    np.testing.assert_allclose(found.surface, ObjectFrame.from_mesh(ours).to_object(ours.vertices), atol=1e-6)


def test_everything_of_an_object_is_turned_alike_and_its_scan_is_the_first_rgbd_cloud(arrays) -> None:
    np.save(arrays / "occ_data/arkit_chair/m3.npy", np.array([0.5]))
    found = next(one for one in stored_objects(arrays)["val"] if one.id == "arkit_chair_m3").read()
    with np.load(arrays / "occ_data/arkit_chair/m3.npz") as stored:
        np.testing.assert_array_equal(found.volume, stored["vol_points"] * np.float32([-1, 1, 1]))
        np.testing.assert_array_equal(found.volume_inside, stored["vol_label"])
        np.testing.assert_array_equal(found.near, stored["near_points"] * np.float32([-1, 1, 1]))
        np.testing.assert_array_equal(found.near_inside, stored["near_label"])
    first = trimesh.load(arrays / "other_data/arkit_chair/5_partial_points/m3/lowres_partial_points_0.ply")
    np.testing.assert_allclose(found.scan, first.vertices * np.array([-0.5, 0.5, 0.5]), atol=1e-6)


def test_stored_labels_arrive_unchanged_at_the_scorer(home, arrays, tmp_path) -> None:
    world, options = world_of(home, arrays), ReconOptions.preset("smoke", {})
    assert isinstance(world, HoldsReadyObjects)
    assert not isinstance(open_world("lasa", preset="smoke", home=home), HoldsReadyObjects)
    shapes = ReadyPipeline(options, world, Shelf(tmp_path / "shelf")).shapes("captured-test")
    assert [shape.id for shape in shapes] == [f"{folder}_m3" for folder in FOLDERS]
    for shape, folder in zip(shapes, FOLDERS, strict=True):
        truth = truth_of(shape, options.score)
        with np.load(arrays / "occ_data" / folder / "m3.npz") as stored:
            points = stored["vol_points"] * np.float32([-1, 1, 1])
            label_of = {point.tobytes(): inside for point, inside in zip(points, stored["vol_label"], strict=True)}
        assert len(truth.volume) == len(label_of) == POINTS
        for point, inside in zip(truth.volume.numpy(), truth.inside.numpy(), strict=True):
            assert label_of.pop(point.tobytes()) == inside
        with np.load(arrays / "other_data" / folder / "4_pointcloud/m3.npz") as stored:
            surface = {(point / 2).tobytes() for point in stored["points"] * np.float32([-1, 1, 1])}
        assert {point.tobytes() for point in truth.surface.numpy()} <= surface
        assert shape.category == ("table" if folder == "arkit_table" else "chair")


def test_a_part_of_many_points_keeps_each_ones_label(arrays) -> None:
    one = stored_objects(arrays)["val"][0]
    found, data = one.read(), DataOptions(surface=64, volume=100, near=70)
    model = type("Model", (), {"id": one.id, "category": "chair"})()
    shape, again = (shape_of_ready(model, found, data) for _ in range(2))
    assert (len(shape.points.volume), len(shape.points.near), len(shape.surface)) == (100, 70, 64)
    np.testing.assert_array_equal(shape.points.volume, again.points.volume)
    np.testing.assert_array_equal(shape.points.volume_inside, (np.abs(shape.points.volume) < HALF).all(1))
    np.testing.assert_array_equal(shape.points.near_inside, (np.abs(shape.points.near) < HALF).all(1))
    np.testing.assert_allclose(shape.half_sides, HALF, atol=0.02)


@pytest.fixture
def evaluate(home, arrays, monkeypatch, capsys):
    """(exit code, stdout, stderr) of `evaluate -t recon` on the arrays."""

    def run(*more):
        from s2r_bench.cli.app import app

        for name in [name for name in os.environ if name.startswith("S2R_")]:
            monkeypatch.delenv(name)
        for name, value in {"S2R_HOME": home, "S2R_JOBS": "1", "NO_COLOR": "1"}.items():
            monkeypatch.setenv(name, str(value))
        words = ["evaluate", "-t", "recon", "-d", "lasa", "--preset", "smoke", "--device", "cpu", "--json"]
        words += ["--set", f"world.preprocessed={arrays}", "--set", f"world.cads={home / 'cads'}", *map(str, more)]
        monkeypatch.setattr(sys, "argv", ["s2r-bench", *words])
        with pytest.raises(SystemExit) as stopped:
            app(args=words, prog_name="s2r-bench")
        said = capsys.readouterr()
        return stopped.value.code, said.out, said.err

    return run


def test_a_score_of_the_arrays_from_the_command_line(home, evaluate, arrays) -> None:
    code, out, err = evaluate("-m", "no-sim", "--shots", "1")
    assert code == 0, err
    assert {cell["status"] for cell in json.loads(out)["cells"]} == {"done"}
    records = {record.spec.method: record for record in Store(home).records()}
    figures = {
        arm: {name: [score.value for score in record.scores if score.metric == name] for name in METRICS}
        for arm, record in records.items()
    }
    assert figures["no-sim"]["captured_objects"] == [2.0]  # a chair (or stool) and a table
    assert figures["no-sim"]["corpus_objects"] == [4.0]
    assert [len(figures["no-sim"][name]) for name in METRICS[:3]] == [3, 3, 3]
    assert np.isfinite([figures["no-sim"][name] for name in METRICS[:3]]).all()
    by_hand = []
    for folder in FOLDERS:
        sides = np.array(CORPUS["table" if folder == "arkit_table" else "chair"])
        with np.load(arrays / "occ_data" / folder / "m3.npz") as stored:
            answer = (np.abs(stored["vol_points"]) <= sides / sides.max()).all(1)
            by_hand.append((answer & stored["vol_label"]).sum() / (answer | stored["vol_label"]).sum())
    assert figures["box"]["iou"] == pytest.approx(by_hand, abs=1e-6)
    assert {record.spec.inputs["labels"] for record in records.values()} == {"stored by DisCo"}


@pytest.mark.parametrize(
    ("name", "harm", "said"),
    [
        ("occ_data/arkit_chair/m3.npz", Path.unlink, "is missing"),
        ("occ_data/arkit_chair/m3.npz", lambda path: np.savez(path, vol_points=np.zeros((3, 3))), "lacks one of"),
        ("other_data/arkit_chair/4_pointcloud/m3.npz", lambda path: np.savez(path, points=np.zeros((9, 2))), "(9, 2)"),
        (
            "other_data/arkit_chair/4_pointcloud/m3.npz",
            lambda path: np.savez(path, points=np.full((9, 3), np.nan)),
            "finite numbers",
        ),
        ("occ_data/arkit_chair/m3.npy", lambda path: np.save(path, np.array([3.0])), "beyond the cube"),
        ("occ_data/arkit_chair/m3.npy", Path.unlink, "is missing"),
        ("other_data/arkit_chair/5_partial_points/m3/lowres_partial_points_0.ply", Path.unlink, "is missing"),
        (
            "other_data/arkit_chair/5_partial_points/m3/lowres_partial_points_0.ply",
            lambda path: path.write_text(
                "ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nproperty float y\nproperty float z\n"
                "end_header\n"
            ),
            "lowres_partial_points_0.ply",
        ),
        ("other_data/arkit_chair/10_tranmat/m3/tranmat.npy", lambda path: path.write_bytes(b"x"), "tranmat.npy"),
    ],
)
def test_damage_is_named_with_its_file(evaluate, arrays, name, harm, said) -> None:
    harm(arrays / name)
    code, _, err = evaluate("-m", "no-sim", "--no-references")
    assert code != 0
    assert str(arrays / name) in _flat(err)
    assert _flat(said) in _flat(err)


def _flat(text: str) -> str:
    """Without the frame and the line breaks that the command line puts around a message."""
    return "".join(text.replace("│", "").split())


def test_a_model_in_both_lists_or_no_captured_folder_is_refused(home, arrays, tmp_path) -> None:
    (arrays / "occ_data/arkit_chair/val.lst").write_text("m1\n")
    with pytest.raises(DataError, match=r"val\.lst names m1"):
        world_of(home, arrays)
    with pytest.raises(DataError, match="no captured object"):
        world_of(home, write_arrays(tmp_path / "other", ["ABO_chair"]))
    with pytest.raises(DataError, match="occ_data"):
        world_of(home, tmp_path)


def test_scans_of_few_points_and_labels_without_an_inside_are_failures(home, evaluate, arrays) -> None:
    few = arrays / "other_data/arkit_chair/5_partial_points/m3/lowres_partial_points_0.ply"
    trimesh.PointCloud(np.random.default_rng(0).uniform(-1, 1, (20, 3))).export(few)
    path = arrays / "occ_data/arkit_stool/m3.npz"
    with np.load(path) as stored:
        kept = dict(stored)
    np.savez(path, **{**kept, "vol_label": np.zeros(POINTS, bool)})
    code, out, err = evaluate("-m", "no-sim", "--no-references")
    assert code == 0, err
    (cell,) = json.loads(out)["cells"]
    record = next(r for r in Store(home).records() if len(r.failures) == 2)
    assert set(record.failures) == {"arkit_chair_m3", "arkit_stool_m3"}
    assert cell["status"] == "done"


def test_views_scenes_and_the_key(home, arrays) -> None:
    world = world_of(home, arrays)
    (chair, *_) = world.objects("captured-test")
    assert world.object_scene(chair) == "47753663"
    assert len(chair.mesh.faces) == 0
    for ask in (lambda: world.object_views(chair, 2, 0), lambda: world.captured_views([chair], 2, [0])):
        with pytest.raises(DataError, match="nobody has views of arkit_chair_m3"):
            ask()
    with pytest.raises(DataError, match="no captured object"):
        world.ready(world.objects("corpus")[0])
    with pytest.raises(UsageError, match="there are no objects"):
        world.objects("others")
    model = world.objects("corpus")[0]
    views = world.object_views(model, 3, 0)
    assert [view.depth.shape for view in views] == [views[0].depth.shape] * 3
    assert all((view.depth > 0).mean() > 0.02 for view in views)
    again, other = world.object_views(model, 3, 0), world.object_views(model, 3, 1)
    np.testing.assert_array_equal(views[0].depth, again[0].depth)
    assert (views[0].depth != other[0].depth).any()
    key = world.key
    assert world_of(home, arrays).key == key
    np.savez(arrays / "other_data/arkit_chair/4_pointcloud/m1.npz", points=np.zeros((9, 3), np.float32))
    assert world_of(home, arrays).key != key
    for path in (arrays / "other_data").glob("*/10_tranmat/m3/tranmat.npy"):
        path.unlink()
    assert world.object_scene(chair) == "unknown"


def test_prepared_raw_scenes_lend_their_cameras(home, arrays, tmp_path) -> None:
    own = tmp_path / "home"
    prepare("lasa", write_depth_set(tmp_path / "depth"), own)
    prepare("lasa", write_raw(tmp_path / "raw"), own)
    world = open_world("lasa", preset="smoke", home=own, options={"preprocessed": arrays, "cads": home / "cads"})
    plain = open_world("lasa", preset="smoke", home=own, options={"cads": home / "cads"})
    model = world.objects("corpus")[0]
    for view, same in zip(world.object_views(model, 2, 0), plain.object_views(model, 2, 0), strict=True):
        np.testing.assert_array_equal(view.depth, same.depth)
    assert {one.id for one in plain.objects("captured-test")}.isdisjoint(
        one.id for one in world.objects("captured-test")
    )
