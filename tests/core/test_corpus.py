"""The road from CAD models to scans: staging, the corpus runner, killed and continued, the contact sheet."""

import errno
import hashlib
import json

import numpy as np
import pytest

from s2r_bench import corpus, scan
from s2r_bench.cad import Failure
from s2r_bench.corpus import contact_sheet, open_pairs, simulate_corpus
from s2r_bench.errors import DataError, EnvironmentLacksError, S2RError, UsageError
from s2r_bench.geometry.camera import intrinsics
from s2r_bench.geometry.io import read_cloud, read_mesh
from s2r_bench.geometry.render import RayScene
from s2r_bench.options import Options
from s2r_bench.scan import ScanSettings
from s2r_bench.simulator import Card
from s2r_bench.staging import box_mesh, orbit, stage
from s2r_bench.types import CadModel, Mesh

SIZE = (60, 80)
K = intrinsics(80, 60, 75.0)


def merged(*meshes):
    offsets = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    faces = [mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=False)]
    return Mesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces))


def table(width=1.0, depth=0.6, height=0.7, leg=0.06):
    top = box_mesh(np.array([-width / 2, height - 0.05, -depth / 2]), np.array([width / 2, height, depth / 2]))
    legs = [
        box_mesh(np.array([x, 0, z]), np.array([x + leg, height, z + leg]))
        for x in (-width / 2, width / 2 - leg)
        for z in (-depth / 2, depth / 2 - leg)
    ]
    return merged(top, *legs)


def models():
    cabinet = box_mesh(np.array([-0.4, 0, -0.25]), np.array([0.4, 1.1, 0.25]))
    return [
        CadModel("lack", "table", table(), "shop", "CC0"),
        CadModel("billy/1", "cabinet", cabinet),
        CadModel("lack2", "table", table(1.4, 0.8)),
    ]


class NoisyOptions(Options):
    sigma: float = 0.004


class Noisy:
    """Adds Gaussian noise and drops what lies beyond 4 m; `fails_on` makes it die as a killed process would."""

    card = Card("noisy", "test", "untrained", stochastic=True, licence="Apache-2.0")
    options_type = NoisyOptions

    def __init__(self, options=None, device="cpu", fails_on=None):
        self.options, self.fails_on = options or NoisyOptions(), fails_on
        self.seen = []

    def simulate(self, frames, seeds):
        self.seen.append(frames[0].scene)
        if self.fails_on is not None and self.fails_on in frames[0].scene:
            raise KeyboardInterrupt
        simulated = []
        for frame, seed in zip(frames, seeds, strict=True):
            noise = np.random.default_rng(seed.view).normal(0, self.options.sigma, frame.size).astype(np.float32)
            valid = frame.valid & (frame.depth < 4)
            simulated.append(frame.with_depth(np.where(valid, np.maximum(frame.depth + noise, 0.05), np.float32(0))))
        return simulated


def run(out, simulator=None, cads=None, **changes):
    how = {name: changes.pop(name) for name in ("shard", "workers", "progress") if name in changes}
    settings = ScanSettings(**{"seed": 3, "views": 4, "K": K, "size": SIZE, "voxel": 0.02, "fuse": True, **changes})
    cads = models() if cads is None else cads
    return simulate_corpus(simulator or Noisy(), cads, out, settings, method="noisy", **how)


