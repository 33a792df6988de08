"""ModelNet40, ScanObjectNN and S3DIS as downloads: checked, prepared, described; and every set out of its archive."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from lasa_tree import write_depth_set, write_raw, zipped
from paper_home import write_abo, write_future, write_modelnet, write_rooms, write_scans, write_shapenet
from rgbd_trees import write_arkitscenes, write_bop

from s2r_bench.cad import read_models
from s2r_bench.cad.published import USUAL_M
from s2r_bench.data.catalogue import find
from s2r_bench.data.describe import described
from s2r_bench.data.prepare import prepare
from s2r_bench.data.s3dis.pointcept import read_pointcept_room
from s2r_bench.data.s3dis.raw import read_raw_room
from s2r_bench.data.scanobjectnn import read_scanobjectnn
from s2r_bench.data.sets import SETS
from s2r_bench.errors import DataError
from s2r_bench.files import sha256
from s2r_bench.steps.needs import is_here

WRITERS = {
    "modelnet40": write_modelnet,
    "scanobjectnn": write_scans,
    "s3dis": write_rooms,
    "arkitscenes": write_arkitscenes,
    "bop": lambda root: write_bop(root, poses=True),
    "abo": write_abo,
    "shapenet": write_shapenet,
    "3d-future": write_future,
}


def archive(folder: Path, path: Path) -> Path:
    """A zip or tar of what is in the folder."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as one:
            for file in files:
                one.write(file, file.relative_to(folder))
    else:
        with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as one:
            for file in files:
                one.add(file, str(file.relative_to(folder)))
    return path


def contents(folder: Path) -> dict[str, str]:
    return {file.relative_to(folder).as_posix(): sha256(file) for file in folder.rglob("*") if file.is_file()}


def errors(name: str, source: Path, home: Path | None = None):
    return [finding for finding in SETS[name].check(source, home) if finding.severity == "error"]


# each set out of archives


@pytest.mark.parametrize(
    ("name", "ending"), [(name, end) for name in WRITERS for end in (".zip", ".tgz") if name != "arkitscenes"]
)
def test_an_archive_gives_what_its_folder_gives(tmp_path, name, ending) -> None:
    source = WRITERS[name](tmp_path / "source")
    packed = archive(source, tmp_path / f"source{ending}")
    assert errors(name, packed, tmp_path) == []
    prepare(name, source, tmp_path, out=tmp_path / "of-folder")
    prepare(name, packed, tmp_path, out=tmp_path / "of-archive")
    assert contents(tmp_path / "of-archive") == contents(tmp_path / "of-folder")
    kept = tmp_path / "unpacked"
    assert not kept.exists() or not any(path.is_file() for path in kept.glob("*/source/**/*"))


def test_parts_of_a_set_in_several_archives(tmp_path) -> None:
    source, parts = write_bop(tmp_path / "toy", poses=True), tmp_path / "parts"
    parts.mkdir()
    for name in ("models", "test", "train_real"):
        with zipfile.ZipFile(parts / f"toy_{name}.zip", "w") as one:
            for file in sorted((source / name).rglob("*.*")):
                one.write(file, file.relative_to(source))
    assert errors("bop", parts, tmp_path) == []
    assert prepare("bop", parts, tmp_path)["pairs"] == 12
    tars = tmp_path / "tars"
    tars.mkdir()
    abo = write_abo(tmp_path / "abo")
    for name in ("3dmodels", "listings"):
        with tarfile.open(tars / f"abo-{name}.tar", "w") as one:
            one.add(abo / name, name)
    assert prepare("abo", tars, tmp_path)["models"] == 2


@pytest.mark.parametrize("name", ["modelnet40", "scanobjectnn", "s3dis", "arkitscenes", "bop"])
def test_damage_within_an_archive_is_told_by_the_archive_and_the_name_in_it(tmp_path, name) -> None:
    root = WRITERS[name](tmp_path / "source")
    if name == "bop":
        victim = root / "models" / "obj_000005.ply"
    else:
        victim = next(file for file in sorted(root.rglob("*")) if file.suffix in (".off", ".h5", ".txt", ".ply"))
    victim.write_bytes(b"")
    packed = archive(root, tmp_path / "source.zip")
    (wrong,) = errors(name, packed, tmp_path)
    assert wrong.file == f"{packed}/{victim.relative_to(root).as_posix()}"
    assert "empty" in wrong.message or "0 bytes" in wrong.message
    if SETS[name].kind != "cad":  # a model that cannot be read is left out
        with pytest.raises(DataError, match=victim.name):
            prepare(name, packed, tmp_path)


