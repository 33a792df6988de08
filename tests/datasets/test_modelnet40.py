"""ModelNet40 as meshes and as sampled clouds, in the published layouts."""

import h5py
import numpy as np
import pytest

from s2r_bench.cad import read_models
from s2r_bench.cad.modelnet40 import CLASSES, modelnet40_files
from s2r_bench.data.modelnet40 import read_modelnet40
from s2r_bench.errors import DataError, UsageError


def test_clouds_of_all_listed_files(modelnet_h5):
    folder = modelnet_h5()
    found = read_modelnet40(folder.parent, published=False)
    assert (len(found.train), len(found.test)) == (80, 40)
    with h5py.File(folder / "ply_data_train1.h5") as file:
        np.testing.assert_array_equal(found.train.points[50:], file["data"][()])
        np.testing.assert_array_equal(found.train.labels[50:], file["label"][()][:, 0])
    assert found.classes[38:] == ("wardrobe", "xbox")
    assert read_modelnet40(folder, published=False).digest == found.digest


def test_published_clouds(modelnet_h5):
    folder = modelnet_h5(points=2048)
    with pytest.raises(DataError, match=r"train_files\.txt: its files hold 80 objects, the published ones 9840"):
        read_modelnet40(folder)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: (folder / "ply_data_train1.h5").unlink(), r"ply_data_train1\.h5 is missing"),
        (lambda folder: (folder / "test_files.txt").unlink(), r"test_files\.txt is missing"),
        (lambda folder: (folder / "test_files.txt").write_text("\n \n"), r"test_files\.txt holds no lines"),
        (lambda folder: (folder / "shape_names.txt").unlink(), r"shape_names\.txt is missing"),
        (
            lambda folder: (folder / "shape_names.txt").write_text("\n".join(("airplane", "bed", *CLASSES[2:]))),
            r"shape_names\.txt .*line 2 is 'bed', expected 'bathtub'",
        ),
        (lambda folder: (folder / "shape_names.txt").write_text("\n".join(CLASSES[:10])), "10 names"),
    ],
)
def test_damaged_clouds(modelnet_h5, damage, told):
    folder = modelnet_h5()
    damage(folder)
    with pytest.raises(DataError, match=told):
        read_modelnet40(folder, published=False)


def test_arrays_that_are_not_as_published(modelnet_h5, h5):
    folder = modelnet_h5()
    data = np.zeros((3, 16, 3), np.float32)
    h5(folder / "ply_data_test0.h5", data=data, label=np.array([[0], [40], [1]], np.uint8))
    with pytest.raises(DataError, match=r"ply_data_test0\.h5: 'label' holds 40"):
        read_modelnet40(folder, published=False)
    h5(folder / "ply_data_test0.h5", data=data, label=np.zeros(3, np.uint8))
    with pytest.raises(DataError, match=r"ply_data_test0\.h5: 'label' is uint8 \(3,\), expected integer \(N, 1\)"):
        read_modelnet40(folder, published=False)
    h5(folder / "ply_data_train1.h5", data=data[:, :9], label=np.zeros((3, 1), np.uint8))
    with pytest.raises(DataError, match=r"ply_data_train1\.h5: clouds of 9 points, in earlier files 16"):
        read_modelnet40(folder, published=False)


def test_meshes_with_either_header(off_tree):
    root = off_tree()
    files = modelnet40_files(root.parent, "train", published=False)
    assert [file.id for file in files] == ["chair_0001", "chair_0002", "night_stand_0001", "night_stand_0002"]
    assert {file.label for file in files} == {8, 23}
    assert files[1].path.read_text().startswith("OFF4 4 0")
    first, second = (file.mesh() for file in files[:2])
    np.testing.assert_array_equal(first.vertices, second.vertices)
    np.testing.assert_array_equal(first.faces, second.faces)
    np.testing.assert_array_equal(first.bounds, [[0, 0, 0], [1, 2, 3]])
    model = files[2].model()
    assert (model.id, model.category) == ("night_stand_0001", "night_stand")
    np.testing.assert_allclose(model.mesh.bounds, [[-0.5, 0, -1], [0.5, 3, 1]])  # z up becomes y up
    only = modelnet40_files(root, "test", classes=["chair"], published=False)
    assert [file.id for file in only] == ["chair_0003"]


def test_a_modelnet_folder_is_an_ordinary_corpus(off_tree):
    corpus = read_models(off_tree(), units="m")
    assert [model.id for model in corpus.models][:2] == ["chair_test_chair_0003", "chair_train_chair_0001"]
    assert corpus.counts() == {"chair": 3, "cabinet": 3}
    assert not corpus.failures


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda root: (root / "chairs").mkdir(), r"ModelNet40 holds a folder 'chairs'; expected .*airplane"),
        (lambda root: (root / "chair/train").rename(root / "chair/training"), r"chair/train is missing"),
        (lambda root: (root / "chair/train/bed_0001.off").write_text("OFF"), r"bed_0001\.off is out of place"),
        (lambda root: (root / "chair/train/notes.txt").write_text(""), r"notes\.txt is out of place"),
        (lambda root: [path.unlink() for path in (root / "chair/train").glob("*")], r"chair/train holds no \.off"),
    ],
)
def test_damaged_folders(off_tree, damage, told):
    root = off_tree()
    damage(root)
    with pytest.raises(DataError, match=told):
        modelnet40_files(root, "train", published=False)


def test_published_folders(off_tree, tmp_path):
    with pytest.raises(DataError, match="lacks 38 of ModelNet40's 40 classes: airplane"):
        modelnet40_files(off_tree(), "train")
    with pytest.raises(DataError, match="holds 42 models to test, the published set 2468"):
        modelnet40_files(off_tree(CLASSES, 1, 1), "test")
    with pytest.raises(DataError, match="holds no folders"):
        modelnet40_files(tmp_path / "nowhere", "test")
    with pytest.raises(UsageError, match="no class 'sofas'"):
        modelnet40_files(tmp_path, "test", classes=["sofas"])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("OFF4 4 0\n0 0 0\n1 0 0\n", "ends early: 2 lines of 4 vertices and 4 faces"),
        ("", "is empty"),
        ("ply\n", "does not begin with OFF"),
        ("OFF\nmany\n", "expected the numbers of vertices"),
        ("OFF\n", "expected the numbers of vertices"),
        ("OFF 3 1 0\n0 0 0\n1 0\n0 1 0\n3 0 1 2\n", "vertex 1 is b'1 0'"),
        ("OFF 3 1 0\n0 0 0\n1 0 x\n0 1 0\n3 0 1 2\n", "could not convert"),
        ("OFF 3 1 0\n0 0 0\n1 0 0\n0 1 0\n4 0 1 2\n", "face 0 is b'4 0 1 2', expected 4"),
        ("OFF 3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n", "vertex 7 of 3"),
    ],
)
def test_damaged_meshes(off_tree, content, told):
    file = modelnet40_files(off_tree(), "train", published=False)[0]
    file.path.write_text(content)
    with pytest.raises(DataError, match=told) as wrong:
        file.mesh()
    assert str(file.path) in str(wrong.value)
