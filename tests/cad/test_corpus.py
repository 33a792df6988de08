"""Folders of meshes in every format: same object, same size, same way up, whatever the file says."""

import os
from pathlib import Path

import numpy as np
import pytest
import trimesh

from s2r_bench.cad import Failure, iter_models, mesh_report, read_models
from s2r_bench.cad.categories import category_of
from s2r_bench.cad.frame import guess_units
from s2r_bench.errors import DataError, UsageError

# a chair-sized box with a small block on its +y half, so that turns and mirrors show: 0.5 wide, 0.4 deep, 0.9 high
SIZE = (0.5, 0.9, 0.4)


def _y_up(unit: float = 1.0) -> trimesh.Trimesh:
    body = trimesh.creation.box(extents=SIZE)
    knob = trimesh.creation.box(extents=(0.1, 0.1, 0.1))
    knob.apply_translation((0.1, 0.3, 0.12))  # inside the box: bounds stay
    mesh = trimesh.util.concatenate([body, knob])
    mesh.apply_translation((3, 5, -7))
    mesh.apply_scale(unit)
    return mesh


def _z_up(unit: float = 1.0) -> trimesh.Trimesh:
    mesh = _y_up(unit)
    mesh.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0)))
    return mesh


def _only(folder: Path, **options: object):
    corpus = read_models(folder, **options)
    assert not corpus.failures
    assert len(corpus.models) == 1
    return corpus.models[0]


@pytest.mark.parametrize(
    ("name", "make", "unit"),
    [
        ("chair/a.obj", _y_up, 100.0),  # OBJ: y up, centimetres by size
        ("chair/a.obj", _y_up, 1000.0),
        ("chair/a.obj", _y_up, 1.0),
        ("chair/a.glb", _y_up, 1.0),  # glTF: y up, metres by its standard
        ("chair/a.off", _z_up, 100.0),  # OFF and PLY: z up
        ("chair/a.ply", _z_up, 1000.0),
    ],
)
def test_every_format_gives_the_same_object(tmp_path, name, make, unit):
    (tmp_path / "chair").mkdir()
    make(unit).export(tmp_path / name)
    model = _only(tmp_path)
    assert model.category == "chair"
    assert model.id == "chair_a"
    np.testing.assert_allclose(model.mesh.bounds, [[-0.25, 0, -0.2], [0.25, 0.9, 0.2]], atol=1e-5)
    assert len(model.mesh.faces) == 24
    # the knob's corner farthest up and front: y 0.45 + 0.35, z 0.17, x 0.15
    assert np.abs(model.mesh.vertices - [0.15, 0.8, 0.17]).sum(1).min() < 1e-4


def test_named_units_and_axis_win(tmp_path):
    _z_up(100.0).export(tmp_path / "desk.obj")
    model = _only(tmp_path, units="mm", up_axis="z")
    np.testing.assert_allclose(model.mesh.bounds[1] - model.mesh.bounds[0], np.array(SIZE) / 10, atol=1e-6)
    assert model.category == "table"
    with pytest.raises(UsageError, match="units"):
        read_models(tmp_path, units="furlong")


def test_normals_still_point_outwards(tmp_path):
    trimesh.creation.box(extents=SIZE).export(tmp_path / "a.off")
    mesh = _only(tmp_path).mesh
    assert trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).volume == pytest.approx(np.prod(SIZE), rel=1e-5)


def test_glued_off_header(tmp_path):
    faces = "3 0 1 2\n3 0 2 3\n3 0 3 1\n3 1 3 2\n"
    (tmp_path / "chair_0001.off").write_text(f"OFF4 4 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n{faces}")
    model = _only(tmp_path)
    assert model.category == "chair"
    assert mesh_report(model.mesh).watertight


def test_obj_polygons_negative_indices_and_absent_materials(tmp_path):
    lines = ["mtllib gone.mtl", "v 0 0 0", "v 1 0 0", "v 1 0 1", "v 0 0 1", "v 0.5 1 0.5 0.1 0.2 0.3", "usemtl none"]
    lines += ["f 1/1/1 2//3 3 4", "f -1 -5 -4", "f 5 3 2", "f 5 4 3", "f 5 1 4"]
    (tmp_path / "t.obj").write_text("\n".join(lines))
    model = _only(tmp_path, units="m")
    assert len(model.mesh.faces) == 6
    assert mesh_report(model.mesh).watertight


