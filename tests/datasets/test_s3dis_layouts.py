"""S3DIS in its three layouts, with the damage that its files are known to have, and with damage that they may get."""

import pickle

import numpy as np
import pytest

from s2r_bench.data.s3dis.archive import BlockArchive
from s2r_bench.data.s3dis.classes import AREAS, CLASSES, FOLDS, ROOMS, area_of
from s2r_bench.data.s3dis.pointcept import pointcept_rooms, read_pointcept_room
from s2r_bench.data.s3dis.raw import raw_rooms, read_raw_room
from s2r_bench.data.s3dis.text import read_rows
from s2r_bench.errors import DataError


def test_classes_areas_and_folds():
    assert CLASSES[7:11] == ("table", "chair", "sofa", "bookcase")
    assert sum(ROOMS.values()) == 272
    assert [fold.test for fold in FOLDS] == [1, 2, 3, 4, 5, 6]
    assert all({fold.test, *fold.train} == set(AREAS) and fold.test not in fold.train for fold in FOLDS)
    with pytest.raises(DataError, match="'Area_12_x' is no room"):
        area_of("Area_12_x")


# bytes as they were reported of the published files, with what they stand for
KNOWN = [
    (b"23.348 9.034 3.062 185\x00187 188", [23.348, 9.034, 3.062, 185, 187, 188]),
    (b"-9.843 9.034 3.062 100 101 103.0\x100000", [-9.843, 9.034, 3.062, 100, 101, 103]),
    (b"1.000 -9.1\x160 3.062 1 2 3", [1, -9.160, 3.062, 1, 2, 3]),
    (b"1.000 9.100 3.062 1 2 167.\x1000000", [1, 9.1, 3.062, 1, 2, 167]),
    (b"1.000 9\x0e100 3.062 1 2 3", [1, 9.1, 3.062, 1, 2, 3]),  # a point, a minus: the same bit
    (b"1.000 \r9.100 3.062 1 2 3", [1, -9.1, 3.062, 1, 2, 3]),
    (b"1.000 9.100 3.062\x01\x01 1 2 3", [1, 9.1, 3.062, 1, 2, 3]),  # with that bit no number: left out
    (b"1.000 9.100 3.062\x011 2 3", [1, 9.1, 3.062, 1, 2, 3]),  # left out no row: a space
]


@pytest.mark.parametrize(("line", "row"), KNOWN)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_known_bad_bytes_are_mended_and_told(tmp_path, line, row, end):
    path = tmp_path / "ceiling_1.txt"
    path.write_bytes(end.join([b"1 2 3 4 5 6", line, b"1 2 3 4 5 7", b""]))
    table, notes = read_rows(path)
    np.testing.assert_array_equal(table, [[1, 2, 3, 4, 5, 6], row, [1, 2, 3, 4, 5, 7]])
    assert len(notes) == 1
    assert notes[0].startswith(f"{path}, line 2: ")


@pytest.mark.parametrize(
    "line",
    [
        b"1 2 3 4 5",
        b"1 2 3 4 5 6 7",
        b"1 2 3 4 5 256",
        b"1 2 3 -1 5 6",
        b"1 nan 3 4 5 6",
        b"1 1e999 3 4 5 6",
        b"1 2 3 4 5 x",
        b"1 2 3 4 5 6\xff",
        b"1.2.3 2 3 4 5 6",
        b"1 2 3 4\x00\x00 5",
    ],
)
def test_other_lines_are_refused_by_file_and_line(tmp_path, line):
    path = tmp_path / "chair_1.txt"
    path.write_bytes(b"1 2 3 4 5 6\n\n1 2 3 4 5 6\n" + line + b"\n1 2 3 4 5 6\n")
    with pytest.raises(DataError, match=r"chair_1\.txt, line 4: .*expected x y z and r g b"):
        read_rows(path)


def test_files_without_points(tmp_path):
    path = tmp_path / "chair_1.txt"
    with pytest.raises(DataError, match=r"chair_1\.txt is missing"):
        read_rows(path)
    path.write_bytes(b" \n")
    with pytest.raises(DataError, match=r"chair_1\.txt holds no points"):
        read_rows(path)