def test_damaged_archives_and_names_that_lead_out(tmp_path) -> None:
    packed = archive(write_scans(tmp_path / "source"), tmp_path / "h5_files.zip")
    packed.write_bytes(packed.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"h5_files\.zip is a damaged archive"):
        SETS["scanobjectnn"].check(packed, tmp_path)
    with pytest.raises(DataError, match="no folder and no archive"):
        SETS["s3dis"].check(Path(__file__), tmp_path)
    with pytest.raises(DataError, match="there is nothing at"):
        SETS["s3dis"].check(tmp_path / "nowhere", tmp_path)
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as one:
        one.writestr("../../out.txt", "x")
    with pytest.raises(DataError, match="leads out of it"):
        SETS["s3dis"].check(tmp_path / "bad.zip", tmp_path)
    assert not (tmp_path / "out.txt").exists()


# ModelNet40


def test_modelnet40_becomes_a_corpus_of_usual_sizes(tmp_path) -> None:
    root = write_modelnet(tmp_path / "source")
    done = prepare("modelnet40", root, tmp_path)
    assert (done["models"], done["categories"]["chair"], done["left_out"]) == (8, 4, {})
    raw = {one.id: one for one in read_models(root).models}
    for one in read_models(tmp_path / "data" / "modelnet40").models:
        assert np.ptp(one.mesh.bounds, axis=0).max() == pytest.approx(USUAL_M[one.category], rel=1e-5)
        same = raw[one.id.partition("_")[2]]
        np.testing.assert_allclose(one.mesh.bounds, same.mesh.bounds, atol=1e-6)
        assert same.source == "ModelNet40"
    assert SETS["modelnet40"].check_prepared(tmp_path / "data" / "modelnet40") == []
    document, lines = described(tmp_path / "data" / "modelnet40")
    assert document["categories"] == {"chair": 4, "table": 4}
    assert "median longest side 0.95 m" in lines[1]


MODELNET = [
    ("chair/train/chair_0002.off", Path.unlink, "it is missing, by the numbers"),
    ("chair/train/chair_0001.off", lambda path: path.write_text(""), "empty (0 bytes)"),
    ("table/train/table_0001.off", lambda path: path.write_text(path.read_text()[:60]), "ends early"),
    ("table/train/table_0001.off", lambda path: path.write_text("OFF\n3 1 0\n0 0\n"), "cannot be read as OFF"),
    ("table/train/notes.txt", lambda path: path.write_text("x"), "is out of place"),
    ("table/test", lambda path: path.rename(path.with_name("tests")), "is missing"),
]


@pytest.mark.parametrize(("file", "harm", "said"), MODELNET)
def test_damage_of_modelnet40_is_found_and_named(tmp_path, file, harm, said) -> None:
    root = write_modelnet(tmp_path / "source")
    harm(root / "ModelNet40" / file)
    (wrong,) = errors("modelnet40", root)
    assert wrong.file == str(root / "ModelNet40" / file)
    assert said in wrong.message


def test_counts_of_modelnet40_and_a_damaged_corpus(tmp_path) -> None:
    root = write_modelnet(tmp_path / "source")
    said = [str(one) for one in SETS["modelnet40"].check(root)]
    assert len(said) == 2
    assert all(one.startswith("warning") and "the published set" in one for one in said)
    prepare("modelnet40", root, tmp_path)
    place = tmp_path / "data" / "modelnet40"
    files = sorted((place / "chair").glob("*.npz"))
    files[0].unlink()
    files[1].write_bytes(b"")
    np.savez(files[2], V=np.eye(3) * 100, F=np.array([[0, 1, 2]]))
    (place / "chair" / "stray.npz").write_bytes(b"")
    found = {Path(one.file).name: one.message for one in SETS["modelnet40"].check_prepared(place)}
    assert "missing" in found[files[0].name]
    assert "empty" in found[files[1].name]
    assert "no furniture in metres" in found[files[2].name]
    assert "does not name it" in found["stray.npz"]
    with pytest.raises(DataError, match="https://modelnet"):
        prepare("modelnet40", tmp_path / "data", tmp_path / "other")


# ScanObjectNN