def contents(folder):
    """Digests of all files but the books of the runs, which hold measured times."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "_run" not in path.parts)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("corpus")
    return run(out), out


# --- staging


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("model", models()[:2], ids=lambda model: model.category)
def test_cameras_walk_an_arc_in_front_and_see_the_object(model, seed):
    scene = stage(model, seed)
    poses = orbit(scene, 9, seed)
    eyes = np.array([pose[:3, 3] for pose in poses])
    assert ((eyes[:, 1] >= 1.0 - 1e-9) & (eyes[:, 1] <= 1.6 + 1e-9)).all()
    level = np.hypot(*(eyes - scene.target)[:, [0, 2]].T)
    assert ((level > 1.1) & (level < 2.65)).all()
    azimuth = np.rad2deg(np.arctan2(*(eyes - scene.target)[:, [0, 2]].T))
    assert 60 < np.ptp(azimuth) <= 121
    assert np.abs(azimuth).max() <= 82.1
    rays = RayScene(scene.meshes)
    shown = [(rays.render(K, pose, SIZE).instance == 0).mean() for pose in poses]
    assert np.median(shown) > 0.03
    for pose in poses:
        assert pose[:3, :3].T @ pose[:3, :3] == pytest.approx(np.eye(3), abs=1e-9)


def test_staging_keeps_the_models_frame_and_depends_on_the_seed_alone():
    model = models()[0]
    first, again, other = stage(model, 1), stage(model, 1), stage(model, 2)
    assert first.meshes[0] is model.mesh
    assert all(np.array_equal(a.vertices, b.vertices) for a, b in zip(first.meshes, again.meshes, strict=True))
    assert not np.array_equal(first.meshes[2].vertices, other.meshes[2].vertices)
    assert np.array_equal(orbit(first, 3, 5), orbit(first, 3, 5))
    kinds = [stage(model, seed) for seed in range(30)]
    assert {scene.side_wall is None for scene in kinds} == {True, False}
    assert {len(scene.meshes) - (scene.side_wall is not None) for scene in kinds} == {3, 4, 5}
    for scene in kinds:  # nothing stands in the object, and no occluder in the box that is cut out
        for mesh in scene.surroundings[2:]:
            apart = (mesh.bounds[0] >= scene.box[1] - 1e-9) | (mesh.bounds[1] <= scene.box[0] + 1e-9)
            assert apart.any()


def test_box_faces_look_outwards():
    mesh = box_mesh(np.array([-1.0, 0, 2]), np.array([1.0, 3, 4]))
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("fc,fc->f", normals, corners.mean(1) - mesh.vertices.mean(0)) > 0).all()
    assert np.abs(np.einsum("fc,fc->f", normals, corners[:, 0])).sum() > 0


# --- the runner


def test_each_object_is_a_pair_folder_with_cloud_and_mesh(finished):
    report, out = finished
    assert report.made == ["lack", "billy/1", "lack2"]
    assert not report.failures
    folder = out / "cabinet" / "billy_1"
    pairs = open_pairs(folder)
    assert len(pairs) == 4
    residual = np.concatenate([(p.captured.depth - p.clean.depth)[p.captured.valid] for p in pairs])
    assert np.std(residual) == pytest.approx(0.004, rel=0.03)
    assert pairs.scenes == {"cabinet/billy_1"}
    facts = json.loads((folder / "object.json").read_text())
    assert facts["object_frame"] == {"centre_m": [0.0, 0.55, 0.0], "half_extent_m": 0.55}
    assert facts["points"] == len(read_cloud(folder / "cloud.ply"))
    assert facts["faces"] == len(read_mesh(folder / "mesh.ply").faces)


def test_clouds_lie_on_the_cad_without_floor_and_walls(finished):
    _, out = finished
    for model, name in zip(models(), ("table/lack", "cabinet/billy_1", "table/lack2"), strict=True):
        surface = RayScene([model.mesh])
        cloud = read_cloud(out / name / "cloud.ply")
        assert len(cloud) > 300
        assert np.quantile(surface.distance(cloud), 0.9) < 0.02
        # nothing from under the object, where the floor is as far as the object's own size
        assert surface.distance(cloud).max() < 0.2
        assert np.median(surface.distance(read_mesh(out / name / "mesh.ply").vertices)) < 0.01


def test_manifest_names_everything_and_has_no_time_in_it(finished):
    _, out = finished
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["counts"] == {"objects": 3, "failures": 0, "categories": {"table": 2, "cabinet": 1}}
    assert [entry["folder"] for entry in manifest["objects"]] == ["cabinet/billy_1", "table/lack", "table/lack2"]
    assert manifest["method"] == "noisy"
    assert manifest["seed"] == 3
    assert manifest["options"] == {"sigma": 0.004}
    assert (out / "failures.csv").read_text() == "id,reason\n"


def test_killed_and_continued_gives_the_same_bytes(finished, tmp_path):
    _, whole = finished
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Noisy(fails_on="billy"))
    assert not (tmp_path / "manifest.json").exists()
    assert (tmp_path / "table" / "lack" / "object.json").is_file()
    assert not list(tmp_path.rglob("*.part"))
    # SIGKILL leaves the folder in work behind; it must not be taken for a finished one
    (tmp_path / "cabinet" / "billy_1.part" / "clean").mkdir(parents=True)
    (tmp_path / "cabinet" / "billy_1.part" / "clean" / "000.png").write_bytes(b"half")
    simulator = Noisy()
    report = run(tmp_path, simulator)
    assert report.kept == ["lack"]
    assert report.made == ["billy/1", "lack2"]
    assert simulator.seen == ["cabinet/billy_1", "table/lack2"]
    assert contents(tmp_path) == contents(whole)


def test_order_and_company_do_not_change_an_object(finished, tmp_path):
    _, whole = finished
    run(tmp_path, cads=models()[::-1][:2])
    same = contents(whole / "table" / "lack2")
    assert contents(tmp_path / "table" / "lack2") == same


def test_a_changed_model_is_scanned_again(finished, tmp_path):
    run(tmp_path, cads=models()[:1], views=2)
    changed = CadModel("lack", "table", table(height=0.5), "shop", "CC0")
    assert run(tmp_path, cads=[changed], views=2).made == ["lack"]
    assert json.loads((tmp_path / "table" / "lack" / "object.json").read_text())["box_m"][1][1] == 0.5


def test_one_bad_model_does_not_stop_the_rest(tmp_path):
    bad = [
        CadModel("huge", "table", Mesh(table().vertices * 1000, table().faces)),
        CadModel("empty", "table", Mesh(np.zeros((1, 3)), np.zeros((0, 3), np.int64))),
        Failure("broken.obj", "broken.obj: line 3 is no number"),
    ]
    report = run(tmp_path, cads=[*bad, models()[0], models()[0]], views=2)
    assert report.made == ["lack"]
    assert report.failures["broken.obj"] == "broken.obj: line 3 is no number"
    assert "check the unit" in report.failures["huge"]
    assert "no faces" in report.failures["empty"]
    assert "same id" in report.failures["lack"]
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert [entry["id"] for entry in manifest["failures"]] == ["broken.obj", "empty", "huge", "lack"]
    assert not list(tmp_path.rglob("*.part"))


def test_other_settings_are_not_mixed_into_a_corpus(finished):
    _, out = finished
    with pytest.raises(UsageError, match="seed = 3, this run has 4"):
        run(out, seed=4)
    with pytest.raises(UsageError, match="sigma"):
        run(out, Noisy(NoisyOptions(sigma=0.1)))


def test_bad_numbers_no_models_and_folders_in_the_way_are_refused(tmp_path):
    with pytest.raises(UsageError, match="views"):
        run(tmp_path / "a", views=0)
    with pytest.raises(DataError, match="no CAD model"):
        run(tmp_path / "b", cads=[])
    (tmp_path / "c" / "table" / "lack").mkdir(parents=True)
    (tmp_path / "c" / "table" / "lack" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="in the way"):
        run(tmp_path / "c")
    assert (tmp_path / "c" / "table" / "lack" / "thesis.txt").read_text() == "mine"


def test_full_disk_is_one_clear_error_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    written = []

    def full(path, depth, *rest):
        written.append(path)
        if len(written) > 12:  # in the midst of the second object
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        scan_write(path, depth, *rest)

    scan_write = scan.write_depth
    monkeypatch.setattr(scan, "write_depth", full)
    with pytest.raises(EnvironmentLacksError, match=r"full.*run again"):
        run(tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    assert [path.parent.name for path in tmp_path.rglob("object.json")] == ["lack"]
    monkeypatch.undo()
    assert run(tmp_path).kept == ["lack"]


def test_other_trouble_with_files_is_not_called_a_full_disk(tmp_path, monkeypatch):
    def refused(path, value):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(corpus, "write_json", refused)
    with pytest.raises(PermissionError):
        run(tmp_path)


def test_a_simulator_that_breaks_the_contract_is_named(tmp_path):
    class Short(Noisy):
        def simulate(self, frames, seeds):
            return super().simulate(frames, seeds)[:-1]

    class Nan(Noisy):
        def simulate(self, frames, seeds):
            return [frame.with_depth(frame.depth * np.float32(np.nan)) for frame in frames]

    for wrong, match in ((Short(), "changed number"), (Nan(), "NaN")):
        with pytest.raises(S2RError, match=match):
            run(tmp_path / type(wrong).__name__, wrong)


def test_a_simulator_that_sees_nothing_is_a_failure_of_the_object(tmp_path):
    class Blind(Noisy):
        def simulate(self, frames, seeds):
            return [frame.with_depth(np.zeros_like(frame.depth)) for frame in frames]

    report = run(tmp_path, Blind(), cads=models()[:1])
    assert "nothing to fuse" in report.failures["lack"]
    assert run(tmp_path / "unfused", Blind(), cads=models()[:1], fuse=False).made == ["lack"]


# --- the contact sheet


def test_contact_sheet_is_a_picture_of_what_is_there(finished):
    import cv2

    _, out = finished
    path = contact_sheet(out, objects=2)
    image = cv2.imread(str(path))
    assert image is not None
    assert image.shape[1] > 1000
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 500
    path.unlink()
    with pytest.raises(DataError, match="missing"):
        contact_sheet(out / "table")
