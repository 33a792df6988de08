"""Images of single objects: projections against cameras, and the reader of the preprocessed layout on a small tree."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from s2r_bench.data.images import ObjectImage, read_images
from s2r_bench.errors import DataError
from s2r_bench.geometry.crop import ObjectFrame


def camera(dice: np.random.Generator, away: float = 3.0) -> np.ndarray:
    """A pose whose camera looks at the origin from `away`, turned about its axis."""
    turn, _ = np.linalg.qr(dice.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, -away * turn[:, 2]
    return pose


def test_a_camera_becomes_the_places_that_it_sees() -> None:
    dice = np.random.default_rng(0)
    frame = ObjectFrame(np.array([0.1, 0.4, -0.2]), 0.7)
    K, side = np.array([[90.0, 0, 33.0], [0, 80.0, 29.5], [0, 0, 1]]), 64
    pose = camera(dice)
    image = ObjectImage.seen("one", np.zeros((side, side, 3), np.uint8), K, pose, frame)
    for point in dice.uniform(-1, 1, (20, 3)):
        seen = np.linalg.inv(pose) @ [*(point * frame.half_extent + frame.centre), 1.0]
        column, row = (K @ seen[:3])[:2] / seen[2]
        x, y, depth, one = image.projection @ [*point, 1.0]
        assert depth == pytest.approx(seen[2])
        assert one == 1
        # pixel centres are integers, so the image reaches from -1/2 to side - 1/2
        assert x / depth == pytest.approx(2 * (column + 0.5) / side - 1)
        assert y / depth == pytest.approx(2 * (row + 0.5) / side - 1)


def test_images_are_square_and_projections_finite() -> None:
    with pytest.raises(ValueError, match=r"\(S, S, 3\) uint8"):
        ObjectImage("flat", np.zeros((4, 5, 3), np.uint8), np.eye(4))
    with pytest.raises(ValueError, match="finite"):
        ObjectImage("far", np.zeros((4, 4, 3), np.uint8), np.full((4, 4), np.inf))


@pytest.fixture
def category(tmp_path: Path) -> Path:
    """`other_data/arkit_chair` with one model of three images, and what is no image beside them."""
    folder, matrices = tmp_path / "6_images" / "chair_1", tmp_path / "8_proj_matrix" / "chair_1"
    folder.mkdir(parents=True)
    matrices.mkdir(parents=True)
    for number, name in enumerate(("10.jpg", "2.png", "30.png")):
        pixels = np.full((8, 8, 3), (10, 20, 200), np.uint8)  # OpenCV writes blue first
        cv2.imwrite(str(folder / name), pixels)
        away = 2 + number
        matrix = np.array([[100.0, 0, 112, 112 * away], [0, 100, 112, 112 * away], [0, 0, 1, away], [0, 0, 0, 0]])
        np.save(matrices / f"{name.split('.')[0]}.npy", matrix)
    (folder / "notes.txt").write_text("no image")
    return tmp_path


def test_the_preprocessed_layout_is_read_by_name(category: Path) -> None:
    found = read_images(category, "chair_1")
    assert [image.name for image in found] == ["10", "2", "30"]
    assert found[1].pixels[0, 0].tolist() == [200, 20, 10]  # red first
    # a point 2 in front of the camera of "10", 0.5 to the right: pixel 100 * 0.25 + 112 of 224
    x, _, depth, one = found[0].projection @ [0.5, 0, 0, 1]
    assert (depth, one) == (2.0, 1.0)
    assert x / depth == pytest.approx(2 * (137 + 0.5) / 224 - 1)
    listed = read_images(category, "chair_1", ["30.png", "10"])
    assert [image.name for image in listed] == ["30", "10"]
    assert read_images(category, "chair_2") == []


def test_what_is_missing_or_damaged_is_named(category: Path) -> None:
    with pytest.raises(DataError, match=r"99 is missing.*list of the split"):
        read_images(category, "chair_1", ["99.jpg"])
    matrix = category / "8_proj_matrix" / "chair_1" / "2.npy"
    np.save(matrix, np.eye(3))
    with pytest.raises(DataError, match=r"2\.npy should hold a finite \(4, 4\)"):
        read_images(category, "chair_1")
    matrix.unlink()
    with pytest.raises(DataError, match=r"2\.npy is missing or damaged"):
        read_images(category, "chair_1")
    folder = category / "6_images" / "chair_1"
    cv2.imwrite(str(folder / "10.jpg"), np.zeros((8, 9, 3), np.uint8))
    with pytest.raises(DataError, match=r"10\.jpg is 9 x 8: images are square"):
        read_images(category, "chair_1")
    for content in (b"", b"no image"):
        (folder / "10.jpg").write_bytes(content)
        with pytest.raises(DataError, match=r"10\.jpg is no image"):
            read_images(category, "chair_1")