def test_damaged_models_are_listed_with_reasons(tmp_path):
    good = _y_up()
    good.export(tmp_path / "a.obj")
    (tmp_path / "empty.obj").write_bytes(b"")
    (tmp_path / "points.obj").write_text("v 0 0 0\nv 1 1 1\n")
    (tmp_path / "nan.obj").write_text("v 0 0 0\nv 1 nan 1\nv 1 0 0\nf 1 2 3\n")
    (tmp_path / "flat.obj").write_text("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n")
    (tmp_path / "range.obj").write_text("v 0 0 0\nv 1 0 0\nv 2 1 0\nf 1 2 9\n")
    (tmp_path / "text.ply").write_text("this is no mesh")
    np.savez(tmp_path / "keys.npz", W=np.zeros((3, 3)))
    corpus = read_models(tmp_path)
    assert [model.id for model in corpus.models] == ["a"]
    reasons = {failure.id: failure.reason for failure in corpus.failures}
    assert set(reasons) == {"empty", "points", "nan", "flat", "range", "text", "keys"}
    assert "0 bytes" in reasons["empty"]
    assert "0 faces" in reasons["points"]
    assert "NaN" in reasons["nan"]
    assert "degenerate" in reasons["flat"]
    assert "vertex 8 of 3" in reasons["range"]
    assert all(name in reason for name, reason in reasons.items())


def test_npz_with_index(tmp_path):
    mesh = _y_up()
    (tmp_path / "x").mkdir()
    np.savez(tmp_path / "x" / "p1.npz", V=mesh.vertices.astype(np.float32), F=mesh.faces.astype(np.int32))
    (tmp_path / "index.csv").write_text("file,category,library,licence\nx/p1.npz,sofa,Lib,CC0-1.0\n")
    model = _only(tmp_path)
    assert (model.category, model.source, model.licence, model.id) == ("sofa", "Lib", "CC0-1.0", "x_p1")


def test_limit_categories_and_order(tmp_path):
    for name in ("sofa", "chair", "lamp"):
        (tmp_path / name).mkdir()
        for k in range(2):
            _y_up().export(tmp_path / name / f"{k}.off")
    assert [model.id for model in read_models(tmp_path, limit=3).models] == ["chair_0", "chair_1", "lamp_0"]
    assert read_models(tmp_path, categories=["sofa", "bed"]).counts() == {"sofa": 2}
    assert not any(isinstance(found, Failure) for found in iter_models(tmp_path))


def test_nothing_to_read(tmp_path):
    with pytest.raises(DataError, match="nothing at"):
        read_models(tmp_path / "absent")
    with pytest.raises(DataError, match="holds no mesh"):
        read_models(tmp_path)


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("03001627", "chair"),
        ("night_stand", "cabinet"),
        ("tv_stand", "cabinet"),
        ("future_shelf", "shelf"),
        ("Sofa bed", "sofa"),
        ("DeskLamp", "other"),
        ("Chest freezer", "other"),
        ("Bookcases", "shelf"),
        ("tablet", "other"),
        ("dresser", "cabinet"),
    ],
)
def test_category_names(name, category):
    assert category_of(name) == category


def test_units_by_the_median_not_by_one_small_object():
    assert guess_units([0.04, 0.9, 1.8]) == "m"
    assert guess_units([4.0, 90.0, 180.0]) == "cm"
    assert guess_units([900.0, 1800.0, 2000.0]) == "mm"


def test_development_corpus():
    data = Path(os.environ.get("S2R_DEV_DATA", Path(__file__).parents[3] / "shared" / "data")) / "cad_sweethome3d"
    if not (data / "index.csv").is_file():
        pytest.skip("no development data: set S2R_DEV_DATA")
    corpus = read_models(data, categories=["bed", "shelf"])
    assert corpus.counts() == {"bed": 17, "shelf": 9}
    assert not corpus.failures
    assert all(model.mesh.bounds[0, 1] == 0 and model.licence.startswith("CC") for model in corpus.models)
    sides = [np.ptp(model.mesh.vertices, axis=0).max() for model in corpus.models]
    # two shelves of this set are drawn far too small
    assert sum(0.3 < side < 3.5 for side in sides) >= 24
