"""ShapeNet, ABO and 3D-FUTURE: small trees in their layouts, read as any corpus, prepared, and damaged."""

import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh

from s2r_bench.cad import read_models
from s2r_bench.cad.published import USUAL_M
from s2r_bench.data.prepare import prepare
from s2r_bench.data.sets import SETS
from s2r_bench.errors import DataError, UsageError

SIZE = (0.5, 0.9, 0.4)


def box(scale: float = 1.0) -> trimesh.Trimesh:
    mesh = trimesh.creation.box(extents=np.array(SIZE) * scale)
    mesh.apply_translation((0.1, 0.2, 0.3))
    return mesh


def save(path: Path, scale: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    box(scale).export(path)
    return path


def shapenet(root: Path) -> Path:
    """Two synsets of version 2, one of version 1, one that is no furniture, and a taxonomy."""
    save(root / "03001627/1a2b/models/model_normalized.obj", 0.7)
    save(root / "03001627/3c4d/models/model_normalized.obj", 0.5)
    save(root / "03207941/5e6f/models/model_normalized.obj", 0.7)
    save(root / "02871439/7a8b/model.obj", 0.7)
    save(root / "02691156/plane/models/model_normalized.obj", 0.7)
    rows = [{"synsetId": "03001627", "numInstances": 2}, {"synsetId": "02871439", "numInstances": 1}]
    (root / "taxonomy.json").write_text(json.dumps(rows))
    return root


ABO = {"B01A": ("CHAIR", "A/B01A.glb"), "B02B": ("SOFA", "B/B02B.glb"), "B03C": ("LAMP", "C/B03C.glb")}


def abo(root: Path) -> Path:
    rows = ["3dmodel_id,path,meshes,extent_x,extent_y,extent_z"]
    products = ['{"item_id": "X", "product_type": [{"value": "RUG"}]}']
    for name, (kind, path) in ABO.items():
        save(root / "3dmodels/original" / path)
        rows.append(f"{name},{path},1,{SIZE[0]},{SIZE[1]},{SIZE[2]}")
        products.append(json.dumps({"item_id": name, "3dmodel_id": name, "product_type": [{"value": kind}]}))
    for place, lines in (
        ("3dmodels/metadata/3dmodels.csv.gz", rows),
        ("listings/metadata/listings_a.json.gz", products),
    ):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(gzip.compress("\n".join(lines).encode()))
    return root


FUTURE = {
    "0a": ("Chair", "Dining Chair", "chair"),
    "0b": ("Cabinet/Shelf/Desk", "Bookcase / jewelry Armoire", "shelf"),
    "0c": ("Sofa", "Three-Seat / Multi-seat Sofa", "sofa"),
    "0d": ("Pier/Stool", "Footstool / Sofastool / Bed End Stool / Stool", "chair"),
    "0e": ("Lighting", "Pendant Lamp", "other"),
}


def future(root: Path) -> Path:
    base = root / "3D-FUTURE-model"
    rows = []
    for name, (above, kind, _) in FUTURE.items():
        save(base / name / "raw_model.obj")
        save(base / name / "normalized_model.obj", 0.3)
        rows.append({"model_id": name, "super-category": above, "category": kind, "style": None})
    (base / "model_info.json").write_text(json.dumps(rows))
    return root


MAKERS = {"shapenet": shapenet, "abo": abo, "3d-future": future}


@pytest.fixture(params=MAKERS)
def corpus(request, tmp_path) -> tuple[str, Path]:
    return request.param, MAKERS[request.param](tmp_path / "source")


def test_a_whole_corpus_has_nothing_wrong_but_what_a_part_of_it_lacks(corpus) -> None:
    name, root = corpus
    found = SETS[name].check(root)
    assert [str(one) for one in found if one.severity == "error"] == []
    said = {"shapenet": "the synset (sofa) is missing", "abo": "the table names 3 models", "3d-future": ""}[name]
    assert any(said in one.message for one in found) or not said


def test_it_is_read_like_any_folder_and_prepared_to_the_same_models(corpus, tmp_path) -> None:
    name, root = corpus
    read = {one.id: one for one in read_models(root).models if one.category != "other"}
    done = prepare(name, root, tmp_path)
    prepared = {one.id.partition("_")[2]: one for one in read_models(tmp_path / "data" / name).models}
    assert done["kind"] == "cad"
    assert done["models"] == len(read) == sum(done["categories"].values())
    assert set(prepared) == set(read)
    for one, model in read.items():
        again = prepared[one]
        assert (again.category, again.source, again.licence) == (model.category, model.source, model.licence)
        np.testing.assert_allclose(again.mesh.bounds, model.mesh.bounds, atol=1e-6)
        low, high = model.mesh.bounds
        np.testing.assert_allclose([low[1], low[0] + high[0], low[2] + high[2]], 0, atol=1e-6)
        longest = USUAL_M[model.category] if name == "shapenet" else SIZE[1]
        assert (high - low).max() == pytest.approx(longest, rel=1e-5)
    with pytest.raises(DataError, match="prepared data set already"):
        prepare(name, root, tmp_path)
    with pytest.raises(UsageError, match="has its own"):
        prepare(name, root, tmp_path, intrinsics=tmp_path / "k.json")


def test_categories(tmp_path) -> None:
    found = read_models(shapenet(tmp_path / "s"))
    assert found.counts() == {"chair": 2, "cabinet": 1, "shelf": 1}
    assert read_models(abo(tmp_path / "a")).counts() == {"chair": 1, "sofa": 1, "other": 1}
    models = {one.id: one.category for one in read_models(future(tmp_path / "f")).models}
    assert models == {name: kind for name, (_, _, kind) in FUTURE.items()}


def test_zips_of_synsets_are_read_as_they_are(tmp_path) -> None:
    root = shapenet(tmp_path / "source")
    folder = tmp_path / "zips"
    folder.mkdir()
    for synset in ("03001627", "02871439"):
        with zipfile.ZipFile(folder / f"{synset}.zip", "w") as archive:
            for file in sorted((root / synset).rglob("*.obj")):
                archive.write(file, file.relative_to(root))
    assert read_models(folder).counts() == {"chair": 2, "shelf": 1}
    assert prepare("shapenet", folder, tmp_path)["models"] == 3
    (folder / "03001627.zip").write_bytes(b"PK\x03\x04 no zip")
    with pytest.raises(DataError, match=r"03001627\.zip"):
        SETS["shapenet"].check(folder)


def test_a_damaged_mesh_is_left_out_and_a_broken_off_preparation_goes_on(tmp_path) -> None:
    root = shapenet(tmp_path / "source")
    (root / "03001627/3c4d/models/model_normalized.obj").write_text("v 0 0\n")
    done = prepare("shapenet", root, tmp_path)
    assert list(done["left_out"]) == ["03001627_3c4d"]
    assert "3c4d" in done["left_out"]["03001627_3c4d"]
    out = tmp_path / "data" / "shapenet"
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.npz")}
    index = (out / "index.csv").read_text()
    (out / "index.csv").unlink()
    (out / ".work").mkdir()
    (out / ".work" / "settings.json").write_text(json.dumps({"corpus": "ShapeNet", "models": 4}))
    prepare("shapenet", root, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.npz")} == before
    assert (out / "index.csv").read_text() == index


DAMAGE = [
    (
        "shapenet",
        "03001627/1a2b/models/model_normalized.obj",
        Path.unlink,
        "no model_normalized.obj",
        "1a2b",
        "warning",
    ),
    ("shapenet", "taxonomy.json", lambda path: path.write_text("{"), "no list of synsets", "taxonomy.json", "error"),
    ("abo", "3dmodels/original/B/B02B.glb", Path.unlink, "the model is missing", "B02B.glb", "error"),
    ("abo", "3dmodels/original/A/B01A.glb", lambda path: save(path, 100), "the table says", "B01A.glb", "error"),
    ("abo", "3dmodels/original/A/B01A.glb", lambda path: path.write_bytes(b""), "0 bytes", "B01A.glb", "error"),
    ("abo", "3dmodels/original/A/odd.glb", save, "does not name it", "odd.glb", "warning"),
    ("3d-future", "3D-FUTURE-model/0c/raw_model.obj", Path.unlink, "has no size", "raw_model.obj", "error"),
    (
        "shapenet",
        "03001627/3c4d/models/model_normalized.obj",
        lambda path: path.write_text("v 0 0 0\n"),
        "a model needs faces",
        "model_normalized.obj",
        "error",
    ),
    ("shapenet", "02871439/7a8b/model.obj", lambda path: path.write_bytes(b""), "0 bytes", "7a8b/model.obj", "error"),
    (
        "abo",
        "3dmodels/original/B/B02B.glb",
        lambda path: path.write_bytes(path.read_bytes()[:200]),
        "cannot be read as GLB",
        "B02B.glb",
        "error",
    ),
    (
        "3d-future",
        "3D-FUTURE-model/0a/raw_model.obj",
        lambda path: path.write_text("v 0 0 0\n"),
        "a model needs faces",
        "0a/raw_model.obj",
        "error",
    ),
    (
        "3d-future",
        "3D-FUTURE-model/0e/raw_model.obj",
        lambda path: path.write_bytes(b""),
        "0 bytes",
        "raw_model.obj",
        "error",
    ),
    ("3d-future", "3D-FUTURE-model/0f/raw_model.obj", save, "does not name it", "raw_model.obj", "warning"),
]


@pytest.mark.parametrize(("name", "file", "harm", "said", "named", "severity"), DAMAGE)
def test_damage_is_found_and_the_file_named(tmp_path, name, file, harm, said, named, severity) -> None:
    root = MAKERS[name](tmp_path / "source")
    harm(root / file)
    found = [one for one in SETS[name].check(root) if said in one.message]
    assert [one.severity for one in found] == [severity]
    assert named in found[0].file


def test_wrong_units(tmp_path) -> None:
    root = future(tmp_path)
    for path in root.rglob("raw_model.obj"):
        save(path, 100)
    assert any("no size in metres" in one.message for one in SETS["3d-future"].check(root))


@pytest.mark.parametrize(
    ("name", "file", "said"),
    [
        ("abo", "3dmodels/metadata/3dmodels.csv.gz", "3dmodels.csv.gz is missing"),
        ("abo", "listings/metadata/listings_a.json.gz", "says what a model is"),
        ("3d-future", "3D-FUTURE-model/model_info.json", "model_info.json is missing"),
    ],
)
def test_a_missing_table_is_named(tmp_path, name, file, said) -> None:
    root = MAKERS[name](tmp_path / "source")
    (root / file).unlink()
    with pytest.raises(DataError, match=said):
        SETS[name].check(root)
    with pytest.raises(DataError, match=said):
        prepare(name, root, tmp_path)


@pytest.mark.parametrize("name", MAKERS)
def test_nothing_of_it(tmp_path, name) -> None:
    with pytest.raises(DataError, match="https://"):
        prepare(name, tmp_path, tmp_path / "out")
    with pytest.raises(DataError, match="there is nothing at"):
        prepare(name, tmp_path / "nowhere", tmp_path / "out")
