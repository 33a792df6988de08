"""ModelNet40's HDF5 files as a corpus: models from clouds with normals, damage, the world that takes it."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from s2r_bench.cad import read_models
from s2r_bench.cad.frame import longest_side
from s2r_bench.cad.modelnet40 import CLASSES
from s2r_bench.errors import DataError
from s2r_bench.geometry.surface import face_normals, sample_faces
from s2r_bench.types import Mesh
from s2r_bench.worlds import open_world

KINDS = ("chair", "bed", "vase")
POINTS = 512


def tower(height: float) -> Mesh:
    """A box on the unit square, y up."""
    import trimesh

    made = trimesh.creation.box(extents=(0.5, height, 0.5))
    return Mesh(np.asarray(made.vertices, np.float64), np.asarray(made.faces, np.int64))


def write(root: Path, points: int = POINTS, normals: bool = True) -> Path:
    """`modelnet40_ply_hdf5_2048` with two files to train on and one to test, a tower of each kind in each."""
    folder = root / "modelnet40_ply_hdf5_2048"
    folder.mkdir(parents=True)
    for seed, part in enumerate(("train0", "train1", "test0")):
        clouds, sides = [], []
        for number in range(len(KINDS)):
            mesh = tower(1.0 + 0.2 * number)
            sampled, faces = sample_faces(mesh, points, 10 * seed + number)
            clouds.append(sampled)
            sides.append(face_normals(mesh)[faces])
        with h5py.File(folder / f"ply_data_{part}.h5", "w") as file:
            file["data"] = np.stack(clouds).astype(np.float32)
            file["label"] = np.array([[CLASSES.index(kind)] for kind in KINDS], np.uint8)
            if normals:
                file["normal"] = np.stack(sides).astype(np.float32)
    (folder / "shape_names.txt").write_text("\n".join(CLASSES) + "\n")
    for split, parts in (("train", ("train0", "train1")), ("test", ("test0",))):
        lines = [f"data/modelnet40_ply_hdf5_2048/ply_data_{part}.h5" for part in parts]
        (folder / f"{split}_files.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("above", [True, False])
def test_clouds_become_models(tmp_path: Path, above: bool) -> None:
    folder = write(tmp_path)
    corpus = read_models(tmp_path if above else folder)
    assert corpus.failures == ()
    assert [model.id for model in corpus.models[:4]] == [
        "chair_train0_0000",
        "bed_train0_0001",
        "vase_train0_0002",
        "chair_train1_0000",
    ]
    assert corpus.counts() == {"chair": 3, "bed": 3, "other": 3}
    chair, bed, vase = corpus.models[:3]
    assert [longest_side(model.mesh) for model in (chair, bed, vase)] == pytest.approx([0.95, 2.1, 1.0])
    low, high = chair.mesh.bounds
    assert low[1] == pytest.approx(0, abs=1e-9)
    assert high[1] == pytest.approx(0.95)  # it stands up: y is up in the files
    # as wide as half of its height, but for the ends of surfels
    assert (high - low)[[0, 2]] == pytest.approx([0.475, 0.475], abs=0.06)
    again = read_models(folder).models[4]
    np.testing.assert_array_equal(again.mesh.vertices, corpus.models[4].mesh.vertices)


def test_only_what_is_asked_for_is_made(tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert len(read_models(folder, categories=["bed"]).models) == 3
    assert len(read_models(folder, limit=2).models) == 2


def test_damaged_files_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train0\.h5 has no array 'normal'.*made a surface by its normals"):
        read_models(write(tmp_path / "bare", normals=False))
    folder = write(tmp_path)
    with h5py.File(folder / "ply_data_train0.h5", "r+") as file:
        file["normal"][1] = 0
    found = read_models(folder)
    assert [failure.id for failure in found.failures] == ["bed_train0_0001"]
    assert found.failures[0].reason.endswith(
        "ply_data_train0.h5, row 1: 0 of 512 points have a normal; 12 make a surface"
    )
    (folder / "ply_data_test0.h5").unlink()
    with pytest.raises(DataError, match=r"ply_data_test0\.h5 is missing"):
        read_models(folder)
    (folder / "test_files.txt").unlink()
    with pytest.raises(DataError, match=r"test_files\.txt is missing"):
        read_models(folder)


def test_the_mini_world_sees_them(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", points=2048)
    options = {"corpus.path": str(folder), "corpus.side": 1.0}
    world = open_world("mini", preset="smoke", home=tmp_path / "home", options=options)
    models = world.objects("corpus")  # type: ignore[attr-defined]
    assert len(models) == 9
    assert [longest_side(model.mesh) for model in models] == pytest.approx([1.0] * 9)
    frame = world.object_views(models[0], 1, 0)[0]  # type: ignore[attr-defined]
    assert (frame.depth > 0).mean() > 0.5