def test_scanobjectnn_has_a_place_of_its_own(tmp_path) -> None:
    root = write_scans(tmp_path / "source")
    done = prepare("scanobjectnn", root, tmp_path)
    assert done["variants"] == {"obj_bg": {"train": 60, "test": 30}}
    place = tmp_path / "data" / "scanobjectnn"
    assert read_scanobjectnn(place, published=False).digest == read_scanobjectnn(root, published=False).digest
    document, _ = described(place)
    assert document["variants"]["obj_bg"]["points"] == 40
    assert document["variants"]["obj_bg"]["classes_train_test"]["bed"] == [4, 2]
    warned = [str(one) for one in SETS["scanobjectnn"].check_prepared(place)]
    assert any("holds 60 objects, the published file 2309" in one for one in warned)
    with pytest.raises(DataError, match="already"):
        prepare("scanobjectnn", root, tmp_path)


def _arrays(path: Path, **changes) -> None:
    import h5py

    with h5py.File(path, "r+") as file:
        for name, change in changes.items():
            value = file[name][()]
            del file[name]
            if change is not None:
                file[name] = change(value)


SCANS = [
    ("training", Path.unlink, "is missing"),
    ("training", lambda path: path.write_bytes(path.read_bytes()[:-3000]), "cannot be read as HDF5"),
    ("test", lambda path: _arrays(path, label=lambda a: a[:-1]), "different length"),
    ("test", lambda path: _arrays(path, mask=None), "no array 'mask'"),
    ("test", lambda path: _arrays(path, data=lambda a: a * np.nan), "NaN"),
    ("test", lambda path: _arrays(path, data=lambda a: a[:, :, :2]), "expected floating point"),
    ("test", lambda path: _arrays(path, data=lambda a: a * 100), "neither metres nor a unit sphere"),
]


@pytest.mark.parametrize(("split", "harm", "said"), SCANS)
def test_damage_of_scanobjectnn_is_found_and_named(tmp_path, split, harm, said) -> None:
    root = write_scans(tmp_path / "source")
    path = root / "h5_files" / "main_split" / f"{split}_objectdataset.h5"
    harm(path)
    (wrong,) = errors("scanobjectnn", root)
    assert wrong.file == str(path)
    assert said in wrong.message
    with pytest.raises(DataError, match=path.name):
        prepare("scanobjectnn", root, tmp_path)
    assert not (tmp_path / "data" / "scanobjectnn" / "h5_files").exists()


# S3DIS


def test_rooms_of_text_become_arrays_of_the_same_points(tmp_path) -> None:
    root = write_rooms(tmp_path / "source")
    chair = root / "Area_2/office_1/Annotations/chair_1.txt"
    _, rest = chair.read_bytes().split(b"\n", 1)
    chair.write_bytes(b"1.000 0.500 0.250 185\x00187 188\n" + rest)  # as it was given out
    done = prepare("s3dis", root, tmp_path)
    assert (done["layout"], done["rooms"]) == ("pointcept", {"Area_1": 1, "Area_2": 1, "Area_3": 1})
    assert len(done["notes"]) == 1
    assert done["notes"][0].startswith("Area_2/office_1/Annotations/chair_1.txt, line 1: ")
    place = tmp_path / "data" / "s3dis"
    for area in (1, 2, 3):
        before, after = (
            read(folder / f"Area_{area}/office_1")
            for read, folder in ((read_raw_room, root), (read_pointcept_room, place))
        )
        np.testing.assert_allclose(after.points, before.points, atol=1e-5)
        for name in ("colours", "labels", "instances"):
            np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    document, _ = described(place)
    assert (document["layout"], document["points"]) == ("pointcept", 1200)
    assert json.loads((place / "contents.json").read_text())["notes"] == done["notes"]
    assert [one.severity for one in SETS["s3dis"].check_prepared(place)] == ["warning"] * 6  # of 272 rooms


def test_other_layouts_of_s3dis_keep_theirs(tmp_path, pointcept_tree, archive_tree) -> None:
    arrays = pointcept_tree()
    assert prepare("s3dis", arrays, tmp_path, out=tmp_path / "a")["rooms"] == {"Area_1": 1, "Area_2": 1}
    coord = "Area_1/office_1/coord.npy"
    assert sha256(tmp_path / "a" / coord) == sha256(arrays / coord)
    blocks = archive_tree()
    done = prepare("s3dis", blocks, tmp_path, out=tmp_path / "b")
    assert (done["layout"], done["blocks"]) == ("archive", 13)
    assert described(tmp_path / "b")[0]["rooms"] == described(blocks)[0]["rooms"]


