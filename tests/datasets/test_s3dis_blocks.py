"""Blocks against a cut that is written out naively, and a raw tree that becomes an archive."""

from math import ceil

import h5py
import numpy as np
import pytest

from s2r_bench.data.s3dis.archive import BlockArchive
from s2r_bench.data.s3dis.blocks import EVALUATIONS, TRAIN, Cut, class_counts, cut_blocks, joined
from s2r_bench.data.s3dis.raw import raw_rooms, read_raw_room
from s2r_bench.data.s3dis.room import Room
from s2r_bench.errors import DataError

SMALL = Cut(points=64, least=20)


def room_of(points, name="Area_1_office_1", seed=0):
    rng = np.random.default_rng(seed)
    count = len(points)
    colours = rng.integers(0, 256, (count, 3)).astype(np.uint8)
    labels = rng.integers(0, 13, count).astype(np.uint8)
    return Room(name, np.asarray(points, float), colours, labels, np.zeros(count, np.int64))


@pytest.fixture
def room():
    rng = np.random.default_rng(1)
    thin = rng.uniform((0, 0, 0), (2.3, 1.9, 2.5), (300, 3))
    dense = rng.uniform((0.2, 0.2, 0), (0.6, 0.6, 1), (400, 3))
    corners = np.array([[2.3, 1.9, 2.5], [0, 0, 0]])
    return room_of(np.concatenate([thin, dense, corners]) + np.array([5.0, -7.0, 1.5]))


def naive_windows(room, cut):
    """Window by window, point by point."""
    points = room.points - room.points.min(0)
    size = points.max(0)
    for i in range(ceil((size[0] - cut.block) / cut.stride) + 1):
        for j in range(ceil((size[1] - cut.block) / cut.stride) + 1):
            x, y = i * cut.stride, j * cut.stride
            yield [k for k, (px, py, _) in enumerate(points) if x <= px <= x + cut.block and y <= py <= y + cut.block]


@pytest.mark.parametrize("stride", [0.5, 1.0])
def test_windows_and_channels_as_naively_cut(room, stride):
    cut = Cut(stride=stride, points=64, least=20)
    blocks = cut_blocks(room, cut, seed=3)
    windows = [window for window in naive_windows(room, cut) if len(window) >= cut.least]
    assert len(blocks) == len(windows)
    assert any(len(window) > 64 for window in windows)
    assert any(len(window) < 64 for window in windows)
    points = room.points - room.points.min(0)
    for data, labels, sources, window in zip(blocks.data, blocks.labels, blocks.sources, windows, strict=True):
        assert set(sources) <= set(window)
        if len(window) <= 64:
            assert set(sources) == set(window)  # all of them, and some again
        np.testing.assert_array_equal(labels, room.labels[sources])
        middle = points[sources, :2].min(0) + 0.5
        np.testing.assert_allclose(data[:, :2], points[sources, :2] - middle, atol=1e-6)
        np.testing.assert_allclose(data[:, 2], points[sources, 2], atol=1e-6)
        np.testing.assert_allclose(data[:, 3:6], room.colours[sources] / 255, atol=1e-6)
        np.testing.assert_allclose(data[:, 6:], points[sources] / points.max(0), atol=1e-6)
    assert set(blocks.rooms) == {room.name}
    assert blocks.data.dtype == np.float32


def test_more_points_than_a_block_takes_are_drawn_with_replacement(room):
    blocks = cut_blocks(room, SMALL)
    full = [
        sources for sources, window in zip(blocks.sources, naive_windows(room, SMALL), strict=True) if len(window) > 64
    ]
    assert any(len(set(sources)) < 64 for sources in full)


def test_both_edges_of_a_window_are_in_it():
    """Points on x = 1 are in the windows that start at 0, 0.5 and 1; a half-open window would lose one of them."""
    grid = [(x, y, z) for x in (0, 0.5, 1.0, 1.5, 2.0) for y in (0, 0.25, 1.0) for z in (0, 1)]
    blocks = cut_blocks(room_of(grid), Cut(points=64, least=1))
    held = [sorted({grid[k][0] for k in sources}) for sources in blocks.sources]
    assert held == [[0, 0.5, 1.0], [0.5, 1.0, 1.5], [1.0, 1.5, 2.0]]