def test_a_raw_room(raw_tree):
    root, tables = raw_tree()
    bad = root / "Area_5/hallway_6/Annotations/ceiling_1.txt"
    lines = bad.read_bytes().split(b"\n")
    wanted = lines[7]
    lines[7] = wanted[: wanted.rindex(b" ")] + b"\0" + wanted[wanted.rindex(b" ") + 1 :]
    bad.write_bytes(b"\n".join(lines))
    rooms = raw_rooms(root.parent, areas=(1, 5), published=False)
    assert list(rooms) == ["Area_1_hallway_6", "Area_5_hallway_6"]
    room = read_raw_room(rooms["Area_5_hallway_6"])
    assert (room.name, room.area) == ("Area_5_hallway_6", 5)
    names = ["ceiling_1", "chair_1", "chair_2", "floor_1", "stairs_1"]
    together = np.concatenate([tables[5, name] for name in names])
    np.testing.assert_allclose(room.points, together[:, :3], atol=1e-9)
    np.testing.assert_array_equal(room.colours, together[:, 3:])
    assert [CLASSES[label] for label in room.labels[::400]] == ["ceiling", "chair", "chair", "floor", "clutter"]
    assert room.instances[::400].tolist() == [0, 1, 2, 3, 4]
    assert len(room.notes) == 2
    assert f"{bad}, line 8" in room.notes[0]
    assert "stairs_1.txt: 'stairs' is none of the 13 classes and was read as clutter" in room.notes[1]
    assert len(read_raw_room(rooms["Area_1_hallway_6"]).notes) == 1


def test_raw_folders(raw_tree, tmp_path):
    root, _ = raw_tree()
    with pytest.raises(DataError, match=r"Area_1 holds 1 rooms, the published area 44"):
        raw_rooms(root, areas=(1, 5))
    with pytest.raises(DataError, match=r"Area_2 is missing"):
        raw_rooms(root, published=False)
    for path in (root / "Area_1/hallway_6/Annotations").glob("*.txt"):
        path.unlink()
    with pytest.raises(DataError, match=r"hallway_6/Annotations holds no text files"):
        read_raw_room(root / "Area_1/hallway_6")
    (root / "Area_5/hallway_6/Annotations").rename(root / "Area_5/hallway_6/annotations_")
    with pytest.raises(DataError, match=r"hallway_6 has no folder Annotations"):
        raw_rooms(root, areas=(1, 5), published=False)
    (tmp_path / "empty/Area_1").mkdir(parents=True)
    with pytest.raises(DataError, match=r"Area_1 holds no rooms"):
        raw_rooms(tmp_path / "empty", areas=(1,), published=False)


@pytest.mark.parametrize("column", [True, False])
def test_a_pointcept_room(pointcept_tree, column):
    rooms = pointcept_rooms(pointcept_tree(column), areas=(1, 2), published=False)
    assert list(rooms) == ["Area_1_office_1", "Area_2_office_1"]
    room = read_pointcept_room(rooms["Area_2_office_1"])
    np.testing.assert_array_equal(room.points.astype(np.float32), np.load(rooms["Area_2_office_1"] / "coord.npy"))
    np.testing.assert_array_equal(room.colours, np.load(rooms["Area_2_office_1"] / "color.npy"))
    np.testing.assert_array_equal(room.labels, np.arange(500) % 13)
    assert room.notes == ()


def _saved(name, change):
    def damage(folder):
        np.save(folder / f"{name}.npy", change(np.load(folder / f"{name}.npy")))

    return damage


def _with(array, at, value):
    array[at] = value
    return array


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: (folder / "color.npy").unlink(), r"color\.npy is missing"),
        (lambda folder: (folder / "color.npy").write_bytes(b""), r"color\.npy cannot be read"),
        (lambda folder: (folder / "color.npy").write_bytes(pickle.dumps([1])), r"color\.npy cannot be read"),
        (lambda folder: np.save(folder / "color.npy", np.array([{}])), r"color\.npy cannot be read"),
        (_saved("color", lambda a: a[:-1]), r"color\.npy is uint8 \(499, 3\); coord\.npy has 500 points"),
        (_saved("color", lambda a: a.astype(np.float32) * 2), r"color\.npy holds .*expected 0 to 255"),
        (_saved("coord", lambda a: a[:, :2]), r"coord\.npy is float32 \(500, 2\)"),
        (_saved("coord", lambda a: _with(a, (3, 0), np.inf)), r"coord\.npy holds NaN or infinite"),
        (_saved("segment", lambda a: _with(a, 9, 13)), r"segment\.npy holds 0 to 13, expected labels 0 to 12"),
        (_saved("segment", lambda a: _with(a, 9, -1)), r"segment\.npy holds -1 to 12"),
        (_saved("segment", lambda a: a.astype(np.float32)), r"segment\.npy is float32"),
        (_saved("instance", lambda a: np.zeros((500, 2), int)), r"instance\.npy is int64 \(500, 2\)"),
    ],
)
def test_damaged_pointcept_rooms(pointcept_tree, damage, told):
    folder = pointcept_tree() / "Area_1/office_1"
    damage(folder)
    with pytest.raises(DataError, match=told):
        read_pointcept_room(folder)