ROOMS = [
    ("Area_1/office_1/Annotations/chair_1.txt", lambda path: path.write_bytes(b""), "empty (0 bytes)"),
    ("Area_1/office_1/Annotations/chair_1.txt", lambda path: path.write_text("1 2 3 4 5\n"), "line 1"),
    ("Area_2/office_1/Annotations/chair_1.txt", lambda path: path.write_text("1 2 x 4 5 6\n"), "line 1"),
    ("Area_2/office_1", lambda path: (path / "Annotations").rename(path / "notes"), "no folder Annotations"),
    ("Area_3/office_1", lambda path: [_scaled(file) for file in path.rglob("*.txt")], "no room in metres"),
]


def _scaled(path: Path) -> None:
    rows = np.loadtxt(path)
    rows[:, :3] *= 1000
    np.savetxt(path, rows, fmt="%.3f %.3f %.3f %d %d %d")


@pytest.mark.parametrize(("file", "harm", "said"), ROOMS)
def test_damage_of_rooms_is_found_and_named(tmp_path, file, harm, said) -> None:
    root = write_rooms(tmp_path / "source")
    harm(root / file)
    (wrong,) = errors("s3dis", root)
    assert wrong.file == str(root / file)
    assert said in wrong.message
    with pytest.raises(DataError, match=Path(file).name):
        prepare("s3dis", root, tmp_path)


def test_damage_of_arrays_and_blocks_is_found_and_named(tmp_path, pointcept_tree, archive_tree) -> None:
    arrays, blocks = pointcept_tree(), archive_tree()
    np.save(arrays / "Area_2/office_1/segment.npy", np.full(500, 13))
    (wrong,) = errors("s3dis", arrays)
    assert (Path(wrong.file).name, "expected labels" in wrong.message) == ("segment.npy", True)
    path = blocks / "ply_data_all_2.h5"
    path.write_bytes(path.read_bytes()[:-500])
    (wrong,) = errors("s3dis", blocks)
    assert wrong.file == str(path)


# broken off


SLOW = """
import sys, time
from pathlib import Path
from s2r_bench.data.prepare import prepare
def wait(stage, done, total):
    print(stage, done, flush=True)
    time.sleep(30)
import {module} as module
module.{chunk} = 1
prepare("{name}", Path(sys.argv[1]), Path(sys.argv[2]), progress=wait)
"""
KILLED = {
    "modelnet40": ("s2r_bench.cad.prepared", "CHUNK"),
    "s3dis": ("s2r_bench.data.s3dis.whole", "CHUNK"),
    "bop": ("s2r_bench.data.pairing", "AT_ONCE"),
}


@pytest.mark.parametrize("name", KILLED)
def test_a_killed_preparation_goes_on_and_ends_in_the_same_files(tmp_path, name) -> None:
    source = WRITERS[name](tmp_path / "source")
    module, chunk = KILLED[name]
    code = SLOW.format(module=module, chunk=chunk, name=name)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(source), str(tmp_path / "killed")],
        stdout=subprocess.PIPE,
        env={**os.environ, "S2R_WORKERS": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline().split()[-1] == b"1"
    process.send_signal(signal.SIGKILL)
    process.wait()
    out = tmp_path / "killed" / "data" / name
    half = {path: path.stat().st_mtime_ns for path in out.rglob("*.np[yz]")} | {
        path: path.stat().st_mtime_ns for path in out.rglob("*.png")
    }
    assert half
    assert (out / ".work").is_dir()
    known = find(name)
    assert known is not None
    assert not is_here(known, out)
    time.sleep(0.02)
    prepare(name, source, tmp_path / "killed")
    assert {path: path.stat().st_mtime_ns for path in half} == half  # what was whole was not written again
    prepare(name, source, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole" / "data" / name)
    assert is_here(known, out)


# LASA's other halves


def test_lasa_out_of_an_archive_is_told_by_names_within(tmp_path) -> None:
    root = write_depth_set(tmp_path / "dataset")
    victim = root / "lasa_depth" / "41418162" / "10_scan.png"
    victim.write_bytes(victim.read_bytes()[:-40])
    packed = zipped(root, tmp_path / "lasa.zip")
    (wrong,) = errors("lasa", packed)
    assert wrong.file.endswith("lasa_depth/41418162/10_scan.png")
    raw = write_raw(tmp_path / "raw")
    (raw / "41418162" / "41418162_bbox.npy").write_bytes(b"")
    (wrong,) = errors("lasa", zipped(raw, tmp_path / "raw.zip"))
    assert wrong.file.endswith("41418162_bbox.npy")