def test_a_window_with_one_point_too_few_is_left_out():
    rng = np.random.default_rng(0)
    near, far = rng.uniform(0, 0.9, (100, 3)), rng.uniform((2.1, 0, 0), (3.0, 0.9, 0.9), (99, 3))
    cloud = np.concatenate([near, far])
    cloud[0], cloud[-1] = 0, (3.0, 0.9, 0.9)
    assert len(cut_blocks(room_of(cloud), Cut(stride=1.0, points=16))) == 1
    assert len(cut_blocks(room_of(cloud), Cut(stride=1.0, points=16, least=99))) == 2


def test_every_point_is_labelled_where_that_is_asked(room):
    blocks = cut_blocks(room, Cut(stride=1.0, points=64, least=1, every=True))
    assert set(blocks.sources.reshape(-1)) == set(range(len(room.points)))
    apart = cut_blocks(room, Cut(stride=1.0, points=64, least=1))
    assert set(apart.sources.reshape(-1)) != set(range(len(room.points)))
    assert EVALUATIONS["every-point"].every
    assert EVALUATIONS["archive"] == TRAIN == Cut(1.0, 0.5, 4096, 100)
    assert EVALUATIONS["apart"] == Cut(1.0, 1.0, 4096, 100)


def test_a_draw_depends_on_seed_and_names_alone(room):
    first, again, other = (
        cut_blocks(room, SMALL, seed=1),
        cut_blocks(room, SMALL, seed=1),
        cut_blocks(room, SMALL, seed=2),
    )
    np.testing.assert_array_equal(first.sources, again.sources)
    assert (first.sources != other.sources).any()
    fewer = cut_blocks(room, Cut(points=64, least=70), seed=1)  # windows between them fall out
    kept = [k for k, window in enumerate(naive_windows(room, SMALL)) if len(window) >= 70]
    assert 1 < len(kept) < len(first)
    np.testing.assert_array_equal(fewer.sources, first.sources[kept])


def test_rooms_that_cannot_be_cut():
    rng = np.random.default_rng(0)
    narrow = room_of(rng.uniform(0, (0.3, 3, 2), (500, 3)))
    assert len(cut_blocks(narrow, SMALL)) == 5
    with pytest.raises(DataError, match="Area_1_office_1 is flat"):
        cut_blocks(room_of(rng.uniform(0, (2, 2, 0), (500, 3))))
    with pytest.raises(DataError, match="no window of 1 m holds 100 of its 50 points"):
        cut_blocks(room_of(rng.uniform(0, 2, (50, 3))))
    with pytest.raises(ValueError, match="leaves gaps"):
        Cut(stride=1.5)


def test_from_text_files_to_an_archive_and_back(raw_tree, tmp_path):
    root, _ = raw_tree()
    rooms = [read_raw_room(folder) for folder in raw_rooms(root, areas=(1, 5), published=False).values()]
    cut = [cut_blocks(room, Cut(points=128)) for room in rooms]
    together = joined(cut)
    folder = tmp_path / "mine"
    folder.mkdir()
    with h5py.File(folder / "ply_data_all_0.h5", "w") as file:
        file["data"], file["label"] = together.data, together.labels
    (folder / "room_filelist.txt").write_text("\n".join(together.rooms))
    archive = BlockArchive(folder, points=128)
    back = archive.read(archive.of_areas([5]))
    np.testing.assert_array_equal(back.data, cut[1].data)
    np.testing.assert_array_equal(back.labels, cut[1].labels)
    np.testing.assert_array_equal(archive.class_counts(), class_counts(together.labels))
    assert class_counts(together.labels).sum(1).tolist() == [128] * len(together)