def test_pointcept_folders(pointcept_tree):
    root = pointcept_tree()
    with pytest.raises(DataError, match=r"Area_1 holds 1 rooms, the published area 44"):
        pointcept_rooms(root, areas=(1,))
    (root / "Area_2/office_1/segment.npy").unlink()
    with pytest.raises(DataError, match=r"office_1 lacks segment\.npy"):
        pointcept_rooms(root, areas=(1, 2), published=False)


def test_the_archive(archive_tree):
    folder = archive_tree()
    archive = BlockArchive(folder.parent, points=8)
    assert len(archive) == 13
    assert archive.rooms[:2] == ("Area_1_hallway_1", "Area_1_hallway_2")
    np.testing.assert_array_equal(np.sort(np.concatenate([archive.of_areas([a]) for a in AREAS])), np.arange(13))
    wanted = [12, 0, 6, 5, 4]
    blocks = archive.read(wanted)
    assert blocks.data[:, 0, 0].tolist() == wanted
    assert blocks.labels[:, 0].tolist() == [k % 13 for k in wanted]
    assert blocks.rooms == tuple(archive.rooms[k] for k in wanted)
    everything = archive.read(range(13))
    brute = [[int((row == label).sum()) for label in range(13)] for row in everything.labels]
    assert archive.class_counts().tolist() == brute
    assert len(archive.read([])) == 0
    with pytest.raises(IndexError):
        archive.read([13])


def test_without_its_listing_the_files_go_by_number(archive_tree):
    counts = (1,) * 12
    archive = BlockArchive(archive_tree(counts, listing=False), points=8)
    assert archive.read(range(12)).data[:, 0, 0].tolist() == list(range(12))  # 2 before 10


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: (folder / "ply_data_all_1.h5").unlink(), r"ply_data_all_1\.h5 is missing"),
        (lambda folder: (folder / "room_filelist.txt").unlink(), r"room_filelist\.txt is missing"),
        (
            lambda folder: (folder / "room_filelist.txt").write_text("Area_1_x\n"),
            r"room_filelist\.txt names 1 rooms for the 13 blocks of 3 files",
        ),
        (
            lambda folder: (folder / "room_filelist.txt").write_text("hall\n" * 13),
            r"room_filelist\.txt: 'hall' is no room of S3DIS",
        ),
        (lambda folder: (folder / "ply_data_all_2.h5").write_bytes(b"x"), r"ply_data_all_2\.h5 cannot be read as HDF5"),
        (lambda folder: (folder / "all_files.txt").write_text(""), r"all_files\.txt holds no lines"),
    ],
)
def test_damaged_archives(archive_tree, damage, told):
    folder = archive_tree()
    damage(folder)
    with pytest.raises(DataError, match=told):
        BlockArchive(folder, points=8)


def test_damaged_blocks(archive_tree, h5, tmp_path):
    folder = archive_tree()
    with pytest.raises(DataError, match=r"ply_data_all_0\.h5: 'data' is .*expected .*\(N, 4096, 9\)"):
        BlockArchive(folder)
    (folder / "all_files.txt").unlink()
    (folder / "ply_data_all_1.h5").rename(folder / "ply_data_all_4.h5")
    with pytest.raises(DataError, match=r"ply_data_all_1\.h5 is missing; there are files up to 4"):
        BlockArchive(folder, points=8)
    with pytest.raises(DataError, match=r"holds no all_files\.txt and no ply_data_all_0"):
        BlockArchive(tmp_path / "nowhere")
    (folder / "ply_data_all_4.h5").rename(folder / "ply_data_all_1.h5")
    labels = np.zeros((3, 8), np.uint8)
    h5(folder / "ply_data_all_2.h5", data=np.zeros((3, 8, 9), np.float32), label=_with(labels, (1, 1), 13))
    archive = BlockArchive(folder, points=8)
    assert archive.read([0]).rooms == ("Area_1_hallway_1",)
    with pytest.raises(DataError, match=r"ply_data_all_2\.h5: 'label' holds 13"):
        archive.read([12])
    with pytest.raises(DataError, match=r"ply_data_all_2\.h5: 'label' holds 13"):
        archive.class_counts()
